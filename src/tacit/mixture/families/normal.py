"""Independent normal cells: a mean and a variance for each numeric column, gaps skipped, variances bounded below."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ...data.block import Block
from ...data.source import Source
from ...typing import Array, Doubles, Floats
from .family import Cells, Family


class NormalParams(NamedTuple):
    """Means and variances [K, d]."""

    mean: Doubles
    var: Doubles


class NormalStats(NamedTuple):
    """Sums over observed cells about the means [K, d]: Σ r, Σ r (x - μ), Σ r (x - μ)²."""

    counts: Doubles
    first: Doubles
    second: Doubles


@dataclass(frozen=True, eq=False)
class Normal(Family[NormalParams, NormalStats]):
    """p(x | k) = Π_j N(x_j; μ_kj, v_kj) over the observed cells, with v_kj >= ``floor``_j.

    Each variance has the prior v^(-ν/2) exp(-ν s_j / 2v), as if ν = ``smoothing`` more rows of each component lay a
    squared distance s_j = ``spread``_j from its mean; the M-step is v = max((S + ν s) / (N + ν), floor). The bound
    makes it a constrained maximum: the objective never falls and is bounded above, which the likelihood of a free
    normal mixture is not (Hathaway 1985). ``centre`` [d] is subtracted first: in float64 and with v >= floor, the loss
    by multiplying squares out is below (range² / floor) · 1e-16.
    """

    centre: Doubles  # [d]
    floor: Doubles  # [d]
    spread: Doubles  # [d]
    smoothing: float = 0.0

    def _cells(self, block: Block) -> tuple[Doubles, Doubles]:
        x = block.x - self.centre
        gap = np.isnan(x)
        return np.where(gap, 0.0, x), (~gap).astype(np.float64)

    def blank(self, K: int, source: Source) -> NormalParams:
        return NormalParams(np.tile(self.centre, (K, 1)), np.tile(np.maximum(10 * self.spread, self.floor), (K, 1)))

    def log_prob(self, θ: NormalParams, block: Block) -> Floats:
        x, seen = self._cells(block)
        μ, λ = θ.mean - self.centre, 1 / θ.var
        # -½ [log 2πv + (x - μ)² / v], the square multiplied out so that K is the side of a matrix product
        quadratic: Doubles = (x * x) @ λ.T - 2 * (x @ (μ * λ).T) + seen @ (μ * μ * λ + np.log(2 * np.pi * θ.var)).T
        return -0.5 * quadratic

    def stats(self, θ: NormalParams, block: Block, r: Floats) -> NormalStats:
        x, seen = self._cells(block)
        N, s, ss = r.T @ seen, r.T @ x, r.T @ (x * x)
        shift = θ.mean - self.centre
        return NormalStats(N, s - N * shift, ss - shift * (2 * s - N * shift))

    def update(self, t: NormalStats, θ: NormalParams) -> NormalParams:
        some = t.counts > 1e-12  # else the column says nothing about the component, which keeps its place
        N = np.where(some, t.counts, 1.0)
        m = t.first / N  # of x - μ
        v = (t.second - t.first * m + self.smoothing * self.spread) / (N + self.smoothing)
        v = np.maximum(v, self.floor)
        return NormalParams(np.where(some, θ.mean + m, θ.mean), np.where(some, v, θ.var))

    def sample(self, θ: NormalParams, z: Array, rng: np.random.Generator, out: Cells) -> None:
        out.numbers[:] = rng.normal(θ.mean[z], np.sqrt(θ.var[z]))

    def n_parameters(self, θ: NormalParams) -> int:
        return 2 * θ.mean.size

    def log_prior(self, θ: NormalParams) -> float:
        return -0.5 * self.smoothing * float((np.log(θ.var) + self.spread / θ.var).sum()) if self.smoothing else 0.0

    def replace(self, θ: NormalParams, bad: Array, rows: Block, source: Source) -> NormalParams:
        blank = self.blank(len(bad), source)
        x = np.where(np.isnan(rows.x), blank.mean, rows.x)
        return NormalParams(np.where(bad[:, None], x, θ.mean), np.where(bad[:, None], blank.var, θ.var))
