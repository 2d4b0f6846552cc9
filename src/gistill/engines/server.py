"""What an OpenAI-compatible server says of itself: its model, its context, its tokenizer."""

from __future__ import annotations

import hashlib
import ipaddress
import time
import weakref
from dataclasses import dataclass
from typing import Any, Literal

import httpx

from gistill.errors import BadInput, EngineFailed

Kind = Literal["llama.cpp", "vllm"]  # by how it counts tokens; others cannot be asked
_CONTEXT = 4096  # of a server that does not tell: what Ollama gives a model unless told otherwise
_REMEMBERED = 100_000  # counts
_LONGEST = 30.0  # seconds to wait for an answer


def loopback(url: httpx.URL) -> bool:
    """Whether `url` stays on this machine."""
    if url.host == "localhost":
        return True
    try:
        return ipaddress.ip_address(url.host).is_loopback
    except ValueError:
        return False


def explain(response: httpx.Response) -> str:
    """The server's own words about an error, on one line."""
    try:
        said = response.json()
        said = said.get("error", said) if isinstance(said, dict) else said
        said = said.get("message", said) if isinstance(said, dict) else said
    except ValueError:
        said = response.text
    return " ".join(str(said).split())[:200]


def check(response: httpx.Response, model: str = "") -> None:
    """Raises: EngineFailed for an answer that trying again would not change."""
    url, status = response.request.url, response.status_code
    if status in (401, 403):
        raise EngineFailed(
            f"{url.host} refuses the key ({explain(response)}); set OPENAI_API_KEY to a valid one"
        )
    if status == 404:
        raise EngineFailed(
            f"{url} has nothing for {model or 'gistill'} ({explain(response)}); "
            "check the URL and the model's name: openai:URL#model"
        )
    if status >= 400:
        raise EngineFailed(f"{url} answered {status}: {explain(response)}")


@dataclass(frozen=True, slots=True)
class Model:
    """The model a server was asked about; `mark` tells its weights from others of its name."""

    name: str
    context: int
    mark: str


class Server:
    """A server at `base`, its URL up to and with `/v1`; `settings` are for clients of it."""

    def __init__(self, base: httpx.URL, key: str | None) -> None:
        self.base = base
        self.root = base.copy_with(path=base.path.removesuffix("/v1") or "/")
        self.settings: dict[str, Any] = {
            "headers": {"Authorization": f"Bearer {key}"} if key else {},
            # A proxy from the environment must not see what is meant for this machine.
            "trust_env": not loopback(base),
            # Read once: loading the certificates takes longer than many a request.
            "verify": httpx.create_ssl_context() if base.scheme == "https" else False,
        }
        self._client = httpx.Client(timeout=httpx.Timeout(_LONGEST, connect=5.0), **self.settings)
        weakref.finalize(self, self._client.close)
        self._counts: dict[bytes, int] = {}
        self.kind: Kind | None = None
        self.model = ""

    def describe(self, name: str) -> Model:
        """Finds out about the model `name`, or about the only one if that is empty.

        Raises: BadInput if there is more than one to choose from; EngineFailed if the server
        cannot be reached or refuses the key.
        """
        listed = self._models()
        names = [str(entry.get("id")) for entry in listed]
        if not name and len(names) != 1:
            known = ", ".join(names[:8]) or "none that it lists"
            raise BadInput(f"name the model: openai:{self.base}#MODEL; the server has {known}")
        name = self.model = name or names[0]
        entry = next((e for e in listed if e.get("id") == name), {})
        if not entry and len(listed) == 1:  # a llama.cpp server answers to any name
            entry = listed[0]
        meta = entry.get("meta") or {}
        kinds: tuple[Kind, Kind] = ("llama.cpp", "vllm")
        self.kind = next((kind for kind in kinds if self._tokenize(kind, "x") is not None), None)
        found = (
            meta.get("n_ctx"),
            self._slot_context() if self.kind == "llama.cpp" else None,
            entry.get("max_model_len"),
            entry.get("loaded_context_length"),
            entry.get("context_length"),
            meta.get("n_ctx_train"),
        )
        context = next((int(value) for value in found if value), _CONTEXT)
        return Model(name, context, str(meta.get("size") or ""))

    def count(self, text: str, *, until: float | None = None) -> int:
        """Tokens in `text`: the server's own count, or a third of its bytes, rounded up, which is
        more than the tokenizers in use make of nearly any language. So it is too where the server
        does not answer before `until`, a `time.monotonic()` value.

        Raises: EngineFailed if the server no longer counts.
        """
        encoded = text.encode("utf-8", "surrogatepass")
        key = hashlib.blake2b(encoded, digest_size=16).digest()
        if key not in self._counts:
            left = _LONGEST if until is None else min(until - time.monotonic(), _LONGEST)
            if self.kind is None or left <= 0:
                return -(-len(encoded) // 3)
            tokens = self._tokenize(self.kind, text, left)
            if tokens is None and until is not None and time.monotonic() >= until:
                return -(-len(encoded) // 3)
            if tokens is None:
                raise EngineFailed(f"{self.base.host} stopped counting tokens; is it still up?")
            if len(self._counts) >= _REMEMBERED:
                self._counts.clear()
            self._counts[key] = tokens
        return self._counts[key]

    def overhead(self) -> int:
        """Tokens that the chat template adds: the server's word, or an ample guess."""
        said = None
        if self.kind == "llama.cpp":
            messages = [{"role": "user", "content": "x"}]
            said = self._ask("POST", "apply-template", {"messages": messages})
        prompt = said.get("prompt") if said else None
        return self.count(prompt) - self.count("x") if isinstance(prompt, str) else 32

    def _models(self) -> list[dict[str, Any]]:
        try:
            response = self._client.get(f"{self.base}/models")
        except httpx.HTTPError as error:
            raise EngineFailed(
                f"no server answers at {self.base} ({error}); start it, or correct the URL"
            ) from error
        if response.status_code in (404, 405, 501):  # not all servers list their models
            return []
        check(response)
        try:
            listed = response.json()["data"]
            return [entry for entry in listed if isinstance(entry, dict)]
        except (ValueError, KeyError, TypeError) as error:
            raise EngineFailed(
                f"{self.base} does not speak the OpenAI protocol: /models gave no list of models"
            ) from error

    def _tokenize(self, kind: Kind, text: str, timeout: float = _LONGEST) -> int | None:
        body: dict[str, Any] = {"content": text}
        if kind == "vllm":
            body = {"model": self.model, "prompt": text, "add_special_tokens": False}
        said = self._ask("POST", "tokenize", body, timeout) or {}
        if kind == "vllm" and isinstance(said.get("count"), int):
            return int(said["count"])
        tokens = said.get("tokens")
        return len(tokens) if isinstance(tokens, list) and (tokens or not text) else None

    def _slot_context(self) -> int | None:
        said = self._ask("GET", "props", None)
        settings = (said or {}).get("default_generation_settings")
        return settings.get("n_ctx") if isinstance(settings, dict) else None

    def _ask(
        self, method: str, path: str, body: dict[str, Any] | None, timeout: float = _LONGEST
    ) -> dict[str, Any] | None:
        """An answer outside of the protocol, or None where the server has none."""
        url = self.root.join(path)
        try:
            response = self._client.request(method, url, json=body, timeout=timeout)
            said = response.json() if response.status_code == 200 else None
        except (httpx.HTTPError, ValueError):  # the caller says what is missing without it
            return None
        return said if isinstance(said, dict) else None
