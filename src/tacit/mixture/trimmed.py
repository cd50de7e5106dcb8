"""A Gaussian that outliers do not pull: fitted to the rows that are likeliest under it, again and again."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.stats import chi2

from ..linalg import one_thread
from ..typing import Array, Doubles

STEPS = 30  # of concentration, at most


class Ellipse(NamedTuple):
    """N(x; m, S) of standardised numbers, z = (x - centre) / scale."""

    centre: Doubles  # [d], of the columns
    scale: Doubles  # [d]
    mean: Doubles  # [d], of z
    covariance: Doubles  # [d, d]

    def squares(self, x: Doubles) -> tuple[Doubles, Doubles]:
        """Squared distances (z_o - m_o)ᵀ S_oo⁻¹ (z_o - m_o) of the observed cells [n], and how many these are."""
        z = (x - self.centre) / self.scale - self.mean
        seen = ~np.isnan(z)
        out = np.zeros(len(z))
        patterns, which = np.unique(seen, axis=0, return_inverse=True)
        with one_thread(z.shape[1]):
            for i, o in enumerate(patterns):
                rows = np.flatnonzero(which.ravel() == i)
                if o.any():
                    L = np.linalg.cholesky(self.covariance[np.ix_(o, o)])
                    y = np.linalg.solve(L, z[rows][:, o].T)
                    out[rows] = (y * y).sum(axis=0)
        return out, seen.sum(axis=1)

    def given_others(self, x: Doubles) -> Doubles:
        """(z_j - E[z_j | the others]) / sd of every observed cell [n, d]: how many standard deviations it is off."""
        z = (x - self.centre) / self.scale - self.mean
        seen = ~np.isnan(z)
        out = np.full(z.shape, np.nan)
        patterns, which = np.unique(seen, axis=0, return_inverse=True)
        for i, o in enumerate(patterns):
            rows = np.flatnonzero(which.ravel() == i)
            if o.any():
                Λ = np.linalg.inv(self.covariance[np.ix_(o, o)])
                # E[z_j | z_-j] = -Σ_l Λ_jl z_l / Λ_jj, variance 1 / Λ_jj (Bishop 2006, equations 2.73 and 2.75)
                out[np.ix_(rows, np.flatnonzero(o))] = z[rows][:, o] @ Λ / np.sqrt(np.diagonal(Λ))
        return out


def trimmed(x: Doubles, w: Doubles, share: float, ridge: float) -> Ellipse:
    """The Gaussian of the ``share`` of rows x [n, d] that are nearest to it, by concentration steps.

    m and S are the moments of those rows, S <- S + ridge I in units of the columns' standard deviations; then the
    nearest rows are taken anew, until they stay (Rousseeuw and Van Driessen 1999, theorem 1: no step makes |S| larger).
    They are the middle of the rows: S is widened so that the median squared distance is that of a chi square.
    A gap stands where the other cells say, E[z_m | z_o], with its variance; so every row has as many distances.
    """
    seen = ~np.isnan(x)
    v = np.where(seen, w[:, None], 0.0)
    total = np.maximum(v.sum(axis=0), 1e-300)
    centre = (v * np.where(seen, x, 0.0)).sum(axis=0) / total
    spread = np.sqrt((v * np.where(seen, x - centre, 0.0) ** 2).sum(axis=0) / total)
    scale = np.where(spread > 1e-12 * np.abs(centre), spread, 1.0)
    z = np.where(seen, (x - centre) / scale, np.nan)
    d = z.shape[1]
    middle = np.array([_median(z[:, j], w) for j in range(d)])
    distance = _rescaled((np.where(seen, z - middle, 0.0) ** 2).sum(axis=1), seen, d)
    near = np.zeros(len(z))  # the weights that count
    found = Ellipse(centre, scale, middle, np.eye(d))
    for _ in range(STEPS):
        before, near = near, _nearest(distance, w, share)
        if np.array_equal(before, near):
            break
        found = _moments(z[near > 0], near[near > 0], found, ridge)
        distance = _rescaled(found.squares(x)[0], seen, d)
    reach = _median(distance, w) / chi2.ppf(0.5, d)
    return found._replace(covariance=found.covariance * max(float(reach), 1e-12))


def _moments(z: Doubles, w: Doubles, old: Ellipse, ridge: float) -> Ellipse:
    """Mean and covariance, with E[z_m | z_o] and Cov[z_m | z_o] in place of gaps (Little and Rubin 2002, 11.2)."""
    d, total = z.shape[1], w.sum()
    filled, beside = z.copy(), np.zeros((d, d))
    patterns, which = np.unique(~np.isnan(z), axis=0, return_inverse=True)
    for i, o in enumerate(patterns):
        if o.all():
            continue
        rows, m = np.flatnonzero(which.ravel() == i), ~o
        S = old.covariance
        gain = np.linalg.solve(S[np.ix_(o, o)], S[np.ix_(o, m)]) if o.any() else np.zeros((0, int(m.sum())))
        filled[np.ix_(rows, np.flatnonzero(m))] = old.mean[m] + (z[rows][:, o] - old.mean[o]) @ gain
        beside[np.ix_(m, m)] += w[rows].sum() * (S[np.ix_(m, m)] - S[np.ix_(m, o)] @ gain)
    mean = w @ filled / total
    y = filled - mean
    S = ((y * w[:, None]).T @ y + beside) / total + ridge * np.eye(d)
    return old._replace(mean=mean, covariance=0.5 * (S + S.T))


def _rescaled(squares: Doubles, seen: Array, d: int) -> Doubles:
    """Distances of rows with gaps as if all cells had been there."""
    many = seen.sum(axis=1)
    out: Doubles = np.where(many > 0, squares * d / np.maximum(many, 1), d)
    return out


def _nearest(distance: Doubles, w: Doubles, share: float) -> Doubles:
    """The weights of the nearest rows [n], in all this share of the weight: the last one's may be cut."""
    order = np.argsort(distance, kind="stable")
    before = np.cumsum(w[order]) - w[order]
    out = np.empty(len(w))
    out[order] = np.clip(share * w.sum() - before, 0.0, w[order])
    return out


def _median(x: Doubles, w: Doubles) -> float:
    some = np.flatnonzero(~np.isnan(x))
    if not len(some):
        return 0.0
    order = some[np.argsort(x[some], kind="stable")]
    total = np.cumsum(w[order])
    return float(x[order[np.searchsorted(total, 0.5 * total[-1])]])
