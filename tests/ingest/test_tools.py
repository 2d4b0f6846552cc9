from __future__ import annotations

import pytest

from gistill.errors import BadInput
from gistill.ingest.tools import LANGUAGES, Tools


def test_the_languages_are_those_of_whisper() -> None:
    tokenizer = pytest.importorskip("faster_whisper.tokenizer")
    assert frozenset(tokenizer._LANGUAGE_CODES) == LANGUAGES


@pytest.mark.parametrize("language", ["xx", "DE", "German", ""])
def test_a_language_that_no_model_knows_is_refused(language: str) -> None:
    with pytest.raises(BadInput, match=f"the language {language!r}"):
        Tools(asr="whisper-base", language=language)


@pytest.mark.parametrize("asr", ["whisper-tiny.en", "tiny.en", "someone/whisper-small.en"])
def test_a_model_that_hears_english_only_is_given_nothing_else(asr: str) -> None:
    assert Tools(asr=asr).language is None
    assert Tools(asr=asr, language="en").language == "en"
    with pytest.raises(BadInput, match="hears English only, no 'de'"):
        Tools(asr=asr, language="de")


def test_a_model_of_many_languages_is_told_which() -> None:
    assert Tools(asr="whisper-base", language="de").language == "de"
