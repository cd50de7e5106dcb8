"""The hot loops: pure functions of one block and parameters, giving statistics or rows.

This file is the list of operations and their contract; ``native`` is the engine behind it. Every operation reads any
dtype and stride through the panel packer, works in the block's precision, adds block results in float64, and gives the
same bits for any number of threads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from . import native
from .centroids import Nearest as Nearest
from .centroids import assign as assign
from .centroids import distances as distances
from .centroids import least as least
from .centroids import nearest as nearest
from .centroids import potentials as potentials
from .parts import CategoricalPart, CategoricalSums, GaussianPart, GaussianSums, Part

if TYPE_CHECKING:
    from ..data.block import Block
    from ..typing import Array, Doubles, Floats


def hash_rows(block: Block) -> Array:
    """A 64-bit hash of each row's content [b]: numbers, then codes; weights and position do not enter."""
    h = np.full(block.n, 0x243F6A8885A308D3, dtype=np.uint64)
    native.module.hash_rows(block.x if block.csr is not None else block.numbers, h, native.threads())
    if block.codes is not None:
        native.module.hash_rows(block.codes, h, native.threads())
    return h


def inverse_cholesky(covariances: Doubles) -> tuple[Doubles, Doubles]:
    """A = L⁻¹ of each of the matrices Σ = LLᵀ [m, d, d], and the ridge [m] that a singular one needed.

    The ridge is the smallest of mean(diag Σ) · 10⁻⁸, 10⁻⁷, ... that makes Σ + ridge I positive definite; A is NaN where
    none does (Σ = 0, or not finite).
    """
    factor, ridge = np.empty_like(covariances, order="C"), np.empty(len(covariances))
    native.module.inverse_cholesky(np.ascontiguousarray(covariances), factor, ridge, native.threads())
    return factor, ridge


def mixture_sums(block: Block, log_weights: Doubles, part: Any) -> tuple[float, float, Doubles, Any]:
    """One E-step of a mixture p(x) = Σ_k exp(log_weights_k) p(x | k), and its sums, in one pass over the rows.

    ``part`` is a ``Part`` or a (nested) tuple of parts that are independent given the component. Gives Σ w log p(x),
    Σ w, N_k = Σ w r_k [K], and the sums of the parts in the shape of ``part``. A row with a ``known`` component has
    r one-hot and counts with log p(x, z). Responsibilities up to 10⁻⁸ are left out of the sums.
    """
    K = len(log_weights)
    leaves = _leaves(part)
    out = [_blank_sums(leaf, K) for leaf in leaves]
    counts = np.zeros(K)
    objective, weight = native.module.mixture_sums(
        block.numbers, block.codes, block.weight, block.known, np.float64(0), log_weights, leaves, out, counts
    )
    return objective, weight, counts, _shaped_like(part, iter(out))


def mixture_rows(block: Block, log_weights: Doubles, part: Any) -> tuple[Floats, Floats]:
    """log p(x) [b] and the responsibilities p(z = k | x) [b, K] of the mixture that ``mixture_sums`` describes."""
    raise NotImplementedError


def _leaves(part: Any) -> list[Part]:
    if isinstance(part, GaussianPart | CategoricalPart):
        return [part]
    return [leaf for each in part for leaf in _leaves(each)]


def _shaped_like(part: Any, sums: Any) -> Any:
    if isinstance(part, GaussianPart | CategoricalPart):
        return next(sums)
    return tuple(_shaped_like(each, sums) for each in part)


def _blank_sums(part: Part, K: int) -> GaussianSums | CategoricalSums:
    if isinstance(part, CategoricalPart):
        return CategoricalSums(np.zeros_like(part.log_prob))
    cells = part.kind == "diag"
    return GaussianSums(
        np.zeros(part.means.shape if cells else K), np.zeros_like(part.means), np.zeros_like(part.factor)
    )
