"""Published results on QMSum test (35 meetings, 281 questions): to look at, not to mix with ours.

ROUGE-L comes in two kinds: over the whole summary's sentences (Lsum), or over it as one (L).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Published:
    """One line of a paper's table."""

    system: str
    rouge1: float
    rouge2: float
    rouge_l: float
    kind: Literal["Lsum", "L"]
    source: str

    def shown(self, score: float) -> str:
        """A score with the decimals that its paper gives."""
        return f"{score:.2f}" if self.kind == "Lsum" else f"{score:.1f}"


_QMSUM = "Zhong et al. 2021, QMSum, arXiv:2104.05938"
_SEGENC = "Vig et al. 2022, arXiv:2112.07637"
RESULTS = (
    Published(
        "Socratic SegEnc",
        38.06,
        13.74,
        33.51,
        "Lsum",
        "Pagnoni et al. 2023, Socratic Pretraining, arXiv:2212.10449",
    ),
    Published("SegEnc-W", 37.80, 13.43, 33.38, "Lsum", _SEGENC),
    Published("HMNet, gold spans", 36.06, 11.36, 31.27, "Lsum", _QMSUM),
    Published("BART", 29.20, 6.37, 25.49, "Lsum", _QMSUM),
    Published("LongT5 large", 35.1, 12.0, 23.3, "L", "Guo et al. 2022, arXiv:2112.07916"),
    Published("LED base", 25.1, 6.7, 18.8, "L", "Shaham et al. 2022, SCROLLS, arXiv:2201.03533"),
)
