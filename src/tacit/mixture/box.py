"""Evidence inside a block of columns with a full covariance: values by conditioning, ranges by quasi-Monte Carlo.

Values of some columns leave a Gaussian over the others (Bishop 2006, equations 2.81 and 2.82). A value recorded to a
step h is one read with an error uniform over the step, whose variance h²/12 stands beside the column's own (Sheppard
1898): relative to the exact mass of the cell it is off by (h/σ)⁴/2880 times a Hermite polynomial of degree 4. One range
has an exact probability too. For more, the columns are drawn one after the other, each from its own range given those
before it, at the points of a scrambled Sobol sequence (Genz 1992; Geweke, Hajivassiliou and Keane).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy.linalg import solve_triangular
from scipy.special import logsumexp, ndtri_exp
from scipy.stats import qmc

from ..typing import Array, Doubles
from .evidence import Ends, Piece, Said, Value, ends
from .families.column import ColumnDistribution, Event, GaussianBlock, Interval
from .families.normal import NormalColumn, log_ndtr_between

POINTS = 1024
FEW = 256  # for the distribution of a column, which is evaluated often
COARSE = 0.5  # a step wider than this many standard deviations of its column given the others is treated as a range


@dataclass
class Draws:
    """The points of one round, and whether they were needed: then the answer has an error."""

    seed: int
    used: bool = False
    made: dict[int, Doubles] = field(default_factory=dict)

    def points(self, d: int) -> Doubles:
        """Points in the open unit cube [N, d]."""
        self.used = True
        if d not in self.made:
            u = qmc.Sobol(d, rng=np.random.default_rng(self.seed)).random(POINTS)
            self.made[d] = np.clip(u, 1e-12, 1 - 1e-12)
        return self.made[d]


@dataclass(frozen=True, eq=False)
class Gaussians:
    """K Gaussians over some columns of a block, given values of others whose log density is ``log_p`` [K]."""

    at: tuple[int, ...]
    mean: Doubles  # [K, r]
    covariance: Doubles  # [K, r, r]
    log_p: Doubles


class Box:
    """One block, and what can be said of it."""

    def __init__(self, block: GaussianBlock) -> None:
        self.block = block
        self.place = {name: j for j, name in enumerate(block.names)}

    @cached_property
    def apart(self) -> Doubles:
        """The least standard deviation of each column given all others, over the components [b]."""
        precision = np.diagonal(np.linalg.inv(self.block.covariance), axis1=1, axis2=2)
        least: Doubles = (1 / np.sqrt(precision)).min(axis=0)
        return least

    def log_prob(self, said: Mapping[str, Said], draws: Draws) -> Doubles:
        """log P(all that is said | k) [K]; a density where a value has no step."""
        each = [self._one(dict(zip(said, pieces, strict=True)), draws) for pieces in _ways(said)]
        total: Doubles = np.logaddexp.reduce(each) if each else np.full(len(self.block.mean), -np.inf)
        return total

    def log_rows(self, x: Doubles, width: Doubles) -> Doubles:
        """log P(cells | k) [n, K] of rows x [n, b] with gaps, recorded to steps ``width`` [b].

        Rows with the same gaps are worked on together. Every step is taken by its variance here, wide ones too.
        """
        μ, Σ = self.block.mean, self.block.covariance
        out = np.zeros((len(x), len(μ)))
        patterns, which = np.unique(~np.isnan(x), axis=0, return_inverse=True)
        for i, seen in enumerate(patterns):
            rows, o = np.flatnonzero(which.ravel() == i), np.flatnonzero(seen)
            if not len(o):
                continue
            v, h = x[rows][:, o], width[o]
            if len(o) == 1 and h[0]:
                one = NormalColumn(μ[:, o[0]], np.sqrt(Σ[:, o[0], o[0]]))
                out[rows] = one.log_mass(Interval(v[:, 0] - h[0] / 2, v[:, 0] + h[0] / 2))
                continue
            L = np.linalg.cholesky(Σ[:, o][:, :, o] + np.diag(h * h / 12))
            log_det = np.log(np.diagonal(L, axis1=1, axis2=2)).sum(axis=1)
            steps = float(np.log(h[h > 0]).sum()) - 0.5 * len(o) * math.log(2 * math.pi)
            for k in range(len(μ)):
                y = solve_triangular(L[k], (v - μ[k, o]).T, lower=True)
                out[rows, k] = steps - log_det[k] - 0.5 * (y * y).sum(axis=0)
        return out

    def sample(self, said: Mapping[str, Said], z: Array, rng: np.random.Generator) -> dict[str, Doubles]:
        """Cells of the columns of the block for components z [n], as what is said has them.

        With ranges, points of a weighted cloud are drawn, sixteen times as many as rows.
        """
        ways = _ways(said)
        draws = Draws(int(rng.integers(2**31)))
        log_p = np.array([self._one(dict(zip(said, pieces, strict=True)), draws) for pieces in ways])[:, z]  # [W, n]
        cumulative = np.cumsum(np.exp(log_p - log_p.max(axis=0)), axis=0)
        way = (rng.random(len(z)) * cumulative[-1] > cumulative).sum(axis=0)
        out = np.empty((len(z), len(self.place)))
        for i, pieces in enumerate(ways):
            rows = np.flatnonzero(way == i)
            if len(rows):
                out[rows] = self._drawn(dict(zip(said, pieces, strict=True)), z[rows], rng)
        return dict(zip(self.block.names, out.T, strict=True))

    def _drawn(self, pieces: Mapping[str, Piece], z: Array, rng: np.random.Generator) -> Doubles:
        """Rows [n, b] of one piece for each column."""
        values = {self.place[n]: p for n, p in pieces.items() if isinstance(p, Value)}
        ranges = {self.place[n]: ends(p) for n, p in pieces.items() if not isinstance(p, Value)}
        free = tuple(j for j in range(len(self.place)) if j not in values and j not in ranges)
        one = self.given(values, (*ranges, *free))
        out = np.empty((len(z), len(self.place)))
        for j, value in values.items():
            out[:, j] = value.x
        r, noise = len(ranges), rng.standard_normal((len(z), len(one.at)))
        L = _root(one.covariance)
        if ranges:
            u = rng.random((max(POINTS, 16 * len(z)), r))
            for k in np.unique(z):  # the first r columns by a cloud; their standardised values are the noise
                rows = np.flatnonzero(z == k)
                some = u[: max(POINTS, 16 * len(rows))]
                y, log_w = _standard(one.mean[k, None, :r], L[k, None, :r, :r], list(ranges.values()), some)
                p = np.exp(log_w[:, 0] - log_w.max())
                noise[rows, :r] = y[rng.choice(len(p), len(rows), p=p / p.sum()), 0]
        out[:, one.at] = one.mean[z] + np.einsum("nij,nj->ni", L[z], noise)
        return out

    def column(self, name: str, said: Mapping[str, Said], draws: Draws) -> ColumnDistribution:
        """The distribution of one column given what is said of others."""
        j, means, sds, logs = self.place[name], [], [], []
        for pieces in _ways(said):
            one, ranges = self._split(dict(zip(said, pieces, strict=True)), keep=j)
            t = one.at.index(j)
            if not ranges:
                means.append(one.mean[None, :, t])
                sds.append(np.sqrt(one.covariance[None, :, t, t]))
                logs.append(one.log_p[None])
                continue
            o = [one.at.index(i) for i in ranges]
            x, log_w = _cloud(one.mean[:, o], one.covariance[:, o][:, :, o], list(ranges.values()), draws, FEW)
            gain = np.linalg.solve(one.covariance[:, o][:, :, o], one.covariance[:, o, t][..., None])[..., 0]  # [K, r]
            left = one.covariance[:, t, t] - (gain * one.covariance[:, o, t]).sum(axis=1)
            means.append(one.mean[:, t] + ((x - one.mean[:, o]) * gain).sum(axis=2))
            sds.append(np.broadcast_to(np.sqrt(left), means[-1].shape))
            logs.append(one.log_p + log_w)
        mean, sd, log_w = (np.concatenate(parts) for parts in (means, sds, logs))
        if len(mean) == 1:
            return NormalColumn(mean[0], sd[0])
        return CloudColumn(mean, sd, log_w - logsumexp(log_w, axis=0))

    def _one(self, pieces: Mapping[str, Piece], draws: Draws) -> Doubles:
        """log P of one piece for each column [K]."""
        one, ranges = self._split(pieces)
        if not ranges:
            return one.log_p
        if len(ranges) == 1:
            ((low, high),) = ranges.values()
            sd = np.sqrt(one.covariance[:, 0, 0])
            return one.log_p + log_ndtr_between((low - one.mean[:, 0]) / sd, (high - one.mean[:, 0]) / sd)[0]
        _, log_w = _cloud(one.mean, one.covariance, list(ranges.values()), draws)
        out: Doubles = one.log_p + logsumexp(log_w, axis=0) - math.log(len(log_w))
        return out

    def _split(self, pieces: Mapping[str, Piece], keep: int | None = None) -> tuple[Gaussians, dict[int, Ends]]:
        """The values among the pieces conditioned upon, and the ranges that are left, by column."""
        values = {self.place[n]: p for n, p in pieces.items() if isinstance(p, Value) and not self._coarse(n, p)}
        ranges = {self.place[n]: ends(p) for n, p in pieces.items() if self.place[n] not in values}
        rest = tuple(ranges) if keep is None else (*ranges, keep)
        return self.given(values, rest), ranges

    def _coarse(self, name: str, value: Value) -> bool:
        return value.width > COARSE * float(self.apart[self.place[name]])

    def given(self, values: Mapping[int, Value], rest: tuple[int, ...]) -> Gaussians:
        """The columns ``rest`` given values of others."""
        μ, Σ = self.block.mean, self.block.covariance
        r, o = list(rest), list(values)
        if not o:
            return Gaussians(rest, μ[:, r], Σ[:, r][:, :, r], np.zeros(len(μ)))
        x, h = np.array([v.x for v in values.values()]), np.array([v.width for v in values.values()])
        L = np.linalg.cholesky(Σ[:, o][:, :, o] + np.diag(h * h / 12))
        y = np.linalg.solve(L, (x - μ[:, o])[..., None])[..., 0]  # [K, o]
        G = np.linalg.solve(L, Σ[:, o][:, :, r])  # [K, o, r]
        log_det = np.log(np.diagonal(L, axis1=1, axis2=2)).sum(axis=1)
        steps = float(np.log(h[h > 0]).sum())
        log_p = -0.5 * (y * y).sum(axis=1) - log_det - 0.5 * len(o) * math.log(2 * math.pi) + steps
        mean = μ[:, r] + np.einsum("kor,ko->kr", G, y)
        return Gaussians(rest, mean, Σ[:, r][:, :, r] - np.swapaxes(G, 1, 2) @ G, log_p)


@dataclass(frozen=True, eq=False)
class CloudColumn(ColumnDistribution):
    """Σ_q ω_qk N(x; μ_qk, σ_qk²): a column given ranges of others, at the points of a cloud."""

    mu: Doubles  # [Q, K]
    sigma: Doubles  # [Q, K]
    log_w: Doubles  # [Q, K]
    continuous = True

    @property
    def K(self) -> int:
        return int(self.mu.shape[1])

    @cached_property
    def all(self) -> NormalColumn:
        """Every normal of every component on its own."""
        return NormalColumn(self.mu.ravel(), self.sigma.ravel())

    def _mixed(self, log_p: Doubles) -> Doubles:
        """log Σ_q ω_qk p_qk [..., K] of log p [..., Q K]."""
        each = log_p.reshape(*log_p.shape[:-1], *self.mu.shape) + self.log_w
        top = each.max(axis=-2, keepdims=True)
        with np.errstate(divide="ignore", invalid="ignore"):
            out: Doubles = np.log(np.exp(each - top).sum(axis=-2)) + top[..., 0, :]
        return np.nan_to_num(out, nan=-np.inf, neginf=-np.inf)

    def log_prob(self, x: Array) -> Doubles:
        return np.concatenate([self._mixed(self.all.log_prob(part)) for part in _parts(x, self.mu.size)])

    def log_mass(self, event: Event) -> Doubles:
        assert isinstance(event, Interval)
        if np.ndim(event.low) == 0:
            return self._mixed(self.all.log_mass(event))
        low, high = np.asarray(event.low), np.asarray(event.high)
        at = _parts(np.arange(len(low)), self.mu.size)
        return np.concatenate([self._mixed(self.all.log_mass(Interval(low[i], high[i]))) for i in at])

    def cdf(self, x: Array) -> Doubles:
        ω = np.exp(self.log_w)
        each = [self.all.cdf(part).reshape(len(part), *self.mu.shape) * ω for part in _parts(x, self.mu.size)]
        return np.concatenate([p.sum(axis=1) for p in each])

    def sample(self, z: Array, rng: np.random.Generator, event: Event | None = None) -> Array:
        log_w = self.log_w if event is None else self.log_w + self.all.log_mass(event).reshape(self.mu.shape)
        cumulative = np.cumsum(np.exp(log_w - log_w.max(axis=0)), axis=0).T[z]  # [n, Q]
        q = (rng.random((len(z), 1)) * cumulative[:, -1:] > cumulative).sum(axis=1)
        return self.all.sample(q * self.K + z, rng, event)

    def mean(self, event: Event | None = None) -> Doubles:
        return self._moments(event)[0]

    def variance(self, event: Event | None = None) -> Doubles:
        return self._moments(event)[1]

    def _moments(self, event: Event | None) -> tuple[Doubles, Doubles]:
        m, v = (a.reshape(self.mu.shape) for a in (self.all.mean(event), self.all.variance(event)))
        log_w = self.log_w if event is None else self.log_w + self.all.log_mass(event).reshape(self.mu.shape)
        ω = np.exp(log_w - logsumexp(log_w, axis=0))
        mean: Doubles = (ω * m).sum(axis=0)
        return mean, (ω * (v + (m - mean) ** 2)).sum(axis=0)


def _ways(said: Mapping[str, Said]) -> list[tuple[Piece, ...]]:
    """One piece for each column, in every combination."""
    return list(itertools.product(*said.values()))  # type: ignore[arg-type]


def _root(covariance: Doubles) -> Doubles:
    """L of Σ = L Lᵀ."""
    return np.asarray(np.linalg.cholesky(covariance), np.float64)


def _cloud(
    mean: Doubles, covariance: Doubles, box: list[Ends], draws: Draws, most: int = POINTS
) -> tuple[Doubles, Doubles]:
    """Points in a box [N, K, r] and log weights [N, K], whose mean weight is the probability of the box."""
    L = _root(covariance)
    y, log_w = _standard(mean, L, box, draws.points(len(box))[:most])
    return mean + np.einsum("kij,nkj->nki", L, y), log_w


def _standard(mean: Doubles, L: Doubles, box: list[Ends], u: Doubles) -> tuple[Doubles, Doubles]:
    """The same points as y [N, K, r], x = μ + L y."""
    K, r = mean.shape
    y, log_w = np.zeros((len(u), K, r)), np.zeros((len(u), K))
    for j, (low, high) in enumerate(box):
        sd = L[:, j, j]
        centre = mean[:, j] + (y[:, :, :j] * L[:, j, :j]).sum(axis=2)  # [N, K]
        log_p, flip, base = log_ndtr_between((low - centre) / sd, (high - centre) / sd)
        t = ndtri_exp(np.minimum(np.logaddexp(base, np.log(u[:, j, None]) + log_p), 0.0))
        y[:, :, j] = np.where(flip, -t, t)
        log_w += log_p
    return y, log_w


def _parts(x: Array, width: int) -> list[Array]:
    return np.array_split(x, max(1, math.ceil(len(x) * width / (1 << 21))))
