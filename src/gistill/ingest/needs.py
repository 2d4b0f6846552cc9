"""What a reader takes beyond Python: an extra of gistill, known by the modules that it brings."""

from __future__ import annotations

import importlib.util
from typing import NamedTuple

from gistill.errors import MissingExtra


class Needs(NamedTuple):
    """An extra ("docs", "audio", …) and those of its modules that are taken; nothing without."""

    extra: str = ""
    modules: tuple[str, ...] = ()

    @property
    def missing(self) -> tuple[str, ...]:
        """The modules that are not installed."""
        return tuple(name for name in self.modules if importlib.util.find_spec(name) is None)

    def check(self, feature: str) -> None:
        """Raises: MissingExtra if a module is not installed that `feature` takes."""
        if self.missing:
            raise MissingExtra(feature, self.extra)
