"""Answers that need quasi-Monte Carlo are asked for in eight rounds: their mean, and how far the rounds lie apart."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from ..typing import Array
from .answer import Answer, Answers, show
from .box import Draws

ROUNDS = 8
A = TypeVar("A", Answer, Answers)


def rounds(ask: Callable[[Draws], A]) -> A:
    """The answer, exact where no draws are used, else the mean of independent rounds with its standard error."""
    draws = Draws(0)
    first = ask(draws)
    if not draws.used:
        return first
    each = [first, *(ask(Draws(seed)) for seed in range(1, ROUNDS))]
    return _mean(each) if isinstance(first, Answer) else _means(each)  # type: ignore[arg-type]


def _mean(each: Sequence[Answer]) -> Answer:
    first = each[0]
    alike = [a for a in each if _labels(a.table) == _labels(first.table)]
    table = {
        name: [_average([a.table[name][i] for a in alike])[0] for i in range(len(column))]
        for name, column in first.table.items()
    }
    log_evidence = _average([a.log_evidence for a in each])[0]
    if first.kind == "distribution":
        spread = [_average([a.table["p"][i] for a in alike])[1] for i in range(len(table["p"]))]
        value: Any = dict(zip(first.value, table["p"], strict=True))
        error, note = 0.0, f"by quasi-Monte Carlo: the standard error of each p is at most {show(max(spread))}"
    elif isinstance(first.value, dict):
        found = {k: _average([a.value[k] for a in each]) for k in first.value}
        value, error = {k: m for k, (m, _) in found.items()}, max(e for _, e in found.values())
        note = "by quasi-Monte Carlo, with the largest of their standard errors"
    else:
        value, error = _average([a.value for a in each])
        note = "by quasi-Monte Carlo, with its standard error"
    log_value = first.log_value
    if log_value is not None and isinstance(value, float) and first.kind in ("probability", "density"):
        log_value = math.log(value) if value > 0 else -math.inf
    return replace(
        first,
        value=value,
        log_value=log_value,
        log_evidence=log_evidence,
        table=table,
        error=error,
        notes=(*first.notes, note),
    )


def _means(each: Sequence[Answers]) -> Answers:
    first, worst = each[0], 0.0
    columns: dict[str, Any] = {}
    for name, column in first.columns.items():
        columns[name] = column
        if np.asarray(column).dtype.kind == "f":
            all_rounds = np.array([a.columns[name] for a in each])
            columns[name] = all_rounds.mean(axis=0)
            worst = max(worst, float(all_rounds.std(axis=0, ddof=1).max(initial=0.0)) / math.sqrt(len(each)))
    log_evidence = np.mean([a.log_evidence for a in each], axis=0)
    note = f"by quasi-Monte Carlo, with standard errors of at most {show(worst)}"
    return replace(first, columns=columns, log_evidence=log_evidence, notes=(*first.notes, note))


def _labels(table: Any) -> list[Any]:
    return [[v for v in column if not isinstance(v, float)] for column in table.values()]


def _average(values: Sequence[Any]) -> tuple[Any, float]:
    """The mean and its standard error; what is no number is that of the first round."""
    if not isinstance(values[0], float):
        return values[0], 0.0
    sd = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    return float(np.mean(values)), sd / math.sqrt(len(values))


def joined(parts: Sequence[Answers], order: Array) -> Answers:
    """Answers of groups of rows as those of all rows; ``order`` brings them back to where the rows stood."""
    first = parts[0]
    columns = {name: np.concatenate([p.columns[name] for p in parts])[order] for name in first.columns}
    log_evidence = np.concatenate([p.log_evidence for p in parts])[order]
    notes = tuple(dict.fromkeys(note for p in parts for note in p.notes))
    return replace(first, columns=columns, log_evidence=log_evidence, notes=notes)
