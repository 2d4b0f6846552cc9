"""The documented decoder on the real bundled model and on what the hierarchy leaves."""

import itertools
import subprocess
import sys
from pathlib import Path

import pytest

from gistill.decoding.budget import BudgetDecoder, Decoded
from gistill.segmentation import sentences
from gistill.store import Store
from threads import meeting

pytestmark = pytest.mark.model
SCRIPT = Path(__file__).parents[2] / "scripts" / "run_hierarchy.py"


@pytest.fixture(scope="module")
def decoder(model_home):
    return BudgetDecoder("bundled", store=Store())


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flow")
    talk = "\n".join(f"{s.speaker}: {s.text}" for s in meeting(200).segments)
    (folder / "talk.txt").write_text(talk)
    subprocess.run(
        [sys.executable, SCRIPT, "--input", "talk.txt", "--out_dir", "out", "--model", "echo"],
        cwd=folder,
        env={"PATH": "", "GISTILL_HOME": str(folder / "home"), "HF_HUB_OFFLINE": "1"},
        check=True,
        timeout=300,
    )
    return (folder / "out" / "global_summary.txt").read_text()


@pytest.mark.parametrize("profile", ["greedy", "fast", "quality"])
def test_a_summary_of_the_hierarchys_summary_keeps_its_tokens(decoder, text, profile):
    out, log = decoder.generate_with_budget(text, budget_tokens=40, profile=profile)
    assert 0 < decoder.engine.count(out) == log["tokens_out"] <= 40
    assert sentences.ended(out)
    assert log["finish"] in ("stop", "length")


@pytest.mark.parametrize("seconds", [0.05, 0.5, 2.0])
def test_a_deadline_gives_a_whole_answer(decoder, text, seconds):
    out, log = decoder.generate_with_budget(text, 60, budget_seconds=seconds)
    assert sentences.ended(out)
    assert decoder.engine.count(out) <= 60
    assert log["budget_seconds"] == seconds


def test_greedy_decoding_streams_its_sentences(decoder, text):
    *drafts, last = decoder.stream_with_budget(text, 80, "greedy")
    assert isinstance(last, Decoded)
    grown = [draft.text for draft in drafts]
    assert all(sentences.ended(one) for one in grown)
    assert all(later.startswith(one) for one, later in itertools.pairwise(grown))
