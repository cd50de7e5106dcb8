"""K tables of level probabilities for each categorical column, smoothed by a symmetric Dirichlet prior."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from scipy.special import logsumexp

from ...data.block import Block
from ...data.source import Source
from ...kernels.parts import CategoricalPart, CategoricalSums
from ...typing import Array, Doubles, Floats
from .column import ColumnDistribution, Event, Levels
from .family import Cells, Family


class CategoricalParams(NamedTuple):
    """log p(column j has level c | k) [K, L], the levels of all columns side by side, L = Σ_j C_j."""

    log_p: Doubles


@dataclass(frozen=True, eq=False)
class CategoricalColumn(ColumnDistribution):
    """P(level | k)."""

    log_p: Doubles  # [K, C]
    continuous = False

    @property
    def K(self) -> int:  # type: ignore[override]
        return len(self.log_p)

    def log_prob(self, x: Array) -> Doubles:
        out: Doubles = self.log_p.T[np.asarray(x, dtype=np.int64)]
        return out

    def log_mass(self, event: Event) -> Doubles:
        assert isinstance(event, Levels)
        out: Doubles = np.asarray(logsumexp(self.log_p[:, list(event.codes)], axis=1))
        return np.minimum(out, 0.0)

    def sample(self, z: Array, rng: np.random.Generator, event: Event | None = None) -> Array:
        codes = np.arange(self.log_p.shape[1]) if event is None else np.array(event.codes)  # type: ignore[union-attr]
        cumulative = np.cumsum(np.exp(self.log_p[:, codes]), axis=1)  # [K, C]
        u = rng.random(len(z)) * cumulative[z, -1]
        at: Array = codes[np.minimum((cumulative[z] <= u[:, None]).sum(axis=1), len(codes) - 1)]
        return at

    def probabilities(self) -> Doubles:
        p: Doubles = np.exp(self.log_p)
        return p


@dataclass(frozen=True)
class Categorical(Family[CategoricalParams, CategoricalSums]):
    """p(x | k) = Π_j p_kj[x_j] over the observed codes; a gap (-1) contributes nothing.

    Column j has ``levels[j]`` levels and the prior p_kj ~ Dirichlet(1 + s / C_j, ...), as if ``smoothing`` = s more
    rows of each component had been spread evenly over its levels: no level is ever impossible, and the M-step
    p_kjc = (N_kjc + s / C_j) / (N_kj + s) still climbs (Murphy 2012, section 3.4).
    """

    levels: tuple[int, ...]
    smoothing: float = 1.0

    @cached_property
    def edges(self) -> Array:
        """Where each column's levels begin, and the end [c + 1]."""
        return np.concatenate([[0], np.cumsum(self.levels, dtype=np.int64)])

    @cached_property
    def prior(self) -> Doubles:
        """s / C_j for every level [L]."""
        return np.concatenate([np.zeros(0), *(np.full(C, self.smoothing / C) for C in self.levels)])

    def one_hot(self, block: Block) -> sp.csr_matrix:
        """The observed codes as a sparse indicator matrix [b, L]."""
        codes = block.codes
        assert codes is not None
        seen = codes >= 0
        ends = np.concatenate([[0], np.cumsum(seen.sum(axis=1))])
        at = (codes + self.edges[:-1])[seen]
        return sp.csr_matrix((np.ones(len(at)), at, ends), shape=(len(codes), int(self.edges[-1])))

    def blank(self, K: int, source: Source) -> CategoricalParams:
        log_p = -np.log(np.repeat(np.array(self.levels, dtype=np.float64), self.levels))
        return CategoricalParams(np.tile(log_p, (K, 1)))

    def log_prob(self, θ: CategoricalParams, block: Block) -> Floats:
        out: Doubles = self.one_hot(block) @ θ.log_p.T
        return out

    def stats(self, θ: CategoricalParams, block: Block, r: Floats) -> CategoricalSums:
        return CategoricalSums(np.ascontiguousarray((self.one_hot(block).T @ r).T))

    def update(self, t: CategoricalSums, θ: CategoricalParams) -> CategoricalParams:
        mass = t.counts + self.prior
        total = np.repeat(np.add.reduceat(mass, self.edges[:-1], axis=1), self.levels, axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            log_p = np.where(total > 0, np.log(mass / total), θ.log_p)  # nothing seen, nothing assumed: as it was
        return CategoricalParams(log_p)

    def sample(self, θ: CategoricalParams, z: Array, rng: np.random.Generator, out: Cells) -> None:
        for j in range(len(self.levels)):
            out.codes[:, j] = self.column(θ, j).sample(z, rng)

    def column(self, θ: CategoricalParams, j: int) -> CategoricalColumn:
        """P(x_j | k) of the j-th category."""
        return CategoricalColumn(θ.log_p[:, self.edges[j] : self.edges[j + 1]])

    def n_parameters(self, θ: CategoricalParams) -> int:
        return len(θ.log_p) * int(sum(self.levels) - len(self.levels))

    def expected(self, t: CategoricalSums, θ: CategoricalParams) -> float:
        some = t.counts > 0  # a level never seen may be impossible
        return float((t.counts[some] * θ.log_p[some]).sum())

    def line(self, a: CategoricalParams, b: CategoricalParams, t: float) -> CategoricalParams:
        with np.errstate(divide="ignore"):
            return CategoricalParams(np.log((1 - t) * np.exp(a.log_p) + t * np.exp(b.log_p)))

    def log_prior(self, θ: CategoricalParams) -> float:
        if self.smoothing == 0:
            return 0.0
        return float((θ.log_p @ self.prior).sum())

    def native(self, θ: CategoricalParams) -> CategoricalPart:
        c = len(self.levels)
        return CategoricalPart(np.arange(c, dtype=np.int32), np.array(self.levels, dtype=np.int32), θ.log_p)

    def cell_log_prob(self, θ: CategoricalParams, block: Block) -> list[Doubles]:
        """log p(x_ij | k) of each column [b, K]; a gap is 0."""
        assert block.codes is not None
        gap = np.zeros((len(θ.log_p), 1))  # where code -1 looks
        tables = [np.concatenate([θ.log_p[:, lo:hi], gap], axis=1) for lo, hi in pairwise(self.edges)]
        return [table[:, code].T for table, code in zip(tables, block.codes.T, strict=True)]

    def within(self, θ: CategoricalParams, π: Doubles) -> tuple[Doubles, Doubles]:
        """The means of each component, levels one-hot [K, L], and Σ_k π_k cov_k [L, L]."""
        p = np.exp(θ.log_p)
        covariance = np.diag(π @ p)
        for lo, hi in pairwise(self.edges):
            covariance[lo:hi, lo:hi] -= (p[:, lo:hi] * π[:, None]).T @ p[:, lo:hi]
        return p, covariance
