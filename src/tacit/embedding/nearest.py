"""Directions of vectors: lengths, cosines, the rows of a table that are nearest."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..typing import Array


def lengths(x: Array) -> Array:
    """|x_i| of rows [n, d], summed in float64; 1 for a row of zeros."""
    length = np.sqrt(np.einsum("ij,ij->i", x, x, dtype=np.float64))
    return np.where(length > 0, length, 1.0)


def unit(x: Array) -> Array:
    """Rows [n, d] of length 1, float32; zeros stay."""
    return np.asarray(x / lengths(x)[:, None], np.float32)


def nearest(table: Array, query: Array, without: Sequence[int], n: int) -> list[tuple[int, float]]:
    """The n rows of a table [V, d] with the largest cosines with the query [d], and these; a zero has cosine 0.

    >>> nearest(np.eye(3, dtype=np.float32), np.array([1.0, 2.0, 0.0]), [1], 2)
    [(0, 0.447...), (2, 0.0)]
    """
    cosine = table @ unit(query[None])[0] / lengths(table)
    cosine[list(without)] = -np.inf
    n = max(0, min(n, len(table) - len(set(without))))
    best = np.argpartition(-cosine, n - 1)[:n] if n else np.empty(0, int)
    best = best[np.argsort(-cosine[best], kind="stable")]
    return [(int(i), float(cosine[i])) for i in best]
