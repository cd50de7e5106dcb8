"""Lloyd's steps without reading the rows whose bounds already tell their nearest centre: exact, in memory only.

The first passes are Lloyd's, while nearly every row would be read anyway. Once few rows change their centre, each keeps
an upper bound on the distance to its own and lower bounds on those to the others, at most 128 bytes a row (Hamerly
2010; Ding et al. 2015), and the sums follow the rows that change.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from .. import kernels
from ..data.block import Block
from ..data.memory import MemorySource
from ..kernels import Nearest
from ..kernels.bounded import Bounds, Groups, bounded, cost
from ..typing import Array, Doubles
from .lloyd import Lloyd

MANY_COLUMNS = 160  # from here on, rows are read as vectors, and centres have groups
MOST_GROUPS = 28  # 4 + 4 + 4 · 28 bytes a row: label, upper and lower bounds
TILE = 4  # centres that are scored together
WORTH = 2e7  # multiplications of a pass, below which nothing is to be gained
LOOKED_AT = 192  # rows that say what bounds would spare
UNLOOKED = 6.0  # passes without a look, for a share of 1 beyond what pays


class Patience(NamedTuple):
    """When bounds are begun, and when they are given up: shares of a Lloyd pass that fresh bounds would leave."""

    begin: float
    end: float


ALWAYS = Patience(np.inf, np.inf)


def usual(n: int, d: int, K: int) -> Patience:
    """What pays, by measurement: where columns are few, a scored row costs more than its share of a Lloyd pass."""
    if n * d * K < WORTH:
        return Patience(-1.0, -1.0)
    return Patience(0.35, 0.7) if d >= 32 else Patience(0.2, 0.4)


class Kept(NamedTuple):
    """Bounds, and the sums that follow the rows which change their centre."""

    bounds: Bounds
    groups: Groups
    shift: Doubles  # s [d]
    counts: Doubles  # [K]
    sums: Doubles  # [K, d], Σ w (x - s)
    spread: float  # Σ w |x - s|²


@dataclass
class State:
    """What is kept from pass to pass of one run."""

    kept: Kept | None = None
    groups: Groups | None = None
    centers: Doubles | None = None  # of the last pass
    wait: int = 0  # passes until rows are looked at again
    known: bool = False  # bounds have been through a pass
    over: bool = False  # and have been given up
    met: list[float] = field(default_factory=list)  # rows that were compared with centres in each pass


@dataclass(frozen=True, eq=False)
class Pruned(Lloyd):
    """``Lloyd`` on the one block of a source in memory; ``expect`` remembers the last pass of its run."""

    patience: Patience = ALWAYS
    state: State = field(default_factory=State)

    def expect(self, params: Doubles, block: Block) -> Nearest:
        state, kept, before = self.state, self.state.kept, self.state.centers
        state.centers = params
        if kept is None or before is None:
            stats = super().expect(params, block)
            state.met.append(block.n)
            if self._promising(before, params, block):
                state.kept = self._begin(params, stats, block)
            return stats
        N = float(kept.counts.sum())
        size = (kept.spread / max(N, 1e-300)) ** 0.5
        met, _ = bounded(
            block, before, params, kept.groups, kept.bounds, kept.shift, kept.counts, kept.sums,
            single=block.dtype == np.float32 and 1e-12 < size < 1e12, dots=block.d >= MANY_COLUMNS,
        )  # fmt: skip
        state.met.append(met / (len(kept.groups.first) - 1))
        if state.known and state.met[-1] > self.patience.end * block.n:
            state.kept, state.over = None, True
        state.known = True
        # Σ w (x - c) = Σ w (x - s) - N (c - s); Σ w |x - c|² = Σ w |x - s|² - Σ_k (c_k - s)·(S_k + Σ w (x - c_k))
        away = params - kept.shift
        sums = kept.sums - kept.counts[:, None] * away
        gain = float((away * (kept.sums + sums)).sum())
        return Nearest(min(gain - kept.spread, 0.0), N, kept.counts.copy(), sums)

    def _size(self, params: Doubles) -> Any:
        # sums about one shift for all centres
        return np.abs(params) if self.state.kept is None else np.abs(params).max()

    def cost(self, params: Doubles, block: Block) -> float:
        """Σ w |x - c|² at the labels of the last pass, from explicit differences."""
        assert self.labels is not None
        return cost(block, params, self.labels)

    def _promising(self, before: Doubles | None, params: Doubles, block: Block) -> bool:
        """Whether fresh bounds would settle most of a few rows, if centres move twice as far as in the last step."""
        state = self.state
        if self.patience is ALWAYS or state.over or self.patience.begin < 0 or before is None:
            return self.patience is ALWAYS
        if state.wait > 0:
            state.wait -= 1
            return False
        if state.groups is None:
            state.groups = self._groups(params, block)
        some = MemorySource(block).take(np.arange(0, block.n, 1 + block.n // LOOKED_AT))
        apart = kernels.distances(some, params)
        own = apart.argmin(axis=1)
        nearest = apart[np.arange(len(own)), own]
        apart[np.arange(len(own)), own] = np.inf
        order, first, _ = state.groups
        lower = np.minimum.reduceat(apart[:, order], first[:-1], axis=1)
        drift = np.maximum.reduceat(np.linalg.norm(params - before, axis=1)[order], first[:-1])
        beyond = float(np.mean(lower - 2 * drift <= nearest[:, None])) - self.patience.begin
        state.wait = int(UNLOOKED * max(beyond, 0.0))
        return beyond <= 0

    def _groups(self, params: Doubles, block: Block) -> Groups:
        return groups(params, min(MOST_GROUPS, -(-self.K // TILE)) if block.d >= MANY_COLUMNS else 1)

    def _begin(self, params: Doubles, stats: Nearest, block: Block) -> Kept:
        """Bounds that settle nothing yet, and the sums about the mean of the centres."""
        assert self.labels is not None
        n, found = block.n, self.state.groups or self._groups(params, block)
        shift = params.mean(axis=0)
        away = params - shift
        sums = stats.sums + stats.counts[:, None] * away
        spread = -stats.objective + float((away * (stats.sums + sums)).sum())
        lower = np.zeros((n, len(found.first) - 1), np.float32)
        bounds = Bounds(self.labels, np.full(n, np.inf, np.float32), lower)
        return Kept(bounds, found, shift, stats.counts.copy(), sums, spread)


def groups(centers: Doubles, most: int) -> Groups:
    """At most ``most`` groups of near centres, whole tiles each but the last: an outermost centre and those near it.

    >>> groups(np.array([[0.0], [9.0], [1.0], [8.0], [2.0], [7.0], [3.0], [6.0]]), 2).of
    array([0, 1, 0, 1, 0, 1, 0, 1], dtype=int32)
    """
    K = len(centers)
    size = -(-K // most)
    size = -(-size // TILE) * TILE
    left, of = np.arange(K), np.empty(K, np.int32)
    order: list[Array] = []
    outer = np.square(centers - centers.mean(axis=0)).sum(axis=1)
    while len(left):
        far = left[outer[left].argmax()]
        near = left[np.square(centers[left] - centers[far]).sum(axis=1).argsort(kind="stable")[:size]]
        of[near] = len(order)
        order.append(near)
        left = np.setdiff1d(left, near)
    first = np.cumsum([0, *map(len, order)], dtype=np.int32)
    return Groups(np.concatenate(order).astype(np.int32), first, of)
