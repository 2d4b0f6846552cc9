"""A tiny random model on the processor: the loss falls, and a killed run goes on exactly."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from gistill.distill.base import Base, open_base
from gistill.distill.dataset import About, Row
from gistill.distill.run import Diverged, Run
from gistill.distill.settings import Settings
from gistill.distill.student import add_lora
from gistill.distill.train import train
from gistill.errors import BadInput

Data = dict[str, list[Row]]
WEIGHTS = "lora_student/adapter_model.safetensors"


def notes(folder: Path, name: str) -> list[Any]:
    lines = map(json.loads, (folder / "log.jsonl").read_text().splitlines())
    return [line[name] for line in lines if name in line]


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"batching": "pack"},
        {"accumulate": 2},
        {"rslora": True, "lr": 1e-2},
        {"dora": True},
        {"checkpointing": True},
        {"average": 0.0},
    ],
    ids=str,
)
def test_the_loss_falls(
    causal: Base, data: Data, settings: Settings, tmp_path: Path, more: dict[str, Any]
) -> None:
    train(causal, data, replace(settings, **more), tmp_path)
    found = notes(tmp_path, "loss")
    assert found[-1] < 0.8 * found[0]
    assert (tmp_path / WEIGHTS).is_file()


def test_an_encoder_decoder_learns_too(
    seq2seq: Base, data: Data, settings: Settings, tmp_path: Path
) -> None:
    train(seq2seq, data, settings, tmp_path)
    found = notes(tmp_path, "loss")
    assert found[-1] < 0.8 * found[0]


def test_checkpointed_and_accumulated_gradients_are_the_same(
    llama: Path, data: Data, settings: Settings, tmp_path: Path
) -> None:
    """Two passes of half the rows make the step that one pass of all makes."""
    plain = replace(settings, max_steps=3, dropout=0.0, evals=0)
    same = {
        "plain": plain,
        "checkpointed": replace(plain, checkpointing=True),
        "packed": replace(plain, batching="pack", batch_tokens=10_000),
        "at once": replace(plain, batch_tokens=10_000),
    }
    first: dict[str, float] = {}
    for name, how in same.items():
        base = open_base(str(llama), device="cpu", precision="fp32")
        train(base, data, how, tmp_path / name)
        first[name] = notes(tmp_path / name, "loss")[-1]
    assert first["checkpointed"] == pytest.approx(first["plain"], rel=1e-5)
    assert first["packed"] == pytest.approx(first["at once"], rel=1e-3)


def killed_at(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    update = Run.update

    def kill(self: Run, at: int) -> None:
        if at == step:
            raise KeyboardInterrupt
        update(self, at)

    monkeypatch.setattr(Run, "update", kill)


@pytest.mark.parametrize("step", [3, 7, 11])
def test_a_killed_run_goes_on_bit_for_bit(
    llama: Path, data: Data, settings: Settings, tmp_path: Path, step: int
) -> None:
    def fresh() -> Base:
        return open_base(str(llama), device="cpu", precision="fp32")

    train(fresh(), data, settings, tmp_path / "whole")
    with pytest.MonkeyPatch.context() as patch:
        killed_at(step, patch)
        with pytest.raises(KeyboardInterrupt):
            train(fresh(), data, settings, tmp_path / "cut")
    train(fresh(), data, settings, tmp_path / "cut")
    assert (tmp_path / "cut" / WEIGHTS).read_bytes() == (tmp_path / "whole" / WEIGHTS).read_bytes()
    for name in ("loss", "step", "rougeLsum", "example"):
        assert notes(tmp_path / "cut", name) == notes(tmp_path / "whole", name)
    assert (tmp_path / "cut" / "curves.svg").read_text() == (
        tmp_path / "whole" / "curves.svg"
    ).read_text()


def test_training_goes_on_from_adapters_as_they_are(
    llama: Path, data: Data, settings: Settings, tmp_path: Path
) -> None:
    def fresh() -> Base:
        return open_base(str(llama), device="cpu", precision="fp32")

    train(fresh(), data, settings, tmp_path / "first")
    start = tmp_path / "first" / "lora_student"
    # Steps that are too small to be seen: what comes out is what went in.
    still = replace(settings, lr=1e-12, weight_decay=0.0, rank=settings.rank + 1)
    train(fresh(), data, still, tmp_path / "second", start=start)
    before, after = (load_file(tmp_path / name / WEIGHTS) for name in ("first", "second"))
    assert before.keys() == after.keys()
    for name, weight in before.items():
        assert torch.allclose(weight, after[name], atol=1e-6)
    record = json.loads((tmp_path / "second" / "run.json").read_text())
    assert record["settings"]["rank"] == settings.rank
    card = tmp_path / "second" / "lora_student" / "README.md"
    assert record["start"] in card.read_text()
    # A run that began anew is another run.
    with pytest.raises(BadInput, match="another settings, start"):
        train(fresh(), data, still, tmp_path / "second")


def test_a_folder_without_adapters_is_named(
    causal: Base, data: Data, settings: Settings, tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match="holds no adapter"):
        train(causal, data, settings, tmp_path / "out", start=tmp_path)


def test_a_finished_run_is_not_made_again(
    causal: Base, llama: Path, data: Data, settings: Settings, tmp_path: Path
) -> None:
    first = train(causal, data, settings, tmp_path)
    before = (tmp_path / "log.jsonl").read_text()
    again = train(open_base(str(llama), device="cpu"), data, settings, tmp_path)
    assert again == first
    assert (tmp_path / "log.jsonl").read_text() == before


def test_another_run_in_the_same_folder_is_refused(
    causal: Base, llama: Path, data: Data, settings: Settings, tmp_path: Path
) -> None:
    train(causal, data, settings, tmp_path)
    base = open_base(str(llama), device="cpu")
    with pytest.raises(BadInput, match=r"another settings; name another --out_dir, or .*--restart"):
        train(base, data, replace(settings, seed=1), tmp_path)
    other = data | {"train": data["train"][1:]}
    with pytest.raises(BadInput, match="another data"):
        train(open_base(str(llama), device="cpu"), other, settings, tmp_path)


def test_the_same_seed_gives_the_same_adapters_and_another_others(
    llama: Path, data: Data, settings: Settings, tmp_path: Path
) -> None:
    found = []
    for number, seed in enumerate((0, 0, 1)):
        base = open_base(str(llama), device="cpu", precision="fp32")
        train(base, data, replace(settings, seed=seed), tmp_path / str(number))
        found.append((tmp_path / str(number) / WEIGHTS).read_bytes())
    assert found[0] == found[1] != found[2]


def test_the_best_by_generated_rouge_is_kept(
    causal: Base, data: Data, settings: Settings, tmp_path: Path
) -> None:
    outcome = train(causal, data, replace(settings, evals=4), tmp_path)
    found = notes(tmp_path, "rougeLsum")
    assert len(found) == 4
    assert outcome.best["rougeLsum"] == max(found)
    assert outcome.step == outcome.steps == 12


def test_it_stops_when_it_gets_no_better(
    causal: Base, data: Data, settings: Settings, tmp_path: Path
) -> None:
    # With so small a rate no evaluation is better than the first.
    still = replace(settings, lr=1e-9, evals=12, patience=2)
    outcome = train(causal, data, still, tmp_path)
    assert (outcome.step, outcome.steps) == (3, 12)
    assert outcome.best["step"] == 1
    assert json.loads((tmp_path / "run.json").read_text())["step"] == 3


def test_a_teachers_distributions_are_learnt(
    llama: Path, data: Data, settings: Settings, tmp_path: Path
) -> None:
    from peft import PeftModel

    from gistill.distill.losses import answer_logits, divergence
    from gistill.distill.student import encode

    def fresh() -> Base:
        return open_base(str(llama), device="cpu", precision="fp32")

    torch.manual_seed(0)
    teacher = fresh()
    with torch.no_grad():
        for weight in teacher.model.parameters():
            weight += 0.05 * torch.randn_like(weight)
    how = replace(settings, kl=1.0, evals=0, max_steps=20)
    train(fresh(), data, how, tmp_path, teacher=teacher)
    batch = [encode(row, teacher) for row in data["train"]]
    base = fresh()
    wanted, _ = answer_logits(teacher, teacher.model, batch)
    with torch.no_grad():
        before = float(divergence(answer_logits(base, base.model, batch)[0], wanted, 1.0))
        student = PeftModel.from_pretrained(base.model, str(tmp_path / "lora_student")).eval()
        after = float(divergence(answer_logits(base, student, batch)[0], wanted, 1.0))
    assert after < 0.8 * before
    assert json.loads((tmp_path / "run.json").read_text())["teacher"] == teacher.name


def test_a_teacher_and_its_weight_go_together(
    causal: Base, llama: Path, t5: Path, data: Data, settings: Settings, tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match="both --teacher_model and --kl"):
        train(causal, data, replace(settings, kl=0.5), tmp_path)
    with pytest.raises(BadInput, match="both --teacher_model and --kl"):
        train(causal, data, settings, tmp_path, teacher=open_base(str(llama), device="cpu"))
    other = open_base(str(t5), device="cpu")
    with pytest.raises(BadInput, match="not of one kind"):
        train(causal, data, replace(settings, kl=0.5), tmp_path, teacher=other)


def test_a_loss_that_is_no_number_stops_the_run(
    causal: Base, data: Data, settings: Settings, tmp_path: Path
) -> None:
    with torch.no_grad():
        next(causal.model.parameters()).fill_(float("nan"))
    with pytest.raises(Diverged, match=r"the loss is nan at step 1; lower --learning_rate"):
        train(causal, data, settings, tmp_path)
    assert Diverged("").exit_code == 2


def test_a_loss_that_keeps_rising_stops_the_run(
    causal: Base, settings: Settings, tmp_path: Path
) -> None:
    run = Run(causal, add_lora(causal, settings), settings, tmp_path)
    for step in range(200):  # noise, and a slow fall, are no divergence
        run.watch(3.0 - step / 100 + (step % 2), step)

    def rise() -> None:
        for step in range(200, 300):
            run.watch(7.0, step)

    with pytest.raises(Diverged, match=r"rose from 3\.\d+ to \d\.\d+ by step 2\d\d"):
        rise()


def test_a_gradient_that_is_no_number_stops_the_run(
    causal: Base, data: Data, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def infinite(*args: Any) -> Any:
        return torch.tensor(float("inf"))

    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", infinite)
    with pytest.raises(Diverged, match="a gradient is no number at step 1"):
        train(causal, data, settings, tmp_path)


def test_empty_and_leaking_splits_are_refused(
    causal: Base, data: Data, settings: Settings, tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match="train holds no row"):
        train(causal, data | {"train": []}, settings, tmp_path)
    with pytest.raises(BadInput, match=r"dev holds no row .* --evals 0"):
        train(causal, data | {"dev": []}, settings, tmp_path)
    with pytest.raises(BadInput, match="share the source"):
        train(causal, data | {"dev": data["train"][:1]}, settings, tmp_path)
    assert not (tmp_path / "lora_student").exists()


def test_without_evaluations_the_last_adapters_are_kept(
    causal: Base, data: Data, settings: Settings, tmp_path: Path
) -> None:
    outcome = train(causal, data | {"dev": []}, replace(settings, evals=0), tmp_path)
    assert outcome.best == {}
    assert (tmp_path / WEIGHTS).is_file()


def test_rows_that_are_too_long_are_left_out_and_counted(
    causal: Base, data: Data, settings: Settings, tmp_path: Path
) -> None:
    long = replace(data["train"][0], input="word " * 400, source="long")
    outcome = train(causal, data | {"train": [*data["train"], long]}, settings, tmp_path)
    assert outcome.left_out == 1
    with pytest.raises(BadInput, match="no row is within 3 tokens; raise --max_length"):
        train(causal, data, replace(settings, max_length=3), tmp_path / "none")


def test_rows_beyond_a_models_positions_are_left_out(
    bart: Path, data: Data, settings: Settings, tmp_path: Path
) -> None:
    base = open_base(str(bart), device="cpu", precision="fp32")
    long = replace(data["train"][0], input="Zoë " * 200, source="long")
    outcome = train(base, data | {"train": [*data["train"], long]}, settings, tmp_path)
    assert outcome.left_out == 1


def test_packing_is_for_decoders(
    seq2seq: Base, data: Data, settings: Settings, tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match="cannot be packed"):
        train(seq2seq, data, replace(settings, batching="pack"), tmp_path)


def test_what_is_left_to_read_says_how_it_was_made(
    causal: Base, llama: Path, data: Data, settings: Settings, tmp_path: Path
) -> None:
    about = About("Fourteen lines.", "CC0")
    outcome = train(causal, data, settings, tmp_path, about=about, source="/data")
    record = json.loads((tmp_path / "run.json").read_text())
    assert record["best"] == outcome.best
    assert record["settings"]["rank"] == 4
    assert record["model"] == str(llama)
    assert (record["data_dir"], record["rows"]["train"]) == ("/data", 12)
    card = (tmp_path / "lora_student" / "README.md").read_text()
    for part in (str(llama), "Fourteen lines.", "CC0", "rougeLsum", "## Limits", "LoRA r 4"):
        assert part in card
    config = json.loads((tmp_path / "lora_student" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == str(llama)
