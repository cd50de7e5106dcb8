"""Tables on their way in, from files and samples; answers on their way out, whole or not at all."""

from __future__ import annotations

import json
import math
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DataNotice, InputError, SchemaError

if TYPE_CHECKING:
    import pyarrow as pa

    from ..data.table import Table


def read(path: str, types: str | None = None, columns: str | None = None) -> Table:
    """The table at ``path`` or ``sample:NAME``, with the kinds and columns that somebody typed."""
    from ..data.schema import Schema
    from ..data.table import Table, parse_types

    table = Table.read(path, types=parse_types(types) if types else None)
    if columns is None:
        return table
    return table.conform(Schema(tuple(table.schema[name] for name in _chosen(path, columns, table.names))))


def _chosen(path: str, columns: str, there: Sequence[str]) -> list[str]:
    """The columns that somebody typed."""
    names = [name.strip() for name in columns.split(",")]
    for name in names:
        if name not in there:
            raise InputError(f"{path} has no column {name!r}; it has {', '.join(there)}")
    return names


def numbers(table: Table) -> Table:
    """The numeric columns, for models that learn from numbers alone; a notice lists what is left out."""
    from ..data.schema import Schema

    return table.conform(Schema(_numeric(table.schema.columns)))


def _numeric(columns: Sequence[Any]) -> tuple[Any, ...]:
    numeric = tuple(c for c in columns if c.kind.numeric)
    left = [f"{c.name} ({c.kind})" for c in columns if c not in numeric]
    _tell_left_out(left, len(numeric), " (overrule with --types, or: tacit fit joint)")
    return numeric


def _tell_left_out(left: Sequence[str], kept: int, advice: str = "") -> None:
    """The notice of columns that hold no numbers; an error where no column is kept."""
    if not kept:
        raise InputError(f"this model learns from numbers, and the table has none: {', '.join(left)}")
    if left:
        message = f"this model learns from numbers; left out: {', '.join(left)}{advice}"
        warnings.warn(message, DataNotice, stacklevel=3)


def frame(table: Table) -> pa.Table:
    """A table of numbers under their names, as any estimator takes it."""
    import pyarrow as pa

    return pa.table(dict(zip((c.name for c in table.schema.numeric), table.block.x.T, strict=True)))


def on_disk(path: str, types: str | None, columns: str | None) -> tuple[Any, Any]:
    """The numbers at a path that is too large to be held, read in parts, and what their columns are."""
    from ..data.files import scan
    from ..data.parts import TableParts
    from ..data.schema import Schema
    from ..data.table import parse_types

    schema = TableParts(path, parse_types(types) if types else None).schema
    names = schema.names if columns is None else _chosen(path, columns, schema.names)
    wanted = _numeric([schema[name] for name in names])
    return scan(path, columns=[c.name for c in wanted]), Schema(wanted)


@contextmanager
def on_cluster(path: str, address: str, numbers: bool) -> Iterator[Any]:
    """The table at ``path``, as the workers of a Dask cluster see it; its numeric columns alone if so asked."""
    import dask.dataframe as dd
    from distributed import Client

    from ..data.readers import existing

    folder = Path(path).expanduser()
    files = (
        sorted(str(f) for f in folder.iterdir() if f.name[0] not in "._") if folder.is_dir() else [str(existing(path))]
    )
    kind = Path(files[0]).suffix.lower() if files else ""
    read = {".parquet": dd.read_parquet, ".csv": dd.read_csv}.get(kind)
    if read is None:
        raise InputError(f"{path}: a cluster reads .parquet and .csv files, or folders of one of these")
    try:
        client = Client(address, timeout="5s")
    except (OSError, ValueError) as error:
        raise InputError(f"there is no Dask scheduler at {address}: {str(error).splitlines()[0]}") from None
    with client:
        frame = read(files)
        if numbers:
            kept = [str(c) for c in frame.columns if frame.dtypes[c].kind in "biuf"]
            _tell_left_out([str(c) for c in frame.columns if str(c) not in kept], len(kept))
            frame = frame[kept]
        yield frame


@contextmanager
def mixed(path: str, types: str | None, columns: str | None, scheduler: str | None = None) -> Iterator[tuple[Any, int]]:
    """The table at a path for a model of all kinds of columns, wherever it is read, and how many rows it has."""
    from ..data.parts import in_parts
    from ..data.table import parse_types

    kinds = parse_types(types) if types else None
    if scheduler is not None:
        with on_cluster(path, scheduler, numbers=False) as frame:
            there = in_parts(frame, kinds)
            yield there, len(there)
        return
    there = in_parts(path, kinds)
    if there is None:
        there = read(path, types, columns)
    elif columns:
        raise InputError("--columns is for tables in memory: take the other columns out, or --types NAME=identifier")
    yield there, len(there)


def rows_for(model: Any, path: Any) -> Any:
    """The rows at a path, or of a table, as ``model`` takes them: its columns by name, of the kinds they had at fit."""
    from tacit import JointMixture

    from ..data.files import is_large, scan
    from ..data.schema import Schema
    from ..data.table import Table

    if getattr(model, "shape_", None) is not None:
        from ..data.pictures import read_pictures

        return read_pictures(path).x
    mixed = isinstance(model, JointMixture) or hasattr(model, "layout_")
    if is_large(path):  # for what is one number of all rows
        return path if mixed else scan(path, columns=[str(name) for name in model.feature_names_in_])
    schema = getattr(model, "schema_", None)
    if schema is None:  # fitted in Python, to an array or a data frame
        names = [str(name) for name in getattr(model, "feature_names_in_", ())]
        table = read(path)
        missing = ", ".join(name for name in names if name not in table.names)
        if missing:
            raise SchemaError(f"the table lacks columns that the model was fitted to: {missing}")
        if names:
            table = Table.read(path, types=dict.fromkeys(names, "number"))
        schema = Schema(tuple(table.schema[name] for name in names) or table.schema.numeric)
    table = Table.conform(path, schema)
    return table if mixed else frame(table)


def beside(path: str, answer: dict[str, Any], instead: bool = False) -> pa.Table:
    """The table at ``path`` as it came, and the columns of ``answer`` after it, or ``instead`` of those it has."""
    from ..data.table import Table

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataNotice)
        found = Table.read(path).frame
    for name, values in answer.items():
        at = found.column_names.index(name) if name in found.column_names else -1
        if instead and at >= 0:
            found = found.set_column(at, name, values)
        else:
            found = found.append_column(name if at < 0 else f"tacit_{name}", [values])
    return found


def check_output(output: Path | None, *suffixes: str) -> None:
    """Refuse a file that could not be written before any work is done."""
    if output is None:
        return
    if suffixes and output.suffix not in suffixes:
        raise InputError(f"{output}: the name must end in {' or '.join(suffixes)}")
    if output.is_dir():
        raise InputError(f"{output} is a directory, not a file")
    if not output.parent.is_dir():
        raise InputError(f"{output.parent}: no such directory")
    if not os.access(output.parent, os.W_OK):
        raise InputError(f"{output.parent} cannot be written to")


def write(answer: pa.Table, output: Path | None, as_json: bool) -> None:
    """An answer to a file, by its suffix, or to stdout as CSV or JSON."""
    import pyarrow.csv as csv
    import pyarrow.parquet as parquet

    from ..persist import whole

    if output is not None:
        with whole(output) as path:
            parquet.write_table(answer, path) if output.suffix == ".parquet" else csv.write_csv(answer, path)
    elif as_json:
        print_json(answer.to_pylist())
    else:
        sys.stdout.flush()
        csv.write_csv(answer, sys.stdout.buffer)
        sys.stdout.buffer.flush()


def print_json(value: Any) -> None:
    """JSON to stdout; a number that JSON has no word for is null."""
    print(json.dumps(_plain(value), ensure_ascii=False, indent=2))


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):  # NumPy
        value = value.tolist()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value if value is None or isinstance(value, bool | int | str) else str(value)
