"""The command line: ``tacit --help``."""

from __future__ import annotations


def main() -> None:
    """The entry point: every other import waits until a command needs it."""
    from .app import app

    app()
