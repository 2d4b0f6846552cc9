from __future__ import annotations

import socket
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from films import TEXT, errors, noise, samples, silence
from gistill import models
from gistill.errors import BadInput
from gistill.ingest import hearing
from gistill.ingest.hearing import Word, ear, loops, unlooped
from gistill.ingest.sound import RATE, Tape, Window
from gistill.ingest.tools import Tools


def words(text: str) -> list[Word]:
    return [Word(f" {w}", n, n + 0.5, 0.9) for n, w in enumerate(text.split())]


def text(heard: Any) -> str:
    return "".join(word.text for word in heard).strip()


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("and " + "over now " * 4 + "he said", "and over now he said"),
        ("no " * 6, "no"),
        ("The end, the end. " * 3, "The end,"),
        ("a b c d e f " * 3 + "g", "a b c d e f g"),
        ("x " + "ha " * 9 + "y " + "ho " * 9, "x ha y ho"),
    ],
)
def test_a_loop_is_kept_once_with_all_of_its_time_and_no_confidence(said: str, kept: str) -> None:
    found, count = unlooped(words(said))
    assert text(found) == kept
    assert count >= 1
    assert loops(words(said))
    assert found[-1].end == words(said)[-1].end
    assert min(word.probability for word in found) == 0


@pytest.mark.parametrize(
    "said", ["", "no no no no no", "it is what it is what it was", "very very good", "? ? ? ? ? ?"]
)
def test_people_repeat_themselves_too(said: str) -> None:
    assert not loops(words(said))
    assert unlooped(words(said)) == (words(said), 0)


@given(st.lists(st.sampled_from("abc"), max_size=60))
def test_no_loop_is_left_and_no_other_word_lost(said: list[str]) -> None:
    given = words(" ".join(said))
    found, count = unlooped(given)
    assert bool(count) is loops(given)
    assert len(found) <= len(given)
    assert {word.text for word in found} == {word.text for word in given}
    assert all(a.start <= b.start for a, b in pairwise(found))


def test_a_model_that_is_not_fetched_says_how(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GISTILL_HOME", str(tmp_path))
    with pytest.raises(BadInput, match=r"gistill models get whisper-tiny\.en"):
        ear(Tools())


def test_a_folder_must_hold_a_whole_model(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"")
    with pytest.raises(BadInput, match=r"config\.json, tokenizer\.json not in it"):
        ear(Tools(asr=str(tmp_path)))


def test_a_folder_that_only_looks_like_a_model_is_refused_in_a_line(tmp_path: Path) -> None:
    for name in ("model.bin", "config.json", "tokenizer.json"):
        (tmp_path / name).write_text("{}")
    window = Window(0, silence(1), ((0, RATE),), last=True)
    with pytest.raises(BadInput, match="holds no Whisper model") as error:
        ear(Tools(asr=str(tmp_path))).hear(window, None)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("asr", "offline", "said"),
    [
        ("no-such-model", False, "no speech model of that name"),
        ("someone/whisper", True, "we are offline"),
        ("large-v3", True, "we are offline"),
        ("someone/whisper", False, "cannot be fetched"),
    ],
)
def test_the_hub(
    asr: str, offline: bool, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*args: object, **options: object) -> None:
        asked.append(args)
        raise OSError("no network here")

    asked: list[object] = []
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    with pytest.raises(BadInput, match=said) as error:
        ear(Tools(asr=asr, offline=offline))
    assert "\n" not in str(error.value)
    assert "whisper-tiny.en" in str(error.value)
    assert bool(asked) is (said == "cannot be fetched")


def test_silence_is_not_given_to_the_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("model.bin", "config.json", "tokenizer.json"):
        (tmp_path / name).write_text("{}")
    heard = ear(Tools(asr=str(tmp_path))).hear(Window(0, silence(9), (), last=True), None)
    assert heard.words == ()


@pytest.mark.model
def test_words_have_the_times_of_the_recording(whisper: str) -> None:
    sound = np.concatenate([silence(5), samples()[: 11 * RATE], silence(8), samples()[: 4 * RATE]])
    tape = Tape(iter([silence(3), sound]))
    window = tape.window(3 * RATE)
    heard = ear(Tools(asr=whisper)).hear(window, None)
    assert heard.language == "en"
    assert heard.loops == 0
    first = TEXT.splitlines()[0]
    said = f"{first} Good morning everyone. Let us start with the budget for the new library."
    rate = errors(text(heard.words), said)
    print(f"word error rate {rate:.3f}")
    assert rate < 0.15
    assert heard.words[0].start == pytest.approx(8.0, abs=0.5)
    again = next(w for w in heard.words if w.start > 20)
    assert again.text.strip().startswith("Good")
    assert again.start == pytest.approx(3 + 5 + 11 + 8, abs=0.7)
    assert all(w.start <= w.end for w in heard.words)


@pytest.mark.model
def test_the_same_minute_gives_the_same_words(whisper: str) -> None:
    window = Tape(iter([samples()[: 12 * RATE] + noise(12, 0.01)])).window(0)
    listener = ear(Tools(asr=whisper))
    assert listener.hear(window, None) == listener.hear(window, None)


@pytest.mark.model
def test_the_model_is_told_apart_from_others(whisper: str, tmp_path: Path) -> None:
    listener = ear(Tools(asr=whisper))
    (tmp_path / "other").mkdir()
    for path in models.path(whisper).iterdir():
        (tmp_path / "other" / path.name).symlink_to(path)
    assert ear(Tools(asr=str(tmp_path / "other"))).id == listener.id
    (tmp_path / "other" / "vocabulary.txt").unlink()
    assert ear(Tools(asr=str(tmp_path / "other"))).id != listener.id


@pytest.mark.model
def test_a_language_that_the_model_does_not_know_is_refused(whisper: str) -> None:
    window = Window(0, silence(1), ((0, RATE),), last=True)
    with pytest.raises(BadInput, match="whisper-base"):
        ear(Tools(asr=whisper)).hear(window, "de")


@pytest.mark.model
def test_a_phrase_said_forty_times_does_not_loop(whisper: str) -> None:
    phrase = samples()[
        int(27.1 * RATE) : int(29.0 * RATE)
    ]  # The floor plan is in the shared folder.
    window = Tape(iter([np.tile(phrase, 20)])).window(0)
    heard = ear(Tools(asr=whisper)).hear(window, None)
    assert not loops(heard.words)
    assert hearing.loops(words("the floor plan is in the shared folder " * 20))
