"""k-medians: Lloyd's steps under the L1 distance, with medians as centres, so that the objective still falls.

Σ_i w_i |x_i - c|₁ is least, column by column, at a weighted median: a pass needs the rows themselves and not only sums
of them, which is why this is for rows in memory only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..data.block import Block
from ..data.memory import MemorySource
from ..data.source import Source
from ..em.model import LatentModel
from ..typing import Array, Doubles
from .seeding import centers_of, sample


class Medians(NamedTuple):
    """Sums of a pass, and the medians that it leads to."""

    objective: float  # -Σ w |x - c|₁
    weight: float
    counts: Doubles  # [K]
    medians: Doubles  # [K, d]

    @property
    def entropy(self) -> float:
        """0: assignments are hard."""
        return 0.0


@dataclass(frozen=True, eq=False)
class KMedians(LatentModel[Doubles, Medians]):
    """Minimises Σ_i w_i min_k |x_i - c_k|₁ by turns of nearest centre and median; one block of rows in memory."""

    K: int
    tol: float = 0.0
    labels: Array | None = None

    def init(self, source: Source, rng: np.random.Generator) -> Doubles:
        return plus_plus(source, self.K, rng)

    def expect(self, params: Doubles, block: Block) -> Medians:
        label, distance = assign(block, params)
        if self.labels is not None:
            self.labels[:] = label
        w = block.w
        counts = np.bincount(label, weights=w, minlength=self.K).astype(np.float64)
        x, medians = np.asarray(block.x, dtype=np.float64), params.copy()
        for k in np.flatnonzero(counts):
            medians[k] = weighted_median(x[label == k], w[label == k])
        return Medians(-float(w @ distance), float(w.sum()), counts, medians)

    def maximise(self, stats: Medians, params: Doubles) -> Doubles:
        return stats.medians

    def converged(self, before: Doubles, after: Doubles) -> bool:
        return float(np.square(after - before).sum()) <= self.tol

    def repair(self, params: Doubles, stats: Medians, source: Source, rng: np.random.Generator) -> tuple[Doubles, int]:
        """Each empty cluster moves to the row farthest from all centres, one after another, ties in hash order."""
        block, moved, repaired = next(iter(source.blocks())), params.copy(), 0
        for k in np.flatnonzero(stats.counts == 0):
            distance = np.where(block.w > 0, assign(block, np.delete(moved, k, axis=0))[1], 0.0)
            far = source.order[distance[source.order].argmax()]
            if not distance[far] > 0:
                break
            moved[k] = block.x[far]
            repaired += 1
        return moved, repaired


def assign(block: Block, centers: Doubles) -> tuple[Array, Doubles]:
    """The nearest centre of each row under L1, the lowest index in a tie, and the distance [b]."""
    x = np.asarray(block.x, dtype=np.float64)
    best, label = np.full(len(x), np.inf), np.zeros(len(x), dtype=np.int32)
    for k, c in enumerate(centers):
        distance = np.abs(x - c).sum(axis=1)
        nearer = distance < best
        best[nearer], label[nearer] = distance[nearer], k
    return label, best


def distances(block: Block, centers: Doubles) -> Doubles:
    """Σ_q |x_iq - c_kq| [b, K]."""
    x = np.asarray(block.x, dtype=np.float64)
    return np.stack([np.abs(x - c).sum(axis=1) for c in centers], axis=1)


def weighted_median(x: Doubles, w: Doubles) -> Doubles:
    """The median of each column [d], a row of weight 2 as two rows; half-way where half the weight is on each side.

    >>> weighted_median(np.array([[1.0], [2.0], [9.0]]), np.array([1.0, 1.0, 2.0]))
    array([5.5])
    """
    order = x.argsort(axis=0, kind="stable")
    below = np.cumsum(w[order], axis=0)
    half = below[-1] / 2
    sorted_ = np.take_along_axis(x, order, axis=0)
    noise = 1e-12 * below[-1]
    low, high = (below < half - noise).sum(axis=0), (below <= half + noise).sum(axis=0)
    at = np.arange(x.shape[1])
    out: Doubles = (sorted_[low, at] + sorted_[np.minimum(high, len(x) - 1), at]) / 2
    return out


def plus_plus(source: Source, K: int, rng: np.random.Generator) -> Doubles:
    """Seeds [K, d], each drawn with probability proportional to w times the L1 distance to the seeds so far."""
    assert isinstance(source, MemorySource)
    block = source.block
    seeds = [centers_of(source.take(sample(source, 1, rng)), "l1")]
    least = assign(block, seeds[0])[1]
    while len(seeds) < K:
        mass = least * (block.w)
        cumulative = np.cumsum(mass[source.order])
        if not cumulative[-1] > 0:
            seeds.append(centers_of(source.take(sample(source, 1, rng)), "l1"))
            continue
        row = source.order[np.searchsorted(cumulative, rng.random() * cumulative[-1], side="right")]
        seeds.append(centers_of(source.take(np.array([row])), "l1"))
        least = np.minimum(least, assign(block, seeds[-1])[1])
    return np.concatenate(seeds)


def random_rows(source: Source, K: int, rng: np.random.Generator) -> Doubles:
    """K rows with different contents, drawn with probability proportional to weight."""
    from .seeding import random_rows as euclidean

    return euclidean(source, K, rng)
