"""Where rows live. A source gives its rows in blocks; what is done with a block never knows where it came from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cached_property, partial, reduce
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

from .. import kernels
from ..errors import ArgumentError, InputError
from ..rng import draw
from ..stats import add
from ..typing import Array, Doubles
from .block import Block

if TYPE_CHECKING:
    from .memory import MemorySource

S = TypeVar("S")

MANY = 1 << 26  # numbers of which random draws see all
SOME = 1 << 24  # of more, the numbers of the sample that they see
OF_WEIGHTS = ("weight", "weighted", "total", "few", "content")  # cached properties that other weights make stale


class Source(ABC):
    """Rows, in order, in blocks.

    ``reduce`` folds a function of one block over all of them, left to right, in row order; ``map`` keeps one answer a
    row. Everything the EM loop, k-means and PCA do to data goes through these two.
    """

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int]:
        """Rows, numeric columns."""

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice | Array | list[int]) -> MemorySource:
        """Some rows, copied into memory."""
        from .memory import MemorySource

        at = np.arange(len(self))[rows]
        return MemorySource(self.take(at))

    @property
    def here(self) -> bool:
        """Whether the blocks are seen by this process, so that what a function writes beside them is kept."""
        return True

    @property
    def dtype(self) -> np.dtype[Any]:
        """The precision of the numbers."""
        return next(iter(self.blocks())).dtype

    @property
    def columns(self) -> tuple[str, ...] | None:
        """The names of the numeric columns, None where they have none."""
        return None

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
        return np.asarray(self.map(lambda block: block.w))

    @cached_property
    def total(self) -> float:
        """The sum of the weights."""
        return float(self.reduce(_total)) if self.weighted else float(self.shape[0])

    @cached_property
    def weighted(self) -> bool:
        """Whether the rows have weights."""
        return any(block.weight is not None for block in self.blocks())

    @property
    def size(self) -> int:
        """How many numbers there are."""
        n, d = self.shape
        return n * max(d, 1)

    @cached_property
    def few(self) -> MemorySource:
        """The rows in memory; where they hold more than ``MANY`` numbers, a sample of them that holds ``SOME``.

        Drawn by weight, without replacement, by row number and not by content: rows that are alike arrive apart.
        """
        if self.size <= MANY:
            return self.held()
        from .memory import MemorySource

        m = max(1, SOME * self.shape[0] // self.size)
        first = self.reduce(partial(_race, m), merge=partial(first_of, m))
        return MemorySource(replace(self.take(first.row[np.argsort(first.time)]), weight=None))

    def held(self) -> MemorySource:
        """All rows, in memory."""
        from .memory import MemorySource

        return MemorySource(self.take(np.arange(self.shape[0])))

    @cached_property
    def content(self) -> str:
        """A number made of what the rows hold and weigh, in any order, in hexadecimal digits."""
        return f"{self.reduce(_content) % 2**64:016x}"

    @cached_property
    def order(self) -> Array:
        """The rows in the order of a hash of their content: random draws walk them so, never by position."""
        return ordered(np.asarray(self.map(kernels.hash_rows)))

    def sample(self, m: int, rng: np.random.Generator) -> Array:
        """m row numbers, drawn with probability proportional to weight, with replacement."""
        return draw(self.weight, m, rng, self.order)

    def batches(
        self, size: int, seed: int, epoch: int, start: int = 0, rank: int = 0, world: int = 1
    ) -> Iterator[Block]:
        """The rows in random order, ``size`` at a time, from batch number ``start`` of this epoch.

        A pure function of its arguments and of the rows: a position is two integers, (epoch, batch). Of ``world``
        processes, number ``rank`` takes its equal share of each batch; together they take the same rows in the same
        order as one process alone. The last batch is smaller, and left out where it has less than a row for each.

        Raises ``ArgumentError`` where ``size`` is smaller than ``world``.
        """
        if not 0 <= rank < world <= size:
            raise ArgumentError(f"batches of {size} rows cannot be dealt to process {rank} of {world}")
        n = self.shape[0]
        shuffled = self.order[np.random.default_rng((seed, epoch)).permutation(n)]
        for lo in range(start * size, n, size):
            rows = shuffled[lo : lo + size]
            if len(rows) >= world:
                yield self.take(rows[rank::world])

    def checking(self, gaps: bool, name: str) -> Source:
        """The same rows for a model called ``name``, which takes gaps or does not: what it cannot use is refused."""
        return self

    def weighing(self, weight: object = None, known: object = None) -> Source:
        """The same rows with these weights and known components."""
        raise InputError("rows in files bring their own weights: tacit.scan(path, weight=NAME OF THE COLUMN)")

    @abstractmethod
    def take(self, rows: Array) -> Block:
        """The rows of these numbers, copied, as one block."""

    def glance(self, count: int) -> Block:
        """About so many rows, from all over where that is cheap: near enough to guess a mean from."""
        n = self.shape[0]
        return self.take(np.arange(0, n, -(-n // count)))


def ordered(x: Array) -> Array:
    """``np.argsort(x, kind="stable")`` of numbers that hardly ever tie, several times faster where none do.

    >>> ordered(np.array([3, 1, 2, 1]))
    array([1, 3, 2, 0])
    """
    order = np.argsort(x)
    found = x[order]
    return np.argsort(x, kind="stable") if (found[1:] == found[:-1]).any() else order


def _content(block: Block) -> int:
    return int((kernels.hash_rows(block) * (1 + block.w.view(np.uint64))).sum(dtype=np.uint64))


def _total(block: Block) -> float:
    return float(block.w.sum())


class Runners(NamedTuple):
    """Rows, and when each arrives."""

    time: Doubles
    row: Array


def runners(start: int, weight: Doubles) -> Runners:
    """Row i arrives at -log(u_i) / w_i, u_i in (0, 1) made of its number: the first m are a sample drawn by weight,

    without replacement (Efraimidis and Spirakis 2006).
    """
    row = np.arange(start, start + len(weight))
    u = ((kernels.hash_rows(Block(0, row[:, None].astype(np.float64))) >> np.uint64(11)) + 0.5) * 2.0**-53
    with np.errstate(divide="ignore"):
        return Runners(-np.log(u) / weight, row)


def first_of(m: int, a: Runners, b: Runners) -> Runners:
    """The first m of two races; weight 0 never arrives."""
    time, row = np.concatenate([a.time, b.time]), np.concatenate([a.row, b.row])
    some = np.flatnonzero(np.isfinite(time))
    if len(some) > m:
        some = some[np.argpartition(time[some], m - 1)[:m]]
    return Runners(time[some], row[some])


def _race(m: int, block: Block) -> Runners:
    return first_of(m, runners(block.start, block.w), Runners(np.empty(0), np.empty(0, np.int64)))


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
    from .arrays import rows_of

    name = type(estimator).__name__ if estimator is not None else ""
    source = X.checking(gaps, name) if isinstance(X, Source) else rows_of(X, gaps=gaps, sparse=sparse, name=name)
    return source if weight is None and known is None else source.weighing(weight, known)


def check_weight(weight: object, n: int) -> Doubles | None:
    """Sample weights [n]: finite, none negative, not all zero; scikit-learn's phrases."""
    if weight is None:
        return None
    try:
        w = np.asarray(weight, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError("sample_weight must hold numbers") from None
    if w.ndim == 0:
        w = np.full(n, w)
    if w.ndim != 1:
        raise InputError(f"Sample weights must be 1D array or scalar, got {w.ndim}D array of shape {w.shape}")
    if len(w) != n:
        raise InputError(f"sample_weight.shape == {w.shape}, expected {(n,)}!")
    if not np.isfinite(w).all():
        row = int(np.flatnonzero(~np.isfinite(w))[0])
        what = "NaN" if np.isnan(w[row]) else "infinity"
        raise InputError(f"Input sample_weight contains {what}, in row {row}.")
    if (w < 0).any():
        row = int(np.flatnonzero(w < 0)[0])
        raise InputError(f"Negative values in data passed to `sample_weight`: {w[row]:g} in row {row}")
    if not w.any():
        raise InputError("Sample weights must contain at least one non-zero number.")
    return w


def check_known(known: object, n: int) -> Array | None:
    """Known component numbers [n], -1 where unknown."""
    if known is None:
        return None
    z = np.asarray(known)
    if z.shape != (n,):
        raise InputError(f"known.shape == {z.shape}, expected {(n,)}: one component number a row, -1 where unknown")
    if z.dtype.kind not in "iu" and not (z.dtype.kind == "f" and np.array_equal(z, np.rint(z))):
        raise InputError(f"known must hold component numbers, -1 where unknown; got {z.dtype}")
    if (z < -1).any() or (z > np.iinfo(np.int32).max).any():
        row = int(np.flatnonzero((z < -1) | (z > np.iinfo(np.int32).max))[0])
        raise InputError(f"known must hold component numbers >= 0, or -1 where unknown; row {row} holds {z[row]}")
    return z.astype(np.int32)
