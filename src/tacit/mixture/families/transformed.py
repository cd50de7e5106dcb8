"""Columns made of others: log-normal numbers, and point masses beside a density."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...typing import Array, Doubles
from .column import ColumnDistribution, Event, Interval, bounded
from .normal import NormalColumn


@dataclass(frozen=True, eq=False)
class LogNormalColumn(ColumnDistribution):
    """x = exp(y), y ~ N(μ_k, σ_k²): p(x | k) = N(log x; μ_k, σ_k²) / x for x > 0."""

    log: NormalColumn
    continuous = True

    @property
    def K(self) -> int:
        return self.log.K

    def log_prob(self, x: Array) -> Doubles:
        x = np.asarray(x, np.float64)
        with np.errstate(invalid="ignore"):
            y = np.log(np.where(x <= 0, 1.0, x))
        return np.where((x <= 0)[:, None], -np.inf, self.log.log_prob(y) - y[:, None])

    def cdf(self, x: Array) -> Doubles:
        return self.log.cdf(_log(x))

    def log_mass(self, event: Event) -> Doubles:
        return self.log.log_mass(self._inside(event))

    def sample(self, z: Array, rng: np.random.Generator, event: Event | None = None) -> Array:
        out: Array = np.exp(self.log.sample(z, rng, None if event is None else self._inside(event)))
        return out if event is None else np.clip(out, event.low, event.high)  # type: ignore[union-attr]

    def mean(self, event: Event | None = None) -> Doubles:
        return self._moment(event, 1)

    def variance(self, event: Event | None = None) -> Doubles:
        m = self._moment(event, 1)
        if event is None:
            return m * m * np.expm1(self.log.sigma**2)
        return np.maximum(self._moment(event, 2) - m * m, 0.0)

    def _inside(self, event: Event) -> Interval:
        assert isinstance(event, Interval)
        return Interval(_log(event.low), _log(event.high))

    def _moment(self, event: Event | None, order: int) -> Doubles:
        """E[x^n | event]: x^n N(log x) is exp(nμ + n²σ²/2) times a normal moved by nσ² (Johnson et al. 1994, 14.3)."""
        μ, σ = self.log.mu, self.log.sigma
        scale = np.exp(np.minimum(order * μ + 0.5 * (order * σ) ** 2, 700))
        if event is None:
            return scale
        inside = self._inside(event)
        moved = NormalColumn(μ + order * σ**2, σ)
        with np.errstate(invalid="ignore", over="ignore"):
            out = scale * np.exp(moved.log_mass(inside) - self.log.log_mass(inside))
        low, high = (float(np.exp(v)) for v in inside)
        near = np.clip(np.exp(np.minimum(μ, 700)), low, high) ** order
        return np.clip(np.where(np.isfinite(out), out, near), low**order, high**order)


def _log(x: Array | float) -> Doubles:
    with np.errstate(divide="ignore"):
        out: Doubles = np.log(np.maximum(np.asarray(x, np.float64), 0.0))
    return out


@dataclass(frozen=True, eq=False)
class AtomicColumn(ColumnDistribution):
    """x = a with probability p_ka for each of some values a; else from a density: a column with many zeros.

    ``log_prob`` is a log probability at an atom, a log density elsewhere.
    """

    log_p: Doubles  # [K, 1 + A], of the density's share and of each atom
    rest: ColumnDistribution
    atoms: tuple[float, ...] = ()
    continuous = True

    @property
    def K(self) -> int:
        return len(self.log_p)

    def log_prob(self, x: Array) -> Doubles:
        x = np.asarray(x, np.float64)
        out = self.log_p[:, 0] + self.rest.log_prob(x)
        for i, a in enumerate(self.atoms):
            out[x == a] = self.log_p[:, 1 + i]
        return out

    def cdf(self, x: Array) -> Doubles:
        x = np.asarray(x, np.float64)
        p = np.exp(self.log_p)
        return p[:, 0] * self.rest.cdf(x) + (x[:, None] >= np.array(self.atoms)) @ p[:, 1:].T

    def log_mass(self, event: Event) -> Doubles:
        low, high = bounded(event)
        a = np.array(self.atoms)
        inside = (low < a) & (a <= high)  # [A] or [b, A]
        with np.errstate(divide="ignore"):
            return np.logaddexp(
                self.log_p[:, 0] + self.rest.log_mass(event), np.log(inside @ np.exp(self.log_p[:, 1:]).T)
            )

    def sample(self, z: Array, rng: np.random.Generator, event: Event | None = None) -> Array:
        shares = self._shares(event)  # [K, 1 + A]
        at = (np.cumsum(shares, axis=1)[z] <= rng.random((len(z), 1)) * shares.sum(axis=1)[z, None]).sum(axis=1)
        at = np.minimum(at, len(self.atoms))
        dense = at == 0
        out = np.array((0.0, *self.atoms))[at]
        if dense.any():
            out[dense] = self.rest.sample(z[dense], rng, event)
        return np.asarray(out)

    def mean(self, event: Event | None = None) -> Doubles:
        p = self._shares(event)
        return np.asarray(p[:, 0] * self.rest.mean(event) + p[:, 1:] @ np.array(self.atoms))

    def variance(self, event: Event | None = None) -> Doubles:
        p, m, atoms = self._shares(event), self.mean(event), np.array(self.atoms)
        dense = self.rest.variance(event) + (self.rest.mean(event) - m) ** 2
        return np.asarray(p[:, 0] * dense + (p[:, 1:] * (atoms - m[:, None]) ** 2).sum(axis=1))

    def _shares(self, event: Event | None) -> Doubles:
        """P(density's share), P(each atom) given the event [K, 1 + A]."""
        if event is None:
            return np.exp(self.log_p)
        assert isinstance(event, Interval)
        a = np.array(self.atoms)
        log_p = self.log_p.copy()
        log_p[:, 0] += self.rest.log_mass(event)
        log_p[:, 1:][:, ~((event.low < a) & (a <= event.high))] = -np.inf
        top = log_p.max(axis=1, keepdims=True)
        p = np.exp(log_p - np.where(np.isfinite(top), top, 0.0))
        total = p.sum(axis=1, keepdims=True)
        nothing = np.zeros_like(p)
        nothing[:, 0] = 1.0  # where the event is impossible: what lies nearest
        return np.where(total > 0, p / np.where(total > 0, total, 1.0), nothing)
