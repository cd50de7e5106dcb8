"""Numbers, shares and lists as an analyst would write them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from ..data.table import ColumnSchema, Kind

GAP = "\u202f"  # between a number and its %, and between thousands


def count(n: int, noun: str = "", plural: str = "") -> str:
    """A whole number with its noun.

    >>> count(1, "group"), count(2, "group"), count(3, "category", "categories"), count(48842).isascii()
    ('1 group', '2 groups', '3 categories', False)
    """
    digits = f"{n:,}".replace(",", GAP) if abs(n) >= 10_000 else str(n)
    return f"{digits} {noun if n == 1 else plural or noun + 's'}" if noun else digits


def share(p: float) -> str:
    """A share as a percentage, never 0 % or 100 % for something that is not.

    >>> [share(p).replace(GAP, " ") for p in (0, 0.0004, 0.0412, 0.414, 0.9996, 1)]
    ['0 %', '0.04 %', '4.1 %', '41 %', 'over 99.9 %', '100 %']
    """
    percent = 100 * p
    if percent in (0, 100):
        return f"{percent:.0f}{GAP}%"
    if percent < 0.01:
        return f"under 0.01{GAP}%"
    if percent > 99.9:
        return f"over 99.9{GAP}%"
    if percent < 0.1:
        return f"{percent:.2f}{GAP}%"
    text = f"{percent:.1f}" if percent < 9.95 or percent > 99 else f"{percent:.0f}"
    return f"{text.removesuffix('.0')}{GAP}%"


def percent(p: float) -> str:
    """A share in a narrow place.

    >>> [percent(p).replace(GAP, " ") for p in (0, 0.002, 0.414, 0.999, 1)]
    ['0 %', '<1 %', '41 %', '>99 %', '100 %']
    """
    if 0 < p < 0.005:
        return f"<1{GAP}%"
    if 0.995 <= p < 1:
        return f">99{GAP}%"
    return f"{100 * p:.0f}{GAP}%"


def listing(items: Sequence[str], conjunction: str = "and") -> str:
    """a, b and c.

    >>> listing(["a"]), listing(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {conjunction} {items[-1]}"


def clip(text: str, most: int = 60) -> str:
    """The text on one line, shortened in its middle if it is long.

    >>> clip("a" * 50 + "b" * 50, 11)
    'aaaaaaa…bbb'
    """
    text = " ".join(text.split())
    if len(text) <= most:
        return text
    tail = most // 3
    return f"{text[: most - tail - 1]}…{text[len(text) - tail :]}"


def number(x: float, unit: float = 0.0) -> str:
    """A number to a precision: ``unit`` is the smallest difference worth showing; 0 keeps four digits.

    >>> number(47.0, 1), number(0.12345, 0.01), number(1234567.0, 10000), number(2.5e-9)
    ('47', '0.12', '1.23 million', '2.5e-09')
    """
    if x == 0 or not math.isfinite(x):
        return f"{x:.0f}"
    if unit <= 0:
        unit = 10.0 ** (math.floor(math.log10(abs(x))) - 3)
    if abs(x) >= 1e15 or (0 < abs(x) < 1e-4 <= 1 and unit < 1e-4):
        return f"{x:.3g}"
    for one, name, _ in _SIZES:
        if one <= abs(x) and unit >= one / 1000:
            return number(x / one, unit / one) + name
    decimals = max(0, min(12, -math.floor(math.log10(unit) + 1e-9)))
    rounded = round(x / unit) * unit + 0.0 if unit > 1 else round(x, decimals) + 0.0
    text = f"{rounded:,.{decimals}f}" if abs(rounded) >= 10_000 else f"{rounded:.{decimals}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return text.replace(",", GAP)


_SIZES = ((1e12, " trillion", "T"), (1e9, " billion", "bn"), (1e6, " million", "M"))


def size(top: float, unit: float) -> tuple[float, str]:
    """Thousands, millions or billions, where numbers up to ``top`` at a precision of ``unit`` are shorter in them.

    >>> size(2.5e7, 1e5)[0], size(17_500, 100)[0], size(17_500, 1)[0]
    (1000000.0, 1000.0, 1.0)
    """
    for one, _, short in _SIZES:
        if one <= top < 1e15 and unit >= one / 1000:
            return one, f"{GAP}{short}"
    return (1e3, f"{GAP}k") if 1e4 <= top < 1e15 and unit >= 10 else (1.0, "")


def date(days: float, unit: float = 1.0) -> str:
    """Days since 1970-01-01 as a date, with the time of day where less than a day matters.

    >>> date(0), date(0.5, 0.1), date(-1e9)
    ('1970-01-01', '1970-01-01 12:00', 'day -1000000000')
    """
    try:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=days)
    except (OverflowError, ValueError):
        return f"day {days:.0f}"
    return moment.strftime("%Y-%m-%d %H:%M" if unit < 1 else "%Y-%m-%d")


def value(schema: ColumnSchema, x: float, unit: float = 0.0) -> str:
    """A statistic of a numeric column to the precision ``unit``; with 0 a cell, with all its digits.

    >>> from tacit.data.table import ColumnSchema, Kind
    >>> value(ColumnSchema("x", Kind.NUMBER), 9444.25), value(ColumnSchema("x", Kind.NUMBER), 9444.25, 10)
    ('9444.25', '9440')
    """
    if schema.kind is Kind.DATETIME:
        return date(x, unit or (1.0 if float(x).is_integer() else 0.001))
    if unit:
        return number(x, unit)
    if float(x).is_integer() and abs(x) < 1e15:
        return count(int(x))
    whole, point, digits = f"{x:.10g}".partition(".")
    return f"{count(int(whole))}{point}{digits}" if point and abs(x) >= 10_000 and "e" not in digits else f"{x:.10g}"


def capital(text: str) -> str:
    """The text with a capital first letter."""
    return text[:1].upper() + text[1:]
