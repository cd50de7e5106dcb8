"""What the page needs to answer p(column | evidence) by itself: the mixture, every column cut into bins.

Evidence is a set of bins of some columns. With P_mb the probability of bin b in part m,

    w_m ∝ π_m Π_j Σ_{b in E_j} P_jmb,      p(column c in bin b | E) = Σ_m w_m P_cmb,

exact for a mixture whose columns are independent within a part, for events that end where bins do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..data.table import ColumnSchema
from ..mixture.families.column import Interval
from ..mixture.joint import JointMixture
from ..typing import Array, Doubles
from . import words

COLUMNS = 24  # at most, the ones tied to most others
LEVELS = 8  # of a category, at most; the rest are one bin


def conditional(
    model: JointMixture,
    entries: Sequence[Mapping[str, Any]],
    strength: Mapping[str, float],
    group: Array,
    names: Sequence[str],
    support: Doubles,
    n: int,
    least: int = 1,
) -> dict[str, Any]:
    """Weights of the parts, and for each column the labels and probabilities of its bins in every part.

    ``entries`` are the summaries of the columns, ``strength`` how closely each is tied to others, ``group`` [M] the
    group of each part (from 0; -1 for none) and ``names`` those of the groups, ``support`` [M] the rows behind each
    part: parts of fewer than ``least`` are left out.
    """
    keep = np.flatnonzero(support >= (least if least > 1 else 0))
    total = model.part_weights_[keep].sum() if len(keep) else 0.0
    none: dict[str, Any] = {"rows": n, "weights": [], "columns": [], "words": []}
    if len(keep) < 2:
        return none | {"words": ["The density has one part, in which no column says anything about another."]}
    rows = model.part_weights_[keep] * support.sum()
    able = [e for e in entries if "histogram" in e or "summary" in e]
    ranked = sorted(able, key=lambda e: -strength.get(e["name"], 0.0))
    shown = {e["name"] for e in ranked[:COLUMNS]}
    told = [_bins(model, e, keep, rows, least) for e in able if e["name"] in shown]
    columns = [c for c in told if c is not None and len(c["labels"]) > 1]
    if len(names) > 1:
        member = (group[keep] == np.arange(len(names))[:, None]).astype(np.float64)  # [groups, M]
        columns.insert(0, _column("group", "group", [f"{g + 1} {name}" for g, name in enumerate(names)], member))
    said = []
    if len(able) > len(shown):
        said.append(f"Shown are the {COLUMNS} of {len(able)} columns that go along most with others.")
    if len(keep) < len(support):
        said.append(f"Parts of the density with fewer than {least} rows are left out.")
    return none | {"weights": (model.part_weights_[keep] / total).tolist(), "columns": columns, "words": said}


def _column(name: str, kind: str, labels: list[str], p: Doubles, **more: Any) -> dict[str, Any]:
    """One column; ``p`` [bins, M]."""
    return {"name": name, "kind": kind, "labels": labels, "p": p.tolist(), **more}


def _bins(
    model: JointMixture, entry: Mapping[str, Any], keep: Array, rows: Doubles, least: int
) -> dict[str, Any] | None:
    schema = model.schema_[entry["name"]]
    if schema.kind.numeric:
        return _number(model, schema, entry, keep) if "histogram" in entry else None
    table = model._column(schema.name).probabilities()[keep].T  # [C, M]
    if least > 1:
        table = _coarse(table, rows, least)
    names = [v["level"] for v in entry["summary"]["levels"][:LEVELS]]
    codes = [schema.levels.index(name) for name in names]
    rest = np.setdiff1d(np.arange(len(table)), codes)
    labels = [words.clip(name, 60) for name in names]
    p = table[codes]
    if len(rest):
        labels.append(words.count(len(rest), "other level"))
        p = np.concatenate([p, table[rest].sum(axis=0)[None]])
    return _column(schema.name, "category", labels, p, codes=[[c] for c in codes] + [rest.tolist()] * bool(len(rest)))


def _coarse(table: Doubles, rows: Doubles, least: int) -> Doubles:
    """Levels of fewer than ``least`` rows of a part share what they have together, as they do in all rows."""
    overall = table @ (rows / rows.sum())
    small = table * rows < least
    weight = np.where(small, overall[:, None], 0.0)
    mass = np.where(small, table, 0.0).sum(axis=0)
    return np.where(small, weight * mass / np.maximum(weight.sum(axis=0), 1e-300), table)


def _number(model: JointMixture, schema: ColumnSchema, entry: Mapping[str, Any], keep: Array) -> dict[str, Any]:
    edges = np.asarray(entry["histogram"]["edges"], dtype=np.float64)
    h = schema.step or 0.0
    cuts = edges - h / 2  # a recorded x stands for (x - h/2, x + h/2]
    dist = model._column(schema.name)
    ends = Interval(np.concatenate([[-np.inf], cuts]), np.concatenate([cuts, [np.inf]]))
    p = np.exp(dist.log_mass(ends))[:, keep]
    unit = float(edges[1] - edges[0])
    at = [words.value(schema, float(e), unit) for e in edges]
    coarse = h >= min(unit / 50, 1.0)  # steps that are told apart: 10 – 19 and not 10 – 20
    last = [words.value(schema, float(e - h), h) if h and coarse else text for e, text in zip(edges, at, strict=True)]
    joined = [a if a == b else f"{a} – {b}" for a, b in zip(at[:-1], last[1:], strict=True)]
    labels = [f"below {at[0]}", *joined, f"{at[-1]} or more"]
    return _column(
        schema.name,
        "number",
        labels,
        p,
        starts=["", *at],
        ends=[*last, ""],
        cuts=cuts.tolist(),
        mean=dist.mean()[keep].tolist(),
        date=str(schema.kind) == "datetime",
        unit=unit,
    )
