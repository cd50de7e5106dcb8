"""Groups as the hills of a density: every row climbs to a mode of the mixture, and low hills join their neighbours.

A group need not be Gaussian. Where one takes several components to describe (a heavy tail, a dense core in a wide halo,
a half moon), its components share a hill, or stand on hills with hardly a valley between them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import check_array

from ..errors import ArgumentError
from ..typing import Array, Doubles
from .gaussian import GaussianMixture

STEPS, TOL = 300, 1e-3  # of the ascent; of the least deviation, below which a step is none
ROWS = 1024  # that climb together
BETWEEN = 31  # places looked at on the way from mode to mode
NEIGHBOURS, LINKED = 8, 5000  # of a row; rows whose neighbours are looked for


class Modal(NamedTuple):
    """The hills of ``model``: modes [m, d] and the group of each [m].

    ``lost[g - 1]`` is the excess mass of the group that g + 1 groups lost when they became g.
    """

    model: GaussianMixture
    modes: Doubles
    group: Array
    lost: Doubles

    def predict(self, X: Any) -> Array:
        """The group of the hill that each row is on [n]."""
        x = check_array(X, dtype=np.float64)
        return self.group[_nearest(self.model, climb(self.model, x), self.modes)]


def modal(model: GaussianMixture, X: Any, n_groups: int | None = None) -> Modal:
    """The groups that the modes of a fitted mixture make of the rows X: all of its modes, or ``n_groups`` of them.

    Rows ascend by modal EM (Li, Ray and Lindsay 2007, "A nonparametric statistical approach to clustering via mode
    identification", section 2.2): with r_k = p(k | x), x ← (Σ_k r_k Σ_k⁻¹)⁻¹ Σ_k r_k Σ_k⁻¹ μ_k never lowers p(x).
    While there are too many groups, the one whose excess mass above the highest pass to another,

        Σ_i max(0, 1 - p(pass) / p(x_i)) / n     over its rows,

    is least joins that other one (Müller and Sawitzki 1991 call excess mass what makes a mode one). The pass is the
    highest of what is found on the straight line between two modes and between neighbouring rows of the two hills, as a
    crescent's hills need (Chazal, Guibas, Oudot and Skraba 2013). Groups are numbered from the largest.

    Raises ``ArgumentError`` for more groups than there are modes.

    >>> rng = np.random.default_rng(0)
    >>> core, halo = rng.normal(size=(600, 2)) * 0.2, rng.normal(size=(600, 2))
    >>> X = np.concatenate([core, halo]) + 4.0 * rng.integers(0, 2, 1200)[:, None]
    >>> density = GaussianMixture(4, covariance_type="spherical", random_state=0).fit(X)
    >>> np.bincount(modal(density, X, 2).predict(X)).min() > 550
    np.True_
    """
    x = check_array(X, dtype=np.float64)
    tops = climb(model, np.asarray(model.means_, np.float64), 10 * STEPS, 1e-3 * TOL)
    modes = _distinct(model, tops)
    m = len(modes)
    if n_groups is not None and not 1 <= n_groups <= m:
        raise ArgumentError(f"n_groups must be from 1 to the {m} modes of the density. Got {n_groups!r} instead.")
    at = _nearest(model, climb(model, x), modes)
    height = model.score_samples(x).astype(np.float64)
    passes = np.maximum(_passes(model, modes), _between_rows(model, x, at, height, m))
    groups, lost = [[i] for i in range(m)], np.zeros(max(m - 1, 0))
    kept = [list(g) for g in groups]
    while len(groups) > 1:
        over = np.array([[passes[np.ix_(a, b)].max() if a is not b else -np.inf for b in groups] for a in groups])
        excess = []
        for a, best in zip(groups, over.max(axis=1), strict=True):
            mine = height[np.isin(at, a)]
            excess.append(float(np.maximum(-np.expm1(best - mine), 0.0).sum()) / len(x))
        i = int(np.argmin(excess))
        j = int(over[i].argmax())
        lost[len(groups) - 2] = excess[i]
        groups[j] = groups[j] + groups[i]
        del groups[i]
        if n_groups is not None and len(groups) == n_groups:
            kept = [list(g) for g in groups]
    if n_groups is None or n_groups == m:
        kept = [[i] for i in range(m)]
    size = [-int(np.isin(at, g).sum()) for g in kept]
    group = np.empty(m, dtype=np.int64)
    for number, i in enumerate(np.argsort(size, kind="stable")):
        group[kept[i]] = number
    return Modal(model, modes, group, lost)


def climb(model: GaussianMixture, x: Doubles, steps: int = STEPS, tol: float = TOL) -> Doubles:
    """Where rows [n, d] arrive by modal EM."""
    precision = model._family().dense_precision(model._params().theta)  # [K, d, d], or [K, d] diagonal
    pull = precision @ model.means_[:, :, None] if precision.ndim == 3 else precision * model.means_
    pull = pull.reshape(len(precision), -1)  # Σ_k⁻¹ μ_k
    widest = np.linalg.eigvalsh(precision).max() if precision.ndim == 3 else precision.max()
    still = (tol / np.sqrt(widest)) ** 2
    out = np.array(x, dtype=np.float64)
    for start in range(0, len(out), ROWS):
        moving = np.arange(start, min(start + ROWS, len(out)))
        for _ in range(steps):
            r = np.asarray(model.predict_proba(out[moving]), np.float64)
            if precision.ndim == 3:
                A = np.tensordot(r, precision, axes=1)
                new = np.linalg.solve(A, (r @ pull)[:, :, None])[:, :, 0]
            else:
                new = (r @ pull) / (r @ precision)
            step = np.square(new - out[moving]).sum(axis=1)
            out[moving] = new
            moving = moving[step > still]
            if not len(moving):
                break
    return out


def _distances(model: GaussianMixture, a: Doubles, b: Doubles) -> Doubles:
    """Squared distances [a, b] in deviations of the mixture."""
    π, Σ, μ = model.weights_, model._dense(), model.means_
    within = np.einsum("k,kii->i", π, Σ)
    scale = np.sqrt(within + π @ (μ - π @ μ) ** 2)
    return np.asarray(np.square((a[:, None] - b[None]) / scale).sum(axis=2), np.float64)


def _nearest(model: GaussianMixture, x: Doubles, modes: Doubles) -> Array:
    rows = max(1, 4_000_000 // modes.size)
    parts = [_distances(model, x[i : i + rows], modes).argmin(axis=1) for i in range(0, len(x), rows)]
    return np.concatenate(parts)


def _distinct(model: GaussianMixture, tops: Doubles) -> Doubles:
    """Places of which none is another: the highest of those near each other."""
    order = np.argsort(-model.score_samples(tops), kind="stable")
    kept: list[int] = []
    apart = _distances(model, tops, tops)
    for i in order:
        if not any(apart[i, j] < 1e-6 for j in kept):
            kept.append(int(i))
    return tops[kept]


def _between_rows(model: GaussianMixture, x: Doubles, at: Array, height: Doubles, m: int) -> Doubles:
    """log p of the highest step from a row of one hill to a near one of another [m, m]: of its ends and its middle."""
    from scipy.spatial import cKDTree

    rows = np.linspace(0, len(x) - 1, min(len(x), LINKED)).astype(int)
    spread = np.maximum(x.std(axis=0), 1e-300)
    near = cKDTree(x[rows] / spread).query(x[rows] / spread, k=min(NEIGHBOURS + 1, len(rows)))[1].reshape(len(rows), -1)
    i, j = np.repeat(rows, near.shape[1]), rows[near.ravel()]
    across = at[i] != at[j]
    i, j = i[across], j[across]
    out = np.full((m, m), -np.inf)
    if len(i):
        middle = model.score_samples((x[i] + x[j]) / 2).astype(np.float64)
        np.maximum.at(out, (at[i], at[j]), np.minimum(np.minimum(height[i], height[j]), middle))
    return np.asarray(np.maximum(out, out.T), np.float64)


def _passes(model: GaussianMixture, modes: Doubles) -> Doubles:
    """log p of the lowest place on the line between each two modes [m, m]."""
    m, t = len(modes), np.linspace(0, 1, BETWEEN)[:, None]
    out = np.full((m, m), -np.inf)
    for i in range(m):
        for j in range(i):
            out[i, j] = out[j, i] = float(model.score_samples((1 - t) * modes[i] + t * modes[j]).min())
    return out
