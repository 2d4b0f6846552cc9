from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gistill.errors import BadInput

torch = pytest.importorskip("torch")
from transformers import (  # noqa: E402
    BertConfig,
    BertModel,
    BertTokenizerFast,
)

from gistill.bench.bertscore import BertScore  # noqa: E402

WORDS = "[PAD] [UNK] [CLS] [SEP] [MASK] the team chose a rubber case cheap chip today".split()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A tiny BERT with random weights."""
    folder = tmp_path_factory.mktemp("bert")
    (folder / "vocab.txt").write_text("\n".join(WORDS))
    torch.manual_seed(0)
    config = BertConfig(vocab_size=len(WORDS), hidden_size=16, num_hidden_layers=3,
                        num_attention_heads=2, intermediate_size=32)  # fmt: skip
    BertModel(config).save_pretrained(folder)
    BertTokenizerFast(vocab=str(folder / "vocab.txt")).save_pretrained(folder)
    return str(folder)


def plain(model: str, summary: str, reference: str, layer: int) -> tuple[float, float]:
    """Precision and recall with loops, from the paper."""
    bert = BertModel.from_pretrained(model).eval()
    tokenizer = BertTokenizerFast.from_pretrained(model)

    def states(text: str) -> list[torch.Tensor]:
        with torch.no_grad():
            ids = tokenizer(text, return_tensors="pt")
            return list(bert(**ids, output_hidden_states=True).hidden_states[layer][0])

    def best(ours: list[torch.Tensor], theirs: list[torch.Tensor]) -> float:
        found = [
            max(float(torch.cosine_similarity(a, b, dim=0)) for b in theirs) for a in ours[1:-1]
        ]
        return sum(found) / len(found)

    a, b = states(summary), states(reference)
    return best(a, b), best(b, a)


@pytest.mark.parametrize("layer", [None, 2])
def test_bertscore_is_that_of_the_paper(model: str, layer: int | None) -> None:
    texts = "the team chose a cheap chip", "a rubber case today"
    precision, recall = plain(model, *texts, layer or 3)
    row = BertScore(model, layer)([texts[0]], [texts[1]])[0]
    f1 = 2 * precision * recall / (precision + recall)
    assert row == pytest.approx([precision, recall, f1], abs=1e-5)


def test_the_same_text_scores_one_and_none_scores_zero(model: str) -> None:
    found = BertScore(model)(["a case", ""], ["a case", "a case"])
    assert found[0] == pytest.approx([1, 1, 1], abs=1e-6)
    assert not np.any(found[1])


def test_a_model_that_is_not_here(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="--bertscore DIR"):
        BertScore(str(tmp_path))
