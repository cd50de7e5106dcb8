"""Eigenvectors with one answer: sorted, signs fixed, the same bits for any number of threads."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

import numpy as np
import scipy.linalg
from threadpoolctl import ThreadpoolController

from .typing import Array, Doubles, Floats

SMALL = 64  # up to here LAPACK uses one thread by itself


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


def one_thread(size: int) -> AbstractContextManager[Any]:
    """LAPACK on one thread where a matrix of this size would have it use several: its bits depend on their number."""
    return nullcontext() if size <= SMALL else _controller().limit(limits=1, user_api="blas")


def eigh(A: Doubles, k: int | None = None) -> tuple[Doubles, Doubles]:
    """The k largest eigenvalues of a symmetric A [d, d], falling, and their eigenvectors as columns [d, k].

    A = U diag(λ) Uᵀ. Eigenvalues that rounding made negative are left as they come. A is overwritten.
    """
    d = len(A)
    if not d or k == 0:
        return np.empty(0), np.empty((d, 0))
    if d <= SMALL:
        values, vectors = np.linalg.eigh(A)
    else:
        least = 0 if k is None else d - k
        with one_thread(d):  # the transpose lies as LAPACK wants it, so that nothing is copied
            values, vectors = scipy.linalg.eigh(
                A.T, subset_by_index=(least, d - 1), driver="evr", overwrite_a=True, check_finite=False
            )
    return values[::-1][:k], vectors[:, ::-1][:, :k]


def fix_signs(rows: Floats) -> Floats:
    """Each row turned so that its entry of largest size is positive (scikit-learn's ``svd_flip`` on components).

    >>> fix_signs(np.array([[0.6, -0.8], [0.8, 0.6]]))
    array([[-0.6,  0.8],
           [ 0.8,  0.6]])
    """
    if not rows.size:
        return rows
    at: Array = np.argmax(np.abs(rows), axis=1)
    out: Floats = rows * np.where(rows[np.arange(len(rows)), at] < 0, -1.0, 1.0)[:, None]
    return out
