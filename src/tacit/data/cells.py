"""Cells: what texts mean as numbers, dates and gaps. Every distinct text is looked at once, however often it stands."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..typing import Array, Doubles

_EXCEL = ("#N/A", "#NA", "#N/A N/A", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#NULL!")
_WORDS = ("", "NA", "N/A", "n/a", "<NA>", "NaN", "nan", "-nan", "NaT", "NULL", "Null", "null", "None", "?", "-", "--")
MISSING = frozenset((*_WORDS, *_EXCEL))
_NOT_KNOWN = ("na", "n.a.", "n.a", "none", "nil", "nd", "n.d.", "missing", "unknown", "unk", "tbd")
MISSING_AMONG_NUMBERS = frozenset(  # lower case; among words these could be levels
    (*_NOT_KNOWN, "not available", "not applicable", ".", "..", "...", "*", "x")
)


class Texts(NamedTuple):
    """A text column as its distinct texts, blanks cut off, and where they stand."""

    texts: list[str]  # [D]
    where: Array  # [n], -1 = null

    def missing(self) -> tuple[str, ...]:
        """The texts that mean "missing" in any column, beside the empty cell."""
        return tuple(sorted(t for t in set(self.texts) & MISSING if t))

    def counts(self) -> dict[str, int]:
        """How many cells hold each text, missing codes not counted."""
        held = np.bincount(self.where[self.where >= 0], minlength=len(self.texts))
        total: dict[str, int] = {}
        for text, count in zip(self.texts, held.tolist(), strict=True):
            if count and text not in MISSING:
                total[text] = total.get(text, 0) + count
        return total

    def spread(self, of_text: dict[str, Any], gap: Any, dtype: Any) -> Array:
        """of_text[cell] for every cell; ``gap`` where the cell is null or its text has no entry."""
        table = np.array([of_text.get(t, gap) for t in self.texts] + [gap], dtype=dtype)
        return table[self.where]


class Numbers(NamedTuple):
    """A column read as numbers."""

    values: Array  # [n]; a gap is NaN
    mark: str  # the decimal mark
    missing: tuple[str, ...]
    strays: dict[str, int]  # texts that are neither numbers nor missing codes -> cells
    sign: str  # a currency or percent sign that stood with every number
    padded: bool  # integers with leading zeros: codes rather than numbers


class Dates(NamedTuple):
    """A column read as points in time."""

    days: Doubles  # [n], since 1970-01-01; a gap is NaN
    format: str  # "" for ISO 8601, else a strptime pattern
    missing: tuple[str, ...]
    ambiguous: bool  # day and month could stand the other way round


def is_text(column: Any) -> bool:
    """Whether an Arrow array holds text."""
    t = column.type
    return bool(pa.types.is_string(t) or pa.types.is_large_string(t) or pa.types.is_string_view(t))


def texts(column: Any) -> Texts:
    """The distinct texts of an Arrow text array."""
    coded = pc.dictionary_encode(column if not pa.types.is_string_view(column.type) else column.cast(pa.large_string()))
    index = pc.fill_null(coded.indices, -1).to_numpy(zero_copy_only=False)
    return Texts([t.strip() for t in coded.dictionary.to_pylist()], index)


_CURRENCY = "$€£¥₹₽₩₺₴₪฿"
_NUMBER = re.compile(
    rf"(?P<open>\()?\s*(?P<minus>[-+−]?)\s*(?P<before>[{_CURRENCY}]?)\s*(?P<minus2>[-−]?)"
    r"(?P<body>(?:\d[\d.,'’\u00a0\u202f ]*)?[.,]?\d+[.,]?)(?P<power>[eE][-+]?\d+)?"
    rf"\s*(?P<after>[{_CURRENCY}%]?)\s*(?(open)\))"
)
_GROUPED = {".": re.compile(r"\d{1,3}(,\d{3})+"), ",": re.compile(r"\d{1,3}(\.\d{3})+")}
_SPACED = re.compile(r"\d{1,3}([ \u00a0\u202f'’]\d{3})+(?!\d)")


def _decides(body: str) -> str:
    """The decimal mark that this number alone proves, or nothing: 1,5 proves a comma, 1,234 is of two minds.

    >>> [_decides(b) for b in ("1,5", "0,125", "1,234", "1.234.567,8", "1,234,567", "3.25", "12")]
    [',', ',', '', ',', '.', '.', '']
    """
    comma, dot = body.count(","), body.count(".")
    if comma and dot:
        return "," if body.rfind(",") > body.rfind(".") else "."
    if comma > 1 or dot > 1:
        return "." if comma else ","
    if comma or dot:
        mark = "," if comma else "."
        whole, part = body.split(mark)
        return mark if len(part) != 3 or not 1 <= len(whole) <= 3 or whole == "0" else ""
    return ""


def decimal_mark(bodies: Iterable[str], default: str = ".") -> str:
    """The decimal mark of a column, ``default`` where nothing proves one; empty where cells contradict each other."""
    proofs = {p for p in map(_decides, bodies) if p}
    return (proofs or {default}).pop() if len(proofs) < 2 else ""


def _value(m: re.Match[str], mark: str) -> float | None:
    body = m["body"]
    if _SPACED.match(body):
        body = re.sub(r"(?<=\d)[ \u00a0\u202f'’](?=\d{3})", "", body)
    whole, _, part = body.partition(mark)
    if _GROUPED[mark].fullmatch(whole):
        whole = whole.replace("," if mark == "." else ".", "")
    try:
        value = float(f"{whole}.{part}{m['power'] or ''}")
    except ValueError:
        return None
    negative = bool(m["open"]) or m["minus"] in ("-", "−") or bool(m["minus2"])
    return -value if negative else value


def numbers(column: Any, mark: str = "", default: str = ".") -> Numbers:
    """A text column as numbers. ``mark`` is the decimal mark if it is known, ``default`` what it is without proof."""
    if (mark or default) == ".":
        try:
            values = pc.cast(column, pa.float64())  # plain numbers and empty cells
            return Numbers(_doubles(values), ".", (), {}, "", _padded(column))
        except pa.ArrowInvalid:
            pass
    cells = texts(column)
    held = np.bincount(cells.where[cells.where >= 0], minlength=len(cells.texts)).tolist()
    found = {t: m for t in cells.texts if t not in MISSING and (m := _NUMBER.fullmatch(t))}
    mark = mark or decimal_mark((m["body"] for m in found.values()), default)
    value = {t: v for t, m in found.items() if mark and (v := _value(m, mark)) is not None}
    missing: set[str] = set()
    strays: dict[str, int] = {}
    for text, count in zip(cells.texts, held, strict=True):
        if text in value:
            continue
        if text in MISSING or (value and text.lower() in MISSING_AMONG_NUMBERS):
            missing.add(text)
        elif count:
            value_of = _special(text)
            if value_of is None:
                strays[text] = strays.get(text, 0) + count
            else:
                value[text] = value_of
    signs = {m["before"] or m["after"] for t, m in found.items() if t in value}
    sign = signs.pop() if len(signs) == 1 else ""
    if len(signs) > 1 and "%" in signs:  # 12 and 12 % are not the same number
        strays.update({t: 1 for t, m in found.items() if "%" in (m["before"], m["after"])})
    padded = any(re.fullmatch(r"0\d+", m["body"]) for m in found.values()) and not any(
        re.search("[.,]", m["body"]) for m in found.values()
    )
    values = cells.spread(value, np.nan, np.float64)
    return Numbers(values, mark or ".", tuple(sorted(missing - {""})), strays, sign, padded)


def _special(text: str) -> float | None:
    return {"inf": np.inf, "+inf": np.inf, "-inf": -np.inf, "infinity": np.inf, "-infinity": -np.inf}.get(text.lower())


def _padded(column: Any) -> bool:
    zero = pc.and_(pc.starts_with(column, "0"), pc.greater(pc.utf8_length(column), 1))
    if not pc.any(zero).as_py():
        return False
    first = pc.any(pc.match_substring_regex(column, r"^0\d+$")).as_py()
    return bool(first) and not pc.any(pc.match_substring_regex(column, r"[.eE]")).as_py()


def _doubles(values: Any) -> Doubles:
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    out: Doubles = pc.fill_null(values, np.nan).to_numpy(zero_copy_only=False)
    return out


_DAY_FIRST = ("%d.%m.%Y", "%d/%m/%Y", "%d-%m-%Y")
_MONTH_FIRST = {"%m/%d/%Y": "%d/%m/%Y", "%m-%d-%Y": "%d-%m-%Y"}
_WRITTEN_OUT = ("%d %b %Y", "%d-%b-%Y", "%b %d, %Y", "%b %d %Y", "%d %B %Y", "%B %d, %Y", "%d. %B %Y")
_DATES = ("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%m/%d/%Y", "%m-%d-%Y", *_DAY_FIRST, *_WRITTEN_OUT, "%Y-%m")
_CLOCKS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p", "T%H:%M", "T%H:%M:%S")


def dates(column: Any, format: str | None = None) -> Dates | None:
    """A text column as points in time, or None when some cell is neither a date nor a missing code."""
    cells = texts(column)
    held = list(dict.fromkeys(t for t in cells.texts if t not in MISSING))
    if not held or not all(4 <= len(t) <= 40 and any(c.isdigit() for c in t) for t in held[:50]):
        return None
    array = pa.array(held)
    for pattern in [format] if format is not None else ["", *_candidates(held)]:
        if (us := _parsed(array, pattern)) is not None:
            days = us.cast(pa.int64()).to_numpy() / 86_400e6
            twin = _MONTH_FIRST.get(pattern.split(" ")[0])
            ambiguous = (
                format is None and twin is not None and _parsed(array, pattern.replace(*_swap(pattern))) is not None
            )
            spread = cells.spread(dict(zip(held, days.tolist(), strict=True)), np.nan, np.float64)
            return Dates(spread, pattern, cells.missing(), ambiguous)
    return None


def _swap(pattern: str) -> tuple[str, str]:
    first = pattern.split(" ")[0]
    return first, _MONTH_FIRST[first]


def _candidates(held: list[str]) -> list[str]:
    """The patterns that the first texts fit: the rest of the column is tried on few."""
    from datetime import datetime

    def fits(text: str, pattern: str) -> bool:
        try:
            datetime.strptime(text, pattern)
        except ValueError:
            return False
        return True

    few = held[:3]
    return [p + c for p in _DATES for c in _CLOCKS if all(fits(t, p + c) for t in few)]


def _parsed(array: Any, pattern: str) -> Any:
    try:
        if pattern:
            return pc.strptime(array, format=pattern, unit="us")
        return pc.cast(pc.replace_substring_regex(array, "(Z|[+-]00:?00)$", ""), pa.timestamp("us"))
    except pa.ArrowInvalid:
        return None


def step_of(values: Array) -> float | None:
    """The largest power of ten, 1 at most and 1e-6 at least, that all values are multiples of; None if there is none.

    >>> step_of(np.array([1.0, 2.0])), step_of(np.array([0.25, 1.5])), step_of(np.array([np.pi]))
    (1.0, 0.01, None)
    """
    for decimals in range(7):
        if np.all(np.abs(values - np.round(values, decimals)) <= 1e-12 * np.abs(values)):
            return float(f"1e-{decimals}")
    return None
