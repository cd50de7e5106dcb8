"""What the page needs to answer p(column | evidence) by itself: the mixture, every column cut into bins.

Evidence is a set of bins of some columns. With P_jmb the probability of bin b of column j in part m,

    w_m ∝ π_m Π_j Σ_{b in E_j} P_jmb,      p(column c in bin b | E) = Σ_m w_m P_cmb,

exact for a mixture whose columns are independent within a part, for events that end where bins do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..typing import Array
from .parts import Binned, Parts


def conditional(
    columns: Sequence[Binned], of: int, parts: Parts, group: Array, names: Sequence[str], n: int
) -> dict[str, Any]:
    """Weights of the parts, and for each column the labels and probabilities of its bins in every part.

    ``of`` counts the columns that there are; ``group`` [M] is the group of each part of the model (from 0; -1 for
    none), and ``names`` are those of the groups.
    """
    if len(parts.weight) < 2:
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
    return {"rows": n, "weights": parts.weight.tolist(), "columns": told, "words": said}


def _told(column: Binned) -> dict[str, Any]:
    told: dict[str, Any] = {"name": column.schema.name, "labels": column.labels, "p": column.p.tolist()}
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
