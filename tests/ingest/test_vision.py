from __future__ import annotations

import base64
import http.server
import io
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from documents import Kept, entries, extract, saved, written
from gistill.errors import BadInput, EngineFailed
from gistill.ingest import images, vision
from gistill.ingest.tools import Tools

_PICTURE = Image.new("RGB", (3000, 1500), "#336699")


class Eyes:
    """A server that describes what it is sent: the real protocol on a real socket."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.answer: tuple[int, bytes] = (200, b"")
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                outer.asked.append(body | {"path": self.path})
                status, answer = outer.answer
                self.send_response(status)
                self.end_headers()
                self.wfile.write(answer or _completion(body))

            def log_message(self, *args: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.spec = f"openai:http://127.0.0.1:{self._server.server_port}/v1#eyes"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _completion(body: dict[str, Any]) -> bytes:
    url = body["messages"][0]["content"][1]["image_url"]["url"]
    size = Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).size
    said = f"A blue field\nof {size[0]} by {size[1]}."
    return json.dumps({"choices": [{"message": {"content": said}}]}).encode()


@pytest.fixture
def eyes() -> Iterator[Eyes]:
    server = Eyes()
    yield server
    server.close()


def test_a_server_is_sent_a_small_jpeg_once(eyes: Eyes) -> None:
    memory = Kept()
    tools = Tools(caption=eyes.spec, memory=memory, offline=True)  # it is on this machine
    for _ in range(2):
        assert vision.describe(_PICTURE, tools, "abc") == "A blue field of 1024 by 512."
    (asked,) = eyes.asked
    assert (asked["model"], asked["path"]) == ("eyes", "/v1/chat/completions")
    assert asked["messages"][0]["content"][0] == {"type": "text", "text": vision.PROMPT}
    vision.describe(_PICTURE, tools, "abd")
    assert len(eyes.asked) == 2


def test_an_image_has_its_caption_before_its_text(eyes: Eyes) -> None:
    data = saved(written("The lease ends on 30 June.", size=(420, 90)), "PNG")
    found = extract(images, "x.png", data, Tools(caption=eyes.spec))
    assert [(entry.kind, entry.text) for entry in entries(found)] == [
        ("caption", "A blue field of 420 by 90."),
        ("image_text", "The lease ends on 30 June."),
    ]
    assert found.reading.notes == []


@pytest.mark.parametrize(
    ("status", "answer", "said"),
    [
        (404, b'{"error": {"message": "no model eyes"}}', "no model eyes"),
        (500, b"down", "answered 500: down"),
        (200, b'{"choices": []}', "sent no chat completion; can its model see images"),
        (200, b"<html>", "sent no chat completion"),
    ],
)
def test_a_server_that_cannot_is_told_in_a_line(
    eyes: Eyes, status: int, answer: bytes, said: str
) -> None:
    eyes.answer = (status, answer)
    with pytest.raises(EngineFailed, match=said):
        vision.describe(_PICTURE, Tools(caption=eyes.spec))


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("extractive", "captions need openai:URL#model or hf:ID_OR_PATH"),
        ("openai:", "captions need openai:URL#model or hf:ID_OR_PATH"),
        ("openai:nowhere#x", "captions need openai:URL#model"),
        ("openai:http://example.com/v1#x", "is offline and example.com is not this machine"),
        ("hf:/nothing/here", "the model /nothing/here cannot describe images here"),
    ],
)
def test_what_cannot_be_asked(spec: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        vision.describe(_PICTURE, Tools(caption=spec, offline=True))


def test_no_server() -> None:
    with pytest.raises(EngineFailed, match=r"no caption from 127\.0\.0\.1"):
        vision.describe(_PICTURE, Tools(caption="openai:http://127.0.0.1:9/v1#x"))


def _blip(folder: Path) -> Path:
    """A captioner as small as can be, with random weights."""
    import transformers

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "blue", "field", "of", "sea"]
    (folder / "vocab.txt").write_text("\n".join(words))
    layers = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1}
    text = layers | {
        "num_attention_heads": 2, "vocab_size": len(words), "encoder_hidden_size": 16,
        "bos_token_id": 2, "eos_token_id": 3, "sep_token_id": 3, "pad_token_id": 0,
        "max_position_embeddings": 256,
    }  # fmt: skip
    vision_part = layers | {"num_attention_heads": 2, "image_size": 32, "patch_size": 16}
    config = transformers.BlipConfig(text_config=text, vision_config=vision_part, projection_dim=16)
    transformers.BlipForConditionalGeneration(config).eval().save_pretrained(folder)
    transformers.BlipProcessor(
        transformers.BlipImageProcessor(size={"height": 32, "width": 32}),
        transformers.BertTokenizer(str(folder / "vocab.txt")),
    ).save_pretrained(folder)
    return folder


def test_a_model_of_transformers(tmp_path: Path) -> None:
    tools = Tools(caption=f"hf:{_blip(tmp_path)}", offline=True)
    said = vision.describe(_PICTURE, tools)
    assert said
    assert vision.describe(_PICTURE, tools) == said
