"""A table as codes alone: categories by their levels, numbers by bins. The cells of a mixture of trees.

What a number is within its bin depends on nothing else, so that it stands outside of the trees: as a term of log p(x)
that no component changes, and as a draw from the bin.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from ...data.block import Block, Column
from ...data.parts import Rows, through
from ...data.schema import Schema
from ...data.source import Source
from ...typing import Array, Doubles
from .binned import BinnedColumn, Bins
from .column import ColumnDistribution, GaussianBlock
from .cut import cut
from .family import Cells
from .layout import Place
from .product import Product
from .tree import Tree


class Number(NamedTuple):
    """A numeric column and its bins."""

    name: str
    bins: Bins

    @property
    def family(self) -> str:
        """What it is called."""
        return "bins"

    @property
    def atoms(self) -> tuple[float, ...]:
        """Values with a probability of their own."""
        return self.bins.atoms


@dataclass(frozen=True)
class CodedLayout:
    """Categories by their levels, then numbers by their bins; ``hidden`` columns are gaps in every row."""

    plans: tuple[Number, ...]
    categories: tuple[str, ...] = ()
    levels: tuple[int, ...] = ()
    hidden: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, schema: Schema, source: Source, chosen: Mapping[str, tuple[str, tuple[float, ...]]] | None = None
    ) -> CodedLayout:
        """The codes of a table; ``chosen`` tells the family and the point masses of columns where these are known."""
        known = chosen or {}
        numbers = tuple(Number(c.name, cut(c, source, j, known.get(c.name))) for j, c in enumerate(schema.numeric))
        return cls(numbers, tuple(c.name for c in schema.categorical), tuple(len(c.levels) for c in schema.categorical))

    @cached_property
    def tables(self) -> tuple[int, ...]:
        """The codes of every column."""
        return (*self.levels, *(p.bins.K for p in self.plans))

    @cached_property
    def edges(self) -> Array:
        """Where each column begins in a vector of all codes, and the end."""
        return np.concatenate([[0], np.cumsum(self.tables, dtype=np.int64)])

    @cached_property
    def names(self) -> tuple[str, ...]:
        """All columns, in the order of the codes."""
        return (*self.categories, *(p.name for p in self.plans))

    @cached_property
    def places(self) -> dict[str, Place]:
        """Where each column is found, but for the hidden ones."""
        return {name: Place(0, j) for j, name in enumerate(self.names) if name not in self.hidden}

    @cached_property
    def by_name(self) -> dict[str, Number]:
        """The plan of each numeric column."""
        return {p.name: p for p in self.plans if p.name not in self.hidden}

    @cached_property
    def seen(self) -> list[Number]:
        """The numbers that a table brings."""
        return [p for p in self.plans if p.name not in self.hidden]

    # Cells.

    def encode(self, source: Rows) -> Rows:
        """The cells of these rows."""
        return through(source, self.cells)

    def cells(self, block: Block) -> Block:
        """The codes of a block of the table; a value that its column cannot have is a gap, see ``base``."""
        codes = np.full((block.n, len(self.tables)), -1, np.int32)
        shown = [j for j, name in enumerate(self.categories) if name not in self.hidden]
        if shown:
            assert block.codes is not None
            codes[:, shown] = block.codes
        for i, plan in enumerate(self.seen):
            codes[:, self.places[plan.name].j] = plan.bins.code(_number(block, i))
        return replace(block, numbers=(), csr=None, codes=codes)

    def base(self, block: Block) -> Doubles:
        """What log p(x) has beyond that of the codes [b]: Σ_j log p(x_j | its bin); -∞ for an impossible value."""
        out = np.zeros(block.n)
        for i, plan in enumerate(self.seen):
            x = _number(block, i)
            some = ~np.isnan(x)
            out[some] += plan.bins.log_within(x[some])
        return out

    def decode(self, cells: Cells, rng: np.random.Generator) -> Cells:
        """Numbers [n, d] and codes [n, c] of the table from drawn codes."""
        numbers = [p.bins.sample(cells.codes[:, self.places[p.name].j], rng) for p in self.seen]
        shown = [j for j, name in enumerate(self.categories) if name not in self.hidden]
        n = len(cells.codes)
        return Cells(np.column_stack([np.empty((n, 0)), *numbers]), cells.codes[:, shown])

    def blank(self, n: int) -> Cells:
        """Room for n rows of cells."""
        return Cells(np.empty((n, 0)), np.empty((n, len(self.tables)), np.int32))

    # Parts.

    def family(self, cells: Source, reg: float, smoothing: float) -> Product:
        """Trees over all columns, with priors that are centred on these rows; ``reg`` has nothing to bound here."""
        return Product((Tree(self.tables, smoothing).over(cells),))

    def column(self, family: Product, θ: tuple[Any, ...], name: str) -> ColumnDistribution:
        """p(x | component) of one column of the table."""
        column = family.parts[0].column(θ[0], self.places[name].j)
        plan = self.by_name.get(name)
        return column if plan is None else BinnedColumn(column.log_p, plan.bins)

    def keep(
        self, names: Collection[str], family: Product, θ: tuple[Any, ...]
    ) -> tuple[CodedLayout, Product, tuple[Any, ...]]:
        """The same for some of the columns: the others are hidden, since they may tie what is kept."""
        return replace(self, hidden=tuple(n for n in self.names if n not in names)), family, θ

    def blocks(self, family: Product, θ: tuple[Any, ...]) -> tuple[GaussianBlock, ...]:
        """There are none."""
        return ()


def _number(block: Block, j: int) -> Doubles:
    column = block.numbers[j] if isinstance(block.numbers, tuple) else Column(block.x[:, j])
    return np.asarray(column.decode(), np.float64)
