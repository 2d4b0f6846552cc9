from __future__ import annotations

import pytest

from gistill.ingest.turns import Mark, mark, speakers


def opening(line: str) -> tuple[str | None, str, str | None] | None:
    found = mark(line, 0, len(line))
    if found is None:
        return None
    return found.name, line[found.start :], found.clock or found.iso or found.slashed


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Anna: hi", ("Anna", "hi", None)),
        ("  Dr. Anna O'Neil-Smith (Host) : hi", ("Dr. Anna O'Neil-Smith (Host)", "hi", None)),
        ("Ms. Lee (Minister of Trade): hi", ("Ms. Lee (Minister of Trade)", "hi", None)),
        ("**Anna:** hi", ("Anna", "hi", None)),
        ("**Anna**: hi", ("Anna", "hi", None)),
        ("[00:01:02] Anna: hi", ("Anna", "hi", "00:01:02")),
        ("(1:02) Anna: hi", ("Anna", "hi", "1:02")),
        ("00:01:02 Anna: hi", ("Anna", "hi", "00:01:02")),
        ("[00:01:02.500 --> 00:01:04.000]  hello", (None, "hello", "00:01:02.500")),
        ("Anna (00:01:02): hi", ("Anna", "hi", "00:01:02")),
        ("Anna Lee [1:02]: hi", ("Anna Lee", "hi", "1:02")),
        ("Anna Lee  0:03", ("Anna Lee", "", "0:03")),
        ("<anna> hi", ("anna", "hi", None)),
        ("[10:02] <@anna> hi", ("anna", "hi", "10:02")),
        ("2024-05-01 10:02 Anna: hi", ("Anna", "hi", "2024-05-01 10:02")),
        ("[12/05/23, 14:33:12] Anna: hi", ("Anna", "hi", "12/05/23, 14:33:12")),
        ("12/05/2023, 2:33 pm - Anna: hi", ("Anna", "hi", "12/05/2023, 2:33 pm")),
        ("12/05/2023, 14:33 - encrypted", (None, "encrypted", "12/05/2023, 14:33")),
        ("\u200e[10:02] Anna: hi", ("Anna", "hi", "10:02")),
        ("田中：始めます", ("田中", "始めます", None)),
        ("أحمد: مرحبا", ("أحمد", "مرحبا", None)),
        ("🌟 Anna: hi", ("🌟 Anna", "hi", None)),
        ("Anna:", ("Anna", "", None)),
    ],
)
def test_forms_of_a_turn(line: str, expected: tuple[str | None, str, str | None]) -> None:
    assert opening(line) == expected


@pytest.mark.parametrize(
    "line",
    [
        "http://example.com: a page",
        "see http://example.com",
        "We met at 10:30 and talked",
        '"Quite so," she said: "never."',
        "<div>: markup</div>",
        "10:30 we met",
        "no colon here",
        "12:30",
        "",
        "- [ ] to do: all of it",
        "a" * 70 + ": too long for a name",
    ],
)
def test_prose_opens_nothing(line: str) -> None:
    assert mark(line, 0, len(line)) is None


def named(*names: str) -> list[Mark]:
    return [Mark("plain", name, 20 * i) for i, name in enumerate(names)]


def people(marks: list[Mark], lines: int, blocks: int) -> set[str]:
    return {name for _, name in speakers(marks, lines, blocks, 10 * lines)}


def test_names_that_recur_are_people() -> None:
    marks = named(*"Anna Ben Anna Ben Anna".split(), "Note", "and he went on")
    assert people(marks, 11, 1) == {"Anna", "Ben"}


def test_two_lines_that_are_both_turns_are_a_conversation() -> None:
    assert people(named("Anna", "Ben"), 2, 1) == {"Anna", "Ben"}


def test_one_line_is_none() -> None:
    assert people(named("Anna"), 1, 1) == set()


def test_prose_with_some_colons_is_none() -> None:
    assert people(named("There were three", "He said", "He said", "Warning"), 90, 30) == set()


def test_fields_at_the_head_of_a_file_are_not_people() -> None:
    marks = named("Received", "Received", "Classifier", "Classifier", "Classifier")
    assert people(marks, 40, 9) == set()


def test_labels_are_not_people() -> None:
    assert people(named("Note", "TODO", "Decision", "Action items", "https"), 5, 5) == set()


def test_numbered_speakers_recur_by_what_they_share() -> None:
    marks = named(*(f"Speaker {i}" for i in range(10_000)))
    assert len(people(marks, 10_000, 1)) == 10_000


def test_long_roles_do_not_make_a_name_less_of_one() -> None:
    role = "(Minister of Small Business, Export Promotion and International Trade)"
    line = f"Hon. Mary Ng {role}: thank you"
    assert opening(line) == (f"Hon. Mary Ng {role}", "thank you", None)
    assert people(named(f"Hon. Mary Ng {role}", "Anna"), 2, 1) == {f"Hon. Mary Ng {role}", "Anna"}


def test_with_times_in_the_file_a_bare_colon_is_not_a_turn() -> None:
    marks = [Mark("stamped", "Anna", 0, 0, "00:01"), Mark("stamped", "Ben", 0, 0, "00:02")]
    assert people([*marks, *named("Plan")], 3, 1) == {"Anna", "Ben"}
