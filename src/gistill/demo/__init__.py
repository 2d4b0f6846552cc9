"""The thread that `gistill demo` summarizes: a committee meeting of 18 minutes, 3,000 words.

It was written for this project. What it decides about the date early on is taken back at the
end, so that a summary has to have read all of it.
"""

from __future__ import annotations

import hashlib
from importlib import resources

from gistill.ingest import assemble
from gistill.ingest.files import Raw
from gistill.types import Thread

NAME = "lighthouse.txt"


def load_demo() -> Thread:
    """The bundled thread; its source has a name that is the same on every machine."""
    data = resources.files(__name__).joinpath("thread.txt").read_bytes()
    return assemble([Raw(NAME, hashlib.sha256(data).hexdigest(), data)])
