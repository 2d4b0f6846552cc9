"""Who speaks when: by sherpa-onnx itself, with models small enough to be written here."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import voice_models
from films import film, samples, silence
from gistill.errors import BadInput, MissingExtra
from gistill.ingest import audio, video, voices
from gistill.ingest.audio import spoken
from gistill.ingest.files import blob
from gistill.ingest.hearing import Word
from gistill.ingest.sound import RATE
from gistill.ingest.tools import Tools
from gistill.ingest.voices import Turn, voice

TURNS = (Turn(0.0, 4.0, 1), Turn(3.5, 8.0, 2), Turn(20.0, 22.0, 1))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(voice_models.write(tmp_path_factory.mktemp("voices")))


def dialogue() -> tuple[Any, list[tuple[float, float, int]]]:
    """A voice, another one, half as high again and sharper, and the first one; who speaks from
    when to when."""
    first = samples()[: 5 * RATE]
    at = np.arange(int(len(first) / 1.5)) * 1.5
    sharp = np.diff(np.interp(at, np.arange(len(first)), first))
    other = (sharp * np.abs(first).mean() / np.abs(sharp).mean()).astype(np.float32)
    gap = silence(12)
    parts, said, now = [], [], 0.0
    for sound, number in ((first, 1), (other, 2), (first, 1)):
        said.append((now, now + len(sound) / RATE, number))
        parts += [sound, gap]
        now += (len(sound) + len(gap)) / RATE
    return np.concatenate(parts), said


def test_voices_are_told_apart_and_known_again(tmp_path: Path, models: str) -> None:
    sound, said = dialogue()
    path = film(tmp_path / "talk.wav", sound=sound)
    told: list[float] = []
    tools = Tools(voices=models, say=lambda what, share: told.append(share))
    found = voices.turns(blob(path), tools)
    for start, end, number in said:
        assert voice(start, end, found) == f"S{number}"
    assert {turn.voice for turn in found} == {1, 2}
    assert all(0 <= turn.start < turn.end for turn in found)
    assert told[-1] == 1.0


def test_what_was_told_apart_is_kept(
    tmp_path: Path, models: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Memory(dict[str, Any]):
        def put(self, key: str, stage: str, value: object) -> None:
            self[key] = value

    path = film(tmp_path / "talk.wav", sound=samples()[: 3 * RATE])
    tools = Tools(voices=models, memory=Memory())
    found = voices.turns(blob(path), tools)
    monkeypatch.setattr(voices, "_turns", lambda *args: pytest.fail("asked again"))
    assert voices.turns(blob(path), tools) == found


def test_silence_is_nobodys(tmp_path: Path, models: str) -> None:
    path = film(tmp_path / "still.wav", sound=silence(2))
    assert voices.turns(blob(path), Tools(voices=models)) == ()


@pytest.mark.model
def test_utterances_have_speakers(tmp_path: Path, models: str, whisper: str) -> None:
    sound, said = dialogue()
    tools = Tools(voices=models)
    entries = audio.read(blob(film(tmp_path / "a.wav", sound=sound)), tools).reading.entries
    assert [entry.speaker for entry in entries] == ["S1", "S2", "S1"]
    for entry, (start, end, _) in zip(entries, said, strict=True):
        assert entry.time is not None
        assert start - 1 < entry.time[0] < entry.time[1] < end + 1
    shown = video.read(blob(film(tmp_path / "a.mkv", sound=sound)), tools).reading.entries
    assert [entry.speaker for entry in shown] == ["S1", "S2", "S1"]


@pytest.mark.parametrize(
    ("start", "end", "name"),
    [(0, 3, "S1"), (4, 5, "S2"), (3, 4.2, "S1"), (9, 10, ""), (3.9, 21.9, "S2"), (21, 30, "S1")],
)
def test_a_stretch_is_whose_voice_is_heard_most(start: float, end: float, name: str) -> None:
    assert voice(start, end, TURNS) == name


def words(*said: tuple[str, float, float]) -> list[Word]:
    return [Word(f" {text}", start, end, 0.9) for text, start, end in said]


def texts(runs: list[tuple[str, list[Word]]]) -> list[tuple[str, str]]:
    return [(who, "".join(word.text for word in run).strip()) for who, run in runs]


def test_a_sentence_is_one_persons() -> None:
    # The voice of the second begins before the last word of the first.
    said = words(("We", 2.0, 2.4), ("agree.", 3.2, 3.9), ("Do", 4.1, 4.3), ("we?", 4.4, 5.0))
    assert texts(spoken(said, TURNS)) == [("S1", "We agree."), ("S2", "Do we?")]
    # Nobody is heard at 9 s: the one before goes on.
    said += words(("Yes.", 9.0, 9.5), ("No.", 20.5, 21.0))
    assert texts(spoken(said, TURNS))[1:] == [("S2", "Do we? Yes."), ("S1", "No.")]


@given(
    st.lists(
        st.tuples(st.sampled_from(["so", "yes.", "why?"]), st.floats(0, 30), st.floats(0, 2)),
        max_size=20,
    )
)
def test_telling_voices_apart_loses_no_word(said: list[tuple[str, float, float]]) -> None:
    heard = words(*((text, start, start + length) for text, start, length in sorted(said)))
    for turns in (TURNS, ()):
        runs = spoken(heard, turns)
        assert [word for _, run in runs for word in run] == heard
        assert all(a != b for (a, _), (b, _) in pairwise(runs))


def test_what_is_no_model_is_said(tmp_path: Path, models: str) -> None:
    with pytest.raises(BadInput, match=r"holds no segmentation\.onnx; --voices takes a folder"):
        Tools(voices=str(tmp_path))
    for name in ("segmentation.onnx", "embedding.onnx"):
        (tmp_path / name).write_bytes((Path(models) / "embedding.onnx").read_bytes())
    with pytest.raises(BadInput, match=r"segmentation\.onnx is not such a model"):
        Tools(voices=str(tmp_path))


def test_a_damaged_model_is_said(tmp_path: Path, models: str) -> None:
    voice_models.write(tmp_path / "models")
    whole = (tmp_path / "models" / "embedding.onnx").read_bytes()
    (tmp_path / "models" / "embedding.onnx").write_bytes(b"junk output_dim" + whole[:20])
    path = film(tmp_path / "talk.wav", sound=samples()[:RATE])
    with pytest.raises(BadInput, match="cannot be loaded"):
        voices.turns(blob(path), Tools(voices=str(tmp_path / "models")))


def test_the_extra_is_named(models: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voices, "NEEDS", voices.Needs("voices", ("no_such_module",)))
    with pytest.raises(MissingExtra, match=r"gistill\[voices\]"):
        Tools(voices=models)
