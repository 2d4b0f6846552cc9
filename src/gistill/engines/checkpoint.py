"""Loads a transformers checkpoint: a folder, a LoRA adapter's folder, or a model of the hub.

An adapter may name "bundled" as its base: the weights that `gistill models get` fetched, as they
were before gistill adapted them.
"""

from __future__ import annotations

import contextlib
import json
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from gistill.engines import OpenOptions
from gistill.engines.fingerprint import fingerprint
from gistill.errors import BadInput, EngineFailed, MissingExtra
from gistill.home import expanded
from gistill.models import fetch
from gistill.models.spec import spec

try:
    import torch
    import transformers
except ModuleNotFoundError as error:
    raise MissingExtra("the hf engine", "torch") from error

_HUB_ID = re.compile(r"[\w.-]+(?:/[\w.-]+)?")
_DTYPES = {torch.float32: "fp32", torch.bfloat16: "bf16", torch.float16: "fp16"}


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A model on its device, its tokenizer, and the id that names both."""

    id: str
    model: Any
    tokenizer: Any


class Read(Protocol):
    """Reads a model and its tokenizer from a folder or, if not `local`, from the hub."""

    def __call__(self, source: str, *, local: bool) -> tuple[Any, Any]: ...


def read(source: str, *, local: bool) -> tuple[Any, Any]:
    """Whatever class the configuration names, with its tokenizer. `source` may be a GGUF file.

    Raises: EngineFailed.
    """
    where, dtype = device()
    found: dict[str, Any] = {"local_files_only": local}
    folder, file = source, Path(source)
    if local and file.suffix == ".gguf" and file.is_file():
        folder = str(file.parent)
        found["gguf_file"] = file.name
    with reading(source):
        config = transformers.AutoConfig.from_pretrained(folder, **found)
        kind = "Seq2SeqLM" if config.is_encoder_decoder else "CausalLM"
        opener = getattr(transformers, f"AutoModelFor{kind}")
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **found)
        model = opener.from_pretrained(folder, config=config, dtype=dtype, **found)
    if "gguf_file" in found:  # the weights are plain ones by now; peft would take them for GGUF's
        model.hf_quantizer, model.is_quantized = None, False
        del model.config.quantization_config
    return model.to(where).eval(), tokenizer


def load(argument: str, options: OpenOptions, read: Read = read) -> Checkpoint:
    """Opens `argument` on the GPU in bfloat16 (float16 where it lacks that), else on the CPU in
    float32. Weights of the hub that are on disk already are used without asking the network.
    Models that need more than their configuration says come with a `read` of their own.

    Raises: BadInput for something that is no model; EngineFailed if the hub cannot be reached.
    """
    folder = expanded(argument)
    if folder.is_dir():
        if (folder / "adapter_config.json").is_file():
            return _load_adapter(folder, options)
        if not (folder / "config.json").is_file():
            raise BadInput(
                f"{argument} holds no config.json; give a folder written by save_pretrained"
            )
        model, tokenizer = read(str(folder), local=True)
        return Checkpoint(_id(folder.resolve().name, fingerprint(folder), model), model, tokenizer)
    if not _HUB_ID.fullmatch(argument):
        raise BadInput(f"{argument!r} is neither a model folder nor the id of a model on the hub")
    model, tokenizer = _from_hub(argument, options, read)
    revision = getattr(model.config, "_commit_hash", None) or "unknown"
    return Checkpoint(_id(argument, revision[:12], model), model, tokenizer)


def _load_adapter(folder: Path, options: OpenOptions) -> Checkpoint:
    try:
        import peft
    except ModuleNotFoundError as error:
        raise MissingExtra("a LoRA adapter", "train") from error
    try:
        settings = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
        name = settings.get("base_model_name_or_path")
    except (ValueError, AttributeError) as error:
        raise BadInput(f"{folder}/adapter_config.json is damaged: {error}") from error
    if not name:
        raise BadInput(f"{folder}/adapter_config.json names no base model")
    beside = folder / name
    if name == "bundled":
        base = _bundled(folder)
    else:
        base = load(str(beside) if beside.is_dir() else name, options)
    try:
        with quiet():
            model = peft.PeftModel.from_pretrained(base.model, str(folder)).merge_and_unload()
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        cause = " ".join(str(error).split())[:160]
        raise BadInput(f"the adapter {folder} does not fit its base {name}: {cause}") from error
    model.eval()
    return Checkpoint(f"{base.id}+{fingerprint(folder)}", model, base.tokenizer)


def _bundled(adapter: Path) -> Checkpoint:
    try:
        weights = fetch.weights(spec("bundled"), wheel=None, offline=True, say=lambda line: None)
    except BadInput as error:
        raise BadInput(
            f"{adapter} adapts the bundled model, whose weights are not here; "
            "run: gistill models get"
        ) from error
    model, tokenizer = read(str(weights), local=True)
    revision = spec("bundled").members[0].sha256[:12]
    return Checkpoint(_id("bundled", revision, model), model, tokenizer)


def _from_hub(name: str, options: OpenOptions, read: Read) -> tuple[Any, Any]:
    try:
        return read(name, local=True)
    except EngineFailed as error:
        if options.offline:
            raise EngineFailed(
                f"the model {name} is not on this machine and gistill is offline; "
                "run once without --offline, or give a folder (hf:PATH)"
            ) from error
    _reach_hub(name)
    return read(name, local=False)


def _reach_hub(name: str) -> None:
    """The hub's own client would retry for half a minute before it says that there is no hub."""
    import httpx
    from huggingface_hub import constants

    try:
        httpx.head(constants.ENDPOINT, timeout=5.0)
    except httpx.HTTPError as error:
        raise EngineFailed(
            f"the model {name} is not on this machine and {constants.ENDPOINT} cannot be reached "
            f"({error}); copy the model's folder here and give its path (hf:PATH)"
        ) from error


@contextlib.contextmanager
def reading(source: str) -> Iterator[None]:
    """Reports in one line what transformers says when it cannot load `source`."""
    try:
        with quiet():
            yield
    except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
        cause = " ".join(str(error).split()).partition(". ")[0]
        raise EngineFailed(f"transformers cannot load {source}: {cause}") from error


def device() -> tuple[str, torch.dtype]:
    """Where a model goes, and the type of its weights there."""
    if not torch.cuda.is_available():
        return "cpu", torch.float32
    return "cuda", torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16


def _id(name: str, revision: str, model: Any) -> str:
    dtype = _DTYPES.get(model.dtype, str(model.dtype).removeprefix("torch."))
    return f"hf:{name}@{revision}:{dtype}"


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keeps transformers' bars and remarks off the terminal; its errors are raised anyway."""
    logging: Any = transformers.utils.logging
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            # peft 0.21 reads a name that transformers 5.23 deprecates.
            warnings.simplefilter("ignore", FutureWarning)
            yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
