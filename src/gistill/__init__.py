"""gistill: long, noisy threads in; short, cited summaries out, within a budget."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gistill.errors import GistillError as GistillError
    from gistill.ingest import load as load
    from gistill.options import Options as Options
    from gistill.pipeline import summarize as summarize
    from gistill.store import Store as Store
    from gistill.types import Budget as Budget

__version__ = "0.1.0"

# `import openvino` reports itself to Google Analytics, from a forked process that can hang holding
# our pipes. It does without where that package is missing, so here it is.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

# Where each public name lives. Loaded when first used, so that `gistill --help` imports nothing.
_HOMES = {
    "Budget": "types",
    "GistillError": "errors",
    "Options": "options",
    "Store": "store",
    "load": "ingest",
    "summarize": "pipeline",
}
__all__ = ["Budget", "GistillError", "Options", "Store", "load", "summarize"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'gistill' has no attribute {name!r}")
    return getattr(importlib.import_module(f"gistill.{_HOMES[name]}"), name)
