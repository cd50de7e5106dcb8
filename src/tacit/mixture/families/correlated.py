"""One block of columns with a full covariance in each component; gaps by patterns of gaps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self

import numpy as np

from ... import kernels
from ...data.block import Block
from ...data.source import Source
from ...decomposition.observed import ExpectedSums, expected_sums, gains, log_prob_observed
from ...kernels.parts import GaussianPart, GaussianSums
from ...typing import Array, Doubles, Floats
from .column import ColumnDistribution
from .family import Cells, Family
from .normal import HALF_LOG_2PI, NormalColumn, moments

LEAST = 1e-4  # rows of the prior on covariances where ``smoothing`` is 0, so that none is singular


class CorrelatedParams(NamedTuple):
    """Means [K, d] and covariances [K, d, d]."""

    mean: Doubles
    covariance: Doubles


@dataclass(frozen=True, eq=False)
class Correlated(Family[CorrelatedParams, Any]):
    """p(x | k) = N(x_o; μ_ko, Σ_k,oo) over the observed cells o of the columns ``at``.

    Rows with the same gaps are worked on together: the E-step needs E[x_m | x_o, k] and Cov[x_m | x_o, k] of the cells
    that are missing (Little and Rubin 2002, section 11.2; Ghahramani and Jordan 1994, equation 12), one Cholesky factor
    for each pattern. The M-step is Σ = (S + ν diag s) / (N + ν), ν = ``smoothing`` and s a tenth of the columns'
    variances: the prior |Σ|^(-ν/2) exp(-ν tr(Σ⁻¹ diag s) / 2).
    """

    at: tuple[int, ...]
    overall: Doubles  # [d], means of all rows
    var: Doubles  # [d]
    step: Doubles  # [d]
    reg: float
    smoothing: float
    gaps: bool = True  # whether the rows at hand have any

    @classmethod
    def of(cls, source: Source, at: tuple[int, ...], step: Doubles, reg: float, smoothing: float) -> Self:
        """The family for these rows."""
        none = np.zeros(len(at))
        return cls(at, none, none, step, reg, smoothing).over(source)

    def over(self, source: Source) -> Self:
        mean, var = (v[list(self.at)] for v in moments(source))
        return replace(self.reading(source), overall=mean, var=var)

    def reading(self, source: Source) -> Self:
        return replace(self, gaps=bool(source.reduce(lambda b: np.isnan(self._x(b)).any(), merge=np.logical_or)))

    @property
    def ν(self) -> float:
        """Rows of the prior."""
        return max(self.smoothing, LEAST)

    @property
    def spread(self) -> Doubles:
        """s [d]."""
        tiny = np.where(self.overall != 0, 1e-12 * self.overall**2, 1e-12)
        least = np.maximum(self.reg * self.var, self.step**2 / (2 * np.pi))
        return np.maximum(np.maximum(0.1 * self.var, least), np.where(self.var > 0, 0.0, tiny))

    def _x(self, block: Block) -> Doubles:
        return np.asarray(block.x[:, list(self.at)], np.float64)

    def blank(self, K: int, source: Source) -> CorrelatedParams:
        scatter = np.diag(np.maximum(self.var, self.spread))
        return CorrelatedParams(np.tile(self.overall, (K, 1)), np.tile(scatter, (K, 1, 1)))

    def log_prob(self, θ: CorrelatedParams, block: Block) -> Floats:
        return log_prob_observed(θ.covariance, θ.mean, self._x(block))

    def stats(self, θ: CorrelatedParams, block: Block, r: Floats) -> ExpectedSums:
        return expected_sums(θ.covariance, θ.mean, self._x(block), r)

    def update(self, t: GaussianSums | ExpectedSums, θ: CorrelatedParams) -> CorrelatedParams:
        some = t.counts > 1e-12
        N = np.where(some, t.counts, 1.0)[:, None]
        m = t.first / N  # of x - μ
        S = t.second - t.first[:, :, None] * m[:, None, :]
        Σ = (S + self.ν * np.diag(self.spread)) / (N + self.ν)[:, :, None]
        Σ = 0.5 * (Σ + np.swapaxes(Σ, 1, 2))
        return CorrelatedParams(
            np.where(some[:, None], θ.mean + m, θ.mean), np.where(some[:, None, None], Σ, θ.covariance)
        )

    def expected(self, t: GaussianSums | ExpectedSums, θ: CorrelatedParams) -> float:
        A = inverse_factor(θ.covariance)
        constant = np.log(np.diagonal(A, axis1=1, axis2=2)).sum(axis=1) - θ.mean.shape[1] * HALF_LOG_2PI
        return float((t.counts * constant).sum() - 0.5 * kernels.quadratics(A, t.second).sum())

    def hidden(self, t: GaussianSums | ExpectedSums, θ: CorrelatedParams) -> float:
        return float(t.hidden.sum()) if isinstance(t, ExpectedSums) else 0.0

    def about(self, t: Any, old: CorrelatedParams, new: CorrelatedParams) -> Any:
        return t.moved(new.mean - old.mean)

    def sample(self, θ: CorrelatedParams, z: Array, rng: np.random.Generator, out: Cells) -> None:
        noise = rng.standard_normal((len(z), len(self.at)))
        L = np.linalg.cholesky(θ.covariance)
        out.numbers[:, list(self.at)] = θ.mean[z] + np.einsum("nij,nj->ni", L[z], noise)

    def n_parameters(self, θ: CorrelatedParams) -> int:
        K, d = θ.mean.shape
        return int(K * (d + d * (d + 1) // 2))

    def log_prior(self, θ: CorrelatedParams) -> float:
        A = inverse_factor(θ.covariance)
        log_det = -2 * np.log(np.diagonal(A, axis1=1, axis2=2)).sum()
        trace = (A**2 * self.spread).sum()  # tr(Σ⁻¹ diag s), Σ⁻¹ = AᵀA
        return -0.5 * self.ν * float(log_det + trace)

    def broken(self, θ: CorrelatedParams, K: int) -> Array:
        return np.asarray(~np.isfinite(inverse_factor(θ.covariance)).all(axis=(1, 2)))

    def replace(self, θ: CorrelatedParams, bad: Array, rows: Block, source: Source) -> CorrelatedParams:
        blank, x = self.blank(len(bad), source), self._x(rows)
        mean = np.where(np.isnan(x), blank.mean, x)
        return CorrelatedParams(
            np.where(bad[:, None], mean, θ.mean), np.where(bad[:, None, None], blank.covariance, θ.covariance)
        )

    def native(self, θ: CorrelatedParams) -> GaussianPart | None:
        if self.gaps:
            return None
        return GaussianPart("full", np.array(self.at, np.int32), θ.mean, inverse_factor(θ.covariance))

    def column(self, θ: CorrelatedParams, j: int) -> ColumnDistribution:
        """p(x_j | k) of the j-th number of the block."""
        return NormalColumn(θ.mean[:, j], np.sqrt(θ.covariance[:, j, j]))

    def pick(self, θ: CorrelatedParams, js: list[int], at: tuple[int, ...]) -> tuple[Correlated, CorrelatedParams]:
        """The same for some of its columns, at new positions."""
        mine = replace(self, at=at, overall=self.overall[js], var=self.var[js], step=self.step[js])
        return mine, CorrelatedParams(θ.mean[:, js], θ.covariance[:, js][:, :, js])

    def given(self, θ: CorrelatedParams, js: list[int], x: Doubles) -> tuple[Doubles, CorrelatedParams]:
        """log p(x_js | k) [K], and the block given that, over the same columns."""
        o = np.array(js)
        rest = np.setdiff1d(np.arange(len(self.at)), o)
        gain, left = regression(θ.covariance, o, rest)
        v = x - θ.mean[:, o]
        A = inverse_factor(θ.covariance[:, o][:, :, o])
        y = np.einsum("kij,kj->ki", A, v)
        log_p = np.log(np.diagonal(A, axis1=1, axis2=2)).sum(axis=1) - len(o) * HALF_LOG_2PI - 0.5 * (y * y).sum(axis=1)
        mean, covariance = θ.mean.copy(), θ.covariance.copy()
        mean[:, rest] += np.einsum("kro,ko->kr", gain, v)
        covariance[np.ix_(np.arange(len(mean)), rest, rest)] = left
        return log_p, CorrelatedParams(mean, covariance)

    def within(self, θ: CorrelatedParams, π: Doubles) -> tuple[Doubles, Doubles]:
        """The means of each component [K, d] and Σ_k π_k cov_k [d, d]."""
        return θ.mean, np.einsum("k,kij->ij", π, θ.covariance)


def inverse_factor(covariance: Doubles) -> Doubles:
    """A = L⁻¹ of Σ = LLᵀ [K, d, d]."""
    return kernels.inverse_cholesky(covariance)[0]


def regression(covariance: Doubles, o: Array, m: Array) -> tuple[Doubles, Doubles]:
    """Σ_mo Σ_oo⁻¹ [K, m, o] and Σ_mm - Σ_mo Σ_oo⁻¹ Σ_om [K, m, m] (Bishop 2006, equations 2.81 and 2.82)."""
    gain = gains(covariance, o, m)
    return gain, covariance[:, m[:, None], m] - gain @ covariance[:, o[:, None], m]
