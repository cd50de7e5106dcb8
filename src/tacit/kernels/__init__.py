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
from .centroids import sparse as sparse
from .parts import CategoricalPart, CategoricalSums, GaussianPart, GaussianSums, Part
from .sums import ColumnMoments, Moments

if TYPE_CHECKING:
    from ..data.block import Block
    from ..typing import Array, Doubles, Floats


def hash_rows(block: Block) -> Array:
    """A 64-bit hash of each row's content [b]: numbers, then codes; weights and position do not enter."""
    h = np.full(block.n, 0x243F6A8885A308D3, dtype=np.uint64)
    if block.csr is not None:
        native.module.hash_sparse(*sparse(block), h, native.threads())
    else:
        native.module.hash_rows(block.numbers, h, native.threads())
    if block.codes is not None:
        native.module.hash_rows(block.codes, h, native.threads())
    return h


def moments(block: Block, shift: Doubles) -> Moments:
    """Σ w, Σ w (x - shift) [d] and Σ w (x - shift)(x - shift)ᵀ [d, d] over the numeric columns, which have no gaps.

    float32 is worked on as it is for 512 rows at a time, and in float64 where the squares would leave its range. A
    shift near the mean keeps the answer near that of float64. Sparse rows are summed in float64 about the origin.
    """
    d, weight = block.d, float(block.n if block.weight is None else block.weight.sum())
    shift = np.asarray(shift, dtype=np.float64)
    total, outer = np.zeros(d), np.zeros((d, d))
    if block.csr is not None:
        data, indices, indptr, _ = block.csr
        native.module.sparse_moments(
            data, indices, indptr.astype(indices.dtype, copy=False), block.weight, total, outer, native.threads()
        )
        return Moments(weight, total, outer).about(shift)
    single = block.dtype == np.float32
    near = shift.astype(np.float32).astype(np.float64) if single else shift  # what the panel packer can subtract
    native.module.moments(block.numbers, near, block.weight, single, total, outer, native.threads())
    if single and _out_of_range(weight, total, outer.diagonal()):
        total[:], outer[:] = 0, 0
        native.module.moments(block.numbers, near, block.weight, False, total, outer, native.threads())
    sums = Moments(weight, total, outer)
    return sums.about(shift - near) if single and (near != shift).any() else sums


def column_moments(block: Block, shift: Doubles) -> ColumnMoments:
    """For each numeric column, over the cells that are not gaps: Σ w, Σ w (x - shift), Σ w (x - shift)²."""
    shift = np.asarray(shift, dtype=np.float64)
    near = shift.astype(block.dtype).astype(np.float64)
    weight, total, square = np.zeros(block.d), np.zeros(block.d), np.zeros(block.d)
    numbers = block.numbers if block.csr is None else block.x
    single = block.dtype == np.float32
    native.module.column_moments(numbers, near, block.weight, single, weight, total, square, native.threads())
    if single and _out_of_range(weight, total, square):
        weight[:], total[:], square[:] = 0, 0, 0
        native.module.column_moments(numbers, near, block.weight, False, weight, total, square, native.threads())
    move = shift - near
    return ColumnMoments(weight, total - weight * move, square - move * (2 * total - weight * move))


def _out_of_range(weight: Doubles | float, total: Doubles, square: Doubles) -> bool:
    """Whether some squares left the range of float32: too large, or lost though the column is not constant."""
    return not (np.isfinite(square) & ((square >= 1e-30 * weight) | (total == 0))).all()


def project(block: Block, shift: Doubles, matrix: Doubles) -> Floats:
    """(x - shift) matrix [b, k] for a matrix [d, k], in the block's precision; no centred copy of the rows is made."""
    if block.csr is not None:
        import scipy.sparse as sp

        data, indices, indptr, d = block.csr
        lo, hi = int(indptr[0]), int(indptr[-1])
        rows = sp.csr_matrix((data[lo:hi], indices[lo:hi], indptr - lo), shape=(block.n, d))
        return np.asarray(rows @ matrix - shift @ matrix, dtype=block.dtype)
    near = shift.astype(block.dtype).astype(np.float64)
    bias = ((near - shift)[:, None] * matrix).sum(axis=0).astype(block.dtype)  # no BLAS, whose threads would spin
    out: Floats = np.empty((block.n, matrix.shape[1]), dtype=block.dtype)
    native.module.project(
        block.numbers, near, np.ascontiguousarray(matrix, dtype=block.dtype), bias, out, native.threads()
    )
    return out


def inverse_cholesky(covariances: Doubles) -> tuple[Doubles, Doubles]:
    """A = L⁻¹ of each of the matrices Σ = LLᵀ [m, d, d], and the ridge [m] that a singular one needed.

    The ridge is the smallest of mean(diag Σ) · 10⁻⁸, 10⁻⁷, ... that makes Σ + ridge I positive definite; A is NaN where
    none does (Σ = 0, or not finite).
    """
    factor, ridge = np.empty(covariances.shape), np.empty(len(covariances))
    native.module.inverse_cholesky(np.ascontiguousarray(covariances), factor, ridge, native.threads())
    return factor, ridge


def quadratics(factor: Doubles, matrices: Doubles) -> Doubles:
    """tr(A_k M_k A_kᵀ) [m] for lower triangular A [m, d, d] (or one for all [1, d, d]) and symmetric M [m, d, d]."""
    out = np.empty(len(matrices))
    native.module.quadratics(np.ascontiguousarray(factor), np.ascontiguousarray(matrices), out, native.threads())
    return out


def mixture_sums(block: Block, log_weights: Doubles, part: Any) -> tuple[float, float, float, Doubles, Any]:
    """One E-step of a mixture p(x) = Σ_k exp(log_weights_k) p(x | k), and its sums, in one pass over the rows.

    ``part`` is a ``Part`` or a (nested) tuple of parts that are independent given the component. Gives Σ w log p(x),
    Σ w H(r), Σ w, N_k = Σ w r_k [K], and the sums of the parts in the shape of ``part``. A row with a ``known``
    component has r one-hot and counts with log p(x, z). Responsibilities up to 10⁻⁸ are left out of the other sums.
    """
    leaves = _leaves(part)
    counts = np.zeros(len(log_weights))
    out = [_blank_sums(leaf, counts) for leaf in leaves]
    run = native.module.mixture_sums_64 if _double(block, leaves) else native.module.mixture_sums_32
    native_leaves = [leaf.native() for leaf in leaves]
    objective, entropy = run(
        block.numbers, block.codes, block.n, block.weight, block.known, np.ascontiguousarray(log_weights),
        native_leaves, out, counts, native.threads(),
    )  # fmt: skip
    weight = float(block.n if block.weight is None else block.weight.sum())
    return objective, entropy, weight, counts, _shaped_like(part, iter(out))


def mixture_rows(block: Block, log_weights: Doubles, part: Any, *, joint: bool = False) -> tuple[Floats, Floats]:
    """log p(x) [b] and p(z = k | x) [b, K], or log p(x, z = k) with ``joint``, of the mixture of ``mixture_sums``."""
    dtype: Any = np.float64 if _double(block, _leaves(part)) else np.float32
    log_prob: Floats = np.empty(block.n, dtype)
    resp: Floats = np.empty((block.n, len(log_weights)), dtype)
    _answer(block, log_weights, part, log_prob, resp, joint, None)
    return log_prob, resp


def mixture_log_prob(block: Block, log_weights: Doubles, part: Any) -> Floats:
    """log p(x) [b] of the mixture of ``mixture_sums``."""
    dtype: Any = np.float64 if _double(block, _leaves(part)) else np.float32
    log_prob: Floats = np.empty(block.n, dtype)
    _answer(block, log_weights, part, log_prob, None, False, None)
    return log_prob


def mixture_labels(block: Block, log_weights: Doubles, part: Any) -> Array:
    """The most probable component [b] of the mixture of ``mixture_sums``; the first of equals."""
    labels = np.empty(block.n, np.int64)
    _answer(block, log_weights, part, None, None, False, labels)
    return labels


def _answer(
    block: Block, log_weights: Doubles, part: Any, log_prob: Any, resp: Any, joint: bool, labels: Array | None
) -> None:
    leaves = _leaves(part)
    run = native.module.mixture_rows_64 if _double(block, leaves) else native.module.mixture_rows_32
    native_leaves, nothing = [leaf.native() for leaf in leaves], [() for _ in leaves]
    run(
        block.numbers, block.codes, block.n, np.ascontiguousarray(log_weights), native_leaves, nothing,
        log_prob, resp, joint, labels, native.threads(),
    )  # fmt: skip


def _double(block: Block, leaves: list[Part]) -> bool:
    """Whether to work in float64: as the block asks, or where squares would leave float32's range."""
    return block.dtype == np.float64 or any(isinstance(leaf, GaussianPart) and leaf.extreme for leaf in leaves)


def _leaves(part: Any) -> list[Part]:
    if isinstance(part, GaussianPart | CategoricalPart):
        return [part]
    return [leaf for each in part for leaf in _leaves(each)]


def _shaped_like(part: Any, sums: Any) -> Any:
    if isinstance(part, GaussianPart | CategoricalPart):
        return next(sums)
    return tuple(_shaped_like(each, sums) for each in part)


def _blank_sums(part: Part, counts: Doubles) -> GaussianSums | CategoricalSums:
    if isinstance(part, CategoricalPart):
        return CategoricalSums(np.zeros(part.log_prob.shape))
    observed = np.zeros(part.means.shape) if part.kind == "diag" else counts
    return GaussianSums(observed, np.zeros(part.means.shape), np.zeros(part.factor.shape))
