"""Fits that take long: they end in time, and go on from a folder where they stood."""

from __future__ import annotations

import time
from typing import Any

from ..base import Estimator, check_number
from ..checkpoint import identity
from ..data.source import Source
from .engine import kept_in

HOW = ("checkpoint", "max_seconds", "verbose", "verbose_interval", "algorithm", "copy_x")  # may change between calls


class Long:
    """What the ``max_seconds`` and ``checkpoint`` of an estimator mean to the runs of its fit."""

    def __init__(self, estimator: Estimator, source: Source) -> None:
        check_number(estimator, "max_seconds", low=0, choices=[None])
        self.estimator, self.source, self.began = estimator, source, time.monotonic()

    @property
    def left(self) -> float | None:
        """Seconds that are left, None where there is no end."""
        limit = self.estimator.max_seconds
        return None if limit is None else limit - (time.monotonic() - self.began)

    @property
    def over(self) -> bool:
        """Whether the time is up."""
        return self.left is not None and self.left <= 0

    def options(self, run: int | str = 0) -> dict[str, Any]:
        """The arguments of ``em`` for a run."""
        folder = self.estimator.checkpoint
        if folder is None:
            return {"max_seconds": self.left}
        about = {name: value for name, value in self.estimator.get_params(deep=False).items() if name not in HOW}
        same = {"model": type(self.estimator).__name__, **identity(about)}
        return {"max_seconds": self.left, "checkpoint": kept_in(folder, self.source, same, f"run-{run}")}
