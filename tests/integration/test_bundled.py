"""The main job with the real bundled model, from files to a cited summary."""

import json

import pytest

from gistill import Budget, Options, load, summarize
from gistill.artifacts import jsonfile
from gistill.engines import open_engine
from gistill.segmentation import sentences
from gistill.store import Store
from threads import thread

pytestmark = pytest.mark.model
OPTIONS = Options(max_tokens=256, overlap=32, local_len=40, global_len=60)


@pytest.fixture(scope="module")
def engine(model_home):
    return open_engine("bundled")


@pytest.fixture
def talk():
    from gistill.demo import load_demo

    return thread(*(f"{s.speaker}: {s.text}" for s in load_demo().segments[1:40]))


def test_a_summary_within_its_budget_cites_what_exists(engine, talk):
    done = summarize(talk, engine, Budget(tokens=50), options=OPTIONS).result()
    assert 0 < engine.count(done.text) <= 50
    assert sentences.ended(done.text)
    known = {segment.id for segment in talk.segments}
    assert all(claim.cites and set(claim.cites) <= known for claim in done.summary.claims)
    assert done.coverage.share == 1.0
    assert done.failures == ()


def test_again_from_the_store_it_is_the_same_and_free(engine, talk):
    store = Store()
    first = summarize(talk, engine, options=OPTIONS, store=store).result()
    again = summarize(talk, engine, options=OPTIONS, store=store).result()
    assert again.spend.calls == 0
    assert _stable(again, talk) == _stable(first, talk)


def test_resumed_in_other_company_it_writes_the_same(engine, talk):
    """A resumed run batches other requests together than an unbroken one."""
    store = Store()
    part = summarize(talk, engine, options=OPTIONS, store=store).result()
    keys = [row[0] for row in store._db.execute("select key from results order by key")]
    store._db.executemany("delete from results where key = ?", [(k,) for k in keys[::2]])
    resumed = summarize(talk, engine, options=OPTIONS, store=store).result()
    assert 0 < resumed.spend.calls < part.spend.calls
    assert _stable(resumed, talk) == _stable(part, talk)


@pytest.mark.parametrize("seconds", [0.05, 3.0])
def test_a_deadline_gives_a_whole_answer(engine, talk, seconds):
    done = summarize(talk, engine, Budget(seconds=seconds), options=OPTIONS).result()
    assert done.text
    assert sentences.ended(done.text)
    assert done.failures == ()


def test_real_files_of_several_kinds_are_one_thread(engine, tmp_path):
    (tmp_path / "call.vtt").write_text(
        "WEBVTT\n\n00:00:01.000 --> 00:00:04.000\n<v Ada>We ship the release on Friday.\n"
    )
    (tmp_path / "chat.json").write_text(
        json.dumps([{"author": "Grace", "text": "The release slips to Monday, tests are red."}])
    )
    talk = load([tmp_path / "call.vtt", tmp_path / "chat.json"])
    done = summarize(talk, engine).result()
    assert talk.participants == ("Ada", "Grace")
    assert done.text
    assert set(done.summary.claims[0].cites) <= {"s000000", "s000001"}


def _stable(done, talk):
    kept = jsonfile.dump(done, talk)
    del kept["run"]
    return kept
