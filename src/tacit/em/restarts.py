"""Several starts: all run a few steps, the worst half is dropped, the rest run on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from ..data.source import Source
from ..errors import ArgumentError
from .engine import Fit, em
from .model import LatentModel, S

P = TypeVar("P")


def restarts(
    model: LatentModel[P, S],
    source: Source,
    starts: int | Sequence[P],
    *,
    tol: float,
    max_iter: int,
    rng: np.random.Generator,
    steps: int = 5,
    keep: int = 1,
) -> Fit[P]:
    """The best fit from several ``starts``, given or drawn by ``model.init``.

    In each round every run takes ``steps`` steps, then the worse half is dropped (successive halving; Jamieson and
    Talwalkar 2016), until ``keep`` are left; these run until ``tol`` or ``max_iter`` steps in all. 16 starts cost
    30 · ``steps`` steps before the last run goes on alone. The fit is told as if its run had been the only one.

    Raises ``ArgumentError`` where there is no start.
    """
    params = [model.init(source, rng) for _ in range(starts)] if isinstance(starts, int) else list(starts)
    if not params:
        raise ArgumentError("restarts needs at least one start")
    runs = [em(model, source, p, tol=tol, max_iter=min(steps, max_iter), rng=rng) for p in params]
    while True:
        runs = sorted(runs, key=lambda run: -run.objective)[: max(keep, len(runs) // 2)]
        if len(runs) <= keep:
            break
        runs = [_go_on(model, source, run, steps, tol, max_iter, rng) for run in runs]
    runs = [_go_on(model, source, run, max_iter, tol, max_iter, rng) for run in runs]
    return max(runs, key=lambda run: run.objective)


def _go_on(
    model: LatentModel[P, S],
    source: Source,
    run: Fit[P],
    steps: int,
    tol: float,
    max_iter: int,
    rng: np.random.Generator,
) -> Fit[P]:
    """``steps`` steps more, told as one run; its last pass is the first of the new ones."""
    steps = min(steps, max_iter - run.n_iter)
    if run.converged or steps <= 0:
        return run
    more = em(model, source, run.params, tol=tol, max_iter=steps, rng=rng)
    return more._replace(
        history=[*run.history[:-1], *more.history],
        n_iter=run.n_iter + more.n_iter,
        repairs=[*run.repairs, *((run.n_iter + i, count) for i, count in more.repairs)],
    )
