"""Counts 0, 1, 2, ... in each component: Poisson, or negative binomial where they spread wider than their mean."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, NamedTuple, Self

import numpy as np
from scipy.special import betainc, gammainc, gammaincc, gammaln, xlogy
from scipy.stats import nbinom, poisson

from ...data.block import Block
from ...data.source import Source
from ...kernels.parts import CategoricalPart, CategoricalSums
from ...typing import Array, Doubles, Floats
from .categorical import one_hot
from .column import ColumnDistribution, Event, Interval, bounded
from .family import Cells, Family

LIMIT = 4095  # the highest count at fit: above it a normal, a log-normal or a gamma says the same
FURTHEST = 65_535  # the highest count that a later row may have; beyond it the probability is 0
SHAPES = (1e-3, 1e6)  # of a negative binomial; at the upper end it is a Poisson
PULL = 0.1  # rows at the column's mean that each component's mean is drawn to, for each row of smoothing

CountKind = Literal["poisson", "negative_binomial"]


class CountsParams(NamedTuple):
    """Means μ and shapes r [K, c]; the variance is μ + μ² / r, and r = ∞ is a Poisson."""

    mean: Doubles
    shape: Doubles


@dataclass(frozen=True, eq=False)
class CountColumn(ColumnDistribution):
    """P(x | k) = Γ(x + r) / (Γ(r) x!) (r / (r + μ))^r (μ / (r + μ))^x, or e^-μ μ^x / x! where r = ∞."""

    mu: Doubles  # [K]
    shape: Doubles  # [K]
    continuous = False

    @property
    def K(self) -> int:
        return len(self.mu)

    def log_prob(self, x: Array) -> Doubles:
        x = np.asarray(x, np.float64)
        with np.errstate(invalid="ignore"):
            whole = (x >= 0) & (x == np.rint(x))
            out = log_pmf(self.mu, self.shape, np.where(whole, x, 0.0)).T
        return np.where(whole[:, None] | np.isnan(x)[:, None], np.where(np.isnan(x)[:, None], np.nan, out), -np.inf)

    def cdf(self, x: Array) -> Doubles:
        return self._cdf(np.asarray(x, np.float64)[:, None])

    def _cdf(self, x: Doubles, upper: bool = False) -> Doubles:
        """P(X <= x), or P(X > x), exact in its own tail."""
        n = np.floor(x)
        at = np.clip(n, 0.0, 1e15)
        r = np.minimum(self.shape, 1e300)
        p = np.where(np.isinf(self.shape), 0.5, r / (r + self.mu))
        if upper:
            tail = np.where(np.isinf(self.shape), gammainc(at + 1, self.mu), betainc(at + 1, r, 1 - p))
            return np.where(n < 0, 1.0, np.where(np.isposinf(x), 0.0, tail))
        body = np.where(np.isinf(self.shape), gammaincc(at + 1, self.mu), betainc(r, at + 1, p))
        return np.where(n < 0, 0.0, np.where(np.isposinf(x), 1.0, body))

    def log_mass(self, event: Event) -> Doubles:
        low, high = bounded(event)
        lower = self._cdf(high) - self._cdf(low)
        upper = self._cdf(low, upper=True) - self._cdf(high, upper=True)
        first, last = np.maximum(np.floor(low) + 1, 0.0), np.floor(high)
        with np.errstate(divide="ignore", invalid="ignore"):
            out = np.log(np.maximum(np.where(self._cdf(low) < 0.5, lower, upper), 0.0))
        # a single count needs no difference; where that has underflowed, the count nearest to the mean tells
        alone = np.broadcast_to(first == last, out.shape)
        gone = np.isneginf(out) & (first <= last) & ~alone
        if alone.any():
            out = np.where(alone, self._log_p(np.broadcast_to(np.where(first == last, first, 0.0), out.shape)), out)
        if gone.any():
            out = np.where(gone, self._tail(np.broadcast_to(first, out.shape), np.broadcast_to(last, out.shape)), out)
        return np.minimum(out, 0.0)

    def _log_p(self, x: Doubles) -> Doubles:
        """log P(x | k) of counts [..., K], each for its component."""
        return np.stack([log_pmf(self.mu[k, None], self.shape[k, None], x[..., k].ravel())[0].reshape(x.shape[:-1])
                         for k in range(self.K)], axis=-1)  # fmt: skip

    def _tail(self, first: Doubles, last: Doubles) -> Doubles:
        """log Σ P(x) from first to last, both on one side of the mean: p(x_0) (1 - ρ^n) / (1 - ρ), ρ the next ratio."""
        below = last < self.mu
        x = np.where(below, last, first)
        following = np.maximum(x + np.where(below, -1, 1), 0.0)
        log_p = self._log_p(x)
        log_ρ = np.minimum(self._log_p(following) - log_p, -1e-12)
        many = np.minimum(last, 1e15) - first + 1
        with np.errstate(under="ignore"):
            out: Doubles = log_p + np.log(-np.expm1(many * log_ρ)) - np.log(-np.expm1(log_ρ))
        return out

    def sample(self, z: Array, rng: np.random.Generator, event: Event | None = None) -> Array:
        μ, r = self.mu[z], self.shape[z]
        if event is None:
            many = np.isinf(r)
            λ = μ * np.where(many, 1.0, rng.gamma(np.where(many, 1.0, r)) / np.where(many, 1.0, r))
            return rng.poisson(λ).astype(np.float64)
        assert isinstance(event, Interval)
        mine = CountColumn(μ, r)
        a, b = mine._cdf(np.full(len(z), float(event.low))), mine._cdf(np.full(len(z), float(event.high)))
        u = a + (b - a) * rng.random(len(z))
        with np.errstate(invalid="ignore"):
            p = np.where(np.isinf(r), 0.5, r / (r + μ))
            x = np.where(np.isinf(r), poisson.ppf(u, μ), nbinom.ppf(u, np.where(np.isinf(r), 1.0, r), p))
        first = 0.0 if event.low < 0 else np.floor(event.low) + 1
        return np.clip(x, first, np.maximum(np.floor(event.high), first))

    def mean(self, event: Event | None = None) -> Doubles:
        return self.mu if event is None else self._moments(event)[0]

    def variance(self, event: Event | None = None) -> Doubles:
        return self.mu + self.mu**2 / self.shape if event is None else self._moments(event)[1]

    def _moments(self, event: Event) -> tuple[Doubles, Doubles]:
        """Mean and variance inside an interval, summed over the counts that have any probability."""
        assert isinstance(event, Interval)
        spread = np.sqrt(self.mu + self.mu**2 / self.shape).max()
        first = 0.0 if event.low < 0 else float(np.floor(event.low) + 1)
        most = max(float((self.mu + 40 * spread).max()), first) + 64
        last = (
            min(float(np.floor(event.high)), most, first + 1e6) if np.isfinite(event.high) else min(most, first + 1e6)
        )
        x = np.arange(first, max(last, first) + 1)
        log_p = log_pmf(self.mu, self.shape, x)
        p = np.exp(log_p - log_p.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        mean = p @ x
        return mean, np.maximum((p * (x - mean[:, None]) ** 2).sum(axis=1), 0.0)


def log_pmf(mean: Doubles, shape: Doubles, x: Doubles) -> Doubles:
    """log P(x_c | k) [K, C] of counts x [C]."""
    μ, r = mean[:, None], np.where(np.isinf(shape), 1.0, shape)[:, None]
    plain = xlogy(x, μ) - μ - gammaln(x + 1)
    wide = gammaln(x + r) - gammaln(r) - gammaln(x + 1) - r * np.log1p(μ / r) + xlogy(x, μ / (r + μ))
    return np.where(np.isinf(shape)[:, None], plain, wide)


@dataclass(frozen=True, eq=False)
class Counts(Family[CountsParams, CategoricalSums]):
    """Independent counts given the component: column j is Poisson or negative binomial, as ``kinds`` says.

    The cells are codes, so that code = count: the kernel looks P(x | k) up in a table of 0 .. ``most``, and its sums
    Σ r [x = count] are all that any M-step needs. Poisson: μ = Σ r x / N; negative binomial: the same, and the r that
    solves Σ_i T_i / (r + i) = N log(1 + μ / r) + ..., T_i = Σ r [x > i] (Lawless 1987, equation 2.6), one after the
    other. Each mean is drawn to the column's by a tenth of a row for each row of ``smoothing``: log prior
    κ (m̄ log μ - μ), so that no count is ever impossible.
    """

    kinds: tuple[CountKind, ...]
    at: tuple[int, ...]  # positions among the codes
    overall: Doubles  # [c], the means of all rows
    most: tuple[int, ...]  # the highest count in the rows at hand
    smoothing: float

    @classmethod
    def of(cls, source: Source, kinds: tuple[CountKind, ...], at: tuple[int, ...], smoothing: float) -> Self:
        """The family for these rows."""
        blank = cls(kinds, at, np.ones(len(at)), (0,) * len(at), smoothing)
        return blank.over(source)

    def over(self, source: Source) -> Self:
        def sums(block: Block) -> Doubles:
            codes = self._codes(block)
            seen = codes >= 0
            return np.stack([block.w @ seen, block.w @ np.where(seen, codes, 0)])

        n, s = source.reduce(sums)
        return replace(self.reading(source), overall=np.maximum(s / np.maximum(n, 1e-300), 1e-3))

    def reading(self, source: Source) -> Self:
        most = source.reduce(lambda b: self._codes(b).max(axis=0, initial=0), merge=np.maximum)
        return replace(self, most=tuple(int(m) for m in most))

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """Entries of each column's table."""
        return tuple(m + 1 for m in self.most)

    @cached_property
    def edges(self) -> Array:
        """Where each column's table begins, and the end [c + 1]."""
        return np.concatenate([[0], np.cumsum(self.sizes, dtype=np.int64)])

    def _codes(self, block: Block) -> Array:
        assert block.codes is not None
        return block.codes[:, list(self.at)]

    def tables(self, θ: CountsParams) -> Doubles:
        """log P(count | k) [K, Σ sizes], the columns' tables side by side."""
        each = zip(θ.mean.T, θ.shape.T, self.sizes, strict=True)
        out: Doubles = np.concatenate([log_pmf(μ, r, np.arange(float(C))) for μ, r, C in each], axis=1)
        return np.maximum(out, -1e30)

    def blank(self, K: int, source: Source) -> CountsParams:
        wide = np.array([kind == "negative_binomial" for kind in self.kinds])
        shape = np.where(wide, 1.0, np.inf)
        return CountsParams(np.tile(self.overall, (K, 1)), np.tile(shape, (K, 1)))

    def log_prob(self, θ: CountsParams, block: Block) -> Floats:
        out: Doubles = one_hot(self._codes(block), self.sizes) @ self.tables(θ).T
        return out

    def stats(self, θ: CountsParams, block: Block, r: Floats) -> CategoricalSums:
        return CategoricalSums(np.ascontiguousarray((one_hot(self._codes(block), self.sizes).T @ r).T))

    def update(self, t: CategoricalSums, θ: CountsParams) -> CountsParams:
        mean, shape = θ.mean.copy(), θ.shape.copy()
        κ = PULL * self.smoothing
        for j, kind in enumerate(self.kinds):
            n = t.counts[:, self.edges[j] : self.edges[j + 1]]  # [K, C]
            N, s = n.sum(axis=1), n @ np.arange(float(n.shape[1]))
            some = N + κ > 1e-12
            r, m = np.minimum(θ.shape[:, j], 1e12), self.overall[j]
            # (s + κ m̄) / μ - (N r + s) / (r + μ) - κ = 0, a quadratic in μ; s / N where κ = 0
            b, c = (N + κ) * r - κ * m, (s + κ * m) * r
            root = 2 * c / np.maximum(b + np.sqrt(b * b + 4 * κ * c), 1e-300)
            mean[some, j] = np.maximum(root[some], 1e-10)
            if kind == "negative_binomial":
                shape[:, j] = _shapes(n, N, s, mean[:, j], θ.shape[:, j])
        return CountsParams(mean, shape)

    def expected(self, t: CategoricalSums, θ: CountsParams) -> float:
        return float((t.counts * self.tables(θ)).sum())

    def line(self, a: CountsParams, b: CountsParams, t: float) -> CountsParams:
        shape = np.where(np.isinf(a.shape), np.inf, np.exp((1 - t) * np.log(a.shape) + t * np.log(b.shape)))
        return CountsParams((1 - t) * a.mean + t * b.mean, shape)

    def sample(self, θ: CountsParams, z: Array, rng: np.random.Generator, out: Cells) -> None:
        for j, at in enumerate(self.at):
            out.codes[:, at] = np.minimum(self.column(θ, j).sample(z, rng), FURTHEST)

    def n_parameters(self, θ: CountsParams) -> int:
        return int(θ.mean.size + np.isfinite(θ.shape).sum())

    def log_prior(self, θ: CountsParams) -> float:
        return PULL * self.smoothing * float((self.overall * np.log(θ.mean) - θ.mean).sum())

    def replace(self, θ: CountsParams, bad: Array, rows: Block, source: Source) -> CountsParams:
        blank, codes = self.blank(len(bad), source), self._codes(rows)
        mean = np.where(codes >= 0, 0.5 * codes + 0.5 * blank.mean, blank.mean)
        return CountsParams(np.where(bad[:, None], mean, θ.mean), np.where(bad[:, None], blank.shape, θ.shape))

    def native(self, θ: CountsParams) -> CategoricalPart:
        return CategoricalPart(np.array(self.at, np.int32), np.array(self.sizes, np.int32), self.tables(θ))

    def column(self, θ: CountsParams, j: int) -> CountColumn:
        """P(x_j | k) of the j-th count."""
        return CountColumn(θ.mean[:, j], θ.shape[:, j])

    def pick(self, θ: CountsParams, js: list[int], at: tuple[int, ...]) -> tuple[Counts, CountsParams]:
        """The same for some of its columns, at new positions."""
        kinds, most = (tuple(v[j] for j in js) for v in (self.kinds, self.most))
        mine = replace(self, kinds=kinds, at=at, overall=self.overall[js], most=most)  # type: ignore[arg-type]
        return mine, CountsParams(θ.mean[:, js], θ.shape[:, js])

    def padded(self, t: CategoricalSums, sizes: tuple[int, ...]) -> CategoricalSums:
        """Sums over shorter tables of these sizes as sums over this family's."""
        each = np.split(t.counts, np.cumsum(sizes)[:-1], axis=1)
        wide = [np.pad(c, ((0, 0), (0, mine - c.shape[1]))) for c, mine in zip(each, self.sizes, strict=True)]
        return CategoricalSums(np.concatenate(wide, axis=1))

    def within(self, θ: CountsParams, π: Doubles) -> tuple[Doubles, Doubles]:
        """The means of each component [K, c] and Σ_k π_k cov_k [c, c]."""
        return θ.mean, np.diag(π @ (θ.mean + θ.mean**2 / θ.shape))


def _shapes(n: Doubles, N: Doubles, s: Doubles, μ: Doubles, old: Doubles) -> Doubles:
    """The shape r of a negative binomial for counts n [K, C] with means μ, by bisection of dQ/d log r; never worse."""
    tail = n.sum(axis=1, keepdims=True) - np.cumsum(n, axis=1)[:, :-1]  # T_i = Σ r [x > i]
    i = np.arange(float(tail.shape[1]))

    def slope(r: Doubles) -> Doubles:
        rising = (tail / (r[:, None] + i)).sum(axis=1)
        out: Doubles = rising - N * np.log1p(μ / r) + N - (N * r + s) / (r + μ)
        return out

    def q(r: Doubles) -> Doubles:
        # Σ log Γ(x + r) / Γ(r) = Σ_i T_i log(r + i)
        out: Doubles = (tail * np.log(r[:, None] + i)).sum(axis=1) - (N * r + s) * np.log(r + μ) + N * r * np.log(r)
        return out

    low, high = (np.full(len(N), np.log(v)) for v in SHAPES)
    for _ in range(45):
        mid = 0.5 * (low + high)
        up = slope(np.exp(mid)) > 0
        low, high = np.where(up, mid, low), np.where(up, high, mid)
    new = np.exp(0.5 * (low + high))
    return np.where((N > 1e-12) & (q(new) >= q(old)), new, old)
