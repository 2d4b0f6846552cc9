"""What can go wrong, in one line each: what happened, then what to do about it."""

from __future__ import annotations


class GistillError(Exception):
    """Anything gistill reports to its user. The command prints the message and nothing else."""

    exit_code = 1


class BadInput(GistillError):
    """The user's files, flags or settings cannot be used as they are."""

    exit_code = 2


class MissingExtra(BadInput):
    """A feature needs packages of an optional extra."""

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(f"{feature} needs an optional extra; run: pip install 'gistill[{extra}]'")


class Overflow(GistillError):
    """A prompt does not fit an engine's context. Engines never truncate."""

    def __init__(self, needed: int, context: int) -> None:
        super().__init__(
            f"a prompt needs {needed} tokens and the engine's context holds {context}; "
            "lower --max-tokens, --local-len or --global-len"
        )
        self.needed = needed
        self.context = context


class EngineFailed(GistillError):
    """A model could not be loaded, or stopped answering."""
