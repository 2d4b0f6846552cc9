"""Tiny checkpoints in the forms that other engines read, and servers that serve them."""

from __future__ import annotations

import contextlib
import http.server
import json
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tiny_gguf
from checkpoints import CHAT
from llama_cpp import serving


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """Models this small spend their time waiting for threads; CTranslate2 resets their number."""
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)


def convert(source: Path, output: Path, quantization: str) -> Path:
    """`source` as `ct2-transformers-converter` writes it."""
    from ctranslate2.converters import TransformersConverter

    copied = ["tokenizer.json", "tokenizer_config.json"]
    if (source / "chat_template.jinja").is_file():
        copied.append("chat_template.jinja")
    converter = TransformersConverter(str(source), copy_files=copied)
    converter.convert(str(output), quantization=quantization)
    return output


@pytest.fixture(scope="session")
def t5_ct2(t5: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return convert(t5, tmp_path_factory.mktemp("ct2") / "t5", "float32")


@pytest.fixture(scope="session")
def bart_ct2(bart: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return convert(bart, tmp_path_factory.mktemp("ct2") / "bart", "float32")


@pytest.fixture(scope="session")
def llama_ct2(llama: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return convert(llama, tmp_path_factory.mktemp("ct2") / "llama", "float32")


@pytest.fixture(scope="session")
def t5_int8(t5: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return convert(t5, tmp_path_factory.mktemp("ct2") / "t5-int8", "int8")


def write_gguf(path: Path, tokenizer: Path) -> Path:
    """A Llama with random weights as llama.cpp reads it; `tokenizer` is a tokenizer.json."""
    import gguf
    import numpy as np

    saved = json.loads(tokenizer.read_text(encoding="utf-8"))
    vocab = saved["model"]["vocab"]
    special = {token["content"] for token in saved["added_tokens"]}
    tokens = sorted(vocab, key=vocab.__getitem__)
    width, layers, heads, inner = 64, 2, 4, 128
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(512)
    writer.add_embedding_length(width)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(inner)
    writer.add_head_count(heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(width // heads)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types([3 if token in special else 1 for token in tokens])
    writer.add_token_merges([" ".join(pair) for pair in saved["model"]["merges"]])
    writer.add_eos_token_id(vocab["<|im_end|>"])
    writer.add_add_bos_token(False)
    writer.add_chat_template(CHAT)
    random = np.random.default_rng(0)
    shapes = {"token_embd": (len(tokens), width), "output": (len(tokens), width)}
    for i in range(layers):
        square = ("attn_q", "attn_k", "attn_v", "attn_output")
        shapes |= {f"blk.{i}.{name}": (width, width) for name in square}
        shapes |= {f"blk.{i}.{name}": (inner, width) for name in ("ffn_gate", "ffn_up")}
        shapes[f"blk.{i}.ffn_down"] = (width, inner)
    for name, shape in shapes.items():
        values = random.standard_normal(shape).astype(np.float32) * 0.4
        writer.add_tensor(f"{name}.weight", values)
    norms = [f"blk.{i}.{name}_norm" for i in range(layers) for name in ("attn", "ffn")]
    for name in ("output_norm", *norms):
        writer.add_tensor(f"{name}.weight", np.ones(width, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.fixture(scope="session")
def openvino_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from gistill import models

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GISTILL_HOME", str(tmp_path_factory.mktemp("home")))
        path = tiny_gguf.write_gguf(tmp_path_factory.mktemp("tiny") / "tiny.gguf")
        return models.from_gguf(path)


@pytest.fixture(scope="session")
def llama_server(llama: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The /v1 URL of a real llama.cpp server with a tiny random model."""
    model = write_gguf(tmp_path_factory.mktemp("gguf") / "tiny.gguf", llama / "tokenizer.json")
    with serving(model, context=512) as url:
        yield url


Reply = tuple[int, dict[str, str], list[bytes | float]]  # status, headers, pieces and pauses


class Scripted:
    """A server that answers each path by a list of replies, the last one over and over."""

    def __init__(self) -> None:
        self.replies: dict[str, list[Reply]] = {}
        self.seen: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.under_way = self.most = 0
        self._lock = threading.Lock()
        scripted = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *args: Any) -> None:
                pass

            def do_GET(self) -> None:
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    scripted.answer(self)

            do_POST = do_GET  # noqa: N815

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = False
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        self.json("/v1/models", {"data": [{"id": "fake", "max_model_len": 1000}]})

    def reply(self, path: str, *replies: Reply) -> None:
        self.replies[path] = list(replies)

    def json(self, path: str, value: Any, status: int = 200) -> None:
        head = {"Content-Type": "application/json"}
        self.reply(path, (status, head, [json.dumps(value).encode()]))

    def answer(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        size = int(handler.headers.get("Content-Length", 0))
        body = json.loads(handler.rfile.read(size)) if size else {}
        with self._lock:
            self.seen.append((handler.path, dict(handler.headers), body))
            left = self.replies.get(handler.path, [(404, {}, [b"{}"])])
            status, headers, pieces = left.pop(0) if len(left) > 1 else left[0]
            self.under_way += 1
            self.most = max(self.most, self.under_way)
        try:
            handler.send_response(status)
            for name, value in headers.items():
                handler.send_header(name, value)
            handler.end_headers()
            for piece in pieces:
                if isinstance(piece, bytes):
                    handler.wfile.write(piece)
                    handler.wfile.flush()
                else:
                    time.sleep(piece)
        finally:
            with self._lock:
                self.under_way -= 1

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    server = Scripted()
    yield server
    server.close()
