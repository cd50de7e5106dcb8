"""Every column cut into bins, and the probability of each bin in every part of the density.

With P_jmb that of bin b of column j in part m, everything that the page asks of two or more columns at a time is a sum
of products of these, whatever the family of a column. Where columns are joined by trees, it is messages along these,
and a bin holds a share of each code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..data.table import ColumnSchema
from ..kernels.trees import Forest
from ..mixture.condition import grammar_of
from ..mixture.families.binned import BinnedColumn
from ..mixture.families.column import Interval
from ..mixture.families.tree import Tree, TreeParams, table_starts
from ..mixture.joint import JointMixture
from ..mixture.wood import Wood
from ..typing import Array, Doubles
from . import words
from .columns import View

LEVELS = 8  # of a category, at most; the rest are one bin


class Parts(NamedTuple):
    """The parts of a density that may be told of."""

    weight: Doubles  # [M], sums to 1
    rows: Doubles  # [M], about so many are behind each
    keep: Array  # [M], their numbers in the model
    wood: Wood | None  # where columns are joined by trees

    @classmethod
    def of(cls, model: JointMixture, support: Doubles, least: int) -> Parts:
        """Those of at least ``least`` rows; ``support`` are the rows behind each part of the model."""
        keep = np.flatnonzero(support >= least) if least > 1 else np.arange(len(support))
        weight = model.part_weights_[keep]
        weight = weight / max(weight.sum(), 1e-300)
        wood = grammar_of(model).columns.wood
        if wood is not None:
            forest = Forest(wood.forest.sizes, *(a[keep] for a in wood.forest[1:]))
            forest = forest if least == 1 else coarse(forest, weight, support[keep], least)
            with np.errstate(divide="ignore"):
                wood = wood.of_trees(forest, np.log(weight))
        return cls(weight, support[keep], keep, wood)


class Binned(NamedTuple):
    """One column. A number lies in bin b where cuts[b-1] < x <= cuts[b]; the first and the last bin have no other end.

    ``levels`` are the codes of each bin of a category; ``starts`` and ``ends`` tell where bins of a number do.
    """

    schema: ColumnSchema
    labels: list[str]
    p: Doubles  # [B, M]
    cuts: Doubles
    levels: list[list[int]]
    starts: list[str]
    ends: list[str]
    mean: Doubles | None  # of a number: [M], or [C] where columns are joined by trees
    unit: float  # the width of a bin of a number
    within: Doubles | None  # [B, C], p(bin | code), where columns are joined by trees

    def code(self, view: View) -> Array:
        """The bin of every cell [n], -1 for a gap."""
        if self.schema.kind.numeric:
            return np.where(view.seen, np.searchsorted(self.cuts, view.values), -1)
        to = np.full(len(self.schema.levels) + 1, -1)
        for b, codes in enumerate(self.levels):
            to[codes] = b
        return to[view.values]  # a gap has code -1, the last


def binned(model: JointMixture, entries: Sequence[Mapping[str, Any]], parts: Parts, least: int = 1) -> list[Binned]:
    """The columns that have more than one bin; ``entries`` are their summaries."""
    made = []
    for entry in entries:
        schema = model.schema_[entry["name"]]
        if schema.kind.numeric and "histogram" in entry:
            made.append(_number(model, schema, entry, parts))
        elif schema.kind.categorical and "summary" in entry:
            made.append(_category(model, schema, entry, parts, least))
    return [b for b in made if len(b.labels) > 1]


def _number(model: JointMixture, schema: ColumnSchema, entry: Mapping[str, Any], parts: Parts) -> Binned:
    edges = np.asarray(entry["histogram"]["edges"], dtype=np.float64)
    h = schema.step or 0.0
    cuts = edges - h / 2  # a recorded x stands for (x - h/2, x + h/2]
    dist = model._column(schema.name)
    ends = Interval(np.concatenate([[-np.inf], cuts]), np.concatenate([cuts, [np.inf]]))
    p = np.exp(dist.log_mass(ends))[:, parts.keep]
    unit = float(edges[1] - edges[0])
    at = [words.value(schema, float(e), unit) for e in edges]
    told_apart = h >= min(unit / 50, 1.0)  # 10 – 19 and not 10 – 20
    last = [words.value(schema, float(e - h), h) for e in edges] if h and told_apart else at
    middle = [a if a == b else f"{a} – {b}" for a, b in zip(at[:-1], last[1:], strict=True)]
    labels = [f"below {at[0]}", *middle, f"{at[-1]} or more"]
    mean, within = dist.mean()[parts.keep], None
    if isinstance(dist, BinnedColumn):
        mean, within = dist.bins.mean(), np.exp(dist.bins.log_mass(ends))
    return Binned(schema, labels, p, cuts, [], ["", *at], [*last, ""], mean, unit, within)


def _category(model: JointMixture, schema: ColumnSchema, entry: Mapping[str, Any], parts: Parts, least: int) -> Binned:
    table = model._column(schema.name).probabilities()[parts.keep].T  # [C, M]
    if least > 1:
        table = _coarse(table, parts, least)
    names = [v["level"] for v in entry["summary"]["levels"][:LEVELS]]
    codes = [[schema.levels.index(name)] for name in names]
    rest = np.setdiff1d(np.arange(len(table)), codes).tolist()
    labels = [words.clip(name, 60) for name in names]
    if rest:
        labels.append(words.count(len(rest), "other level"))
        codes.append(rest)
    p = np.array([table[c].sum(axis=0) for c in codes]).reshape(len(codes), len(parts.weight))
    within = None
    if parts.wood is not None:
        within = np.array([np.isin(np.arange(len(table)), c) for c in codes], np.float64)
    return Binned(schema, labels, p, np.empty(0), codes, [], [], None, 0.0, within)


def _coarse(table: Doubles, parts: Parts, least: int) -> Doubles:
    """Levels of fewer than ``least`` rows of a part share what they have together there, as they do in all rows."""
    return _shared(table, table * parts.rows < least, (table @ parts.weight)[:, None])


def _shared(table: Doubles, small: Array, like: Doubles) -> Doubles:
    """p [A, B], where what the ``small`` cells of a column have together is divided as in ``like`` [A, 1]."""
    weight = np.where(small, like, 0.0)
    mass = np.where(small, table, 0.0).sum(axis=0)
    return np.where(small, weight * mass / np.maximum(weight.sum(axis=0), 1e-300), table)


def coarse(forest: Forest, weight: Doubles, rows: Doubles, least: int) -> Forest:
    """Trees in which no probability rests on fewer than ``least`` rows.

    Pairs of codes that fewer rows of a part have share what they have together beside one code of the parent, as all
    rows have these codes; ``rows`` are those behind each part [M].
    """
    levels = tuple(forest.sizes.tolist())
    tree = Tree(levels)
    alone = tree.marginals(TreeParams(forest.parent, forest.p, forest.log_p))  # [M, L]
    starts, p = table_starts(levels, forest.parent), forest.p.copy()
    for j, C in enumerate(levels):
        own = slice(tree.edges[j], tree.edges[j + 1])
        like = (weight @ alone[:, own])[:, None]
        for m, (pa, s) in enumerate(zip(forest.parent[:, j], starts[:, j], strict=True)):
            behind = np.ones(1) if pa < 0 else alone[m, tree.edges[pa] : tree.edges[pa + 1]]
            table = p[m, s : s + len(behind) * C].reshape(-1, C)  # a view
            table[:] = _shared(table.T, table.T * behind * rows[m] < least, like).T
    with np.errstate(divide="ignore"):
        return Forest.of(levels, forest.parent, np.log(p))
