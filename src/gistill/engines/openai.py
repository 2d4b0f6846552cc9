"""Any server that speaks OpenAI's chat completions: vLLM, SGLang, Ollama, llama.cpp, or OpenAI.

    openai:http://127.0.0.1:8080/v1#model?context=8192&concurrency=8

The model may be left out where the server has only one. `concurrency` (or the environment's
GISTILL_OPENAI_CONCURRENCY, 4 by default) bounds the requests under way. The key is that of
OPENAI_API_KEY, if set. Answers are streamed, so that a deadline keeps what has come, and hanging up
ends an answer that winds down. Decoding is asked to be greedy; whether two runs agree is the
server's affair.

Tokens are counted by the server where it has llama.cpp's or vLLM's `/tokenize`. Elsewhere a count
is an estimate, a third of the bytes, which is too many rather than too few, and each completion
says so. What has come of a stream is taken for a token a piece, as most servers send it.
"""

from __future__ import annotations

import asyncio
import contextlib
import email.utils
import json
import os
import queue
import random
import re
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn
from urllib.parse import parse_qsl

import httpx

from gistill.engines import OnText, OpenOptions, Speed
from gistill.engines.growth import closes, legible, winding_down
from gistill.engines.server import Server, check, explain, loopback
from gistill.errors import BadInput, EngineFailed, Overflow
from gistill.types import Completion, Finish, Request

_TRIES = 5
_BACKOFF = 0.5  # seconds before the second try, doubled for each further one
_LONGEST_WAIT = 60.0
_SILENCE = 120.0  # seconds without a byte after which a server counts as gone
_AGAIN = (408, 409, 425, 429)
_PENALTY = {"llama.cpp": "repeat_penalty", "vllm": "repetition_penalty"}
_TOO_LONG = re.compile(r"exceed_context_size|context_length_exceeded|maximum context length")
_ESTIMATED = "count: tokens are estimated from bytes; this server does not count them"


class _Again(Exception):
    """A try failed in a way that another one may not; `wait` is what the server asked for."""

    def __init__(self, cause: str, wait: float | None = None) -> None:
        super().__init__(cause)
        self.wait = wait


@dataclass(slots=True)
class _Answer:
    """What has come of one completion so far."""

    parts: list[str] = field(default_factory=list)
    reason: str | None = None
    usage: dict[str, int] = field(default_factory=dict)

    def clear(self) -> None:
        self.parts.clear()
        self.reason = None

    def take(self, chunk: dict[str, Any]) -> None:
        """Adds a piece of a stream, or a whole answer, which has `message` for `delta`."""
        if error := chunk.get("error"):
            raise _Again(f"the server reported: {error}")
        if usage := chunk.get("usage"):
            self.usage = usage
        for choice in chunk.get("choices") or ():
            content = (choice.get("delta") or choice.get("message") or {}).get("content")
            if content:
                self.parts.append(content)
            self.reason = choice.get("finish_reason") or self.reason


@dataclass(frozen=True, slots=True)
class _Result:
    index: int
    answer: _Answer
    finish: Finish
    seconds: float


@dataclass(frozen=True, slots=True)
class _Text:
    """All that has come of an answer: handed over to be shown in the thread of the caller."""

    index: int
    text: str


_Post = queue.SimpleQueue[_Result | _Text | BaseException]


@dataclass(frozen=True, slots=True)
class _Ask:
    """A request under way: its place in the caller's sequence, and where to put its news."""

    index: int
    request: Request
    done: _Post
    shows: bool

    def grew(self, answer: _Answer) -> bool:
        """Shows what has come; True if it should end here."""
        written = len(answer.parts)
        ending = winding_down(self.request, written)
        if written == 0 or not (ending or self.shows):
            return False
        text = "".join(answer.parts)
        if self.shows and (seen := legible(text)):
            self.done.put(_Text(self.index, seen))
        return ending and closes(text)


class OpenAI:
    """The engine. Its `count` may ask the server, or be an estimate: see the module."""

    def __init__(self, server: Server, model: str, context: int | None, concurrency: int) -> None:
        described = server.describe(model)
        self._server, self._model = server, described.name
        self._concurrency = self.lanes = concurrency
        base = server.base
        where = f"{base.host}:{base.port}" if base.port else base.host
        mark = f"@{described.mark}" if described.mark else ""
        self.id = f"openai:{where}{base.path}#{described.name}{mark}"
        self.context = context or described.context
        self.window = min(self.context // 2, 4096)
        self.overhead = server.overhead()
        self.speed = Speed(prefill=1000.0, decode=30.0 * concurrency)

    def count(self, text: str) -> int:
        return self._server.count(text)

    def generate(
        self,
        requests: Sequence[Request],
        *,
        deadline: float | None = None,
        on_text: OnText | None = None,
    ) -> Iterator[Completion]:
        """Token counts of a completion are the server's where it gives them."""
        read = []
        for request in requests:
            tokens = self._server.count(request.prompt, until=deadline) + self.overhead
            read.append(tokens)
            late = deadline is not None and time.monotonic() >= deadline  # nothing will be sent
            if tokens + request.max_tokens > self.context and not late:
                raise Overflow(tokens + request.max_tokens, self.context)
        return self._generate(requests, read, deadline, on_text)

    def _generate(
        self,
        requests: Sequence[Request],
        read: list[int],
        deadline: float | None,
        on_text: OnText | None,
    ) -> Iterator[Completion]:
        done: _Post = queue.SimpleQueue()
        asks = [_Ask(i, r, done, on_text is not None) for i, r in enumerate(requests)]
        loop = asyncio.new_event_loop()
        work = loop.create_task(self._all(asks, deadline))
        # Requests go on in a thread of their own while the consumer is busy with an answer.
        thread = threading.Thread(target=_drive, args=(loop, work, done), daemon=True)
        thread.start()
        left = len(requests)
        shown: dict[int, str] = {}
        try:
            while left:
                item = done.get()
                if isinstance(item, BaseException):
                    raise item
                if isinstance(item, _Result):
                    left -= 1
                    yield self._completion(item, requests[item.index], read[item.index])
                elif on_text is not None and shown.get(item.index) != item.text:
                    shown[item.index] = item.text
                    on_text(item.index, item.text)
        finally:
            loop.call_soon_threadsafe(work.cancel)
            thread.join()
            loop.close()

    def _completion(self, result: _Result, request: Request, read: int) -> Completion:
        answer = result.answer
        text = "".join(answer.parts).strip()
        written = answer.usage.get("completion_tokens")
        if written is None:  # a server out of time is not asked: most send a token a piece
            late = result.finish == "deadline"
            written = len(answer.parts) if late else self.count(text)
        return Completion(
            result.index,
            text,
            answer.usage.get("prompt_tokens", read),
            written,
            result.finish,
            result.seconds,
            self._degraded(request),
        )

    def _degraded(self, request: Request) -> tuple[str, ...]:
        lost = []
        if request.beams > 1:
            lost.append("beams: the server decodes one sequence")
        if request.no_repeat_ngram:
            lost.append("no_repeat_ngram: the server does not know it")
        if request.repetition_penalty != 1.0 and self._server.kind not in _PENALTY:
            lost.append("repetition_penalty: the server does not know it")
        if self._server.kind is None:
            lost.append(_ESTIMATED)
        return tuple(lost)

    async def _all(self, asks: list[_Ask], deadline: float | None) -> None:
        slots = asyncio.Semaphore(self._concurrency)
        async with (
            httpx.AsyncClient(
                timeout=httpx.Timeout(_SILENCE, connect=10.0), **self._server.settings
            ) as client,
            asyncio.TaskGroup() as group,
        ):

            async def one(ask: _Ask) -> None:
                async with slots:
                    ask.done.put(await self._answer(client, ask, deadline))

            for ask in asks:
                group.create_task(one(ask))

    async def _answer(
        self, client: httpx.AsyncClient, ask: _Ask, deadline: float | None
    ) -> _Result:
        began = time.monotonic()
        left = None if deadline is None else deadline - began
        answer = _Answer()
        finish: Finish = "deadline"
        with contextlib.suppress(TimeoutError):  # `answer` keeps what has come
            if left is None or left > 0:
                async with asyncio.timeout(left):
                    await self._persist(client, ask, answer)
                finish = "length" if answer.reason == "length" else "stop"
        return _Result(ask.index, answer, finish, time.monotonic() - began)

    async def _persist(self, client: httpx.AsyncClient, ask: _Ask, answer: _Answer) -> None:
        """Tries until an answer is complete, waiting longer each time.

        Raises: EngineFailed when no try is left, or none would help.
        """
        for attempt in range(_TRIES):
            try:
                answer.clear()
                return await self._stream(client, ask, answer)
            except _Again as error:
                again = error
            except httpx.TransportError as error:
                again = _Again(str(error) or type(error).__name__)
            if attempt < _TRIES - 1:
                backoff = _BACKOFF * 2**attempt * random.uniform(0.5, 1.5)
                wait = backoff if again.wait is None else again.wait
                await asyncio.sleep(min(wait, _LONGEST_WAIT))
        raise EngineFailed(f"{self._server.base} failed {_TRIES} times; the last time: {again}")

    async def _stream(self, client: httpx.AsyncClient, ask: _Ask, answer: _Answer) -> None:
        url = f"{self._server.base}/chat/completions"
        async with client.stream("POST", url, json=self._body(ask.request)) as response:
            if response.status_code != 200:
                await response.aread()
                self._refuse(response, ask.request)
            try:
                if "json" in response.headers.get("content-type", ""):  # it does not stream
                    await response.aread()
                    answer.take(response.json())
                async for line in response.aiter_lines():
                    data = line.removeprefix("data:").strip() if line.startswith("data:") else ""
                    if data and data != "[DONE]":
                        answer.take(json.loads(data))
                        if answer.reason is None and ask.grew(answer):
                            answer.reason = "length"
                            return
            except (ValueError, TypeError, AttributeError) as error:
                raise EngineFailed(
                    f"{self._server.base} does not speak the OpenAI protocol: it sent no chat "
                    "completion"
                ) from error
        if answer.reason is None:
            raise _Again("the answer broke off")

    def _body(self, request: Request) -> dict[str, Any]:
        body = {
            "model": self._model,
            "messages": [{"role": "user", "content": request.prompt}],
            "max_tokens": request.max_tokens,
            "temperature": 0,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if request.repetition_penalty != 1.0 and self._server.kind:
            body[_PENALTY[self._server.kind]] = request.repetition_penalty
        return body

    def _refuse(self, response: httpx.Response, request: Request) -> NoReturn:
        """Raises what an answer other than 200 means."""
        said = explain(response)
        if response.status_code in _AGAIN or response.status_code >= 500:
            raise _Again(f"{response.status_code} {said}", _retry_after(response))
        if _TOO_LONG.search(response.text):
            raise Overflow(self.count(request.prompt) + request.max_tokens, self.context)
        check(response, self._model)
        raise EngineFailed(f"{response.request.url} answered {response.status_code}: {said}")


def _drive(
    loop: asyncio.AbstractEventLoop,
    work: asyncio.Task[None],
    done: _Post,
) -> None:
    """Runs `work` to its end; the consumer raises what went wrong."""
    try:
        loop.run_until_complete(work)
    except asyncio.CancelledError:
        pass  # the consumer has closed the iterator
    except BaseExceptionGroup as group:
        done.put(group.exceptions[0])
    except Exception as error:  # noqa: BLE001  (whatever it is, the consumer must not wait on)
        done.put(error)
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds to wait by the `Retry-After` header: a number, or a date."""
    value = response.headers.get("retry-after", "")
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None


def open(name: str, argument: str, options: OpenOptions) -> OpenAI:
    """Raises: BadInput for an argument that cannot be, or a host elsewhere when offline;
    EngineFailed if no server answers, or it refuses the key."""
    address, _, rest = argument.partition("#")
    model, _, settings = rest.partition("?")
    try:
        base = httpx.URL(address.rstrip("/"))
    except httpx.InvalidURL:
        base = httpx.URL("")
    if base.scheme not in ("http", "https") or not base.host:
        raise BadInput(
            f"openai needs a URL and a model, as in openai:http://127.0.0.1:8080/v1#model, "
            f"and got {argument!r}"
        )
    if base.path in ("", "/"):
        base = base.copy_with(path="/v1")
    if options.offline and not loopback(base):
        raise BadInput(f"gistill is offline and {base.host} is not this machine; drop --offline")
    given = dict(parse_qsl(settings))
    concurrency = given.pop("concurrency", os.environ.get("GISTILL_OPENAI_CONCURRENCY", "4"))
    context = given.pop("context", "0")
    if given or not concurrency.isdigit() or not context.isdigit() or int(concurrency) < 1:
        raise BadInput(f"openai takes #MODEL?context=N&concurrency=N, and got {argument!r}")
    server = Server(base, os.environ.get("OPENAI_API_KEY"))
    return OpenAI(server, model, int(context) or None, int(concurrency))
