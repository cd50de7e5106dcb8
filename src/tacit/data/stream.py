"""Rows that are read anew at each pass, since they are more than memory: in parts, the next one while this is used."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np

from ..errors import InputError
from ..typing import Array
from .arrays import check_block
from .block import Block, Column
from .memory import MemorySource
from .source import Source

PART_BYTES = 1 << 26  # of the numbers of a part, at most
PLACES = 4  # pieces that a few rows are read from

T = TypeVar("T")
Tell = Callable[[int, int], None]


class Pieces(ABC):
    """What a format says of its rows: in how many pieces they lie, and what is in each."""

    columns: tuple[str, ...]
    lengths: Sequence[int]  # rows of each piece; none is empty

    @abstractmethod
    def read(self, piece: int) -> Iterator[tuple[Column, ...]]:
        """The columns of a piece, in parts of at most ``PART_BYTES``."""

    def release(self) -> None:  # noqa: B027
        """Called when a part was used: the pages of a mapped file may go."""


class Apart(Source):
    """Rows that are not held together: row numbers are looked for where they are, and what is found is gathered."""

    _ends: Array  # of each piece, the number of the row behind its last one

    def glance(self, count: int) -> Block:
        ends = self._ends
        filled = np.flatnonzero(np.diff(ends, prepend=0))
        places = filled[np.unique(np.linspace(0, len(filled) - 1, PLACES).round().astype(np.int64))]
        each = -(-count // len(places))
        return gathered([self._some(int(place), each) for place in places])

    @abstractmethod
    def _some(self, piece: int, count: int) -> Block:
        """About so many rows of a piece that has some, at little cost."""

    @abstractmethod
    def picked(self, wanted: Array) -> Iterable[Block]:
        """The rows of these rising numbers, at least one, in blocks."""

    def take(self, rows: Array) -> Block:
        wanted, inverse = np.unique(np.asarray(rows, dtype=np.int64), return_inverse=True)
        n, d = self.shape
        if len(wanted) == 0:
            return Block(0, np.empty((0, d)))
        if wanted[0] < 0 or wanted[-1] >= n:
            raise IndexError(f"rows lie between 0 and {n - 1}")
        return MemorySource(gathered(list(self.picked(wanted)))).take(inverse)


def gathered(found: Sequence[Block]) -> Block:
    """Blocks as one."""
    weight = None if any(b.weight is None for b in found) else np.concatenate([b.w for b in found])
    return Block(0, np.concatenate([b.x for b in found]), weight=weight)


def spread(block: Block, count: int) -> Block:
    """About so many of its rows, copied."""
    return MemorySource(block).take(np.arange(0, block.n, -(-block.n // count)))


def among(wanted: Array, block: Block) -> Block:
    """The rows of a block that are among these rising numbers of its source, copied."""
    lo, hi = np.searchsorted(wanted, [block.start, block.start + block.n])
    return MemorySource(block).take(wanted[lo:hi] - block.start)


class Piecewise(Apart):
    """Rows in pieces that are read anew at each pass; ``tell(done, rows)`` is called after each part of a whole one."""

    def __init__(self, pieces: Pieces, tell: Tell | None = None) -> None:
        self.pieces, self.tell = pieces, tell
        self._ends = np.cumsum(pieces.lengths)

    @abstractmethod
    def _pass(self, pieces: Iterable[int]) -> Iterator[Block]:
        """The parts of these pieces, in order."""

    def _check(self, block: Block) -> None:
        """Refuse a part that cannot be used."""

    def blocks(self, rows: int | None = None) -> Iterator[Block]:
        for block in self._pass(range(len(self._ends))):
            self._check(block)
            yield from MemorySource(block).blocks(rows)
            if self.tell is not None:
                self.tell(block.start + block.n, len(self))

    def _some(self, piece: int, count: int) -> Block:
        return spread(next(iter(self._pass([piece]))), count)

    def picked(self, wanted: Array) -> Iterable[Block]:
        pieces = np.unique(np.searchsorted(self._ends, wanted, side="right"))
        return (among(wanted, block) for block in self._pass(pieces.tolist()))


class Stream(Piecewise):
    """Rows of numbers in files, of which a few parts are in memory at a time.

    ``weight`` names the column of weights. NaN and infinities are refused in the first whole pass, unless ``gaps``.
    """

    def __init__(
        self, pieces: Pieces, *, weight: str | None = None, gaps: bool = True, name: str = "", tell: Tell | None = None
    ) -> None:
        super().__init__(pieces, tell)
        self.gaps, self.name = gaps, name
        if weight is not None and weight not in pieces.columns:
            raise InputError(f"there is no column {weight!r} to take the weights from")
        self._weight = weight
        self._columns = tuple(c for c in pieces.columns if c != weight)
        self._sound = False

    def checking(self, gaps: bool, name: str) -> Stream:
        """The same rows for a model called ``name``, which takes gaps or does not."""
        return Stream(self.pieces, weight=self._weight, gaps=gaps, name=name, tell=self.tell)

    @property
    def shape(self) -> tuple[int, int]:
        return int(self._ends[-1]), len(self._columns)

    @property
    def columns(self) -> tuple[str, ...]:
        return self._columns

    def blocks(self, rows: int | None = None) -> Iterator[Block]:
        yield from super().blocks(rows)
        self._sound = True

    def _pass(self, pieces: Iterable[int]) -> Iterator[Block]:
        for start, columns in ahead(self._parts(pieces)):
            named = dict(zip(self.pieces.columns, columns, strict=True))
            weight = None if self._weight is None else np.asarray(named.pop(self._weight).decode(), dtype=np.float64)
            yield Block(start, tuple(named.values()), weight=weight)
            self.pieces.release()

    def _parts(self, pieces: Iterable[int]) -> Iterator[tuple[int, tuple[Column, ...]]]:
        for piece in pieces:
            start = int(self._ends[piece] - self.pieces.lengths[piece])
            for columns in self.pieces.read(piece):
                yield start, columns
                start += len(columns[0].values)

    def _check(self, block: Block) -> None:
        if self._sound:
            return
        check_block(block, self._columns, self.gaps, self.name)
        if block.weight is not None and not (np.isfinite(block.weight) & (block.weight >= 0)).all():
            row = int(np.flatnonzero(~(np.isfinite(block.weight) & (block.weight >= 0)))[0])
            raise InputError(
                f"column {self._weight!r} holds the weight {block.weight[row]:g} in row {block.start + row}: "
                "weights are finite and not negative"
            )

    @property
    def weighted(self) -> bool:
        return self._weight is not None


def ahead(items: Iterator[T]) -> Iterator[T]:
    """The same items, each made on a thread while the one before it is used.

    >>> list(ahead(iter("abc")))
    ['a', 'b', 'c']
    """
    end: Any = object()
    with ThreadPoolExecutor(1, "tacit-read-ahead") as thread:
        coming = thread.submit(next, items, end)
        while (item := coming.result()) is not end:
            coming = thread.submit(next, items, end)
            yield item
