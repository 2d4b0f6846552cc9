"""Training data: it comes back from disk as it was, and its splits do not leak."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gistill.distill import dataset
from gistill.distill.dataset import About, Row, check_splits, fingerprint, load, save, view
from gistill.errors import BadInput

ROW = Row(
    task="query",
    input="What? Ann: We raise the budget.",
    target="It is raised.",
    source="m1",
    segments=("s1", "s2"),
    teacher="echo",
    query="What?",
    scores=(1.5, -0.25),
    is_gold=(True, False),
    distractors=0.5,
    support=1.0,
)
NOTE = Row("fuse", "- one\n- two", "Both.", "m2", ("s7",), ("c0001",))


def data(**parts: list[Row]) -> dict[str, list[Row]]:
    return {"train": [], "dev": [], "test": []} | parts


def test_rows_come_back_from_disk(tmp_path: Path) -> None:
    parts = data(train=[ROW, NOTE, dataclasses.replace(NOTE, source="m3", input="x")])
    save(parts, tmp_path / "deep" / "data", About("Two threads.", "MIT"))
    found, about = load(tmp_path / "deep" / "data")
    assert found == parts
    assert about == About("Two threads.", "MIT")


def test_it_is_a_dataset_dict_with_named_rows(tmp_path: Path) -> None:
    from datasets import DatasetDict, load_from_disk

    save(data(train=[ROW], dev=[NOTE]), tmp_path / "data")
    found = load_from_disk(str(tmp_path / "data"))
    assert isinstance(found, DatasetDict)
    assert list(found) == ["train", "dev", "test"]
    columns = {"id"} | {field.name for field in dataclasses.fields(Row)}
    assert all(set(part.column_names) == columns for part in found.values())
    assert found["train"]["id"][0] == "train-query-00000"
    assert found["train"][0]["distractors"] == 0.5
    assert found["dev"][0]["distractors"] is None


def test_saving_again_replaces_data_and_nothing_else(tmp_path: Path) -> None:
    save(data(train=[ROW]), tmp_path / "data")
    save(data(train=[NOTE]), tmp_path / "data")
    assert load(tmp_path / "data")[0]["train"] == [NOTE]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("Dear")
    with pytest.raises(BadInput, match="holds other files"):
        save(data(train=[ROW]), tmp_path / "mine")
    assert (tmp_path / "mine" / "letter.txt").read_text() == "Dear"


def test_views_are_what_other_trainers_want(tmp_path: Path) -> None:
    save(data(train=[ROW]), tmp_path / "data")
    seq2seq = view(tmp_path / "data", "seq2seq")["train"]
    assert seq2seq[0] == {"input": ROW.input, "target": ROW.target}
    completion = view(tmp_path / "data", "completion")["train"]
    assert completion[0] == {"prompt": ROW.input, "completion": ROW.target}
    chat = view(tmp_path / "data", "chat")["train"]
    assert chat[0] == {
        "prompt": [{"role": "user", "content": ROW.input}],
        "completion": [{"role": "assistant", "content": ROW.target}],
    }


def test_scores_belong_to_segments() -> None:
    for wrong in ({"scores": (1.0,)}, {"is_gold": (True, True, False)}):
        with pytest.raises(ValueError, match="for 2 segments"):
            dataclasses.replace(ROW, **wrong)


def test_what_is_no_training_data_is_refused(tmp_path: Path) -> None:
    from datasets import Dataset, DatasetDict

    with pytest.raises(BadInput, match="holds no training data; make"):
        load(tmp_path / "nowhere")
    save(data(dev=[ROW]), tmp_path / "empty")
    with pytest.raises(BadInput, match="no row to train on"):
        load(tmp_path / "empty")
    other = DatasetDict({"train": Dataset.from_dict({"input": ["a"], "target": ["b"]})})
    other.save_to_disk(str(tmp_path / "other"))
    with pytest.raises(BadInput, match="not training data of gistill"):
        load(tmp_path / "other")
    save(data(train=[ROW]), tmp_path / "broken")
    for path in (tmp_path / "broken" / "train").glob("*.arrow"):
        path.write_bytes(b"no arrow")
    with pytest.raises(BadInput, match="damaged"):
        load(tmp_path / "broken")


def test_splits_share_no_source() -> None:
    def of(*sources: str) -> list[Row]:
        return [Row("query", f"of {source}", "c", source) for source in sources]

    check_splits(data(train=of("a", "b", "a"), dev=of("c")))
    with pytest.raises(BadInput, match="train and dev share the source 'b'"):
        check_splits(data(train=of("c", "a", "b"), dev=of("b", "d")))


def test_one_thread_alone_is_split_by_its_segments() -> None:
    def at(*segments: str) -> Row:
        return Row("local", " ".join(segments), "c", "one", segments)

    check_splits(data(train=[at("s1", "s2")], dev=[at("s3")], test=[at("s4")]))
    with pytest.raises(BadInput, match="dev and test share the segment 's3'"):
        check_splits(data(train=[at("s1")], dev=[at("s3")], test=[at("s4", "s3")]))
    with pytest.raises(BadInput, match="share the source"):
        check_splits(data(train=[Row("fuse", "a", "b", "one")], dev=[Row("fuse", "c", "d", "one")]))


def test_no_input_is_in_two_splits_whatever_it_is_called() -> None:
    same = dataclasses.replace(ROW, source="m9")
    with pytest.raises(BadInput, match="share the input 'What"):
        check_splits(data(train=[ROW], test=[same]))


def test_leaking_data_is_neither_written_nor_read(tmp_path: Path) -> None:
    leaking = data(train=[ROW], dev=[ROW])
    with pytest.raises(BadInput, match="share the segment"):
        save(leaking, tmp_path / "data")
    assert not (tmp_path / "data").exists()


texts = st.text(max_size=8)


@given(texts, texts, texts)
def test_a_fingerprint_tells_inputs_targets_and_splits_apart(a: str, b: str, c: str) -> None:
    def of(split: str, *pairs: tuple[str, str]) -> str:
        return fingerprint({split: [Row("fuse", x, y, "m") for x, y in pairs]})

    assert of("train", (a, b)) == of("train", (a, b))
    assert len({of("train", (a, b)), of("dev", (a, b)), of("train", (a, b), (c, c))}) == 3
    assert of("train", (a, b)) != of("train", (a, b + "."))


def test_a_fingerprint_reads_every_split() -> None:
    assert dataset.fingerprint({"train": [ROW], "dev": []}) != dataset.fingerprint(
        {"train": [ROW], "dev": [NOTE]}
    )
