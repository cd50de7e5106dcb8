"""Lloyd's algorithm as EM with hard assignments, Euclidean or spherical."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import kernels
from ..data.block import Block
from ..data.source import Source
from ..em.model import LatentModel
from ..kernels import Nearest
from ..typing import Array, Doubles
from .seeding import Closest, centers_of, plus_plus, unit


@dataclass(frozen=True, eq=False)
class Lloyd(LatentModel[Doubles, Nearest]):
    """Minimises Σ_i w_i min_k |x_i - c_k|² by turns of nearest centre and mean (Lloyd 1982; Bishop 2006, section 9.1).

    Parameters are the centres [K, d] in float64. ``tol`` bounds the squared shift of all centres in a step. ``labels``
    [n] is written by ``expect`` and never read: after the last pass it holds the labels of the centres returned.
    """

    K: int
    metric: str = "euclidean"
    tol: float = 0.0
    labels: Array | None = None

    def init(self, source: Source, rng: np.random.Generator) -> Doubles:
        return plus_plus(source, self.K, rng, metric=self.metric)

    def expect(self, params: Doubles, block: Block) -> Nearest:
        out = None if self.labels is None else self.labels[block.start : block.start + block.n]
        return kernels.nearest(block, params, metric=self.metric, labels=out)

    def maximise(self, stats: Nearest, params: Doubles) -> Doubles:
        step = _steps(stats)
        if self.metric == "cosine":  # maximises Σ w x·c over |c| = 1 (Dhillon and Modha 2001)
            mean = params + step
            alive = np.linalg.norm(mean, axis=1, keepdims=True) > 1e-12
            return unit(np.where(alive, mean, params))
        # A step below the rounding of the sums is no step: with tol=0 the centres come to rest.
        rms = (-stats.objective / stats.weight) ** 0.5
        step[np.abs(step) <= 2e-15 * (self._size(params) + rms)] = 0
        return params + step

    def _size(self, params: Doubles) -> Any:
        """Of the numbers in whose rounding sums err, beside distances."""
        return np.abs(params)

    def expected(self, stats: Nearest, params: Doubles) -> float:
        """-Σ_i w_i |x_i - c_{l_i}|², at the assignments of the sums."""
        return stats.objective

    def about(self, stats: Nearest, old: Doubles, new: Doubles) -> Nearest:
        # Σ w |x - c - δ|² = Σ w |x - c|² - 2 δ·Σ w (x - c) + N |δ|²
        step = new - old
        mass = stats.counts[:, None] * step
        gain = float((step * (2 * stats.sums - mass)).sum())
        return stats._replace(objective=stats.objective + gain, sums=stats.sums - mass)

    def converged(self, before: Doubles, after: Doubles) -> bool:
        # a sum, not a BLAS product: the threads that one leaves spinning take a core from the next pass
        return float(np.square(after - before).sum()) <= self.tol

    def repair(self, params: Doubles, stats: Nearest, source: Source, rng: np.random.Generator) -> tuple[Doubles, int]:
        """Each empty cluster moves to the row farthest from all centres, one after another, ties in hash order.

        The row leaves the cluster that it was in: with μ the mean of weight N, μ ← μ - w (x - μ) / (N - w).
        """
        if stats.counts.all():
            return params, 0
        source, empty = source.few, np.flatnonzero(stats.counts == 0)
        before = params - _steps(stats)
        closest = Closest(source, self.metric, params)
        moved, counts, repaired = params.copy(), stats.counts.copy(), 0
        rounding = float(np.square(params).max()) * 1e-30
        for k in empty:
            distance = np.where(source.weight > 0, closest.squared, 0)
            far = source.order[distance[source.order].argmax()]
            if distance[far] <= rounding:  # fewer distinct rows than clusters
                break
            row = source.take(far[None])
            moved[k] = centers_of(row, self.metric)[0]
            closest.add(moved[k : k + 1])
            repaired += 1
            if self.metric == "euclidean":
                w = source.weight[(distance == distance[far]) & (closest.squared == 0)].sum()  # x and its equals
                old = int(kernels.assign(row, before)[0])
                if counts[old] > w:
                    counts[old] -= w
                    moved[old] -= w * (moved[k] - moved[old]) / counts[old]
        return moved, repaired

    def scale(self, source: Source) -> float:
        """The mean of the features' variances: what scikit-learn measures ``tol`` in."""
        origin = centers_of(source.take(np.zeros(1, dtype=np.intp)), self.metric)
        total = source.reduce(lambda block: kernels.nearest(block, origin, metric=self.metric))
        mean = total.sums[0] / total.weight
        return float(-total.objective / total.weight - mean @ mean) / len(mean)


def _steps(stats: Nearest) -> Doubles:
    """Σ w (x - c) / Σ w [K, d], from each centre to the mean of its rows, exact far from the origin; 0 without rows."""
    steps: Doubles = stats.sums / np.where(stats.counts > 0, stats.counts, 1)[:, None]
    return steps
