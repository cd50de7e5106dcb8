"""How the columns of a table become the cells of a mixture: logarithms, point masses and counts as codes.

A mixture of products needs only normal cells and tables of codes to run in one native pass. A log-normal number is the
normal cell log x; a column with point masses is a code (elsewhere, first point, second point, ...) and a number that is
a gap at the points; a count is a code.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from ...data.block import Block, Column
from ...data.parts import Rows, through
from ...data.source import Source
from ...typing import Array, Doubles
from .categorical import Categorical, CategoricalColumn
from .column import ColumnDistribution, GaussianBlock
from .correlated import Correlated
from .counts import FURTHEST, Counts
from .family import Cells
from .gamma import Gamma
from .normal import Normal, NormalColumn
from .product import Product
from .transformed import AtomicColumn, LogNormalColumn
from .von_mises import VonMises

COUNTS = ("poisson", "negative_binomial")
NUMBERS = ("normal", "lognormal", "gamma", "full", *COUNTS, "von_mises")
DENSE = (("normal", "lognormal"), ("gamma",), ("full",), ("von_mises",))  # the parts of numbers, in order


class Plan(NamedTuple):
    """What one numeric column is in a component."""

    name: str
    family: str  # of NUMBERS
    atoms: tuple[float, ...] = ()  # values with a probability of their own
    step: float = 0.0  # recorded step, 0 where none is known
    period: float = 0.0  # of an angle


class Place(NamedTuple):
    """Where a column's distribution is found: number ``j`` of part ``part``, and its code of point masses."""

    part: int
    j: int
    code: int = -1


@dataclass(frozen=True)
class CellLayout:
    """The numeric columns by their plans, then the categorical ones by their levels."""

    plans: tuple[Plan, ...]
    categories: tuple[str, ...] = ()
    levels: tuple[int, ...] = ()

    @cached_property
    def dense(self) -> list[int]:
        """The numeric columns that stay numbers, in order."""
        return [j for j, p in enumerate(self.plans) if p.family not in COUNTS]

    @cached_property
    def atomic(self) -> list[int]:
        """The numeric columns with point masses."""
        return [j for j, p in enumerate(self.plans) if p.atoms]

    @cached_property
    def counted(self) -> list[int]:
        """The numeric columns that become codes."""
        return [j for j, p in enumerate(self.plans) if p.family in COUNTS]

    @cached_property
    def tables(self) -> tuple[int, ...]:
        """The levels of every column of a categorical part: categories, then point masses."""
        return (*self.levels, *(len(self.plans[j].atoms) + 1 for j in self.atomic))

    @cached_property
    def plain(self) -> bool:
        """Whether cells are the table's own."""
        return all(p.family in ("normal", "full", "von_mises") and not p.atoms for p in self.plans)

    def _of(self, *families: str) -> list[int]:
        """Positions among the numbers of the cells."""
        return [i for i, j in enumerate(self.dense) if self.plans[j].family in families]

    # Cells.

    def encode(self, source: Rows) -> Rows:
        """The cells of these rows."""
        return source if self.plain else through(source, self.cells)

    def cells(self, block: Block) -> Block:
        """The cells of a block of the table; a value that its column cannot have is a gap, see ``base``."""
        if self.plain:
            return block
        numbers: list[Column] = []
        codes = [block.codes] if block.codes is not None else []
        for j in self.dense:
            numbers.append(self._number(self.plans[j], _column(block, j)))
        for j in self.atomic:
            codes.append(_atoms(self.plans[j], _column(block, j).decode())[:, None])
        for j in self.counted:
            x = _column(block, j).decode()
            fine = possible(self.plans[j], x)
            codes.append(np.where(fine, x, -1).astype(np.int32)[:, None])
        together = np.ascontiguousarray(np.concatenate(codes, axis=1)) if codes else None
        return replace(block, numbers=tuple(numbers), csr=None, codes=together)

    def _number(self, plan: Plan, column: Column) -> Column:
        if plan.family in ("normal", "full", "von_mises") and not plan.atoms:
            return column
        x = column.decode()
        keep = possible(plan, x)
        if plan.atoms:
            keep &= ~np.isin(x, plan.atoms)
        nan = x.dtype.type("nan")
        if plan.family == "lognormal":
            return Column(np.log(np.where(keep, x, 1)) + np.where(keep, 0, nan))
        return Column(np.where(keep, x, nan))

    def base(self, block: Block) -> Doubles:
        """What log p(x) has beyond that of the cells [b]: -Σ log x of log-normal ones; -∞ for an impossible value."""
        out = np.zeros(block.n)
        for j, plan in enumerate(self.plans):
            if plan.family in ("normal", "full", "von_mises"):
                continue
            x = np.asarray(_column(block, j).decode(), np.float64)
            dense = ~np.isnan(x) & ~np.isin(x, plan.atoms)
            fine = possible(plan, x)
            if plan.family == "lognormal":
                out -= np.log(np.where(dense & fine, x, 1.0))
            out[dense & ~fine] = -np.inf
        return out

    def decode(self, cells: Cells, rng: np.random.Generator | None = None) -> Cells:
        """Numbers [n, d] and codes [n, c] of the table from drawn cells."""
        x = np.empty((len(cells.numbers), len(self.plans)))
        for i, j in enumerate(self.dense):
            y = cells.numbers[:, i]
            x[:, j] = np.exp(np.minimum(y, 700)) if self.plans[j].family == "lognormal" else y
        c = len(self.levels)
        for i, j in enumerate(self.atomic):
            code = cells.codes[:, c + i]
            x[:, j] = np.where(code > 0, np.array((0.0, *self.plans[j].atoms))[code], x[:, j])
        for i, j in enumerate(self.counted):
            x[:, j] = cells.codes[:, len(self.tables) + i]
        return Cells(x, cells.codes[:, :c])

    def blank(self, n: int) -> Cells:
        """Room for n rows of cells."""
        return Cells(np.empty((n, len(self.dense))), np.empty((n, len(self.tables) + len(self.counted)), np.int32))

    # Parts.

    def family(self, cells: Source, reg: float, smoothing: float) -> Product:
        """The product over all cells, with bounds for these rows, and priors that are centred on them."""
        steps = np.array([self._step(self.plans[j]) for j in self.dense])
        parts: list[Any] = []
        if normal := self._of("normal", "lognormal"):
            parts.append(Normal.of(cells, steps[normal], reg, smoothing, tuple(normal)))
        if gamma := self._of("gamma"):
            parts.append(Gamma.of(cells, tuple(gamma), reg, smoothing))
        if full := self._of("full"):
            parts.append(Correlated.of(cells, tuple(full), steps[full], reg, smoothing))
        if angles := self._of("von_mises"):
            period = np.array([self.plans[self.dense[i]].period for i in angles])
            parts.append(VonMises.of(cells, tuple(angles), period, steps[angles], reg, smoothing))
        if self.tables:
            parts.append(Categorical(self.tables, smoothing).centred(cells))
        if self.counted:
            at = tuple(range(len(self.tables), len(self.tables) + len(self.counted)))
            kinds: Any = tuple(self.plans[j].family for j in self.counted)
            parts.append(Counts.of(cells, kinds, at, smoothing))
        return Product(tuple(parts))

    def _step(self, plan: Plan) -> float:
        """Bounds the variance of a cell from below; the step of a logarithm depends on where it is."""
        return 0.0 if plan.family == "lognormal" else plan.step

    @cached_property
    def places(self) -> dict[str, Place]:
        """Where each column's distribution is found."""
        groups = [self._of(*families) for families in DENSE]
        out: dict[str, Place] = {}
        part = 0
        codes = sum(1 for g in groups if g)
        for group in groups:
            for at, i in enumerate(group):
                j = self.dense[i]
                code = len(self.levels) + self.atomic.index(j) if self.plans[j].atoms else -1
                out[self.plans[j].name] = Place(part, at, code)
            part += bool(group)
        for at, name in enumerate(self.categories):
            out[name] = Place(codes, at)
        for at, j in enumerate(self.counted):
            out[self.plans[j].name] = Place(codes + bool(self.tables), at)
        return out

    @cached_property
    def by_name(self) -> dict[str, Plan]:
        """The plan of each numeric column."""
        return {p.name: p for p in self.plans}

    def column(self, family: Product, θ: tuple[Any, ...], name: str) -> ColumnDistribution:
        """p(x | component) of one column of the table."""
        part, j, code = self.places[name]
        column: ColumnDistribution = family.parts[part].column(θ[part], j)
        plan = self.by_name.get(name)
        if plan is not None and plan.family == "lognormal":
            assert isinstance(column, NormalColumn)
            column = LogNormalColumn(column)
        if code >= 0 and plan is not None:
            tables = next(i for i, p in enumerate(family.parts) if isinstance(p, Categorical))
            share = family.parts[tables].column(θ[tables], code)
            assert isinstance(share, CategoricalColumn)
            column = AtomicColumn(share.log_p, column, plan.atoms)
        return column

    def keep(
        self, names: Collection[str], family: Product, θ: tuple[Any, ...]
    ) -> tuple[CellLayout, Product, tuple[Any, ...]]:
        """The same for some of the columns: layout, family and parameters."""
        kept = [(name, C) for name, C in zip(self.categories, self.levels, strict=True) if name in names]
        new = CellLayout(
            tuple(p for p in self.plans if p.name in names), tuple(n for n, _ in kept), tuple(C for _, C in kept)
        )
        wanted: dict[int, list[int]] = {}  # part -> its columns
        for name in (*(p.name for p in new.plans), *new.categories):
            wanted.setdefault(self.places[name].part, []).append(self.places[name].j)
        codes = [self.places[p.name].code for p in new.plans if p.atoms]
        tables = next((i for i, p in enumerate(family.parts) if isinstance(p, Categorical)), -1)
        if codes:
            wanted[tables] = wanted.get(tables, []) + codes
        groups = iter([g for g in (new._of(*families) for families in DENSE) if g])
        parts, params = [], []
        for i in sorted(wanted):
            if i < tables or (tables < 0 and not isinstance(family.parts[i], Counts)):
                at = next(groups)
            else:
                at = list(range(len(new.tables), len(new.tables) + len(new.counted)))
            part, t = family.parts[i].pick(θ[i], wanted[i], tuple(at))
            parts.append(part)
            params.append(t)
        return new, Product(tuple(parts)), tuple(params)

    def blocks(self, family: Product, θ: tuple[Any, ...]) -> tuple[GaussianBlock, ...]:
        """What joins the columns of a full covariance."""
        names = tuple(p.name for p in self.plans if p.family == "full")
        return tuple(
            GaussianBlock(names, t.mean, t.covariance)
            for part, t in zip(family.parts, θ, strict=True)
            if isinstance(part, Correlated)
        )


def possible(plan: Plan, x: Array) -> Array:
    """Whether each value can be had, point masses aside [b]; a gap cannot."""
    with np.errstate(invalid="ignore"):
        if plan.family in ("lognormal", "gamma"):
            fine: Array = x > 0
        elif plan.family in COUNTS:
            fine = (x >= 0) & (x <= FURTHEST) & (x == np.rint(x))
        else:
            fine = ~np.isnan(x)
    return fine


def _column(block: Block, j: int) -> Column:
    return block.numbers[j] if isinstance(block.numbers, tuple) else Column(block.x[:, j])


def _atoms(plan: Plan, x: Array) -> Array:
    """0 elsewhere, i for the i-th point, -1 for a gap."""
    code = np.zeros(len(x), np.int32)
    for i, a in enumerate(plan.atoms):
        code[x == a] = i + 1
    return np.where(np.isnan(x), np.int32(-1), code)
