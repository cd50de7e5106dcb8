"""p(anything | evidence) of a mixture of products, exactly.

With independent columns in every part, p(x) = Σ_m π_m Π_j P_m(x_j); evidence E gives w_m ∝ π_m Π_j P_m(E_j), and every
question is then one of Σ_m w_m P_m(· | E) (Bishop 2006, section 9.2; Murphy 2012, section 11.2).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..errors import QueryError
from ..typing import Array, Doubles
from .evidence import Said, Variable, intersect, nearest, pick
from .families.column import Levels
from .marginal import Marginal
from .rows import Cells, posterior


class Columns:
    """A fitted mixture as questions see it: its parts and its columns by name."""

    def __init__(self, model: Any) -> None:
        with np.errstate(divide="ignore"):
            self.log_weights: Doubles = np.log(model.part_weights_)
        self.schema = model.schema_
        self.variables = {
            c.name: Variable(c, model._column(c.name))
            for c in self.schema.columns
            if c.kind.numeric or c.kind.categorical
        }
        self.left_out = {c.name: c for c in self.schema.left_out}

    def find(self, name: str) -> Variable:
        """The column that is meant by a name."""
        found = pick(name, self.variables)
        if found is None:
            raise QueryError(self.unknown(name))
        return self.variables[found]

    def unknown(self, name: str) -> str:
        """What is said of a name that is no column."""
        left = pick(name, self.left_out)
        if left is not None:
            return f"column {left!r} was left out of the model, as {self.left_out[left].kind}"
        return f"no column {name!r}{nearest(name, self.variables, 'the columns are')}"

    def log_likelihood(self, said: Mapping[str, Said]) -> Doubles:
        """Σ_j log P(what is said of column j | m) [M]."""
        total = np.zeros(len(self.log_weights))
        for name, s in said.items():
            total = total + self.variables[name].log_prob(s)
        return total


class Cell(NamedTuple):
    """One of the disjoint events that a column is divided into for a table."""

    label: Any
    said: Said


class Conditional:
    """The distribution of all columns given evidence; of one question, or of each of n rows at once.

    ``rows`` are cells that differ from row to row, and how many rows there are, beside what is ``said`` of columns once
    and for all.
    """

    def __init__(
        self, columns: Columns, said: Mapping[str, Said], rows: tuple[Sequence[Cells], int] | None = None
    ) -> None:
        self.columns, self.said, self.rows = columns, dict(said), rows
        log_joint = columns.log_weights + columns.log_likelihood(self.said)
        self.weights: Doubles  # [n, M], p(m | E)
        self.log_evidence: Doubles  # [n]
        self.weights, self.log_evidence = posterior(log_joint, *(rows or ((), 1)))
        if np.isneginf(self.log_evidence).any():
            self._impossible(np.flatnonzero(np.isneginf(self.log_evidence)))

    def _impossible(self, rows: Array) -> None:
        where = "" if self.rows is None else f" in row {rows[0]} (the first is 0)"
        raise QueryError(f"the evidence{where} has probability zero under this model: nothing follows from it")

    def given(self, more: Mapping[str, Said]) -> Conditional:
        """The same with more evidence."""
        both = {name: intersect(self.said.get(name), said) for name, said in more.items()}
        return Conditional(self.columns, self.said | both, self.rows)

    # Probabilities.

    def log_probability(self, target: Mapping[str, Said]) -> Doubles:
        """log p(T | E) [n], a density if some column of T has one that E does not fix."""
        gain = np.zeros(len(self.columns.log_weights))
        for name, said in target.items():
            gain = gain + self._gain(name, said)
        with np.errstate(divide="ignore"):
            top = gain.max()
            if np.isneginf(top):
                return np.full(len(self.weights), -np.inf)
            out: Doubles = np.log(self.weights @ np.exp(gain - top)) + top
        return out

    def density(self, target: Mapping[str, Said]) -> bool:
        """Whether ``log_probability`` is that of a density."""
        variables = self.columns.variables
        return any(variables[n].density(s) and not variables[n].density(self.said.get(n)) for n, s in target.items())

    def table(self, cells: Mapping[str, Sequence[Cell]], fixed: Mapping[str, Said]) -> Doubles:
        """p(every combination of cells, and what is fixed | E) [n, C_1, C_2, ...]."""
        gain = np.zeros(len(self.columns.log_weights))
        for name, said in fixed.items():
            gain = gain + self._gain(name, said)
        p = np.exp(gain)  # [M]
        for name, each in cells.items():
            one = np.exp([self._gain(name, cell.said) for cell in each])  # [C, M]
            p = p[..., None, :] * one
        out: Doubles = np.tensordot(self.weights, p, axes=(1, p.ndim - 1))
        return out

    def _gain(self, name: str, said: Said) -> Doubles:
        """log P_m(said of a column | what E says of it) [M]."""
        variable, own = self.columns.variables[name], self.said.get(name)
        if own is None:
            return variable.log_prob(said)
        both = intersect(own, said)
        if both == own:
            return np.zeros(len(self.columns.log_weights))
        with np.errstate(invalid="ignore"):
            gain: Doubles = np.nan_to_num(variable.log_prob(both) - variable.log_prob(own), nan=-np.inf, neginf=-np.inf)
        return gain

    # Numbers.

    def marginal(self, name: str) -> Marginal:
        """The distribution of one number."""
        return Marginal(self.columns.variables[name], self.said.get(name), self.weights)

    def levels(self, name: str) -> Doubles:
        """p(level | E) [n, C] of one category."""
        variable = self.columns.variables[name]
        cells = [Cell(level, Levels((c,))) for c, level in enumerate(variable.levels)]
        return self.table({name: cells}, {})
