"""Rows are aligned by construction, and splits share nothing."""

from gistill.distill import hierarchy
from gistill.engines import open_engine
from gistill.options import Options
from gistill.pipeline import summarize
from gistill.store import Store
from gistill.teacher.generation import Generation
from threads import meeting

OPTIONS = Options(max_tokens=160, overlap=40, local_len=40, global_len=60)


def made(turns=400, **kwargs):
    talk, engine, store = meeting(turns), open_engine("echo"), Store()
    done = summarize(talk, engine, options=OPTIONS, store=store, **kwargs).result()
    rows = hierarchy.rows(done, talk, Generation(engine, store), OPTIONS)
    return rows, hierarchy.split(rows, done.chunks), done


def test_each_target_was_made_from_its_own_input():
    # Echo copies sentences of its input, which are all different: a pair that slipped would show.
    rows, _, done = made()
    assert len(rows) > len(done.chunks)
    for row in rows:
        for sentence in row["target"].split(". "):
            assert sentence.rstrip(".") in row["input"]


def test_no_segment_is_in_two_splits():
    _, parts, _ = made()
    owners = {}
    assert all(parts.values())
    for name, rows in parts.items():
        for row in rows:
            for segment in row["segments"]:
                assert owners.setdefault(segment, name) == name


def test_a_short_thread_is_all_training():
    _, parts, _ = made(turns=12)
    assert parts["train"]
    assert parts["dev"] == parts["test"] == []


def test_stand_ins_are_no_teachers():
    talk, engine, store = meeting(200), open_engine("echo:fail=3"), Store()
    done = summarize(talk, engine, options=OPTIONS, store=store).result()
    rows = hierarchy.rows(done, talk, Generation(engine, store), OPTIONS)
    whole, _, _ = made(200)
    assert 0 < len(rows) < len(whole)


def test_the_dataset_comes_back_from_disk(tmp_path):
    from datasets import load_from_disk

    _, parts, _ = made(12)
    hierarchy.save(parts, tmp_path / "data")
    data = load_from_disk(str(tmp_path / "data"))
    assert {name: len(part) for name, part in data.items()} == {
        name: len(part) for name, part in parts.items()
    }
    assert data["train"][0] == parts["train"][0]
