"""p(anything | evidence) of a mixture of products, exactly.

With independent columns in every part, p(x) = Σ_m π_m Π_j P_m(x_j); evidence E gives w_m ∝ π_m Π_j P_m(E_j), and every
question is then one of Σ_m w_m P_m(· | E) (Bishop 2006, section 9.2; Murphy 2012, section 11.2).
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..errors import QueryError
from ..typing import Doubles
from .box import Draws
from .evidence import Said, Value, Variable, intersect
from .families.column import Levels
from .information import Information, mutual_information
from .marginal import Marginal
from .rows import Cells, posterior
from .variables import Columns


class Cell(NamedTuple):
    """One of the disjoint events that a column is divided into for a table."""

    label: Any
    said: Said


class Given(ABC):
    """The distribution of all columns given evidence; of one question, or of each of n rows at once.

    ``rows`` is what differs from row to row, beside what is ``said`` of columns once and for all.
    """

    columns: Columns
    said: dict[str, Said]
    weights: Doubles  # [n, M], p(m | E)
    log_evidence: Doubles  # [n]

    @abstractmethod
    def given(self, more: Mapping[str, Said]) -> Given:
        """The same with more evidence."""

    @abstractmethod
    def log_probability(self, target: Mapping[str, Said]) -> Doubles:
        """log p(T | E) [n], a density if some column of T has one that E does not fix."""

    @abstractmethod
    def table(self, cells: Mapping[str, Sequence[Cell]], fixed: Mapping[str, Said]) -> Doubles:
        """p(every combination of cells, and what is fixed | E) [n, C_1, C_2, ...]."""

    @abstractmethod
    def marginal(self, name: str) -> Marginal:
        """The distribution of one number."""

    @abstractmethod
    def information(self, a: str, b: str) -> Information:
        """The mutual information of two columns given the evidence, of one question."""

    def density(self, target: Mapping[str, Said]) -> bool:
        """Whether ``log_probability`` is that of a density."""
        variables = self.columns.variables
        return any(variables[n].density(s) and not variables[n].density(self.said.get(n)) for n, s in target.items())

    def levels(self, name: str) -> Doubles:
        """p(level | E) [n, C] of one category."""
        variable = self.columns.variables[name]
        cells = [Cell(level, Levels((c,))) for c, level in enumerate(variable.levels)]
        return self.table({name: cells}, {})

    def _both(self, more: Mapping[str, Said]) -> dict[str, Said]:
        """What is said already, and more."""
        return self.said | {name: intersect(self.said.get(name), said) for name, said in more.items()}

    def _believe(self, log_evidence: Doubles, one: bool) -> None:
        """Keep how likely the evidence is, and refuse what cannot be."""
        self.log_evidence = log_evidence
        if np.isneginf(log_evidence).any():
            where = "" if one else f" in row {np.flatnonzero(np.isneginf(log_evidence))[0]} (the first is 0)"
            raise QueryError(f"the evidence{where} has probability zero under this model: nothing follows from it")


class Conditional(Given):
    """Where columns are independent within a part, or share a full covariance."""

    def __init__(
        self,
        columns: Columns,
        said: Mapping[str, Said],
        rows: tuple[Sequence[Cells], int] | None = None,
        draws: Draws | None = None,
    ) -> None:
        self.columns, self.said, self.rows, self.draws = columns, dict(said), rows, draws or Draws(0)
        log_joint = columns.log_weights + columns.log_likelihood(self.said, self.draws)
        self.weights, log_evidence = posterior(log_joint, *(rows or ((), 1)))
        self._believe(log_evidence, rows is None)

    def given(self, more: Mapping[str, Said]) -> Conditional:
        return Conditional(self.columns, self._both(more), self.rows, self.draws)

    # Probabilities.

    def log_probability(self, target: Mapping[str, Said]) -> Doubles:
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

    def table(self, cells: Mapping[str, Sequence[Cell]], fixed: Mapping[str, Said]) -> Doubles:
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

    def information(self, a: str, b: str) -> Information:
        said, joint = (self.said.get(a), self.said.get(b)), self.joint(a, b)
        own = (lambda name: self.columns.variables[name]) if joint is not None else self.variable
        return mutual_information(self.weights[0], own(a), own(b), said, joint)


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
