"""How the tests call the scripts of ``reproductions``, which are no part of the package."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def script(folder: str, name: str) -> Any:
    """The module ``reproductions.FOLDER.NAME``."""
    sys.path.insert(0, str(ROOT))
    try:
        return importlib.import_module(f"reproductions.{folder}.{name}" if folder else f"reproductions.{name}")
    finally:
        sys.path.remove(str(ROOT))


def small(folder: str, name: str, *words: str) -> dict[str, Any]:
    """What the small version of a script finds."""
    found: dict[str, Any] = script(folder, name).main(["--quick", *words])
    return found
