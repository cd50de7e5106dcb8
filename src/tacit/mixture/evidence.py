"""What is said of a column, by a question or by a cell: values, sets and ranges, as unions of pieces that have a
probability or a density."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ..data.cells import dates, level_of
from ..data.schema import ColumnSchema, Kind
from ..errors import QueryError
from ..typing import Doubles
from .families.column import ColumnDistribution, Interval, Levels


class Value(NamedTuple):
    """One value, recorded to a step: the cell (x - width/2, x + width/2]; a density at x where width is 0."""

    x: float
    width: float


Piece: TypeAlias = Value | Interval
Said: TypeAlias = Levels | tuple[Piece, ...]  # a union of disjoint pieces; an empty one is impossible

ORDER = {"<": "less than", "<=": "at most", ">": "more than", ">=": "at least"}
FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


class Ends(NamedTuple):
    """low < x <= high."""

    low: float
    high: float


def ends(piece: Piece) -> Ends:
    """Where a piece begins and ends; a value without a step lies between its neighbours."""
    if isinstance(piece, Interval):
        return Ends(float(piece.low), float(piece.high))
    x, half = piece.x, piece.width / 2
    return Ends(x - half, x + half) if half else Ends(math.nextafter(x, -math.inf), x)


def intersect(a: Said | None, b: Said) -> Said:
    """Both at once; None says nothing.

    >>> intersect((Interval(0, 9),), (Value(3.0, 1.0), Value(9.0, 1.0)))
    (Value(x=3.0, width=1.0), Interval(low=8.5, high=9.0))
    """
    if a is None or a == b:
        return b
    if isinstance(a, Levels) or isinstance(b, Levels):
        return Levels(tuple(code for code in a.codes if code in b.codes))  # type: ignore[union-attr]
    return tuple(piece for p in a for q in b if (piece := _both(p, q)) is not None)


def _both(p: Piece, q: Piece) -> Piece | None:
    """What two pieces share; a value that lies wholly inside stays a value."""
    (a, b), (c, d) = ends(p), ends(q)
    low, high = max(a, c), min(b, d)
    if not low < high:
        return None
    for piece, own in ((p, (a, b)), (q, (c, d))):
        if isinstance(piece, Value) and own == (low, high):
            return piece
    return Interval(low, high)


def possible(said: Said) -> bool:
    """Whether it leaves anything."""
    return bool(said.codes if isinstance(said, Levels) else said)


def union(said: Sequence[Said]) -> Said:
    """One or another: pieces that overlap become one, and a single point counts for nothing beside a range.

    >>> union([(Value(3.0, 1.0),), (Interval(3.0, 5.0),), (Value(9.0, 0.0),)])
    (Interval(low=2.5, high=5.0),)
    """
    if isinstance(said[0], Levels):
        return Levels(tuple(sorted({code for s in said if isinstance(s, Levels) for code in s.codes})))
    held = sorted({piece for s in said if not isinstance(s, Levels) for piece in s}, key=ends)
    if not is_density(held):
        held = [piece for piece in held if not is_density([piece])]
    out: list[Piece] = []
    for piece in held:
        if out and ends(piece).low < ends(out[-1]).high:
            out[-1] = Interval(ends(out[-1]).low, max(ends(piece).high, ends(out[-1]).high))
        else:
            out.append(piece)
    return tuple(out)


def is_density(pieces: Sequence[Piece]) -> bool:
    """Whether every piece is a single point without a step."""
    return bool(pieces) and all(isinstance(p, Value) and not p.width for p in pieces)


def fold(name: str) -> str:
    """Names that people take for the same: case, and how words are joined, do not count.

    >>> fold("Hours-per_week") == fold("hours per week")
    True
    """
    return re.sub(r"[-_\s]+", " ", name).strip().casefold()


def loosely(names: Iterable[str]) -> str:
    """A regular expression for any of these names, the longest first, with joints and case as one pleases."""
    parts = sorted(set(names), key=lambda name: -len(name))
    return "|".join(r"[-_\s]+".join(map(re.escape, re.split(r"[-_\s]+", part))) for part in parts) or r"(?!)"


def nearest(name: str, names: Iterable[str], what: str) -> str:
    """The rest of a message about an unknown name: the one that was probably meant, or a few that there are."""
    known = list(names)
    folded = {fold(n): n for n in reversed(known)}
    close = get_close_matches(fold(name), folded, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {folded[close[0]]!r}?"
    shown = ", ".join(known[:8]) + (", ..." if len(known) > 8 else "")
    return f"; {what}: {shown}"


def pick(name: str, names: Iterable[str]) -> str | None:
    """The one of ``names`` that is meant: the same text, or the only one that folds to the same."""
    known = list(names)
    if name in known:
        return name
    same = [n for n in known if fold(n) == fold(name)]
    if len(same) > 1:
        raise QueryError(f"{name!r} may be {' or '.join(map(repr, same))}: write it as it stands there")
    return same[0] if same else None


@dataclass(frozen=True, eq=False)
class Variable:
    """A column as questions see it: what can be said of it, and how likely that is in each component."""

    schema: ColumnSchema
    dist: ColumnDistribution

    @property
    def name(self) -> str:
        return self.schema.name

    @property
    def levels(self) -> tuple[str, ...]:
        return self.schema.levels

    @property
    def numeric(self) -> bool:
        return self.schema.kind.numeric

    @cached_property
    def step(self) -> float:
        """The step that its numbers are recorded to; 0 where none is known, 1 for days."""
        if self.schema.kind is Kind.DATETIME:
            return 1.0 if self.schema.dtype.startswith("date") else 0.0
        return self.schema.step or 0.0

    @cached_property
    def numbers(self) -> Doubles | None:
        """The values of levels that are numbers [C], else None."""
        try:
            return np.array([float(level) for level in self.levels]) if self.levels else None
        except ValueError:
            return None

    # What is said of it.

    def equal(self, literal: Any) -> Said:
        """It has this value."""
        if not self.numeric:
            return Levels((self.code(literal),))
        value = self.value(literal)
        if not value.width and value.x in self.dist.atoms:
            return (Interval(*ends(value)),)
        if not self.dist.continuous and not isinstance(self._cell(value), Value):
            return ()  # a count between two counts
        return (value,)

    def among(self, literals: Iterable[Any]) -> Said:
        """It has one of these values."""
        return union([self.equal(literal) for literal in literals])

    def compare(self, op: str, literal: Any) -> Said:
        """It is less or more than this value: of the recorded steps, those before or after that of the value."""
        if not self.numeric:
            return self._compare_levels(op, literal)
        low, high = ends(self._cell(self.value(literal)))
        return {
            "<": (Interval(-math.inf, low),),
            "<=": (Interval(-math.inf, high),),
            ">": (Interval(high, math.inf),),
            ">=": (Interval(low, math.inf),),
        }[op]

    def apart(self, said: Said) -> Said:
        """Anything but that."""
        if isinstance(said, Levels):
            return Levels(tuple(c for c in range(len(self.levels)) if c not in said.codes))
        each = [ends(p) for p in said]
        lows = [-math.inf, *(e.high for e in each)]
        highs = [*(e.low for e in each), math.inf]
        return tuple(Interval(a, b) for a, b in zip(lows, highs, strict=True) if a < b)

    def value(self, literal: Any) -> Value:
        """A number or a date as the cell that it stands for."""
        if self.schema.kind is Kind.DATETIME:
            return self._day(literal)
        try:
            x = float(literal.replace("−", "-") if isinstance(literal, str) else literal)
        except (TypeError, ValueError):
            raise QueryError(f"{self.name} is a number, and {_shown(literal)} is none") from None
        if math.isnan(x):
            raise QueryError(f"{self.name} cannot be compared with {_shown(literal)}: say that it is missing")
        return Value(x, 0.0 if math.isinf(x) else self.step)

    def code(self, literal: Any) -> int:
        """A level by its name, or by its number where levels are numbers."""
        if not isinstance(literal, str):
            literal = str(literal) if isinstance(literal, bool | np.bool_) else self._level_of(literal)
        level = pick(literal, self.levels)
        if level is None and self.numbers is not None:
            level = pick(self._level_of(literal), self.levels)
        if level is None and self.schema.dtype == "bool":
            level = _TRUTH.get(fold(literal))
        if level is None:
            raise QueryError(
                f"{self.name} is never {_shown(literal)}{nearest(literal, self.levels, 'its categories are')}"
            )
        return self.levels.index(level)

    def _level_of(self, literal: Any) -> str:
        try:
            x = float(literal)
        except (TypeError, ValueError):
            return str(literal)
        return level_of(x, "int64" if x.is_integer() and self.schema.dtype != "double" else "double")

    def _compare_levels(self, op: str, literal: Any) -> Said:
        if self.numbers is None:
            raise QueryError(
                f"{self.name} is a category, whose values have no order; say {self.name}=... or {self.name} in {{...}}"
            )
        try:
            x = float(literal)
        except (TypeError, ValueError):
            raise QueryError(f"{self.name} is a number, and {_shown(literal)} is none") from None
        holds = {"<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal}[op](self.numbers, x)
        return Levels(tuple(np.flatnonzero(holds).tolist()))

    def _cell(self, value: Value) -> Piece:
        """The cell of a value; for one that lies between two steps, the empty one on their boundary."""
        if not value.width or self.schema.kind is Kind.DATETIME:
            return value
        h = value.width
        at = value.x / h
        if abs(at - round(at)) <= 1e-6:
            return Value(round(at) * h, h)
        edge = (math.floor(at) + 0.5) * h
        return Interval(edge, edge)

    def _day(self, literal: Any) -> Value:
        """A date, or days since 1970; a day named where times are recorded means all of it."""
        if isinstance(literal, float | int):
            return Value(float(literal), self.step)
        if isinstance(literal, datetime.datetime | datetime.date | np.datetime64):
            literal = str(np.datetime64(literal))
        text = str(literal).strip()
        import pyarrow as pa

        read = dates(pa.array([text]), (self.schema.format,))
        if read is None or math.isnan(read.days[0]):
            raise QueryError(f"{self.name} is a date, and {_shown(literal)} is none; write it as 2024-01-31")
        day = float(read.days[0])
        if self.step:
            return Value(day, 1.0)
        return Value(day, 0.0) if re.search(r"\d:\d", text) else Value(day + 0.5, 1.0)

    # How likely that is.

    @cached_property
    def log_p(self) -> Doubles:
        """log p(level | k) [C, K]."""
        with np.errstate(divide="ignore"):
            log_p: Doubles = np.log(self.dist.probabilities())
        return np.ascontiguousarray(log_p.T)

    def log_prob(self, said: Said | None) -> Doubles:
        """log P(said | k) [K]; a density for a single point."""
        if said is None:
            return np.zeros(self.dist.K)
        if not possible(said):
            return np.full(self.dist.K, -np.inf)
        if isinstance(said, Levels):
            if len(said.codes) == 1:
                one: Doubles = self.log_p[said.codes[0]]
                return one
            some: Doubles = np.logaddexp.reduce(self.log_p[list(said.codes)])
            return np.minimum(some, 0.0)
        each = [self._piece(piece) for piece in said]
        total: Doubles = each[0] if len(each) == 1 else np.logaddexp.reduce(each)
        return total

    def _piece(self, piece: Piece) -> Doubles:
        if isinstance(piece, Value) and not piece.width:
            density: Doubles = self.dist.log_prob(np.array([piece.x]))[0]
            return density
        return self.dist.log_mass(Interval(*ends(piece)))

    def density(self, said: Said | None) -> bool:
        """Whether what is said has a density rather than a probability."""
        return said is not None and not isinstance(said, Levels) and is_density(said)

    # How it is shown.

    def show(self, x: float) -> str:
        """A value as a person writes it: a date, or a number to its step."""
        if self.schema.kind is Kind.DATETIME:
            if not math.isfinite(x):
                return f"{x}"
            day = np.datetime64(0, "D") + np.timedelta64(math.floor(x + (0.5 if self.step else 0)), "D")
            if self.step or x == math.floor(x):
                return str(day)
            return str(np.datetime64(0, "s") + np.timedelta64(round(x * 86_400), "s")).replace("T", " ")
        if self.step and math.isfinite(x) and abs(x / self.step - round(x / self.step)) <= 1e-6:
            return f"{x:.{max(0, round(-math.log10(self.step)))}f}" if abs(x) < 1e15 else f"{x:g}"
        return f"{x:.6g}"


def _shown(literal: Any) -> str:
    return repr(literal) if isinstance(literal, str) else str(literal)


_TRUTH = {"true": "True", "t": "True", "yes": "True", "1": "True"}
_TRUTH |= {"false": "False", "f": "False", "no": "False", "0": "False"}
