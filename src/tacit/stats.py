"""Sufficient statistics: NamedTuples of sums, with the operations of a vector space.

Additivity, S(A ∪ B) = S(A) + S(B), is what makes one implementation serve memory, disk and cluster.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

S = TypeVar("S")


def _map(f: Callable[..., Any], *trees: Any) -> Any:
    first = trees[0]
    if first is None:
        return None
    if isinstance(first, tuple):
        parts = [_map(f, *each) for each in zip(*trees, strict=True)]
        return type(first)(*parts) if hasattr(first, "_fields") else tuple(parts)
    return f(*trees)


def add(a: S, b: S) -> S:
    """a + b, field by field; arrays, numbers and nested tuples.

    >>> import numpy as np
    >>> add((1.0, np.array([1, 2])), (2.0, np.array([3, 4])))
    (3.0, array([4, 6]))
    """
    result: S = _map(lambda x, y: x + y, a, b)
    return result


def scale(a: S, c: float) -> S:
    """c · a, field by field.

    >>> import numpy as np
    >>> scale((1.0, np.array([1.0, 2.0])), 2.0)
    (2.0, array([2., 4.]))
    """
    result: S = _map(lambda x: c * x, a)
    return result
