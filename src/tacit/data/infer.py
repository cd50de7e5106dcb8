"""What a column probably is, from its cells and, for codes, its name. ``types`` overrules all of it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..errors import InputError
from ..typing import Array
from .cells import FROM_DIGITS, Dates, Numbers, dates, is_text, level_of, numbers, plain_numbers, step_of, texts
from .schema import OTHER, ColumnSchema, Kind

MOST_LEVELS = 64  # of a category, "(other)" included
SMALL = 20  # levels up to which rare ones are kept
RARE = 5  # cells below which a level of a larger category is rare
FEW_INTEGERS = 5  # an integer column with 3 .. 5 different values is a category
ENOUGH = 20  # cells below which nothing is left out for being all different

_CODES = frozenset(("id", "ids", "uid", "guid", "uuid", "key", "code", "zip", "zipcode", "postcode", "plz", "isbn"))
_NUMBERING = frozenset(("number", "no", "nr"))
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
    blank = ColumnSchema(name, Kind.EMPTY, dtype="string", n_missing=column.null_count)
    if kind in (Kind.TEXT, Kind.IDENTIFIER):
        return replace(blank, kind=kind)
    if column.null_count == len(column):
        return replace(blank, notice="no cell holds a value")
    if pa.types.is_dictionary(t):  # declared to be a category by the library that it comes from
        plain = column.cast(t.value_type).cast(pa.large_string())
        if kind in (None, Kind.BINARY, Kind.CATEGORY):
            order = [str(v).strip() for v in column.dictionary.to_pylist()] if t.ordered else []
            return _words(blank, plain, kind or Kind.CATEGORY, order)
        return _text(blank, plain, kind, default, named)
    if pa.types.is_boolean(t) and kind in (None, Kind.BINARY, Kind.CATEGORY):
        return replace(blank, kind=kind or Kind.BINARY, levels=("False", "True"), dtype="bool")
    if is_text(column):
        return _text(blank, column, kind, default, named)
    if pa.types.is_timestamp(t) or pa.types.is_date(t):
        if kind in (Kind.NUMBER, Kind.COUNT):
            raise InputError(f"column {name!r} holds dates, which cannot be read as numbers")
        if kind not in (None, Kind.DATETIME):
            return _words(blank, column.cast(pa.large_string()), kind, [])
        return replace(blank, kind=Kind.DATETIME, dtype="date32[day]" if pa.types.is_date(t) else "timestamp[us]")
    if pa.types.is_nested(t) or pa.types.is_binary(t) or pa.types.is_large_binary(t):
        raise InputError(f"column {name!r} holds {t}, not numbers, words or dates: take it out or unpack it")
    x = _plain(column)
    if kind is Kind.DATETIME or (kind is None and pa.types.is_integer(t) and _like_days(x)):
        return _text(blank, column.cast(pa.large_string()), kind, default, named)
    return _number(blank, Numbers(x, ".", (), {}, "", False), kind, named)


def _plain(column: Any) -> Array:
    """Typed numbers as doubles, a gap as NaN."""
    if pa.types.is_duration(column.type) or pa.types.is_time(column.type):
        column = column.cast(pa.int64())
    x: Array = pc.fill_null(column.cast(pa.float64(), safe=False), np.nan).to_numpy(zero_copy_only=False)
    return x


def _text(blank: ColumnSchema, column: Any, kind: Kind | None, default: str, named: bool) -> ColumnSchema:
    """Text: numbers if they all are, else dates if they all are, else words."""
    read = None if kind is Kind.DATETIME else plain_numbers(column, default)
    if read is not None and not read.padded and not _like_days(read.values):
        return _number(blank, read, kind, named)
    cells = texts(column)
    counts = cells.counts()
    seen = sum(counts.values())
    blank = replace(blank, missing=cells.missing(), n_missing=len(column) - seen)
    if not seen:
        return replace(blank, notice="no cell holds a value")
    if kind in (None, Kind.DATETIME):
        days = FROM_DIGITS if kind is Kind.DATETIME else FROM_DIGITS[:1] if read is not None else ()
        points = dates(column, days)
        if points is not None:
            return _dates(blank, points)
        if kind is Kind.DATETIME:
            wrong = next((t for t in counts if dates(pa.array([t]), FROM_DIGITS) is None), next(iter(counts)))
            raise InputError(f"column {blank.name!r} cannot be read as dates: {wrong!r} is none, or of another form")
    read = numbers(column, default) if read is None else read
    strays = sum(read.strays.values())
    some = strays < seen and not np.isnan(read.values).all()
    if kind in (Kind.NUMBER, Kind.COUNT):
        if not some:
            raise InputError(f"column {blank.name!r} cannot be read as numbers: {next(iter(counts))!r} is none")
        return _number(blank, read, kind, named)
    few = len(read.strays) <= 5 and strays <= 0.05 * seen and seen >= ENOUGH
    if some and not read.padded and (not strays or (kind is None and few)):
        return _number(blank, read, kind, named)
    return _words(blank, column, kind, [])


def _like_days(x: Array) -> bool:
    """Whether all numbers could be days written as 20240131, and there are some."""
    x = x[~np.isnan(x)]
    return len(x) > 2 and bool(x.min() >= 19000101 and x.max() <= 21001231 and (x == np.rint(x)).all())


def _dates(blank: ColumnSchema, points: Dates) -> ColumnSchema:
    whole = bool(np.all(np.mod(points.days[~np.isnan(points.days)], 1) == 0))
    return replace(
        blank,
        kind=Kind.DATETIME,
        dtype="date32[day]" if whole else "timestamp[us]",
        format=points.format,
        notice="read as month/day, but day and month could stand the other way round" if points.ambiguous else "",
    )


def _words(blank: ColumnSchema, column: Any, kind: Kind | None, order: list[str]) -> ColumnSchema:
    """A category, or text that no model can learn from."""
    cells = texts(column)
    counts = cells.counts()
    seen, distinct = sum(counts.values()), len(counts)
    blank = replace(blank, missing=cells.missing(), n_missing=len(column) - seen)
    many = f"{distinct} different values in {seen} cells"
    if not seen:
        return replace(blank, notice="no cell holds a value")
    if kind is Kind.BINARY and distinct > 2:
        raise InputError(f"column {blank.name!r} cannot be binary: {many}")
    if kind is None:
        left, why = _no_category(counts, seen)
        if left is not None:
            return replace(blank, kind=left, notice=f"{why}: {many}")
    rank = {t: i for i, t in enumerate(order or sorted(counts, key=_natural))}
    kept, notice = _frequent(counts)
    levels = sorted({*kept, OTHER} if notice else kept, key=lambda t: (t == OTHER, rank.get(t, len(rank))))
    return replace(
        blank, kind=kind or (Kind.BINARY if distinct == 2 else Kind.CATEGORY), levels=tuple(levels), notice=notice
    )


def _no_category(counts: dict[str, int], seen: int) -> tuple[Kind | None, str]:
    """Why words are no category: they are all different, or of very many kinds."""
    distinct = len(counts)
    if distinct <= 8:
        return None, ""
    sample = pa.array(list(counts))
    if _share(pc.match_substring_regex(sample, _ADDRESS)) > 0.5:
        return Kind.IDENTIFIER, "addresses or keys"
    spaced = _share(pc.match_substring(sample, " ")) > 0.5
    left, what = (Kind.TEXT, "free text") if spaced else (Kind.IDENTIFIER, "identifiers")
    if distinct > 0.4 * seen:
        return left, what
    if distinct > MOST_LEVELS and sum(sorted(counts.values())[-MOST_LEVELS + 1 :]) < 0.5 * seen:
        return left, f"{what}, or too many levels to learn from"
    return None, ""


def _natural(text: str) -> Any:
    """Words in the order of the alphabet, numbers inside them by size, what was put together last."""
    return text == OTHER, [int(p) if p.isdecimal() else p for p in re.split(r"(\d+)", text)]


def _share(yes: Any) -> float:
    return float(pc.mean(yes.cast(pa.float64())).as_py())


def _frequent(counts: dict[Any, int]) -> tuple[list[Any], str]:
    """The levels to keep, and what is said about the rest, which is put together."""
    if len(counts) <= SMALL:
        return list(counts), ""
    kept = sorted(counts, key=lambda t: (-counts[t], t))
    kept = [t for t in kept if counts[t] >= RARE] or kept
    if len(kept) >= len(counts) - 1 and len(counts) <= MOST_LEVELS:
        return list(counts), ""
    kept = kept[: MOST_LEVELS - 1]
    rest = sum(counts.values()) - sum(counts[t] for t in kept)
    return kept, f"{len(counts) - len(kept)} rare levels ({rest} cells) were put together as {OTHER}"


def _number(blank: ColumnSchema, read: Numbers, kind: Kind | None, named: bool) -> ColumnSchema:
    """A number or a count; or levels or an identifier written as numbers."""
    name, x = blank.name, read.values
    refuse_infinity(name, x)
    gaps = np.isnan(x)
    x = x[~gaps]
    values, counts = np.unique(x, return_counts=True)
    if not len(values):
        return replace(blank, n_missing=len(gaps), notice="no cell holds a value")
    step = step_of(values)
    integers = step == 1.0 and bool(np.abs(values).max() < 2.0**62)
    notices = [said for said in (stray_notice(read), _sign_notice(read), _sentinel(values, counts)) if said]
    number = replace(
        blank,
        kind=Kind.COUNT if integers and values[0] >= 0 else Kind.NUMBER,
        missing=tuple(sorted({*blank.missing, *read.missing})),
        n_missing=int(gaps.sum()),
        step=step,
        dtype="int64" if integers else "double",
        format="," if read.mark == "," else "",
        notice="; ".join(notices),
    )
    if kind is Kind.COUNT and number.kind is not Kind.COUNT:
        wrong = values[(values < 0) | (values != np.rint(values))][0]
        raise InputError(f"column {name!r} cannot be a count: it holds {wrong:g}")
    if kind in (Kind.NUMBER, Kind.COUNT):
        return replace(number, kind=kind)
    if kind is Kind.DATETIME:
        raise InputError(f"column {name!r} holds numbers such as {values[0]:g}, which cannot be read as dates")
    if kind is not None:
        return _number_levels(number, values, counts, kind)
    often = len(x) >= 10 * len(values)
    if len(values) == 2 and (often or (integers and values[0] == 0 and values[1] == 1)):
        return _number_levels(number, values, counts, Kind.BINARY)
    if integers and 3 <= len(values) <= FEW_INTEGERS and often:
        return _number_levels(number, values, counts, Kind.CATEGORY)
    if named and integers and len(x) >= ENOUGH:
        if len(values) == len(x) == values[-1] - values[0] + 1:
            return replace(number, kind=Kind.IDENTIFIER, notice="row numbers: every integer of the range stands once")
        if _is_code(name, len(values) / len(x)):
            if len(values) <= MOST_LEVELS and len(values) <= 0.4 * len(x):
                return _number_levels(number, values, counts, Kind.CATEGORY)
            notice = f"codes, by its name, and no quantity: {len(values)} different values in {len(x)} cells"
            return replace(number, kind=Kind.IDENTIFIER, notice=notice)
    return number


def _is_code(name: str, different: float) -> bool:
    words = re.findall("[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()) or [""]
    return words[-1] in _CODES or words[0] in ("iso", "zip") or (words[-1] in _NUMBERING and different > 0.9)


def _number_levels(number: ColumnSchema, values: Array, counts: Array, kind: Kind) -> ColumnSchema:
    """Numbers as levels, in their order."""
    if kind is Kind.BINARY and len(values) > 2:
        raise InputError(f"column {number.name!r} cannot be binary: {len(values)} different values")
    kept, said = _frequent(dict(zip(values.tolist(), counts.tolist(), strict=True)))
    levels = (*(level_of(v, number.dtype) for v in sorted(kept)), *[OTHER] * (said != ""))
    notice = "; ".join(filter(None, (number.notice, said)))
    return replace(number, kind=kind, levels=levels, step=None, notice=notice)


def refuse_infinity(name: str, x: Array) -> None:
    """An infinity is an error that names its column and row."""
    at = np.flatnonzero(np.isinf(x))
    if len(at):
        raise InputError(
            f"column {name!r} holds an infinity in row {at[0]} (the first is 0): write a number or leave the cell empty"
        )


def stray_notice(read: Numbers) -> str:
    """What is said about cells that are not numbers in a column of numbers."""
    if not read.strays:
        return ""
    cells, example = sum(read.strays.values()), next(iter(read.strays))
    return f"{cells} cell{'s' * (cells > 1)} that hold no number, e.g. {example!r}, read as gaps"


def _sign_notice(read: Numbers) -> str:
    return f"read as numbers without the sign {read.sign!r}" if read.sign else ""


_SENTINELS = (-1.0, *(s * v for s in (-1, 1) for v in (9.0, 99.0, 999.0, 9999.0, 99999.0, 999999.0)))


def _sentinel(values: Array, counts: Array) -> str:
    """A remark about an extreme value that looks like a code for "missing", or nothing."""
    if len(values) < 4:
        return ""
    for v, cells, lone in (
        (values[0], counts[0], values[0] < 0 <= values[1]),
        (values[-1], counts[-1], values[-1] > values[-2] + (values[-2] - values[0])),
    ):
        if v in _SENTINELS and cells > 1 and lone:
            return f"{v:g} stands {cells} times, far from all other values: if it means a gap, empty those cells"
    return ""
