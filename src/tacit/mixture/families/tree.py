"""K trees over columns of codes: p(x | k) = Π_j p(x_j | x_parent(j), k), with tables smoothed by the whole table's.

A mixture of them has exact marginals, conditionals and draws, by messages along the edges (Meila and Jordan 2000).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple, Self

import numpy as np

from ...data.block import Block
from ...data.source import Source
from ...kernels.trees import Forest, tree_counts, tree_log_prob, tree_sample
from ...typing import Array, Doubles, Floats
from .categorical import Categorical, CategoricalColumn
from .family import Cells, Family


class TreeParams(NamedTuple):
    """Parents and tables of every tree; see ``kernels.trees.Forest`` for how tables stand in a row.

    ``prior`` is p(x_j = a, x_parent = b) in all rows, in the order of the tables: what they are smoothed towards.
    """

    parent: Array  # int32 [K, c], -1 for a root
    prior: Doubles  # [K, W]
    log_p: Doubles  # [K, W]


class TreeSums(NamedTuple):
    """Expected counts of the tables [K, W], and Σ r log p(observed cells | k)."""

    counts: Doubles
    log_prob: float


_MARGINALS: deque[tuple[Doubles, Doubles]] = deque(maxlen=4)  # tables, and what follows from them


@dataclass(frozen=True, eq=False)
class Tree(Family[TreeParams, TreeSums]):
    """A tree (or a forest) a component over all columns of codes; which tree is part of θ, and is learned elsewhere.

    Each table has the prior that ``smoothing`` = s more rows of each component had been drawn from all rows: a
    Dirichlet with s q(a, b) beside the expected counts, where q is the joint distribution of the two columns in all
    rows. It says the same of any tree (Meila and Jordan 2000, section 6.2), so that trees can be compared, and the
    M-step p(a | b) = (N_ab + s q_ab) / (N_b + s q_b) still climbs.
    """

    levels: tuple[int, ...]
    smoothing: float = 1.0
    centre: Doubles | None = None  # [L], the columns in all rows

    @cached_property
    def single(self) -> Categorical:
        """The same columns apart."""
        return Categorical(self.levels, self.smoothing, self.centre)

    @cached_property
    def edges(self) -> Array:
        """Where each column's levels begin, and the end [c + 1]."""
        return self.single.edges

    def over(self, source: Source) -> Self:
        return replace(self, centre=self.single.centred(source).centre)

    def forest(self, θ: TreeParams) -> Forest:
        """θ as the kernel reads it."""
        return Forest.of(self.levels, θ.parent, θ.log_p)

    def blank(self, K: int, source: Source) -> TreeParams:
        centre = self.centre if self.centre is not None else self.over(source).centre
        assert centre is not None
        apart = np.full((K, len(self.levels)), -1, np.int32)
        return TreeParams(apart, np.tile(centre, (K, 1)), np.log(np.tile(centre, (K, 1))))

    def _codes(self, block: Block) -> Array:
        assert block.codes is not None
        return block.codes[:, : len(self.levels)]

    def log_prob(self, θ: TreeParams, block: Block) -> Floats:
        return tree_log_prob(self.forest(θ), self._codes(block))

    def stats(self, θ: TreeParams, block: Block, r: Floats) -> TreeSums:
        counts, told = tree_counts(self.forest(θ), self._codes(block), np.asarray(r, np.float64))
        return TreeSums(counts, float(told.sum()))

    def update(self, t: TreeSums, θ: TreeParams) -> TreeParams:
        return θ._replace(log_p=self.tables(θ.parent, t.counts + self.smoothing * θ.prior, θ.log_p))

    def tables(self, parent: Array, mass: Doubles, old: Doubles) -> Doubles:
        """log p(a | b) in proportion to masses [K, W]; where there is none, as it was."""
        starts = row_starts(self.levels, parent, mass.shape[1])
        total = np.add.reduceat(mass.ravel(), starts)
        each = np.repeat(total, np.diff(starts, append=mass.size)).reshape(mass.shape)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(each > 0, np.maximum(np.log(mass / each), -700.0), old)

    def expected(self, t: TreeSums, θ: TreeParams) -> float:
        return float(np.einsum("kw,kw->", t.counts, θ.log_p))

    def hidden(self, t: TreeSums, θ: TreeParams) -> float:
        # Σ r H(x_missing | x_observed, k) = Σ r (log p(x_observed | k) - E[log p(x | k)])
        return t.log_prob - self.expected(t, θ)

    def line(self, a: TreeParams, b: TreeParams, t: float) -> TreeParams:
        if not np.array_equal(a.parent, b.parent):
            return b if t > 0 else a
        return b._replace(log_p=np.log((1 - t) * np.exp(a.log_p) + t * np.exp(b.log_p)))

    def log_prior(self, θ: TreeParams) -> float:
        return self.smoothing * float(np.einsum("kw,kw->", θ.prior, θ.log_p)) if self.smoothing else 0.0

    def together(self, each: list[TreeParams]) -> TreeParams:
        width = max(θ.log_p.shape[1] for θ in each)
        prior, log_p = (
            np.concatenate([np.pad(a, ((0, 0), (0, width - a.shape[1]))) for a in tables])
            for tables in ([θ.prior for θ in each], [θ.log_p for θ in each])
        )
        return TreeParams(np.concatenate([θ.parent for θ in each]), prior, log_p)

    def n_parameters(self, θ: TreeParams) -> int:
        C = np.array((*self.levels, 1))  # a root has one row
        return int(((C[:-1] - 1) * C[θ.parent]).sum())

    def sample(self, θ: TreeParams, z: Array, rng: np.random.Generator, out: Cells) -> None:
        none = np.full((len(z), len(self.levels)), -1, np.int32)
        out.codes[:, : len(self.levels)] = tree_sample(self.forest(θ), none, z, rng)

    def replace(self, θ: TreeParams, bad: Array, rows: Block, source: Source) -> TreeParams:
        return θ._replace(log_p=np.where(bad[:, None], np.log(self._prior_tables(θ)), θ.log_p))

    def _prior_tables(self, θ: TreeParams) -> Doubles:
        return np.exp(self.tables(θ.parent, θ.prior, θ.log_p))

    def marginals(self, θ: TreeParams) -> Doubles:
        """p(x_j = a | k) of every column [K, L]; kept for the last few θ."""
        known = next((out for log_p, out in _MARGINALS if log_p is θ.log_p), None)
        if known is None:
            known = self._marginals(θ)
            _MARGINALS.appendleft((θ.log_p, known))
        return known

    def _marginals(self, θ: TreeParams) -> Doubles:
        forest, e = self.forest(θ), self.edges
        out = np.empty((len(θ.parent), e[-1]))
        starts = table_starts(self.levels, θ.parent)
        for k, order in enumerate(forest.order):
            for j in order:
                C, pa, s = self.levels[j], θ.parent[k, j], starts[k, j]
                if pa < 0:
                    out[k, e[j] : e[j + 1]] = forest.p[k, s : s + C]
                else:
                    table = forest.p[k, s : s + self.levels[pa] * C].reshape(-1, C)
                    out[k, e[j] : e[j + 1]] = out[k, e[pa] : e[pa + 1]] @ table
        return out

    def given(self, θ: TreeParams, likelihood: Doubles) -> TreeParams:
        """The trees given how likely what is said is for every level [L]: p(x | e, k) has the same parents.

        p(a | b, e) is in proportion to p(a | b) λ(a) Π m(a), with the messages m from the children of j.
        """
        forest, e, starts = self.forest(θ), self.edges, table_starts(self.levels, θ.parent)
        p = forest.p.copy()
        for k, order in enumerate(forest.order):
            inside = likelihood.astype(np.float64).copy()
            for j in order[::-1]:
                C, pa, s = self.levels[j], θ.parent[k, j], starts[k, j]
                B = 1 if pa < 0 else self.levels[pa]
                table = p[k, s : s + B * C].reshape(B, C)
                table *= inside[e[j] : e[j + 1]]  # in place, so in p
                if pa >= 0:
                    inside[e[pa] : e[pa + 1]] *= table.sum(axis=1)
                    inside[e[pa] : e[pa + 1]] /= max(inside[e[pa] : e[pa + 1]].max(), 1e-300)
        return θ._replace(log_p=self.tables(θ.parent, p, θ.log_p))

    def column(self, θ: TreeParams, j: int) -> CategoricalColumn:
        """P(x_j | k) of the j-th column."""
        with np.errstate(divide="ignore"):
            return CategoricalColumn(np.log(self.marginals(θ)[:, self.edges[j] : self.edges[j + 1]]))

    def within(self, θ: TreeParams, π: Doubles) -> tuple[Doubles, Doubles]:
        """The means of each component, levels one-hot [K, L], and Σ_k π_k cov_k [L, L], columns taken apart."""
        with np.errstate(divide="ignore"):
            return self.single.within(self.single.blank(0, None)._replace(log_p=np.log(self.marginals(θ))), π)  # type: ignore[arg-type]


def table_starts(levels: tuple[int, ...], parent: Array) -> Array:
    """Where the table of each column begins in its component's row [K, c]; the last column is the row's length."""
    C = np.array((*levels, 1), np.int64)
    cells = C[:-1] * C[parent]  # a root's parent is -1, the one row at the end
    return np.concatenate([np.zeros((len(parent), 1), np.int64), np.cumsum(cells, axis=1)], axis=1)


def row_starts(levels: tuple[int, ...], parent: Array, width: int) -> Array:
    """Where each row p(. | b) begins among all K width numbers; what is left of a component's row is one more."""
    C = np.array((*levels, 1), np.int64)
    many = C[parent]  # rows of each table [K, c]
    at = table_starts(levels, parent)
    base = np.repeat((at[:, :-1] + width * np.arange(len(parent))[:, None]).ravel(), many.ravel())
    b = np.arange(len(base)) - np.repeat(np.cumsum(many.ravel()) - many.ravel(), many.ravel())
    each = base + b * np.repeat(np.tile(C[:-1], len(parent)), many.ravel())
    rest = (at[:, -1] + width * np.arange(len(parent)))[at[:, -1] < width]
    return np.sort(np.concatenate([each, rest]))
