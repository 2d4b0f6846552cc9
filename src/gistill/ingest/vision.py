"""What an image shows, said by a model: a server's (`openai:`) or one of transformers (`hf:`)."""

from __future__ import annotations

import base64
import io
import os
from functools import cache
from typing import TYPE_CHECKING, Any

from gistill.errors import BadInput, EngineFailed
from gistill.ingest.needs import Needs
from gistill.ingest.tools import Tools

if TYPE_CHECKING:
    from PIL.Image import Image

PROMPT = (
    "Describe what this image shows in one to three plain sentences. Name what a reader of the "
    "conversation around it would need: the kind of image, what is in it, and for charts what they "
    "say. Do not guess at names of people."
)
_VERSION = 1  # of the prompt and of how the image is sent
_SIDE = 1024  # pixels: the longer side of what is sent
_TOKENS = 160
_PATIENCE = 120.0  # seconds


def describe(image: Image, tools: Tools, *address: object) -> str:
    """A caption of `image` by the model that `tools.caption` names.

    `address` names the image: under it and the model, captions are kept in `tools.memory`.

    Raises: BadInput for a SPEC that cannot describe images, or a host elsewhere when offline;
    MissingExtra; EngineFailed.
    """
    from gistill.store import key

    spec = tools.caption or ""
    place = key("caption", _VERSION, PROMPT, spec, *address)
    if tools.memory is not None and isinstance(kept := tools.memory.get(place), str):
        return kept
    kind, _, argument = spec.partition(":")
    if kind == "openai" and argument:
        text = _asked(image, argument, offline=tools.offline)
    elif kind == "hf" and argument:
        text = _generated(image, argument, offline=tools.offline)
    else:
        raise BadInput(
            f"captions need openai:URL#model or hf:ID_OR_PATH with a vision model, not {spec!r}"
        )
    text = " ".join(text.split())
    if tools.memory is not None:
        tools.memory.put(place, "caption", text)
    return text


def _small(image: Image) -> Image:
    small = image.convert("RGB")
    small.thumbnail((_SIDE, _SIDE))
    return small


def _asked(image: Image, argument: str, *, offline: bool) -> str:
    """The answer of a server that speaks OpenAI's chat completions with images."""
    import httpx

    from gistill.engines.server import check, loopback

    address, _, model = argument.partition("#")
    url = httpx.URL(address.rstrip("/"))
    if url.scheme not in ("http", "https") or not url.host:
        raise BadInput(f"captions need openai:URL#model, and got {argument!r}")
    if offline and not loopback(url):
        raise BadInput(f"gistill is offline and {url.host} is not this machine; drop --offline")
    if url.path in ("", "/"):
        url = url.copy_with(path="/v1")
    packed = io.BytesIO()
    _small(image).save(packed, "JPEG", quality=85)
    data = "data:image/jpeg;base64," + base64.b64encode(packed.getvalue()).decode()
    content = [
        {"type": "text", "text": PROMPT},
        {"type": "image_url", "image_url": {"url": data}},
    ]
    body: dict[str, Any] = {
        "messages": [{"role": "user", "content": content}],
        "max_tokens": _TOKENS,
        "temperature": 0,
    }
    if model:
        body["model"] = model.partition("?")[0]
    token = os.environ.get("OPENAI_API_KEY")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        with httpx.Client(timeout=_PATIENCE, trust_env=not loopback(url)) as client:
            response = client.post(f"{url}/chat/completions", json=body, headers=headers)
    except httpx.HTTPError as error:
        raise EngineFailed(f"no caption from {url.host}: {error or type(error).__name__}") from None
    check(response, model)
    try:
        return str(response.json()["choices"][0]["message"]["content"] or "")
    except (ValueError, LookupError, TypeError):
        raise EngineFailed(f"{url} sent no chat completion; can its model see images?") from None


def _generated(image: Image, name: str, *, offline: bool) -> str:
    """The caption of a model of transformers, chat or not."""
    pipeline = _pipeline(name, offline)
    small = _small(image)
    if getattr(pipeline.processor, "chat_template", None):
        content = [{"type": "image", "image": small}, {"type": "text", "text": PROMPT}]
        asked: dict[str, Any] = {"text": [{"role": "user", "content": content}]}
    else:
        asked = {"images": small, "text": ""}
    found = pipeline(
        **asked,
        max_new_tokens=_TOKENS,
        return_full_text=False,
        generate_kwargs={"do_sample": False},
    )
    return str(found[0]["generated_text"])


@cache
def _pipeline(name: str, offline: bool) -> Any:
    """Raises: MissingExtra; BadInput if there is no such model, or it cannot see."""
    Needs("torch", ("transformers",)).check("describing images with transformers")
    import transformers

    try:
        return transformers.pipeline(
            "image-text-to-text", model=name, local_files_only=offline, trust_remote_code=False
        )
    except (OSError, ValueError, KeyError) as error:
        said = " ".join(str(error).split())[:160]
        raise BadInput(f"the model {name} cannot describe images here: {said}") from None
