"""K tables of level probabilities for each categorical column, smoothed by a symmetric Dirichlet prior."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple, Self

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
    def K(self) -> int:
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


def one_hot(codes: Array, sizes: tuple[int, ...]) -> sp.csr_matrix:
    """Codes [b, c] as a sparse indicator matrix [b, Σ sizes]; a gap (negative) has no entry."""
    begin = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
    seen = codes >= 0
    ends = np.concatenate([[0], np.cumsum(seen.sum(axis=1))])
    at = (codes + begin[:-1])[seen]
    return sp.csr_matrix((np.ones(len(at)), at, ends), shape=(len(codes), int(begin[-1])))


@dataclass(frozen=True, eq=False)
class Categorical(Family[CategoricalParams, CategoricalSums]):
    """p(x | k) = Π_j p_kj[x_j] over the observed codes; a gap (-1) contributes nothing.

    Column j has ``levels[j]`` levels and the prior p_kj ~ Dirichlet(1 + s q_j), as if ``smoothing`` = s more rows of
    each component had been like q_j: the column in all rows and one more row, spread evenly; 1 / C_j for each level
    where no ``centre`` is given. No level is ever impossible, and the M-step p_kjc = (N_kjc + s q_jc) / (N_kj + s)
    still climbs (Murphy 2012, section 3.4). The columns are the first ones of the codes.
    """

    levels: tuple[int, ...]
    smoothing: float = 1.0
    centre: Doubles | None = None  # [L], q

    @cached_property
    def edges(self) -> Array:
        """Where each column's levels begin, and the end [c + 1]."""
        return np.concatenate([[0], np.cumsum(self.levels, dtype=np.int64)])

    @cached_property
    def prior(self) -> Doubles:
        """s q_j for every level [L]."""
        if self.centre is not None:
            return self.smoothing * self.centre
        return np.concatenate([np.zeros(0), *(np.full(C, self.smoothing / C) for C in self.levels)])

    def over(self, source: Source) -> Self:
        return self if self.centre is None else self.centred(source)

    def centred(self, source: Source) -> Self:
        """The same with priors about what the columns are like in these rows."""

        def counts(block: Block) -> Doubles:
            out: Doubles = np.asarray(self.one_hot(block).T @ block.w)
            return out

        n = source.reduce(counts, rows=65536)
        each = np.split(n, self.edges[1:-1])
        return replace(self, centre=np.concatenate([(c + 1 / len(c)) / (c.sum() + 1) for c in each]))

    def one_hot(self, block: Block) -> sp.csr_matrix:
        """The observed codes as a sparse indicator matrix [b, L]."""
        assert block.codes is not None
        return one_hot(block.codes[:, : len(self.levels)], self.levels)

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
        with np.errstate(invalid="ignore"):
            whole = float(np.einsum("kl,kl->", t.counts, θ.log_p))  # no BLAS inside an iteration
        if np.isfinite(whole):
            return whole
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

    def pick(self, θ: CategoricalParams, js: list[int], at: tuple[int, ...]) -> tuple[Categorical, CategoricalParams]:
        """The same for some of its columns."""
        keep = np.concatenate([np.arange(self.edges[j], self.edges[j + 1]) for j in js])
        centre = None if self.centre is None else self.centre[keep]
        mine = replace(self, levels=tuple(self.levels[j] for j in js), centre=centre)
        return mine, CategoricalParams(θ.log_p[:, keep])

    def within(self, θ: CategoricalParams, π: Doubles) -> tuple[Doubles, Doubles]:
        """The means of each component, levels one-hot [K, L], and Σ_k π_k cov_k [L, L]."""
        p = np.exp(θ.log_p)
        covariance = np.diag(π @ p)
        for lo, hi in pairwise(self.edges):
            covariance[lo:hi, lo:hi] -= (p[:, lo:hi] * π[:, None]).T @ p[:, lo:hi]
        return p, covariance
