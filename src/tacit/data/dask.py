"""Rows on many machines: the partitions of a Dask array or data frame, each folded where it lies."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial, reduce
from typing import Any, TypeVar
from uuid import uuid4

import numpy as np

from ..errors import DataNotice, InputError
from ..stats import add
from ..typing import Array, Doubles
from .block import Block, precision
from .frames import to_frame
from .memory import MemorySource
from .parts import drawn_rows
from .schema import Schema
from .source import OF_WEIGHTS, check_weight
from .stream import Apart, among, spread
from .table import Table

S = TypeVar("S")

LARGE = 200_000  # bytes from which a task of their own is sooner than a copy in every task
WIDE = 16  # sums that are merged in one place: a level of the tree costs more time than the adding


class DaskSource(Apart):
    """Partitions of rows. What is learned goes out to them and sums come back, through a tree fixed by their number.

    Where a client of ``dask.distributed`` is there, its workers do the work; else this process does, one partition
    after another with all its threads. ``map`` is lazy and gives a Dask array.
    """

    def __init__(self, X: Any, *, gaps: bool = False, name: str = "") -> None:
        import dask.array as da

        self.X, self.gaps, self.name, self.sound = X, gaps, name, False
        if isinstance(X, da.Array):
            if X.ndim != 2:
                raise InputError(f"Expected 2D array, got {X.ndim}D array instead")
            if X.shape[1] == 0:
                raise InputError("Found array with 0 feature(s) while a minimum of 1 is required.")
            X = X if X.numblocks[1] == 1 else X.rechunk({1: -1})
            self.parts: list[Any] = list(X.to_delayed()[:, 0])
            self._columns, self.d = None, int(X.shape[1])
            known: Sequence[float] = X.chunks[0]
        else:
            self.parts = list(X.to_delayed())
            self._columns = tuple(map(str, X.columns))
            self.d, known = len(self._columns), (np.nan,)
        self.lengths = [int(n) for n in (self._lengths() if np.isnan(known).any() else known)]
        if not sum(self.lengths):
            raise InputError(f"Found array with 0 sample(s) (shape=(0, {self.d})) while a minimum of 1 is required.")
        self.starts = np.cumsum([0, *self.lengths])
        self._ends = self.starts[1:]
        self.weights: list[Any] | None = None
        self.read: Callable[[Any], Block] = _numbers

    @property
    def shape(self) -> tuple[int, int]:
        return int(self.starts[-1]), self.d

    @property
    def columns(self) -> tuple[str, ...] | None:
        return self._columns

    @property
    def here(self) -> bool:
        return False

    @property
    def dtype(self) -> np.dtype[Any]:
        kinds = [self.X.dtype] if self._columns is None else list(self.X.dtypes)
        return np.result_type(np.float16, *(precision(np.dtype(kind)) for kind in kinds))

    def checking(self, gaps: bool, name: str) -> DaskSource:
        other = copy.copy(self)
        other.gaps, other.name, other.sound = gaps, name, False
        return other

    def weighing(self, weight: object = None, known: object = None) -> DaskSource:
        if known is not None:
            raise InputError("known components are for rows in memory")
        other = copy.copy(self)
        for cached in OF_WEIGHTS:
            other.__dict__.pop(cached, None)
        other.weights = self._dealt(weight)
        return other

    @property
    def weighted(self) -> bool:
        return self.weights is not None

    def blocks(self, rows: int | None = None) -> Iterator[Block]:
        for task in self._tasks(partial(_cut, rows)):
            yield from run(task)[0]

    def reduce(self, f: Callable[[Block], S], merge: Callable[[S, S], S] = add, rows: int | None = None) -> S:
        import dask

        sums = self._tasks(partial(_fold, f, merge, rows))
        merged = dask.delayed(_merged, pure=False)
        while len(sums) > WIDE:  # neighbours, left to right: the tree depends on their number alone
            sums = [merged(merge, *sums[i : i + WIDE]) for i in range(0, len(sums), WIDE)]
        total: S = _merged(merge, *run(*sums))
        self.sound = True
        return total

    def map(self, f: Callable[[Block], Array], rows: int | None = None) -> Any:
        import dask.array as da

        like = f(self._first())
        tasks = self._tasks(partial(_each, f, rows))
        lengths = [n for n in self.lengths if n]
        arrays = [
            da.from_delayed(task, shape=(n, *like.shape[1:]), dtype=like.dtype)
            for task, n in zip(tasks, lengths, strict=True)
        ]
        return da.concatenate(arrays)

    def picked(self, wanted: Array) -> Iterable[Block]:
        only = np.searchsorted(self.starts, wanted, side="right") - 1
        return run(*self._tasks(partial(among, wanted), only=only))

    def _some(self, piece: int, count: int) -> Block:
        found: Block = run(*self._tasks(partial(spread, count=count), only=np.array([piece])))[0]
        return found

    def _tasks(self, f: Callable[[Block], Any], only: Array | None = None) -> list[Any]:
        """f of each partition that has rows, a group of their own: of a group that has grown over the passes the
        scheduler of ``dask.distributed`` forgets where the partitions are."""
        import dask

        name = f"tacit-{uuid4().hex}"
        work, f = dask.delayed(_block, pure=False), _sent(f)
        check = None if self.sound else (self.gaps, self.name)
        some = set(range(len(self.parts))) if only is None else set(np.asarray(only).tolist())
        return [
            work(
                part,
                f,
                self.read,
                int(self.starts[i]),
                self._columns,
                check,
                None if self.weights is None else self.weights[i],
                dask_key_name=(name, i),
            )
            for i, part in enumerate(self.parts)
            if i in some and self.lengths[i]
        ]

    def _first(self) -> Block:
        """A row like the others."""
        return Block(0, np.zeros((1, self.d)))

    def _lengths(self) -> Sequence[int]:
        import dask

        return run(*(dask.delayed(len, pure=False)(part) for part in self.parts))

    def _dealt(self, weight: object) -> list[Any]:
        """The weights of each partition."""
        if hasattr(weight, "to_delayed"):
            (weight,) = run(weight)
        w = check_weight(weight, self.shape[0])
        assert w is not None
        return [w[lo:hi] for lo, hi in zip(self.starts[:-1], self.starts[1:], strict=True)]


class DaskTable(DaskSource):
    """A table on many machines: what its columns are follows from rows drawn at random, or is given by ``schema``."""

    def __init__(self, X: Any, types: Mapping[str, str] | None = None, schema: Schema | None = None) -> None:
        super().__init__(X, gaps=True)
        self.sound, self.drawn = True, None if schema else Table.read(self._sample(), types)
        self.schema: Schema = schema or self.drawn.schema  # type: ignore[union-attr]
        self._columns = tuple(c.name for c in self.schema.numeric)
        self.d, self.read = len(self._columns), partial(_conformed, self.schema)

    def _sample(self) -> Any:
        import dask
        import pyarrow as pa

        wanted = drawn_rows(self.shape[0], self.d)
        work, tasks = dask.delayed(_picked, pure=False), []
        for part, lo, hi in zip(self.parts, self.starts[:-1], self.starts[1:], strict=True):
            rows = wanted[np.searchsorted(wanted, lo) : np.searchsorted(wanted, hi)]
            tasks += [work(part, rows - lo)] if len(rows) else []
        return pa.concat_tables(run(*tasks), promote_options="permissive").combine_chunks()

    def _first(self) -> Block:
        some = next(i for i, n in enumerate(self.lengths) if n)
        return self.read(run(self.parts[some])[0])[:1]


def _sent(f: Callable[[Block], Any]) -> Any:
    """What goes out to the partitions: with every task where it is small, else once to each worker."""
    import cloudpickle
    import dask
    from dask.base import get_scheduler

    small = get_scheduler() is None or len(cloudpickle.dumps(f)) < LARGE
    return f if small else dask.delayed(f, pure=False, traverse=False)


def run(*tasks: Any) -> tuple[Any, ...]:
    """The results, by the scheduler that the user has set up, else in this thread: the kernels have threads."""
    import dask
    from dask.base import get_scheduler

    out: tuple[Any, ...] = dask.compute(*tasks, scheduler=None if get_scheduler() else "sync")
    return out


# What runs where the rows are.


def _numbers(part: Any) -> Block:
    from .arrays import memory_rows

    return memory_rows(part).block


def _conformed(schema: Schema, part: Any) -> Block:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataNotice)  # of each part: what was rare among all rows
        return Table.conform(part, schema).block


def _picked(part: Any, rows: Array) -> Any:
    return to_frame(part).take(rows)


def _block(
    part: Any,
    f: Callable[[Block], S],
    read: Callable[[Any], Block],
    start: int,
    columns: tuple[str, ...] | None,
    check: tuple[bool, str] | None,
    weight: Doubles | None,
) -> S:
    from .arrays import check_block

    block = replace(read(part), start=start, weight=weight)
    if check is not None:
        check_block(block, columns, *check)
    return f(block)


def _cut(rows: int | None, block: Block) -> list[Block]:
    return list(MemorySource(block).blocks(rows))


def _fold(f: Callable[[Block], S], merge: Callable[[S, S], S], rows: int | None, block: Block) -> S:
    return reduce(merge, map(f, _cut(rows, block)))


def _merged(merge: Callable[[S, S], S], *sums: S) -> S:
    return reduce(merge, sums)


def _each(f: Callable[[Block], Array], rows: int | None, block: Block) -> Array:
    parts = [f(b) for b in _cut(rows, block)]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
