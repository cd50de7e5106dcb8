"""Gamma distributions of positive numbers in each component."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import numpy as np
from scipy.special import digamma, gammainc, gammaincc, gammainccinv, gammaincinv, gammaln, polygamma

from ...data.block import Block
from ...data.source import Source
from ...typing import Array, Doubles, Floats
from .column import ColumnDistribution, Event, Interval, bounded
from .family import Cells, Family

LARGEST = 1e8  # shape


class GammaParams(NamedTuple):
    """Means m and shapes a [K, d]; the variance is m² / a."""

    mean: Doubles
    shape: Doubles


class GammaSums(NamedTuple):
    """Σ r, Σ r x and Σ r log x over the observed cells [K, d]."""

    counts: Doubles
    total: Doubles
    logs: Doubles


@dataclass(frozen=True, eq=False)
class GammaColumn(ColumnDistribution):
    """p(x | k) = (a/m)^a x^(a-1) exp(-a x / m) / Γ(a) for x > 0."""

    mu: Doubles  # [K]
    shape: Doubles  # [K]
    continuous = True

    @property
    def K(self) -> int:
        return len(self.mu)

    def log_prob(self, x: Array) -> Doubles:
        x = np.asarray(x, np.float64)[:, None]
        a, b = self.shape, self.shape / self.mu
        with np.errstate(divide="ignore", invalid="ignore"):
            out = (a - 1) * np.log(x) - b * x + a * np.log(b) - gammaln(a)
        return np.where(x <= 0, -np.inf, out)

    def cdf(self, x: Array) -> Doubles:
        out: Doubles = gammainc(self.shape, self._scaled(np.asarray(x, np.float64)[:, None]))
        return out

    def _scaled(self, x: Doubles) -> Doubles:
        return np.maximum(x, 0.0) * (self.shape / self.mu)

    def log_mass(self, event: Event) -> Doubles:
        low, high = (self._scaled(v) for v in bounded(event))
        below, above = gammainc(self.shape, low), gammaincc(self.shape, low)
        lower = gammainc(self.shape, high) - below
        upper = above - gammaincc(self.shape, high)
        with np.errstate(divide="ignore"):
            out: Doubles = np.log(np.maximum(np.where(below < 0.5, lower, upper), 0.0))
        return out

    def sample(self, z: Array, rng: np.random.Generator, event: Event | None = None) -> Array:
        a, m = self.shape[z], self.mu[z]
        if event is None:
            drawn: Array = rng.gamma(a) * m / a
            return drawn
        assert isinstance(event, Interval)
        low, high = (np.maximum(float(v), 0.0) * a / m for v in event)
        u, tail = rng.random(len(z)), gammainc(a, low) > 0.5
        p, q = gammainc(a, low), gammaincc(a, high)
        x = np.where(
            tail,
            gammainccinv(a, q + u * (gammaincc(a, low) - q)),
            gammaincinv(a, p + u * (gammainc(a, high) - p)),
        )
        out: Array = np.clip(x * m / a, event.low, event.high)
        return out

    def mean(self, event: Event | None = None) -> Doubles:
        return self.mu if event is None else self._moment(event, 1)

    def variance(self, event: Event | None = None) -> Doubles:
        if event is None:
            return self.mu**2 / self.shape
        return np.maximum(self._moment(event, 2) - self._moment(event, 1) ** 2, 0.0)

    def _moment(self, event: Event, order: int) -> Doubles:
        """E[x^order | event]: x^order times a gamma density is one of shape a + order."""
        assert isinstance(event, Interval)
        a, b = self.shape, self.shape / self.mu
        raised = GammaColumn((a + order) / b, a + order)
        scale = np.exp(gammaln(a + order) - gammaln(a) - order * np.log(b))
        with np.errstate(invalid="ignore"):
            out = scale * np.exp(raised.log_mass(event) - self.log_mass(event))
        low, high = max(float(event.low), 0.0), float(event.high)
        near = np.clip(self.mu, low, high) ** order
        return np.clip(np.where(np.isfinite(out), out, near), low**order, high**order)


@dataclass(frozen=True, eq=False)
class Gamma(Family[GammaParams, GammaSums]):
    """p(x | k) = Π_j Gamma(x_j; shape a_kj, rate a_kj / m_kj) over the observed cells, all of them positive.

    M-step: m = Σ r x / N, and log a - ψ(a) = (N s + ν s_j) / (N + ν) with s = log m - Σ r log x / N (Minka 2002,
    equation 3). The right side carries the prior exp(ν (a log a - log Γ(a) - a - a s_j)) of weight ν = ``smoothing``:
    as if ν more rows of each component had a tenth of the column's own s.
    """

    at: tuple[int, ...]  # positions among the numeric columns
    overall: Doubles  # [d], means of all rows
    spread: Doubles  # [d], log mean - mean log of all rows
    reg: float
    smoothing: float

    @classmethod
    def of(cls, source: Source, at: tuple[int, ...], reg: float, smoothing: float) -> Self:
        """The family for these rows."""
        return cls(at, np.ones(len(at)), np.ones(len(at)), reg, smoothing).over(source)

    def over(self, source: Source) -> Self:
        def sums(block: Block) -> Doubles:
            x, log_x, seen = self._cells(block)
            return np.stack([block.w @ seen, block.w @ x, block.w @ log_x])

        n, s, logs = source.reduce(sums, rows=65536)
        n = np.maximum(n, 1e-300)
        mean = np.where(s > 0, s / n, 1.0)
        return replace(self, overall=mean, spread=np.maximum(np.log(mean) - logs / n, 1e-9))

    @property
    def prior(self) -> Doubles:
        """s_j [d]."""
        return 0.1 * self.spread

    @property
    def largest(self) -> Doubles:
        """The largest shapes [d]: a variance of log x of about ``reg`` of the column's."""
        return np.minimum(1 / (2 * self.reg * self.spread), LARGEST)

    def _cells(self, block: Block) -> tuple[Doubles, Doubles, Doubles]:
        x = np.asarray(block.x[:, list(self.at)], np.float64)
        seen = ~np.isnan(x)
        x = np.where(seen, x, 1.0)
        return x * seen, np.log(x), seen.astype(np.float64)

    def blank(self, K: int, source: Source) -> GammaParams:
        shape = np.minimum(_shape(self.spread), self.largest)
        return GammaParams(np.tile(self.overall, (K, 1)), np.tile(shape, (K, 1)))

    def log_prob(self, θ: GammaParams, block: Block) -> Floats:
        x, log_x, seen = self._cells(block)
        a, b = θ.shape, θ.shape / θ.mean
        out: Doubles = log_x @ (a - 1).T - x @ b.T + seen @ (a * np.log(b) - gammaln(a)).T
        return out

    def stats(self, θ: GammaParams, block: Block, r: Floats) -> GammaSums:
        x, log_x, seen = self._cells(block)
        return GammaSums(r.T @ seen, r.T @ x, r.T @ log_x)

    def update(self, t: GammaSums, θ: GammaParams) -> GammaParams:
        some = t.counts > 1e-12
        N = np.where(some, t.counts, 1.0)
        mean = np.where(some, np.maximum(t.total / N, 1e-300), θ.mean)
        s = np.where(some, np.log(mean) - t.logs / N, 0.0)
        pulled = (t.counts * s + self.smoothing * self.prior) / np.maximum(t.counts + self.smoothing, 1e-300)
        shape = np.minimum(_shape(np.maximum(pulled, 1e-12)), self.largest)
        return GammaParams(mean, np.where(some, shape, θ.shape))

    def expected(self, t: GammaSums, θ: GammaParams) -> float:
        a, b = θ.shape, θ.shape / θ.mean
        return float((t.counts * (a * np.log(b) - gammaln(a)) + (a - 1) * t.logs - b * t.total).sum())

    def sample(self, θ: GammaParams, z: Array, rng: np.random.Generator, out: Cells) -> None:
        out.numbers[:, list(self.at)] = rng.gamma(θ.shape[z]) * θ.mean[z] / θ.shape[z]

    def n_parameters(self, θ: GammaParams) -> int:
        return 2 * θ.mean.size

    def log_prior(self, θ: GammaParams) -> float:
        a = θ.shape
        return self.smoothing * float((a * np.log(a) - gammaln(a) - a - a * self.prior).sum())

    def replace(self, θ: GammaParams, bad: Array, rows: Block, source: Source) -> GammaParams:
        blank, x = self.blank(len(bad), source), rows.x[:, list(self.at)]
        mean = np.where(np.isnan(x), blank.mean, x)
        return GammaParams(np.where(bad[:, None], mean, θ.mean), np.where(bad[:, None], blank.shape, θ.shape))

    def column(self, θ: GammaParams, j: int) -> GammaColumn:
        """p(x_j | k) of the j-th number."""
        return GammaColumn(θ.mean[:, j], θ.shape[:, j])

    def pick(self, θ: GammaParams, js: list[int], at: tuple[int, ...]) -> tuple[Gamma, GammaParams]:
        """The same for some of its columns, at new positions."""
        mine = replace(self, at=at, overall=self.overall[js], spread=self.spread[js])
        return mine, GammaParams(θ.mean[:, js], θ.shape[:, js])

    def within(self, θ: GammaParams, π: Doubles) -> tuple[Doubles, Doubles]:
        """The means of each component [K, d] and Σ_k π_k cov_k [d, d]."""
        return θ.mean, np.diag(π @ (θ.mean**2 / θ.shape))


def _shape(s: Doubles) -> Doubles:
    """The a that solves log a - ψ(a) = s > 0."""
    a = (3 - s + np.sqrt((s - 3) ** 2 + 24 * s)) / (12 * s)
    for _ in range(6):  # Newton in 1 / a (Minka 2002, equation 4)
        a = 1 / (1 / a + (np.log(a) - digamma(a) - s) / (a * a * (1 / a - polygamma(1, a))))
    return np.asarray(a, np.float64)
