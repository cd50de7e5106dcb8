"""Tables on their way in, from files and samples; answers on their way out, whole or not at all."""

from __future__ import annotations

import json
import math
import os
import sys
import warnings
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
    names = [name.strip() for name in columns.split(",")]
    for name in names:
        if name not in table.names:
            raise InputError(f"{path} has no column {name!r}; it has {', '.join(table.names)}")
    return table.conform(Schema(tuple(table.schema[name] for name in names)))


def numbers(table: Table) -> Table:
    """The numeric columns, for models that learn from numbers alone; a notice lists what is left out."""
    from ..data.schema import Schema

    numeric = table.schema.numeric
    left = ", ".join(f"{c.name} ({c.kind})" for c in table.schema.columns if c not in numeric)
    if not numeric:
        raise InputError(f"this model learns from numbers, and the table has none: {left}")
    if left:
        message = f"this model learns from numbers; left out: {left} (overrule with --types, or: tacit fit joint)"
        warnings.warn(message, DataNotice, stacklevel=2)
    return table.conform(Schema(numeric))


def frame(table: Table) -> pa.Table:
    """A table of numbers under their names, as any estimator takes it."""
    import pyarrow as pa

    return pa.table(dict(zip((c.name for c in table.schema.numeric), table.block.x.T, strict=True)))


def rows_for(model: Any, path: str) -> Any:
    """The rows at ``path`` as ``model`` takes them: its columns by name, of the kinds and levels they had at fit."""
    from tacit import JointMixture

    from ..data.schema import Schema
    from ..data.table import Table

    if getattr(model, "shape_", None) is not None:
        from ..data.pictures import read_pictures

        return read_pictures(path).x
    schema = getattr(model, "schema_", None)
    if schema is None:  # fitted in Python, to an array or a data frame
        names = [str(name) for name in getattr(model, "feature_names_in_", ())]
        table = read(path)
        missing = ", ".join(name for name in names if name not in table.names)
        if missing:
            raise SchemaError(f"{path} lacks columns that the model was fitted to: {missing}")
        if names:
            table = Table.read(path, types=dict.fromkeys(names, "number"))
        schema = Schema(tuple(table.schema[name] for name in names) or table.schema.numeric)
    table = Table.conform(path, schema)
    mixed = isinstance(model, JointMixture) or hasattr(model, "layout_")
    return table if mixed else frame(table)


def beside(path: str, answer: dict[str, Any]) -> pa.Table:
    """The table at ``path`` as it came, and the columns of ``answer`` after it."""
    from ..data.table import Table

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataNotice)
        found = Table.read(path).frame
    for name, values in answer.items():
        found = found.append_column(name if name not in found.column_names else f"tacit_{name}", [values])
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
