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


def plain(tree: Any) -> Any:
    """NamedTuples as tuples, however deep: what a file can hold of anybody's records.

    >>> from typing import NamedTuple
    >>> Pair = NamedTuple("Pair", [("a", int), ("b", tuple)])
    >>> plain(Pair(1, (2, Pair(3, ()))))
    (1, (2, (3, ())))
    """
    return tuple(map(plain, tree)) if isinstance(tree, tuple) else tree


def like(model: S, tree: Any) -> S:
    """The records of ``model`` again, around what ``plain`` left of them.

    >>> from typing import NamedTuple
    >>> Pair = NamedTuple("Pair", [("a", int), ("b", tuple)])
    >>> like(Pair(0, (0, Pair(0, ()))), (1, (2, (3, ()))))
    Pair(a=1, b=(2, Pair(a=3, b=())))
    """
    if not isinstance(model, tuple):
        return tree  # type: ignore[no-any-return]
    parts = [like(m, t) for m, t in zip(model, tree, strict=True)]
    return type(model)(*parts) if hasattr(model, "_fields") else tuple(parts)  # type: ignore[return-value]
