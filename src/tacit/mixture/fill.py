"""Filling gaps: what the observed cells of a row say of the others, with intervals and with draws."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..data.table import Schema
from ..typing import Array, Doubles
from .families.column import ColumnDistribution, GaussianBlock
from .joined import given_others, quantile

GRID = 768  # points between which a distribution function is taken to be straight


class Imputed(NamedTuple):
    """What ``impute`` with an ``interval`` gives: tables, or arrays for an array."""

    filled: Any  # without gaps
    low: Any  # numbers: the lower end of the interval of a gap, null where the cell was none
    high: Any  # numbers: the upper end
    probability: Any  # categories: p(the level that was filled in | observed cells), null where the cell was no gap


class Filled(NamedTuple):
    """The same for some rows, as arrays; NaN where the cell was no gap."""

    x: Doubles  # [b, d]
    codes: Array  # [b, c]
    low: Doubles  # [b, d]
    high: Doubles  # [b, d]
    probability: Doubles  # [b, c]


class Filler:
    """The columns of a mixture, asked for their missing cells."""

    def __init__(
        self, schema: Schema, columns: dict[str, ColumnDistribution], blocks: tuple[GaussianBlock, ...]
    ) -> None:
        self.numbers = [c.name for c in schema.numeric]
        self.categories = [c.name for c in schema.categorical]
        self.columns = columns
        # of a column in a block of several: the block, its place, and where the block's columns stand in x
        self.joined = {
            name: (block, i, [self.numbers.index(n) for n in block.names])
            for block in blocks
            for i, name in enumerate(block.names)
            if len(block.names) > 1
        }

    def expected(self, x: Doubles, codes: Array, weights: Doubles, level: float | None) -> Filled:
        """Means of numbers, likeliest levels, and intervals that hold ``level``; weights [b, K] are p(k | cells)."""
        out = Filled(
            x.copy(), codes.copy(), np.full(x.shape, np.nan), np.full(x.shape, np.nan), np.full(codes.shape, np.nan)
        )
        for j, name in enumerate(self.numbers):
            gap = np.flatnonzero(np.isnan(x[:, j]))
            w, column = weights[gap], self.columns[name]
            if not len(gap):
                continue
            if name in self.joined:
                m, sd = self._given(name, x[gap])
                out.x[gap, j] = (w * m).sum(axis=1)
                if level is not None:
                    out.low[gap, j], out.high[gap, j] = (
                        quantile(m, sd, w, q) for q in ((1 - level) / 2, (1 + level) / 2)
                    )
            else:
                out.x[gap, j] = w @ column.mean()
                if level is not None:
                    out.low[gap, j], out.high[gap, j] = interval(column, w, level)
        for j, name in enumerate(self.categories):
            gap = np.flatnonzero(codes[:, j] < 0)
            p = weights[gap] @ self.columns[name].probabilities()
            out.codes[gap, j], out.probability[gap, j] = p.argmax(axis=1), p.max(axis=1, initial=0.0)
        return out

    def drawn(self, x: Doubles, codes: Array, z: Array, rng: np.random.Generator) -> tuple[Doubles, Array]:
        """Numbers and codes with gaps drawn given the part z [b] of each row, itself drawn from its posterior."""
        x, codes = x.copy(), codes.copy()
        for j, name in enumerate(self.numbers):
            gap = np.flatnonzero(np.isnan(x[:, j]))
            if name in self.joined:  # given the cells of the block that are there, and those drawn before
                m, sd = self._given(name, x[gap])
                at = np.arange(len(gap)), z[gap]
                x[gap, j] = rng.normal(m[at], sd[at])
            else:
                x[gap, j] = self.columns[name].sample(z[gap], rng)
        for j, name in enumerate(self.categories):
            gap = np.flatnonzero(codes[:, j] < 0)
            codes[gap, j] = self.columns[name].sample(z[gap], rng)
        return x, codes

    def _given(self, name: str, x: Doubles) -> tuple[Doubles, Doubles]:
        block, i, at = self.joined[name]
        return given_others(block, i, x[:, at])


def interval(column: ColumnDistribution, weights: Doubles, level: float) -> tuple[Doubles, Doubles]:
    """The ends [n] between which Σ_k w_k p_k(x) has the probability ``level``, as much left out below as above."""
    x = grid(column)
    cumulative = weights @ column.cdf(x).T  # [n, G]
    return _quantile(x, cumulative, (1 - level) / 2, column), _quantile(x, cumulative, (1 + level) / 2, column)


def grid(column: ColumnDistribution) -> Doubles:
    """Points at which to know the distribution function, dense where the components are."""
    m, sd = column.mean(), np.sqrt(column.variance())
    each = max(16, GRID // (2 * column.K))
    if not column.continuous:
        top = float((m + 12 * sd).max()) + 12
        return np.unique(np.rint(np.linspace(0.0, top, min(int(top) + 1, GRID))))
    up = 8 * np.linspace(0, 1, each) ** 1.5
    reach = np.concatenate([-up[:0:-1], up])
    at = np.unique((m + sd * reach[:, None]).ravel())
    if len(at) > GRID:
        at = at[np.unique(np.linspace(0, len(at) - 1, GRID).astype(int))]
    points = np.array(column.atoms)
    return np.unique(np.concatenate([at, points, np.nextafter(points, -np.inf)]))


def _quantile(x: Doubles, cumulative: Doubles, q: float, column: ColumnDistribution) -> Doubles:
    """The least x with F(x) >= q [n]."""
    at = np.clip((cumulative < q).sum(axis=1), 1, len(x) - 1)
    if not column.continuous:
        return x[np.where(cumulative[:, 0] >= q, 0, at)]
    rows = np.arange(len(cumulative))
    low, high = cumulative[rows, at - 1], cumulative[rows, at]
    share = np.clip((q - low) / np.maximum(high - low, 1e-300), 0.0, 1.0)
    out: Doubles = x[at - 1] + share * (x[at] - x[at - 1])
    for a in column.atoms:  # a point mass is the quantile where F jumps over q there
        jump = int(np.searchsorted(x, a))
        before = cumulative[:, jump - 1] if jump else np.zeros(len(cumulative))
        out[(before < q) & (cumulative[:, jump] >= q)] = a
    return out
