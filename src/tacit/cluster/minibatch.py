"""Mini-batch k-means: a step for every few rows, by the online form of EM (Sculley 2010; Cappé and Moulines 2009)."""

from __future__ import annotations

import warnings
from dataclasses import replace
from functools import partial
from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .. import kernels
from ..base import check_number
from ..data.source import Source
from ..em.online import Online, online_step
from ..errors import ArgumentError
from ..rng import generator
from ..typing import Doubles, Seed
from .kmeans import KMeans
from .lloyd import Lloyd


class MiniBatchKMeans(KMeans):
    """k-means in steps of ``batch_size`` rows, each centre the mean of the rows that it was given so far.

    With c_k the mean of weight N_k and a batch that brings it rows of weight n_k and mean m_k, c_k moves by
    (m_k - c_k) n_k / (N_k + n_k). scikit-learn's ``MiniBatchKMeans``, with its names and meanings; the starts of
    ``KMeans``. A row of weight 2 counts as two rows.

    Parameters
    ----------
    n_clusters, init, n_init, max_iter, verbose, random_state, metric : as for ``KMeans``; ``max_iter`` counts passes
        over the rows. Of ``n_init`` starts, the one whose centres are best for ``init_size`` rows is followed.
    batch_size : rows of a step.
    compute_labels : also assign the rows of ``fit`` at the end.
    tol : stop when the smoothed squared shift of a step is below it, in units of the features' mean variance.
    max_no_improvement : stop after so many steps without a better smoothed cost of the batches; None never does.
    init_size : rows that the start is taken from; None for 3 batches, and 3 K at least.
    reassignment_ratio : centres whose weight is below this share of the largest move to rows of the batch.

    Attributes
    ----------
    cluster_centers_, labels_, inertia_, n_iter_, n_features_in_, feature_names_in_ : as for ``KMeans``.
    n_steps_ : batches.
    counts_ : the weight of the rows behind each centre [K].

    Examples
    --------
    >>> X = np.repeat([[0.0], [1.0], [10.0], [11.0]], 500, axis=0)
    >>> model = MiniBatchKMeans(2, random_state=0).fit(X)
    >>> np.sort(model.cluster_centers_.ravel()).round(1).tolist()
    [0.5, 10.5]
    """

    _metrics = ("euclidean", "cosine")

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        init: Any = "k-means++",
        max_iter: int = 100,
        batch_size: int = 1024,
        verbose: int = 0,
        compute_labels: bool = True,
        random_state: Seed = None,
        tol: float = 0.0,
        max_no_improvement: int | None = 10,
        init_size: int | None = None,
        n_init: Any = "auto",
        reassignment_ratio: float = 0.01,
        metric: str = "euclidean",
    ) -> None:
        self.n_clusters = n_clusters
        self.init = init
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.verbose = verbose
        self.compute_labels = compute_labels
        self.random_state = random_state
        self.tol = tol
        self.max_no_improvement = max_no_improvement
        self.init_size = init_size
        self.n_init = n_init
        self.reassignment_ratio = reassignment_ratio
        self.metric = metric

    def fit(self, X: Any, y: object = None, sample_weight: Any = None) -> MiniBatchKMeans:
        """Find the centres. ``y`` is ignored; ``sample_weight`` [n] counts a row that many times."""
        self._check_arguments()
        source = self._rows(X, reset=True, weight=sample_weight, sparse=True)
        n, _ = source.shape
        if n < self.n_clusters:
            raise ArgumentError(f"n_samples={n} should be >= n_clusters={self.n_clusters}.")
        rng = generator(self.random_state)
        model = Lloyd(self.n_clusters, self.metric)
        state = Online(self._first(source, rng))
        scale = model.scale(source) if self.tol > 0 else 1.0
        size = min(self.batch_size, n)
        judge = _Judge(self.tol * scale, self.max_no_improvement, size / n)
        seed, self.n_steps_, why = int(rng.integers(2**63)), 0, ""
        most = max(1, self.max_iter * n // size)
        self._since = 0
        for epoch in range(self.max_iter):
            for block in source.batches(size, seed, epoch):
                before = state.params
                cost = -kernels.nearest(block, before, metric=self.metric).objective / max(float(block.w.sum()), 1e-300)
                state = self._step(model, state, block, rng)
                self.n_steps_ += 1
                if self.verbose:
                    print(f"Minibatch step {self.n_steps_}: mean batch inertia: {cost}")
                why = judge(cost, float(np.square(state.params - before).sum()))
                if why and self.verbose:
                    print(f"Converged ({why}) at step {self.n_steps_}/{most}")
                if why or self.n_steps_ == most:
                    break
            if why or self.n_steps_ == most:
                break
        self.n_iter_ = -(-self.n_steps_ * size // n)
        self._keep(state, next(iter(source.blocks())).dtype)
        if self.compute_labels:
            labels = np.empty(n, dtype=np.int32)
            stats = source.reduce(lambda b: replace(model, labels=labels).expect(self._centers(), b))
            self.labels_, self.inertia_ = labels, -float(stats.objective)
        return self

    def partial_fit(self, X: Any, y: object = None, sample_weight: Any = None) -> Self:
        """One step with these rows; the first call also finds where to start, among them."""
        self._check_arguments()
        first = not hasattr(self, "cluster_centers_")
        source = self._rows(X, reset=first, weight=sample_weight, sparse=True)
        model = Lloyd(self.n_clusters, self.metric)
        if first:
            if source.shape[0] < self.n_clusters:
                raise ArgumentError(f"n_samples={source.shape[0]} should be >= n_clusters={self.n_clusters}.")
            self._random = generator(self.random_state)
            state, self.n_steps_, self._since = Online(self._first(source, self._random)), 0, 0
        else:
            counts: Doubles = self.counts_
            state = Online(self._centers(), _at_rest(self._centers(), counts), float(counts.sum()))
        for block in source.blocks():
            state = self._step(model, state, block, getattr(self, "_random", None) or generator(self.random_state))
        self.n_steps_ += 1
        self._keep(state, next(iter(source.blocks())).dtype)
        if self.compute_labels:
            self.labels_ = source.map(lambda b: kernels.assign(b, self._centers(), metric=self.metric))
            self.inertia_ = -self.score(X, sample_weight=sample_weight)
        return self

    def _first(self, source: Source, rng: np.random.Generator) -> Doubles:
        """The best of ``n_init`` starts, each from ``init_size`` rows."""
        from ..data.memory import MemorySource

        n, K = source.shape[0], self.n_clusters
        if self.init_size is not None and self.init_size < K:
            warnings.warn(
                f"init_size={self.init_size} should be larger than n_clusters={K}. Setting it to min(3*n_clusters, "
                "n_samples) instead.",
                RuntimeWarning,
                stacklevel=3,
            )
        m = min(n, max(self.init_size or 3 * self.batch_size, 3 * K))
        some = MemorySource(source.take(source.order[np.sort(rng.permutation(n)[:m])])) if m < n else source
        start, runs = self._start(some)
        runs = min(runs, 3) if self.n_init == "auto" else runs
        found = [self._checked(start(rng), source.shape[1]) for _ in range(runs)]
        costs = [-some.reduce(partial(kernels.nearest, centers=c, metric=self.metric)).objective for c in found]
        return found[int(np.argmin(costs))]

    def _step(self, model: Lloyd, state: Online[Doubles], block: Any, rng: np.random.Generator) -> Online[Doubles]:
        state = online_step(model, state, block, decay=1.0)
        if state.stats is None or not self.reassignment_ratio:
            return state
        counts = state.stats.counts
        poor = np.flatnonzero(counts < self.reassignment_ratio * counts.max())
        self._since += block.n
        if self._since < 10 * self.n_clusters or not len(poor):
            return state
        self._since = 0
        poor = poor[np.argsort(counts[poor], kind="stable")][: block.n // 2]
        far = kernels.least(block, state.params, metric=self.metric)
        mass = far * block.w
        if not mass.sum() > 0:
            return state
        params, counts = state.params.copy(), counts.copy()
        rows = rng.choice(block.n, size=min(len(poor), int(np.count_nonzero(mass))), replace=False, p=mass / mass.sum())
        poor = poor[: len(rows)]
        found = np.asarray(block.x, dtype=np.float64)[rows]
        params[poor] = found / np.linalg.norm(found, axis=1, keepdims=True) if self.metric == "cosine" else found
        alive = np.delete(counts, poor)
        counts[poor] = alive.min() if len(alive) else counts.max()
        return Online(params, _at_rest(params, counts), state.weight)

    def _keep(self, state: Online[Doubles], dtype: Any) -> None:
        self.cluster_centers_ = state.params.astype(dtype)
        share = np.ones(self.n_clusters) if state.stats is None else state.stats.counts
        self.counts_ = share / share.sum() * state.weight

    def _check_arguments(self) -> None:
        self._check_common()
        check_number(self, "batch_size", integer=True, low=1)
        check_number(self, "max_no_improvement", integer=True, low=0, choices=[None])
        check_number(self, "init_size", integer=True, low=1, choices=[None])
        check_number(self, "reassignment_ratio", low=0)

    def score(self, X: Any, y: object = None, sample_weight: Any = None) -> float:
        """Minus the inertia of the rows of X."""
        check_is_fitted(self)
        return super().score(X, sample_weight=sample_weight)


def _at_rest(centers: Doubles, counts: Doubles) -> kernels.Nearest:
    """Sums per unit of weight of rows whose means are these centres."""
    total = max(float(counts.sum()), 1e-300)
    return kernels.Nearest(0.0, 1.0, counts / total, np.zeros(centers.shape))


class _Judge:
    """When to stop: smoothed costs that no longer fall, or steps that no longer move."""

    def __init__(self, tol: float, patience: int | None, share: float) -> None:
        self.tol, self.patience, self.rate = tol, patience, min(1.0, 2 * share)
        self.cost = self.shift = self.best = np.inf
        self.waited = 0

    def __call__(self, cost: float, shift: float) -> str:
        """Why to stop, or nothing."""
        first = not np.isfinite(self.cost)
        self.cost = cost if first else self.cost * (1 - self.rate) + cost * self.rate
        self.shift = shift if first else self.shift * (1 - self.rate) + shift * self.rate
        if self.tol > 0 and self.shift <= self.tol:
            return "small centers change"
        self.waited = 0 if self.cost < self.best else self.waited + 1
        self.best = min(self.best, self.cost)
        late = self.patience is not None and self.waited >= self.patience
        return "lack of improvement in inertia" if late else ""
