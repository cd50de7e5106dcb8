"""Which mixture: covariances, number of components and starts, tried on the same rows, judged by one criterion."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, Self, get_args

import numpy as np
from scipy.special import ndtr, ndtri
from sklearn.exceptions import ConvergenceWarning

from ..base import Estimator
from ..data.block import Block
from ..data.memory import MemorySource
from ..data.source import Source
from ..em.engine import em
from ..errors import ArgumentError, RepairWarning
from ..linalg import eigh
from ..rng import generator
from ..typing import Array, Doubles, Seed
from .cloud import correlations, positive
from .families.gaussian import CovarianceType, Gaussian
from .gaussian import GaussianMixture
from .mixture import Mixture, MixtureParams
from .search import Candidate, candidate, feature_space, seeds, splits

CRITERIA = ("bic", "aic", "icl", "held_out")
LINKED = 2000  # rows that are linked to a tree, as starts
DEEP, FAINT = 0.7, 0.02  # a valley, of the lower peak beside it; a peak, of the highest
STRONG = 10.0  # BIC by which one cloud must be better than groups
PATIENCE = 3  # numbers of components beyond the best


class Tried(NamedTuple):
    """One covariance and number of components; the criteria are lower for better, ``held_out`` is -log p per row."""

    covariance_type: str
    n_components: int
    bic: float
    aic: float
    icl: float
    held_out: float


class Selection(NamedTuple):
    """The chosen model, fitted to all rows, everything that was tried, and BIC of one cloud where that was asked."""

    model: GaussianMixture
    tried: list[Tried]
    criterion: str
    cloud_bic: float | None


@dataclass(frozen=True)
class Gaussians:
    """Mixtures of 1, 2, ... Gaussians of one kind, each number from several starts."""

    kind: CovarianceType
    reg_covar: float
    n_init: int = 2
    n_splits: int = 8
    tol: float = 1e-5
    max_iter: int = 200
    levels: tuple[int, ...] = ()

    def over(self, source: MemorySource) -> Self:
        """The same for other rows."""
        return self

    def path(
        self, source: MemorySource, most: int, criterion: str, rng: np.random.Generator, tree: Array | None = None
    ) -> list[Candidate]:
        """Candidates with 1, 2, ... components, until the criterion has clearly turned or ``most`` is reached."""
        found: list[Candidate] = []
        space, n = feature_space(source, ()), source.total
        for K in range(1, most + 1):
            if K > 1 and n < K * (source.shape[1] + 1):
                break
            found.append(self._fit(source, K, space, rng, found[-1].params if found else None, tree))
            values = [getattr(c, criterion) for c in found]
            if len(found) - 1 - int(np.argmin(values)) >= PATIENCE:
                break
        return found

    def _fit(
        self,
        source: MemorySource,
        K: int,
        space: MemorySource,
        rng: np.random.Generator,
        fewer: MixtureParams | None,
        tree: Array | None,
    ) -> Candidate:
        """The best of k-means' clusters, a cut of the tree, and the mixture of K - 1 with one component in two."""
        family: Any = Gaussian(self.kind, self.reg_covar)
        model = Mixture(K, family)
        labels = [seeds(space, K, rng) for _ in range(self.n_init if K > 1 else 1)]
        if tree is not None and 1 < K <= tree.shape[1]:
            labels.append(tree[:, K - 1])
        starts = [model.from_labels(source, z, rng)[0] for z in labels]
        if fewer is not None and K > 2:
            for r in splits(fewer, family, source, space, self.n_splits, rng):
                starts.append(model.from_responsibilities(source, partial(_rows, r)))
        run = partial(em, model, source, tol=self.tol, rng=rng, bound=False)
        short = sorted((run(p, max_iter=8) for p in starts), key=lambda fit: -fit.objective)
        long = [run(f.params, max_iter=self.max_iter) for f in short[:2]]
        return candidate(model, source, max(long, key=lambda fit: fit.objective).params)


def _rows(r: Doubles, block: Block) -> Doubles:
    return r[block.start : block.start + block.n]


def linked(source: MemorySource, most: int, rng: np.random.Generator) -> Array:
    """Cuts of Ward's tree into 1 .. ``most`` clusters [n, most], -1 for rows beyond ``LINKED``.

    In the space of the principal coordinates, each scaled to variance 1, where long groups are short: Scrucca and
    Raftery (2015), "Improved initialisation of model-based clustering using Gaussian hierarchical partitions".
    """
    from scipy.cluster.hierarchy import cut_tree, linkage

    n = source.shape[0]
    rows = np.sort(rng.permutation(source.order)[:LINKED])
    x = np.asarray(source.take(rows).x, np.float64)
    x = x - x.mean(axis=0)
    values, U = eigh(np.asarray(x.T @ x, np.float64))
    keep = values > 1e-10 * values[0] if len(values) and values[0] > 0 else np.zeros(len(values), bool)
    z = x @ (U[:, keep] / np.sqrt(values[keep])) if keep.any() else np.zeros((len(x), 1))
    out = np.full((n, most), -1, dtype=np.int32)
    counts = np.arange(1, min(most, len(rows)) + 1)
    out[rows[:, None], counts - 1] = cut_tree(linkage(z, "ward"), n_clusters=counts)
    return out


def cloud_bic(source: MemorySource, most: int, reg_covar: float, rng: np.random.Generator) -> float:
    """The least BIC of one cloud: columns of any distribution that know nothing of each other, or columns with one mode
    each, joined by the copula of a normal. A column is a mixture of Gaussians on its own.

    log p(x) = Σ_j log p_j(x_j) - ½ log |R| - ½ zᵀ (R⁻¹ - I) z with z_j = Φ⁻¹(F_j(x_j)); R = I for the former.
    """
    x, w = np.asarray(source.block.x, np.float64), source.weight
    n, d = float(w.sum()), x.shape[1]
    apart, joined, z = 0.0, d * (d - 1) / 2 * np.log(max(n, 1.0)), np.empty(x.shape)
    for j in range(d):
        column = MemorySource(Block(0, np.ascontiguousarray(x[:, j : j + 1]), weight=source.block.weight))
        path = Gaussians("full", max(reg_covar, grain(x[:, j]) ** 2)).path(column, most, "bic", rng)
        apart += min(c.bic for c in path)
        best = min((c for c in path if modes(c.params) == 1), key=lambda c: c.bic)
        joined += best.bic
        θ, π = best.params.theta, np.exp(best.params.log_weights)
        F = ndtr((x[:, j : j + 1] - θ.means[:, 0]) / np.sqrt(θ.covariances[:, 0, 0])) @ π
        z[:, j] = ndtri(np.clip(F, 1e-12, 1 - 1e-12))
    R = positive(correlations(z, w))
    inverse = np.linalg.inv(R) - np.eye(d)
    joined += n * np.linalg.slogdet(R)[1] + float(w @ np.einsum("ij,jk,ik->i", z, inverse, z))
    return float(min(apart, joined))


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


class _Door(Estimator):
    """Checks the rows."""


def select(
    X: Any,
    *,
    covariance_types: Sequence[str] = ("full", "tied", "diag", "spherical"),
    max_components: int = 10,
    criterion: str = "bic",
    reg_covar: float = 1e-6,
    one_cloud: bool = True,
    sample_weight: Any = None,
    random_state: Seed = 0,
) -> Selection:
    """The Gaussian mixture that ``criterion`` prefers among covariances x numbers of components x starts.

    ``criterion`` is "bic", "aic", "icl" or "held_out" (the log-likelihood of a fifth of the rows). Each number starts
    from k-means, from a cut of Ward's tree in whitened coordinates, and from the mixture of one component less with one
    of its largest divided, so that long groups are found as well as round ones. With ``one_cloud`` more than one
    component is only kept where a single cloud does not explain the rows better, by 10 units of BIC: columns that know
    nothing of each other, or columns with one mode each, joined by a Gaussian copula. So noise, shuffled or skewed
    columns and one Gaussian answer 1.

    Where all columns are rounded, ``reg_covar`` is at least the variance of that rounding.

    Raises ``ArgumentError`` for an unknown criterion or covariance.

    >>> rng = np.random.default_rng(0)
    >>> X = np.concatenate([rng.normal(c, 1, (100, 2)) for c in (0, 8)])
    >>> select(X, max_components=4).model.n_components
    2
    """
    if criterion not in CRITERIA:
        raise ArgumentError(f"criterion must be one of {', '.join(map(repr, CRITERIA))}. Got {criterion!r} instead.")
    kinds: list[Any] = list(covariance_types)
    if not kinds or set(kinds) - set(get_args(CovarianceType)):
        raise ArgumentError(f"covariance_types must be some of {get_args(CovarianceType)}. Got {kinds!r} instead.")
    if max_components < 1:
        raise ArgumentError(f"max_components must be at least 1. Got {max_components!r} instead.")
    rows = _Door()._rows(X, reset=True, weight=sample_weight).held()
    rows = MemorySource(rows.take(rows.order))
    grains = [grain(np.asarray(v, np.float64)) for v in np.asarray(rows.block.x).T]
    reg_covar = max(reg_covar, min(grains) ** 2 / 12)  # no component is narrower than the rounding of the columns
    rng = generator(random_state)
    held = criterion == "held_out"
    away = rng.permutation(rows.shape[0]) < rows.shape[0] // 5 if held else np.zeros(rows.shape[0], bool)
    learn, test = (MemorySource(rows.take(np.flatnonzero(w))) if w.any() else None for w in (~away, away))
    assert learn is not None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", RepairWarning)
        tree = linked(learn, max_components, rng)
        paths = {
            kind: Gaussians(kind, reg_covar).path(learn, max_components, "bic" if held else criterion, rng, tree)
            for kind in kinds
        }
        tried = [
            (Tried(k, c.n_components, c.bic, c.aic, c.icl, _unseen(k, c, test)), c) for k in kinds for c in paths[k]
        ]
        best, chosen = min(tried, key=lambda pair: getattr(pair[0], criterion))
        cloud = None
        if one_cloud and chosen.n_components > 1:
            cloud = cloud_bic(learn, max_components, reg_covar, rng)
            if cloud < chosen.bic - STRONG:
                alone = [pair for pair in tried if pair[0].n_components == 1]
                best, chosen = min(alone, key=lambda pair: getattr(pair[0], criterion))
        model = GaussianMixture(best.n_components, covariance_type=best.covariance_type, reg_covar=reg_covar)  # type: ignore[arg-type]
        start = GaussianMixture(best.n_components, covariance_type=best.covariance_type, reg_covar=reg_covar)  # type: ignore[arg-type]
        θ = chosen.params.theta
        start.weights_, start.means_, start.covariances_ = np.exp(chosen.params.log_weights), θ.means, θ.covariances
        turn = best.covariance_type in ("full", "tied")
        start.precisions_cholesky_ = np.swapaxes(θ.factor, -1, -2) if turn else θ.factor
        model.init, model.max_iter, model.tol = start, 200, 1e-6
        model.fit(X, sample_weight=sample_weight)
        model.init = None
    return Selection(model, [pair[0] for pair in tried], criterion, cloud)


def _unseen(kind: Any, c: Candidate, test: Source | None) -> float:
    """Minus the mean log-density of rows that were held out."""
    if test is None:
        return float("nan")
    model = Mixture(c.n_components, Gaussian(kind, 0.0))
    log_prob = np.asarray(test.map(partial(model.log_prob, c.params)), np.float64)
    return -float(np.average(log_prob, weights=test.weight))
