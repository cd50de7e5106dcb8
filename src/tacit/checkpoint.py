"""Where a fit stands, on disk: one file a stage (and process), written whole or not at all."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .errors import ArgumentError, CheckpointError
from .persist import load_state, save_state


class Checkpoint:
    """The file of one stage in a folder; ``about`` must be equal when it is taken up again."""

    def __init__(self, folder: Path, stage: str, rank: int, about: Mapping[str, Any]) -> None:
        if folder.is_file():
            raise ArgumentError(f"checkpoint is a folder; {folder} is a file")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ArgumentError(f"the checkpoint folder {folder} cannot be made: {error.strerror}") from None
        if not os.access(folder, os.W_OK):
            raise ArgumentError(f"the checkpoint folder {folder} cannot be written to")
        self.path = folder / (f"{stage}.tacit" if rank == 0 else f"{stage}.{rank}.tacit")
        self.about = dict(about)

    def read(self) -> Any:
        """What was written last, None where nothing was."""
        if not self.path.exists():
            return None
        kept = load_state(self.path)
        for name, value in self.about.items():
            if kept["about"].get(name) != value:
                raise ArgumentError(
                    f"{self.path} was written with {name} = {kept['about'].get(name)!r}, and it is {value!r} now: "
                    "give another checkpoint folder, or the same arguments and rows"
                )
        return kept

    def write(self, state: dict[str, Any]) -> None:
        """Replace what was written; what cannot be written leaves it as it was, and is told."""
        try:
            save_state({"about": self.about, **state}, self.path)
        except OSError as error:
            raise CheckpointError(
                f"{self.path} cannot be written: {error.strerror}; the checkpoint before it is whole, "
                "and the same call goes on from there once there is room"
            ) from error


def identity(parameters: Mapping[str, Any]) -> dict[str, str]:
    """What must be equal in two fits that are to be one: numbers and words as they are, arrays by their content.

    >>> identity({"K": 3, "start": [[1.0]], "seed": None})
    {'K': '3', 'start': 'array (1, 1) ...', 'seed': 'None'}
    """
    return {name: _identity(value) for name, value in parameters.items()}


def _identity(value: Any) -> str:
    if value is None or isinstance(value, str | int | float | bool):
        return repr(value)
    if isinstance(value, list | tuple | np.ndarray):
        a = np.ascontiguousarray(value)
        return f"array {a.shape} {hashlib.sha256(a.tobytes()).hexdigest()[:8]}"
    return type(value).__name__
