"""What `--profile` means in decoding terms."""

from __future__ import annotations

from dataclasses import dataclass

from gistill.types import Profile, Request

_SENTENCE = 24  # tokens: few sentences of a summary have fewer


@dataclass(frozen=True, slots=True)
class Decoding:
    """Beam search settings, as in the beam search of Hugging Face's `generate`."""

    beams: int
    length_penalty: float
    no_repeat_ngram: int = 3

    def request(
        self,
        prompt: str,
        text: str,
        max_tokens: int,
        query: str | None,
        *,
        alone: bool = False,
    ) -> Request:
        """A request that decodes this way."""
        return Request(
            prompt,
            text,
            max_tokens,
            query,
            beams=self.beams,
            length_penalty=self.length_penalty,
            no_repeat_ngram=self.no_repeat_ngram,
            wind_down=min(_SENTENCE, max_tokens // 3),
            alone=alone,
        )


PROFILES: dict[Profile, Decoding] = {
    "greedy": Decoding(beams=1, length_penalty=1.0),
    "fast": Decoding(beams=2, length_penalty=0.9),
    "quality": Decoding(beams=4, length_penalty=1.1),
}
