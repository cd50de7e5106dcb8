"""Columns that depend on each other within a part, and a mixture given evidence."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import ndtr

from ..errors import ArgumentError, QueryError
from ..kernels.trees import tree_log_prob
from ..typing import Array, Doubles
from .condition import ConditionalMixture
from .evidence import Value
from .families.column import GaussianBlock
from .families.correlated import Correlated, regression


def conditioned(model: Any, evidence: ConditionalMixture) -> tuple[set[str], Doubles, tuple[Any, ...]]:
    """The columns that evidence speaks of, log P(evidence | part) [M], and the parameters of the parts given it."""
    if evidence._table is not None:
        raise ArgumentError("condition takes evidence of one case; given() takes a table of it")
    wood = evidence._grammar.columns.wood
    if wood is not None:
        heard = wood.heard(evidence._said)
        log_p = tree_log_prob(wood.forest, heard.codes, heard.likelihood)[0] + heard.log_factor[0]
        _refuse(log_p, model.part_weights_)
        tree = model._family.parts[0].given(model._params.theta[0], heard.likelihood[0])
        return {*evidence._said, *(t.variable.name for t in evidence._terms)}, log_p, (tree,)
    total, theta = np.zeros(len(model.part_weights_)), list(model._params.theta)
    fixed: list[tuple[int, float]] = []  # cells of the full block
    where = next((i for i, p in enumerate(model._family.parts) if isinstance(p, Correlated)), -1)
    for name, said in evidence._said.items():
        place = model._layout.places[name]
        if place.part == where and len(model._family.parts[where].at) > 1:
            if len(said) != 1 or not isinstance(said[0], Value):
                raise ArgumentError(f"evidence on {name!r}, which shares a full covariance, must be one value")
            fixed.append((place.j, said[0].x))
        else:
            total = total + evidence._grammar.columns.variables[name].log_prob(said)
    if fixed:
        js, x = [j for j, _ in fixed], np.array([v for _, v in fixed])
        log_p, theta[where] = model._family.parts[where].given(theta[where], js, x)
        total = total + log_p
    _refuse(total, model.part_weights_)
    return {*evidence._said, *(t.variable.name for t in evidence._terms)}, total, tuple(theta)


def _refuse(log_p: Doubles, weights: Doubles) -> None:
    if not np.isfinite(log_p[weights > 0]).any():
        raise QueryError("the evidence has probability zero under this model: nothing follows from it")


def given_others(block: GaussianBlock, i: int, x: Doubles) -> tuple[Doubles, Doubles]:
    """Mean and standard deviation [b, K] of the i-th cell of a block given the others that are observed in x [b, d]."""
    b, K = len(x), len(block.mean)
    mean, sd = np.empty((b, K)), np.empty((b, K))
    seen = ~np.isnan(x)
    seen[:, i] = False
    patterns, which = np.unique(seen, axis=0, return_inverse=True)
    for p, pattern in enumerate(patterns):
        rows, o = np.flatnonzero(which.ravel() == p), np.flatnonzero(pattern)
        gain, left = regression(block.covariance, o, np.array([i]))
        v = x[rows][:, o][:, None] - block.mean[:, o]  # [r, K, o]
        mean[rows] = block.mean[:, i] + np.einsum("ko,rko->rk", gain[:, 0], v)
        sd[rows] = np.sqrt(left[:, 0, 0])
    return mean, sd


def quantile(mean: Doubles, sd: Doubles, weights: Doubles, q: float) -> Doubles:
    """The q-quantile [b] of Σ_k w_ik N(m_ik, s_ik²), by bisection."""
    z = 12.0
    low, high = (mean - z * sd).min(axis=1), (mean + z * sd).max(axis=1)
    for _ in range(60):
        x = 0.5 * (low + high)
        below = (weights * ndtr((x[:, None] - mean) / sd)).sum(axis=1) < q
        low, high = np.where(below, x, low), np.where(below, high, x)
    out: Doubles = 0.5 * (low + high)
    return out


def tail(mean: Doubles, sd: Doubles, weights: Doubles, log_at: Doubles) -> Doubles:
    """P(p(X) <= p(x)) [b] for X from Σ_k w_ik N(m_ik, s_ik²) and log p(x) [b]."""
    steps = np.linspace(0, 1, 241)
    heard = weights > 1e-6
    low = np.where(heard, mean - 6 * sd, np.inf).min(axis=1)
    high = np.where(heard, mean + 6 * sd, -np.inf).max(axis=1)
    out = np.empty(len(mean))
    for i in range(len(mean)):  # rows of a block: few columns ever have one
        x = low[i] + (high[i] - low[i]) * steps
        y = (x[:, None] - mean[i]) / sd[i]
        density: Array = (weights[i] * np.exp(-0.5 * y * y) / (sd[i] * np.sqrt(2 * np.pi))).sum(axis=1)
        out[i] = np.trapezoid(np.where(np.log(np.maximum(density, 1e-300)) <= log_at[i], density, 0.0), x)
    return out
