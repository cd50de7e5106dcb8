"""What is heard of training as it goes, and who hears it: a bar, a CSV file, TensorBoard."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import ArgumentError, MissingExtraError


class Report(NamedTuple):
    """What a callback hears: the mean of each scalar since the last report, or, at the end of an epoch, over it."""

    stage: str
    epoch: int  # counted from 1
    epochs: int
    batch: int  # batches done of this epoch
    batches: int
    values: dict[str, float]
    ended: bool  # the epoch
    seconds: float  # since the stage began, over all resumed runs


Callback = Callable[[Report], bool | None]  # True asks the loop to stop


class CSVLog:
    """One line for each scalar of each epoch: stage, epoch, seconds, name, value. A file that is there is added to."""

    def __init__(self, path: Path) -> None:
        if not path.parent.is_dir():
            raise ArgumentError(f"log: there is no folder {path.parent}")
        self.path = path

    def __call__(self, report: Report) -> None:
        if not report.ended:
            return
        new = not self.path.exists() or not self.path.stat().st_size
        with open(self.path, "a", newline="", encoding="utf-8") as file:
            out = csv.writer(file)
            if new:
                out.writerow(("stage", "epoch", "seconds", "name", "value"))
            for name, value in report.values.items():
                out.writerow((report.stage, report.epoch, f"{report.seconds:.3f}", name, f"{value:.9g}"))


class TensorBoardLog:
    """Every report as scalars under the name of the stage."""

    def __init__(self, folder: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise MissingExtraError("a log for TensorBoard needs tensorboard: pip install tensorboard") from None
        self.out: Any = SummaryWriter(str(folder))

    def __call__(self, report: Report) -> None:
        step = (report.epoch - 1) * report.batches + report.batch
        kind = "epoch" if report.ended else "batch"
        for name, value in report.values.items():
            self.out.add_scalar(f"{report.stage}/{name} ({kind})", value, report.epoch if report.ended else step)

    def close(self) -> None:
        """Write what is left."""
        self.out.close()


class ProgressBar:
    """A bar for the stage, on stderr."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        words = TextColumn("{task.description}")
        self.bar = Progress(
            words, BarColumn(24), TimeElapsedColumn(), TimeRemainingColumn(), console=Console(stderr=True)
        )
        self.task: Any = None

    def __call__(self, report: Report) -> None:
        if self.task is None:
            self.bar.start()
            self.task = self.bar.add_task(report.stage)
        said = ", ".join(f"{name} {value:.4g}" for name, value in report.values.items())
        self.bar.update(
            self.task,
            total=report.epochs * report.batches,
            completed=(report.epoch - 1) * report.batches + report.batch,
            description=f"{report.stage}, epoch {report.epoch} of {report.epochs}: {said}",
        )

    def close(self) -> None:
        """Leave the line as it is."""
        self.bar.stop()


def writer(log: str | Path) -> CSVLog | TensorBoardLog:
    """The log at a path: a file whose name ends in .csv, or a folder for TensorBoard."""
    path = Path(log)
    return CSVLog(path) if path.suffix == ".csv" else TensorBoardLog(path)
