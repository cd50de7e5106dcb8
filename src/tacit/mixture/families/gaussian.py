"""K Gaussians with full, tied, diagonal or spherical covariances (Bishop 2006, sections 2.3 and 9.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from ... import kernels
from ...data.block import Block
from ...data.source import Source
from ...decomposition.observed import ExpectedSums, expected_sums, log_prob_observed
from ...kernels.parts import GaussianPart, GaussianSums
from ...typing import Array, Doubles, Floats
from .family import Cells, Family

CovarianceType = Literal["full", "tied", "diag", "spherical"]
LOG_2PI = float(np.log(2 * np.pi))


class GaussianParams(NamedTuple):
    """Means [K, d] and covariances: [K, d, d] full, [d, d] tied, [K, d] diagonal, [K] spherical."""

    means: Doubles
    covariances: Doubles
    factor: Doubles  # A with AᵀA = Σ⁻¹, lower triangular or 1/σ; shape of the covariances
    ridge: Doubles  # [K], added to the diagonal beyond reg_covar where Σ was singular, relative to its mean diagonal


@dataclass(frozen=True)
class Gaussian(Family[GaussianParams, Any]):
    """K Gaussians over the numeric ``columns`` (all when None).

    With ε = ``reg_covar`` the M-step is Σ_k = S_k / N_k + εI, scikit-learn's, which maximises
    Σ_i log Σ_k π_k N(x_i; μ_k, Σ_k) exp(-½ ε tr Σ_k⁻¹): ``penalty`` is the exponent. Diagonal and spherical covariances
    skip gaps cell by cell; full and tied ones, with ``gaps``, take rows by their pattern of gaps, and the sums
    hold what is expected of the missing cells (Ghahramani and Jordan 1994).
    """

    covariance_type: CovarianceType = "full"
    reg_covar: float = 1e-6
    columns: tuple[int, ...] | None = None
    gaps: bool = False

    @property
    def matrix(self) -> bool:
        """Whether covariances are matrices."""
        return self.covariance_type in ("full", "tied")

    def blank(self, K: int, source: Source) -> GaussianParams:
        mean, variance = self._overall(source)
        means = np.tile(mean, (K, 1))
        if self.covariance_type == "full":
            covariances = np.tile(np.diag(variance), (K, 1, 1))
        elif self.covariance_type == "tied":
            covariances = np.diag(variance)
        else:
            covariances = np.tile(variance, (K, 1))
        if self.covariance_type == "spherical":
            covariances = covariances.mean(axis=1)
        return self.params(means, covariances)

    def params(self, means: Doubles, covariances: Doubles) -> GaussianParams:
        """θ with the factors of the covariances; a singular one gets a ridge, and ``ridge`` says how much."""
        K, d = means.shape
        if self.matrix:
            stack = covariances.reshape(-1, d, d)
            factor, ridge = kernels.inverse_cholesky(stack)
            covariances = covariances + (ridge[:, None, None] * np.eye(d)).reshape(covariances.shape[-3:])
            return GaussianParams(
                means, covariances, factor.reshape(covariances.shape), np.broadcast_to(ridge, K).copy()
            )
        each = covariances.reshape(K, -1)
        scale = each.max(axis=1)
        ridge = np.where(each.min(axis=1) <= scale * 1e-14, scale * 1e-6, 0.0)  # a constant column, and no reg_covar
        covariances = covariances + (ridge[:, None] if covariances.ndim == 2 else ridge)
        with np.errstate(divide="ignore"):
            return GaussianParams(means, covariances, 1 / np.sqrt(covariances), ridge)

    def from_factor(self, means: Doubles, factor: Doubles) -> GaussianParams:
        """θ from given A, AᵀA = Σ⁻¹."""
        if self.matrix:
            inverse = np.linalg.inv(factor)
            covariances = np.asarray(inverse @ np.swapaxes(inverse, -1, -2), dtype=np.float64)
        else:
            covariances = 1 / factor**2
        return GaussianParams(means, covariances, factor, np.zeros(len(means)))

    def log_prob(self, θ: GaussianParams, block: Block) -> Floats:
        if self.matrix and self.gaps:
            return log_prob_observed(self.dense(θ), θ.means, self._x(block))
        v = self._centred(θ, block)  # [K, b, d]
        if self.matrix:
            y = v @ np.swapaxes(θ.factor, -1, -2)
            constant = self._log_det(θ) - 0.5 * v.shape[2] * LOG_2PI
            quadratic: Doubles = (y * y).sum(axis=2)
            joint: Doubles = constant[:, None] - 0.5 * quadratic
            return joint.T
        a = θ.factor.reshape(len(θ.means), 1, -1)
        cells: Doubles = np.log(a) - 0.5 * LOG_2PI - 0.5 * (v * a) ** 2
        seen: Doubles = np.where(np.isnan(v), 0.0, cells).sum(axis=2)
        return seen.T

    def stats(self, θ: GaussianParams, block: Block, r: Floats) -> GaussianSums | ExpectedSums:
        if self.matrix and self.gaps:
            sums = expected_sums(self.dense(θ), θ.means, self._x(block), r)
            return sums if θ.factor.ndim == 3 else sums._replace(second=sums.second.sum(axis=0))
        v = self._centred(θ, block)
        if self.matrix:
            rv = r.T[:, :, None] * v
            second = np.swapaxes(rv, 1, 2) @ v
            return GaussianSums(r.sum(axis=0), rv.sum(axis=1), second if θ.factor.ndim == 3 else second.sum(axis=0))
        seen = ~np.isnan(v)
        v, rs = np.where(seen, v, 0.0), r.T[:, :, None] * seen
        return GaussianSums(rs.sum(axis=1), (rs * v).sum(axis=1), (rs * v * v).sum(axis=1))

    def update(self, t: GaussianSums | ExpectedSums, θ: GaussianParams) -> GaussianParams:
        d, ε = θ.means.shape[1], self.reg_covar
        N = np.maximum(t.counts, np.finfo(float).tiny)
        m = t.first / (N[:, None] if N.ndim == 1 else N)  # of x - μ_k
        means = θ.means + m
        if self.covariance_type == "full":
            covariances = t.second / N[:, None, None] - m[:, :, None] * m[:, None, :] + ε * np.eye(d)
        elif self.covariance_type == "tied":
            between = (t.first[:, :, None] * m[:, None, :]).sum(axis=0)
            covariances = (t.second - between) / N.sum() + ε * np.eye(d)
        elif self.covariance_type == "diag":
            covariances = np.maximum(t.second / N - m * m, 0.0) + ε
        else:
            covariances = np.maximum(t.second - t.first * m, 0.0).sum(axis=1) / N.sum(axis=1) + ε
        return self.params(means, covariances)

    def expected(self, t: GaussianSums | ExpectedSums, θ: GaussianParams) -> float:
        # Σ_k N_k (½ log |Σ_k⁻¹| - ½ d log 2π) - ½ tr(Σ_k⁻¹ S_k), S_k about μ_k
        K, d = θ.means.shape
        if self.matrix:
            quadratic = kernels.quadratics(θ.factor.reshape(-1, d, d), t.second.reshape(-1, d, d)).sum()
            return float((t.counts * (self._log_det(θ) - 0.5 * d * LOG_2PI)).sum() - 0.5 * quadratic)
        a = np.broadcast_to(θ.factor.reshape(K, -1), (K, d))
        return float((t.counts * (np.log(a) - 0.5 * LOG_2PI) - 0.5 * t.second * a * a).sum())

    def hidden(self, t: GaussianSums | ExpectedSums, θ: GaussianParams) -> float:
        return float(t.hidden.sum()) if isinstance(t, ExpectedSums) else 0.0

    def about(self, t: Any, old: GaussianParams, new: GaussianParams) -> Any:
        return t.moved(new.means - old.means)

    def line(self, a: GaussianParams, b: GaussianParams, t: float) -> GaussianParams:
        means, factor = ((1 - t) * u + t * v for u, v in ((a.means, b.means), (a.factor, b.factor)))
        return self.from_factor(means, factor)

    def penalty(self, θ: GaussianParams) -> Doubles:
        trace = θ.factor**2  # of Σ⁻¹, once summed over the last axes
        if self.covariance_type == "spherical":
            trace = trace[:, None] * θ.means.shape[1]
        each = trace.sum(axis=(-2, -1) if self.matrix else -1)
        return np.broadcast_to(-0.5 * self.reg_covar * each, len(θ.means))

    def sample(self, θ: GaussianParams, z: Array, rng: np.random.Generator, out: Cells) -> None:
        where = slice(None) if self.columns is None else list(self.columns)
        noise = rng.standard_normal((len(z), θ.means.shape[1]))
        if self.matrix:
            L = np.linalg.inv(θ.factor).reshape(-1, *θ.factor.shape[-2:])
            for k in np.unique(z):
                rows = z == k
                noise[rows] = noise[rows] @ L[k if len(L) > 1 else 0].T
        else:
            noise *= np.sqrt(θ.covariances).reshape(len(θ.means), -1)[z]
        out.numbers[:, where] = θ.means[z] + noise

    def n_parameters(self, θ: GaussianParams) -> int:
        K, d = θ.means.shape
        scatter = {"full": K * d * (d + 1) // 2, "tied": d * (d + 1) // 2, "diag": K * d, "spherical": K}
        return int(K * d + scatter[self.covariance_type])

    def broken(self, θ: GaussianParams, K: int) -> Array:
        fine = np.isfinite(θ.factor).reshape(len(θ.factor) if self.covariance_type != "tied" else 1, -1).all(axis=1)
        return np.broadcast_to(~fine, K)

    def replace(self, θ: GaussianParams, bad: Array, rows: Block, source: Source) -> GaussianParams:
        blank = self.blank(len(bad), source)
        x = np.asarray(self._x(rows), dtype=np.float64)
        return self.swap(θ, blank._replace(means=np.where(np.isnan(x), blank.means, x)), bad)

    def swap(self, θ: GaussianParams, other: GaussianParams, which: Array) -> GaussianParams:
        """θ with the components ``which`` [K] of another; a tied covariance is exchanged only if it is broken."""
        means = np.where(which[:, None], other.means, θ.means)
        if self.covariance_type == "tied":
            return (other if self.broken(θ, 1)[0] else θ)._replace(means=means)
        rows = which.reshape(-1, *[1] * (θ.factor.ndim - 1))
        covariances = np.where(rows, other.covariances, θ.covariances)
        return GaussianParams(
            means, covariances, np.where(rows, other.factor, θ.factor), np.where(which, other.ridge, θ.ridge)
        )

    def around(self, means: Doubles, source: Source) -> GaussianParams:
        """θ with these means and covariances εI, or as narrow as the data allow where ε = 0."""
        K, d = means.shape
        shape = {"full": (K, d, d), "tied": (d, d), "diag": (K, d), "spherical": (K,)}[self.covariance_type]
        variance = self.reg_covar or 1e-6 * float(self._overall(source)[1].mean())
        return self.from_factor(means, np.broadcast_to(np.eye(d) if self.matrix else 1.0, shape) / np.sqrt(variance))

    def marginal(self, θ: GaussianParams, columns: Sequence[int]) -> GaussianParams:
        """p(x_c | k): the same Gaussians over fewer columns (Bishop 2.98)."""
        c = list(columns)
        means = θ.means[:, c]
        if self.matrix:
            return self.params(means, θ.covariances[..., c, :][..., c])
        return self.params(means, θ.covariances[:, c] if self.covariance_type == "diag" else θ.covariances)

    def conditional(self, θ: GaussianParams, given: Sequence[int], x: Floats) -> tuple[Doubles, Doubles]:
        """p(x_u | x_g, k) for the other columns u (Bishop 2.81, 2.82): means [b, K, u] and covariances [K, u, u].

        ``x`` [b, g] holds the values of the columns ``given``.
        """
        K, d = θ.means.shape
        g = list(given)
        u = [j for j in range(d) if j not in set(g)]
        covariances = self.dense(θ)
        Σgg, Σug = covariances[:, g][:, :, g], covariances[:, u][:, :, g]
        gain = np.swapaxes(np.linalg.solve(Σgg, np.swapaxes(Σug, 1, 2)), 1, 2) if g else np.zeros((K, len(u), 0))
        v = np.asarray(x, dtype=np.float64)[:, None, :] - θ.means[:, g]
        means = θ.means[:, u] + np.einsum("kug,bkg->bku", gain, v)
        return means, covariances[:, u][:, :, u] - gain @ np.swapaxes(Σug, 1, 2)

    def dense(self, θ: GaussianParams) -> Doubles:
        """The covariances as matrices [K, d, d]."""
        K, d = θ.means.shape
        if self.matrix:
            return np.broadcast_to(θ.covariances, (K, d, d))
        return np.broadcast_to(θ.covariances.reshape(K, -1), (K, d))[:, :, None] * np.eye(d)

    def dense_precision(self, θ: GaussianParams) -> Doubles:
        """Σ_k⁻¹: [K, d, d], or its diagonal [K, d] where it has no more."""
        K, d = θ.means.shape
        if self.matrix:
            return np.broadcast_to(np.swapaxes(θ.factor, -1, -2) @ θ.factor, (K, d, d))
        return np.broadcast_to((θ.factor**2).reshape(K, -1), (K, d))

    def native(self, θ: GaussianParams) -> GaussianPart | None:
        if self.matrix and self.gaps:
            return None
        d = θ.means.shape[1]
        columns = np.arange(d) if self.columns is None else np.array(self.columns)
        factor = θ.factor if self.covariance_type != "spherical" else np.repeat(θ.factor[:, None], d, axis=1)
        kind = self.covariance_type if self.covariance_type != "spherical" else "diag"
        return GaussianPart(kind, columns.astype(np.int32), θ.means, factor)

    def _x(self, block: Block) -> Floats:
        return block.x if self.columns is None else block.x[:, list(self.columns)]

    def _centred(self, θ: GaussianParams, block: Block) -> Doubles:
        return np.asarray(self._x(block), dtype=np.float64)[None] - θ.means[:, None]

    def _log_det(self, θ: GaussianParams) -> Doubles:
        """½ log |Σ⁻¹| [K]; of the shared matrix when tied."""
        diagonal = np.diagonal(θ.factor, axis1=-2, axis2=-1)
        return np.broadcast_to(np.log(diagonal).sum(axis=-1), len(θ.means))

    def _overall(self, source: Source) -> tuple[Doubles, Doubles]:
        """Mean and variance of each column over its observed cells [d], and never a variance of zero."""

        def sums(block: Block, about: Doubles) -> tuple[Doubles, Doubles, Doubles]:
            v = np.asarray(self._x(block), dtype=np.float64) - about
            w = block.w[:, None] * ~np.isnan(v)
            v = np.where(np.isnan(v), 0.0, v)
            return w.sum(axis=0), (w * v).sum(axis=0), (w * v * v).sum(axis=0)

        rows = 65536
        d = source.shape[1] if self.columns is None else len(self.columns)
        n, s, _ = source.reduce(lambda block: sums(block, np.zeros(d)), rows=rows)
        mean = s / np.maximum(n, np.finfo(float).tiny)
        n, s, ss = source.reduce(lambda block: sums(block, mean), rows=rows)
        n = np.maximum(n, np.finfo(float).tiny)
        variance = ss / n - (s / n) ** 2
        largest = variance.max(initial=0.0)
        return mean, np.maximum(variance + self.reg_covar, 1e-12 * largest if largest > 0 else 1.0)
