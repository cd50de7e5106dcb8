"""Tables in files that are more than memory: kinds are inferred from a sample, each part is read by them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property, partial
from os import PathLike, fspath
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa

from ..errors import DataNotice
from ..stats import add
from ..typing import Array
from .block import Block
from .files import CSV, Files, is_large, pieces_of
from .memory import MemorySource
from .readers import Raw, layout
from .schema import Schema
from .source import Runners, Source, first_of, runners
from .stream import Piecewise, ahead
from .table import Table

Rows = TypeVar("Rows", bound=Source)
S = TypeVar("S")

CELLS = 1 << 21  # of the sample by which columns are judged, at most


class TableParts(Piecewise):
    """The rows of a table in a folder, or in a file that is too large to be held, read anew at each pass.

    What each column is follows from ``drawn``, a ``Table`` of rows drawn at random, or is given by ``schema``. A
    category that no drawn row has is a gap, or one of the rare levels where those were put together.

    Raises what ``tacit.scan`` and ``Table.read`` raise.

    >>> import pyarrow.parquet, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> for i in range(2):
    ...     rows = pa.table({"size": [1.5 + i, 2.5], "day": ["Sat", "Sun"]})
    ...     pyarrow.parquet.write_table(rows, f"{folder}/{i}.parquet")
    >>> parts = TableParts(folder)
    >>> len(parts), parts.columns, [str(c.kind) for c in parts.schema.columns]
    (4, ('size',), ['number', 'binary'])
    >>> [block.n for block in parts.blocks()]
    [2, 2]
    """

    def __init__(
        self, path: str | PathLike[str], types: Mapping[str, str] | None = None, schema: Schema | None = None
    ) -> None:
        self.path = Path(fspath(path)).expanduser()
        self.files = pieces_of(self.path, words=True)
        super().__init__(self.files)
        self.drawn = Table.read(self._sample(), types) if schema is None else None
        self.schema: Schema = schema or self.drawn.schema  # type: ignore[union-attr]

    @property
    def shape(self) -> tuple[int, int]:
        return int(self._ends[-1]), len(self.schema.numeric)

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(c.name for c in self.schema.numeric)

    def _pass(self, pieces: Iterable[int]) -> Iterator[Block]:
        for start, frame in self._frames(pieces):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DataNotice)  # of each part: what was rare among all rows
                yield replace(Table.conform(frame, self.schema).block, start=start)

    def _frames(self, pieces: Iterable[int]) -> Iterator[tuple[int, Any]]:
        return frames(self.files, pieces, self._ends)

    def _sample(self) -> Raw:
        """Rows drawn at random, in the order of the files."""
        wanted, parts = drawn_rows(int(self._ends[-1]), len(self.files.columns)), []
        for start, frame in self._frames(range(len(self._ends))):
            lo, hi = np.searchsorted(wanted, [start, start + frame.num_rows])
            parts.append(frame.take(wanted[lo:hi] - start))
        decimal = layout(self.files.files[0]).decimal if isinstance(self.files, CSV) else "."
        return Raw(pa.concat_tables(parts).combine_chunks(), decimal)


def drawn_rows(n: int, width: int) -> Array:
    """The numbers of rows drawn at random out of n, rising, as many as have ``CELLS`` cells."""
    m = max(1, CELLS // max(width, 1))
    first = Runners(np.empty(0), np.empty(0, np.int64))
    for lo in range(0, n, 1 << 20):
        first = first_of(m, first, runners(lo, np.ones(min(1 << 20, n - lo))))
    return np.sort(first.row)


def frames(files: Files, pieces: Iterable[int], ends: Array) -> Iterator[tuple[int, Any]]:
    """The parts of these pieces as ``pyarrow.Table``s as they came, each with the number of its first row."""

    def batches() -> Iterator[tuple[int, Any]]:
        for piece in pieces:
            start = int(ends[piece] - files.lengths[piece])
            for batch in files.frames(piece):
                yield start, batch
                start += batch.num_rows

    for start, batch in ahead(batches()):
        yield start, pa.Table.from_batches([batch])
        files.release()


def in_parts(X: object, types: Mapping[str, str] | None = None, schema: Schema | None = None) -> Any:
    """X as a table in parts: files that are too large to be held, a Dask data frame; None for any other."""
    if isinstance(X, TableParts):
        return X if schema is None else TableParts(X.path, schema=schema)
    if is_large(X):
        path: Any = X
        return TableParts(path, types, schema)
    if not (type(X).__module__.startswith(("dask", "tacit.data.dask")) and hasattr(X, "columns")):
        return None
    from .dask import DaskSource, DaskTable

    if isinstance(X, DaskTable):
        return X if schema is None else DaskTable(X.X, schema=schema)
    return None if isinstance(X, DaskSource) else DaskTable(X, types, schema)


class Through(Source):
    """The rows of another source, every block changed by a function, where it is."""

    def __init__(self, source: Source, f: Callable[[Block], Block]) -> None:
        self.source, self.f = source, f

    @property
    def shape(self) -> tuple[int, int]:
        return self.source.shape[0], self._width

    @cached_property
    def _width(self) -> int:
        return next(iter(self.blocks())).d

    @property
    def here(self) -> bool:
        return self.source.here

    def blocks(self, rows: int | None = None) -> Iterator[Block]:
        return map(self.f, self.source.blocks(rows))

    def reduce(self, f: Callable[[Block], S], merge: Callable[[S, S], S] = add, rows: int | None = None) -> S:
        return self.source.reduce(partial(_after, f, self.f), merge, rows)

    def map(self, f: Callable[[Block], Array], rows: int | None = None) -> Any:
        return self.source.map(partial(_after, f, self.f), rows)

    def take(self, rows: Array) -> Block:
        return self.f(self.source.take(rows))


def _after(f: Callable[[Block], S], g: Callable[[Block], Block], block: Block) -> S:
    return f(g(block))


def through(source: Rows, f: Callable[[Block], Block]) -> Rows:
    """The rows of a source, every block changed by f: at once where they are in memory, else at each pass."""
    there: Any = MemorySource(f(source.block)) if isinstance(source, MemorySource) else Through(source, f)
    return there  # type: ignore[no-any-return]
