"""Tables of other libraries, through Arrow and narwhals: pandas, polars and pyarrow users are equal."""

from __future__ import annotations

from typing import Any

import narwhals as nw
import numpy as np
import pyarrow as pa

from ..errors import InputError
from .block import Column, usable


def whole(column: Any) -> Any:
    """A chunked Arrow column in one piece."""
    if not isinstance(column, pa.ChunkedArray):
        return column
    if pa.types.is_dictionary(column.type):
        column = column.unify_dictionaries()
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def native(X: object) -> Any:
    """A narwhals view of a pandas, polars, pyarrow or similar table; None for anything else."""
    if nw.dependencies.is_polars_lazyframe(X):
        raise InputError("a lazy table has no rows yet: call collect() on it first")
    if not nw.dependencies.is_into_dataframe(X):
        return None
    check_names([str(name) for name in getattr(X, "columns", ())])
    return nw.from_native(X, eager_only=True)


def to_frame(X: object) -> Any:
    """A ``pyarrow.Table`` of any library's table; None for anything else."""
    if isinstance(X, pa.Table | pa.RecordBatch):
        frame = pa.Table.from_batches([X]) if isinstance(X, pa.RecordBatch) else X
    else:
        wrapped = native(X)
        if wrapped is None:
            return None
        frame = pa.table({str(name): arrow_column(str(name), wrapped.get_column(name)) for name in wrapped.columns})
    check_names(frame.column_names)
    return frame


def arrow_column(name: str, cells: Any) -> Any:
    """One column as an Arrow array; NaN stands for a gap."""
    try:
        if isinstance(cells, nw.Series):
            return cells.to_arrow()
        if isinstance(cells, np.ndarray) and cells.dtype.kind == "f":
            return pa.array(np.ascontiguousarray(cells.astype(cells.dtype.newbyteorder("="), copy=False)))
        return pa.array(cells, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
        values = list(cells.to_list() if isinstance(cells, nw.Series) else cells)
        if any(isinstance(v, list | dict | set | np.ndarray) for v in values):
            raise InputError(f"column {name!r} holds lists or other containers: unpack them or take it out") from None
        return pa.array([None if v is None or v != v else str(v) for v in values], type=pa.string())


def columns_of(X: object) -> dict[str, Column] | None:
    """The columns of any library's table of numbers, as they lie in memory; None if X is no table."""
    if isinstance(X, pa.Table | pa.RecordBatch):
        check_names(X.schema.names)
        return {name: number_column(name, X.column(j)) for j, name in enumerate(X.schema.names)}
    wrapped = native(X)
    if wrapped is None:
        return None
    names = list(wrapped.columns)
    return {str(name): number_column(str(name), wrapped.get_column(name)) for name in names}


def number_column(name: str, cells: Any) -> Column:
    """One column of numbers as it lies in memory: a NumPy view where there is one, else the Arrow buffers."""
    if isinstance(cells, nw.Series):
        own = cells.to_native()
        if isinstance(getattr(own, "dtype", None), np.dtype) and own.dtype.kind in "fiub":
            return Column(usable(own.to_numpy()))
        cells = arrow_column(name, cells)
    t = cells.type
    if pa.types.is_dictionary(t) or not (
        pa.types.is_integer(t) or pa.types.is_floating(t) or pa.types.is_boolean(t) or pa.types.is_decimal(t)
    ):
        raise InputError(
            f"could not convert column {name!r} to float: it holds {_what(cells)}; "
            "a table with words or dates is for Table.read"
        )
    return view(cells)


def _what(cells: Any) -> str:
    first = next((v for v in cells.to_pylist() if v is not None), None)
    return "no value in any row" if first is None else f"{first!r}"


def view(column: Any) -> Column:
    """An Arrow array of numbers as it lies in memory, with its validity bits."""
    column = whole(column)
    t = column.type
    if pa.types.is_duration(t) or pa.types.is_time(t):
        column = column.cast(pa.int64())
    elif pa.types.is_boolean(t):
        column = column.cast(pa.uint8())
    elif pa.types.is_decimal(t):
        column = column.cast(pa.float64())
    bits, data = column.buffers()
    dtype = np.dtype(column.type.to_pandas_dtype())
    values = (
        np.frombuffer(data, dtype=dtype)[column.offset : column.offset + len(column)]
        if len(column)
        else np.empty(0, dtype)
    )
    if bits is None or not column.null_count:
        return Column(values)
    return Column(values, np.frombuffer(bits, dtype=np.uint8), column.offset)


def check_names(names: list[str], where: str = "") -> None:
    """Duplicate names are an error."""
    if len(set(names)) < len(names):
        twice = next(n for n in names if names.count(n) > 1)
        raise InputError(f"{where}two columns are called {twice!r}: rename one of them")
