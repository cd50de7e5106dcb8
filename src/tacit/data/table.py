"""A table: named columns of known kinds, as a source of numbers and category codes."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..errors import DataNotice, InputError, SchemaError
from ..typing import Array
from .block import Block, Column
from .cells import dates, is_text, numbers, texts
from .frames import arrow_column, to_frame, view
from .infer import infer, level_of
from .memory import MemorySource
from .readers import Raw, read_path
from .schema import OTHER, ColumnSchema, Kind, Schema, check_kind, nearest_name
from .schema import parse_types as parse_types


class Table(MemorySource):
    """Rows with named columns: numbers and dates as ``block.numbers``, categories as ``block.codes``.

    ``frame`` is the table as it came, a ``pyarrow.Table`` with all columns; ``schema`` says what each of them is.
    """

    def __init__(self, frame: Any, schema: Schema, block: Block, notices: tuple[str, ...] = ()) -> None:
        super().__init__(block)
        self.frame = frame
        self.schema = schema
        self.notices = notices

    @classmethod
    def read(cls, X: object, types: Mapping[str, str] | None = None, weight: object = None) -> Table:
        """A table from a path, ``sample:NAME``, a pandas, polars or pyarrow table, a dict of columns or an array.

        What each column is is inferred from its cells; ``types`` (column name -> kind) overrules. What was decided
        for the user, such as a column left out, is in ``notices`` and given as one ``DataNotice``.

        Raises ``InputError`` for data that cannot be used, ``ArgumentError`` for an unknown kind.

        >>> table = Table.read({"size": [2.5, 3.1, None], "day": ["Sat", "Sun", "Sat"]})
        >>> [str(c.kind) for c in table.schema.columns], table.block.codes.tolist()
        (['number', 'binary'], [[0], [1], [0]])
        """
        if isinstance(X, Table) and types is None:
            return X.weighing(weight)
        raw = _raw(X)
        wanted = {name: check_kind(kind, name) for name, kind in (types or {}).items()}
        for name in wanted:
            if name not in raw.frame.column_names:
                raise InputError(
                    f"types names a column {name!r} that the table lacks{nearest_name(name, raw.frame.column_names)}"
                )
        columns = [
            infer(name, _whole(raw.frame[name]), wanted.get(name), default=raw.decimal, named=raw.named)
            for name in raw.frame.column_names
        ]
        schema = Schema(tuple(columns))
        notices = tuple(
            f"column {c.name!r}: {'left out: ' if c in schema.left_out else ''}{c.notice}" for c in columns if c.notice
        )
        table = _encode(raw.frame, schema, (*raw.notices, *notices))
        if table.notices:
            warnings.warn("\n".join(table.notices), DataNotice, stacklevel=2)
        return table.weighing(weight)

    def conform(self: object, schema: Schema) -> Table:
        """The table with the kinds, levels and order of ``schema``, for rows met after ``fit``.

        Also called as ``Table.conform(X, schema)`` with any X that ``read`` takes. Columns are matched by name, others
        ignored. A cell of an unknown category becomes a gap, with a ``DataNotice``; where rare levels were put
        together, it joins them. A column that is missing, or that holds no numbers where numbers were, raises
        ``SchemaError``.
        """
        if isinstance(self, Table) and self.schema == schema:
            return self
        raw = _raw(self)
        for column in schema.columns:
            if column.name not in raw.frame.column_names and column not in schema.left_out:
                hint = nearest_name(column.name, raw.frame.column_names)
                raise SchemaError(f"the table lacks the column {column.name!r} that the model was fitted with{hint}")
        known = [c for c in schema.columns if c.name in raw.frame.column_names]
        table = _encode(raw.frame.select([c.name for c in known]), Schema(tuple(known)))
        table.schema = schema
        if table.notices:
            warnings.warn("\n".join(table.notices), DataNotice, stacklevel=2)
        return table.weighing(self.block.weight) if isinstance(self, Table) else table

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

        >>> Table.read({"size": [2.0, None], "day": ["Sat", "Sun"]}).display([1])
        {'size': [''], 'day': ['Sun']}
        """
        frame = self.frame
        if isinstance(rows, slice):
            rows = range(*rows.indices(self.n))
        if rows is not None:
            frame = frame.take(pa.array(np.asarray(rows, dtype=np.int64)))
        return {name: [_shown(v) for v in frame[name].to_pylist()] for name in frame.column_names}

    def arrow(self, columns: Iterable[str] | None = None) -> Any:
        """A ``pyarrow.Table`` with cells in their own types: numbers, dates and levels decoded, the rest as it came."""
        decoded = self.schema.decode(self.block.x, _codes(self.block))
        names = list(self.names if columns is None else columns)
        for name in names:
            if name not in self.names:
                raise InputError(f"the table has no column {name!r}{nearest_name(name, self.names)}")
        return pa.table({n: decoded[n] if n in decoded.column_names else self.frame[n] for n in names})


def _codes(block: Block) -> Array:
    return np.empty((block.n, 0), dtype=np.int32) if block.codes is None else block.codes


def _shown(value: Any) -> str:
    if value is None or value != value:
        return ""
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def _raw(X: object) -> Raw:
    if isinstance(X, Table):
        return Raw(X.frame)
    if isinstance(X, str | Path | PathLike):
        return read_path(X)
    if isinstance(X, Mapping):
        X = pa.table({str(k): arrow_column(str(k), v) for k, v in X.items()})
    frame = to_frame(X)
    if frame is not None:
        return Raw(frame)
    x = np.asarray(X)
    if x.ndim != 2 or x.dtype.kind not in "biuf":
        what = f"{x.ndim}-dimensional array of {x.dtype}"
        raise InputError(
            "a table is a path, a pandas, polars or pyarrow table, a dict of columns or "
            f"a numeric array [n, d]; got a {what}"
        )
    return Raw(pa.table({f"x{j}": arrow_column(f"x{j}", x[:, j]) for j in range(x.shape[1])}), named=False)


def _whole(column: Any) -> Any:
    """A chunked Arrow column in one piece."""
    if not isinstance(column, pa.ChunkedArray):
        return column
    if pa.types.is_dictionary(column.type):
        column = column.unify_dictionaries()
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _encode(frame: Any, schema: Schema, notices: tuple[str, ...] = ()) -> Table:
    if not frame.num_rows:
        raise InputError("the table has no rows")
    cells, codes, said = [], [], list(notices)
    for column in schema.columns:
        if column.kind.numeric:
            cells.append(_number_cells(column, _whole(frame[column.name])))
        elif column.kind.categorical:
            z, unknown = _level_cells(column, _whole(frame[column.name]))
            codes.append(z)
            if unknown:
                some = ", ".join(map(repr, unknown[:3])) + (", ..." if len(unknown) > 3 else "")
                said.append(f"column {column.name!r}: {some} was not there at fit and is read as a gap")
    if not cells and not codes:
        raise InputError("no column is left to learn from: " + "; ".join(said))
    block = Block(0, tuple(cells), codes=np.column_stack(codes).astype(np.int32) if codes else None)
    return Table(frame, schema, block, tuple(said))


def _number_cells(schema: ColumnSchema, column: Any) -> Column:
    """The cells of a numeric column; typed numbers stay where they are."""
    t = column.type
    if schema.kind is Kind.DATETIME:
        return Column(_days(schema, column))
    if is_text(column) or pa.types.is_dictionary(t):
        column = column.cast(t.value_type) if pa.types.is_dictionary(t) else column
        if is_text(column):
            values = numbers(column, mark=schema.format or ".").values
            if column.null_count < len(column) and not np.isfinite(values).any() and texts(column).counts():
                raise SchemaError(
                    f"column {schema.name!r} held numbers at fit, but {next(iter(texts(column).counts()))!r} is none"
                )
            return _finite(schema, Column(values))
    if pa.types.is_null(t):
        return Column(np.full(len(column), np.nan))
    if not (
        pa.types.is_integer(t)
        or pa.types.is_floating(t)
        or pa.types.is_boolean(t)
        or pa.types.is_decimal(t)
        or pa.types.is_duration(t)
    ):
        raise SchemaError(f"column {schema.name!r} held numbers at fit and holds {t} now")
    return _finite(schema, view(column))


def _finite(schema: ColumnSchema, column: Column) -> Column:
    if column.values.dtype.kind == "f" and np.isinf(column.values).any():
        row = int(np.flatnonzero(np.isinf(column.values))[0])
        raise InputError(
            f"column {schema.name!r} holds an infinity in row {row}: replace it by a number or leave the cell empty"
        )
    return column


def _days(schema: ColumnSchema, column: Any) -> Array:
    """Days since 1970-01-01, a gap as NaN."""
    t = column.type
    if pa.types.is_null(t):
        return np.full(len(column), np.nan)
    if is_text(column):
        read = dates(column, schema.format) or dates(column)
        if read is None:
            if not texts(column).counts():
                return np.full(len(column), np.nan)
            raise SchemaError(f"column {schema.name!r} held dates at fit, and now cells that are none")
        return read.days
    if not (pa.types.is_timestamp(t) or pa.types.is_date(t)):
        raise SchemaError(f"column {schema.name!r} held dates at fit and holds {t} now")
    us = pc.cast(column, pa.timestamp("us", tz=getattr(t, "tz", None)), safe=False).cast(pa.int64())
    days: Array = pc.fill_null(pc.divide(us.cast(pa.float64(), safe=False), 86_400e6), np.nan).to_numpy(
        zero_copy_only=False
    )
    return days


def _level_cells(schema: ColumnSchema, column: Any) -> tuple[Array, list[str]]:
    """Codes of a categorical column, and the levels that its schema does not know."""
    t = column.type
    if pa.types.is_dictionary(t):
        column = column.cast(t.value_type)
    if schema.dtype in ("int64", "double") and not pa.types.is_boolean(column.type):
        column = _numbers_as_levels(schema, column)
    elif not is_text(column):
        column = pa.array([None if v is None else str(v) for v in column.to_pylist()], type=pa.string())
    cells = texts(column)
    code = {level: j for j, level in enumerate(schema.levels)}
    if schema.dtype == "bool":
        code |= {text: j for j, same in enumerate(_BOOLS) for text in same}
    other = code.get(OTHER, -1)
    unknown = [t for t in cells.counts() if t not in code]
    gaps = dict.fromkeys(cells.missing(), -1) | {"": -1}
    table = {t: code[t] if t in code else gaps.get(t, other) for t in cells.texts}
    return cells.spread(table, -1, np.int32), [] if other >= 0 else unknown


_BOOLS = (("false", "FALSE", "0", "f", "F", "no", "No"), ("true", "TRUE", "1", "t", "T", "yes", "Yes"))


def _numbers_as_levels(schema: ColumnSchema, column: Any) -> Any:
    """Numbers as the texts of levels, so that 1, 1.0 and "1" are one level; other texts stay."""
    if is_text(column):
        of_text = {}
        for text in texts(column).texts:
            value = numbers(pa.array([text]), mark=schema.format or ".").values[0]
            of_text[text] = level_of(value, schema.dtype) if value == value and _holds(value, schema) else text
        cells = texts(column)
        return pa.array(cells.spread(of_text, None, object), type=pa.string())
    x = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return pa.array(
        [None if v != v else level_of(v, schema.dtype) if _holds(v, schema) else repr(v) for v in x.tolist()]
    )


def _holds(value: float, schema: ColumnSchema) -> bool:
    return schema.dtype == "double" or float(value).is_integer()
