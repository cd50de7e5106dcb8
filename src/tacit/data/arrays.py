"""Numbers in memory as a source: arrays, sparse rows, tensors, tables of numbers. Nothing usable is copied."""

from __future__ import annotations

from os import PathLike, fspath
from typing import Any

import numpy as np

from ..errors import InputError
from ..typing import Array
from .block import CSR, Block, Column, usable
from .memory import MemorySource
from .source import Source


def rows_of(X: Any, *, gaps: bool, sparse: bool, name: str) -> Source:
    """The rows of anything that ``as_source`` takes."""
    if type(X) is np.ndarray and X.ndim == 2 and X.dtype.kind in "fiub" and X.size:
        return _dense(X, gaps, name)
    if type(X).__module__.startswith("dask") and hasattr(X, "to_delayed"):
        from .dask import DaskSource

        return DaskSource(X, gaps=gaps, name=name)
    if isinstance(X, np.memmap):
        return _mapped(X, gaps, sparse, name)
    if isinstance(X, str | PathLike):
        return _file(fspath(X), gaps, sparse, name)
    if hasattr(X, "detach") and hasattr(X, "cpu"):  # a torch tensor, which shares its memory with the array
        X = X.detach().cpu()
        X = (X.float() if "bfloat16" in str(X.dtype) else X).numpy()
    elif isinstance(X, np.ma.MaskedArray):
        X = np.ma.filled(X.astype(np.float64), np.nan)
    elif not isinstance(X, np.ndarray | list | tuple):
        from .frames import columns_of

        columns = columns_of(X)
        if columns is not None:
            return _columns(columns, gaps, name)
    return _checked(X, gaps, sparse, name)


def memory_rows(X: Any) -> MemorySource:
    """The rows of an array or a data frame that is in memory, whatever they hold: plain ones are not looked at."""
    if type(X) is np.ndarray and X.ndim == 2 and X.dtype.kind in "fiub":
        return MemorySource(Block(0, usable(X)))
    from .frames import columns_of

    columns = None if isinstance(X, np.ndarray) else columns_of(X)
    if columns is not None:
        return _beside(columns)
    source = rows_of(X, gaps=True, sparse=False, name="")
    assert isinstance(source, MemorySource)
    return source


def check_block(block: Block, columns: tuple[str, ...] | None, gaps: bool, name: str) -> None:
    """Refuse infinity, and NaN if gaps are not taken, and say in which row of the source and in which column."""
    if isinstance(block.numbers, np.ndarray) and _finite(block.numbers):
        return
    keys = list(map(repr, columns) if columns else map(str, range(block.d)))
    if isinstance(block.numbers, tuple):
        for key, column in zip(keys, block.numbers, strict=True):
            check_column(key, column, gaps, name, block.start)
    else:
        _find_bad(block.numbers, keys, gaps, name, block.start)


def recheck(source: MemorySource, *, gaps: bool, name: str) -> None:
    """A source made elsewhere, such as a table: no gaps and no categories for a model that takes neither."""
    if gaps:
        return
    block = source.block
    if block.codes is not None:
        who = name or "this model"
        raise InputError(f"{who} learns from numbers, and the table also has categories: take them out")
    if block.csr is None:
        check_block(block, source.columns, gaps, name)


def _checked(X: Any, gaps: bool, sparse: bool, name: str) -> MemorySource:
    """What is not plainly an array of numbers, by scikit-learn's rules and in its words."""
    import scipy.sparse as sp
    from sklearn.utils.validation import check_array

    try:
        x = check_array(
            X,
            accept_sparse="csr" if sparse else False,
            dtype="numeric",
            ensure_all_finite=False,
            estimator=name or None,
            input_name="X",
        )
    except ValueError as error:
        raise InputError(str(error)) from None
    if sp.issparse(x):
        return _csr(x, name)
    if x.dtype.kind not in "fiub":
        raise InputError(f"X must hold numbers, not {x.dtype}; a table with words or dates is for Table.read")
    return _dense(np.asarray(x), gaps, name)


def _dense(X: Array, gaps: bool, name: str) -> MemorySource:
    block = Block(0, usable(X))
    check_block(block, None, gaps, name)
    return MemorySource(block)


def _finite(x: Array) -> bool:
    """Whether all numbers surely are; a sum that overflows says nothing of its terms."""
    with np.errstate(all="ignore"):
        return x.dtype.kind != "f" or bool(np.isfinite(x.sum()))


def _find_bad(X: Array, keys: list[str], gaps: bool, name: str, start: int) -> None:
    """Raise scikit-learn's phrase, and say where, for the first infinity, or NaN if gaps are not taken."""
    for lo in range(0, len(X), 65536):
        part = X[lo : lo + 65536]
        for what, bad in (("infinity", np.isinf(part)), ("NaN", np.isnan(part))):
            if (what == "infinity" or not gaps) and bad.any():
                i, j = (int(v) for v in np.argwhere(bad)[0])
                refuse(what, start + lo + i, keys[j], X.dtype, name)


def refuse(what: str, row: int, column: str, dtype: Any, name: str) -> None:
    """scikit-learn's phrase for a number that cannot be used, and where it stands."""
    where = f"row {row}, column {column}"
    if what == "NaN":
        who = f"\n{name} does not accept missing values encoded as NaN" if name else ""
        raise InputError(f"Input X contains NaN. The first is in {where}.{who}")
    raise InputError(f"Input X contains infinity or a value too large for {dtype!r}. The first is in {where}.")


def _csr(X: Any, name: str) -> MemorySource:
    if not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    data = X.data if X.data.dtype.kind == "f" and X.data.dtype.itemsize in (4, 8) else X.data.astype(np.float64)
    data = usable(data)
    bad = np.flatnonzero(~np.isfinite(data))
    if len(bad):
        row = int(np.searchsorted(X.indptr, bad[0], side="right")) - 1
        refuse("NaN" if np.isnan(data[bad[0]]) else "infinity", row, str(X.indices[bad[0]]), data.dtype, name)
    return MemorySource(Block(0, np.empty((X.shape[0], 0)), CSR(data, X.indices, X.indptr, X.shape[1])))


def _columns(columns: dict[str, Any], gaps: bool, name: str) -> MemorySource:
    """Named columns of numbers, each as it lies."""
    cells = tuple(columns.values())
    n = len(cells[0].values) if cells else 0
    if not cells:
        raise InputError("Found array with 0 feature(s) (shape=(0, 0)) while a minimum of 1 is required.")
    if not n:
        raise InputError(f"Found array with 0 sample(s) (shape=(0, {len(cells)})) while a minimum of 1 is required.")
    for key, cell in columns.items():
        check_column(repr(key), cell, gaps, name)
    return _beside(columns)


def _beside(columns: dict[str, Column]) -> MemorySource:
    cells = tuple(columns.values())
    one = grid(cells)
    return MemorySource(Block(0, cells if one is None else one), tuple(columns))


def check_column(key: str, column: Column, gaps: bool, name: str, start: int = 0) -> None:
    """Refuse infinity, and NaN if gaps are not taken, in a column whose first row is number ``start``."""
    values = column.values
    if column.valid is None:
        if _finite(values):
            return
        x: Array = values
    else:
        x = column.decode()
    for what, bad in (("infinity", np.isinf(x)), ("NaN", np.isnan(x))):
        if (what == "infinity" or not gaps) and bad.any():
            refuse(what, start + int(np.flatnonzero(bad)[0]), key, values.dtype, name)


def grid(columns: tuple[Column, ...]) -> Array | None:
    """Columns that lie in one array, as that array [n, d]; None where they do not."""
    first = columns[0].values
    owner = first if first.base is None else first.base
    same = all(
        c.valid is None
        and c.values.dtype == first.dtype
        and c.values.strides == first.strides
        and c.values.base is owner
        for c in columns
    )
    if not same or len(columns) < 2:
        return None
    at = np.array([c.values.__array_interface__["data"][0] for c in columns])
    steps = np.diff(at)
    if (steps != steps[0]).any():
        return None
    return np.lib.stride_tricks.as_strided(
        first, (len(first), len(columns)), (first.strides[0], int(steps[0])), writeable=False
    )


def _mapped(X: Array, gaps: bool, sparse: bool, name: str) -> MemorySource:
    """An array; one in a large mapped file is read in parts."""
    from .files import HELD
    from .mapped import Mapped

    if not isinstance(X, np.memmap) or X.ndim != 2 or X.dtype.kind not in "fiub" or X.nbytes <= HELD:
        return _checked(X, gaps, sparse, name)
    return Mapped(Block(0, usable(X)), gaps, name)


def _file(path: str, gaps: bool, sparse: bool, name: str) -> Source:
    """A file of numbers: arrays are memory-mapped, tables must hold numbers in every column, large ones are streams."""
    from .files import is_large, scan
    from .readers import existing, read_array

    if not path.startswith("sample:") and path.lower().endswith((".npy", ".npz")):
        return _mapped(read_array(existing(path)), gaps, sparse, name)
    if is_large(path):
        return scan(path).checking(gaps, name)
    from .cells import is_text, numbers
    from .frames import number_column, whole
    from .readers import read_path

    raw = read_path(path)
    columns: dict[str, Column] = {}
    for key in raw.frame.column_names:
        column = whole(raw.frame[key])
        if is_text(column):
            read = numbers(column, default=raw.decimal)
            if read.strays:
                raise InputError(
                    f"{path}: column {key!r} holds {next(iter(read.strays))!r}, which is no number: take the column out"
                )
            if np.isnan(read.values).all():
                raise InputError(f"{path}: column {key!r} holds no value in any row: take it out")
            columns[key] = Column(read.values)
        else:
            columns[key] = number_column(key, column)
    return _columns(columns, gaps, name)
