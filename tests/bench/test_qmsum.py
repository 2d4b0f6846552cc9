from __future__ import annotations

from pathlib import Path

import pytest

import qmsum_fixture
from gistill.bench import qmsum
from gistill.bench.qmsum import Query
from gistill.errors import BadInput


def test_questions_are_keyed_by_their_place(queries: list[Query]) -> None:
    assert len({query.key for query in queries}) == len(queries) == qmsum_fixture.QUERIES
    twice = [q for q in queries if q.question.text == "What about the case?"]
    assert [q.key for q in twice] == ["ES9001a/specific/0", "ES9001a/specific/1"]
    assert len({q.question.answer for q in twice}) == 2


def test_two_general_questions_of_one_meeting(queries: list[Query]) -> None:
    general = [q.key for q in queries if q.kind == "general" and q.meeting.id == "ES9001a"]
    assert general == ["ES9001a/general/0", "ES9001a/general/1"]


def test_letters_and_speakers_come_through(queries: list[Query]) -> None:
    committee = next(q.meeting for q in queries if q.meeting.id == "education_99")
    assert committee.segments[2].speaker == "Siân Ŵyn MS"
    assert "£40\xa0million" in committee.segments[2].text


def test_one_domain(data: Path) -> None:
    assert [m.id for m in qmsum.load(data, "val", "academic")] == ["Bmr999"]


@pytest.mark.parametrize(
    ("split", "domain", "said"),
    [("dev", None, "unknown split"), ("val", "sports", "unknown domain")],
)
def test_unknown_names(data: Path, split: str, domain: str | None, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        qmsum.load(data, split, domain)


def test_where_the_data_lies(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = tmp_path / "project"
    project.mkdir()
    monkeypatch.chdir(project)
    monkeypatch.delenv("QMSUM_DIR", raising=False)
    with pytest.raises(BadInput, match="Yale-LILY/QMSum"):
        qmsum.folder()
    monkeypatch.setenv("QMSUM_DIR", str(data))
    assert qmsum.folder() == data
    (tmp_path / "shared" / "qmsum").mkdir(parents=True)
    assert qmsum.folder() == qmsum.NEARBY
    assert qmsum.folder(data) == data
    with pytest.raises(BadInput, match="is no folder"):
        qmsum.folder(tmp_path / "nowhere")


def test_a_part_of_a_split_says_so() -> None:
    assert "25 of 35 meetings; a part" in qmsum.extent("test", 25, 198)
    assert qmsum.extent("val", 35, 272) == "QMSum val: 272 questions on 35 of 35 meetings."


def test_the_real_val_split_is_whole(real_data: Path) -> None:
    meetings = qmsum.load(real_data, "val")
    assert len(meetings) == qmsum.WHOLE["val"]
    found = list(qmsum.queries(meetings))
    assert len({q.key for q in found}) == len(found) == 272
