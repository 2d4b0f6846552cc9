"""Rows are aligned by construction, and splits share nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gistill.distill import hierarchy
from gistill.distill.dataset import check_splits, load, save
from gistill.engines import open_engine
from gistill.options import Options
from gistill.pipeline import summarize
from gistill.segmentation import sentences
from gistill.store import Store
from gistill.teacher.generation import Generation
from gistill.types import Chunk, Source, Thread
from threads import meeting, thread

OPTIONS = Options(max_tokens=160, overlap=40, local_len=40, global_len=60)


def made(turns=400, talk=None, options=OPTIONS, engine="echo", **kwargs):
    talk, engine, store = talk or meeting(turns), open_engine(engine), Store()
    done = summarize(talk, engine, options=options, store=store, **kwargs).result()
    rows = hierarchy.rows(done, talk, Generation(engine, store), options)
    return rows, hierarchy.split(rows, done.chunks), done


def test_each_target_was_made_from_its_own_input():
    # Echo copies sentences of its input, which are all different: a pair that slipped would show.
    rows, _, done = made()
    assert len(rows) > len(done.chunks)
    for row in rows:
        for sentence in row.target.split(". "):
            assert sentence.rstrip(".") in row.input


def test_every_generation_becomes_a_row_that_of_the_root_too():
    engine, store = open_engine("echo"), Store()
    done = summarize(meeting(60), engine, options=OPTIONS, store=store).result()
    found = list(hierarchy.generated(done, meeting(60), Generation(engine, store), OPTIONS))
    assert len(found) == done.spend.calls
    assert found[-1].chunks == tuple(chunk.id for chunk in done.chunks)


def repeating(parts):
    """A thread where most of each part is said again and again, so that dedupe has much to do."""
    lines = []
    for part in range(parts):
        lines += ["Ada: We begin as always with the same words of welcome to all of you."] * 3
        lines += [f"Grace: In part {part} item {part * 7} costs {part * 13} pounds and is late."]
    return thread(*lines)


def test_pairs_do_not_slip_where_dedupe_drops_summaries():
    rows, _, done = made(talk=repeating(40), options=Options(60, 0, 30, 60))
    local = [row for row in rows if row.task == "local"]
    deduped = list(dict.fromkeys(claim.text for claim in done.local))
    raw = [row.target for row in local]
    # Deduped and undeduped lists are of unlike length and order here: zipping inputs with the
    # deduped notes, as is soon done, gives targets that their inputs do not hold.
    assert len(deduped) < sum(len(sentences.split(text)) for text in raw)
    zipped = list(zip((row.input for row in local), deduped, strict=False))
    assert any(note not in text for text, note in zipped)
    for row in local:
        assert all(said in row.input for said in sentences.split(row.target))


def test_no_segment_is_in_two_splits():
    _, parts, _ = made()
    owners = {}
    assert all(parts.values())
    for name, rows in parts.items():
        for row in rows:
            for segment in row.segments:
                assert owners.setdefault(segment, name) == name
    check_splits(parts)


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(0, 2)), min_size=1, max_size=40))
def test_regions_own_what_no_other_does(shape):
    chunks, at = [], 0
    for number, (length, overlap) in enumerate(shape):
        overlap = min(overlap, at)
        ids = range(at - overlap, at + length)
        segments = meeting(at + length).segments
        held = tuple(segments[i] for i in ids)
        chunks.append(Chunk(f"c{number}", held, 10, overlap))
        at += length
    owned = hierarchy.regions(chunks)
    assert list(owned) == ["train", "dev", "test"]
    total = [i for ids in owned.values() for i in ids]
    assert len(total) == len(set(total)) == at  # whole segments: none is lost
    assert owned["train"]
    assert bool(owned["dev"]) == bool(owned["test"])


def test_a_segment_cut_between_splits_is_in_none():
    segments = meeting(9).segments
    cut = segments[8]
    chunks = [Chunk(f"c{i}", (segments[i],), 10) for i in range(8)]
    chunks += [Chunk("c8", (cut,), 10), Chunk("c9", (cut,), 10)]
    owned = hierarchy.regions(chunks)
    assert not any(cut.id in ids for ids in owned.values())


def test_a_short_thread_is_all_training():
    _, parts, _ = made(turns=12)
    assert parts["train"]
    assert parts["dev"] == parts["test"] == []


def test_stand_ins_are_no_teachers():
    rows, _, _ = made(200, engine="echo:fail=3")
    whole, _, _ = made(200)
    assert 0 < len(rows) < len(whole)


class Inventive:
    """An engine whose every second answer has nothing to do with what it read."""

    def __init__(self):
        self._echo = open_engine("echo")
        self._calls = 0

    def __getattr__(self, name):
        return getattr(self._echo, name)

    def generate(self, requests, **how):
        from dataclasses import replace

        for completion in self._echo.generate(requests, **how):
            self._calls += 1
            if self._calls % 2:
                text = "Penguins of Valparaíso admire nineteen baroque submarines."
                completion = replace(completion, text=text)
            yield completion


def test_targets_without_support_are_dropped():
    talk, engine, store = meeting(200), Inventive(), Store()
    done = summarize(talk, engine, options=OPTIONS, store=store).result()
    generation = Generation(engine, store)
    all_of_them = list(hierarchy.generated(done, talk, generation, OPTIONS))
    kept = hierarchy.rows(done, talk, generation, OPTIONS)
    assert any("Penguins" in row.target for row in all_of_them)
    assert 0 < len(kept) < len(all_of_them)
    assert not any("Penguins" in row.target for row in kept)
    assert all(row.support >= 0.5 for row in kept)


def test_a_thread_is_named_by_what_was_read():
    one = Source("a.txt", "1" * 64, "")
    assert hierarchy.source(Thread((), (one,))) == "1" * 64
    both = Thread((), (one, Source("b.txt", "2" * 64, "")))
    assert hierarchy.source(both) != hierarchy.source(Thread((), both.sources[::-1]))


@pytest.mark.parametrize("turns", [12, 400])
def test_the_data_comes_back_from_disk(tmp_path, turns):
    _, parts, _ = made(turns)
    save(parts, tmp_path / "data")
    assert load(tmp_path / "data")[0] == parts
