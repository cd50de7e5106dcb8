"""What models say of rows, to a file, for any number of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ..errors import ArgumentError, InputError
from ..persist import whole
from .files import Files, is_large, pieces_of
from .frames import to_frame
from .parts import TableParts, frames
from .readers import existing, read_array, read_path
from .stream import PART_BYTES, Stream


def write_answers(out: str | PathLike[str], X: object, *, append: bool = False, **verbs: Callable[[Any], Any]) -> int:
    """Ask ``verbs`` about the rows of X, part by part, and write what they say to the Parquet file ``out``.

    ``X`` is a path, a folder, ``tacit.scan(...)``, a data frame or an array; each verb, such as ``model.predict``,
    is given some of its rows at a time, as a ``pyarrow.Table`` or array. Its answer [n] becomes a column of the verb's
    name, [n, q] the columns NAME_0, NAME_1, ..., and a table its own columns; with ``append`` they stand beside those
    of X. ``out`` is written whole or not at all. Gives the number of rows.

    Raises ``InputError`` for rows that cannot be read, ``ArgumentError`` where there is nothing to ask.

    >>> import numpy as np, pyarrow.parquet, tempfile
    >>> from tacit import KMeans
    >>> x = np.array([[0.0], [0.1], [5.0], [5.1]])
    >>> model, file = KMeans(2, random_state=0).fit(x), tempfile.mkdtemp() + "/groups.parquet"
    >>> write_answers(file, x, group=model.predict, distance=model.transform)
    4
    >>> pyarrow.parquet.read_table(file).column_names
    ['group', 'distance_0', 'distance_1']
    """
    import pyarrow.parquet as pq

    if not verbs:
        raise ArgumentError('nothing is asked of the rows: write_answers("out.parquet", rows, group=model.predict)')
    target, writer, n = Path(fspath(out)), None, 0
    with whole(target) as path:
        try:
            for part in parts_of(X):
                answer = _answer(part, verbs, append)
                writer = pq.ParquetWriter(path, answer.schema) if writer is None else writer
                writer.write_table(answer)
                n += answer.num_rows
        finally:
            if writer is not None:
                writer.close()
    return n


def parts_of(X: object) -> Iterator[Any]:
    """The rows of whatever ``write_answers`` takes, some at a time."""
    if isinstance(X, Stream | TableParts):
        assert isinstance(X.pieces, Files)
        yield from _frames(X.pieces)
        return
    if isinstance(X, str | PathLike):
        path = fspath(X)
        if is_large(path):
            yield from _frames(pieces_of(Path(path).expanduser(), words=True))
            return
        array = not path.startswith("sample:") and path.lower().endswith((".npy", ".npz"))
        X = read_array(existing(path)) if array else read_path(path).frame
    frame = None if isinstance(X, np.ndarray) else to_frame(X)
    rows: Any = np.asarray(X) if frame is None else frame
    if frame is None and (rows.ndim != 2 or not rows.size):
        raise InputError(f"rows are a table or an array [n, d]; this is an array of shape {rows.shape}")
    size = max(1, PART_BYTES // (8 * max(1, rows.shape[1])))
    for lo in range(0, rows.shape[0], size):
        yield rows[lo : lo + size] if frame is None else rows.slice(lo, size)


def _frames(files: Files) -> Iterator[Any]:
    return (frame for _, frame in frames(files, range(len(files.lengths)), np.cumsum(files.lengths)))


def _answer(part: Any, verbs: dict[str, Callable[[Any], Any]], append: bool) -> Any:
    """The answers for one part as a table."""
    out: dict[str, Any] = {}
    if append and isinstance(part, np.ndarray):
        out = {f"x{j}": pa.array(part[:, j]) for j in range(part.shape[1])}
    elif append:
        out = {name: part[name] for name in part.column_names}
    for name, verb in verbs.items():
        answer = verb(part)
        table = None if isinstance(answer, np.ndarray) else to_frame(answer)
        if table is not None:
            out |= {column: table[column] for column in table.column_names}
            continue
        a = np.asarray(answer)
        new = {name: a} if a.ndim == 1 else {f"{name}_{j}": a[:, j] for j in range(a.shape[1])}
        out |= {key if key not in out else f"tacit_{key}": pa.array(np.ascontiguousarray(v)) for key, v in new.items()}
    return pa.table(out)
