"""The covariance of rows with gaps: the likelihood of the cells that are there (Little and Rubin 2002, chapter 8)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..data.block import Block
from ..data.memory import MemorySource
from ..data.source import Source
from ..em.engine import em
from ..em.model import LatentModel
from ..errors import ArgumentError
from ..rng import generator
from ..typing import Doubles
from .linear import Linear, observed_moments
from .observed import LOG_2PI, ExpectedSums, expected_sums, log_prob_observed
from .spectrum import Spectrum, deviations, per

TOL, STEPS = 1e-7, 2000  # where EM ends


class Normal(NamedTuple):
    """Mean [1, d] and covariance [1, d, d]."""

    mean: Doubles
    covariance: Doubles


class NormalStats(NamedTuple):
    """Expected sums about the mean, and the log-likelihood of the observed cells."""

    objective: float
    weight: float
    sums: ExpectedSums

    @property
    def entropy(self) -> float:
        """Of the cells that were filled in."""
        return float(self.sums.hidden.sum())


@dataclass(frozen=True)
class Free(LatentModel[Normal, NormalStats]):
    """One Gaussian with a free covariance: Σ = S / N, no variance below ``floor`` [d]."""

    floor: Doubles

    def init(self, source: Source, rng: np.random.Generator) -> Normal:
        """Mean and variances of the observed cells of each column."""
        _, mean, variance = observed_moments(source)
        return Normal(mean[None], np.diag(np.maximum(variance, self.floor))[None])

    def expect(self, params: Normal, block: Block) -> NormalStats:
        log_prob = log_prob_observed(params.covariance, params.mean, block.x)[:, 0]
        sums = expected_sums(params.covariance, params.mean, block.x, np.asarray(block.w, np.float64)[:, None])
        return NormalStats(float(block.w @ log_prob), float(block.w.sum()), sums)

    def maximise(self, stats: NormalStats, params: Normal) -> Normal:
        N, first, second, _ = stats.sums
        move = first / N
        C = second / N - move[:, :, None] * move[:, None, :]
        return Normal(params.mean + move, C + np.diag(self.floor))

    def expected(self, stats: NormalStats, params: Normal) -> float:
        # N (-½ log |2πΣ|) - ½ tr Σ⁻¹ S
        Σ = params.covariance[0]
        inside = np.trace(np.linalg.solve(Σ, stats.sums.second[0]))
        return float(-0.5 * (stats.weight * (len(Σ) * LOG_2PI + np.linalg.slogdet(Σ)[1]) + inside))

    def about(self, stats: NormalStats, old: Normal, new: Normal) -> NormalStats:
        return stats._replace(sums=stats.sums.moved(new.mean - old.mean))

    def block_rows(self, params: Normal) -> int | None:
        return 16384


def by_gaps(source: Source, scaled: bool, k: int | None, seed: Any) -> Spectrum:
    """The first k from rows with gaps; variances have the divisor n - 1, as without gaps.

    N(μ, W Wᵀ + σ²I) with W [d, k] (Tipping and Bishop 1999, section 3.2); with a free covariance where k is open or
    leaves no room for noise.

    Raises ``ArgumentError`` for a column without observed cells.
    """
    n, d = source.shape
    seen, _, variance = observed_moments(source)
    if not (seen > 1e-200).all():
        raise ArgumentError(f"column {int(np.flatnonzero(seen <= 1e-200)[0])} has no observed value: leave it out")
    weight = source.total
    scale = deviations(per(variance * weight, weight)) if scaled else None
    if scale is not None:
        x = source.map(lambda block: np.asarray(block.x, np.float64) / scale)
        source = MemorySource(Block(0, x, weight=source.weight if source.weighted else None))
        variance = variance / scale**2
    largest = float(variance.max())
    floor = 1e-12 * np.where(variance > 0, variance, largest if largest > 0 else 1e12)
    rng = generator(seed)
    if k is None or k >= min(n, d) - 1:
        free = Free(floor)
        found = em(free, source, free.init(source, rng), tol=TOL, max_iter=STEPS, rng=rng, bound=False).params
        mean, C = found.mean[0], found.covariance[0]
    else:
        linear = Linear(k, True, floor)
        fit = em(linear, source, linear.init(source, rng), tol=TOL, max_iter=STEPS, rng=rng, bound=False)
        mean, W, noise = fit.params
        C = W @ W.T + np.diag(noise)
    variances, U = np.linalg.eigh(C * per(weight, weight))
    variances = np.maximum(variances[::-1], 0)
    return Spectrum(
        mean if scale is None else mean * scale, scale, variances, U[:, ::-1].T, float(variances.sum()), weight
    )
