"""p(anything | evidence) of a mixture of products, exactly.

With independent columns in every part, p(x) = Σ_m π_m Π_j P_m(x_j); evidence E gives w_m ∝ π_m Π_j P_m(E_j), and every
question is then one of Σ_m w_m P_m(· | E) (Bishop 2006, section 9.2; Murphy 2012, section 11.2).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..errors import QueryError
from ..typing import Array, Doubles
from .box import Box, Draws
from .evidence import Said, Value, Variable, intersect, nearest, pick
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
        self.boxes = {name: box for box in map(Box, model._blocks()) for name in box.block.names}

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

    def log_likelihood(self, said: Mapping[str, Said], draws: Draws) -> Doubles:
        """log P(all that is said | m) [M]: a product over columns, and over blocks of dependent columns."""
        total = np.zeros(len(self.log_weights))
        for names in self.apart(said):
            if len(names) == 1:
                total = total + self.variables[names[0]].log_prob(said[names[0]])
            else:
                total = total + self.boxes[names[0]].log_prob({name: said[name] for name in names}, draws)
        return total

    def apart(self, names: Iterable[str]) -> list[list[str]]:
        """Names together that are of one block."""
        together: dict[object, list[str]] = {}
        for name in names:
            together.setdefault(self.boxes.get(name, name), []).append(name)
        return list(together.values())


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
        self,
        columns: Columns,
        said: Mapping[str, Said],
        rows: tuple[Sequence[Cells], int] | None = None,
        draws: Draws | None = None,
    ) -> None:
        self.columns, self.said, self.rows, self.draws = columns, dict(said), rows, draws or Draws(0)
        log_joint = columns.log_weights + columns.log_likelihood(self.said, self.draws)
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
        return Conditional(self.columns, self.said | both, self.rows, self.draws)

    # Probabilities.

    def log_probability(self, target: Mapping[str, Said]) -> Doubles:
        """log p(T | E) [n], a density if some column of T has one that E does not fix."""
        gain = np.zeros(len(self.columns.log_weights))
        for names in self.columns.apart(target):
            gain = gain + self._gain({name: target[name] for name in names})
        with np.errstate(divide="ignore"):
            top = gain.max()
            if np.isneginf(top):
                return np.full(len(self.weights), -np.inf)
            out: Doubles = np.log(self.weights @ np.exp(gain - top)) + top
        return out

    def _gain(self, target: Mapping[str, Said]) -> Doubles:
        """log P_m(target | what E says of its column, or of the block that its columns are of) [M]."""
        own = {name: self.said[name] for name in self._about(target)}
        both = own | {name: intersect(own.get(name), said) for name, said in target.items()}
        if both == own:
            return np.zeros(len(self.columns.log_weights))
        log_p = self.columns.log_likelihood(both, self.draws)
        if not own:
            return log_p
        with np.errstate(invalid="ignore"):
            gain = log_p - self.columns.log_likelihood(own, self.draws)
        return np.where(np.isnan(gain), -np.inf, gain)

    def _about(self, names: Iterable[str]) -> list[str]:
        """The columns with evidence that are, or share a block with, some others."""
        boxes = self.columns.boxes
        near = {boxes.get(name, name) for name in names}
        return [name for name in self.said if boxes.get(name, name) in near]

    def density(self, target: Mapping[str, Said]) -> bool:
        """Whether ``log_probability`` is that of a density."""
        variables = self.columns.variables
        return any(variables[n].density(s) and not variables[n].density(self.said.get(n)) for n, s in target.items())

    def table(self, cells: Mapping[str, Sequence[Cell]], fixed: Mapping[str, Said]) -> Doubles:
        """p(every combination of cells, and what is fixed | E) [n, C_1, C_2, ...]."""
        if any(len(names) > 1 for names in self.columns.apart([*cells, *fixed])):
            return self._table_in_block(cells, fixed)
        p = np.ones(len(self.columns.log_weights))
        for name, said in fixed.items():
            p = p * np.exp(self._gain({name: said}))
        for name, each in cells.items():
            p = p[..., None, :] * self._cells(name, each)
        flat = p.reshape(-1, p.shape[-1]).T  # [M, cells]
        return (self.weights @ flat).reshape(len(self.weights), *p.shape[:-1])

    def _cells(self, name: str, cells: Sequence[Cell]) -> Doubles:
        """P_m(cell | what E says) of each cell of one column [C, M]."""
        variable, own = self.variable(name), self.said.get(name)
        if own is None and variable.levels and len(cells) == len(variable.levels):
            return np.exp(variable.log_p)
        with np.errstate(invalid="ignore"):
            log_p = np.array([variable.log_prob(intersect(own, cell.said)) for cell in cells]) - variable.log_prob(own)
        return np.nan_to_num(np.exp(log_p))

    def _table_in_block(self, cells: Mapping[str, Sequence[Cell]], fixed: Mapping[str, Said]) -> Doubles:
        """The same, one cell after the other."""
        each = []
        for combination in itertools.product(*cells.values()):
            target = dict(fixed)
            for name, cell in zip(cells, combination, strict=True):
                target[name] = intersect(target.get(name), cell.said)
            each.append(np.exp(self.log_probability(target)))
        return np.stack(each, axis=1).reshape(len(self.weights), *(len(c) for c in cells.values()))

    # Numbers.

    def marginal(self, name: str) -> Marginal:
        """The distribution of one number."""
        return Marginal(self.variable(name), self.said.get(name), self.weights)

    def joint(self, a: str, b: str) -> Callable[[Doubles, Doubles], Doubles] | None:
        """p(x, y | E) [Q, R] of two numbers of one block; None where their columns are apart in every part."""
        box = self.columns.boxes.get(a)
        if box is None or box is not self.columns.boxes.get(b):
            return None
        about = {name: self.said[name] for name in self._about([a, b])}
        others = {name: said for name, said in about.items() if name not in (a, b)}
        values = {
            box.place[n]: p for n, said in others.items() for p in said if isinstance(p, Value) and len(said) == 1
        }
        if len(values) < len(others):
            name = next(n for n in others if box.place[n] not in values)
            raise QueryError(f"{name} depends on both within a component: say one value of it, not a range")
        log_own = self.columns.log_likelihood(about, self.draws) - self.columns.log_likelihood(others, self.draws)
        two = box.given(values, (box.place[a], box.place[b]))
        with np.errstate(divide="ignore"):
            log_w = np.log(self.weights[0]) - log_own
        return partial(_bivariate, log_w, two.mean, two.covariance)

    def variable(self, name: str) -> Variable:
        """One column given the evidence on others of its block."""
        variable = self.columns.variables[name]
        others = {other: self.said[other] for other in self._about([name]) if other != name}
        if not others:
            return variable
        return Variable(variable.schema, self.columns.boxes[name].column(name, others, self.draws))

    def levels(self, name: str) -> Doubles:
        """p(level | E) [n, C] of one category."""
        variable = self.columns.variables[name]
        cells = [Cell(level, Levels((c,))) for c, level in enumerate(variable.levels)]
        return self.table({name: cells}, {})


def _bivariate(log_w: Doubles, μ: Doubles, Σ: Doubles, x: Doubles, y: Doubles) -> Doubles:
    """Σ_k w_k N((x, y); μ_k, Σ_k) [Q, R], as p(x) p(y | x)."""
    total = np.zeros((len(x), len(y)))
    for k in np.flatnonzero(log_w > log_w.max() - 40):
        slope = Σ[k, 0, 1] / Σ[k, 0, 0]
        left = Σ[k, 1, 1] - slope * Σ[k, 0, 1]
        d = y - μ[k, 1] - slope * (x - μ[k, 0])[:, None]
        log_x = -0.5 * (x - μ[k, 0]) ** 2 / Σ[k, 0, 0] - 0.5 * np.log(Σ[k, 0, 0] * left) - np.log(2 * np.pi)
        total += np.exp(log_w[k] + log_x[:, None] - 0.5 * d * d / left)
    return total
