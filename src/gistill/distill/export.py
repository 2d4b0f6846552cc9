"""The forms of an adapter that run: merged for transformers, OpenVINO and CTranslate2, beside its
base for OpenVINO, or alone in 16 bits; each is compared with the trained model."""

from __future__ import annotations

import json
import math
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gistill.bench.commands import aligned
from gistill.distill import agreement, dataset
from gistill.distill.agreement import Agreement, Case, Judge
from gistill.distill.base import Base, open_base
from gistill.distill.student import encode, load_adapter, prompt_ids
from gistill.errors import BadInput, EngineFailed, GistillError, MissingExtra
from gistill.models import MANIFEST, build, fetch, manifest
from gistill.models.adapter import read_adapter
from gistill.models.spec import spec

Say = Callable[[str], None]

_LONGEST = 1_500  # tokens of an input to compare on
_UNMERGED = ("adapter", "unmerged")
_WEIGHT = re.compile(r"model\.layers\[(\d+)\]\.(.+)\.weight")


def run(
    adapter: Path,
    out: Path,
    forms: Sequence[str],
    *,
    data: Path | None,
    prompts: int,
    offline: bool,
    say: Say,
) -> int:
    """Writes `out/<form>` for every form and prints how each agrees with the trained model.

    Returns the exit code: 1 if one does not agree.

    Raises: BadInput for what is no adapter, or cannot be exported so; MissingExtra.
    """
    base, trained = open_adapter(adapter, offline=offline)
    cases = [
        agreement.case(base, trained, prompt, target)
        for prompt, target in _held_out(adapter, base, data, prompts)
    ]
    judge = agreement.of_torch(trained, seq2seq=base.seq2seq)
    rows: list[tuple[str, ...]] = [("form", "MB", "perplexity", "greedy agreement")]
    rows.append(_row("trained", adapter, agreement.measure(judge, cases)))
    wrong = []
    out.mkdir(parents=True, exist_ok=True)
    merged: Any = None
    with tempfile.TemporaryDirectory(dir=out) as scratch:
        for form in forms:
            say(f"writing {form}")
            if form not in _UNMERGED and merged is None:
                merged = trained.merge_and_unload()
            target = out / form
            with _published(target) as folder:
                judge = _write(form, folder, base, merged, adapter, Path(scratch))
                if (folder / "openvino_model.xml").is_file():
                    _check_tokenizer(base, folder, cases)
            found = agreement.measure(judge, cases)
            rows.append(_row(form, target, found))
            wrong += [] if found.sound else [form]
    print("\n".join(aligned(rows)))
    say(f"compared on {found.tokens} tokens of {len(cases)} answers")
    if wrong:
        least = f"{agreement.LEAST:.0%}"
        say(f"gistill: {', '.join(wrong)} agrees on less than {least} of tokens: do not use it")
    return int(bool(wrong))


def open_adapter(folder: Path, *, offline: bool = False) -> tuple[Base, Any]:
    """The base in float32 on the CPU, and the adapted model, unmerged.

    Raises: BadInput if `folder` is no adapter or does not fit its base; MissingExtra.
    """
    try:
        config = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
        name = str(config["base_model_name_or_path"])
    except (OSError, ValueError, KeyError) as error:
        raise BadInput(f"{folder} is no LoRA adapter with a named base: {error}") from error
    beside = folder / name
    base = open_base(
        str(beside) if beside.is_dir() else name, device="cpu", precision="fp32", offline=offline
    )
    return base, load_adapter(base, folder)


def _write(form: str, folder: Path, base: Base, merged: Any, adapter: Path, scratch: Path) -> Judge:
    """Writes one form into `folder`; returns a judge that reads what was written."""
    if form == "adapter":
        _write_half(adapter, folder)
        _, halved = open_adapter(folder)
        return agreement.of_torch(halved, seq2seq=base.seq2seq)
    if form == "unmerged":
        scale = read_adapter(adapter).scale  # or BadInput
        plain = open_base(base.name, device="cpu", precision="fp32").model
        _write_openvino(plain, base, None, folder)
        _name_layers(folder)
        _write_half(adapter, folder)
        return agreement.of_openvino_unmerged(folder, folder, scale)
    if form == "hf":
        _write_hf(merged, base, folder)
        again = open_base(str(folder), device="cpu", precision="fp32")
        return agreement.of_torch(again.model, seq2seq=base.seq2seq)
    if form == "openvino":
        _write_openvino(merged, base, adapter, folder)
        return agreement.of_openvino(folder)
    _write_ct2(merged, base, folder, scratch)
    return agreement.of_ct2(folder, base.tokenizer, seq2seq=base.seq2seq)


def _write_hf(merged: Any, base: Base, folder: Path) -> None:
    from gistill.engines.checkpoint import quiet

    with quiet():
        merged.save_pretrained(folder)
        base.tokenizer.save_pretrained(folder)


def _write_openvino(model: Any, base: Base, adapter: Path | None, folder: Path) -> None:
    """With the bundled weights, as `gistill models get` builds them, `adapter` merged into them;
    else from the 16-bit weights of `model`."""
    about: dict[str, Any] = {"name": base.name.rpartition("/")[2], "adapter_sha256": ""}
    if adapter:
        about = {"name": adapter.parent.name, "adapter_sha256": _sha256(adapter)}
    if base.seq2seq:
        raise BadInput("OpenVINO runs decoder-only models here; export this one to hf or ct2")
    if base.name == "bundled":
        bundled = spec("bundled")
        weights = fetch.weights(bundled, wheel=None, offline=True, say=lambda line: None)
        merged = read_adapter(adapter) if adapter else None
        build.convert(
            weights, folder, about | bundled.traits, adapter=merged, say=lambda line: None
        )
        return
    from gistill.distill import llama_gguf

    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        source = Path(scratch) / "merged.gguf"
        llama_gguf.write(model, base.tokenizer, source)
        build.convert(source, folder, about, adapter=None, say=lambda line: None)
    _write_tokenizer(base, folder)


def _write_tokenizer(base: Base, folder: Path) -> None:
    """The exact tokenizer, in place of the one that OpenVINO makes of a GGUF file's vocabulary."""
    import openvino
    from openvino_tokenizers import convert_tokenizer  # type: ignore[import-untyped]

    made = convert_tokenizer(base.tokenizer, with_detokenizer=True, skip_special_tokens=True)
    for model, name in zip(made, ("tokenizer", "detokenizer"), strict=True):
        openvino.save_model(model, folder / f"openvino_{name}.xml")
    base.tokenizer.backend_tokenizer.save(str(folder / "tokenizer.json"))
    _renew_manifest(folder)


def _name_layers(folder: Path) -> None:
    """Names the matrix products of an OpenVINO model after the layers whose weights they use: by
    these names OpenVINO GenAI finds where an adapter belongs that it is given unmerged."""
    import openvino

    core, path = openvino.Core(), folder / "openvino_model.xml"
    core.set_property({"ENABLE_MMAP": False})  # the file is written while the model is in use
    model = core.read_model(path)
    for node in model.get_ordered_ops():
        if node.get_type_name() == "MatMul":
            source = node.input_value(1).get_node()
            while source.get_type_name() != "Constant" and source.get_input_size():
                source = source.input_value(0).get_node()
            if match := _WEIGHT.fullmatch(source.friendly_name):
                node.friendly_name = f"model.layers.{match[1]}.{match[2]}"
    openvino.save_model(model, path, compress_to_fp16=False)
    _renew_manifest(folder)


def _renew_manifest(folder: Path) -> None:
    about = manifest(folder)
    about["files"] = {name: fetch.sha256(folder / name) for name in about["files"]}
    (folder / MANIFEST).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")


def _check_tokenizer(base: Base, folder: Path, cases: Sequence[Case]) -> None:
    """Raises: EngineFailed if what OpenVINO makes of a text is not what was trained on."""
    from openvino_genai import Tokenizer

    theirs = Tokenizer(str(folder))
    for case in cases:
        text = base.tokenizer.decode(case.prompt)
        found = theirs.encode(text, add_special_tokens=False).input_ids.data[0].tolist()
        if found != base.tokenizer(text, add_special_tokens=False).input_ids:
            raise EngineFailed(
                "the exported tokenizer splits text unlike the original; export to hf or ct2"
            )


def _write_ct2(merged: Any, base: Base, folder: Path, scratch: Path) -> None:
    try:
        from ctranslate2.converters import TransformersConverter
        from ctranslate2.specs.model_spec import OPTIONAL
    except ImportError:
        raise MissingExtra("exporting to ct2", "ct2") from None

    class Converter(TransformersConverter):  # type: ignore[misc]
        def _load(self) -> Any:
            spec = super()._load()
            # transformers 5 says of every T5 that its embeddings are tied, by which CTranslate2
            # 4.8 takes it that outputs are scaled: not so for flan-t5 and all others since 1.1.
            if getattr(merged.config, "scale_decoder_outputs", True) is False:
                spec.decoder.scale_outputs = OPTIONAL
            return spec

    whole = scratch / "hf"
    _write_hf(merged, base, whole)
    copied = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja")
    converter = Converter(
        str(whole), copy_files=[name for name in copied if (whole / name).is_file()]
    )
    try:
        converter.convert(str(folder), quantization="int8", force=True)
    except (ValueError, NotImplementedError, KeyError) as error:
        raise BadInput(f"CTranslate2 cannot convert this model: {error}") from error


def _write_half(adapter: Path, folder: Path) -> None:
    """The adapter in 16 bits: half the size, to ship."""
    import torch
    from safetensors.torch import load_file, save_file

    tensors = load_file(adapter / "adapter_model.safetensors")
    halves = {name: tensor.to(torch.float16) for name, tensor in tensors.items()}
    if any(not torch.isfinite(half).all() for half in halves.values()):
        raise BadInput(f"the weights of {adapter} do not fit 16 bits")
    save_file(halves, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    for name in ("adapter_config.json", "README.md"):
        if (adapter / name).is_file():
            shutil.copyfile(adapter / name, folder / name)


def _held_out(
    adapter: Path, base: Base, data: Path | None, wanted: int
) -> Iterator[tuple[list[int], list[int] | None]]:
    """Inputs, with targets where there are some: rows that were not trained on, of several
    lengths, else parts of the bundled thread."""
    rows = _rows(adapter, data)
    limit = min(_LONGEST, base.limit or _LONGEST)
    found = 0
    for row in rows[:: max(1, len(rows) // max(1, 2 * wanted))]:
        encoded = encode(row, base)
        if len(encoded.ids) <= limit and found < wanted:
            found += 1
            yield list(encoded.ids[: encoded.start]), list(encoded.ids[encoded.start :])
    if found:
        return
    from gistill.demo import load_demo
    from gistill.prompts import template
    from gistill.segmentation.render import render

    lines = [render(segment) for segment in load_demo().segments]
    for number in range(wanted):
        text = "\n".join(lines[4 * number : 4 * number + 4])
        prompt = prompt_ids(base, template("local").render(text, words=60))
        if text and len(prompt) <= limit - 64:
            found += 1
            yield prompt, None
    if not found:
        raise BadInput("there is no input short enough to compare on; give --data DIR")


def _rows(adapter: Path, data: Path | None) -> list[dataset.Row]:
    if data is None:
        try:
            record = json.loads((adapter.parent / "run.json").read_text(encoding="utf-8"))
            data = Path(record["data_dir"])
        except (OSError, ValueError, KeyError):
            return []
        if not (data / "dataset_dict.json").is_file():  # it has gone, or was never on disk
            return []
    parts, _ = dataset.load(data)
    return list(parts.get("test") or parts.get("dev") or ())


def _row(form: str, folder: Path, found: Agreement) -> tuple[str, ...]:
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    perplexity = "-" if math.isnan(found.perplexity) else f"{found.perplexity:.3f}"
    return form, f"{size / 1e6:.1f}", perplexity, f"{found.greedy:.4f}"


@contextmanager
def _published(target: Path) -> Iterator[Path]:
    """A folder to fill, which becomes `target` in one step at the end and is gone on failure."""
    scratch = target.with_name(f".{target.name}.partial")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    try:
        yield scratch
        shutil.rmtree(target, ignore_errors=True)
        scratch.rename(target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _sha256(adapter: Path) -> str:
    try:
        return fetch.sha256(adapter / "adapter_model.safetensors")
    except OSError as error:
        raise GistillError(f"{adapter} cannot be read: {error}") from error
