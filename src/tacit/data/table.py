"""A table: named columns of known kinds, as a source of numbers and category codes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a column holds."""

    NUMBER = "number"
    COUNT = "count"  # integers >= 0
    BINARY = "binary"  # two levels
    CATEGORY = "category"
    DATETIME = "datetime"  # worked on as days since 1970-01-01
    TEXT = "text"  # left out
    IDENTIFIER = "identifier"  # left out

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


@dataclass(frozen=True)
class Schema:
    """The columns of a table, in order."""

    columns: tuple[ColumnSchema, ...]

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
        """Free text and identifiers: kept for display, never learned from."""
        return tuple(c for c in self.columns if not (c.kind.numeric or c.kind.categorical))
