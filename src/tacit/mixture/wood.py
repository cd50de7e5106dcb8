"""Columns that are joined by a tree in each part, as evidence sees them: codes, and how likely each is.

Within a code nothing depends on anything else, and what a number is within its bin depends on no part. So what is said
of a column, a value, a set or a range, is a vector of likelihoods over its codes, and all else is messages.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Self

import numpy as np

from ..data.table import Table
from ..kernels.trees import Forest, tree_log_prob, tree_others
from ..typing import Array, Doubles
from .evidence import Said, Variable
from .families.categorical import CategoricalColumn
from .families.coded import CodedLayout


class Heard(NamedTuple):
    """Evidence of n rows: codes (-1 for nothing, -2 where the likelihoods tell), likelihoods, and their log factor."""

    codes: Array  # [n, c]
    likelihood: Doubles  # [n or 1, L]
    log_factor: Doubles  # [n]


class Wood:
    """The trees of a model, and what can be said of their columns; ``codes`` are the columns given their own code."""

    def __init__(
        self, layout: CodedLayout, forest: Forest, log_weights: Doubles, variables: Mapping[str, Variable]
    ) -> None:
        self.layout, self.forest, self.log_weights = layout, forest, log_weights
        self.codes: dict[str, Variable] = {}
        for name, variable in variables.items():
            if variable.numeric:
                self.codes[name] = Variable(variable.schema, layout.by_name[name].bins)
            else:
                with np.errstate(divide="ignore"):
                    itself = np.log(np.eye(len(variable.levels)))
                self.codes[name] = Variable(variable.schema, CategoricalColumn(itself))

    @classmethod
    def of(cls, model: Any, variables: Mapping[str, Variable], log_weights: Doubles) -> Wood | None:
        """That of a ``JointMixture``; None where columns are independent within a part."""
        if not isinstance(getattr(model, "_layout", None), CodedLayout):
            return None
        (tree,), (θ,) = model._family.parts, model._params.theta
        return cls(model._layout, tree.forest(θ), log_weights, variables)

    def of_trees(self, forest: Forest, log_weights: Doubles) -> Self:
        """The same columns joined by other trees with weights [M]."""
        other = copy.copy(self)
        other.forest, other.log_weights = forest, log_weights
        return other

    def at(self, name: str) -> int:
        """The number of a column."""
        return int(self.layout.places[name].j)

    def span(self, name: str) -> slice:
        """Where the codes of a column stand in a vector of all."""
        j = self.at(name)
        return slice(int(self.layout.edges[j]), int(self.layout.edges[j + 1]))

    def nothing(self, n: int = 1) -> Heard:
        """No evidence."""
        shape = n, len(self.layout.tables)
        return Heard(np.full(shape, -1, np.int32), np.ones((1, int(self.layout.edges[-1]))), np.zeros(n))

    def heard(self, said: Mapping[str, Said], rows: Heard | None = None) -> Heard:
        """What is said, beside what the rows tell of other columns."""
        rows = self.nothing() if rows is None else rows
        codes, likelihood, factor = rows.codes.copy(), self.nothing().likelihood, rows.log_factor
        for name, what in said.items():
            log_p = self.codes[name].log_prob(what)  # [C]
            top = float(log_p.max(initial=-np.inf))
            codes[:, self.at(name)] = -2
            likelihood[0, self.span(name)] = np.exp(log_p - top) if np.isfinite(top) else 0.0
            factor = factor + top
        return Heard(codes, likelihood, factor)

    def cells(self, table: Table, names: Collection[str]) -> Heard:
        """The cells of some columns of a table; a number that was recorded to a step has its probability."""
        codes = np.full((table.n, len(self.layout.tables)), -1, np.int32)
        factor = np.zeros(table.n)
        for j, column in enumerate(table.schema.numeric):
            if column.name in names:
                x = np.asarray(table.block.x[:, j], np.float64)
                some = np.flatnonzero(~np.isnan(x))
                variable = self.codes[column.name]
                codes[:, self.at(column.name)] = self.layout.by_name[column.name].bins.code(x)
                within = self.layout.by_name[column.name].bins.log_within(x[some])
                factor[some] += within + (np.log(variable.step) if variable.step else 0.0)
        for j, column in enumerate(table.schema.categorical):
            if column.name in names:
                assert table.block.codes is not None
                codes[:, self.at(column.name)] = table.block.codes[:, j]
        return Heard(codes, self.nothing().likelihood, factor)

    def log_joint(self, heard: Heard) -> Doubles:
        """log π_m + log P(what a row says | m) [n, M]."""
        each = tree_log_prob(self.forest, heard.codes, heard.likelihood)
        out: Doubles = each + self.log_weights + heard.log_factor[:, None]
        return out

    def others(self, name: str, heard: Heard) -> Doubles:
        """p(code of a column | what a row says of the other columns) [n, C]."""
        wanted = np.zeros(len(self.layout.tables))
        wanted[self.at(name)] = 1
        every: Doubles = tree_others(self.forest, heard.codes, self.log_weights, wanted, heard.likelihood)
        return every[:, self.span(name)]

    def pairs(self, names: Sequence[str]) -> Iterator[tuple[str, str, Doubles]]:
        """(a, b, p(code of a, code of b) [A, B]) of every two of these columns, where nothing is said."""
        wanted = np.zeros(len(self.layout.tables))
        wanted[[self.at(name) for name in names]] = 1
        p = tree_others(self.forest, self.nothing().codes, self.log_weights, wanted)[0]
        for i, a in enumerate(names[:-1]):
            codes = np.full((self.layout.tables[self.at(a)], len(wanted)), -1, np.int32)
            codes[:, self.at(a)] = np.arange(len(codes))
            given = tree_others(self.forest, codes, self.log_weights, wanted)  # [A, L]
            for b in names[i + 1 :]:
                yield a, b, p[self.span(a), None] * given[:, self.span(b)]

    def pair(self, a: str, b: str, heard: Heard) -> Doubles:
        """p(code of a, code of b | what one row says) [A, B]."""
        j, i = self.at(a), self.at(b)
        own_a, own_b = (heard.likelihood[0, self.span(n)] if heard.codes[0, self.at(n)] == -2 else 1.0 for n in (a, b))
        codes = np.tile(heard.codes, (self.layout.tables[j], 1))
        codes[:, j], codes[:, i] = np.arange(len(codes)), -1
        each = Heard(codes, heard.likelihood, np.zeros(len(codes)))
        log_p = np.logaddexp.reduce(self.log_joint(each), axis=1)
        p = (np.exp(log_p - log_p.max()) * own_a)[:, None] * self.others(b, each) * own_b
        out: Doubles = p / p.sum()
        return out
