"""The EM loop: one pass, the objective, the test, and only then a step.

It ends on ``expect``, so that the objective it reports is that of the parameters it returns.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

from ..data.source import Source
from .model import LatentModel, S

P = TypeVar("P")


class Fit(NamedTuple, Generic[P]):
    """Parameters and what is true of them."""

    params: P
    objective: float  # per unit of weight, of these parameters
    history: list[float]  # the objective at each pass
    trace: list[Any]  # the parameters at each pass, if asked for
    n_iter: int  # steps taken
    converged: bool
    repairs: list[tuple[int, int]]  # (pass, components placed anew)
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
    on_pass: Callable[[int, float], None] | None = None,
) -> Fit[P]:
    """Fit ``model`` to ``source`` from ``params``.

    Stops when the objective per unit of weight gains less than ``tol``, when the model says that a step was too small,
    or after ``max_iter`` steps. A repair changes the parameters outside the ascent; the test restarts after it.
    """
    history: list[float] = []
    kept: list[Any] = []
    repairs: list[tuple[int, int]] = []
    previous, still, n_iter = -np.inf, False, 0
    while True:
        stats = source.reduce(partial(model.expect, params), rows=model.block_rows(params))
        objective = float((stats.objective + model.log_prior(params)) / stats.weight)
        history.append(objective)
        if trace:
            kept.append(model.trace(params))
        if on_pass is not None:
            on_pass(n_iter, objective)
        converged = still or abs(objective - previous) < tol
        if converged or n_iter >= max_iter:
            return Fit(params, objective, history, kept, n_iter, converged, repairs, stats)
        before, previous = params, objective
        params, repaired = model.repair(model.maximise(stats, params), stats, source, rng)
        n_iter += 1
        if repaired:
            repairs.append((n_iter, repaired))
            previous, still = -np.inf, False
        else:
            still = model.converged(before, params)
