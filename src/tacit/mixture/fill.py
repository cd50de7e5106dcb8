"""Filling gaps: what the observed cells of a row say of the others, with intervals and with draws."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ..data.table import Schema, Table
from ..kernels.trees import tree_sample
from ..rng import generator
from ..typing import Array, Doubles
from .condition import grammar_of
from .families.column import ColumnDistribution, GaussianBlock
from .joined import given_others, quantile
from .wood import Heard, Wood

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


Asked: TypeAlias = Callable[[str, Array], tuple[ColumnDistribution, Doubles]]


class Filler:
    """The columns of a mixture, asked for their missing cells.

    ``asked(name, rows)`` gives, for those rows of the ones at hand, the distribution of a column in each of some
    components and the probabilities of these given the row's other cells [b, K].
    """

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

    def expected(self, x: Doubles, codes: Array, asked: Asked, level: float | None) -> Filled:
        """Means of numbers, likeliest levels, and intervals that hold ``level``."""
        out = Filled(
            x.copy(), codes.copy(), np.full(x.shape, np.nan), np.full(x.shape, np.nan), np.full(codes.shape, np.nan)
        )
        for j, name in enumerate(self.numbers):
            gap = np.flatnonzero(np.isnan(x[:, j]))
            if not len(gap):
                continue
            column, w = asked(name, gap)
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
            if not len(gap):
                continue
            column, w = asked(name, gap)
            p = w @ column.probabilities()
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

    def from_codes(
        self, x: Doubles, codes: Array, every: Array, wood: Wood, rng: np.random.Generator
    ) -> tuple[Doubles, Array]:
        """The same from codes of all columns that are drawn already."""
        x, codes = x.copy(), codes.copy()
        for j, name in enumerate(self.numbers):
            gap = np.flatnonzero(np.isnan(x[:, j]))
            x[gap, j] = wood.codes[name].dist.sample(every[gap, wood.at(name)], rng)
        for j, name in enumerate(self.categories):
            codes[:, j] = every[:, wood.at(name)]
        return x, codes

    def _given(self, name: str, x: Doubles) -> tuple[Doubles, Doubles]:
        block, i, at = self.joined[name]
        return given_others(block, i, x[:, at])


def filled(model: Any, table: Table, level: float | None) -> tuple[Filled, Filler]:
    """The gaps of a table by a ``JointMixture``, and intervals that hold ``level``."""
    filler, wood = _filler(model), grammar_of(model).columns.wood
    x, codes = _table_cells(table)
    parts = []
    for rows, r in model._in_slabs(table):
        asked = _of_codes(wood, model, table, rows) if wood is not None else _of_parts(filler, r)
        parts.append(filler.expected(x[rows], codes[rows], asked, level))
    return Filled(*map(np.concatenate, zip(*parts, strict=True))), filler


def filled_by_draws(model: Any, table: Table, draws: int) -> list[tuple[Doubles, Array]]:
    """The gaps of a table drawn from p(gaps | observed cells), so many times."""
    filler, wood = _filler(model), grammar_of(model).columns.wood
    x, codes = _table_cells(table)
    rng = generator(model.random_state)
    each: list[list[tuple[Doubles, Array]]] = [[] for _ in range(draws)]
    for rows, r in model._in_slabs(table):
        for out in each:
            z = (r.cumsum(axis=1) < rng.random((len(r), 1))).sum(axis=1)
            if wood is not None:
                every = tree_sample(wood.forest, model._layout.cells(table.block[rows]).codes, z, rng)
                out.append(filler.from_codes(x[rows], codes[rows], every, wood, rng))
            else:
                out.append(filler.drawn(x[rows], codes[rows], z, rng))
    return [(np.concatenate([a for a, _ in out]), np.concatenate([b for _, b in out])) for out in each]


def _filler(model: Any) -> Filler:
    return Filler(model.schema_, {name: model._column(name) for name in model._layout.places}, model._blocks())


def _table_cells(table: Table) -> tuple[Doubles, Array]:
    x, codes = np.asarray(table.block.x, dtype=np.float64), table.block.codes
    return x, np.empty((len(x), 0), dtype=np.int32) if codes is None else codes


def _of_parts(filler: Filler, r: Doubles) -> Asked:
    """A column in each part, and p(part | observed cells)."""
    return lambda name, gap: (filler.columns[name], r[gap])


def _of_codes(wood: Wood, model: Any, table: Table, rows: slice) -> Asked:
    """A column given each of its codes, and p(code | observed cells)."""
    codes = model._layout.cells(table.block[rows]).codes

    def asked(name: str, gap: Array) -> tuple[ColumnDistribution, Doubles]:
        heard = Heard(codes[gap], wood.nothing().likelihood, np.zeros(len(gap)))
        return wood.codes[name].dist, wood.others(name, heard)

    return asked


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
