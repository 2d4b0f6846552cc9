from __future__ import annotations

import socket
from typing import Any

import httpx
import pytest

from gistill.engines.server import Server, loopback
from gistill.errors import BadInput, EngineFailed


def server(url: str) -> Server:
    return Server(httpx.URL(url), None)


def test_loopback() -> None:
    here = ("http://127.0.0.1:8080/v1", "http://localhost/v1", "http://[::1]:1/v1")
    away = (
        "http://10.0.0.1/v1",
        "https://example.com",
        "http://localhost.example.com",
        "http://0.0.0.0",
    )
    assert all(loopback(httpx.URL(url)) for url in here)
    assert not any(loopback(httpx.URL(url)) for url in away)


def test_vllms_way_of_counting(scripted: Any) -> None:
    scripted.json("/tokenize", {"count": 5, "max_model_len": 1000, "tokens": [1, 2, 3, 4, 5]})
    scripted.replies["/tokenize"].insert(0, (400, {}, [b"prompt is missing"]))
    asked = server(scripted.url)
    described = asked.describe("")
    assert (asked.kind, described.name, described.context) == ("vllm", "fake", 1000)
    assert asked.count("whatever") == 5
    assert scripted.seen[-1][2]["add_special_tokens"] is False


def test_counts_are_remembered(scripted: Any) -> None:
    scripted.json("/tokenize", {"tokens": [1, 2]})
    asked = server(scripted.url)
    asked.describe("")
    before = len(scripted.seen)
    assert [asked.count("same"), asked.count("same"), asked.count("other")] == [2, 2, 2]
    assert len(scripted.seen) == before + 2


def test_a_server_that_stops_counting(scripted: Any) -> None:
    scripted.json("/tokenize", {"tokens": [1]})
    asked = server(scripted.url)
    asked.describe("")
    scripted.json("/tokenize", {}, status=500)
    with pytest.raises(EngineFailed, match="stopped counting"):
        asked.count("text")


@pytest.mark.parametrize(
    ("entry", "context"),
    [
        ({"max_model_len": 2000}, 2000),
        ({"context_length": 3000}, 3000),
        ({"meta": {"n_ctx_train": 4000}}, 4000),
        ({"meta": {"n_ctx": 1024, "n_ctx_train": 4000}}, 1024),
        ({}, 4096),
    ],
)
def test_where_the_context_is_told(scripted: Any, entry: dict[str, Any], context: int) -> None:
    scripted.json("/v1/models", {"data": [{"id": "fake", **entry}, {"id": "other"}]})
    assert server(scripted.url).describe("fake").context == context


def test_a_choice_of_models_must_be_made(scripted: Any) -> None:
    scripted.json("/v1/models", {"data": [{"id": "large"}, {"id": "small"}]})
    with pytest.raises(BadInput, match="large, small"):
        server(scripted.url).describe("")


def test_a_server_without_a_list_of_models(scripted: Any) -> None:
    scripted.json("/v1/models", {}, status=404)
    assert server(scripted.url).describe("named").name == "named"
    with pytest.raises(BadInput, match="name the model"):
        server(scripted.url).describe("")


def test_what_is_no_server() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(EngineFailed, match="no server answers"):
        server(f"http://127.0.0.1:{port}/v1").describe("m")


@pytest.mark.parametrize("listed", [[], {"data": 5}, {"models": []}])
def test_what_speaks_something_else(scripted: Any, listed: Any) -> None:
    scripted.json("/v1/models", listed)
    with pytest.raises(EngineFailed, match="does not speak the OpenAI protocol"):
        server(scripted.url).describe("m")
