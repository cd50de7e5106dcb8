"""k-means: the estimator."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, ClusterMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from .. import kernels
from ..base import Estimator, check_choice, check_number
from ..data.memory import MemorySource
from ..data.source import Source
from ..em.engine import Fit, em
from ..em.long import Long
from ..errors import ArgumentError
from ..rng import generator
from ..typing import Array, Doubles, Floats, Seed
from . import medians
from .lloyd import Lloyd as Lloyd
from .pruning import ALWAYS, Pruned, usual
from .seeding import parallel, plus_plus, random_rows, unit


def _centers_of(model: object) -> Any:
    """The centres or means of a fitted model; None if it is not one."""
    return getattr(model, "cluster_centers_", getattr(model, "means_", None))


class KMeans(ClassNamePrefixFeaturesOutMixin, TransformerMixin, ClusterMixin, Estimator):  # type: ignore[misc]
    """k-means: K centres that minimise the inertia Σ_i w_i min_k |x_i - c_k|², a local minimum.

    scikit-learn's ``KMeans``, with its names, meanings and defaults; draws differ, since they depend on the content of
    the rows and not on their order.

    Parameters
    ----------
    n_clusters : int, K.
    init : "k-means++" (greedy), "k-means||" (few passes, for many clusters), "random" rows, an array [K, d], a callable
        ``(X, n_clusters, random_state)``, or a fitted model with ``cluster_centers_`` or ``means_``.
    n_init : runs from different starts, of which the best is kept; "auto" is 1, or 10 for "random" and callables.
    max_iter : the most steps of a run.
    tol : a run ends when the squared shift of all centres is at most ``tol`` times the mean variance of the features.
    verbose, copy_x : as in scikit-learn. X is never changed.
    algorithm : "lloyd", or "elkan" with bounds that spare most rows the comparison with most centres and give the same
        answer; "auto" begins the bounds when they pay. Dense rows in memory only; elsewhere all are "lloyd".
    metric : "euclidean"; "cosine" for spherical k-means: rows and centres are scaled to unit length; or "l1" for sums
        of absolute differences, whose best centres are medians (dense rows in memory only).
    trace : keep the centres of every pass in ``trace_``.
    checkpoint : a folder in which the state of the fit is kept, every half minute and at the end. The same call takes
        it up and ends with the bits of a fit that nothing disturbed; bounds are not used then.
    max_seconds : the fit ends after so many, with the best so far.

    Attributes
    ----------
    cluster_centers_ : [K, d].
    labels_ : int32 [n], the nearest centre of each row, the lowest index in a tie.
    inertia_ : Σ_i w_i |x_i - c_{labels_i}|², from explicit differences.
    n_iter_ : steps taken.
    history_ : -inertia per unit of weight at each pass; it never falls. Each is a number that also has ``after_e`` and
        ``after_m``, minus the cost after assigning the rows and after moving the centres.
    repairs_ : (step, clusters) where empty clusters were moved to the rows farthest from all centres.
    n_features_in_, feature_names_in_ : as in scikit-learn.

    Examples
    --------
    >>> from tacit import KMeans
    >>> X = [[1.0, 2.0], [1.0, 4.0], [1.0, 0.0], [10.0, 2.0], [10.0, 4.0], [10.0, 0.0]]
    >>> model = KMeans(n_clusters=2, random_state=0).fit(X)
    >>> model.inertia_
    16.0
    >>> sorted(model.cluster_centers_.tolist())
    [[1.0, 2.0], [10.0, 2.0]]
    """

    _metrics: tuple[str, ...] = ("euclidean", "cosine", "l1")

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        init: Any = "k-means++",
        n_init: Any = "auto",
        max_iter: int = 300,
        tol: float = 1e-4,
        verbose: int = 0,
        random_state: Seed = None,
        copy_x: bool = True,
        algorithm: str = "auto",
        metric: str = "euclidean",
        trace: bool = False,
        checkpoint: Any = None,
        max_seconds: float | None = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.init = init
        self.n_init = n_init
        self.max_iter = max_iter
        self.tol = tol
        self.verbose = verbose
        self.random_state = random_state
        self.copy_x = copy_x
        self.algorithm = algorithm
        self.metric = metric
        self.trace = trace
        self.checkpoint = checkpoint
        self.max_seconds = max_seconds

    def fit(self, X: Any, y: object = None, sample_weight: Any = None) -> KMeans:
        """Find the centres. ``y`` is ignored; ``sample_weight`` [n] counts a row that many times."""
        self._check_arguments()
        source = self._rows(X, reset=True, weight=sample_weight, sparse=True)
        n, d = source.shape
        K = self.n_clusters
        if n < K:
            raise ArgumentError(f"n_samples={n} should be >= n_clusters={K}.")
        rng = generator(self.random_state)
        start, runs = self._start(source)
        labels = np.empty(n, dtype=np.int32) if source.here else None
        lloyd = Lloyd(K, "cosine" if self.metric == "cosine" else "euclidean", labels=labels)
        if self.metric == "l1" and not (isinstance(source, MemorySource) and source.block.csr is None):
            raise ArgumentError("metric='l1' takes medians of the rows, which must be dense and in memory")
        if self.tol > 0:
            lloyd = replace(lloyd, tol=self.tol * lloyd.scale(source))
        best: Fit[Doubles] | None = None
        self.labels_: Any = None
        long = Long(self, source)
        for run in range(runs):
            if best is not None and long.over:
                break
            fit = self._climb(lloyd, source, self._checked(start(rng), d), rng, long.options(run))
            # better by more than rounding: of runs that end alike, the first
            if best is None or fit.objective > best.objective * (1 - 1e-10):
                best = fit
                self.labels_ = labels.copy() if labels is not None and runs > 1 else labels
        assert best is not None
        if labels is None:
            self.labels_ = source.map(partial(kernels.assign, centers=best.params, metric=self.metric))
        self.cluster_centers_ = best.params.astype(source.dtype)
        self.inertia_ = -float(best.stats.objective)
        self.n_iter_, self.history_, self.repairs_ = best.n_iter, best.history, best.repairs
        if self.trace:
            self.trace_ = np.array(best.trace)
        distinct = int(np.count_nonzero(best.stats.counts))
        if distinct < K:
            warnings.warn(
                f"Number of distinct clusters ({distinct}) found smaller than n_clusters ({K}). "
                "Possibly due to duplicate points in X.",
                ConvergenceWarning,
                stacklevel=2,
            )
        return self

    def _climb(
        self, lloyd: Lloyd, source: Source, centers: Doubles, rng: np.random.Generator, options: dict[str, Any]
    ) -> Fit[Doubles]:
        """One run from these centres."""
        model: Any = self._model(lloyd, source)
        if self.verbose:
            print("Initialization complete")
        fit = em(
            model,
            source,
            centers,
            tol=0,
            max_iter=self.max_iter,
            rng=rng,
            trace=self.trace,
            on_pass=self._say if self.verbose else None,
            **options,
        )
        if isinstance(model, Pruned) and model.state.kept is not None:
            cost = source.reduce(partial(model.cost, fit.params), merge=float.__add__)
            fit = fit._replace(stats=fit.stats._replace(objective=-cost))
        if self.verbose and fit.converged:
            why = f"center shift is within tolerance {lloyd.tol}" if lloyd.tol > 0 else "strict convergence"
            print(f"Converged at iteration {fit.n_iter}: {why}.")
        return fit

    def predict(self, X: Any) -> Array:
        """The nearest centre of each row."""
        source, centers = self._known_rows(X), self._centers()
        if self.metric == "l1":
            return source.map(lambda block: medians.assign(block, centers)[0])
        return source.map(partial(kernels.assign, centers=centers, metric=self.metric))

    def transform(self, X: Any) -> Floats:
        """The distance of each row to each centre [n, K]."""
        source, centers = self._known_rows(X), self._centers()
        if self.metric == "l1":
            return source.map(lambda block: medians.distances(block, centers).astype(block.dtype))
        return source.map(partial(kernels.distances, centers=centers, metric=self.metric))

    def score_samples(self, X: Any) -> Doubles:
        """Minus the squared distance of each row to its centre [n]: higher is more typical."""
        source = self._known_rows(X)
        if self.metric == "l1":
            return -source.map(lambda block: medians.assign(block, self._centers())[1])
        return -source.map(partial(kernels.least, centers=self._centers(), metric=self.metric))

    def score(self, X: Any, y: object = None, sample_weight: Any = None) -> float:
        """Minus the inertia of the rows of X."""
        source = self._known_rows(X, sample_weight)
        centers = self._centers()
        if self.metric == "l1":
            return -float(source.weight @ source.map(lambda block: medians.assign(block, centers)[1]))
        return float(source.reduce(lambda block: kernels.nearest(block, centers, metric=self.metric)).objective)

    def fit_predict(self, X: Any, y: object = None, sample_weight: Any = None) -> Array:
        """``fit`` and its ``labels_``."""
        labels: Array = self.fit(X, sample_weight=sample_weight).labels_
        return labels

    def fit_transform(self, X: Any, y: object = None, sample_weight: Any = None) -> Floats:
        """``fit`` and ``transform`` of the same rows."""
        return self.fit(X, sample_weight=sample_weight).transform(X)

    @property
    def _n_features_out(self) -> int:
        return len(self.cluster_centers_)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _check_arguments(self) -> None:
        self._check_common()
        check_choice(self, "algorithm", ["auto", "lloyd", "elkan"])
        if self.algorithm == "elkan" and self.n_clusters == 1:
            warnings.warn(
                "algorithm='elkan' doesn't make sense for a single cluster. Using 'lloyd' instead.",
                RuntimeWarning,
                stacklevel=3,
            )

    def _check_common(self) -> None:
        check_number(self, "n_clusters", integer=True, low=1)
        check_number(self, "n_init", integer=True, low=1, choices=["auto"])
        check_number(self, "max_iter", integer=True, low=1)
        check_number(self, "tol", low=0)
        check_choice(self, "metric", self._metrics)
        if isinstance(self.init, str):
            check_choice(self, "init", ["k-means++", "k-means||", "random"])

    def _known_rows(self, X: Any, weight: Any = None) -> Source:
        check_is_fitted(self)
        return self._rows(X, reset=False, weight=weight, sparse=True)

    def _centers(self) -> Doubles:
        centers = np.ascontiguousarray(self.cluster_centers_, dtype=np.float64)
        return unit(centers) if self.metric == "cosine" else centers

    def _model(self, lloyd: Lloyd, source: Source) -> Lloyd | medians.KMedians:
        """Medians for L1; with bounds where they may pay: dense rows in memory, Euclidean distances."""
        if self.metric == "l1":
            return medians.KMedians(lloyd.K, lloyd.tol, lloyd.labels)
        dense = isinstance(source, MemorySource) and source.block.csr is None
        if (
            self.algorithm == "lloyd"
            or self.checkpoint is not None
            or self.metric != "euclidean"
            or self.n_clusters < 2
            or not dense
        ):
            return lloyd
        patience = ALWAYS if self.algorithm == "elkan" else usual(*source.shape, lloyd.K)
        return Pruned(lloyd.K, lloyd.metric, lloyd.tol, lloyd.labels, patience)

    def _start(self, source: Source) -> tuple[Callable[[np.random.Generator], Any], int]:
        """How a run gets its first centres, and how many runs there are."""
        K, init = self.n_clusters, self.init
        if isinstance(init, str):
            runs = (10 if init == "random" else 1) if self.n_init == "auto" else self.n_init
            if self.metric == "l1":
                pick = medians.random_rows if init == "random" else medians.plus_plus
                return lambda rng: pick(source, K, rng), runs
            seed = {"k-means++": plus_plus, "k-means||": parallel, "random": random_rows}[init]
            return lambda rng: seed(source, K, rng, metric=self.metric), runs
        model = _centers_of(init)
        if model is None and callable(init):
            rows = next(iter(source.blocks())).x

            def call(rng: np.random.Generator) -> Any:
                return init(rows, K, random_state=np.random.RandomState(rng.integers(2**32)))

            return call, 10 if self.n_init == "auto" else self.n_init
        if self.n_init not in ("auto", 1):
            warnings.warn(
                "Explicit initial center position passed: performing only one init in "
                f"{type(self).__name__} instead of n_init={self.n_init}.",
                RuntimeWarning,
                stacklevel=3,
            )
        return lambda rng: init if model is None else model, 1

    def _checked(self, centers: Any, d: int) -> Doubles:
        out = np.array(centers, dtype=np.float64)
        if out.ndim != 2 or out.shape[0] != self.n_clusters:
            raise ArgumentError(
                f"The shape of the initial centers {out.shape} does not match the number of clusters {self.n_clusters}."
            )
        if out.shape[1] != d:
            raise ArgumentError(
                f"The shape of the initial centers {out.shape} does not match the number of features of the data {d}."
            )
        if not np.isfinite(out).all():
            raise ArgumentError("The initial centers contain NaN or infinity.")
        return unit(out) if self.metric == "cosine" else out

    def _say(self, step: int, objective: float) -> None:
        print(f"Iteration {step}, inertia per row {-objective}.")
