"""Numbers cut into bins: a code in a tree, and a density within each bin that no component changes.

p(x | k) = p(c(x) | k) f(x) / F(c(x)), where c(x) is the bin of x, f a smooth density of the whole column and F(c) its
probability of the bin: so whatever depends on the component, or on other columns, is a table of codes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp

from ...typing import Array, Doubles
from .column import ColumnDistribution, Event, Interval, bounded
from .normal import NormalColumn
from .transformed import LogNormalColumn


class Shape(NamedTuple):
    """f, a mixture of normals of x, or of log x; between two ends."""

    log: bool
    weight: Doubles  # [Q]
    mu: Doubles
    sigma: Doubles
    low: float
    high: float

    @property
    def column(self) -> NormalColumn | LogNormalColumn:
        """The normals, each on its own."""
        normal = NormalColumn(self.mu, self.sigma)
        return LogNormalColumn(normal) if self.log else normal


@dataclass(frozen=True, eq=False)
class Bins(ColumnDistribution):
    """p(x | code): f within bins between ``cuts``, then the values that have a code of their own; K codes in all."""

    cuts: Doubles  # [B - 1]
    shape: Shape
    atoms: tuple[float, ...] = ()
    continuous = True

    @property
    def K(self) -> int:
        return len(self.cuts) + 1 + len(self.atoms)

    @cached_property
    def edges(self) -> Doubles:
        """The ends of the bins [B + 1]."""
        return np.concatenate([[self.shape.low], self.cuts, [self.shape.high]])

    @cached_property
    def log_share(self) -> Doubles:
        """log F of every bin [B]."""
        return self._log_f(self.edges[:-1], self.edges[1:])

    def _log_f(self, low: Doubles, high: Doubles) -> Doubles:
        """log ∫ f from low to high, elementwise; -∞ where there is nothing between."""
        flat_low, flat_high = (np.ascontiguousarray(v, np.float64).ravel() for v in np.broadcast_arrays(low, high))
        with np.errstate(divide="ignore", invalid="ignore"):
            each = self.shape.column.log_mass(Interval(flat_low, np.maximum(flat_low, flat_high)))
            out = np.asarray(logsumexp(each + np.log(self.shape.weight), axis=1))
        out[~(flat_high > flat_low)] = -np.inf
        return out.reshape(np.broadcast(low, high).shape)

    def code(self, x: Array) -> Array:
        """The code of each number [b]; -1 for a gap, and for what the column cannot have."""
        x = np.asarray(x, np.float64)
        code = np.searchsorted(self.cuts, x).astype(np.int32)
        for i, a in enumerate(self.atoms):
            code[x == a] = len(self.cuts) + 1 + i
        fine = (x > self.shape.low) & (x <= self.shape.high) | np.isin(x, self.atoms)
        return np.where(fine, code, np.int32(-1))

    def log_within(self, x: Array) -> Doubles:
        """log p(x | its own code) [b]; 0 at a value with a code of its own, -∞ where there is no code."""
        x, code = np.asarray(x, np.float64), self.code(x)
        with np.errstate(divide="ignore", invalid="ignore"):
            log_f = np.asarray(logsumexp(self.shape.column.log_prob(x) + np.log(self.shape.weight), axis=1))
            inside = log_f - self.log_share[np.clip(code, 0, len(self.cuts))]
        return np.where(code < 0, -np.inf, np.where(code > len(self.cuts), 0.0, inside))

    def log_prob(self, x: Array) -> Doubles:
        code = self.code(x)
        return np.where(code[:, None] == np.arange(self.K), self.log_within(x)[:, None], -np.inf)

    def cdf(self, x: Array) -> Doubles:
        x = np.asarray(x, np.float64)[:, None]
        with np.errstate(invalid="ignore"):
            top = np.clip(x, self.edges[:-1], self.edges[1:])
            dense = np.exp(self._log_f(np.broadcast_to(self.edges[:-1], top.shape), top) - self.log_share)
        return np.concatenate([np.minimum(dense, 1.0), x >= np.array(self.atoms)], axis=1)

    def log_mass(self, event: Event) -> Doubles:
        low, high = bounded(event)
        a, b = np.maximum(low, self.edges[:-1]), np.minimum(high, self.edges[1:])
        a = np.minimum(a, self.edges[1:])
        with np.errstate(divide="ignore", invalid="ignore"):
            dense = np.where(b > a, np.minimum(self._log_f(a, np.maximum(a, b)) - self.log_share, 0.0), -np.inf)
            points = np.log(((low < np.array(self.atoms)) & (np.array(self.atoms) <= high)).astype(np.float64))
        return np.concatenate([dense, points], axis=-1)

    def sample(self, z: Array, rng: np.random.Generator, event: Event | None = None) -> Array:
        out = np.empty(len(z))
        for c in np.unique(z):
            rows = np.flatnonzero(z == c)
            if c > len(self.cuts):
                out[rows] = self.atoms[c - len(self.cuts) - 1]
                continue
            inside = self._inside(int(c), event)
            w = self._normals(inside)
            q = rng.choice(len(w), len(rows), p=w)
            out[rows] = self.shape.column.sample(q, rng, inside)
        return out

    def _inside(self, c: int, event: Event | None) -> Interval:
        low, high = float(self.edges[c]), float(self.edges[c + 1])
        if event is None:
            return Interval(low, high)
        assert isinstance(event, Interval)
        a, b = max(low, float(event.low)), min(high, float(event.high))
        return Interval(a, b) if a < b else Interval(low, high)

    def _normals(self, inside: Interval) -> Doubles:
        """What each normal of f has of an interval, in all 1 [Q]."""
        with np.errstate(divide="ignore"):
            log_w = np.log(self.shape.weight) + self.shape.column.log_mass(inside)
        if not np.isfinite(log_w).any():
            log_w = np.zeros(len(log_w))
        w: Doubles = np.exp(log_w - log_w.max())
        w /= w.sum()
        return w

    @cached_property
    def _whole(self) -> tuple[Doubles, Doubles]:
        return self._moments(None)

    def mean(self, event: Event | None = None) -> Doubles:
        return self._whole[0] if event is None else self._moments(event)[0]

    def variance(self, event: Event | None = None) -> Doubles:
        return self._whole[1] if event is None else self._moments(event)[1]

    def _moments(self, event: Event | None) -> tuple[Doubles, Doubles]:
        """Mean and variance within every code, and the event where the two meet."""
        mean, variance = np.zeros(self.K), np.zeros(self.K)
        mean[len(self.cuts) + 1 :] = self.atoms
        for c in range(len(self.cuts) + 1):
            inside = self._inside(c, event)
            w, column = self._normals(inside), self.shape.column
            m, v = column.mean(inside), column.variance(inside)
            mean[c] = w @ m
            variance[c] = w @ (v + (m - mean[c]) ** 2)
        return mean, variance


@dataclass(frozen=True, eq=False)
class BinnedColumn(ColumnDistribution):
    """Σ_c p(c | k) p(x | c): a number in each component."""

    log_p: Doubles  # [K, C]
    bins: Bins
    continuous = True

    @property
    def K(self) -> int:
        return len(self.log_p)

    @property
    def atoms(self) -> tuple[float, ...]:  # type: ignore[override]
        return self.bins.atoms

    @cached_property
    def p(self) -> Doubles:
        """p(code | k) [K, C]."""
        p: Doubles = np.exp(self.log_p)
        return p

    def log_prob(self, x: Array) -> Doubles:
        code = self.bins.code(x)
        return np.where(code[:, None] < 0, -np.inf, self.log_p.T[code] + self.bins.log_within(x)[:, None])

    def cdf(self, x: Array) -> Doubles:
        return self.bins.cdf(x) @ self.p.T

    def log_mass(self, event: Event) -> Doubles:
        each = self.bins.log_mass(event)  # [..., C]
        top = each.max(axis=-1, keepdims=True)
        top = np.where(np.isfinite(top), top, 0.0)
        with np.errstate(divide="ignore"):
            return np.log(np.exp(each - top) @ self.p.T) + top

    def sample(self, z: Array, rng: np.random.Generator, event: Event | None = None) -> Array:
        cumulative = np.cumsum(self._codes(event), axis=1)[z]
        code = (rng.random((len(z), 1)) * cumulative[:, -1:] >= cumulative).sum(axis=1)
        return self.bins.sample(np.minimum(code, self.bins.K - 1), rng, event)

    def mean(self, event: Event | None = None) -> Doubles:
        return self._codes(event) @ self.bins.mean(event)

    def variance(self, event: Event | None = None) -> Doubles:
        p, m = self._codes(event), self.bins.mean(event)
        mean = p @ m
        out: Doubles = p @ self.bins.variance(event) + (p * (m - mean[:, None]) ** 2).sum(axis=1)
        return out

    def _codes(self, event: Event | None) -> Doubles:
        """p(code | k, event) [K, C]."""
        if event is None:
            return self.p
        log_p = self.log_p + self.bins.log_mass(event)
        top = log_p.max(axis=1, keepdims=True)
        with np.errstate(invalid="ignore"):
            p = np.exp(log_p - np.where(np.isfinite(top), top, 0.0))
        total = p.sum(axis=1, keepdims=True)
        return np.where(total > 0, p / np.where(total > 0, total, 1.0), self.p)
