"""Where gistill keeps its models and its store: `$GISTILL_HOME`, else the user's data folder."""

from __future__ import annotations

import os
from pathlib import Path


def home() -> Path:
    """The folder, which need not exist yet."""
    if named := os.environ.get("GISTILL_HOME"):
        return Path(named).expanduser()
    from platformdirs import user_data_path

    return user_data_path("gistill", appauthor=False)
