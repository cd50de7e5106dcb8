"""A table of evidence: how likely the cells of each row are under each part, all rows at once."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np

from ..data.table import Table
from ..typing import Array, Doubles
from .box import Box
from .evidence import Variable
from .families.column import Interval
from .marginal import slabs
from .variables import Columns


class Cells(NamedTuple):
    """The cells of one column: log P(value | m) of each distinct value [U, M], and which one each row has [n]."""

    log_p: Doubles
    which: Array


def cells_of(columns: Columns, table: Table, names: Collection[str]) -> list[Cells]:
    """The cells of some columns of a table; a gap is a value of log probability 0.

    Every distinct number is looked at once; one that was recorded to a step has the probability of that step.
    """
    block, schema = table.block, table.schema
    out = []
    for box, inside in _joined(columns, names).items():
        x = np.full((table.n, len(box.place)), np.nan)
        for j, column in enumerate(schema.numeric):
            if column.name in inside:
                x[:, box.place[column.name]] = block.x[:, j]
        values, which = distinct(x)
        width = np.array([columns.variables[name].step for name in box.block.names])
        out.append(Cells(box.log_rows(values, width), which))
    alone = {n for n in names if not any(n in inside for inside in _joined(columns, names).values())}
    for j, column in enumerate(schema.numeric):
        if column.name in alone:
            out.append(_number(columns.variables[column.name], np.asarray(block.x[:, j], dtype=np.float64)))
    for j, column in enumerate(schema.categorical):
        if column.name in names:
            assert block.codes is not None
            log_p = columns.variables[column.name].log_p  # [C, M]
            log_p = np.concatenate([log_p, np.zeros((1, log_p.shape[1]))])
            out.append(Cells(log_p, np.where(block.codes[:, j] < 0, len(log_p) - 1, block.codes[:, j])))
    return out


def _joined(columns: Columns, names: Collection[str]) -> dict[Box, list[str]]:
    """Blocks of which several columns are among some names."""
    apart = [each for each in columns.apart(names) if len(each) > 1]
    return {columns.boxes[each[0]]: each for each in apart}


def distinct(x: Doubles) -> tuple[Doubles, Array]:
    """The different rows of x [n, d], and which of them each is; gaps are alike, and no cell is infinite."""
    values, which = np.unique(np.where(np.isnan(x), np.inf, x), axis=0, return_inverse=True)
    return np.where(np.isinf(values), np.nan, values), which.ravel()


def posterior(log_joint: Doubles, cells: Sequence[Cells], n: int) -> tuple[Doubles, Doubles]:
    """p(m | row) [n, M] and log p(row) [n] from log π_m + log P_m(what is said of all rows) [M]."""
    weights, log_p = np.empty((n, len(log_joint))), np.empty(n)
    for rows in slabs(n, 64 * len(log_joint)):
        w = weights[rows]
        w[:] = log_joint
        for cell in cells:
            w += cell.log_p[cell.which[rows]]
        top = w.max(axis=1, keepdims=True)
        w -= np.where(np.isfinite(top), top, 0.0)
        np.exp(w, out=w)
        total = w.sum(axis=1, keepdims=True)
        with np.errstate(divide="ignore", invalid="ignore"):
            w /= total
            log_p[rows] = (top + np.log(total))[:, 0]
    return weights, log_p


def _number(variable: Variable, x: Doubles) -> Cells:
    values, which = np.unique(x, return_inverse=True)  # NaN is the last of them
    seen, h = values[~np.isnan(values)], variable.step
    log_p = np.zeros((len(values), variable.dist.K))
    if len(seen):
        ends = Interval(seen - h / 2, seen + h / 2)
        cells = h and variable.dist.continuous
        log_p[: len(seen)] = variable.dist.log_mass(ends) if cells else variable.dist.log_prob(seen)
    return Cells(log_p, which)
