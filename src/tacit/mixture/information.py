"""Mutual information of two columns of a mixture, by quadrature: exact for categories, near it for numbers.

I(a; b) = Σ_a Σ_b p(a, b) log p(a, b) / (p(a) p(b)), p(a, b) = Σ_k w_k p_k(a) p_k(b) (Cover and Thomas 2006, equation
2.28); for numbers the sums are integrals, by Gauss and Legendre's rule on panels that hold equal shares of the mass.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import xlogy

from ..typing import Doubles
from .evidence import Said, Variable, ends
from .families.column import Interval, Levels
from .marginal import CELLS, Marginal

PANELS = 192
POINTS = 4  # nodes of the rule in each panel
TAIL = 1e-7  # the mass beyond the panels on either side


class Nodes(NamedTuple):
    """Where a column is looked at: x [Q], densities or probabilities p_k [K, Q] there, what each place weighs [Q]."""

    x: Doubles
    p: Doubles
    measure: Doubles


class Information(NamedTuple):
    """I(a; b) in nats, and the entropies of those of the two that are categories."""

    nats: float
    entropy: tuple[float | None, ...]

    @property
    def bits(self) -> float:
        """I(a; b) in bits."""
        return self.nats / math.log(2)


def mutual_information(
    w: Doubles,
    a: Variable,
    b: Variable,
    said: tuple[Said | None, Said | None] = (None, None),
    joint: Callable[[Doubles, Doubles], Doubles] | None = None,
) -> Information:
    """I(a; b) in the mixture with weights w [K], of what is ``said`` of either.

    ``joint`` gives p(a, b) [Q, R] of columns that depend on each other within a component.
    """
    x, y = (_nodes(w, v, s) for v, s in zip((a, b), said, strict=True))
    p = ((w[:, None] * x.p).T @ y.p if joint is None else joint(x.x, y.x)) * np.outer(x.measure, y.measure)  # [Q, R]
    p = p / p.sum()
    px, py = p.sum(axis=1), p.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = np.where(p > 0, p * (np.log(p) - np.log(px[:, None] * py)), 0.0)
    entropy = tuple(None if v.numeric else -float(xlogy(q, q).sum()) for v, q in ((a, px), (b, py)))
    return Information(max(float(np.nan_to_num(gain).sum()), 0.0), entropy)


def _nodes(w: Doubles, variable: Variable, said: Said | None) -> Nodes:
    if not variable.numeric:
        codes = list(said.codes) if isinstance(said, Levels) else list(range(len(variable.levels)))
        p = np.exp(variable.log_p[codes].T)  # [K, C]
        total = p.sum(axis=1, keepdims=True)
        p = np.divide(p, total, out=np.zeros_like(p), where=total > 0)
        return Nodes(np.array(codes, np.float64), p, np.ones(len(codes)))
    marginal = Marginal(variable, said, w[None])
    if not variable.dist.continuous or variable.density(said):
        return _steps(marginal)
    return _panels(marginal)


def _steps(marginal: Marginal) -> Nodes:
    """Every count on its own; where there are very many, ranges of equal width."""
    low, high = marginal.span(TAIL)
    edges = np.unique(np.rint(np.linspace(math.floor(low) - 1, math.ceil(high) + 1, CELLS)) + 0.5)
    F = marginal.component_cdf(np.concatenate([[-np.inf], edges, [np.inf]]))  # [Q, K]
    return Nodes(np.append(edges, np.inf), np.diff(F, axis=0).T, np.ones(len(edges) + 1))


def _panels(marginal: Marginal) -> Nodes:
    """Point masses, and nodes of the rule on panels between quantiles."""
    low, high = marginal.span(TAIL)
    tails = np.logspace(-6, -2.5, 12)
    levels = np.concatenate([tails, np.linspace(0.005, 0.995, PANELS - 24), 1 - tails])
    breaks = [end for piece in marginal.pieces or () for end in ends(piece) if low < end < high]
    edges = np.unique([low, *marginal.roots(levels), *breaks, high])
    x, v = np.polynomial.legendre.leggauss(POINTS)
    middle, half = 0.5 * (edges[1:] + edges[:-1]), 0.5 * np.diff(edges)
    points = (middle[:, None] + half[:, None] * x).ravel()
    measure = (half[:, None] * v).ravel()
    p = np.exp(marginal.component_log_density(points)).T
    atoms = np.array([a for a in marginal.dist.atoms if low < a <= high])
    if len(atoms):
        masses = [marginal.variable.log_prob((Interval(math.nextafter(a, -math.inf), a),)) for a in atoms]
        p = np.concatenate([p, np.exp(np.array(masses) - marginal.log_norm).T], axis=1)
        points, measure = np.concatenate([points, atoms]), np.concatenate([measure, np.ones(len(atoms))])
    return Nodes(points, p, measure)
