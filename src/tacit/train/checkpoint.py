"""Where a stage stands, on disk: one file a stage (and process), written whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import ArgumentError
from ..persist import load_state, save_state


class Checkpoint:
    """The file of one stage in a folder; ``about`` must be equal when it is taken up again."""

    def __init__(self, folder: Path, stage: str, rank: int, about: Mapping[str, Any]) -> None:
        if folder.is_file():
            raise ArgumentError(f"checkpoint is a folder; {folder} is a file")
        folder.mkdir(parents=True, exist_ok=True)
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
        """Replace what was written."""
        save_state({"about": self.about, **state}, self.path)
