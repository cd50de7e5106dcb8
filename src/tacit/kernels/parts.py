"""The parts that a native mixture is made of, as the kernel reads them, and the sums that it returns for each."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

from ..typing import Array, Doubles


class GaussianPart(NamedTuple):
    """K Gaussians over some numeric columns; A_kᵀ A_k = Σ_k⁻¹.

    ``factor`` is [K, d, d] full or [d, d] tied, lower triangular, for rows without gaps; or [K, d] diagonal, 1/σ, where
    gaps are skipped cell by cell.
    """

    kind: Literal["full", "tied", "diag"]
    columns: Array  # int32 [d], positions among the numeric columns
    means: Doubles  # [K, d]
    factor: Doubles

    @property
    def extreme(self) -> bool:
        """Whether a standard deviation lies so far from 1 that sums of squares could leave float32's range."""
        sharpness = self.factor if self.kind == "diag" else np.diagonal(self.factor, axis1=-2, axis2=-1)
        return not bool((sharpness.min(initial=1.0) > 1e-14) and (sharpness.max(initial=1.0) < 1e14))

    def native(self) -> tuple[Any, ...]:
        """As the extension module reads it."""
        return self.kind, self.columns, np.ascontiguousarray(self.means), np.ascontiguousarray(self.factor)


class CategoricalPart(NamedTuple):
    """Independent categoricals over some columns of codes, given z; a gap (-1) is skipped."""

    columns: Array  # int32 [c], positions among the columns of codes
    sizes: Array  # int32 [c], levels of each
    log_prob: Doubles  # [K, Σ sizes], the columns' tables side by side

    def native(self) -> tuple[Any, ...]:
        """As the extension module reads it."""
        return "categorical", self.columns, self.sizes, np.ascontiguousarray(self.log_prob)


Part: TypeAlias = GaussianPart | CategoricalPart


class GaussianSums(NamedTuple):
    """Sums about the means of the part: Σ r, Σ r(x-μ), Σ r(x-μ)(x-μ)ᵀ."""

    counts: Doubles  # [K]; for diagonal covariances [K, d], of observed cells
    first: Doubles  # [K, d]
    second: Doubles  # [K, d, d], [d, d] summed over k when tied, or [K, d] diagonal

    def moved(self, δ: Doubles) -> GaussianSums:
        """The same sums about μ + δ, δ [K, d].

        >>> x = np.array([[1.0], [2.0], [6.0]])
        >>> GaussianSums(np.array([[3.0]]), x.sum(0)[None], (x * x).sum(0)[None]).moved(np.array([[3.0]]))
        GaussianSums(counts=array([[3.]]), first=array([[0.]]), second=array([[14.]]))
        """
        counts = self.counts if self.counts.ndim == 2 else self.counts[:, None]
        first = self.first - counts * δ
        if self.counts.ndim == 2:
            return GaussianSums(self.counts, first, self.second - δ * (self.first + first))
        # Σ r (x-μ-δ)(x-μ-δ)ᵀ = S - s δᵀ - δ sᵀ + N δδᵀ, halves of the last beside each of the others
        half = (self.first - 0.5 * counts * δ)[:, :, None] * δ[:, None, :]
        cross = half + np.swapaxes(half, 1, 2)
        return GaussianSums(self.counts, first, self.second - (cross if self.second.ndim == 3 else cross.sum(axis=0)))


class CategoricalSums(NamedTuple):
    """Σ r [x = level]."""

    counts: Doubles  # [K, Σ sizes]
