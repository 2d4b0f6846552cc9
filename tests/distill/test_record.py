"""What is left to read: curves of what was logged, and a card that says all that matters."""

from __future__ import annotations

from typing import Any

from gistill.distill.record import card, curves

NOTES = [
    {"step": 1, "of": 4, "loss": 3.0, "seconds": 0.1},
    {"step": 2, "rougeLsum": 10.0, "rouge1": 12.0, "rouge2": 3.0},
    {"step": 3, "of": 4, "loss": 2.0, "seconds": 0.3},
]
RECORD: dict[str, Any] = {
    "settings": {
        "rank": 8, "alpha": 16, "dropout": 0.1, "rslora": False, "dora": True,
        "targets": "all-linear", "batch_tokens": 2048, "accumulate": 2, "lr": 1e-3, "seed": 7,
        "evals": 3, "val_rows": 50, "kl": 0.5, "temperature": 2.0,
    },
    "model": "bundled", "teacher": "/models/large", "start": "a1b2c3",
    "processes": 2, "steps": 90, "step": 60,
    "best": {"step": 40, "rouge1": 30.0, "rougeLsum": 27.5}, "left_out": 3,
    "loss": {"first": 3.5, "last": 2.5}, "scorer": "rouge-score 0.1.2", "data_dir": "/data",
    "data_about": "Nine threads.", "data_licence": "CC0", "data_fingerprint": "abc",
    "rows": {"train": 90, "dev": 9}, "tasks": {"query": 90}, "teachers": {"reference": 90},
    "sources": 9, "base_licence": "Apache-2.0", "device": "cuda:0", "precision": "bfloat16",
    "seconds": 12.3,
}  # fmt: skip


def test_curves_show_loss_and_score_and_are_the_same_again() -> None:
    text = curves(NOTES)
    assert text == curves(NOTES)
    assert "loss of an answer" in text
    assert "generated ROUGE-Lsum on dev" in text
    assert "generated" not in curves(NOTES[:1])


def test_curves_without_any_loss_are_empty_but_there() -> None:
    assert curves([]).rstrip().endswith("</svg>")


def test_a_card_says_data_base_licence_figures_and_limits() -> None:
    text = card(RECORD)
    assert text.startswith("---\nbase_model: bundled\nlibrary_name: peft\n")
    assert "license: apache-2.0" in text
    for part in ("Nine threads.", "CC0", "rougeLsum 27.5", "after step 40", "60 of 90 steps",
                 "x 4", "KL weight 0.5 at temperature 2.0, from /models/large",
                 "bfloat16 on cuda,", "begun with adapters a1b2c3", "## Limits",
                 "3 rows were too long"):  # fmt: skip
        assert part in text, part


def test_a_card_does_not_make_up_what_is_unknown() -> None:
    bare = RECORD | {"best": {}, "teacher": "", "data_about": "", "data_licence": "",
                     "base_licence": "see the base model"}  # fmt: skip
    text = card(bare | {"start": ""})
    assert "begun" not in text
    assert "license:" not in text
    assert "nothing was evaluated" in text
    assert "licence: not said" in text
    assert "none; the targets are text" in text
