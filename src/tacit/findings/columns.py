"""What the columns are: kinds, gaps, distributions; and each column cut into a few bins that any two can share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse.csgraph import connected_components

from ..data.block import Block
from ..data.source import Source
from ..data.table import ColumnSchema, Kind, Schema
from ..typing import Array, Doubles
from . import words

BINS = 8  # at most, in descriptions of groups and relations
BARS = 24  # about so many in a histogram
LEVELS = 8  # at most, shown of a category


class View(NamedTuple):
    """One column in the memory: numbers with NaN as gap, or codes with -1."""

    schema: ColumnSchema
    values: Array  # [n] float64, or int32 codes

    @property
    def seen(self) -> Array:
        """Where a cell is observed [n]."""
        return ~np.isnan(self.values) if self.schema.kind.numeric else self.values >= 0


class Bins(NamedTuple):
    """A column cut into a few bins: equal-mass intervals of a number, the most frequent levels of a category."""

    labels: list[str]
    code: Array  # int [n], -1 = gap
    level: list[int]  # code of the level a bin holds, -1 for an interval or the rest


def views(source: Source, schema: Schema, rows: Array | None = None) -> list[View]:
    """The learned-from columns, numeric before categorical, of all rows or of a sample."""
    block: Block = source.take(rows) if rows is not None else source.take(np.arange(source.shape[0]))
    numbers = (View(c, np.asarray(block.x[:, j], np.float64)) for j, c in enumerate(schema.numeric))
    codes = block.codes if block.codes is not None else np.empty((block.n, 0), np.int32)
    return [*numbers, *(View(c, codes[:, j]) for j, c in enumerate(schema.categorical))]


def unit(schema: ColumnSchema, x: Doubles) -> float:
    """The smallest difference of a column's values worth showing: its step, or about 1/300 of its spread."""
    lo, hi = np.quantile(x, [0.05, 0.95]) if len(x) else (0.0, 0.0)
    spread = float(hi - lo) or float(np.ptp(x) if len(x) else 0.0) or abs(float(hi)) or 1.0
    coarse = 10.0 ** math.floor(math.log10(max(spread, 1e-300) / 100))
    whole = schema.step is not None and schema.step >= 1
    return max(coarse, schema.step or 0.0, 1.0 if whole and coarse <= 1 else 0.0)


def bins(view: View, least: int = 1, most: int = BINS) -> Bins:
    """Cut a column into at most ``most`` bins, each (but for the last level) of at least ``least`` rows."""
    return _intervals(view, least, most) if view.schema.kind.numeric else _levels(view, least, most)


def _levels(view: View, least: int, most: int) -> Bins:
    names, codes = view.schema.levels, view.values
    counts = np.bincount(codes[codes >= 0], minlength=len(names))
    order = np.argsort(-counts, kind="stable")
    keep = [int(j) for j in order if counts[j] >= max(least, 1)]
    rest = int((counts > 0).sum()) - len(keep)
    if len(keep) + (rest > 0) > most:
        rest += len(keep) - (most - 1)
        keep = keep[: most - 1]
    to = np.full(len(names) + 1, len(keep) if rest else -1)
    to[-1] = -1  # a gap has code -1
    to[keep] = np.arange(len(keep))
    labels = [names[j] for j in keep] + ([f"{rest} other{'s' if rest > 1 else ''}"] if rest else [])
    return Bins(labels, to[codes], keep + ([-1] if rest else []))


def _intervals(view: View, least: int, most: int) -> Bins:
    seen = view.seen
    x = view.values[seen]
    code = np.full(len(view.values), -1)
    if len(x) < max(least, 1):
        return Bins([], code, [])
    step = unit(view.schema, x)
    distinct, mass = np.unique(x, return_counts=True)
    if len(distinct) <= most and mass.min() >= least:
        edges = (distinct[1:] + distinct[:-1]) / 2
    else:
        half = 0.5 * (view.schema.step or 0.0)  # integers are cut between two of them
        spikes = distinct[mass >= max(len(x) / 5, least)]
        cuts = np.round(np.quantile(x, np.arange(1, most) / most) / step) * step - half
        around = [spikes - half, spikes + half] if half else [spikes, np.nextafter(spikes, np.inf)]
        edges = np.unique(np.concatenate([cuts, *around]))  # bins are [e, e')
    at, edges = _merge(np.searchsorted(edges, x, side="right"), edges, least, most)
    code[seen] = at
    lowest = [float(v) for v in _firsts(x, at)]
    one = [bool((x[at == j] == lowest[j]).all()) for j in range(len(lowest))]
    labels = [
        words.value(view.schema, v, 0.0 if view.schema.step else step)
        if one[j]
        else _label(view, edges, j, step, lowest[j - 1] if j and one[j - 1] else None)
        for j, v in enumerate(lowest)
    ]
    return Bins(labels, code, [-1] * len(labels))


def _firsts(x: Doubles, at: Array) -> Doubles:
    """The lowest value in each bin."""
    lowest = np.full(int(at.max()) + 1, np.inf)
    np.minimum.at(lowest, at, x)
    return lowest


def _merge(at: Array, edges: Doubles, least: int, most: int) -> tuple[Array, Doubles]:
    """Drop edges until no bin is empty or has fewer than ``least`` rows, and there are at most ``most`` bins."""
    counts = np.bincount(at, minlength=len(edges) + 1).tolist()
    kept = edges.tolist()
    while kept and (min(counts) < max(least, 1) or len(counts) > most):
        j = counts.index(min(counts))
        near = [i for i in (j - 1, j) if 0 <= i < len(kept)]  # the edge to its left, the edge to its right
        i = min(near, key=lambda i: counts[i] + counts[i + 1])
        counts[i : i + 2] = [counts[i] + counts[i + 1]]
        del kept[i]
    final = np.asarray(kept)
    to = np.searchsorted(final, edges, side="right")  # an old bin lies above its left edge
    return np.concatenate([[0], to])[at], final


def _label(view: View, edges: Doubles, j: int, step: float, below: float | None) -> str:
    """An interval in words. Its ends are rounded edges, or ``below``, the single value that the bin before it holds."""
    c = view.schema
    lo, hi = (edges[j - 1] if j else None), (edges[j] if j < len(edges) else None)
    one = c.step or 0.0
    whole = one >= step and c.kind is not Kind.DATETIME
    if whole:  # the first and the last multiple of the step inside [lo, hi)
        lo = None if lo is None else math.ceil(lo / one - 1e-9) * one
        hi = None if hi is None else (math.ceil(hi / one - 1e-9) - 1) * one
    elif below is not None:
        lo = below
    if c.kind is Kind.DATETIME:
        lowest, highest = (None if e is None else words.date(e, step) for e in (lo, hi))
        suffix = ""
    else:
        top = float(np.abs(edges).max(initial=0))
        size, suffix = words.size(top, step)
        lowest, highest = (None if e is None else words.number(e / size, step / size) for e in (lo, hi))
    if lowest is not None and highest is not None:
        dash = " to " if "-" in lowest + highest else "–"
        over = "over " if below is not None and not whole else ""
        return f"{over}{lowest}{dash}{highest}{suffix}"
    if highest is not None:
        return f"{'up to' if whole else 'below'} {highest}{suffix}"
    if lowest is not None:
        return f"over {lowest}{suffix}" if below is not None and not whole else f"{lowest}{suffix} or more"
    return "all"


def summaries(source: Source, schema: Schema, least: int = 1) -> list[dict[str, Any]]:
    """One entry a column, in the table's order; a column is decoded, summed up and let go before the next."""
    n = source.shape[0]
    numeric = {c.name: j for j, c in enumerate(schema.numeric)}
    categorical = {c.name: j for j, c in enumerate(schema.categorical)}
    entries = []
    for c in schema.columns:
        entry: dict[str, Any] = {
            "name": c.name,
            "kind": str(c.kind),
            "used": c.kind.numeric or c.kind.categorical,
            "missing": {"count": c.n_missing, "share": c.n_missing / n if n else 0.0},
            "missing_codes": list(c.missing) if least == 1 else [],
            "notice": c.notice,
        }
        if entry["used"] and c.notice and least > 1:  # it may quote a cell
            entry["notice"] = "some of its cells were read in a way that the table's notices tell"
        if c.kind.numeric:
            entry |= _number(c, source.map(partial(_column, j=numeric[c.name])), least)
        elif c.kind.categorical:
            entry |= _category(c, source.map(partial(_codes, j=categorical[c.name])), least)
        else:
            empty = c.kind is Kind.EMPTY
            entry |= {"words": "Left out: it is empty." if empty else "Left out; its cells are never shown."}
        entries.append(entry)
    return entries


def _codes(block: Block, j: int) -> Array:
    assert block.codes is not None
    return block.codes[:, j]


def _column(block: Block, j: int) -> Doubles:
    values = block.numbers[j].decode() if isinstance(block.numbers, tuple) else block.x[:, j]
    return np.asarray(values, dtype=np.float64)


def _number(c: ColumnSchema, x: Doubles, least: int) -> dict[str, Any]:
    x = x[~np.isnan(x)]
    if len(x) < max(least, 1):
        return {"words": "Every cell is missing." if not len(x) else "Too few cells to sum up without showing them."}
    step = unit(c, x)
    private = least > 1
    summary: dict[str, Any] = {"mean": float(x.mean()), "sd": float(x.std())}
    cuts = {"q05": 0.05, "q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95}
    for name, q in cuts.items():
        if len(x) * min(q, 1 - q) >= least or not private:
            at = float(np.quantile(x, q))
            summary[name] = round(at / step) * step if private else at
    if not private:
        summary |= {"min": float(x.min()), "max": float(x.max())}
    distinct, counts = np.unique(x, return_counts=True)
    top = int(np.argmax(counts))
    if counts[top] >= max(0.3 * len(x), least, 2) and len(distinct) > 1:
        summary["mode"] = {"value": float(distinct[top]), "share": float(counts[top] / len(x))}
    if not private:
        summary["distinct"] = len(distinct)
    said = _say_number(c, summary, step, len(distinct) == 1)
    return {"summary": summary, "histogram": _histogram(x, c, least), "words": said}


def _say_number(c: ColumnSchema, s: dict[str, Any], step: float, constant: bool) -> str:
    def show(x: float) -> str:
        return words.value(c, x, step)

    if constant:
        return f"Always {show(s['median'])}: says nothing." if "median" in s else "Always the same: says nothing."
    said = []
    if "mode" in s:
        said.append(f"{words.share(s['mode']['share'])} are {show(s['mode']['value'])}")
    if "median" in s:
        said.append(f"median {show(s['median'])}")
    if "q25" in s and s["q25"] != s["q75"]:
        said.append(f"half between {show(s['q25'])} and {show(s['q75'])}")
    if "min" in s:
        said.append(f"from {words.value(c, s['min'])} to {words.value(c, s['max'])}")
    return words.capital(", ".join(said) or f"mean {show(s['mean'])}") + "."


def _histogram(x: Doubles, c: ColumnSchema, least: int) -> dict[str, Any]:
    """Counts between round edges that cover the middle 98 %; what lies outside is counted apart."""
    lo, hi = (float(v) for v in np.quantile(x, [0.01, 0.99]))
    if least == 1 and (x.max() - x.min()) < 1.5 * (hi - lo):
        lo, hi = float(x.min()), float(x.max())
    width = _round_width((hi - lo) / BARS, c.step)
    first = math.floor(lo / width) * width
    number = max(1, min(4 * BARS, math.floor((hi - first) / width + 1e-9) + 1))
    edges = first + width * np.arange(number + 1)
    counts, _ = np.histogram(x, edges)
    below, above = int((x < edges[0]).sum()), int((x > edges[-1]).sum())
    hide = counts < least
    return {
        "edges": edges.tolist(),
        "counts": np.where(hide, 0, counts).tolist(),
        "below": below if below >= least else 0,
        "above": above if above >= least else 0,
    }


def _round_width(width: float, step: float | None) -> float:
    """1, 2 or 5 times a power of ten, at least ``width`` and a multiple of the recorded step."""
    if not width > 0:
        return step or 1.0
    power = 10.0 ** math.floor(math.log10(width))
    rounded = next(m * power for m in (1, 2, 5, 10) if m * power >= width * (1 - 1e-9))
    return max(rounded, step or 0.0)


def _category(c: ColumnSchema, codes: Array, least: int) -> dict[str, Any]:
    codes = codes[codes >= 0]
    if len(codes) < max(least, 1):
        return {
            "words": "Every cell is missing." if not len(codes) else "Too few cells to sum up without showing them."
        }
    counts = np.bincount(codes, minlength=len(c.levels))
    order = np.argsort(-counts, kind="stable")
    shown = [int(j) for j in order[:LEVELS] if counts[j] >= max(least, 1)]
    present = int((counts > 0).sum())
    levels: list[dict[str, Any]] = [
        {"level": c.levels[j], "share": float(counts[j] / len(codes)), "count": int(counts[j])} for j in shown
    ]
    rest = present - len(shown)
    said = ", ".join(f"{words.clip(v['level'], 40)} ({words.share(v['share'])})" for v in levels[:4])
    if not levels:
        said = f"{words.count(present, 'level')}, all of them rare"
    elif present == 1:
        said = f"Always {words.clip(levels[0]['level'], 40)}: says nothing"
    elif present > 4:
        said = f"{words.count(present, 'level')}: {said} and others"
    other = float(1 - sum(v["share"] for v in levels)) if rest else 0.0
    summary = {"levels": levels, "other": {"levels": rest, "share": max(other, 0.0)}, "distinct": present}
    return {"summary": summary, "words": f"{said}."}


def missing(views_: Sequence[View], entries: list[dict[str, Any]], n: int, least: int = 1) -> dict[str, Any]:
    """Which columns have gaps, and which have theirs in the same rows."""
    gaps = [e for e in entries if e["missing"]["count"] and e["used"]]
    used = [e for e in entries if e["used"]]
    total = sum(e["missing"]["count"] for e in used)
    gaps.sort(key=lambda e: -e["missing"]["count"])
    sets = _together(views_, least)
    if not gaps:
        said = ["No cell is missing."]
    else:
        worst = gaps[0]
        said = [
            f"{words.share(total / (n * len(used)))} of all cells are missing, in "
            f"{words.count(len(gaps), 'column')} of {len(used)}; most in {words.clip(worst['name'])} "
            f"({words.share(worst['missing']['share'])})."
        ]
        said += [p["words"] for p in sets[:3]]
    return {
        "share": total / (n * len(used)) if used and n else 0.0,
        "columns": [{"column": e["name"], **e["missing"]} for e in gaps],
        "together": sets,
        "words": said,
    }


def _together(views_: Sequence[View], least: int) -> list[dict[str, Any]]:
    """Sets of columns whose gaps coincide: linked where the Jaccard index of their gap rows is at least 0.7."""
    gappy = [v for v in views_ if 5 <= (~v.seen).sum() < len(v.values)][:200]
    if len(gappy) < 2:
        return []
    gap = np.stack([~v.seen for v in gappy], axis=1)  # [n, g]
    both = gap.T.astype(np.float32) @ gap.astype(np.float32)
    alone = np.diag(both)
    near = both >= 0.7 * (alone[:, None] + alone[None, :] - both)
    _, label = connected_components(near)
    sets: list[dict[str, Any]] = []
    for k in range(label.max() + 1):
        members = np.flatnonzero(label == k)
        rows = int(gap[:, members].all(axis=1).sum())
        if len(members) > 1 and rows >= least:
            names = [gappy[j].schema.name for j in members]
            shown = [words.clip(name) for name in names[:6]] + ([f"{len(names) - 6} more"] if len(names) > 6 else [])
            always = rows == int(gap[:, members].any(axis=1).sum())
            said = f"{words.listing(shown)} are {'always' if always else 'mostly'} missing in the same rows."
            sets.append({"columns": names, "rows": rows, "always": always, "words": said})
    return sorted(sets, key=lambda s: -s["rows"])[:20]
