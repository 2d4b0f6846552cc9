from dataclasses import replace

import pytest

import samples
from gistill.artifacts import account
from gistill.artifacts.citations import Citations
from gistill.types import Coverage, Summary, Unread, Unreadable


@pytest.mark.parametrize(
    ("share", "said"),
    [
        (1.0, "100%"),
        (0.99999, "99.9%"),
        (0.9949, "99.4%"),
        (0.93, "93%"),
        (0.004, "under 1%"),
        (0.0, "0%"),
    ],
)
def test_percent_never_rounds_to_all_or_nothing(share: float, said: str):
    assert account.percent(share) == said


def told(**changes) -> tuple:
    done = replace(samples.done(), **changes)
    return done, Citations(done, samples.thread())


def test_coverage():
    assert (
        account.coverage(samples.done(), samples.thread())
        == "90% of the input was read (180 of 200 tokens)."
    )
    assert (
        account.coverage(samples.single(), samples.thread())
        == "All of the input was read (200 tokens)."
    )


def test_files_that_could_not_be_read_are_a_gap():
    done, citations = told()
    thread = replace(samples.thread(), unread=(Unreadable("b.pdf", "b.pdf is encrypted"),))
    assert account.coverage(samples.single(), thread) == (
        "All of the input was read (200 tokens), but for what could not be opened."
    )
    assert account.unread(done, thread, citations)[0] == "Not read: b.pdf is encrypted."
    done = replace(done, failures=("b.pdf is encrypted",))
    assert not any("encrypted" in remark for remark in account.remarks(done, thread))


def unread(**changes) -> list[str]:
    done, citations = told(**changes)
    return account.unread(done, samples.thread(), citations)


def test_unread_says_how_much_where_and_why():
    assert unread() == ["20 tokens in 2 turns (00:14:40–00:14:45) not read: the model failed."]


def test_unread_for_one_reason_is_one_line():
    parts = (
        Unread("not read for lack of time", 5, ("s000000",)),
        Unread("the model failed", 1, ("s-unknown",)),
        Unread("not read for lack of time", 7, ("s000004",)),
    )
    assert unread(coverage=Coverage(187, 200, parts)) == [
        "12 tokens in 2 turns (within 00:14:00–00:14:20) not read: for lack of time.",
        "1 token not read: the model failed.",
    ]


def test_gaps_name_the_part_the_reason_and_the_writer():
    assert account.gaps(*told()) == [
        "Part 3 (00:14:30–00:14:45): the model repeated itself. Written by extractive instead."
    ]


def test_gaps_for_one_reason_are_one_line():
    leaves = [Summary(f"n{n}", (), 0, "echo", chunk=f"c000{n}", gap="it stopped") for n in range(3)]
    upper = [Summary(f"m{n}", (), 1, "union", tuple(leaves), gap="no time") for n in range(2)]
    root = Summary("root", (), 2, "echo", tuple(upper[:1]))
    assert account.gaps(*told(summary=root)) == [
        "Parts 1–3: it stopped. Nothing is said here.",
        "The summary of parts 1–3: no time. Nothing is said here.",
    ]
    assert account.gaps(*told(summary=replace(root, children=tuple(upper))))[1].startswith(
        "2 summaries of several parts: no time."
    )


def test_doubts_name_weak_sentences_and_unfound_facts():
    assert account.doubts(*told()) == [
        "(?) The cited text supports sentence 3 only weakly.",
        "(?) Nothing in the text was found for sentence 4.",
        "(!) Sentence 2: “12 June” is in none of the 2 turns it cites.",
    ]
    assert account.doubts(samples.single(), Citations(samples.single(), samples.thread())) == []


def test_flags_of_sentences_with_one_source_and_with_none():
    citations = Citations(samples.done(), samples.thread())
    one = samples.claim("X", 0, flags=("a", "b"))
    assert account.flags(one, citations) == "“a”, “b” are not in the turn it cites."
    none = samples.claim("X", flags=("a",))
    assert account.flags(none, citations) == "“a” is not in the text; the sentence cites nothing."


def test_support():
    assert account.support(samples.done()) == "The cited text supports 3 of 5 sentences."
    assert account.support(samples.single()) == "The cited text supports the sentence."


def test_spent_counts_calls_kept_from_earlier_runs():
    spend = samples.done().spend
    assert account.spent(spend) == "5 model calls, 790 tokens in, 210 tokens out"
    resumed = replace(spend, calls=0, reused=5)
    assert account.spent(resumed) == account.spent(spend)


def test_planned_and_spent_stand_side_by_side():
    done = samples.done()
    local, fuse, last, total = account.table(done)
    assert local == ("Local", (3, 300, 384, 1.5), (4, 390, 70, 1.7))
    assert fuse.name == "Fuse 1"
    assert last == ("Fuse 2", (1, 250, 200, 0.7), None)
    assert total == ("Total", (5, 800, 712, pytest.approx(2.7)), (5, 790, 210, 2.5))


def test_what_was_not_planned_has_a_row_and_what_is_not_known_has_none():
    done = samples.done()
    unplanned = replace(done, plan=replace(done.plan, steps=()))
    assert [(row.name, row.planned) for row in account.table(unplanned)] == [
        ("Local", None),
        ("Fuse 1", None),
        ("Total", (0, 0, 0, 0)),
    ]
    old = account.table(replace(done, spent=()))
    assert [row.spent for row in old[:-1]] == [None] * 3
    assert old[-1].spent == (5, 790, 210, 2.5)


def test_counts_are_dashes_where_nothing_is_known():
    assert account.counts(account.Figures(1, 2000, 0, 0.5)) == ("1", "2,000", "0")
    assert account.counts(None) == ("–", "–", "–")


def test_listing_ends_with_how_many_more():
    assert account.listing(["a", "b", "c"], 2) == "a, b and 1 more"
    assert account.listing(["a", "b"], 2) == "a, b"


def test_sentence_ends_once():
    assert account.sentence("so it is") == "so it is."
    assert account.sentence("so it is.\n") == "so it is."


def test_remarks_are_said_once():
    done = replace(
        samples.done(), notices=("1 cue was empty.", "local: slow"), failures=("local: slow",)
    )
    assert account.remarks(done, samples.thread()) == ["1 cue was empty.", "Local: slow."]
