"""Where gistill keeps its models and its store: `$GISTILL_HOME`, else the user's data folder."""

from __future__ import annotations

import os
from pathlib import Path

from gistill.errors import BadInput


def home() -> Path:
    """The folder, which need not exist yet."""
    if named := os.environ.get("GISTILL_HOME"):
        return expanded(named)
    from platformdirs import user_data_path

    return user_data_path("gistill", appauthor=False)


def expanded(path: str | os.PathLike[str]) -> Path:
    """`path` with the `~` or `~user` that it may begin with replaced by that user's folder.

    Raises: BadInput if there is no such user.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise BadInput(f"there is no user {Path(path).parts[0]}; give the whole path") from None
