"""Online EM: sums are a running mean over batches, and each batch ends with an M-step (Cappé and Moulines 2009)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

from ..data.block import Block
from ..data.memory import MemorySource
from ..data.source import Source
from ..errors import ArgumentError
from ..stats import add, scale
from .engine import Fit, Pass
from .model import LatentModel, S

P = TypeVar("P")


class Online(NamedTuple, Generic[P]):
    """Where a run stands: all that the next batch needs."""

    params: P
    stats: Any = None  # per unit of weight, about ``params``; None before the first batch
    weight: float = 0.0  # Σ w of all rows seen


def online_step(
    model: LatentModel[P, S], state: Online[P], block: Block, *, decay: float = 0.7, weight: float | None = None
) -> Online[P]:
    """One batch: S <- (1 - ρ) S + ρ expect(batch) / Σ w, then the M-step.

    ρ = (w / W)^``decay`` for a batch of weight w, the last of W seen so far: t^-decay for batches of one size
    (equation 10 of Cappé and Moulines 2009, who ask for 1/2 < decay <= 1). With ``decay=1`` all rows count the same.
    The M-step is told that there are ``weight`` rows (W by default), against which a prior counts. Components without
    rows stay where they are: nothing is repaired.

    Raises ``ArgumentError`` for a ``decay`` out of range.
    """
    if not 0.5 < decay <= 1:
        raise ArgumentError(f"decay must be in the range (0.5, 1]. Got {decay!r} instead.")
    params = state.params
    batch = MemorySource(block).reduce(partial(model.expect, params), rows=model.block_rows(params))
    w = float(batch.weight)
    if w == 0:
        return state
    seen = state.weight + w
    ρ = (w / seen) ** decay
    stats = scale(batch, 1 / w) if state.stats is None else add(scale(state.stats, 1 - ρ), scale(batch, ρ / w))
    following = model.maximise(scale(stats, seen if weight is None else weight), params)
    return Online(following, model.about(stats, params, following), seen)


def online_em(
    model: LatentModel[P, S],
    source: Source,
    params: P,
    *,
    rng: np.random.Generator,
    batch_size: int = 1024,
    epochs: int = 5,
    decay: float = 0.7,
    on_batch: Callable[[Online[P]], None] | None = None,
) -> Fit[P]:
    """Fit ``model`` to ``source`` from ``params`` by ``epochs`` passes in batches of ``batch_size`` rows.

    A step costs a batch and not a pass, so that a few epochs go as far as many passes of ``em``; the last digits are
    better left to ``em``, from the parameters that this gives. One more pass at the end tells the objective of what is
    returned, the one entry of ``history``; ``n_iter`` counts batches, and nothing tests for convergence.

    Raises ``ArgumentError`` for an argument out of range.

    >>> from tacit import as_source
    >>> from tacit.cluster.kmeans import Lloyd
    >>> rows = as_source(np.repeat([[0.0], [1.0], [10.0], [11.0]], 500, axis=0))
    >>> fit = online_em(Lloyd(2), rows, np.array([[3.0], [4.0]]), rng=np.random.default_rng(0), batch_size=100)
    >>> fit.params.round(1).tolist(), fit.n_iter
    ([[0.5], [10.5]], 100)
    """
    if min(batch_size, epochs) < 1:
        raise ArgumentError(f"batch_size and epochs must be at least 1. Got {batch_size!r} and {epochs!r} instead.")
    seed, weight = int(rng.integers(2**63)), source.total
    state, n_batches = Online(params), 0
    for epoch in range(epochs):
        for block in source.batches(batch_size, seed, epoch):
            state = online_step(model, state, block, decay=decay, weight=weight)
            n_batches += 1
            if on_batch is not None:
                on_batch(state)
    stats = source.reduce(partial(model.expect, state.params), rows=model.block_rows(state.params))
    objective = float((stats.objective + model.log_prior(state.params)) / stats.weight)
    last = Pass(objective, model.bound(stats, state.params, state.params) / stats.weight)
    return Fit(state.params, objective, [last], [], n_batches, False, [], stats)
