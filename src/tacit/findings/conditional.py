"""What the page needs to answer p(column | evidence) by itself: the mixture, every column cut into bins.

Evidence is a set of bins of some columns. With P_jmb the probability of bin b of column j in part m,

    w_m ∝ π_m Π_j Σ_{b in E_j} P_jmb,      p(column c in bin b | E) = Σ_m w_m P_cmb,

exact for a mixture whose columns are independent within a part, for events that end where bins do. Where columns are
joined by trees, the tables of these, and the share that each bin has of every code of its column, say the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..mixture.families.tree import table_starts
from ..mixture.wood import Wood
from ..typing import Array
from .parts import Binned, Parts


def conditional(
    columns: Sequence[Binned], of: int, parts: Parts, group: Array, names: Sequence[str], n: int
) -> dict[str, Any]:
    """Weights of the parts, and for each column the labels and probabilities of its bins in every part.

    ``of`` counts the columns that there are; ``group`` [M] is the group of each part of the model (from 0; -1 for
    none), and ``names`` are those of the groups.
    """
    if len(parts.weight) < 2 and (parts.wood is None or bool((parts.wood.forest.parent < 0).all())):
        alone = "The density has one part, in which no column says anything about another."
        return {"rows": n, "weights": parts.weight.tolist(), "columns": [], "words": [alone]}
    told = [_told(c) for c in columns]
    if len(names) > 1:
        member = (group[parts.keep] == np.arange(len(names))[:, None]).astype(np.float64)  # [groups, M]
        labels = [f"{g + 1} {name}" for g, name in enumerate(names)]
        told.insert(0, {"name": "group", "kind": "group", "labels": labels, "p": member.tolist()})
    said = []
    if len(columns) < of:
        said.append(f"Shown are the {len(columns)} of {of} columns that go along most with others.")
    if len(parts.keep) < len(group):
        said.append("Parts of the density with very few rows are left out.")
    found = {"rows": n, "weights": parts.weight.tolist(), "columns": told, "words": said}
    return found if parts.wood is None else found | {"trees": _trees(columns, parts.wood, len(told) - len(columns))}


def _trees(columns: Sequence[Binned], wood: Wood, first: int) -> list[dict[str, Any]]:
    """The tree of every part, parents first, without the branches that no shown column is on.

    For each node its ``column`` among those shown, which begin at the number ``first`` (-1 for none), the place of its
    ``parent`` in this list (-1 for a root), how many ``codes`` it has, and its ``table`` p(a | b), at b C + a.
    """
    forest = wood.forest
    levels = tuple(forest.sizes.tolist())
    shown = {wood.at(column.schema.name): i for i, column in enumerate(columns, first)}
    out = []
    for order, parent, starts, p in zip(
        forest.order, forest.parent, table_starts(levels, forest.parent), forest.p, strict=True
    ):
        needed = set(shown)
        for j in order[::-1].tolist():
            if j in needed and parent[j] >= 0:
                needed.add(int(parent[j]))
        nodes = [j for j in order.tolist() if j in needed]
        place = {j: i for i, j in enumerate(nodes)}
        out.append(
            {
                "column": [shown.get(j, -1) for j in nodes],
                "parent": [place.get(int(parent[j]), -1) for j in nodes],
                "codes": [levels[j] for j in nodes],
                "table": [p[starts[j] : starts[j + 1]].tolist() for j in nodes],
            }
        )
    return out


def _told(column: Binned) -> dict[str, Any]:
    told: dict[str, Any] = {"name": column.schema.name, "labels": column.labels}
    told |= {"p": column.p.tolist()} if column.within is None else {"within": column.within.tolist()}
    if column.mean is None:
        return told | {"kind": "category", "codes": column.levels}
    return told | {
        "kind": "number",
        "starts": column.starts,
        "ends": column.ends,
        "cuts": column.cuts.tolist(),
        "mean": column.mean.tolist(),
        "date": str(column.schema.kind) == "datetime",
        "unit": column.unit,
    }
