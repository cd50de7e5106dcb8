"""A table: named columns of known kinds, as a source of numbers and category codes."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import replace
from os import PathLike
from typing import Any

import numpy as np
import pyarrow as pa

from ..errors import ArgumentError, DataNotice, InputError, SchemaError
from ..typing import Array
from .block import Block
from .cells import step_of
from .encode import encode
from .frames import arrow_column, check_names, to_frame, whole
from .infer import infer
from .memory import MemorySource
from .readers import Raw, read_path
from .schema import ColumnSchema as ColumnSchema
from .schema import Kind as Kind
from .schema import Schema as Schema
from .schema import check_kind, nearest_name
from .schema import parse_types as parse_types


class Table(MemorySource):
    """Rows with named columns: numbers and dates as ``block.numbers``, categories as ``block.codes``.

    ``frame`` is the table as it came, a ``pyarrow.Table`` with all columns; ``schema`` says what each of them is;
    ``notices`` what was decided for the user.
    """

    def __init__(self, raw: Raw, schema: Schema, block: Block, notices: tuple[str, ...] = ()) -> None:
        super().__init__(block, tuple(c.name for c in schema.numeric))
        self.raw = raw
        self.schema = schema
        self.notices = notices

    @classmethod
    def read(cls, X: object, types: Mapping[str, str] | None = None, weight: object = None) -> Table:
        """A table from a path, ``sample:NAME``, a pandas, polars or pyarrow table, a dict of columns or an array.

        What each column holds is inferred from its cells; ``types`` (column name -> kind) overrules. Decisions that
        the user may want to know, such as a column left out, stand in ``notices`` and are issued as one ``DataNotice``.

        Raises ``InputError`` for data that cannot be used, ``ArgumentError`` for an unknown kind or column in
        ``types``.

        >>> table = Table.read({"size": [2.5, 3.1, None], "day": ["Sat", "Sun", "Sat"]})
        >>> [str(c.kind) for c in table.schema.columns], table.block.codes.tolist()
        (['number', 'binary'], [[0], [1], [0]])
        """
        if isinstance(X, Table) and types is None:
            return X.weighing(weight)
        raw = _raw(X)
        names = raw.frame.column_names
        if not names or not raw.frame.num_rows:
            raise InputError(f"the table has no {'rows' if names else 'columns'}")
        wanted = {name: check_kind(kind, name) for name, kind in (types or {}).items()}
        for name in wanted:
            if name not in names:
                raise ArgumentError(f"types names a column {name!r}, which the table lacks{nearest_name(name, names)}")
        columns = [
            infer(name, whole(raw.frame[name]), wanted.get(name), default=raw.decimal, named=raw.named)
            for name in names
        ]
        schema = Schema(tuple(columns))
        left = {c.name for c in schema.left_out}
        said = [f"column {c.name!r}: {'left out, ' * (c.name in left)}{c.notice}" for c in columns if c.notice]
        if len(left) == len(columns):
            raise InputError("the table has no column to learn from: " + "; ".join(said))
        block, _ = encode(raw.frame, schema, raw.decimal)
        table = cls(raw, schema, block, (*raw.notices, *said))
        table._say()
        return table.weighing(X.block.weight if isinstance(X, Table) and weight is None else weight)

    def conform(self: object, schema: Schema, *, partial: bool = False) -> Table:
        """The table with the kinds, levels and order of ``schema``: how rows are read after ``fit``.

        Also called as ``Table.conform(X, schema)`` with any X that ``read`` takes. Columns are matched by name, others
        ignored; left-out ones may be absent. A cell of an unknown category becomes a gap, with a ``DataNotice``, or
        joins the rare levels where those were put together. A missing column, or one that can no longer be read as
        what it was, raises ``SchemaError``; with ``partial``, the schema shrinks to the columns that are there.

        >>> day = Table.read({"day": ["Sat", "Sun", "Sat"]}).schema
        >>> Table.conform({"size": [2], "day": ["Sun"]}, day).block.codes.tolist()
        [[1]]
        """
        if isinstance(self, Table) and self.schema == schema:
            return self
        raw = _raw(self)
        names = raw.frame.column_names
        if partial:
            schema = Schema(tuple(c for c in schema.columns if c.name in names))
        for column in schema.columns:
            if column.name not in names and column not in schema.left_out:
                hint = nearest_name(column.name, names)
                raise SchemaError(f"the table lacks the column {column.name!r}, which it had at fit{hint}")
        here = [c.name for c in schema.columns if c.name in names]
        raw = raw._replace(frame=raw.frame.select(here))
        block, said = encode(raw.frame, schema)
        table = Table(raw, schema, block, tuple(said))
        table._say()
        return table.weighing(self.block.weight, self.block.known) if isinstance(self, Table) else table

    @property
    def frame(self) -> Any:
        """The table as it came, a ``pyarrow.Table``: the cells of a text file are text."""
        return self.raw.frame

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all columns, in the order of the file."""
        return tuple(self.frame.column_names)

    @property
    def n(self) -> int:
        """The number of rows."""
        return int(self.frame.num_rows)

    def display(self, rows: Iterable[int] | slice | None = None) -> dict[str, list[str]]:
        """The cells of some rows as text, for all columns; a gap is an empty text.

        >>> Table.read({"size": [2.5, None], "day": ["Sat", "Sun"]}).display([1])
        {'size': [''], 'day': ['Sun']}
        """
        frame = self.frame
        if isinstance(rows, slice):
            rows = range(*rows.indices(self.n))
        if rows is not None:
            frame = frame.take(pa.array(np.asarray(rows, dtype=np.int64)))
        return {name: _shown(frame[name]) for name in frame.column_names}

    def arrow(self, columns: Iterable[str] | None = None) -> Any:
        """A ``pyarrow.Table`` with cells in their own types: numbers, dates and levels decoded, the rest as it came.

        >>> Table.read({"size": ["2", "3"], "day": ["Sat", "Sun"]}).arrow(["size"]).to_pylist()
        [{'size': 2}, {'size': 3}]
        """
        x, codes = self.block.x, self.block.codes
        own = {c.name: _as_it_is(c, cells) for c, cells in zip(self.schema.numeric, x.T, strict=True)}
        schema = Schema(tuple(own.get(c.name, c) for c in self.schema.columns))
        decoded = schema.decode(x, np.empty((self.n, 0)) if codes is None else codes)
        names = list(self.names if columns is None else columns)
        for name in names:
            if name not in self.names:
                raise ArgumentError(f"the table has no column {name!r}{nearest_name(name, self.names)}")
        return pa.table({n: decoded[n] if n in decoded.column_names else self.frame[n] for n in names})

    def _say(self) -> None:
        if self.notices:
            warnings.warn("; ".join(self.notices), DataNotice, stacklevel=3)


def _as_it_is(column: ColumnSchema, x: Array) -> ColumnSchema:
    """The type of these cells, which need not be that of ``fit``: decoding must round none of them."""
    step = step_of(x[~np.isnan(x)])
    if column.kind is Kind.DATETIME:
        return replace(column, dtype="date32[day]" if step == 1 else "timestamp[us]")
    return replace(column, step=step, dtype="int64" if step == 1 else "double", kind=Kind.NUMBER)


def _raw(X: object) -> Raw:
    """Whatever ``read`` takes, as an Arrow table."""
    if isinstance(X, Table):
        return X.raw
    if isinstance(X, Raw):
        return X
    if isinstance(X, str | PathLike):
        return read_path(X)
    if isinstance(X, Mapping):
        columns = {str(name): arrow_column(str(name), cells) for name, cells in X.items()}
        lengths = {len(cells) for cells in columns.values()}
        if len(lengths) > 1:
            sizes = ", ".join(f"{name!r} {len(cells)}" for name, cells in columns.items())
            raise InputError(f"the columns have different numbers of cells: {sizes}")
        check_names([str(name) for name in X])
        return Raw(pa.table(columns))
    frame = to_frame(X)
    if frame is not None:
        return Raw(frame)
    x = np.asarray(X)
    if x.ndim != 2 or x.dtype.kind not in "biuf":
        raise InputError(
            "a table is a path, a pandas, polars or pyarrow table, a dict of columns or an array of numbers [n, d]; "
            f"got a {x.ndim}-dimensional array of {x.dtype}"
        )
    return Raw(pa.table({f"x{j}": arrow_column(f"x{j}", x[:, j]) for j in range(x.shape[1])}), named=False)


def _shown(column: Any) -> list[str]:
    digits = 7 if pa.types.is_float32(column.type) else 15
    return [
        "" if v is None or v != v else f"{v:.{digits}g}" if isinstance(v, float) else str(v) for v in column.to_pylist()
    ]
