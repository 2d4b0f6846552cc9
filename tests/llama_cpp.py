"""A real /v1 server on 127.0.0.1: llama.cpp's, from the xllamacpp wheel."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SLOTS = 2  # requests that it answers at once


@contextmanager
def serving(model: Path, *, context: int) -> Iterator[str]:
    """The URL of a server with this GGUF file; `context` tokens for each request."""
    import xllamacpp

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    params = xllamacpp.CommonParams()
    params.model.path = str(model)
    params.model_alias = {"tiny"}
    params.n_ctx = SLOTS * context
    params.n_parallel = SLOTS
    params.n_gpu_layers = 0
    params.port = port
    params.warmup = False
    params.verbosity = -1
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    server = xllamacpp.Server(params)
    yield f"{server.listening_address}/v1"
    del server
