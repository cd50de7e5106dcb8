"""p(anything | evidence) of a mixture of trees, exactly: messages in every part, one question or a table of rows.

A number is a code and a place within its bin, so that p(x_j | E) = Σ_c p(c | E) p(x_j | c, what E says of x_j itself):
a mixture again, whose components are the codes.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.special import logsumexp, xlogy

from ..errors import QueryError
from ..kernels.trees import tree_sample
from ..typing import Array, Doubles
from .conditional import Cell, Given
from .evidence import Said, intersect
from .information import Information
from .marginal import Marginal
from .variables import Columns
from .wood import Heard, Wood


class TreeConditional(Given):
    """Where columns are joined by a tree in each part; ``rows`` are codes of what differs from row to row."""

    def __init__(self, columns: Columns, said: Mapping[str, Said], rows: Heard | None = None) -> None:
        assert columns.wood is not None
        self.columns, self.said, self.rows = columns, dict(said), rows
        self.wood: Wood = columns.wood
        self.heard = self.wood.heard(self.said, rows)
        with np.errstate(divide="ignore", invalid="ignore"):
            log_joint = self.wood.log_joint(self.heard)
            log_evidence = np.asarray(logsumexp(log_joint, axis=1))
            self.weights = np.exp(log_joint - log_evidence[:, None])
        self._believe(log_evidence, rows is None)

    def given(self, more: Mapping[str, Said]) -> TreeConditional:
        return TreeConditional(self.columns, self._both(more), self.rows)

    def log_probability(self, target: Mapping[str, Said]) -> Doubles:
        heard = self.wood.heard(self._both(target), self.rows)
        return self._minus(np.asarray(logsumexp(self.wood.log_joint(heard), axis=1)))

    def _minus(self, log_p: Doubles) -> Doubles:
        return np.where(np.isfinite(log_p), log_p - self.log_evidence, -np.inf)

    def table(self, cells: Mapping[str, Sequence[Cell]], fixed: Mapping[str, Said]) -> Doubles:
        if len(cells) == 1 and not fixed:
            ((name, each),) = cells.items()
            own, variable, q = self.said.get(name), self.wood.codes[name], self.wood.others(name, self.heard)
            p = np.exp([variable.log_prob(intersect(own, cell.said)) for cell in each])  # [cells, C]
            out: Doubles = q @ p.T / (q @ np.exp(variable.log_prob(own)))[:, None]
            return out
        combinations = []
        for combination in itertools.product(*cells.values()):
            target = dict(fixed)
            for name, cell in zip(cells, combination, strict=True):
                target[name] = intersect(target.get(name), cell.said)
            combinations.append(target)
        if len(self.weights) == 1:
            heard = [self.wood.heard(self._both(target), self.rows) for target in combinations]
            together = Heard(*(np.concatenate(part) for part in zip(*heard, strict=True)))
            log_p = np.asarray(logsumexp(self.wood.log_joint(together), axis=1))
            p = np.exp(self._minus(log_p))[None]
        else:
            p = np.exp(np.stack([self.log_probability(target) for target in combinations], axis=1))
        return p.reshape(len(self.weights), *(len(c) for c in cells.values()))

    def marginal(self, name: str) -> Marginal:
        said, variable = self.said.get(name), self.wood.codes[name]
        w = self.wood.others(name, self.heard)
        log_own = variable.log_prob(said)
        w = w * np.exp(log_own - log_own.max())
        return Marginal(variable, said, w / w.sum(axis=1, keepdims=True))

    def information(self, a: str, b: str) -> Information:
        """That of the codes: within them, two numbers are independent."""
        if a == b:
            raise QueryError(f"MI is of two different columns, and {a} is asked for twice")
        p = self.wood.pair(a, b, self.heard)
        px, py = p.sum(axis=1), p.sum(axis=0)
        some = p > 0
        nats = float((p[some] * (np.log(p[some]) - np.log(np.outer(px, py)[some]))).sum())
        variables = self.columns.variables
        entropy = tuple(None if variables[n].numeric else -float(xlogy(q, q).sum()) for n, q in ((a, px), (b, py)))
        return Information(max(nats, 0.0), entropy)

    def codes(self, z: Array, row: Array, rng: np.random.Generator) -> Array:
        """Codes of all columns drawn for parts z [n] of the rows of evidence ``row`` [n]."""
        return tree_sample(self.wood.forest, self.heard.codes[row], z, rng, self.heard.likelihood)
