"""The one loop under everything that learns batch by batch. It loops; what a step does is the step's own business."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from ..base import check_choice, check_number
from ..checkpoint import Checkpoint
from ..errors import TrainingError
from .callbacks import Callback, ProgressBar, Report, writer
from .diagnosis import likely_cause
from .state import copied, finite, random_state, set_random_state

READ_EVERY, READ_SECONDS = 50, 0.1  # scalars are read, and the clock is looked at, after so many steps or seconds
WATCH_COST = 100  # a good state is copied when so many times the last copy's own time has passed


class Step(Protocol):
    """What a model does with one batch.

    When the call returns, everything that is to be updated has been; what is returned are detached scalars, still on
    their device, the first of which is watched. ``state`` gives everything that the next call reads (weights,
    optimisers, averages, chains, counters) as a tree of dicts, lists, numbers and tensors; ``restore`` takes it back.
    """

    def __call__(self, batch: Any) -> Mapping[str, Tensor]: ...

    def state(self) -> Any: ...

    def restore(self, tree: Any) -> None: ...


class Batches(Protocol):
    """Where batches come from: a pure function of the arguments, so that a place is two integers, epoch and batch."""

    @property
    def n(self) -> int: ...

    def batches(
        self, size: int, seed: int, epoch: int, start: int = 0, rank: int = 0, world: int = 1
    ) -> Iterator[Any]: ...


@dataclass(frozen=True)
class Training:
    """How a network is trained, beside its number of epochs, batch size and learning rate.

    ``optimizer(parameters, learning_rate)`` makes a torch optimiser, Adam if None. ``schedule(optimizer, steps)`` makes
    a torch scheduler that is stepped after every batch; "cosine" falls from the learning rate to 0 over all steps,
    None leaves it. ``clip`` bounds the norm of the gradient. ``precision`` is "32" or "bf16" (autocast). ``compile``
    runs ``torch.compile``. With ``early_stopping`` a share ``validation_fraction`` of the rows is held out, and
    training ends after ``n_iter_no_change`` epochs without a gain of ``tol`` times the loss; the best weights are kept.
    After ``time_limit`` seconds training ends where it is. A checkpoint is written every ``checkpoint_every`` seconds.
    ``log`` is a .csv file or a folder for TensorBoard. ``callbacks`` hear a ``Report``; one that returns True stops.
    Raises ``ArgumentError`` for a value out of its range.

    >>> Training(clip=1.0, early_stopping=True).precision
    '32'
    """

    optimizer: Callable[[Any, float], torch.optim.Optimizer] | None = None
    schedule: Callable[[torch.optim.Optimizer, int], Any] | str | None = "cosine"
    clip: float | None = None
    precision: str = "32"
    compile: bool = False
    early_stopping: bool = False
    validation_fraction: float = 0.1
    n_iter_no_change: int = 10
    tol: float = 1e-4
    time_limit: float | None = None
    checkpoint_every: float = 60.0
    log: str | None = None
    callbacks: tuple[Callback, ...] = ()
    progress: bool = False

    def __post_init__(self) -> None:
        check_choice(self, "precision", ["32", "bf16"])
        if not callable(self.schedule):
            check_choice(self, "schedule", ["cosine", None])
        for name in ("clip", "time_limit"):
            check_number(self, name, low=0, open_low=True, choices=[None])
        check_number(self, "validation_fraction", low=0, high=1, open_low=True)
        check_number(self, "n_iter_no_change", integer=True, low=1)
        check_number(self, "tol", low=0)
        check_number(self, "checkpoint_every", low=0)


class Run(NamedTuple):
    """How a stage went."""

    step: Any
    history: list[dict[str, float]]  # the means over each epoch, and what was evaluated after it
    epochs: int
    stopped: str  # "epochs", "early stopping", "time limit" or "callback"


def train(
    make: Callable[[Any], Step],
    rows: Batches,
    *,
    epochs: int,
    batch_size: int,
    seed: int,
    stage: str = "train",
    training: Training | None = None,
    evaluate: Callable[[], Mapping[str, float]] | None = None,
    checkpoint: str | Path | None = None,
    about: Mapping[str, Any] | None = None,
    fabric: Any = None,
) -> Run:
    """Run ``make(fabric)`` over the rows, ``epochs`` times, in an order that ``seed`` gives.

    ``evaluate`` is asked after each epoch; its first value is what early stopping watches, else the step's first
    scalar. With ``checkpoint``, a folder, the state is kept in ``<stage>.tacit`` there, and a later call with the same
    arguments goes on at the same batch with the same bits; a stage that is done is not run again. ``about`` says what
    else must be the same. ``fabric`` is given where there are several processes: each takes its share of every batch.

    Raises ``TrainingError`` where a scalar turns NaN or infinite, with the step restored to the last good state;
    ``ArgumentError`` for a checkpoint of something else.
    """
    loop = _Loop(make(fabric), rows, epochs, batch_size, seed, stage, training or Training(), evaluate, fabric)
    kept = None
    if checkpoint is not None:
        same = {"rows": rows.n, "batch_size": batch_size, "seed": seed, "processes": loop.world} | dict(about or {})
        kept = Checkpoint(Path(checkpoint), stage, loop.rank, same)
    return loop.run(kept)


class _Loop:
    """The counters of one stage, and what is done with them."""

    def __init__(
        self,
        step: Step,
        rows: Batches,
        epochs: int,
        batch_size: int,
        seed: int,
        stage: str,
        training: Training,
        evaluate: Callable[[], Mapping[str, float]] | None,
        fabric: Any,
    ) -> None:
        self.step, self.rows, self.epochs, self.size, self.seed = step, rows, epochs, batch_size, seed
        self.stage, self.training, self.evaluate, self.fabric = stage, training, evaluate, fabric
        self.rank: int = fabric.global_rank if fabric else 0
        self.world: int = fabric.world_size if fabric else 1
        n = rows.n
        # a batch with less than a row for each process is left out
        self.batches = n // batch_size + (n % batch_size >= self.world)
        self.epoch = self.batch = 0
        self.sums: dict[str, float] = {}
        self.weight = 0
        self.history: list[dict[str, float]] = []
        self.best: dict[str, Any] = {"value": math.inf, "epoch": 0, "state": None}
        self.seconds = 0.0
        self.stopped = ""
        self.good: tuple[int, int, Any] | None = None
        self.good_cost = self.good_when = 0.0

    def run(self, checkpoint: Checkpoint | None) -> Run:
        found = checkpoint.read() if checkpoint else None
        if found is not None:
            self._restore(found)
            if found["done"] and (self.epoch >= self.epochs or self.stopped == "early stopping"):
                return Run(self.step, self.history, self.epoch, self.stopped)
        self.stopped = ""
        options = self.training
        hear: list[Callback] = [*options.callbacks]
        if options.log is not None and self.rank == 0:
            hear.append(writer(options.log))
        if options.progress and self.rank == 0:
            hear.append(ProgressBar())
        began = saved = time.perf_counter() - self.seconds
        saved += self.seconds
        self._keep_good()
        try:
            while self.epoch < self.epochs and not self.stopped:
                window: list[Mapping[str, Tensor]] = []
                read = time.perf_counter()
                place = (self.size, self.seed, self.epoch, self.batch, self.rank, self.world)
                for batch in self.rows.batches(*place):
                    window.append(self.step(batch))
                    self.batch += 1
                    now = time.perf_counter()
                    if not self._due(len(window), now - read):
                        continue
                    self.seconds = now - began
                    self._tell(hear, self._read(window, batch), ended=False)
                    window, read = [], time.perf_counter()
                    if self._agreed(options.time_limit is not None and self.seconds >= options.time_limit):
                        self.stopped = self.stopped or "time limit"
                    if self.stopped:
                        break
                    if checkpoint and self._agreed(now - saved >= options.checkpoint_every):
                        checkpoint.write(self._state(done=False))
                        saved = time.perf_counter()
                if window:
                    self._read(window, batch)
                self.seconds = time.perf_counter() - began
                if self.batch >= self.batches or not self.stopped:
                    self._end_epoch(hear)
        finally:
            for callback in hear:
                close = getattr(callback, "close", None)
                if close is not None:
                    close()
        self.stopped = self.stopped or "epochs"
        done = self.stopped in ("epochs", "early stopping")
        if done and self.best["state"] is not None:
            self.step.restore(self.best["state"])
        if checkpoint:
            checkpoint.write(self._state(done))
        return Run(self.step, self.history, self.epoch, self.stopped)

    def _due(self, steps: int, seconds: float) -> bool:
        """Several processes must look at the same batch, so they go by steps alone."""
        return steps >= READ_EVERY or (self.world == 1 and seconds >= READ_SECONDS) or self.batch >= self.batches

    def _agreed(self, asked: bool) -> bool:
        """What the first process decides, for all of them."""
        return asked if self.world == 1 else bool(self.fabric.broadcast(asked, src=0))

    def _read(self, window: list[Mapping[str, Tensor]], batch: Any) -> dict[str, float]:
        """Fetch the scalars of these steps, add them to the epoch's sums, and stop where one is not finite."""
        names = list(window[0])
        columns = {name: torch.stack([said[name] for said in window]).tolist() for name in names}
        bad = next((i for i in range(len(window)) if not all(math.isfinite(columns[k][i]) for k in names)), None)
        if self.world > 1:
            worst = self.fabric.all_reduce(torch.tensor(float(bad is not None)), reduce_op="max")
            bad = len(window) - 1 if bad is None and float(worst) > 0 else bad
        if bad is not None:
            self._break_down(bad - len(window) + self.batch, columns, bad, batch)
        first = self.batch - len(window)
        for i in range(len(window)):
            rows = self._rows_of(first + i)
            self.weight += rows
            for name in names:
                self.sums[name] = self.sums.get(name, 0.0) + rows * columns[name][i]
        return {name: sum(values) / len(values) for name, values in columns.items()}

    def _rows_of(self, batch: int) -> int:
        """Rows that this process has of a batch."""
        return len(range(batch * self.size + self.rank, min((batch + 1) * self.size, self.rows.n), self.world))

    def _break_down(self, batch: int, columns: Mapping[str, list[float]], at: int, rows: Any) -> None:
        name, values = next(
            ((k, v) for k, v in columns.items() if not math.isfinite(v[at])), next(iter(columns.items()))
        )
        so_far = self.sums.get(name, 0.0) / self.weight if self.weight else math.nan
        cause = likely_cause(values[:at], so_far, rows, self.training.precision)
        kept = ""
        if self.good is not None:
            epoch, done, state = self.good
            self.step.restore(state)
            kept = f" The state of epoch {epoch + 1}, batch {done} is kept."
        raise TrainingError(
            f"{self.stage}: {name} is {values[at]} in epoch {self.epoch + 1}, batch {batch + 1} of {self.batches}. "
            f"Likely cause: {cause}.{kept}"
        )

    def _end_epoch(self, hear: Iterable[Callback]) -> None:
        means = self._means()
        judged = means if self.evaluate is None else dict(self.evaluate())
        means = means | judged
        self.history.append(means)
        self._tell(hear, means, ended=True)
        self.epoch, self.batch, self.sums, self.weight = self.epoch + 1, 0, {}, 0
        if self.training.early_stopping:
            self._judge(next(iter(judged.values())))
        if self.epoch < self.epochs:
            self._keep_good()

    def _means(self) -> dict[str, float]:
        if self.world == 1:
            return {name: total / self.weight for name, total in self.sums.items()}
        sums = torch.tensor([self.weight, *self.sums.values()], dtype=torch.float64)
        weight, *totals = self.fabric.all_reduce(sums, reduce_op="sum").tolist()
        return {name: total / weight for name, total in zip(self.sums, totals, strict=True)}

    def _judge(self, value: float) -> None:
        best = self.best
        if value < best["value"] - self.training.tol * abs(best["value"] if math.isfinite(best["value"]) else 0.0):
            self.best = {"value": value, "epoch": self.epoch, "state": copied(self.step.state())}
        elif self.epoch - best["epoch"] >= self.training.n_iter_no_change:
            self.stopped = "early stopping"

    def _tell(self, hear: Iterable[Callback], values: dict[str, float], ended: bool) -> None:
        report = Report(
            self.stage, self.epoch + 1, self.epochs, self.batch, self.batches, dict(values), ended, self.seconds
        )
        asked = [callback(report) for callback in hear]  # all hear, whoever asks to stop
        if hear and self._agreed(any(asked)):
            self.stopped = "callback"

    def _keep_good(self) -> None:
        """Copy the state, if that has become cheap beside the time since the last copy."""
        now = time.perf_counter()
        if self.good is None or now - self.good_when >= WATCH_COST * self.good_cost:
            state = self.step.state()
            if finite(state):
                self.good = (self.epoch, self.batch, copied(state))
            self.good_when = time.perf_counter()
            self.good_cost = self.good_when - now

    def _state(self, done: bool) -> dict[str, Any]:
        return {
            "done": done,
            "place": {"epoch": self.epoch, "batch": self.batch, "seconds": self.seconds, "stopped": self.stopped},
            "sums": self.sums,
            "weight": self.weight,
            "history": self.history,
            "best": self.best,
            "step": self.step.state(),
            "random": random_state(),
        }

    def _restore(self, tree: Any) -> None:
        place = tree["place"]
        self.epoch, self.batch, self.seconds = place["epoch"], place["batch"], place["seconds"]
        self.stopped = place["stopped"]
        self.sums, self.weight, self.history, self.best = tree["sums"], tree["weight"], tree["history"], tree["best"]
        self.step.restore(tree["step"])
        set_random_state(tree["random"])
