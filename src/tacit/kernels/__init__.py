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
    leaves = _leaves(part)
    counts = np.zeros(len(log_weights))
    out = [_blank_sums(leaf, counts) for leaf in leaves]
    run = native.module.mixture_sums_64 if _double(block, leaves) else native.module.mixture_sums_32
    native_leaves = [leaf.native() for leaf in leaves]
    objective = run(
        block.numbers, block.codes, block.n, block.weight, block.known, np.ascontiguousarray(log_weights),
        native_leaves, out, counts, native.threads(),
    )  # fmt: skip
    weight = float(block.n if block.weight is None else block.weight.sum())
    return objective, weight, counts, _shaped_like(part, iter(out))


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
        return CategoricalSums(np.zeros_like(part.log_prob))
    observed = np.zeros_like(part.means) if part.kind == "diag" else counts
    return GaussianSums(observed, np.zeros_like(part.means), np.zeros_like(part.factor))
