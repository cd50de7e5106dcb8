"""What a question is answered with: numbers, the words for them, and a table where there is more than one."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..typing import Doubles


@dataclass(frozen=True)
class Answer:
    """The answer to one question.

    Attributes
    ----------
    question, words : str
        What was asked, as it was written and in words.
    kind : str
        "probability", "density", "distribution", "expectation", "variance", "standard deviation", "quantile",
        "most likely" or "information".
    value : float, str or dict
        The number; the likeliest value; for a whole distribution the probability of each value.
    log_value : float or None
        log of a probability or a density.
    log_evidence : float
        log p(evidence); 0 where there is none.
    table : dict of lists
        The columns of a whole distribution, or what else belongs to the number.
    error : float
        The standard error of ``value`` where it was found by quasi-Monte Carlo, else 0.
    notes : tuple of str
        What to know of it: the steps that equalities stand for.
    shown : str
        The value for people, where it is more than a number: a date.
    """

    question: str
    words: str
    kind: str
    value: Any
    log_value: float | None = None
    log_evidence: float = 0.0
    table: Mapping[str, list[Any]] = field(default_factory=dict)
    error: float = 0.0
    notes: tuple[str, ...] = ()
    shown: str = ""

    def __float__(self) -> float:
        return float(self.value)

    def as_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        value = self.value
        if isinstance(value, dict):
            value = {k if isinstance(k, str) else ", ".join(map(str, k)): v for k, v in value.items()}
        return {
            "question": self.question,
            "words": self.words,
            "kind": self.kind,
            "value": value,
            "log_value": self.log_value,
            "log_evidence": self.log_evidence,
            "table": dict(self.table),
            "error": self.error,
            "notes": list(self.notes),
        }

    def to_json(self) -> str:
        """The same as text; a number that JSON has no word for is null."""
        return json.dumps(_finite(self.as_dict()), ensure_ascii=False)

    def __str__(self) -> str:
        head = self.question if self.kind == "distribution" else f"{self.question} = {self.text}"
        error = f" ± {show(self.error)}" if self.error else ""
        return "\n  ".join([head + error, self.words, *self.grid(), *self.remarks()])

    @property
    def text(self) -> str:
        """The value for people."""
        return self.shown or (", ".join(self.value) if isinstance(self.value, tuple) else show(self.value))

    def grid(self, bar: int = 0) -> list[str]:
        """The table as lines of text; for a distribution, with bars of up to so many characters."""
        if not self.table:
            return []
        cells = [[str(name), *(show(v) for v in column)] for name, column in self.table.items()]
        wide = [max(map(len, column)) for column in cells]
        right = [all(isinstance(v, float | int) for v in column) for column in self.table.values()]
        lines = ["  ".join(c.rjust(w) if r else c.ljust(w) for c, w, r in zip(row, wide, right)) for row in zip(*cells)]
        if bar:
            p = self.table["p"]
            lines = [lines[0], *(f"{line}  {_bar(v / max(*p, 1e-300), bar)}" for line, v in zip(lines[1:], p))]
        return [line.rstrip() for line in lines]

    def remarks(self) -> list[str]:
        """What stands below: the logarithm, and the notes."""
        if self.log_value is None:
            return list(self.notes)
        what = "density" if self.kind == "density" or "density" in self.table else "p"
        return [f"log {what} = {show(self.log_value)}", *self.notes]


@dataclass(frozen=True)
class Answers:
    """The answers to one question for each of n rows of evidence: ``columns`` by name, each of n cells."""

    question: str
    words: str
    kind: str
    columns: Mapping[str, Any]
    log_evidence: Doubles
    notes: tuple[str, ...] = ()

    @property
    def table(self) -> Any:
        """The same as a ``pyarrow.Table``."""
        import pyarrow as pa

        return pa.table(dict(self.columns))

    @property
    def values(self) -> Any:
        """The numbers: [n], or [n, C] where there are several columns."""
        import numpy as np

        each = [np.asarray(v) for v in self.columns.values()]
        return each[0] if len(each) == 1 else np.column_stack(each)

    def __len__(self) -> int:
        return len(self.log_evidence)


def show(x: Any) -> str:
    """A number with four digits, all of them where it is large.

    >>> show(0.47119), show(1.5e-9), show(40.0), show(123456.7)
    ('0.4712', '1.5e-09', '40', '123457')
    """
    if not isinstance(x, float):
        return str(x)
    return f"{x:.0f}" if 1e4 <= abs(x) < 1e12 else f"{x:.4g}"


def _bar(share: float, width: int) -> str:
    """A bar in eighths of a character."""
    eighths = round(share * width * 8)
    return "█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_finite(v) for v in value]
    return value
