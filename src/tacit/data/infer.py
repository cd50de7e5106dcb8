"""What a column probably is, from its cells and, for codes and identifiers, its name. `types` overrules all of it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..errors import InputError
from ..typing import Array
from .cells import Numbers, dates, is_text, numbers, step_of, texts
from .schema import OTHER, ColumnSchema, Kind

MOST_LEVELS = 64  # of a category, "(other)" included
FEW_INTEGERS = 5  # an integer column with 3 .. 5 values is a category
ENOUGH = 20  # cells below which nothing is left out for being all different

_CODE_WORDS = frozenset(
    ("id", "ids", "uid", "guid", "uuid", "key", "code", "zip", "zipcode", "postcode", "plz", "isbn", "ean", "ssn")
)
_ADDRESS = (
    r"^([^@\s]+@[^@\s]+\.[A-Za-z]{2,}|https?://\S+|www\.\S+"
    r"|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$"
)


def infer(name: str, column: Any, kind: Kind | None = None, *, default: str = ".", named: bool = True) -> ColumnSchema:
    """The schema of one Arrow column; ``kind`` is what the user says that it is.

    ``default`` is the decimal mark of the file; ``named`` is False for arrays, whose columns are never taken for
    identifiers.
    """
    t = column.type
    blank = ColumnSchema(name, Kind.EMPTY, dtype="string")
    if kind in (Kind.TEXT, Kind.IDENTIFIER):
        return replace(blank, kind=kind, n_missing=column.null_count)
    if column.null_count == len(column):
        return replace(blank, n_missing=len(column), notice="no cell holds a value")
    if pa.types.is_dictionary(t):
        return _category(blank, column.cast(t.value_type), kind or Kind.CATEGORY, _order(column) if t.ordered else None)
    if pa.types.is_boolean(t):
        schema = replace(blank, kind=Kind.BINARY, levels=("False", "True"), dtype="bool", n_missing=column.null_count)
        return schema if kind in (None, Kind.BINARY, Kind.CATEGORY) else _number(blank, column, kind, named)
    if is_text(column):
        return _text(blank, column, kind, default, named)
    if pa.types.is_timestamp(t) or pa.types.is_date(t):
        if kind not in (None, Kind.DATETIME):
            return _category(blank, column.cast(pa.string()), kind)
        dtype = "date32[day]" if pa.types.is_date32(t) else "timestamp[us]"
        return replace(blank, kind=Kind.DATETIME, dtype=dtype, n_missing=column.null_count)
    if pa.types.is_null(t) or pa.types.is_nested(t) or pa.types.is_binary(t):
        raise InputError(f"column {name!r} holds {t}, not numbers, words or dates: take it out or unpack it")
    return _number(blank, column, kind, named)


def _order(column: Any) -> list[str]:
    """The levels of an ordered categorical, in its order."""
    chunk = column.unify_dictionaries().chunk(0) if isinstance(column, pa.ChunkedArray) else column
    return [str(v) for v in chunk.dictionary.to_pylist()]


def _text(blank: ColumnSchema, column: Any, kind: Kind | None, default: str, named: bool) -> ColumnSchema:
    cells = texts(column)
    counts = cells.counts()
    seen = sum(counts.values())
    blank = replace(blank, missing=cells.missing(), n_missing=len(column) - seen)
    if not seen:
        return replace(blank, notice="no cell holds a value")
    if kind in (None, Kind.NUMBER, Kind.COUNT, Kind.BINARY, Kind.CATEGORY):
        read = numbers(column, default=default)
        strays = sum(read.strays.values())
        lenient = len(read.strays) <= 5 and strays <= 0.05 * seen and seen >= ENOUGH
        wanted = kind in (Kind.NUMBER, Kind.COUNT)
        some = bool(np.isfinite(read.values).any())
        if wanted and not some:
            raise InputError(
                f"column {blank.name!r} cannot be read as numbers: no cell is one, e.g. {next(iter(counts))!r}"
            )
        if some and (wanted or not strays or (kind is None and lenient)) and not (read.padded and not wanted):
            return _read_number(blank, read, kind, named)
    if kind in (None, Kind.DATETIME):
        points = dates(column)
        if points is not None:
            whole = bool(np.all(np.mod(points.days[~np.isnan(points.days)], 1) == 0))
            notice = "day and month could also stand the other way round: read as month/day" if points.ambiguous else ""
            return replace(
                blank,
                kind=Kind.DATETIME,
                dtype="date32[day]" if whole else "timestamp[us]",
                format=points.format,
                notice=notice,
            )
        if kind is Kind.DATETIME:
            raise InputError(f"column {blank.name!r} cannot be read as dates: {_not_a_date(column)!r} is none")
    return _words(blank, counts, kind, [])


def _not_a_date(column: Any) -> str:
    held = list(texts(column).counts())
    return next((t for t in held if dates(pa.array([t])) is None), held[0])


def _category(blank: ColumnSchema, column: Any, kind: Kind, order: list[str] | None = None) -> ColumnSchema:
    """A column that was declared to be categorical."""
    cells = texts(column.cast(pa.large_string()))
    counts = cells.counts()
    blank = replace(blank, missing=cells.missing(), n_missing=len(column) - sum(counts.values()))
    return _words(blank, counts, kind, order or [])


def _words(blank: ColumnSchema, counts: dict[str, int], kind: Kind | None, order: list[str]) -> ColumnSchema:
    """A category, or text that no model can learn from."""
    seen, distinct = sum(counts.values()), len(counts)
    many = f"{distinct} different values in {seen} cells"
    if kind is None:
        sample = pa.array(list(counts))
        if distinct > 2 and pc.mean(pc.match_substring_regex(sample, _ADDRESS).cast(pa.float64())).as_py() > 0.5:
            return replace(blank, kind=Kind.IDENTIFIER, notice=f"addresses or keys: {many}")
        spaced = pc.mean(pc.match_substring(sample, " ").cast(pa.float64())).as_py() > 0.5
        if distinct > 0.4 * seen and distinct > 8:
            left = Kind.TEXT if spaced else Kind.IDENTIFIER
            what = "free text" if spaced else "an identifier"
            return replace(blank, kind=left, notice=f"{what}: {many}")
        top = sum(sorted(counts.values(), reverse=True)[: MOST_LEVELS - 1])
        if distinct > MOST_LEVELS and top < 0.5 * seen:
            left = Kind.TEXT if spaced else Kind.IDENTIFIER
            return replace(blank, kind=left, notice=f"too many levels: {many}, none of them frequent")
    if kind is Kind.BINARY and distinct > 2:
        raise InputError(f"column {blank.name!r} cannot be binary: {many}")
    if distinct > MOST_LEVELS:
        frequent = sorted(counts, key=lambda t: (-counts[t], t))[: MOST_LEVELS - 1]
        levels = (*[t for t in order or sorted(frequent) if t in set(frequent)], OTHER)
        rest = seen - sum(counts[t] for t in frequent)
        notice = f"{distinct - len(frequent)} rare levels ({rest} cells) were put together as {OTHER}"
        return replace(blank, kind=Kind.CATEGORY, levels=levels, notice=notice)
    levels = tuple(t for t in order if t in counts) if order else tuple(sorted(counts))
    return replace(blank, kind=Kind.BINARY if distinct == 2 else Kind.CATEGORY, levels=levels)


def _number(blank: ColumnSchema, column: Any, kind: Kind | None, named: bool) -> ColumnSchema:
    values = pc.cast(column, pa.float64()) if not pa.types.is_duration(column.type) else column.cast(pa.int64())
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    x = pc.fill_null(values.cast(pa.float64(), safe=False), np.nan).to_numpy(zero_copy_only=False)
    return _read_number(blank, Numbers(x, ".", (), {}, "", False), kind, named)


def _read_number(blank: ColumnSchema, read: Numbers, kind: Kind | None, named: bool) -> ColumnSchema:
    name, x = blank.name, read.values
    if (row := first_infinity(x)) is not None:
        raise InputError(
            f"column {name!r} holds an infinity in row {row}: replace it by a number or leave the cell empty"
        )
    gaps = int(np.isnan(x).sum())
    x = x[~np.isnan(x)]
    values, counts = np.unique(x, return_counts=True)
    if not len(values):
        return replace(blank, n_missing=gaps, notice="no cell holds a value")
    step = step_of(values)
    integers = step == 1.0
    notices = []
    if read.strays:
        text, cells = next(iter(read.strays)), sum(read.strays.values())
        notices.append(f"{cells} cells are not numbers and were read as gaps, e.g. {text!r}")
    if read.sign:
        notices.append(f"read as numbers without the sign {read.sign!r}")
    if alarm := _sentinel(values, counts):
        notices.append(alarm)
    number = replace(
        blank,
        kind=Kind.COUNT if integers and values[0] >= 0 else Kind.NUMBER,
        missing=tuple(sorted({*blank.missing, *read.missing})),
        n_missing=gaps,
        step=step,
        dtype="int64" if integers else "double",
        format="," if read.mark == "," else "",
        notice="; ".join(notices),
    )
    if kind in (Kind.NUMBER, Kind.COUNT):
        if kind is Kind.COUNT and number.kind is not Kind.COUNT:
            raise InputError(f"column {name!r} cannot be a count: it holds {values[0 if values[0] < 0 else -1]:g}")
        return replace(number, kind=kind)
    if kind in (Kind.BINARY, Kind.CATEGORY):
        return _number_levels(number, values, counts, kind)
    if kind is not None:
        raise InputError(f"column {name!r} holds numbers, which cannot be read as {kind.value}")
    enough = len(x) >= 10 * len(values)
    if len(values) == 2 and (set(values.tolist()) == {0.0, 1.0} or enough):
        return _number_levels(number, values, counts, Kind.BINARY)
    if integers and 3 <= len(values) <= FEW_INTEGERS and enough:
        return _number_levels(number, values, counts, Kind.CATEGORY)
    if named and integers and len(x) >= ENOUGH:
        if len(values) == len(x) == values[-1] - values[0] + 1:
            return replace(number, kind=Kind.IDENTIFIER, notice="row numbers: every integer of the range stands once")
        words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()
        last = (re.findall("[a-z]+", words) or [""])[-1]
        if last in _CODE_WORDS or (last in ("number", "no", "nr") and len(values) > 0.9 * len(x)):
            if len(values) <= MOST_LEVELS:
                return _number_levels(number, values, counts, Kind.CATEGORY)
            notice = f"by its name a code, not a quantity: {len(values)} different values in {len(x)} cells"
            return replace(number, kind=Kind.IDENTIFIER, notice=notice)
    return number


def _number_levels(number: ColumnSchema, values: Array, counts: Array, kind: Kind) -> ColumnSchema:
    """Numbers as levels, in their order."""
    if kind is Kind.BINARY and len(values) > 2:
        raise InputError(f"column {number.name!r} cannot be binary: {len(values)} different values")
    words = [level_of(v, number.dtype) for v in values.tolist()]
    notice = number.notice
    if len(words) > MOST_LEVELS:
        frequent = np.sort(np.lexsort((values, -counts))[: MOST_LEVELS - 1])
        rest = int(counts.sum() - counts[frequent].sum())
        notice = f"{len(words) - len(frequent)} rare levels ({rest} cells) were put together as {OTHER}"
        words = [*(words[i] for i in frequent), OTHER]
    kind = Kind.BINARY if len(values) == 2 else Kind.CATEGORY
    return replace(number, kind=kind, levels=tuple(words), step=None, notice=notice)


def level_of(value: float, dtype: str) -> str:
    """A number as the text of a level."""
    return str(int(value)) if dtype == "int64" else repr(float(value))


def first_infinity(x: Array) -> int | None:
    """The first row that holds an infinity, or None."""
    at = np.flatnonzero(np.isinf(x))
    return int(at[0]) if len(at) else None


_SENTINELS = (-1.0, *(s * v for s in (-1, 1) for v in (9.0, 99.0, 999.0, 9999.0, 99999.0, 999999.0)))


def _sentinel(values: Array, counts: Array) -> str:
    """A remark about an extreme value that looks like a code for "missing", or nothing."""
    if len(values) < 4:
        return ""
    for end, inner in ((0, values[1:]), (-1, values[:-1])):
        v, cells = float(values[end]), int(counts[end])
        lone = v < 0 <= inner[0] if end == 0 else v > inner[-1] + (inner[-1] - inner[0])
        if v in _SENTINELS and cells > 1 and lone:
            return f"{v:g} stands {cells} times, far from all other values: does it mean a gap? then empty those cells"
    return ""
