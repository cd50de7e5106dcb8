"""The spectrum of the covariance of rows, by whichever way is exact and cheapest: what PCA stands on."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import scipy.linalg
from scipy.special import gammaln

from .. import kernels
from ..data.block import Block
from ..data.source import Source
from ..kernels.sums import Moments
from ..linalg import eigh, one_thread
from ..rng import generator
from ..typing import Array, Doubles, Floats

WIDE = 3000  # columns (or rows) up to which a square matrix of them is decomposed
KRYLOV = 6  # further passes of the block solver


class Spectrum(NamedTuple):
    """The covariance of the rows, decomposed."""

    mean: Doubles  # [d]
    scale: Doubles | None  # [d], the deviations by which columns were divided
    variances: Doubles  # [m], falling; perhaps only the first few
    directions: Floats  # [m, d], orthonormal rows
    total: float  # the sum of all variances
    weight: float  # the rows, or the sum of their weights


def guess(some: Block) -> Doubles:
    """The mean of a few rows [d], as their precision can hold it: near that of all. 0 for sparse rows."""
    if some.csr is not None:
        return np.zeros(some.d)
    if some.weight is None:
        mean: Doubles = some.x.mean(axis=0, dtype=np.float64)
    else:
        mean = some.weight @ some.x / max(some.weight.sum(), np.finfo(np.float64).tiny)
    return mean if some.dtype == np.float64 else mean.astype(some.dtype).astype(np.float64)


def moments(source: Source, some: Block) -> tuple[Doubles, Moments]:
    """The mean, and the moments about a shift near it: one pass, or two where ``some`` rows were a poor guess."""
    shift = guess(some)
    sums = source.reduce(lambda block: kernels.moments(block, shift))
    move = sums.sum / sums.weight
    deviation = np.sqrt(np.maximum(sums.outer.diagonal() / sums.weight - move**2, 0))
    noise = np.finfo(some.dtype).eps * np.abs(shift)
    if (np.abs(move) > 4 * np.maximum(deviation, noise)).any():
        shift = shift + move
        sums = source.reduce(lambda block: kernels.moments(block, shift))
        move = sums.sum / sums.weight
    return shift + move, sums


def per(squares: Any, weight: float) -> Any:
    """Sums of squares as variances, with scikit-learn's divisor n - 1; nothing varies in a single row."""
    return squares / (weight - 1) if weight > 1 else squares * 0.0


def deviations(variance: Doubles) -> Doubles:
    """Standard deviations [d], 1 for a constant column."""
    deviation: Doubles = np.sqrt(np.maximum(variance, 0))
    deviation[deviation == 0] = 1
    return deviation


def by_columns(source: Source, some: Block, scaled: bool, k: int | None) -> Spectrum:
    """From the covariance matrix C [d, d]; in place, since it may be large."""
    mean, (weight, total, C) = moments(source, some)
    C -= np.outer(total, total / weight)
    C *= per(1.0, weight)
    scale = deviations(C.diagonal()) if scaled else None
    if scale is not None:
        C /= scale
        C /= scale[:, None]
    trace = max(0.0, float(C.trace()))
    values, vectors = eigh(C, k)
    return Spectrum(mean, scale, np.maximum(values, 0), vectors.T, trace, weight)


def by_rows(source: Source, some: Block, scaled: bool, k: int | None) -> Spectrum | None:
    """From the Gram matrix ZZᵀ = U diag(s²) Uᵀ [n, n] of fewer rows than columns: Uᵀ Z = diag(s) Vᵀ.

    None where the squares have taken too many digits of the smallest direction that is wanted.
    """
    if k is None or k > source.shape[0] / 2:
        return None
    mean, scale, Z, weight = _centred(source, some, scaled, np.dtype(np.float64))
    across, zero = Block(0, Z.T), np.zeros(len(Z))
    gram = kernels.moments(across, zero).outer
    trace = float(per(gram.trace(), weight))
    squares, U = eigh(gram, k)
    if k and not squares[-1] > 1e-8 * squares[0]:
        return None
    directions = kernels.project(across, zero, U / np.sqrt(squares)).T
    return Spectrum(mean, scale, per(squares, weight), directions, trace, weight)


def by_block(source: Source, scale: Doubles | None, mean: Doubles, total: float, k: int, seed: Any) -> Spectrum:
    """The first k from products C Q of the covariance with a few columns Q [d, l]: a pass each, no d x d matrix.

    Block Krylov: C is projected on the span of Q, CQ, C²Q, ..., which holds its leading directions to nearly all digits
    (Musco and Musco 2015, algorithm 2). Rows may be sparse: centring is done on the products.
    """
    d, weight = len(mean), source.total
    l = min(k + 10, d)
    Q = np.linalg.qr(generator(seed).standard_normal((d, l)))[0]

    def product(Q: Doubles) -> Doubles:
        """C Q [d, l]."""
        A = Q if scale is None else Q / scale[:, None]
        CQ: Doubles = source.reduce(lambda block: _scatter(block, mean, A), rows=65536) * per(1.0, weight)
        return CQ if scale is None else CQ / scale[:, None]

    spans, images = [Q], [product(Q)]
    for _ in range(KRYLOV):
        Q = images[-1]
        for _ in range(2):  # Gram-Schmidt, twice
            for S in spans:
                Q = Q - S @ (S.T @ Q)
            Q = np.linalg.qr(Q)[0]
        spans.append(Q)
        images.append(product(Q))
        if sum(S.shape[1] for S in spans) + l > d:
            break
    V, CV = np.concatenate(spans, axis=1), np.concatenate(images, axis=1)
    H = V.T @ CV
    values, U = eigh(np.ascontiguousarray((H + H.T) / 2), k)
    return Spectrum(mean, scale, np.maximum(values, 0), (V @ U).T, total, weight)


def _scatter(block: Block, mean: Doubles, A: Doubles) -> Doubles:
    """Σ w (x - μ) (x - μ)ᵀ A [d, l]."""
    if block.csr is None:
        z = kernels.project(block, mean, A).astype(np.float64) * block.w[:, None]
        x: Any = block.x
        return np.asarray(x.T @ z.astype(x.dtype), np.float64) - np.outer(mean, z.sum(axis=0))
    rows = csr_of(block)
    z = (rows @ A - mean @ A) * block.w[:, None]
    return np.asarray(rows.T @ z) - np.outer(mean, z.sum(axis=0))


def csr_of(block: Block) -> Any:
    """A sparse block as SciPy's matrix [b, d]."""
    import scipy.sparse as sp

    assert block.csr is not None
    data, indices, indptr, d = block.csr
    lo, hi = int(indptr[0]), int(indptr[-1])
    return sp.csr_matrix((data[lo:hi], indices[lo:hi], indptr - lo), shape=(block.n, d))


def column_moments(source: Source, some: Block) -> tuple[Doubles, Doubles, float]:
    """The mean and the variance of each column [d], with divisor n - 1, and Σ w."""
    if some.csr is None:
        shift = guess(some)
        sums = source.reduce(lambda block: kernels.column_moments(block, shift))
        weight = source.total
        mean = sums.sum / weight
        return shift + mean, per(np.maximum(sums.square - weight * mean**2, 0), weight), weight

    def both(block: Block) -> tuple[Doubles, Doubles]:
        rows = csr_of(block)
        return np.asarray(block.w @ rows, np.float64).ravel(), np.asarray(block.w @ rows.multiply(rows)).ravel()

    first, second = source.reduce(both)
    weight = source.total
    return first / weight, per(np.maximum(second - first**2 / weight, 0), weight), weight


def by_svd(source: Source, some: Block, scaled: bool) -> Spectrum:
    """From Z = U diag(s) Vᵀ itself, λ = s² / (n - 1): small variances keep all their digits."""
    mean, scale, Z, weight = _centred(source, some, scaled)
    with one_thread(min(Z.shape)):
        _, s, Vt = scipy.linalg.svd(Z, full_matrices=False, overwrite_a=True, check_finite=False)
    values = per(np.square(s, dtype=np.float64), weight)
    return Spectrum(mean, scale, values, Vt, float(values.sum()), weight)


def _centred(
    source: Source, some: Block, scaled: bool, dtype: np.dtype[Any] | None = None
) -> tuple[Doubles, Doubles | None, Array, float]:
    """The mean, the scale, a copy Z = √w (x - mean) / scale [n, d], and Σ w.

    Weights count as repetition: rows of weight 0 are left out, and rows of zeros stand for the repetitions.
    """
    shift = guess(some)
    sums = source.reduce(lambda block: kernels.column_moments(block, shift))
    w = source.weight
    weight = float(w.sum())
    mean = shift + sums.sum / weight
    x, there = source.map(lambda block: block.x), np.flatnonzero(w)
    Z = np.zeros((rows_stood_for(source), x.shape[1]), dtype or x.dtype)
    if len(there) == len(x):
        np.subtract(x, mean, out=Z[: len(x)], casting="same_kind")
    else:
        Z[: len(there)] = x[there] - mean
    Z[: len(there)] *= np.sqrt(w[there])[:, None].astype(Z.dtype)
    if not scaled:
        return mean, None, Z, weight
    scale = deviations(per(np.einsum("ij,ij->j", Z, Z, dtype=np.float64), weight))
    Z /= scale.astype(Z.dtype)
    return mean, scale, Z, weight


def rows_stood_for(source: Source) -> int:
    """How many rows there are when weights count as repetition."""
    w = source.weight
    return max(int(np.count_nonzero(w)), round(float(w.sum())))


def most_likely_count(variances: Doubles, n: float) -> int:
    """The number of components with the largest evidence (Minka 2000, equation 30), from all d variances."""
    d = len(variances)
    if d == 1:
        return 0
    lam = np.maximum(variances, np.finfo(np.float64).tiny)
    j = np.arange(1, d + 1)
    # log p(U) = -k log 2 + Σ_{i<=k} log Γ((d-i+1)/2) - (d-i+1)/2 log π, for k = 1 .. d-1
    half = (d - j + 1) / 2
    k = j[:-1]
    prior = np.cumsum(gammaln(half) - half * np.log(np.pi))[:-1] - k * np.log(2)
    rest = np.maximum((lam.sum() - np.cumsum(lam))[:-1] / (d - k), 1e-15)  # v, the mean of the others
    fit = -n / 2 * (np.cumsum(np.log(lam))[:-1] + (d - k) * np.log(rest))
    m = d * k - k * (k + 1) / 2
    # log |A| = Σ_{i<=k} Σ_{j>i} log (λ_i - λ_j)(1/λ̂_j - 1/λ̂_i) n, where λ̂_j = λ_j up to k, and v beyond
    tiny = np.finfo(np.float64).tiny
    upper = np.triu(np.ones((d, d), dtype=bool), 1)
    gaps = np.log(np.maximum(lam[:, None] - lam, tiny), where=upper, out=np.zeros((d, d)))
    turns = np.log(np.maximum(1 / lam - 1 / lam[:, None], tiny), where=upper, out=np.zeros((d, d)))
    inner = np.cumsum(np.cumsum(turns, axis=0), axis=1).diagonal()[:-1]
    outer = np.array([(d - q) * np.log(np.maximum(1 / v - 1 / lam[:q], tiny)).sum() for q, v in zip(k, rest)])
    curvature = np.cumsum(gaps.sum(axis=1))[:-1] + inner + outer + m * np.log(n)
    evidence = prior + fit + (m + k) / 2 * np.log(2 * np.pi) - curvature / 2 - k / 2 * np.log(n)
    evidence[variances[:-1] < 1e-15] = -np.inf
    return int(np.argmax(evidence)) + 1
