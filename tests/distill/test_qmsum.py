from __future__ import annotations

import json
from pathlib import Path

import pytest

import qmsum_fixture
from gistill.distill import qmsum
from gistill.errors import BadInput


def test_lines_gzipped_or_not_are_the_same(tmp_path: Path) -> None:
    zipped = list(qmsum.read(qmsum_fixture.write(tmp_path / "a"), "val"))
    plain = list(qmsum.read(qmsum_fixture.write(tmp_path / "b", zipped=False), "val"))
    assert [m.id for m in zipped] == ["ES9001a", "education_99", "Bmr999"]
    assert [(m.general, m.specific, m.domain) for m in zipped] == [
        (m.general, m.specific, m.domain) for m in plain
    ]


@pytest.mark.parametrize("by_domain", [True, False])
def test_the_repository_loads_too(tmp_path: Path, by_domain: bool) -> None:
    lines = {m.id: m for m in qmsum.read(qmsum_fixture.write(tmp_path / "a"), "val")}
    repository = qmsum_fixture.write_repository(tmp_path / "b", by_domain=by_domain)
    for folder in (repository, repository / "data"):
        found = {m.id: m for m in qmsum.read(folder, "val")}
        assert found.keys() == lines.keys()
        for name, meeting in found.items():
            assert meeting.domain == lines[name].domain
            assert meeting.specific == lines[name].specific
            assert [s.text for s in meeting.segments] == [s.text for s in lines[name].segments]


def test_both_folders_of_the_repository_do_not_count_twice(tmp_path: Path) -> None:
    qmsum_fixture.write_repository(tmp_path, by_domain=True)
    qmsum_fixture.write_repository(tmp_path, by_domain=False)
    assert len(list(qmsum.read(tmp_path, "val"))) == 3


def test_nameless_lines_are_numbered(tmp_path: Path) -> None:
    meeting = {k: v for k, v in qmsum_fixture.DESIGN.items() if k not in ("meeting_id", "domain")}
    (tmp_path / "ALL" / "jsonl").mkdir(parents=True)
    (tmp_path / "ALL" / "jsonl" / "val.jsonl").write_text(f"{json.dumps(meeting)}\n" * 2)
    found = list(qmsum.read(tmp_path, "val"))
    assert [(m.id, m.domain) for m in found] == [("val-000", ""), ("val-001", "")]


def test_empty_turns_keep_their_number(tmp_path: Path) -> None:
    """Spans count turns, the empty ones too."""
    design = next(qmsum.read(qmsum_fixture.write(tmp_path), "val"))
    assert design.segments[2].text == ""
    assert len(design.segments) == 9
    assert design.segments[5].id == "s000005"


def test_spans_are_inclusive_and_may_come_in_any_order(tmp_path: Path) -> None:
    design = next(qmsum.read(qmsum_fixture.write(tmp_path), "val"))
    assert design.specific[0].spans == ((3, 4), (1, 1))
    assert sorted(design.gold(design.specific[0])) == ["s000001", "s000003", "s000004"]
    assert design.gold(design.general[0]) == frozenset()


@pytest.mark.parametrize(
    ("name", "domain"),
    [
        ("Bmr013", "Academic"),
        ("Buw001", "Academic"),
        ("TS3003a", "Product"),
        ("IS1001d", "Product"),
        ("covid_0", "Committee"),
        ("education_15", "Committee"),
        ("x", ""),
    ],
)
def test_domains_follow_from_the_collections_names(name: str, domain: str) -> None:
    assert qmsum.domain_of(name) == domain


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="holds no QMSum test"):
        list(qmsum.read(tmp_path, "test"))


@pytest.mark.parametrize("line", ["{}", "[1]", "no json", '{"meeting_transcripts": [{}]}'])
def test_other_shapes_are_refused(tmp_path: Path, line: str) -> None:
    (tmp_path / "val.jsonl").write_text(f"{line}\n")
    with pytest.raises(BadInput, match=r"val\.jsonl \(val-000\) is no QMSum meeting"):
        list(qmsum.read(tmp_path, "val"))
