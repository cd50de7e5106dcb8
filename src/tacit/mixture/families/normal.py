"""Independent normal cells: a mean and a variance for each numeric column, gaps skipped, variances bounded below."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple, Self

import numpy as np
from scipy.special import log_ndtr, ndtr, ndtri_exp

from ...data.block import Block
from ...data.source import Source
from ...kernels.parts import GaussianPart, GaussianSums
from ...typing import Array, Doubles, Floats
from .column import ColumnDistribution, Event, Interval, bounded
from .family import Cells, Family

HALF_LOG_2PI = 0.5 * np.log(2 * np.pi)


class NormalParams(NamedTuple):
    """Means and variances [K, d]."""

    mean: Doubles
    var: Doubles


@dataclass(frozen=True, eq=False)
class NormalColumn(ColumnDistribution):
    """N(x; μ_k, σ_k²)."""

    mu: Doubles  # [K]
    sigma: Doubles  # [K]
    continuous = True

    @property
    def K(self) -> int:
        return len(self.mu)

    def log_prob(self, x: Array) -> Doubles:
        z = (np.asarray(x, np.float64)[:, None] - self.mu) / self.sigma
        out: Doubles = -0.5 * z * z - np.log(self.sigma) - HALF_LOG_2PI
        return out

    def cdf(self, x: Array) -> Doubles:
        out: Doubles = ndtr((np.asarray(x, np.float64)[:, None] - self.mu) / self.sigma)
        return out

    def log_mass(self, event: Event) -> Doubles:
        return log_ndtr_between(*self._ends(event))[0]

    def sample(self, z: Array, rng: np.random.Generator, event: Event | None = None) -> Array:
        μ, σ = self.mu[z], self.sigma[z]
        if event is None:
            return rng.normal(μ, σ)
        a, b = (v[z] for v in self._ends(event))
        log_p, flip, base = log_ndtr_between(a, b)
        # Φ⁻¹(Φ(a) + u (Φ(b) - Φ(a))), on the side where Φ keeps its digits
        t = ndtri_exp(np.logaddexp(base, np.log1p(-rng.random(len(z))) + log_p))
        assert isinstance(event, Interval)
        return np.clip(μ + σ * np.where(flip, -t, t), event.low, event.high)

    def mean(self, event: Event | None = None) -> Doubles:
        return self.mu if event is None else self._moments(event)[0]

    def variance(self, event: Event | None = None) -> Doubles:
        return self.sigma**2 if event is None else self._moments(event)[1]

    def _ends(self, event: Event) -> tuple[Doubles, Doubles]:
        low, high = bounded(event)
        return (low - self.mu) / self.sigma, (high - self.mu) / self.sigma

    def _moments(self, event: Event) -> tuple[Doubles, Doubles]:
        """Mean and variance of the normal between two ends (Johnson, Kotz and Balakrishnan 1994, section 13.10.1)."""
        assert isinstance(event, Interval)
        a, b = self._ends(event)
        log_p = log_ndtr_between(a, b)[0]
        with np.errstate(over="ignore", invalid="ignore"):
            fa, fb = (np.exp(-0.5 * v * v - HALF_LOG_2PI - log_p) for v in (a, b))
            m = fa - fb
            v = 1 + np.where(np.isinf(a), 0, a * fa) - np.where(np.isinf(b), 0, b * fb) - m * m
        near = np.clip(self.mu, event.low, event.high)  # where the mass is too far off to be a number
        mean = np.clip(np.where(np.isfinite(m), self.mu + self.sigma * m, near), event.low, event.high)
        return mean, self.sigma**2 * np.clip(np.nan_to_num(v, nan=0.0), 0.0, 1.0)


def log_ndtr_between(a: Doubles, b: Doubles) -> tuple[Doubles, Array, Doubles]:
    """log (Φ(b) - Φ(a)) for a <= b, whether it was taken of (-b, -a), and log Φ of the lower end there."""
    flip = a > 0  # Φ(b) - Φ(a) = Φ(-a) - Φ(-b): where both lie in the right tail
    lo, hi = np.where(flip, -b, a), np.where(flip, -a, b)
    low, high = log_ndtr(lo), log_ndtr(hi)
    with np.errstate(divide="ignore", invalid="ignore"):
        out = high + np.log(-np.expm1(np.minimum(low - high, 0.0)))
    return np.where(hi > lo, np.nan_to_num(out, nan=-np.inf), -np.inf), flip, low


@dataclass(frozen=True, eq=False)
class Normal(Family[NormalParams, GaussianSums]):
    """p(x | k) = Π_j N(x_j; μ_kj, v_kj) over the observed cells, with v_kj >= floor_j.

    Each variance has the prior v^(-ν/2) exp(-ν s_j / 2v), as if ν = ``smoothing`` more rows of each component lay a
    squared distance s_j, a tenth of the column's variance, from its mean; the M-step is
    v = max((S + ν s) / (N + ν), floor). The bound makes it a constrained maximum: the objective never falls and is
    bounded above, which the likelihood of a free normal mixture is not (Hathaway 1985). It is ``reg`` times the
    column's variance, and at least step² / 2π where cells are recorded to a step: the probability of a cell,
    density times step, is at most 1.
    """

    mean: Doubles  # [d], of all rows: subtracted first, so that squares lose little when multiplied out
    var: Doubles  # [d], of all rows
    step: Doubles  # [d], 0 where none is known
    reg: float
    smoothing: float
    at: tuple[int, ...] | None = None  # positions among the numeric columns; all where None
    share: float = 0.1  # of the column's variance, in s_j

    @classmethod
    def of(cls, source: Source, step: Doubles, reg: float, smoothing: float, at: tuple[int, ...] | None = None) -> Self:
        """The family for these rows."""
        blank = np.zeros(0)
        return cls(blank, blank, step, reg, smoothing, at).over(source)

    def over(self, source: Source) -> Self:
        mean, var = moments(source)
        where = slice(None) if self.at is None else list(self.at)
        return replace(self, mean=mean[where], var=var[where])

    @cached_property
    def floor(self) -> Doubles:
        """The least variances [d]; a constant column gets one far below its own size."""
        tiny = np.where(self.mean != 0, 1e-12 * self.mean**2, 1e-12)
        # cells of one value alone: their step holds eight standard deviations, and all of the probability
        least = np.where(self.var > 0, self.step**2 / (2 * np.pi), np.maximum(self.step**2 / 64, tiny))
        return np.maximum(self.reg * self.var, least)

    @cached_property
    def spread(self) -> Doubles:
        """s_j [d]."""
        return np.maximum(self.share * self.var, self.floor)

    def _x(self, block: Block) -> Floats:
        return block.x if self.at is None else block.x[:, list(self.at)]

    def _cells(self, block: Block) -> tuple[Doubles, Doubles]:
        x = self._x(block) - self.mean
        gap = np.isnan(x)
        return np.where(gap, 0.0, x), (~gap).astype(np.float64)

    def blank(self, K: int, source: Source) -> NormalParams:
        return NormalParams(np.tile(self.mean, (K, 1)), np.tile(np.maximum(self.var, self.floor), (K, 1)))

    def log_prob(self, θ: NormalParams, block: Block) -> Floats:
        x, seen = self._cells(block)
        μ, λ = θ.mean - self.mean, 1 / θ.var
        # -½ [log 2πv + (x - μ)² / v], the square multiplied out so that K is the side of a matrix product
        quadratic: Doubles = (x * x) @ λ.T - 2 * (x @ (μ * λ).T) + seen @ (μ * μ * λ + np.log(2 * np.pi * θ.var)).T
        return -0.5 * quadratic

    def stats(self, θ: NormalParams, block: Block, r: Floats) -> GaussianSums:
        x, seen = self._cells(block)
        N, s, ss = r.T @ seen, r.T @ x, r.T @ (x * x)
        shift = θ.mean - self.mean
        return GaussianSums(N, s - N * shift, ss - shift * (2 * s - N * shift))

    def update(self, t: GaussianSums, θ: NormalParams) -> NormalParams:
        some = t.counts > 1e-12  # else the column says nothing about the component, which keeps its place
        N = np.where(some, t.counts, 1.0)
        m = t.first / N  # of x - μ
        v = (t.second - t.first * m + self.smoothing * self.spread) / (N + self.smoothing)
        v = np.maximum(v, self.floor)
        return NormalParams(np.where(some, θ.mean + m, θ.mean), np.where(some, v, θ.var))

    def sample(self, θ: NormalParams, z: Array, rng: np.random.Generator, out: Cells) -> None:
        where = slice(None) if self.at is None else list(self.at)
        out.numbers[:, where] = rng.normal(θ.mean[z], np.sqrt(θ.var[z]))

    def n_parameters(self, θ: NormalParams) -> int:
        return 2 * θ.mean.size

    def expected(self, t: GaussianSums, θ: NormalParams) -> float:
        return -0.5 * float((t.counts * np.log(2 * np.pi * θ.var) + t.second / θ.var).sum())

    def about(self, t: GaussianSums, old: NormalParams, new: NormalParams) -> GaussianSums:
        return t.moved(new.mean - old.mean)

    def log_prior(self, θ: NormalParams) -> float:
        return -0.5 * self.smoothing * float((np.log(θ.var) + self.spread / θ.var).sum()) if self.smoothing else 0.0

    def replace(self, θ: NormalParams, bad: Array, rows: Block, source: Source) -> NormalParams:
        blank = self.blank(len(bad), source)
        x = np.where(np.isnan(self._x(rows)), blank.mean, self._x(rows))
        return NormalParams(np.where(bad[:, None], x, θ.mean), np.where(bad[:, None], blank.var, θ.var))

    def native(self, θ: NormalParams) -> GaussianPart:
        at = np.arange(θ.mean.shape[1]) if self.at is None else np.array(self.at)
        return GaussianPart("diag", at.astype(np.int32), θ.mean, 1 / np.sqrt(θ.var))

    def column(self, θ: NormalParams, j: int) -> NormalColumn:
        """p(x_j | k) of the j-th number."""
        return NormalColumn(θ.mean[:, j], np.sqrt(θ.var[:, j]))

    def pick(self, θ: NormalParams, js: list[int], at: tuple[int, ...]) -> tuple[Normal, NormalParams]:
        """The same for some of its columns, at new positions."""
        mine = replace(self, mean=self.mean[js], var=self.var[js], step=self.step[js], at=at)
        return mine, NormalParams(θ.mean[:, js], θ.var[:, js])

    def within(self, θ: NormalParams, π: Doubles) -> tuple[Doubles, Doubles]:
        """The means of each component [K, d] and Σ_k π_k cov_k [d, d]."""
        return θ.mean, np.diag(π @ θ.var)


def moments(source: Source) -> tuple[Doubles, Doubles]:
    """Mean and variance of the observed cells of every numeric column [d]; 0 where none is observed."""

    def sums(block: Block, about: Doubles) -> Doubles:
        x = block.x - about
        seen = ~np.isnan(x)
        x = np.where(seen, x, 0.0)
        return np.stack([block.w @ seen, block.w @ x, block.w @ (x * x)])

    d = source.shape[1]
    n, s, _ = source.reduce(lambda block: sums(block, np.zeros(d)), rows=65536)
    mean = s / np.maximum(n, 1e-300)
    n, s, ss = source.reduce(lambda block: sums(block, mean), rows=65536)
    m = s / np.maximum(n, 1e-300)
    return mean + m, np.maximum(ss / np.maximum(n, 1e-300) - m * m, 0.0)
