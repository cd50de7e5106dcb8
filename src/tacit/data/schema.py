"""What the columns of a table are: kinds, levels, gaps, steps; and the way back from numbers and codes to cells."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from typing import Any

import numpy as np

from ..errors import ArgumentError
from ..typing import Array

OTHER = "(other)"  # the last level of a column whose rare levels were put together


class Kind(StrEnum):
    """What a column holds."""

    NUMBER = "number"
    COUNT = "count"  # integers >= 0
    BINARY = "binary"  # two levels
    CATEGORY = "category"
    DATETIME = "datetime"  # worked on as days since 1970-01-01
    TEXT = "text"  # left out
    IDENTIFIER = "identifier"  # left out
    EMPTY = "empty"  # left out: no cell holds a value

    @property
    def numeric(self) -> bool:
        """Whether the column is worked on as a number."""
        return self in (Kind.NUMBER, Kind.COUNT, Kind.DATETIME)

    @property
    def categorical(self) -> bool:
        """Whether the column is worked on as category codes."""
        return self in (Kind.BINARY, Kind.CATEGORY)


@dataclass(frozen=True)
class ColumnSchema:
    """One column: what it holds, and how its cells become numbers or codes."""

    name: str
    kind: Kind
    levels: tuple[str, ...] = ()  # of a categorical column; code j means levels[j]
    missing: tuple[str, ...] = ()  # the cell texts that mean "missing", beside the empty cell
    n_missing: int = 0
    step: float | None = None  # the recorded step of a number: 1 for integers, 0.1 for one decimal; None if unknown
    notice: str = ""  # why the column was left out or treated so; empty when nothing is to be said
    dtype: str = "double"  # the Arrow type of its cells: double, int64, bool, string, date32[day] or timestamp[us]
    format: str = ""  # how text is read: "," for a decimal comma, a strptime pattern for dates; else the plain way


@dataclass(frozen=True)
class Schema:
    """The columns of a table, in order."""

    columns: tuple[ColumnSchema, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all columns."""
        return tuple(c.name for c in self.columns)

    @property
    def numeric(self) -> tuple[ColumnSchema, ...]:
        """The columns of ``Block.numbers``, in order."""
        return tuple(c for c in self.columns if c.kind.numeric)

    @property
    def categorical(self) -> tuple[ColumnSchema, ...]:
        """The columns of ``Block.codes``, in order."""
        return tuple(c for c in self.columns if c.kind.categorical)

    @property
    def left_out(self) -> tuple[ColumnSchema, ...]:
        """Free text, identifiers and empty columns: kept for display, never learned from."""
        return tuple(c for c in self.columns if not (c.kind.numeric or c.kind.categorical))

    def __getitem__(self, name: str) -> ColumnSchema:
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    def to_json(self) -> str:
        """The schema as JSON; ``from_json`` gives it back."""
        return json.dumps([dataclasses.asdict(c) for c in self.columns], ensure_ascii=False)

    @staticmethod
    def from_json(text: str) -> Schema:
        """The schema that ``to_json`` wrote.

        >>> schema = Schema((ColumnSchema("smoker", Kind.BINARY, ("No", "Yes"), dtype="string"),))
        >>> Schema.from_json(schema.to_json()) == schema
        True
        """

        def column(fields: dict[str, Any]) -> ColumnSchema:
            lists = {k: tuple(fields[k]) for k in ("levels", "missing")}
            return ColumnSchema(**{**fields, **lists, "kind": Kind(fields["kind"])})

        return Schema(tuple(column(fields) for fields in json.loads(text)))

    def decode(self, numbers: Any, codes: Any) -> Any:
        """A ``pyarrow.Table`` of the columns that are learned from, in their first types, from numbers and codes.

        ``numbers`` [n, d] (NaN = gap) in the order of ``numeric``, ``codes`` [n, c] (-1 = gap) in that of
        ``categorical``. Integers, dates and counts are rounded to what such a cell can hold, a gap is null.

        >>> schema = Schema((ColumnSchema("size", Kind.COUNT, step=1.0, dtype="int64"),
        ...                  ColumnSchema("day", Kind.CATEGORY, ("Fri", "Sat"), dtype="string")))
        >>> schema.decode([[2.2], [np.nan]], [[1], [-1]]).to_pylist()
        [{'size': 2, 'day': 'Sat'}, {'size': None, 'day': None}]
        """
        import pyarrow as pa

        x, z = np.asarray(numbers, dtype=np.float64), np.asarray(codes)
        j, c, out = 0, 0, {}
        for column in self.columns:
            if column.kind.numeric:
                out[column.name], j = _numbers(column, x[:, j]), j + 1
            elif column.kind.categorical:
                out[column.name], c = _levels(column, z[:, c]), c + 1
        return pa.table(out)


_YEARS = (-719_162.0, 2_932_896.0)  # the days of 0001-01-01 and 9999-12-31


def _numbers(column: ColumnSchema, x: Array) -> Any:
    import pyarrow as pa

    gap = np.isnan(x)
    x = np.where(gap, 0.0, x)
    if column.kind is Kind.DATETIME:
        unit = "D" if column.dtype.startswith("date") else "us"
        per_day = 1.0 if unit == "D" else 86_400e6
        whole = np.rint(np.clip(x, *_YEARS) * per_day).astype(np.int64)
        return pa.array(whole.astype(f"datetime64[{unit}]"), mask=gap)
    if column.kind is Kind.COUNT:
        x = np.maximum(x, 0.0)
    if column.step is not None:
        x = np.round(x, round(-np.log10(column.step)))
    if column.dtype == "int64" and column.step is not None:
        return pa.array(np.clip(x, -(2.0**62), 2.0**62).astype(np.int64), mask=gap)
    return pa.array(x, mask=gap)


def _levels(column: ColumnSchema, z: Array) -> Any:
    import pyarrow as pa

    levels: list[Any] = list(column.levels)
    if column.dtype == "bool":
        levels = [v == "True" for v in levels]
    elif column.dtype in ("int64", "double") and OTHER not in levels:
        levels = [int(v) if column.dtype == "int64" else float(v) for v in levels]
    return pa.array(levels).take(pa.array(np.maximum(z, 0), mask=z < 0))


def nearest_name(name: str, names: Any) -> str:
    """A hint for a message: the name that was probably meant, or nothing."""
    near = get_close_matches(name, [str(n) for n in names], n=1, cutoff=0.7)
    return f"; did you mean {near[0]!r}?" if near else ""


def parse_types(text: str) -> dict[str, str]:
    """The ``types`` of ``Table.read`` from one line, as a command line gives it.

    >>> parse_types("age=number, zip=category")
    {'age': 'number', 'zip': 'category'}
    """
    types: dict[str, str] = {}
    for part in filter(None, (p.strip() for p in text.split(","))):
        name, equals, kind = part.rpartition("=")
        if not equals or not name.strip():
            raise ArgumentError(f"types must read like 'age=number,zip=category'; {part!r} does not")
        types[name.strip()] = check_kind(kind.strip(), name.strip()).value
    return types


def check_kind(kind: str, name: str) -> Kind:
    """``kind`` as one of the kinds that a user may ask for."""
    allowed = [k.value for k in Kind if k is not Kind.EMPTY]
    if str(kind) not in allowed:
        raise ArgumentError(f"column {name!r} cannot be {str(kind)!r}: the kinds are {', '.join(allowed)}")
    return Kind(kind)
