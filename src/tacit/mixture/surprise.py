"""How surprising each cell of a row is, given the others."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import logsumexp

from ..data.table import Table
from ..typing import Array, Doubles
from .condition import grammar_of
from .families.column import ColumnDistribution, GaussianBlock
from .fill import Filler, grid
from .joined import given_others, tail
from .wood import Heard

POINTS = 256  # at which the density of a number is looked at


def explained(model: Any, table: Table, scaled: bool) -> Doubles:
    """Of every cell of a table under a ``JointMixture`` [n, D]; NaN for a gap and for what was not learned from."""
    names = [c.name for c in model.schema_.columns]
    out = np.full((table.shape[0], len(names)), np.nan)
    joined = Filler(model.schema_, {}, model._blocks()).joined
    wood = grammar_of(model).columns.wood
    for rows, joint in model._in_slabs(table, joint=True):
        block = table.block[rows]
        cells = [(c.name, np.asarray(block.x[:, j], np.float64)) for j, c in enumerate(model.schema_.numeric)]
        cells += [
            (c.name, np.where(z < 0, np.nan, z))
            for c, z in zip(model.schema_.categorical, () if block.codes is None else block.codes.T, strict=True)
        ]
        for name, x in cells:
            seen = np.flatnonzero(~np.isnan(x))
            if name in joined:
                mine, i, at = joined[name]
                value = surprisal_in_block(mine, i, np.asarray(block.x, np.float64)[seen][:, at], joint[seen], scaled)
            elif wood is not None:
                heard = Heard(model._layout.cells(block).codes[seen], wood.nothing().likelihood, np.zeros(len(seen)))
                value = surprisal(wood.codes[name].dist, x[seen], wood.others(name, heard), scaled)
            else:
                column = model._column(name)
                with np.errstate(divide="ignore"):
                    w = without(joint[seen], column.log_prob(x[seen]))
                value = surprisal(column, x[seen], w, scaled)
            out[rows.start + seen, names.index(name)] = value
    return out


def surprisal(column: ColumnDistribution, x: Array, w: Doubles, scaled: bool = True) -> Doubles:
    """Of cells x [b] of one column, in nats; w [b, K] is p(k | x_-j), see ``without``.

    -log p(x_j | x_-j), or with ``scaled`` -log P(a value at most as likely as x_j | x_-j): the probability of the
    region where p(. | x_-j) is no higher than at x_j (Hyndman 1996), which is -log p(x_j | x_-j) less what any value of
    the column would say, so that numbers in any unit, counts and categories compare.
    """
    with np.errstate(divide="ignore"):
        cell = column.log_prob(x)
        at = np.log((w * np.exp(cell)).sum(axis=1))
    if not scaled:
        return np.asarray(-at)
    if column.continuous:
        p = _tail(column, x, at, w)
    else:
        each = w @ _table(column, x)  # [b, C]
        p = np.where(each <= np.exp(at)[:, None] * (1 + 1e-9), each, 0.0).sum(axis=1)
        p = p + np.maximum(1 - each.sum(axis=1), 0.0)  # counts beyond the table
    return np.asarray(-np.log(np.clip(p, 1e-30, 1.0)))


def surprisal_in_block(block: GaussianBlock, i: int, x: Doubles, log_joint: Doubles, scaled: bool = True) -> Doubles:
    """The same for the i-th column of a block with a full covariance, x [b, d] its cells."""
    mean, sd = given_others(block, i, x)
    cell = -0.5 * ((x[:, i, None] - mean) / sd) ** 2 - np.log(sd) - 0.5 * np.log(2 * np.pi)
    w = without(log_joint, cell)
    at = np.log(np.maximum((w * np.exp(cell)).sum(axis=1), 1e-300))
    return -np.log(np.clip(tail(mean, sd, w, at), 1e-30, 1.0)) if scaled else -at


def without(log_joint: Doubles, cell: Doubles) -> Doubles:
    """p(k | x_-j) [b, K] from log p(x, k) and log p(x_j | k)."""
    left = log_joint - np.where(np.isfinite(cell), cell, 0.0)
    w: Doubles = np.exp(left - logsumexp(left, axis=1, keepdims=True))
    return w


def _table(column: ColumnDistribution, x: Array) -> Doubles:
    """P(value | k) [K, C] of levels, or of counts."""
    try:
        return column.probabilities()
    except NotImplementedError:
        top = max(float((column.mean() + 12 * np.sqrt(column.variance())).max()), float(x.max(initial=0)))
        return np.exp(column.log_prob(np.arange(min(top, 4095.0) + 1))).T


def _tail(column: ColumnDistribution, x: Array, at: Doubles, weights: Doubles) -> Doubles:
    """P(p(X | x_-j) <= p(x_j | x_-j)) over cells of a grid, and over point masses."""
    edges = grid(column)
    atoms = np.array(column.atoms)
    edges = edges[~np.isin(edges, atoms)]
    if len(edges) > POINTS:
        edges = edges[np.linspace(0, len(edges) - 1, POINTS).astype(int)]
    middle = 0.5 * (edges[1:] + edges[:-1])
    F = column.cdf(edges)
    mass = np.diff(F, axis=0)  # [G, K]
    for a in atoms:  # their share of a cell is told apart
        i = int(np.searchsorted(edges, a)) - 1
        if 0 <= i < len(mass):
            mass[i] = np.maximum(mass[i] - np.exp(column.log_prob(np.array([a]))[0]), 0.0)
    p = weights @ mass.T  # [b, G]
    log_density = np.log(np.maximum(weights @ np.exp(column.log_prob(middle)).T, 1e-300))
    outside = weights @ (F[0] + 1 - F[-1])
    is_atom = np.isin(x, atoms)
    width = _width(edges, x)
    # what is compared is the probability of a cell of one width: an atom's is its own
    level = np.where(is_atom, at, at + np.log(width))
    tail = np.where(log_density + np.log(width)[:, None] <= level[:, None] + 1e-9, p, 0.0).sum(axis=1) + outside
    for a in atoms:
        share = weights @ np.exp(column.log_prob(np.array([a]))[0])
        tail += np.where(np.log(np.maximum(share, 1e-300)) <= level + 1e-9, share, 0.0)
    return np.asarray(tail)


def _width(edges: Doubles, x: Array) -> Doubles:
    """The width of the cells that a density is compared with a point mass in: a hundredth of the column's reach."""
    q = edges[[len(edges) // 20, -1 - len(edges) // 20]]
    return np.full(len(x), max(float(q[1] - q[0]) / 100, 1e-300))
