"""BERTScore (Zhang et al., ICLR 2020): each token matched with its nearest of the other text.

Without idf weights and baseline rescaling. As in the authors' code, the marks around a text can be
matched but do not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gistill.errors import BadInput, MissingExtra

MODEL = "roberta-large"
_LAYERS = {"roberta-large": 17, "roberta-base": 10, "bert-base-uncased": 9}


class BertScore:
    """A model's hidden states as contextual embeddings, of `layer` (by default the authors' choice
    for their models, and the last one for others)."""

    def __init__(
        self, source: str = MODEL, layer: int | None = None, *, local: bool = True
    ) -> None:
        """`local` opens no socket. Raises: BadInput if the model is not there; MissingExtra."""
        try:
            import torch
            from transformers import AutoModel, AutoTokenizer
        except ImportError:
            raise MissingExtra("BERTScore", "torch") from None
        self._torch = torch
        try:
            self._tokenizer = AutoTokenizer.from_pretrained(source, local_files_only=local)
            model: Any = AutoModel.from_pretrained(source, local_files_only=local)
        except (OSError, ValueError):
            raise BadInput(
                f"the model {source} of BERTScore is not here; name a folder with --bertscore DIR"
            ) from None
        self._model = model.eval()
        self._layer = layer or _LAYERS.get(source, model.config.num_hidden_layers)
        self.name = f"BERTScore by {source}, layer {self._layer}"

    def __call__(self, summaries: Sequence[str], references: Sequence[str]) -> NDArray[np.float64]:
        """Precision, recall and F1 of each, 0 to 1, shape (n, 3); an empty text scores 0."""
        rows = np.zeros((len(summaries), 3))
        for row, summary, reference in zip(rows, summaries, references, strict=True):
            ours, counts = self._embedded(summary)
            theirs, target = self._embedded(reference)
            if not counts.any() or not target.any():
                continue
            cosines = ours @ theirs.T
            precision = cosines.max(axis=1)[counts].mean()
            recall = cosines.max(axis=0)[target].mean()
            row[:] = precision, recall, 2 * precision * recall / (precision + recall)
        return rows

    def _embedded(self, text: str) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Unit vectors of the tokens, and which of them count."""
        batch = self._tokenizer(
            text,
            return_tensors="pt",
            truncation=True,
            max_length=min(512, self._tokenizer.model_max_length),
            return_special_tokens_mask=True,
        )
        counts = batch.pop("special_tokens_mask")[0].numpy() == 0
        with self._torch.no_grad():
            states = self._model(**batch, output_hidden_states=True).hidden_states[self._layer][0]
        vectors = states.double().numpy()
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), counts
