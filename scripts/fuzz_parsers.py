#!/usr/bin/env python3
"""Feeds the readers of text with what coverage-guided fuzzing (atheris) makes of samples.

    python scripts/fuzz_parsers.py [--seconds N] [--out DIR] [PARSER ...]

Each input goes through `gistill.ingest.assemble`, as a file of the parser's suffix would. A finding
is any exception other than gistill's own, a segment that is not what its locator names, or an input
that takes longer than 20 seconds. JSON is changed as values as well as bytes, or nothing would get
past its syntax; most inputs are made UTF-8, or all the time would go into guessing encodings. Each
distinct finding is kept in DIR/PARSER as the bytes that made it and what was raised; the exit code
is 1 if there is one. Needs: pip install 'gistill[fuzz]'
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import random
import re
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator, MutableMapping, MutableSequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

import exports  # noqa: E402

_LONGEST = 4096  # bytes of an input
_PATIENCE = 20  # seconds for an input
_SLACK_DAY = "general/2024-05-01.json"
_ODD: tuple[Any, ...] = (
    *(None, True, 0, -1, 1e308, 10**30, "", "x", "²", "\ud800", "\0", "1714550000.000100"),
    *([], {}, [[]], [None], {"": ""}, "2024-05-01T10:00:00Z", "9" * 99, ["a", 1, {}]),
)

_MAIL = b"""\
From: =?utf-8?q?Voss=2C_Lena?= <lena@example.org>
Date: Mon, 06 May 2024 10:00:00 +0200
Message-ID: <2@example.org>
In-Reply-To: <1@example.org>
Subject: Re: Opening
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=x

--x
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

In May, d=E9j=E0.

On Mon, Ben wrote:
> When?
--x
Content-Type: text/html

<p>hi<div class=gmail_quote>On Mon: <blockquote>x</blockquote></div>
--x
Content-Type: text/csv; name="a.csv"
Content-Disposition: attachment

a,b
1,2
--x--
"""


def _itself(data: bytes) -> bytes:
    return data


def _utf8(data: bytes) -> bytes:
    return data.decode("utf-8", "replace").encode()


class Parser(NamedTuple):
    """`name` of the file that an input is taken for; `file` makes the file of the input."""

    name: str
    samples: tuple[bytes, ...]
    is_json: bool = False
    file: Callable[[bytes], bytes] = _utf8


def _json(name: str, *values: Any) -> Parser:
    return Parser(name, tuple(map(exports.encoded, values)), is_json=True)


def parsers() -> dict[str, Parser]:
    """By name, as they are given on the command line."""
    vtt = (
        b"WEBVTT - x\n\nNOTE y\n\nSTYLE\n::cue {}\n\n1\n00:01.000 --> 00:02.500 align:start\n"
        b"<v Ann>Hi &amp; <i>ho</i></v>\n- so\n\n01:00:02.000 --> 01:00:03.000\nBen: yes\n"
    )
    srt = (
        "\ufeff1\r\n00:00:01,000 --> 00:00:02,000\r\n{\\an8}<i>Hi</i>\r\n\r\n"
        "2\r\n0:00:02,0 --> 0:00:03,0\r\nho\r\n"
    )
    page = (
        b"<!doctype html><html><head><meta charset=latin1><title>T</title><style>x</style></head>"
        b"<body><nav>n</nav><h1>A</h1><p>b<br>c<table><tr><td>1<td>2</table><ul><li>x</ul>"
        b"<pre> y </pre><script>z</script>&eacute;&#x41;<!-- c -->"
    )
    turns = b"[00:01:02] Anna: hi\nBen (chair): ho\n\n## Plan\n\n- one\n\n> quote\n\nCARL: no.\n"
    box = b"From lena@example.org Mon May  6 10:00:00 2024\n" + _MAIL
    meeting = {
        "topic_list": [{"topic": "t", "relevant_text_span": [["0", "1"]]}],
        "general_query_list": [{"query": "q", "answer": "a"}],
        "meeting_transcripts": [{"speaker": "A", "content": "hi there ."}] * 2,
    }
    posts = [{"text": "hi", "user": "ann", "ts": 1714550000, "id": "1", "reply_to": "0"}]
    slack = exports.encoded(exports.SLACK[_SLACK_DAY])
    return {
        "vtt": Parser("a.vtt", (vtt,)),
        "srt": Parser("a.srt", (srt.encode(),)),
        "text": Parser("a.txt", (turns,)),
        "encodings": Parser(
            "a.txt", (turns, "Anna：你好\nBen：好\n".encode("gb18030")), file=_itself
        ),
        "whatsapp": Parser("_chat.txt", (exports.ANDROID.encode(), exports.IOS.encode())),
        "qmsum": _json("a.json", meeting),
        "posts": _json("a.jsonl", posts, json.dumps(posts[0]) + "\n" + json.dumps(posts[0])),
        "discord": _json("a.json", exports.DISCORD),
        "telegram": _json("result.json", exports.TELEGRAM),
        "mattermost": Parser("a.jsonl", (exports.MATTERMOST.encode(),)),
        "matrix": _json("export.json", exports.MATRIX),
        "slack": Parser(
            "a.zip",
            (slack,),
            is_json=True,
            file=lambda data: exports.zipped({**exports.SLACK, _SLACK_DAY: data}),
        ),
        "eml": Parser("a.eml", (_MAIL,), file=_itself),
        "mbox": Parser("a.mbox", (box + b"\n\n" + box.replace(b"<2@", b"<3@"),), file=_itself),
        "html": Parser("a.html", (page,), file=_itself),
        "csv": Parser("a.csv", (b'a;b;c\n1;2024-05-01;"x ""y"" z"\n-1,5;;\n', b"a\tb\n1\t2\n")),
    }


def read(parser: Parser, data: bytes) -> None:
    """Reads `data`. Raises what a finding raises: anything but gistill's own complaints."""
    from gistill.errors import GistillError
    from gistill.ingest import assemble, resolver
    from gistill.ingest.files import Raw

    data = parser.file(data)
    with contextlib.suppress(GistillError):
        thread = assemble([Raw(parser.name, hashlib.sha256(data).hexdigest(), data)])
        text_at = {source.name: resolver(source) for source in thread.sources}
        for segment in thread.segments:
            for at in (segment.at, *segment.also):
                said = text_at[at.source](at)
            assert segment.also or segment.text == said, f"{segment.id} is not what it locates"
            segment.text.encode()


def _kept(error: BaseException, data: bytes, out: Path) -> None:
    """Keeps the first input for each place that raises."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{type(error).__name__}-{Path(frame.filename).stem}-{frame.lineno}"
    if not (out / f"{where}.bin").exists():
        (out / f"{where}.bin").write_bytes(data)
        lines = traceback.format_exception(error)
        (out / f"{where}.txt").write_text("".join(lines), "utf-8", "backslashreplace")


def _places(value: Any) -> Iterator[tuple[MutableMapping[str, Any] | MutableSequence[Any], Any]]:
    """All containers in `value`, each with each of its keys."""
    keys = list(value) if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield value, key
        if isinstance(value[key], dict | list):
            yield from _places(value[key])


def _changed(data: bytes, dice: random.Random) -> bytes | None:
    """`data` with one of its JSON values changed; None if it holds none."""
    try:
        value = json.loads(data)
        places = list(_places(value)) if isinstance(value, dict | list) else []
    except (ValueError, RecursionError):
        return None
    if not places:
        return None
    container, key = dice.choice(places)
    kind = dice.randrange(4)
    if kind == 0:
        del container[key]
    elif kind == 1:
        other, place = dice.choice(places)
        with contextlib.suppress(LookupError, ValueError):
            container[key] = json.loads(json.dumps(other[place]))
    else:
        container[key] = dice.choice(_ODD)
    return json.dumps(value).encode()


def _fuzz(name: str, seconds: int, out: Path) -> None:
    """Fuzzes one parser; ends the process."""
    import atheris

    with atheris.instrument_imports(include=["gistill.ingest"]):
        import gistill.ingest  # noqa: F401
    parser = parsers()[name]
    corpus = out / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for n, sample in enumerate(parser.samples):
        (corpus / f"sample-{n}").write_bytes(sample)

    def one(data: bytes) -> None:
        try:
            read(parser, data)
        except Exception as error:  # noqa: BLE001 - each is a finding
            _kept(error, data, out)

    def mutated(data: bytes, most: int, seed: int) -> bytes:
        dice = random.Random(seed)
        new = _changed(data, dice) if dice.random() < 0.7 else None
        return new if new and len(new) <= most else atheris.Mutate(data, most)

    flags = (
        *(f"-max_total_time={seconds}", f"-max_len={_LONGEST}", f"-timeout={_PATIENCE}"),
        *(f"-artifact_prefix={out}/", "-rss_limit_mb=2048", "-print_final_stats=1"),
    )
    mutator = {"custom_mutator": mutated} if parser.is_json else {}
    atheris.Setup([name, *flags, str(corpus)], one, **mutator)
    atheris.Fuzz()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = list(parsers())
    parser.add_argument("parser", nargs="*", metavar="PARSER", help=f"of {', '.join(names)}; all")
    parser.add_argument("--seconds", type=int, default=60, help="for each parser (60)")
    parser.add_argument("--out", type=Path, default=ROOT / "outputs/fuzz", metavar="DIR")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if unknown := set(args.parser) - set(names):
        parser.error(f"no parser {', '.join(unknown)}; there are {', '.join(names)}")
    if args.here:
        _fuzz(args.parser[0], args.seconds, args.out)
    found = 0
    print(f"{'parser':<12}{'inputs':>10}{'edges':>8}{'findings':>10}")
    for name in args.parser or names:
        out = args.out / name
        command = [sys.executable, __file__, "--here", "--out", str(out), name]
        done = subprocess.run(
            [*command, "--seconds", str(args.seconds)], stderr=subprocess.PIPE, text=True
        )
        kept = [path for path in out.iterdir() if path.suffix != ".txt" and path.is_file()]
        inputs = re.search(r"number_of_executed_units: (\d+)", done.stderr)
        edges = re.findall(r"cov: (\d+)", done.stderr)
        if not (inputs and edges):
            sys.exit(f"{name} did not run:\n{done.stderr[-2000:]}")
        print(f"{name:<12}{int(inputs[1]):>10,}{int(edges[-1]):>8,}{len(kept):>10}", flush=True)
        for path in sorted(kept):
            print(f"  {path}")
        found += len(kept)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
