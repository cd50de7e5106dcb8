"""Silhouettes in bounded memory: exact for tens of thousands of rows, then a sample that says how sure it is."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import kernels
from ..data.block import Block
from ..data.source import as_source
from ..errors import ArgumentError
from ..rng import generator
from ..typing import Array, Doubles, Seed

EXACT = 50_000  # rows up to which every distance counts
ROOM = 1 << 22  # distances held at once


class Silhouette(NamedTuple):
    """The mean of s_i over the rows, its standard error (0 where every row was asked), and the rows that were asked."""

    mean: float
    error: float
    rows: Array  # [m]
    values: Doubles  # s of these rows [m]
    labels: Array  # of these rows [m]


def silhouette(
    X: Any, labels: Any, *, metric: str = "euclidean", sample_size: int = EXACT, random_state: Seed = None
) -> Silhouette:
    """s_i = (b_i - a_i) / max(a_i, b_i) of rows X [n, d] in groups ``labels`` [n] (Rousseeuw 1987).

    a_i is the mean distance to the other rows of the row's own group, b_i the least mean distance to those of another;
    s is 0 for a row alone in its group. No n x n matrix is made. Above ``sample_size`` rows, a sample stratified by
    group is asked for its distances to a sample of each group; groups of up to 100 rows are always taken whole, so
    that small ones are not missed, and the standard error is that of the stratified mean.

    Raises ``ArgumentError`` unless there are 2 to n - 1 groups.

    >>> X = [[0.0], [1.0], [10.0], [11.0]]
    >>> silhouette(X, [0, 0, 1, 1]).values.round(3).tolist()
    [0.905, 0.895, 0.895, 0.905]
    """
    source, y = as_source(X), np.unique(np.asarray(labels), return_inverse=True)[1].ravel()
    n, K = source.shape[0], int(y.max(initial=-1)) + 1
    if len(y) != n:
        raise ArgumentError(f"labels has {len(y)} entries for {n} rows")
    if not 2 <= K <= n - 1:
        raise ArgumentError(f"Number of labels is {K}. Valid values are 2 to n_samples - 1 (inclusive)")
    if metric not in ("euclidean", "cosine"):
        raise ArgumentError(f"metric must be 'euclidean' or 'cosine'. Got {metric!r} instead.")
    rng, size = generator(random_state), np.bincount(y)
    if n <= sample_size:
        asked = against = np.arange(n)
    else:
        order = source.order
        asked, against = (_strata(y, order, m, rng) for m in (max(sample_size // 10, 2 * K), sample_size))
    values = _values(source.take(asked), y[asked], source.take(against), y[against], asked, against, size, metric)
    share = size / n
    taken = np.bincount(y[asked], minlength=K)
    mean = np.bincount(y[asked], weights=values, minlength=K) / taken
    square = np.bincount(y[asked], weights=(values - mean[y[asked]]) ** 2, minlength=K) / np.maximum(taken - 1, 1)
    variance = (share**2 * square / taken * (1 - taken / size)).sum()
    return Silhouette(float(share @ mean), float(np.sqrt(variance)), asked, values, y[asked])


def _strata(y: Array, order: Array, m: int, rng: np.random.Generator) -> Array:
    """About m rows, each group's share of them, and all rows of groups of up to 100."""
    out = []
    for k in range(int(y.max()) + 1):
        rows = order[y[order] == k]
        want = min(len(rows), max(100, round(m * len(rows) / len(y))))
        out.append(rng.permutation(rows)[:want])
    return np.sort(np.concatenate(out))


def _values(
    x: Block, y: Array, others: Block, z: Array, asked: Array, against: Array, size: Array, metric: str
) -> Doubles:
    K, seen = len(size), np.bincount(z)
    centers = np.ascontiguousarray(others.x, dtype=np.float64)
    if metric == "cosine":
        centers /= np.maximum(np.linalg.norm(centers, axis=1, keepdims=True), 1e-300)
    hot = np.zeros((len(z), K))
    hot[np.arange(len(z)), z] = 1
    itself = np.isin(asked, against)
    out = np.empty(x.n)
    step = max(1, ROOM // len(z))
    for lo in range(0, x.n, step):
        part = x[lo : lo + step]
        apart = kernels.distances(part, centers, metric=metric).astype(np.float64)
        if metric == "cosine":
            apart = apart**2 / 2  # 1 - cos
        total = apart @ hot  # [b, K]
        own, rows = y[lo : lo + step], np.arange(part.n)
        n_others = np.maximum(seen[own] - itself[lo : lo + step], 1)
        a = total[rows, own] / n_others
        mean = total / seen
        mean[rows, own] = np.inf
        b = mean.min(axis=1)
        s = (b - a) / np.maximum(np.maximum(a, b), 1e-300)
        out[lo : lo + step] = np.where(size[own] > 1, s, 0.0)
    return out
