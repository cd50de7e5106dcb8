"""Where rows live. A source gives its rows in blocks; what is done with a block never knows where it came from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from functools import cached_property, reduce
from typing import TypeVar

import numpy as np

from .. import kernels
from ..rng import draw
from ..stats import add
from ..typing import Array, Doubles
from .block import Block

S = TypeVar("S")


class Source(ABC):
    """Rows, in order, in blocks.

    ``reduce`` folds a function of one block over all of them, left to right, in row order; ``map`` keeps one answer a
    row. Everything the EM loop, k-means and PCA do to data goes through these two.
    """

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int]:
        """Rows, numeric columns."""

    @abstractmethod
    def blocks(self, rows: int | None = None) -> Iterator[Block]:
        """The blocks in row order; ``rows`` caps the length of a block."""

    def reduce(self, f: Callable[[Block], S], merge: Callable[[S, S], S] = add, rows: int | None = None) -> S:
        """f(block₁) + f(block₂) + ..., merged left to right."""
        return reduce(merge, map(f, self.blocks(rows)))

    def map(self, f: Callable[[Block], Array], rows: int | None = None) -> Array:
        """f of every block, one answer a row, in row order."""
        parts = [f(block) for block in self.blocks(rows)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    @cached_property
    def weight(self) -> Doubles:
        """The weights of all rows [n], ones where none were given."""
        return self.map(lambda block: block.w)

    @cached_property
    def order(self) -> Array:
        """The rows in the order of a hash of their content: random draws walk them so, never by position."""
        return np.argsort(self.map(kernels.hash_rows), kind="stable")

    def sample(self, m: int, rng: np.random.Generator) -> Array:
        """m row numbers, drawn with probability proportional to weight, with replacement."""
        return draw(self.weight, m, rng, self.order)

    @abstractmethod
    def take(self, rows: Array) -> Block:
        """The rows of these numbers, copied, as one block."""


def as_source(
    X: object,
    *,
    weight: object = None,
    known: object = None,
    gaps: bool = False,
    sparse: bool = False,
    estimator: object = None,
) -> Source:
    """The only door for user data, and the only place that rejects it.

    ``gaps`` lets NaN through, ``sparse`` CSR; ``estimator`` is named in the messages. Arrays that are usable as they
    lie are not copied.
    """
    from sklearn.utils.validation import _check_sample_weight, check_array

    from .memory import MemorySource

    if isinstance(X, Source):
        return X
    name = type(estimator).__name__ if estimator is not None else ""
    checked = check_array(
        X,
        accept_sparse="csr" if sparse else False,
        dtype="numeric",
        ensure_all_finite="allow-nan" if gaps else True,
        estimator=name or None,
        input_name="X",
    )
    w = None if weight is None else _check_sample_weight(weight, checked, dtype=np.float64, ensure_non_negative=True)
    return MemorySource(Block(0, checked, weight=w, known=None if known is None else np.asarray(known, dtype=np.int32)))
