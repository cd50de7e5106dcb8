"""The EM loop: one pass, the objective, the test, and only then a step.

It ends on ``expect``, so that the objective it reports is that of the parameters it returns.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any, Generic, NamedTuple, Self, TypeVar

import numpy as np

from ..checkpoint import Checkpoint
from ..data.source import Source
from ..stats import like, plain
from .model import LatentModel, S

P = TypeVar("P")


class Pass(float):
    """The objective l(θ_t) of one pass, a number, and the bound J(q, θ) at its two half-steps; per unit of weight.

    ``after_e`` = J(q_t, θ_t), which touches l(θ_t); ``after_m`` = J(q_t, θ_t+1), NaN on the last pass, which no M-step
    follows. Both are NaN for a model that does not say what it expects.

    >>> step = Pass(-2.0, after_e=-2.0, after_m=-1.5)
    >>> step + 1, step.after_m, step
    (-1.0, -1.5, Pass(-2.0, after_e=-2.0, after_m=-1.5))
    """

    __slots__ = ("after_e", "after_m")
    after_e: float
    after_m: float
    _fields = ("objective", "after_e", "after_m")

    def __new__(cls, objective: float, after_e: float = float("nan"), after_m: float = float("nan")) -> Self:
        step = super().__new__(cls, objective)
        step.after_e, step.after_m = float(after_e), float(after_m)
        return step

    @property
    def objective(self) -> float:
        """l(θ_t), as a plain number."""
        return float(self)

    def __getnewargs__(self) -> tuple[float, float, float]:  # type: ignore[override]
        return float(self), self.after_e, self.after_m

    def __repr__(self) -> str:
        return f"Pass({float(self)!r}, after_e={self.after_e!r}, after_m={self.after_m!r})"


class Fit(NamedTuple, Generic[P]):
    """Parameters and what is true of them."""

    params: P
    objective: float  # per unit of weight, of these parameters
    history: list[Pass]  # the objective at each pass, and the bound at its half-steps
    trace: list[Any]  # the parameters at each pass, if asked for
    n_iter: int  # steps taken
    converged: bool
    repairs: list[tuple[int, int]]  # (step, components placed anew)
    stats: Any  # of the last pass


def em(
    model: LatentModel[P, S],
    source: Source,
    params: P,
    *,
    tol: float,
    max_iter: int,
    rng: np.random.Generator,
    trace: bool = False,
    bound: bool = True,
    on_pass: Callable[[int, float], None] | None = None,
    max_seconds: float | None = None,
    checkpoint: Checkpoint | None = None,
    every: float = 30.0,
) -> Fit[P]:
    """Fit ``model`` to ``source`` from ``params``.

    Stops when the objective per unit of weight gains less than ``tol``, when the model says that a step was too small,
    or after ``max_iter`` steps. A repair changes the parameters outside the ascent; the test restarts after it.
    ``bound=False`` leaves J out of the history: for many small fits of which only the parameters are wanted.

    After ``max_seconds`` it ends with what it has. With a ``checkpoint`` (see ``kept_in``) the state is written every
    so many seconds and at the end; the same call takes it up and ends with the bits of a run that nothing disturbed.

    Raises ``CheckpointError`` where the state cannot be written, ``ArgumentError`` where it is that of something else.
    """
    history: list[Pass] = []
    kept: list[Any] = []
    repairs: list[tuple[int, int]] = []
    previous, still, n_iter = -np.inf, False, 0
    began = written = time.monotonic()
    if checkpoint is not None and (held := checkpoint.read()) is not None:
        params, history, repairs = like(params, held["params"]), list(held["history"]), list(held["repairs"])
        kept = [like(model.trace(params), each) for each in held["trace"]]
        previous, still, n_iter = held["previous"], held["still"], held["n_iter"]
        rng.bit_generator.state = held["rng"].bit_generator.state
    rows = model.block_rows(params)
    while True:
        state: dict[str, Any] = {}
        if checkpoint is not None:  # where this pass begins
            state = {
                "params": plain(params), "history": list(history), "repairs": list(repairs),
                "trace": plain(tuple(kept)), "previous": previous, "still": still, "n_iter": n_iter, "rng": rng,
            }  # fmt: skip
            if time.monotonic() - written >= every:
                checkpoint.write(state)
                written = time.monotonic()
        stats = source.reduce(partial(model.expect, params), rows=rows)
        weight = stats.weight
        objective = float((stats.objective + model.log_prior(params)) / weight)
        history.append(Pass(objective, model.bound(stats, params, params) / weight if bound else np.nan))
        if trace:
            kept.append(model.trace(params))
        if on_pass is not None:
            on_pass(n_iter, objective)
        converged = still or abs(objective - previous) < tol
        late = max_seconds is not None and time.monotonic() - began >= max_seconds
        if converged or n_iter >= max_iter or late:
            if checkpoint is not None:
                checkpoint.write(state)
            return Fit(params, objective, history, kept, n_iter, converged, repairs, stats)
        before, previous = params, objective
        params = model.maximise(stats, before)
        if bound:
            history[-1].after_m = float(model.bound(stats, params, before) / weight)
        params, repaired = model.repair(params, stats, source, rng)
        n_iter += 1
        if repaired:
            repairs.append((n_iter, repaired))
            previous, still = -np.inf, False
        else:
            still = model.converged(before, params)


def kept_in(folder: str | PathLike[str], source: Source, about: Mapping[str, Any], stage: str = "em") -> Checkpoint:
    """Where a fit of these rows is kept: ``about`` and the content of the rows must be the same when it is taken up.

    Raises ``ArgumentError`` for a folder that cannot be written to.
    """
    n, d = source.shape
    same = {"rows": n, "columns": d, "content": source.content, **about}
    return Checkpoint(Path(folder).expanduser(), stage, 0, same)
