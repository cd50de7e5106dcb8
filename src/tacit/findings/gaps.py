"""What gaps probably hold: an interval or a probability for each, and how often that is right where it is known."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from ..data.table import Schema, Table
from ..errors import DataNotice
from ..mixture.joint import JointMixture
from ..typing import Array, Doubles
from . import words
from .columns import unit

LEVEL = 0.9  # of the intervals
ROWS = 600  # in which cells are hidden, at most
SHARE = 0.2  # of their cells that are hidden
SHOWN = 12  # gaps told, at most
EACH = 3  # of a column, at most
FEW = 20  # hidden cells below which nothing is said of them


def gaps(
    model: JointMixture, table: Table, missing: Sequence[str], rng: np.random.Generator, least: int = 1
) -> dict[str, Any]:
    """Gaps of the columns ``missing`` (those with most of them first) filled, and the check on hidden cells.

    With ``least`` > 1 no single gap is told.
    """
    if not missing:
        return {"level": LEVEL, "cells": [], "check": None, "words": []}
    check = hidden(model, table, rng)
    cells = _cells(model, table, missing, rng) if least == 1 else []
    said = [] if check is None else [_say(check)]
    return {"level": LEVEL, "cells": cells, "check": check, "words": said}


def hidden(model: JointMixture, table: Table, rng: np.random.Generator) -> dict[str, Any] | None:
    """Known cells taken out at random, filled, and compared: coverage of the intervals, hits among categories."""
    n, schema = table.shape[0], table.schema
    rows = np.sort(rng.permutation(n)[:ROWS])
    block = table.take(rows)
    x, codes = np.asarray(block.x, np.float64), _codes(block.codes, len(rows))
    out_x = ~np.isnan(x) & (rng.random(x.shape) < SHARE)
    out_codes = (codes >= 0) & (rng.random(codes.shape) < SHARE)
    filled = _fill(model, schema, np.where(out_x, np.nan, x), np.where(out_codes, -1, codes))
    told: dict[str, Any] = {"rows": len(rows), "numbers": int(out_x.sum()), "categories": int(out_codes.sum())}
    if told["numbers"] + told["categories"] < FEW:
        return None
    if told["numbers"] >= FEW:
        inside = (filled["low"] <= x + 1e-9) & (x - 1e-9 <= filled["high"])
        told["inside"] = float(inside[out_x].mean())
    if told["categories"] >= FEW:
        told["right"] = float((filled["codes"] == codes)[out_codes].mean())
        told["mode"] = float(
            np.concatenate([_modal(table, j, codes[out_codes[:, j], j]) for j in range(codes.shape[1])]).mean()
        )
    return told


def _modal(table: Table, j: int, codes: Array) -> Array:
    """Where a cell holds the most frequent level of its column."""
    assert table.block.codes is not None
    all_ = table.block.codes[:, j]
    return np.asarray(codes == np.bincount(all_[all_ >= 0]).argmax())


def _fill(model: JointMixture, schema: Schema, x: Doubles, codes: Array) -> dict[str, Any]:
    """Ends of the intervals [n, d], the most probable codes [n, c] and their probabilities."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataNotice)
        made = model.impute(schema.decode(x, codes), interval=LEVEL)
        whole = Table.conform(made.filled, schema).block
    return {
        "x": np.asarray(whole.x, np.float64),
        "low": _matrix(made.low, x.shape),
        "high": _matrix(made.high, x.shape),
        "codes": _codes(whole.codes, len(x)),
        "probability": _matrix(made.probability, codes.shape),
    }


def _matrix(told: pa.Table, shape: tuple[int, ...]) -> Doubles:
    columns = [np.asarray(column.to_numpy(zero_copy_only=False), np.float64) for column in told.columns]
    return np.stack(columns, axis=1) if columns else np.empty(shape)


def _codes(codes: Array | None, n: int) -> Array:
    return np.empty((n, 0), np.int32) if codes is None else codes


def _cells(model: JointMixture, table: Table, missing: Sequence[str], rng: np.random.Generator) -> list[dict[str, Any]]:
    schema = table.schema
    place = {c.name: (True, j) for j, c in enumerate(schema.numeric)}
    place |= {c.name: (False, j) for j, c in enumerate(schema.categorical)}
    told: list[dict[str, Any]] = []
    for name in missing:
        number, j = place[name]
        gap = np.isnan(table.block.x[:, j]) if number else _codes(table.block.codes, table.n)[:, j] < 0
        rows = np.sort(rng.permutation(np.flatnonzero(gap))[:EACH])
        block = table.take(rows)
        filled = _fill(model, schema, np.asarray(block.x, np.float64), _codes(block.codes, len(rows)))
        seen = np.asarray(table.block.x[:, j], np.float64) if number else np.empty(0)
        step = unit(schema[name], seen[~np.isnan(seen)]) if number else 0.0
        for i, row in enumerate(rows):
            entry: dict[str, Any] = {"row": int(row) + 1, "column": name}
            if number:
                low, value, high = (float(filled[key][i, j]) for key in ("low", "x", "high"))
                entry |= {"value": value, "low": low, "high": high}
                ends = [words.value(schema[name], v, step) for v in (value, low, high)]
                entry["words"] = f"about {ends[0]}, with {words.share(LEVEL)} between {ends[1]} and {ends[2]}"
            else:
                level = schema[name].levels[int(filled["codes"][i, j])]
                p = float(filled["probability"][i, j])
                entry |= {"value": level, "probability": p}
                entry["words"] = f"{words.clip(level, 40)}, with probability {words.share(p)}"
            told.append(entry)
        if len(told) >= SHOWN:
            break
    return told[:SHOWN]


def _say(check: dict[str, Any]) -> str:
    parts = []
    if "inside" in check:
        parts.append(
            f"{words.share(check['inside'])} of {words.count(check['numbers'], 'number')} lay inside their "
            f"{words.share(LEVEL)} intervals"
        )
    if "right" in check:
        parts.append(
            f"the level was right for {words.share(check['right'])} of {words.count(check['categories'])} categories "
            f"(the most frequent level for {words.share(check['mode'])})"
        )
    return (
        f"To know how good that is, a fifth of the known cells of {words.count(check['rows'], 'row')} were hidden and "
        f"filled: {words.listing(parts)}."
    )
