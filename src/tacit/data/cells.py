"""Cells: what texts mean as numbers, dates and gaps. Every distinct text is looked at once, however often it stands."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
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
    column = column.cast(pa.large_string()) if pa.types.is_string_view(column.type) else column
    coded = pc.dictionary_encode(column)
    index = pc.fill_null(coded.indices, -1).to_numpy(zero_copy_only=False)
    return Texts([t.strip() for t in coded.dictionary.to_pylist()], index)


_CURRENCY = "$€£¥₹₽₩₺₴₪฿"
_NUMBER = re.compile(
    rf"(?P<open>\()?\s*(?P<minus>[-+−]?)\s*(?:(?P<before>[{_CURRENCY}])\s*(?P<minus2>[-−]?))?"
    r"(?P<body>(?:\d[\d.,'’\u00a0\u202f ]*)?[.,]?\d+[.,]?)(?P<power>[eE][-+]?\d+)?"
    rf"\s*(?P<after>[{_CURRENCY}%]?)\s*(?(open)\))"
)
_GROUPED = {".": re.compile(r"\d{1,3}(,\d{3})+"), ",": re.compile(r"\d{1,3}(\.\d{3})+")}
_SPACED = re.compile(r"\d{1,3}([ \u00a0\u202f'’]\d{3})+(?!\d)")


def decides(body: str) -> str:
    """The decimal mark that this number alone proves, or nothing: 1,5 proves a comma, 1,234 is of two minds.

    >>> [decides(b) for b in ("1,5", "0,125", "1,234", "1.234.567,8", "1,234,567", "3.25", "12")]
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
    proofs = {p for p in map(decides, bodies) if p}
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


def plain_numbers(column: Any, default: str = ".") -> Numbers | None:
    """A text column of numbers and empty cells alone, as computers write them; None for any other."""
    if default != "." and pc.any(pc.match_substring(column, ".")).as_py():
        return None
    try:
        values = pc.fill_null(pc.cast(column, pa.float64()), np.nan)
    except pa.ArrowInvalid:
        return None
    return Numbers(values.to_numpy(zero_copy_only=False), ".", (), {}, "", _padded(column))


def numbers(column: Any, default: str = ".") -> Numbers:
    """A text column as numbers; ``default`` is its decimal mark where no cell proves one."""
    plain = plain_numbers(column, default)
    if plain is not None:
        return plain
    cells = texts(column)
    held = cells.counts()
    found = {t: m for t in held if (m := _NUMBER.fullmatch(t))}
    mark = decimal_mark((m["body"] for m in found.values()), default)
    value = {t: v for t, m in found.items() if mark and (v := _value(m, mark)) is not None}
    value |= {t: v for t in held if (v := _INFINITE.get(t.lower())) is not None}
    coded = {t for t in held if t not in value and value and t.lower() in MISSING_AMONG_NUMBERS}
    strays = {t: count for t, count in held.items() if t not in value and t not in coded}
    signs = {m["before"] or m["after"] for t, m in found.items() if t in value}
    if len(signs) > 1 and "%" in signs:  # 12 and 12 % are not the same number
        strays |= {t: held[t] for t, m in found.items() if m["after"] == "%"}
    whole = not any(re.search("[.,]", m["body"]) for m in found.values())
    padded = whole and any(re.fullmatch(r"0\d+", m["body"]) for m in found.values())
    missing = tuple(sorted(coded.union(cells.missing())))
    sign = signs.pop() if len(signs) == 1 else ""
    return Numbers(cells.spread(value, np.nan, np.float64), mark or ".", missing, strays, sign, padded)


_INFINITE = {f"{sign}{word}": float(f"{sign}inf") for sign in ("", "+", "-") for word in ("inf", "infinity")}


def _padded(column: Any) -> bool:
    zero = pc.and_(pc.starts_with(column, "0"), pc.greater(pc.utf8_length(column), 1))
    if not pc.any(zero).as_py():
        return False
    first = pc.any(pc.match_substring_regex(column, r"^0\d+$")).as_py()
    return bool(first) and not pc.any(pc.match_substring_regex(column, r"[.eE]")).as_py()


_ORDERS = ("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%m/%d/%Y", "%m-%d-%Y", "%m/%d/%y")  # month before day where both fit
_DAY_FIRST = ("%d.%m.%Y", "%d/%m/%Y", "%d-%m-%Y", "%d.%m.%y", "%d/%m/%y")
_WRITTEN_OUT = ("%d %b %Y", "%d-%b-%Y", "%b %d, %Y", "%b %d %Y", "%d %B %Y", "%B %d, %Y", "%d. %B %Y", "%d-%b-%y")
_DATES = (*_ORDERS, *_DAY_FIRST, *_WRITTEN_OUT, "%Y-%m")
_LIKE_A_DATE = re.compile(
    r"\d{1,4}([-/.])\d{1,2}\1\d{1,4}|\d{4}-\d{2}$|\d{1,2}\.?[ -][^\W\d]{3,}|[^\W\d]{3,} \d{1,2},? \d{4}|\d{4}(\d{4})?$"
)
_CLOCKS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p", "T%H:%M", "T%H:%M:%S")
FROM_DIGITS = ("%Y%m%d", "%Y")  # tried where digits alone are said to be dates


def dates(column: Any, patterns: tuple[str, ...] = ()) -> Dates | None:
    """A text column as points in time, or None when some cell is neither a date nor a missing code.

    ``patterns`` are tried first, in strptime's language, "" for ISO 8601; then whatever the first cells look like.
    """
    cells = texts(column)
    held = list(cells.counts())
    if not held or not all(map(_LIKE_A_DATE.match, held[:50])):
        return None
    likely = [p for p in (d + c for d in _DATES for c in _CLOCKS) if _days(held[:3], p) is not None]
    for pattern in dict.fromkeys((*patterns, "", *likely)):
        if (days := _days(held, pattern)) is not None:
            twin = pattern.replace("%m/%d", "%d/%m").replace("%m-%d-", "%d-%m-")
            ambiguous = pattern not in patterns and twin != pattern and _days(held, twin) is not None
            spread = cells.spread(dict(zip(held, days, strict=True)), np.nan, np.float64)
            return Dates(spread, pattern, cells.missing(), ambiguous)
    return None


def _days(held: list[str], pattern: str) -> list[float] | None:
    """Days since 1970-01-01 of texts that all fit ``pattern``."""
    if pattern:
        try:
            points = [datetime.strptime(t, pattern).replace(tzinfo=UTC) for t in held]
        except ValueError:
            return None
        return [(t - _EPOCH) / timedelta(days=1) for t in points]
    for kind in (pa.timestamp("us"), pa.timestamp("us", tz="UTC")):  # without and with an offset
        try:
            us = pc.cast(pa.array(held), kind).cast(pa.int64())
        except pa.ArrowInvalid:
            continue
        days: list[float] = (us.to_numpy() / 86_400e6).tolist()
        return days
    return None


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def step_of(values: Array) -> float | None:
    """The largest power of ten, 1 at most and 1e-6 at least, that all values are multiples of; None if there is none.

    >>> step_of(np.array([1.0, 2.0])), step_of(np.array([0.25, 1.5])), step_of(np.array([np.pi]))
    (1.0, 0.01, None)
    """
    with np.errstate(over="ignore", invalid="ignore"):
        for decimals in range(7):
            if np.all(np.abs(values - np.round(values, decimals)) <= 1e-12 * np.abs(values)):
                return float(f"1e-{decimals}")
    return None


def level_of(value: float, dtype: str) -> str:
    """A number as the text of a level: 1 for an integer, 1.5 else.

    >>> level_of(1.0, "int64"), level_of(1.5, "double")
    ('1', '1.5')
    """
    return str(int(value)) if dtype == "int64" else repr(float(value))
