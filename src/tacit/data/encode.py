"""Cells as numbers and codes under a schema: what ``read`` does after inference and ``conform`` does again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..errors import InputError, SchemaError
from ..typing import Array
from .block import Block, Column
from .cells import dates, is_text, level_of, numbers, texts
from .frames import view, whole
from .infer import refuse_infinity, stray_notice
from .schema import OTHER, ColumnSchema, Kind, Schema

_TRUE = ("True", "true", "TRUE", "t", "T", "yes", "Yes", "1")
_FALSE = ("False", "false", "FALSE", "f", "F", "no", "No", "0")


def encode(frame: Any, schema: Schema, default: str | None = None) -> tuple[Block, list[str]]:
    """The rows of an Arrow table under a schema, and what is to be said about cells that did not fit.

    ``default`` is the decimal mark of the file; without it, each column's own of the time of ``fit``.
    """
    if not frame.num_rows:
        raise InputError("the table has no rows")
    cells: list[Column] = []
    codes: list[Array] = []
    said: list[str] = []
    for column in schema.columns:
        if column.kind.numeric:
            values, notice = _numbers(column, whole(frame[column.name]), default)
            cells.append(values)
        elif column.kind.categorical:
            z, notice = _codes(column, whole(frame[column.name]))
            codes.append(z)
        else:
            continue
        if notice:
            said.append(f"column {column.name!r}: {notice}")
    return Block(0, tuple(cells), codes=np.column_stack(codes) if codes else None), said


def _numbers(schema: ColumnSchema, column: Any, default: str | None) -> tuple[Column, str]:
    """The cells of a numeric column; typed numbers stay where they are."""
    column = _undictionary(column)
    t = column.type
    if pa.types.is_null(t):
        return Column(np.full(len(column), np.nan)), ""
    if schema.kind is Kind.DATETIME:
        return Column(_days(schema, column)), ""
    if is_text(column):
        read = numbers(column, default or schema.format or ".")
        refuse_infinity(schema.name, read.values)
        if read.strays and np.isnan(read.values).all():
            raise SchemaError(f"column {schema.name!r} holds numbers, but {next(iter(read.strays))!r} is none")
        return Column(read.values), stray_notice(read)
    if not _countable(t):
        raise SchemaError(f"column {schema.name!r} held numbers at fit and holds {t} now")
    values = view(column)
    if values.values.dtype.kind == "f":
        refuse_infinity(schema.name, values.values)
    return values, ""


def _countable(t: Any) -> bool:
    is_ = pa.types
    return bool(
        is_.is_integer(t) or is_.is_floating(t) or is_.is_boolean(t) or is_.is_decimal(t) or is_.is_duration(t)
    )  # fmt: skip


def _undictionary(column: Any) -> Any:
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column


def _days(schema: ColumnSchema, column: Any) -> Array:
    """Days since 1970-01-01, a gap as NaN."""
    t = column.type
    if pa.types.is_integer(t) and schema.format:
        column = column.cast(pa.large_string())
    if is_text(column):
        read = dates(column, (schema.format,))
        if read is not None:
            return read.days
        if not texts(column).counts():
            return np.full(len(column), np.nan)
        wrong = next(t for t in texts(column).counts() if dates(pa.array([t]), (schema.format,)) is None)
        raise SchemaError(f"column {schema.name!r} holds dates, but {wrong!r} is none")
    if not (pa.types.is_timestamp(t) or pa.types.is_date(t)):
        raise SchemaError(f"column {schema.name!r} held dates at fit and holds {t} now")
    us = pc.cast(column, pa.timestamp("us", tz=getattr(t, "tz", None)), safe=False).cast(pa.int64())
    days: Array = pc.fill_null(pc.divide(us.cast(pa.float64(), safe=False), 86_400e6), np.nan).to_numpy(
        zero_copy_only=False
    )
    return days


def _codes(schema: ColumnSchema, column: Any) -> tuple[Array, str]:
    """Codes [n] of a categorical column, -1 = gap."""
    column = _undictionary(column)
    if schema.dtype in ("int64", "double"):
        column = _levels_of_numbers(schema, column)
    elif not is_text(column):
        column = pa.array([None if v is None or v != v else str(v) for v in column.to_pylist()], type=pa.string())
    cells = texts(column)
    code = {level: j for j, level in enumerate(schema.levels)}
    if schema.dtype == "bool":
        code |= dict.fromkeys(_FALSE, 0) | dict.fromkeys(_TRUE, 1)
    gaps = {"", *schema.missing, *cells.missing()} - code.keys()
    other = code.get(OTHER, -1)
    unknown = [t for t in cells.counts() if t not in code and t not in gaps]
    table = {t: -1 if t in gaps else code.get(t, other) for t in cells.texts}
    if not unknown or other >= 0:
        return cells.spread(table, -1, np.int32), ""
    some = ", ".join(map(repr, unknown[:3])) + (", ..." if len(unknown) > 3 else "")
    return cells.spread(table, -1, np.int32), f"{some} was no level at fit and is read as a gap"


def _levels_of_numbers(schema: ColumnSchema, column: Any) -> Any:
    """Numbers as the texts of levels, so that 1, 1.0 and "1" are one level; other texts stay."""

    def level(v: float) -> str | None:
        return None if v != v else level_of(v, schema.dtype if float(v).is_integer() else "double")

    if not is_text(column):
        if not _countable(column.type) and not pa.types.is_null(column.type):
            raise SchemaError(f"column {schema.name!r} held numbers at fit and holds {column.type} now")
        values, where = np.unique(view(column.cast(pa.float64())).decode(), return_inverse=True)
        return pa.array([level(v) for v in values.tolist()], type=pa.string()).take(pa.array(where))
    cells = texts(column)
    read = numbers(pa.array(cells.texts, type=pa.string()), schema.format or ".").values.tolist()
    words = [t if v != v else level(v) for t, v in zip(cells.texts, read, strict=True)]
    return pa.array([*words, None], type=pa.string()).take(pa.array(np.where(cells.where < 0, len(words), cells.where)))
