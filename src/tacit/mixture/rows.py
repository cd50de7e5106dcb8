"""A table of evidence: how likely the cells of each row are under each part, all rows at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..data.table import Table
from ..typing import Doubles
from .conditional import Columns
from .families.column import Interval


def log_rows(columns: Columns, table: Table, names: Sequence[str]) -> Doubles:
    """Σ_j log P(cell ij | m) [n, M] over the observed cells of some columns; a gap says nothing.

    Every distinct number is looked at once; one that was recorded to a step has the probability of that step.
    """
    block, schema = table.block, table.schema
    total = np.zeros((table.n, len(columns.log_weights)))
    for j, column in enumerate(schema.numeric):
        if column.name in names:
            total += _number(columns, column.name, np.asarray(block.x[:, j], dtype=np.float64))
    for j, column in enumerate(schema.categorical):
        if column.name in names:
            assert block.codes is not None
            log_p = columns.variables[column.name].log_p  # [C, M]
            total += np.concatenate([log_p, np.zeros((1, log_p.shape[1]))])[block.codes[:, j]]
    return total


def _number(columns: Columns, name: str, x: Doubles) -> Doubles:
    variable = columns.variables[name]
    values, where = np.unique(x, return_inverse=True)
    gaps = np.isnan(values)
    seen, h = values[~gaps], variable.step
    log_p = np.zeros((len(values), len(columns.log_weights)))
    if len(seen):
        log_p[~gaps] = (
            variable.dist.log_mass(Interval(seen - h / 2, seen + h / 2)) if h else variable.dist.log_prob(seen)
        )
    return log_p[where]
