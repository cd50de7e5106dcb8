"""The main job: a table in, findings and a page out."""

from __future__ import annotations

import json
import math
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from html import escape
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from .data.parts import in_parts
from .data.table import Table
from .errors import ArgumentError, DataNotice
from .findings.atlas import atlas
from .findings.columns import View, missing, summaries, views
from .findings.conditional import conditional
from .findings.dependence import dependence
from .findings.gaps import gaps
from .findings.groups import describe
from .findings.parts import Parts, binned
from .findings.relations import closest, relations, ties
from .findings.selection import decision, opening
from .findings.silhouettes import silhouettes
from .findings.synthetic import synthetic
from .findings.unlikely import ROWS, Joined, Product, judge, unlikely
from .mixture.condition import grammar_of
from .mixture.joint import JointMixture
from .rng import generator
from .typing import Array, Doubles, Floats

COLUMNS = 24  # whose ties are mapped and that can be asked about, at most
SAMPLE = 100_000  # rows from which groups are described and the map is computed, at most
PARTS, BEHIND = 120, 100  # of the density, at most; rows behind each, on average
LEAST = 10  # rows behind anything shown where no row may leave the table
PHASES = ("reading", "groups", "columns", "describing", "rows", "map", "drawn", "page")

_SHARE: dict[str, Callable[[int, int], tuple[int, int]]] = {  # of the search for groups, in hundredths
    "components": lambda done, total: (50 * done // total, 100),
    "groups": lambda done, total: (50 + 40 * done // total, 100),
    "density": lambda done, total: (90 + 5 * done // total, 100),
    "fit": lambda done, total: (90 + 10 * done // total, 100),
}

Progress = Callable[[str, int | None, int | None], None]


def explore(
    X: object,
    *,
    types: Mapping[str, str] | None = None,
    max_components: int = 15,
    dependence: str = "independent",
    rows: bool = True,
    random_state: int = 0,
    progress: Progress | None = None,
    name: str | None = None,
) -> Exploration:
    """What is in a table: its columns and gaps, groups (or none), a map, the least likely rows, each in words.

    ``X`` is what ``Table.read`` takes: a path, ``sample:NAME``, a data frame, a dict of columns or an array; ``types``
    (column -> kind) overrules what a column is taken for. The density is a ``JointMixture`` of at most
    ``max_components`` parts, p(x) = Σ_m π_m Π_j p(x_j | m), or with each x_j depending on one other column along a
    tree; ``dependence`` is "independent", "tree" or "auto", by which held-out rows are likelier. Parts that together
    are one cloud are one group. With ``rows=False`` nothing in findings, page or notebook view rests on fewer than 10
    rows.
    ``progress(phase, done, total)`` is called as the work goes on.

    Raises ``InputError`` for data that cannot be used, ``ArgumentError`` for an argument out of range.

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> side = rng.integers(0, 2, 300)
    >>> found = explore({"height": rng.normal(10 * side, 1), "width": rng.normal(10 * side, 1)})
    >>> found.findings["groups"]["count"], found.table.column_names
    (2, ['height', 'width', 'group', 'score'])
    """
    if isinstance(max_components, bool) or not isinstance(max_components, int | np.integer) or max_components < 1:
        raise ArgumentError(f"max_components must be an int >= 1. Got {max_components!r} instead.")
    started = time.perf_counter()
    tell = progress or (lambda phase, done, total: None)
    tell("reading", None, None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataNotice)  # the page shows them
        table, drawn_from = _table(X, types)
    tell("groups", 0, None)
    grown = min(PARTS, table.shape[0] // BEHIND)  # so many parts, or those of the search where these are more
    model = JointMixture(
        "auto", max_components=max_components, dependence=dependence, n_parts=grown or None, random_state=random_state
    )
    model._fit(table, tell=lambda step, done, total: tell("groups", *_SHARE[step](done, total)))
    made = {"seed": random_state, "max_components": int(max_components), "types": dict(types or {})}
    made["drawn_from"] = drawn_from
    return Exploration(table, model, name or _name(X), rows, made, tell, started)


def _table(X: Any, types: Mapping[str, str] | None) -> tuple[Table, int | None]:
    """X as a table; of what is more than memory some rows, and out of how many they were drawn."""
    parts = in_parts(X, types)
    if parts is None:
        return X if isinstance(X, Table) and types is None else Table.read(X, types), None
    table: Table = parts.drawn
    if table.n == len(parts):
        return table, None
    said = f"{table.n:,} of {len(parts):,} rows, drawn at random, are looked at, and numbered among themselves"
    table.notices = (said, *table.notices)
    return table, len(parts)


@dataclass(eq=False)
class Exploration:
    """What ``explore`` found. ``findings`` is plain data; ``save`` writes the page; in a notebook it shows itself."""

    source: Table
    model: JointMixture
    name: str
    rows: bool
    made: dict[str, Any]
    progress: Progress
    started: float

    def __post_init__(self) -> None:
        seed = generator(self.made["seed"])
        n = self.source.shape[0]
        self._judged = judge(self.model, self.source)
        resp = self._judged.resp  # [n, K]
        rows = np.bincount(resp.argmax(axis=1), minlength=resp.shape[1])
        order = np.argsort(-resp.sum(axis=0), kind="stable")  # the biggest group is number 1
        self._order = order[rows[order] > 0]  # what only one row was in is no group
        resp = resp[:, self._order]
        self._share: Doubles = resp.mean(axis=0)
        self._group: Array = resp.argmax(axis=1).astype(np.int32) + 1
        width = max(len(self.source.schema.columns), 1)
        size = min(n, SAMPLE, max(5000, 20_000_000 // width))
        self._rows: Array = np.sort(seed.permutation(n)[:size]) if size < n else np.arange(n)
        self._resp: Floats = resp[self._rows]
        self._certainty = float(resp.max(axis=1).mean())
        self.findings = self._find(self.rows)

    @cached_property
    def table(self) -> pa.Table:
        """The table as it came, with the columns ``group`` (from 1, the biggest first) and ``score``.

        The score of a row is its log-density by the other rows; the lower, the less likely.
        """
        frame = self.source.frame
        for wanted, cells in (("group", self._group), ("score", self._judged.score)):
            free = wanted
            while free in frame.column_names:
                free += "_"
            frame = frame.append_column(free, pa.array(cells))
        return frame

    def json(self) -> str:
        """The findings as strict JSON."""
        return json.dumps(self.findings, allow_nan=False, ensure_ascii=False)

    def save(self, path: str | PathLike[str], rows: bool | None = None) -> None:
        """Write the page: one HTML file that needs nothing else. ``rows=False`` leaves every single row out of it."""
        self.progress("page", None, None)
        Path(path).write_text(self._page(rows), encoding="utf-8")

    def _page(self, rows: bool | None = None) -> str:
        from .report import page

        hide = self.rows and rows is False
        return page(self._find(rows=False) if hide else self.findings)

    def _repr_html_(self) -> str:
        frame = "width:100%;height:85vh;min-height:480px;border:1px solid #8884;border-radius:8px"
        inside = escape(self._page(), quote=True)
        return f'<iframe sandbox="allow-scripts allow-downloads" style="{frame}" srcdoc="{inside}"></iframe>'

    def __repr__(self) -> str:
        return f"<Exploration of {self.name}: {self.findings['headline']}>"

    def _find(self, rows: bool) -> dict[str, Any]:
        table, schema, least = self.source, self.source.schema, 1 if rows else LEAST
        n = table.shape[0]
        self.progress("columns", None, None)
        entries = summaries(table, schema, least)
        sample = views(table, schema, self._rows if len(self._rows) < n else None)
        gappy = missing(sample, entries, n, least)
        self.progress("describing", None, None)
        pick = generator(self.made["seed"]).permutation(len(self._rows))[:20_000]
        some = [v._replace(values=v.values[pick]) for v in sample]
        tied = ties(some, least)
        shown = closest(tied, COLUMNS)
        parts = Parts.of(self.model, self._judged.support, least)
        columns = binned(self.model, [e for e in entries if e["name"] in shown], parts, least)
        sizes = np.bincount(self._group - 1, minlength=len(self._share))
        groups, effect = describe(sample, self._resp, self._share, sizes, tied.twins(), least)
        self.progress("rows", None, None)
        odd = np.argsort(self._judged.score, kind="stable")[:ROWS]
        strange = unlikely(
            _density(self.model, self._order), self._judged, table.take(odd), odd, self._group, sample, self._resp,
            schema, n, least,
        )  # fmt: skip
        self.progress("map", None, None)
        best = [sample[j].schema.name for j in np.argsort(-effect.max(axis=1, initial=0), kind="stable")[:6]]
        here = self._group[self._rows]
        seed = generator(self.made["seed"])
        picture = atlas(sample, self._rows, here, odd, best if rows else None, seed, n, least)
        self.progress("drawn", None, None)
        made_up = synthetic(self.model, table, columns, generator(self.made["seed"]), least)
        filled = gaps(self.model, table, [g["column"] for g in gappy["columns"]], generator(self.made["seed"]), least)
        found: dict[str, Any] = {
            "format": 1,
            "headline": "",
            "summary": [],
            "table": self._facts(entries, gappy, rows),
            "groups": decision(self.model, len(groups), self._certainty)
            | {"list": groups, "effects": _effects(sample, effect)}
            | {"silhouette": silhouettes(some, here[pick], generator(self.made["seed"]), least)},
            "map": picture,
            "unlikely": strange,
            "conditional": conditional(
                columns, len(tied.views), parts, self._part_group(), [g["name"] for g in groups], n
            ),
            "relations": relations(tied, dependence(columns, [v for v in some if v.schema.name in shown], parts)),
            "synthetic": made_up,
            "columns": entries,
            "missing": gappy | {"filled": filled},
            "made": self._made(rows),
        }
        found |= opening(found)
        plain_: dict[str, Any] = plain(found)
        return plain_

    def _part_group(self) -> Array:
        """The group of each part of the density in the order of the page, from 0 [M]; -1 for none."""
        place = np.full(self.model.n_components_, -1)
        place[self._order] = np.arange(len(self._order))
        return place[self.model.part_component_]

    def _facts(self, entries: list[dict[str, Any]], gappy: dict[str, Any], rows: bool) -> dict[str, Any]:
        return {
            "name": self.name,
            "rows": self.source.shape[0],
            "drawn_from": self.made["drawn_from"],
            "columns": len(entries),
            "used": sum(e["used"] for e in entries),
            "missing": gappy["share"],
            "notices": list(self.source.notices) if rows else [],
        }

    def _made(self, rows: bool) -> dict[str, Any]:
        from . import __version__

        return self.made | {
            "tacit": __version__,
            "model": type(self.model).__name__,
            "components": int(self._resp.shape[1]),
            "parts": len(self.model.part_weights_),
            "dependence": self.model.dependence_,
            "described_from": len(self._rows),
            "rows_shown": rows,
            "least": 1 if rows else LEAST,
            "seconds": round(time.perf_counter() - self.started, 1),
        }


def _name(X: object) -> str:
    """The table's name without its folder."""
    if isinstance(X, str) and X.startswith("sample:"):
        return X.removeprefix("sample:")
    return Path(X).name if isinstance(X, str | PathLike) else "the table"


def _density(model: JointMixture, order: Array) -> Product | Joined:
    """The parts of the mixture, and the group of each in the order of the page."""
    place = np.full(model.n_components_, -1)
    place[order] = np.arange(len(order))
    group, names = place[model.part_component_], [c.name for c in (*model.schema_.numeric, *model.schema_.categorical)]
    with np.errstate(divide="ignore"):
        log_weights = np.log(model.part_weights_)
    wood = grammar_of(model).columns.wood
    if wood is not None:
        return Joined(log_weights, wood, names, group)
    return Product(log_weights, [model._column(name) for name in names], group)


def _effects(sample: list[View], effect: Doubles, most: int = 24) -> dict[str, Any]:
    """The columns that tell groups apart, strongest first."""
    top = np.argsort(-effect.max(axis=1, initial=0), kind="stable")[:most]
    return {"columns": [sample[j].schema.name for j in top], "effect": effect[top].tolist()}


def plain(tree: Any) -> Any:
    """The tree in dicts, lists, strings, ints, finite floats of seven digits, booleans and None.

    >>> plain({"a": np.float32(0.5), "b": (np.int64(3), float("nan"))})
    {'a': 0.5, 'b': [3, None]}
    """
    if isinstance(tree, Mapping):
        return {str(k): plain(v) for k, v in tree.items()}
    if isinstance(tree, list | tuple):
        return [plain(v) for v in tree]
    if isinstance(tree, np.ndarray):
        return plain(tree.tolist())
    if isinstance(tree, bool | np.bool_):
        return bool(tree)
    if isinstance(tree, int | np.integer):
        return int(tree)
    if isinstance(tree, float | np.floating):
        return float(f"{tree:.7g}") if math.isfinite(tree) else None
    return tree if tree is None else str(tree)
