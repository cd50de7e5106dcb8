"""Operations on rows and centres: what k-means and its seeding are made of.

``metric="cosine"`` scales rows to unit length as they are read (a zero row stays zero); the centres given must then
have unit length themselves. ``centers`` is float64 [K, d]; work is done in the block's precision, about their mean.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from . import native

if TYPE_CHECKING:
    from ..data.block import Block
    from ..typing import Array, Doubles, Floats


class Nearest(NamedTuple):
    """Sums over rows about their nearest centres, l_i = argmin_k |x_i - c_k|²: additive."""

    objective: float  # -Σ_i w_i |x_i - c_{l_i}|²
    weight: float  # Σ_i w_i
    counts: Doubles  # [K], Σ_{l_i = k} w_i
    sums: Doubles  # [K, d], Σ_{l_i = k} w_i (x_i - c_k)

    @property
    def entropy(self) -> float:
        """0: assignments are hard."""
        return 0.0


def nearest(block: Block, centers: Doubles, *, metric: str = "euclidean", labels: Array | None = None) -> Nearest:
    """The sums that move the centres, and the cost, in one pass; the lowest index in a tie.

    Sums and cost come from explicit differences in float64. ``labels`` [b] (int32) is filled if given.
    """
    K, d = centers.shape
    counts, sums = np.empty(K), np.empty((K, d))
    cost = _assign(block, centers, metric, labels, None, sums, counts)
    return Nearest(-cost, float(counts.sum()), counts, sums)


def assign(block: Block, centers: Doubles, *, metric: str = "euclidean") -> Array:
    """The index of each row's nearest centre, int32 [b]."""
    labels = np.empty(block.n, dtype=np.int32)
    _assign(block, centers, metric, labels, None, None, None)
    return labels


def distances(block: Block, centers: Doubles, *, metric: str = "euclidean") -> Floats:
    """|x_i - c_k| [b, K], from explicit differences, in the block's precision."""
    size = float(np.abs(centers).max())
    squares = np.float64 if block.csr is None and not 1e-15 < size < 1e15 else block.dtype  # what holds |x - c|²
    out: Floats = np.empty((block.n, len(centers)), dtype=squares)
    run, rows = (
        (native.module.distances, (block.numbers,))
        if block.csr is None
        else (native.module.distances_sparse, sparse(block))
    )
    run(*rows, centers, metric == "cosine", out, native.threads())
    return out.astype(block.dtype, copy=False)


def least(block: Block, centers: Doubles, *, metric: str = "euclidean") -> Doubles:
    """min_k |x_i - c_k|² [b], from an explicit difference in float64."""
    out = np.empty(block.n)
    _assign(block, centers, metric, None, out, None, None)
    return out


def potentials(
    block: Block, centers: Doubles, closest: Floats, *, metric: str = "euclidean", keep: bool = False
) -> Doubles:
    """Σ_i w_i min(closest_i, |x_i - c_k|²) [K]: what the cost of seeds would be with each of the candidates added.

    With ``keep`` the candidates are added: closest_i becomes min(closest_i, min_k |x_i - c_k|²). ``closest`` [b] is
    float32 or float64, and says in which of the two to work.
    """
    out = np.empty(len(centers))
    run, rows = (
        (native.module.potentials, (block.numbers,))
        if block.csr is None
        else (native.module.potentials_sparse, sparse(block))
    )
    run(*rows, block.weight, centers, metric == "cosine", closest, keep, out, native.threads())
    return out


def sparse(block: Block) -> tuple[Array, Array, Array]:
    """Data, indices and indptr of a sparse block as the kernels read them: the two of one integer type."""
    assert block.csr is not None
    data, indices, indptr, _ = block.csr
    wide = np.int32 if indices.dtype == indptr.dtype == np.int32 else np.int64
    return data, indices.astype(wide, copy=False), indptr.astype(wide, copy=False)


def _assign(
    block: Block,
    centers: Doubles,
    metric: str,
    labels: Array | None,
    distances: Doubles | None,
    sums: Doubles | None,
    counts: Doubles | None,
) -> float:
    cosine, out = metric == "cosine", (labels, distances, sums, counts)
    if block.csr is not None:
        cost = native.module.nearest_sparse(*sparse(block), block.weight, centers, cosine, *out, native.threads())
    else:
        single = block.dtype == np.float32
        cost = native.module.nearest(block.numbers, block.weight, centers, single, cosine, *out, native.threads())
    return float(cost)
