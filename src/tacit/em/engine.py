"""The EM loop: one pass, the objective, the test, and only then a step.

It ends on ``expect``, so that the objective it reports is that of the parameters it returns.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Generic, NamedTuple, Self, TypeVar

import numpy as np

from ..data.source import Source
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
) -> Fit[P]:
    """Fit ``model`` to ``source`` from ``params``.

    Stops when the objective per unit of weight gains less than ``tol``, when the model says that a step was too small,
    or after ``max_iter`` steps. A repair changes the parameters outside the ascent; the test restarts after it.
    ``bound=False`` leaves J out of the history: for many small fits of which only the parameters are wanted.
    """
    history: list[Pass] = []
    kept: list[Any] = []
    repairs: list[tuple[int, int]] = []
    previous, still, n_iter = -np.inf, False, 0
    rows = model.block_rows(params)
    while True:
        stats = source.reduce(partial(model.expect, params), rows=rows)
        weight = stats.weight
        objective = float((stats.objective + model.log_prior(params)) / weight)
        history.append(Pass(objective, model.bound(stats, params, params) / weight if bound else np.nan))
        if trace:
            kept.append(model.trace(params))
        if on_pass is not None:
            on_pass(n_iter, objective)
        converged = still or abs(objective - previous) < tol
        if converged or n_iter >= max_iter:
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
