"""How well one cloud explains rows: columns of any shape that know nothing of each other, or one copula over columns
with one mode each."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import gammaln, ndtr, ndtri, stdtrit
from scipy.stats import boxcox, yeojohnson

from ..data.block import Block
from ..data.memory import MemorySource
from ..typing import Doubles
from .cloud import correlations, positive
from .gaussians import Gaussians
from .mixture import MixtureParams
from .search import Candidate

DEEP, FAINT = 0.7, 0.02  # a valley, of the lower peak beside it; a peak, of the highest
FREEDOM = (3.0, 5.0, 8.0, 15.0, 30.0)  # degrees of freedom of the t copula


class Margin(NamedTuple):
    """A column on its own: a mixture of Gaussians of some scale of it, -2 log-likelihood + p log n, and Φ⁻¹(F(x))."""

    bic: float
    modes: int
    scores: Doubles


def cloud_bic(source: MemorySource, most: int, reg_covar: float, rng: np.random.Generator) -> float:
    """The least BIC of one cloud, margins of the columns joined by a copula:

    log p(x) = Σ_j log p_j(x_j) + log c(F_1(x_1), ..., F_d(x_d))

    with c = 1 over columns of any shape, or c the copula of a normal or of a t over columns with one mode each
    (McNeil, Frey and Embrechts 2005, section 5.1); or p(x) a multivariate t. A margin is a mixture of up to ``most``
    Gaussians of the column, or of the power of it that is most like a normal (Box and Cox 1964; Yeo and Johnson 2000),
    so that skew is no group.
    """
    x, w = np.asarray(source.block.x, np.float64), source.weight
    n, d = float(w.sum()), x.shape[1]
    apart, joined, scores = 0.0, d * (d - 1) / 2 * np.log(max(n, 1.0)), np.empty(x.shape)
    for j in range(d):
        found = margins(x[:, j], w, most, reg_covar, rng)
        apart += min(m.bic for m in found)
        best = min((m for m in found if m.modes == 1), key=lambda m: m.bic)
        joined += best.bic
        scores[:, j] = best.scores
    R = positive(correlations(scores, w))
    fits = [-2 * float(w @ normal_copula(scores, R))]
    fits += [-2 * float(w @ t_copula(scores, R, ν)) + np.log(max(n, 1.0)) for ν in FREEDOM]
    return float(min(apart, joined + min(fits), t_bic(x, w)))


def margins(x: Doubles, w: Doubles, most: int, reg_covar: float, rng: np.random.Generator) -> list[Margin]:
    """Mixtures of 1, 2, ... Gaussians of a column, and of its most normal power if one Gaussian prefers that."""
    out, n = [], float(w.sum())
    for y, log_slope, free in scales(x, w):
        rows = MemorySource(Block(0, np.ascontiguousarray(y[:, None]), weight=w))
        narrow = max(reg_covar if not free else 0.0, grain(y) ** 2, 1e-6 * float(np.var(y)))
        for c in Gaussians("full", narrow).path(rows, range(1, most + 1), "bic", rng):
            bic = c.bic - 2 * float(w @ log_slope) + free * np.log(max(n, 1.0))
            out.append(Margin(bic, modes(c.params), _scores(c, y)))
    return out


def scales(x: Doubles, w: Doubles) -> list[tuple[Doubles, Doubles, int]]:
    """The column, and its most normal power where one Gaussian prefers it: y(x), log dy/dx, and how much was free."""
    plain = (x, np.zeros(len(x)), 0)
    sd = float(np.std(x))
    if sd <= 0 or len(x) < 8:
        return [plain]
    u = (x - np.median(x)) / sd
    y, λ = yeojohnson(u)
    size = np.log1p(np.abs(u)) * np.where(u >= 0, λ - 1, 1 - λ)
    bent = [(y, size - np.log(sd), 2)]
    if x.min() > 0:
        v = x / np.exp(np.mean(np.log(x)))
        y, λ = boxcox(v)
        bent.append((y, (λ - 1) * np.log(v) + np.log(v / x), 1))

    def normal(scale: tuple[Doubles, Doubles, int]) -> float:
        """BIC of one Gaussian."""
        y, log_slope, free = scale
        v = np.average((y - np.average(y, weights=w)) ** 2, weights=w)
        return float(w.sum() * np.log(max(v, 1e-300)) - 2 * w @ log_slope + free * np.log(w.sum()))

    best = min((s for s in bent if np.isfinite(normal(s))), key=normal, default=plain)
    return [plain, best] if normal(best) < normal(plain) else [plain]


def _scores(c: Candidate, y: Doubles) -> Doubles:
    """Φ⁻¹(F(y)) under a mixture."""
    θ, π = c.params.theta, np.exp(c.params.log_weights)
    F = ndtr((y[:, None] - θ.means[:, 0]) / np.sqrt(θ.covariances[:, 0, 0])) @ π
    out: Doubles = ndtri(np.clip(F, 1e-12, 1 - 1e-12))
    return out


def normal_copula(z: Doubles, R: Doubles) -> Doubles:
    """log c = -½ log |R| - ½ zᵀ (R⁻¹ - I) z of normal scores z [n]."""
    inverse = np.linalg.inv(R) - np.eye(len(R))
    out: Doubles = -0.5 * np.linalg.slogdet(R)[1] - 0.5 * np.einsum("ij,jk,ik->i", z, inverse, z)
    return out


def t_copula(z: Doubles, R: Doubles, ν: float) -> Doubles:
    """log t_d(y; R, ν) - Σ_j log t_1(y_j; ν) with y_j the quantile of t that z_j is of a normal [n]."""
    d = len(R)
    y = stdtrit(ν, ndtr(z))
    square = np.einsum("ij,jk,ik->i", y, np.linalg.inv(R), y)
    constant = gammaln((ν + d) / 2) + (d - 1) * gammaln(ν / 2) - d * gammaln((ν + 1) / 2)
    out: Doubles = constant - 0.5 * np.linalg.slogdet(R)[1] - (ν + d) / 2 * np.log1p(square / ν)
    out += (ν + 1) / 2 * np.log1p(y * y / ν).sum(axis=1)
    return out


def t_bic(x: Doubles, w: Doubles, steps: int = 40) -> float:
    """The least BIC of one multivariate t, by EM for some ν (Lange, Little and Taylor 1989, section 3)."""
    n, d = float(w.sum()), x.shape[1]
    best = np.inf
    for ν in FREEDOM:
        u, size = np.ones(len(x)), 0.0
        for _ in range(steps):
            μ = (w * u) @ x / (w @ u)
            v = x - μ
            Σ = ((w * u)[:, None] * v).T @ v / n
            Σ += 1e-9 * np.diag(np.maximum(np.diag(Σ), 1e-300))
            L = np.linalg.cholesky(Σ)
            squares = np.square(np.linalg.solve(L, v.T)).sum(axis=0)
            u, size = (ν + d) / (ν + squares), 2 * float(np.log(np.diag(L)).sum())
        constant = gammaln((ν + d) / 2) - gammaln(ν / 2) - 0.5 * d * np.log(ν * np.pi) - 0.5 * size
        log_likelihood = n * constant - (ν + d) / 2 * float(w @ np.log1p(squares / ν))
        best = min(best, -2 * log_likelihood)
    return float(best + (d + d * (d + 1) / 2 + 1) * np.log(max(n, 1.0)))


def grain(column: Doubles) -> float:
    """The step in which a column was measured, where most of its values are repeated; else 0."""
    values = np.unique(column)
    return float(np.median(np.diff(values))) if 1 < len(values) < len(column) / 2 else 0.0


def modes(params: MixtureParams) -> int:
    """The number of modes of a mixture of Gaussians of one column, ripples and the faintest left out."""
    μ, σ = params.theta.means[:, 0], np.sqrt(params.theta.covariances[:, 0, 0])
    at = np.unique(np.concatenate([m + s * np.linspace(-3, 3, 121) for m, s in zip(μ, σ, strict=True)]))
    u = (at[:, None] - μ) / σ
    p = np.exp(params.log_weights - 0.5 * u * u) @ (1 / σ)
    peaks = [float(p[i]) for i in range(1, len(p) - 1) if p[i - 1] < p[i] >= p[i + 1]]
    places = [i for i in range(1, len(p) - 1) if p[i - 1] < p[i] >= p[i + 1]]
    kept: list[tuple[int, float]] = []
    for place, peak in zip(places, peaks, strict=True):
        if peak < FAINT * max(peaks):
            continue
        if kept and p[kept[-1][0] : place].min() > DEEP * min(kept[-1][1], peak):  # no valley worth the name
            kept[-1] = max(kept[-1], (place, peak), key=lambda mode: mode[1])
        else:
            kept.append((place, peak))
    return max(len(kept), 1)
