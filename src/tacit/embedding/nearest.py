"""The rows of a table whose directions are nearest to a vector."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..typing import Array


def nearest(table: Array, query: Array, without: Sequence[int], n: int) -> list[tuple[int, float]]:
    """The n rows [d] of the table [V, d] with the largest cosines with the query [d], and these; a zero has cosine 0.

    >>> nearest(np.eye(3), np.array([1.0, 2.0, 0.0]), [1], 2)
    [(0, 0.4472...), (2, 0.0)]
    """
    length = np.linalg.norm(table, axis=1)
    length[length == 0] = 1
    cosine = (table @ query) / length / (np.linalg.norm(query) or 1)
    cosine[list(without)] = -np.inf
    n = max(0, min(n, len(table) - len(set(without))))
    best = np.argpartition(-cosine, n - 1)[:n] if n else np.empty(0, int)
    best = best[np.argsort(-cosine[best], kind="stable")]
    return [(int(i), float(cosine[i])) for i in best]
