"""Which mixture: covariances, number of components and starts, tried on the same rows, judged by one criterion."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from ..base import Estimator
from ..data.memory import MemorySource
from ..data.source import Source
from ..errors import ArgumentError, RepairWarning
from ..rng import generator
from ..typing import Seed
from .families.gaussian import CovarianceType, Gaussian
from .gaussian import GaussianMixture
from .gaussians import Gaussians, linked, worth
from .mixture import Mixture
from .one_cloud import cloud_bic, grain
from .search import Candidate

CRITERIA = ("bic", "aic", "icl", "held_out")
SIMPLER: tuple[CovarianceType, ...] = ("spherical", "diag", "tied", "full")


class Tried(NamedTuple):
    """One covariance and number of components; the criteria are lower for better, ``held_out`` is -log p per row."""

    covariance_type: CovarianceType
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


class _Door(Estimator):
    """Checks the rows."""


def select(
    X: Any,
    *,
    n_components: int | Sequence[int] | None = None,
    covariance_types: Sequence[str] = ("full", "tied", "diag", "spherical"),
    max_components: int = 10,
    criterion: str = "bic",
    reg_covar: float = 1e-6,
    one_cloud: bool = True,
    sample_weight: Any = None,
    random_state: Seed = 0,
) -> Selection:
    """The Gaussian mixture that ``criterion`` prefers among covariances x numbers of components x starts.

    ``n_components`` are the numbers tried, 1 .. ``max_components`` unless said; each path ends where the criterion has
    clearly turned. ``criterion`` is "bic", "aic", "icl" or "held_out" (the log-likelihood of a fifth of the rows). Each
    number starts from k-means, from a cut of Ward's tree in whitened coordinates, from the groups of the simpler
    covariances, and from the mixture of one component less with one of its largest divided, so that long groups are
    found as well as round ones. With ``one_cloud`` more than one component is only kept, where one was to be had, if no
    single cloud has a lower BIC: columns that know nothing of each other, columns with one mode each, however skewed,
    joined by the copula of a normal or a t, or a multivariate t (see ``cloud_bic``). So noise, shuffled, skewed or
    heavy-tailed columns and one Gaussian answer 1.

    A component with no more rows than its own covariance takes to be determined is a spike of the likelihood: such
    mixtures are chosen only where there is no other. Where all columns are rounded, ``reg_covar`` is at least the
    variance of that rounding.

    Raises ``ArgumentError`` for an unknown criterion or covariance.

    >>> rng = np.random.default_rng(0)
    >>> X = np.concatenate([rng.normal(c, 1, (100, 2)) for c in (0, 8)])
    >>> select(X, max_components=4).model.n_components
    2
    """
    if criterion not in CRITERIA:
        raise ArgumentError(f"criterion must be one of {', '.join(map(repr, CRITERIA))}. Got {criterion!r} instead.")
    if not len(covariance_types) or set(covariance_types) - set(SIMPLER):
        raise ArgumentError(f"covariance_types must be some of {SIMPLER}. Got {list(covariance_types)!r} instead.")
    kinds = [kind for kind in SIMPLER if kind in covariance_types]
    counts = _counts(n_components, max_components)
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
        groupings = linked(learn, counts, rng)
        tried: list[tuple[Tried, Candidate]] = []
        for kind in kinds:
            gaussians = Gaussians(kind, reg_covar)
            for c in gaussians.path(learn, counts, "bic" if held else criterion, rng, groupings):
                groupings.setdefault(c.n_components, []).append(gaussians.labels(c, learn))
                tried.append((Tried(kind, c.n_components, c.bic, c.aic, c.icl, _unseen(kind, c, test)), c))
        d, least = rows.shape[1], "bic" if held else criterion

        def judged(pair: tuple[Tried, Candidate]) -> tuple[bool, float]:
            return worth(pair[1], least, pair[0].covariance_type, learn.total, d)[0], float(getattr(pair[0], criterion))

        best, chosen = min(tried, key=judged)
        alone = [pair for pair in tried if pair[0].n_components == 1]
        cloud = None
        if one_cloud and alone and chosen.n_components > 1:
            cloud = cloud_bic(learn, max_components, reg_covar, rng)
            if cloud < chosen.bic:
                best, chosen = min(alone, key=judged)
        model = GaussianMixture(best.n_components, covariance_type=best.covariance_type, reg_covar=reg_covar)
        start = GaussianMixture(best.n_components, covariance_type=best.covariance_type, reg_covar=reg_covar)
        θ = chosen.params.theta
        start.weights_, start.means_, start.covariances_ = np.exp(chosen.params.log_weights), θ.means, θ.covariances
        turn = best.covariance_type in ("full", "tied")
        start.precisions_cholesky_ = np.swapaxes(θ.factor, -1, -2) if turn else θ.factor
        model.init, model.max_iter, model.tol = start, 200, 1e-6
        model.fit(X, sample_weight=sample_weight)
        model.init = None
    return Selection(model, [pair[0] for pair in tried], criterion, cloud)


def _counts(n_components: int | Sequence[int] | None, most: int) -> list[int]:
    """The numbers of components to be tried, in order."""
    said = range(1, most + 1) if n_components is None else np.atleast_1d(np.asarray(n_components)).tolist()
    if not said or any(not isinstance(K, int) or K < 1 for K in said):
        raise ArgumentError(
            f"n_components and max_components must be integers of at least 1. "
            f"Got n_components={n_components!r}, max_components={most!r}."
        )
    return sorted(set(said))


def _unseen(kind: Any, c: Candidate, test: Source | None) -> float:
    """Minus the mean log-density of rows that were held out."""
    if test is None:
        return float("nan")
    model = Mixture(c.n_components, Gaussian(kind, 0.0))
    log_prob = np.asarray(test.map(partial(model.log_prob, c.params)), np.float64)
    return -float(np.average(log_prob, weights=test.weight))
