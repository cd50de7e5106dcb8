"""Angles, hours, weekdays: von Mises distributions on a circle in each component."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import numpy as np
from scipy.special import i0e, i1e, logsumexp

from ...data.block import Block
from ...data.source import Source
from ...typing import Array, Doubles, Floats
from .column import ColumnDistribution, Event, bounded
from .family import Cells, Family

LARGEST = 1e8  # κ
NODES, WEIGHTS = np.polynomial.legendre.leggauss(16)


class VonMisesParams(NamedTuple):
    """Mean directions μ, in the units of the column, and concentrations κ [K, d]."""

    mean: Doubles
    kappa: Doubles


class AngleSums(NamedTuple):
    """Σ r, Σ r cos t and Σ r sin t over the observed cells [K, d]."""

    counts: Doubles
    cos: Doubles
    sin: Doubles


@dataclass(frozen=True, eq=False)
class VonMisesColumn(ColumnDistribution):
    """p(x | k) = exp(κ_k cos(2π (x - μ_k) / P)) / (P I₀(κ_k)) for low <= x < low + P; other x are taken round."""

    mu: Doubles  # [K]
    kappa: Doubles  # [K]
    period: float
    low: float
    continuous = True

    @property
    def K(self) -> int:
        return len(self.mu)

    @property
    def unit(self) -> float:
        """Radians in a unit of the column."""
        return 2 * np.pi / self.period

    def log_prob(self, x: Array) -> Doubles:
        t = (np.asarray(x, np.float64)[:, None] - self.mu) * self.unit
        out: Doubles = self.kappa * (np.cos(t) - 1) - np.log(i0e(self.kappa)) - np.log(self.period)
        return out

    def cdf(self, x: Array) -> Doubles:
        high = np.clip(np.asarray(x, np.float64), self.low, self.low + self.period)[:, None]
        return np.exp(np.minimum(self._log_integral(np.full(high.shape, self.low), high), 0.0))

    def log_mass(self, event: Event) -> Doubles:
        low, high = (np.clip(v, self.low, self.low + self.period) for v in bounded(event))
        return np.minimum(self._log_integral(low, high), 0.0)

    def _breaks(self, low: Doubles, high: Doubles) -> Doubles:
        """Ends of panels [..., K, m] between low and high [..., 1], in each of which the density is smooth."""
        σ = np.minimum(1 / np.sqrt(np.maximum(self.kappa, 1e-12)), 1.0) / self.unit  # [K]
        mode = self.mu[:, None] + self.period * np.array([-1, 0, 1])  # [K, 3]
        near = mode[:, :, None] + σ[:, None, None] * np.array([-9, -3, 0, 3, 9])
        low, high = np.broadcast_arrays(low, high, np.zeros(self.K))[:2]
        slope = np.abs(np.sin((np.stack([low, high], axis=-1) - self.mu[:, None]) * self.unit))  # how it falls there
        reach = np.minimum(1 / np.maximum(self.kappa[:, None] * slope, 1e-12), np.pi) / self.unit
        inward = np.array([2.0, 8.0, 30.0])
        away = [low[..., None] + reach[..., :1] * inward, high[..., None] - reach[..., 1:] * inward]
        inner = np.concatenate([np.broadcast_to(near.reshape(self.K, -1), (*low.shape, 15)), *away], axis=-1)
        inner = np.clip(inner, low[..., None], np.maximum(low, high)[..., None])
        return np.sort(np.concatenate([low[..., None], inner, high[..., None]], axis=-1), axis=-1)

    def _log_integral(self, low: Doubles, high: Doubles) -> Doubles:
        """log ∫ p(x | k) dx between ends [..., 1]: Gauss-Legendre in panels, in logarithms, so that tails are exact."""
        at = self._breaks(low, high)
        middle, half = (at[..., 1:] + at[..., :-1]) / 2, np.diff(at, axis=-1) / 2
        x = middle[..., None] + half[..., None] * NODES  # [..., K, m, 16]
        κ, μ = self.kappa[:, None, None], self.mu[:, None, None]
        f = κ * (np.cos((x - μ) * self.unit) - 1)
        constant = np.log(i0e(self.kappa)) + np.log(self.period)
        out: Doubles = logsumexp(f, b=half[..., None] * WEIGHTS, axis=(-2, -1)) - constant
        return np.where(np.broadcast_to(high > low, out.shape), out, -np.inf)

    def sample(self, z: Array, rng: np.random.Generator, event: Event | None = None) -> Array:
        if event is None:
            t = rng.vonmises(0.0, np.maximum(self.kappa[z], 1e-12))
            return around(self.mu[z] + t / self.unit, self.low, self.period)
        low, high = (np.clip(v, self.low, self.low + self.period) for v in bounded(event))
        out, u = np.empty(len(z)), rng.random(len(z))
        breaks = self._breaks(low, high)
        for k in np.unique(z):
            x = np.unique(
                np.concatenate([np.linspace(a, b, 65) for a, b in zip(breaks[k], breaks[k][1:], strict=False)])
            )
            p = self.log_prob(x)[:, k]
            p = np.exp(p - p.max())
            F = np.concatenate([[0.0], np.cumsum(np.diff(x) * (p[1:] + p[:-1]))])
            out[z == k] = np.interp(u[z == k] * F[-1], F, x)
        return np.clip(out, low, high)

    def mean(self, event: Event | None = None) -> Doubles:
        """E[x | k] of the number that stands for the direction, between ``low`` and ``low`` + P."""
        return self._moment(event, 1)

    def variance(self, event: Event | None = None) -> Doubles:
        m = self._moment(event, 1)
        return np.maximum(self._moment(event, 2, m), 0.0)

    def _moment(self, event: Event | None, order: int, about: Doubles | float = 0.0) -> Doubles:
        low, high = np.array([self.low]), np.array([self.low + self.period])
        if event is not None:
            low, high = (np.clip(v, self.low, self.low + self.period) for v in bounded(event))
        at = self._breaks(low, high)
        middle, half = (at[:, 1:] + at[:, :-1]) / 2, np.diff(at, axis=-1) / 2
        x = middle[..., None] + half[..., None] * NODES  # [K, m, 16]
        f = self.kappa[:, None, None] * (np.cos((x - self.mu[:, None, None]) * self.unit) - 1)
        p = np.exp(f - f.max(axis=(1, 2), keepdims=True)) * half[..., None] * WEIGHTS
        away = (x - np.reshape(about, (-1, 1, 1))) ** order
        total = p.sum(axis=(1, 2))
        return np.where(total > 0, (p * away).sum(axis=(1, 2)) / np.maximum(total, 1e-300), low**order)


@dataclass(frozen=True, eq=False)
class VonMises(Family[VonMisesParams, AngleSums]):
    """p(x | k) = Π_j von Mises(x_j; μ_kj, κ_kj) over the observed cells, with periods P_j.

    M-step, with R e^{iμ} = Σ r e^{it} / N: μ is the mean direction, and A(κ) = I₁(κ) / I₀(κ) = (N R + ν r_j) / (N + ν)
    (Banerjee, Dhillon, Ghosh and Sra 2005, section 3; Mardia and Jupp 2000, section 5.3). ν = ``smoothing`` rows with
    the resultant r_j, as if each component had a tenth of the column's own circular variance 1 - R, is the prior
    exp(ν (κ r_j - log I₀(κ))). κ is bounded: the circular variance is at least ``reg`` of the column's.
    """

    at: tuple[int, ...]  # positions among the numeric columns
    period: Doubles  # [d]
    low: Doubles  # [d], where the numbers that stand for directions begin
    resultant: Doubles  # [d], R of all rows
    direction: Doubles  # [d], the mean direction of all rows
    step: Doubles  # [d]
    reg: float
    smoothing: float

    @classmethod
    def of(
        cls, source: Source, at: tuple[int, ...], period: Doubles, step: Doubles, reg: float, smoothing: float
    ) -> Self:
        """The family for these rows; numbers begin at 0, or at -P / 2 where some are negative."""
        none = np.zeros(len(at))
        first = cls(at, period, none, none, none, step, reg, smoothing)
        least = source.reduce(
            lambda block: np.nanmin(np.vstack([first._x(block), none]), axis=0), merge=np.minimum, rows=65536
        )
        return replace(first, low=np.where(least < 0, -period / 2, 0.0)).over(source)

    def over(self, source: Source) -> Self:
        def sums(block: Block) -> Doubles:
            c, s, seen = self._cells(block)
            return np.stack([block.w @ seen, block.w @ c, block.w @ s])

        n, c, s = source.reduce(sums, rows=65536)
        R = np.hypot(c, s) / np.maximum(n, 1e-300)
        return replace(self, resultant=np.minimum(R, 1.0), direction=self._turned(c, s))

    @property
    def prior(self) -> Doubles:
        """r_j [d]."""
        return 1 - 0.1 * np.maximum(1 - self.resultant, 1e-9)

    @property
    def largest(self) -> Doubles:
        """The largest κ [d]: 1 / 2κ is about the circular variance, and a recorded step has a probability below 1."""
        by_share = 1 / (2 * self.reg * np.maximum(1 - self.resultant, 1e-9))
        with np.errstate(divide="ignore"):
            by_step = self.period**2 / (2 * np.pi * self.step**2)
        return np.minimum(np.minimum(by_share, by_step), LARGEST)

    def _x(self, block: Block) -> Doubles:
        return np.asarray(block.x[:, list(self.at)], np.float64)

    def _cells(self, block: Block) -> tuple[Doubles, Doubles, Doubles]:
        """cos t, sin t and whether a cell is there [b, d]."""
        t = self._x(block) * (2 * np.pi / self.period)
        seen = ~np.isnan(t)
        t = np.where(seen, t, 0.0)
        return np.cos(t) * seen, np.sin(t) * seen, seen.astype(np.float64)

    def _turned(self, c: Doubles, s: Doubles) -> Doubles:
        """The direction of (c, s) as a number of the column."""
        return around(np.arctan2(s, c) * self.period / (2 * np.pi), self.low, self.period)

    def _natural(self, θ: VonMisesParams) -> tuple[Doubles, Doubles, Doubles]:
        """κ cos μ, κ sin μ and -log(P I₀(κ)) [K, d]."""
        t = θ.mean * (2 * np.pi / self.period)
        return θ.kappa * np.cos(t), θ.kappa * np.sin(t), -np.log(self.period) - np.log(i0e(θ.kappa)) - θ.kappa

    def blank(self, K: int, source: Source) -> VonMisesParams:
        κ = np.minimum(concentration(self.resultant), self.largest)
        return VonMisesParams(np.tile(self.direction, (K, 1)), np.tile(κ, (K, 1)))

    def log_prob(self, θ: VonMisesParams, block: Block) -> Floats:
        c, s, seen = self._cells(block)
        a, b, constant = self._natural(θ)
        out: Doubles = c @ a.T + s @ b.T + seen @ constant.T
        return out

    def stats(self, θ: VonMisesParams, block: Block, r: Floats) -> AngleSums:
        c, s, seen = self._cells(block)
        return AngleSums(r.T @ seen, r.T @ c, r.T @ s)

    def update(self, t: AngleSums, θ: VonMisesParams) -> VonMisesParams:
        length = np.hypot(t.cos, t.sin)
        R = (length + self.smoothing * self.prior) / np.maximum(t.counts + self.smoothing, 1e-300)
        κ = np.minimum(concentration(np.minimum(R, 1.0)), self.largest)
        some = t.counts > 1e-12  # else the column says nothing about the component, which keeps its place
        turned = some & (length > 1e-12 * t.counts)
        return VonMisesParams(np.where(turned, self._turned(t.cos, t.sin), θ.mean), np.where(some, κ, θ.kappa))

    def expected(self, t: AngleSums, θ: VonMisesParams) -> float:
        a, b, constant = self._natural(θ)
        return float((a * t.cos + b * t.sin + constant * t.counts).sum())

    def sample(self, θ: VonMisesParams, z: Array, rng: np.random.Generator, out: Cells) -> None:
        t = rng.vonmises(0.0, np.maximum(θ.kappa[z], 1e-12))
        out.numbers[:, list(self.at)] = around(θ.mean[z] + t * self.period / (2 * np.pi), self.low, self.period)

    def n_parameters(self, θ: VonMisesParams) -> int:
        return 2 * θ.mean.size

    def log_prior(self, θ: VonMisesParams) -> float:
        log_i0 = np.log(i0e(θ.kappa)) + θ.kappa
        return self.smoothing * float((θ.kappa * self.prior - log_i0).sum())

    def replace(self, θ: VonMisesParams, bad: Array, rows: Block, source: Source) -> VonMisesParams:
        blank, x = self.blank(len(bad), source), self._x(rows)
        mean = np.where(np.isnan(x), blank.mean, around(x, self.low, self.period))
        return VonMisesParams(np.where(bad[:, None], mean, θ.mean), np.where(bad[:, None], blank.kappa, θ.kappa))

    def column(self, θ: VonMisesParams, j: int) -> VonMisesColumn:
        """p(x_j | k) of the j-th number."""
        return VonMisesColumn(θ.mean[:, j], θ.kappa[:, j], float(self.period[j]), float(self.low[j]))

    def pick(self, θ: VonMisesParams, js: list[int], at: tuple[int, ...]) -> tuple[VonMises, VonMisesParams]:
        """The same for some of its columns, at new positions."""
        mine = replace(
            self, at=at, period=self.period[js], low=self.low[js], resultant=self.resultant[js],
            direction=self.direction[js], step=self.step[js],
        )  # fmt: skip
        return mine, VonMisesParams(θ.mean[:, js], θ.kappa[:, js])

    def within(self, θ: VonMisesParams, π: Doubles) -> tuple[Doubles, Doubles]:
        """Means of (cos t, sin t) of each component [K, 2d] and Σ_k π_k cov_k [2d, 2d]: places on the circle."""
        K, d = θ.mean.shape
        t = θ.mean * (2 * np.pi / self.period)
        A = ratio(θ.kappa)
        B = np.where(θ.kappa > 1e-6, 1 - 2 * A / np.maximum(θ.kappa, 1e-6), 0.0)  # I₂ / I₀
        c, s = A * np.cos(t), A * np.sin(t)
        means = np.stack([c, s], axis=2).reshape(K, 2 * d)
        cc, ss, cs = 0.5 * (1 + B * np.cos(2 * t)), 0.5 * (1 - B * np.cos(2 * t)), 0.5 * B * np.sin(2 * t)
        out = np.zeros((2 * d, 2 * d))
        j = 2 * np.arange(d)
        out[j, j], out[j + 1, j + 1] = π @ (cc - c * c), π @ (ss - s * s)
        out[j, j + 1] = out[j + 1, j] = π @ (cs - c * s)
        return means, out


def around(x: Doubles, low: Doubles | float, period: Doubles | float) -> Doubles:
    """The same directions as numbers from low to low + P.

    >>> around(np.array([-10.0, 370.0]), 0.0, 360.0)
    array([350.,  10.])
    """
    out = np.mod(x - low, period)
    return np.asarray(np.where(out >= period, 0.0, out) + low, np.float64)


def ratio(κ: Doubles) -> Doubles:
    """A(κ) = I₁(κ) / I₀(κ), the length of the mean of e^{it}."""
    return np.asarray(i1e(κ) / i0e(κ), np.float64)


def concentration(R: Doubles) -> Doubles:
    """The κ that solves A(κ) = R, for 0 <= R <= 1 (Banerjee and others 2005, equation 4.4, then Newton).

    >>> concentration(np.array([0.0, 0.5, 0.99])).round(4)
    array([ 0.    ,  1.1593, 50.2538])
    """
    R = np.clip(np.asarray(R, np.float64), 0.0, 1 - 0.5 / LARGEST)
    κ = R * (2 - R * R) / (1 - R * R)
    for _ in range(8):
        A = ratio(κ)
        slope = np.where(κ > 1e-6, 1 - A / np.maximum(κ, 1e-6) - A * A, 0.5)
        κ = np.maximum(κ - (A - R) / np.maximum(slope, 0.25 / (1 + κ * κ)), 0.0)
    return np.minimum(κ, LARGEST)
