"""The parts that a native mixture is made of, as the kernel reads them, and the sums that it returns for each."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

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


class CategoricalPart(NamedTuple):
    """Independent categoricals over some columns of codes, given z; a gap (-1) is skipped."""

    columns: Array  # int32 [c], positions among the columns of codes
    sizes: Array  # int32 [c], levels of each
    log_prob: Doubles  # [K, Σ sizes], the columns' tables side by side


Part: TypeAlias = GaussianPart | CategoricalPart


class GaussianSums(NamedTuple):
    """Sums about the means of the part: Σ r, Σ r(x-μ), Σ r(x-μ)(x-μ)ᵀ."""

    counts: Doubles  # [K]; for diagonal covariances [K, d], of observed cells
    first: Doubles  # [K, d]
    second: Doubles  # [K, d, d], [d, d] summed over k when tied, or [K, d] diagonal


class CategoricalSums(NamedTuple):
    """Σ r [x = level]."""

    counts: Doubles  # [K, Σ sizes]
