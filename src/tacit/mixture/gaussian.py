"""GaussianMixture: scikit-learn's estimator, on tacit's EM loop and kernels."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Self

import numpy as np
from sklearn.base import DensityMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from .. import kernels
from ..base import Estimator, check_choice, check_n_samples, check_number
from ..cluster.kmeans import KMeans
from ..cluster.seeding import plus_plus, random_rows
from ..data.block import Block
from ..data.source import Source
from ..decomposition.observed import filled
from ..em.engine import Fit, em
from ..em.long import Long
from ..errors import ArgumentError, InputError, RepairWarning
from ..rng import generator
from ..typing import Array, Doubles, Floats, Seed
from .families.family import Cells
from .families.gaussian import CovarianceType, Gaussian, GaussianParams
from .mixture import Mixture, MixtureParams
from .starting import Progress, factor_of, known_components, log, matched, random_responsibilities, shaped, without_gaps


class GaussianMixture(DensityMixin, Estimator):  # type: ignore[misc]
    """p(x) = Σ_k π_k N(x; μ_k, Σ_k), fitted by EM (Bishop 2006, section 9.2.2).

    ``covariance_type`` is "full", "tied" (one Σ for all), "diag" or "spherical"; ``reg_covar`` is added to the
    diagonal of each. Fitting stops when the mean log-likelihood of a row gains less than ``tol``, or after ``max_iter``
    steps; of ``n_init`` starts the best is kept. ``init_params`` makes the start: "kmeans", "k-means++", "random" or
    "random_from_data"; ``weights_init`` [K], ``means_init`` [K, d] and ``precisions_init`` (of the shape of
    ``precisions_``) overrule it, and so does ``init``: a fitted GaussianMixture to go on from, or any fitted model
    whose ``predict`` gives ``n_components`` groups. ``checkpoint``, a folder, and ``max_seconds`` are as in ``KMeans``.

    Learned: ``weights_`` [K], ``means_`` [K, d]; ``covariances_``, ``precisions_`` and ``precisions_cholesky_``, of
    shape [K, d, d] full, [d, d] tied, [K, d] diagonal, [K] spherical; ``converged_``; ``n_iter_``; ``lower_bound_``,
    the objective of these parameters per row; ``lower_bounds_``, after each step; ``history_``, also before the first;
    ``repairs_``, the (step, components) that were empty or collapsed and were placed anew.

    >>> import numpy as np
    >>> X = np.array([[1.0, 2], [1, 4], [1, 0], [10, 2], [10, 4], [10, 0]])
    >>> gm = GaussianMixture(2, random_state=0).fit(X)
    >>> np.sort(gm.means_[:, 0]).round(6)
    array([ 1., 10.])
    >>> gm.predict([[0, 0], [1, 1]]) == gm.predict([[1, 2]])
    array([ True,  True])
    """

    def __init__(
        self,
        n_components: int = 1,
        *,
        covariance_type: CovarianceType = "full",
        tol: float = 1e-3,
        reg_covar: float = 1e-6,
        max_iter: int = 100,
        n_init: int = 1,
        init_params: str = "kmeans",
        weights_init: object = None,
        means_init: object = None,
        precisions_init: object = None,
        init: Any = None,
        random_state: Seed = None,
        warm_start: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
        checkpoint: Any = None,
        max_seconds: float | None = None,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.tol = tol
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.weights_init = weights_init
        self.means_init = means_init
        self.precisions_init = precisions_init
        self.init = init
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose
        self.verbose_interval = verbose_interval
        self.checkpoint = checkpoint
        self.max_seconds = max_seconds

    # Fitting.

    def fit(self, X: object, y: object = None, sample_weight: object = None, *, known: object = None) -> Self:
        """Fit to the rows X [n, d]; ``y`` is ignored.

        ``sample_weight`` [n]: a weight of 2 is the row twice, 0 is the row absent. ``known`` [n]: the component of a
        row where it was observed, -1 elsewhere; when all are known the answer is the closed form, in one step.
        """
        self._fit(X, sample_weight, known)
        return self

    def fit_predict(self, X: object, y: object = None, sample_weight: object = None, *, known: object = None) -> Array:
        """Fit, and the most probable component of each row [n]."""
        return self._rowwise(self._fit(X, sample_weight, known), Mixture.labels)

    def _fit(self, X: object, sample_weight: object, known: object) -> Source:
        self._check_arguments()
        source = self._open(X, reset=True, weight=sample_weight, known=known)
        model = Mixture(self.n_components, self._family())
        given = self._given(source.shape[1])
        z = known_components(source, self.n_components)
        if source.shape[0] < self.n_components:
            raise ArgumentError(
                f"Expected n_samples >= n_components but got n_components = {self.n_components}, "
                f"n_samples = {source.shape[0]}"
            )
        rng = generator(self.random_state)
        warm = self.warm_start and hasattr(self, "converged_")
        best: Fit[MixtureParams] | None = None
        long = Long(self, source)
        for start in range(1 if warm else self.n_init):
            if best is not None and long.over:
                break
            say = Progress(self.verbose, self.verbose_interval, start)
            if warm:
                params, repaired = self._params(), 0
            else:
                params, repaired = self._start(model, source, z, given, rng)
            closed = z is not None and bool((z >= 0).all())
            steps = 0 if closed else self.max_iter
            fit = em(model, source, params, tol=self.tol, max_iter=steps, rng=rng, on_pass=say, **long.options(start))
            if closed:
                fit = fit._replace(converged=True, n_iter=1)
            if repaired:
                fit = fit._replace(repairs=[(0, repaired), *fit.repairs])
            say.end(fit)
            if best is None or fit.objective > best.objective:
                best = fit
        assert best is not None
        self._keep(best)
        return source

    def _start(
        self,
        model: Mixture,
        source: Source,
        z: Array | None,
        given: tuple[Doubles | None, Doubles | None, Doubles | None],
        rng: np.random.Generator,
    ) -> tuple[MixtureParams, int]:
        """Parameters to start from, and how many components had to be placed anew."""
        weights, means, factor = given
        family = self._family()
        whole = without_gaps(source) if self._gaps else source
        if z is not None and (z >= 0).all():
            params, repaired = model.from_labels(source, z, rng)
            counts = np.bincount(z, weights=source.weight, minlength=model.K)
            return params._replace(log_weights=log(counts / counts.sum())), repaired
        if weights is not None and means is not None and factor is not None:
            return MixtureParams(log(weights), family.from_factor(means, factor)), 0
        repaired = 0
        if self.init_params == "kmeans" or self.init is not None:
            labels = self._clusters(source if self.init is not None else whole, rng)
            if z is not None:
                labels = np.where(z >= 0, z, matched(labels, z, source.weight, model.K)[labels])
            params, repaired = model.from_labels(source, labels, rng)
        else:
            if self.init_params == "random":
                params = model.from_responsibilities(source, random_responsibilities(model.K, rng))
            else:
                seed = plus_plus if self.init_params == "k-means++" else random_rows
                θ = family.around(seed(whole, model.K, rng), source)
                params = MixtureParams(np.full(model.K, -np.log(model.K)), θ)
            if z is not None and (z >= 0).any():  # the components that were seen start where they were
                seen = model.from_labels(source, z, rng)[0].theta.means
                named = np.isin(np.arange(model.K), z)[:, None]
                params = params._replace(theta=params.theta._replace(means=np.where(named, seen, params.theta.means)))
        θ = params.theta
        if means is not None or factor is not None:
            means = θ.means if means is None else means
            θ = θ._replace(means=means) if factor is None else family.from_factor(means, factor)
        return MixtureParams(params.log_weights if weights is None else log(weights), θ), repaired

    def _clusters(self, source: Source, rng: np.random.Generator) -> Any:
        """A cluster for each row [n], of ``init`` or k-means; a function of a block where rows are elsewhere."""
        if self.init is not None:
            labels: Array = self.init.predict(source)
            return labels
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the rows hold fewer distinct ones: repaired here
            found = KMeans(self.n_components, random_state=rng).fit(source)
        return found.labels_ if source.here else partial(kernels.assign, centers=found.cluster_centers_)

    def _keep(self, fit: Fit[MixtureParams]) -> None:
        θ: GaussianParams = fit.params.theta
        self.weights_ = np.exp(fit.params.log_weights)
        self.means_, self.covariances_ = θ.means, θ.covariances
        if θ.factor.ndim > 1 and self.covariance_type in ("full", "tied"):
            self.precisions_cholesky_ = np.swapaxes(θ.factor, -1, -2)
            self.precisions_ = self.precisions_cholesky_ @ θ.factor
        else:
            self.precisions_cholesky_, self.precisions_ = θ.factor, θ.factor**2
        self.converged_, self.n_iter_, self.lower_bound_ = fit.converged, fit.n_iter, fit.objective
        self.history_, self.lower_bounds_, self.repairs_ = fit.history, fit.history[1:], fit.repairs
        self._tell(θ)

    def _tell(self, θ: GaussianParams) -> None:
        if self.repairs_:
            times = sum(count for _, count in self.repairs_)
            warnings.warn(
                f"{times} empty or collapsed component(s) were placed anew (see repairs_). "
                "Fewer components or a larger reg_covar would avoid it.",
                RepairWarning,
                stacklevel=5,
            )
        if (θ.ridge > 0).any():
            warnings.warn(
                f"The covariance of {int((θ.ridge > 0).sum())} component(s) is singular, and got a ridge of up to "
                f"{θ.ridge.max():.3g} on its diagonal. A larger reg_covar or a simpler covariance_type would avoid it.",
                RepairWarning,
                stacklevel=5,
            )
        if not self.converged_ and self.max_iter > 0:
            warnings.warn(
                "Best performing initialization did not converge. Try different init parameters, or increase max_iter, "
                "tol, or check for degenerate data.",
                ConvergenceWarning,
                stacklevel=5,
            )

    _gaps = False  # whether the rows in hand have gaps

    def _open(self, X: object, *, reset: bool, weight: object = None, known: object = None) -> Source:
        """The rows, with gaps if they have some."""
        try:
            source = self._rows(X, reset=reset, weight=weight, known=known)
        except InputError as error:
            if "NaN" not in str(error) or "sample_weight" in str(error):
                raise
            source = self._rows(X, reset=reset, weight=weight, known=known, gaps=True)
            self._gaps = True
        else:
            self.__dict__.pop("_gaps", None)
        return source

    def _family(self) -> Gaussian:
        return Gaussian(self.covariance_type, self.reg_covar, gaps=self._gaps)

    # Questions: answered by the plain normalised density.

    def score_samples(self, X: object) -> Floats:
        """log p(x) of each row [n]; higher is more typical."""
        return self._map(X, Mixture.log_prob)

    def score(self, X: object, y: object = None, sample_weight: object = None) -> float:
        """The mean of log p(x) over the rows."""
        return float(np.average(self.score_samples(X), weights=None if sample_weight is None else sample_weight))  # type: ignore[call-overload]

    def predict(self, X: object) -> Array:
        """The most probable component of each row [n]."""
        return self._map(X, Mixture.labels)

    def predict_proba(self, X: object) -> Floats:
        """p(z = k | x) [n, K]."""
        return self._map(X, lambda model, params, block: model.posterior(params, block).resp)

    def impute(self, X: object) -> Doubles:
        """The rows with E[x | the cells that are there] in every gap [n, d]."""
        check_is_fitted(self)
        source, model, params = self._open(X, reset=False), self._model(), self._params()
        covariances = self._dense()

        def fill(block: Block) -> Doubles:
            return filled(covariances, params.theta.means, block.x, model.posterior(params, block).resp)

        out: Doubles = source.map(fill, rows=16384)
        return out

    def marginal(self, columns: Sequence[int | str]) -> GaussianMixture:
        """p(x_c): the fitted mixture of some of the columns, by number or name (Bishop 2006, equation 2.98)."""
        c = self._numbers(columns)
        means, covariances = self.means_[:, c], self._dense()[:, c][:, :, c]
        return self._twin(self.weights_, means, covariances, c)

    def condition(self, given: Mapping[int | str, float]) -> GaussianMixture:
        """p(x_u | x_g) for known values of some columns: a mixture of the others.

        π'_k ∝ π_k N(x_g; μ_kg, Σ_kgg), and μ', Σ' by Bishop (2006), equations 2.81 and 2.82.

        >>> X = np.random.default_rng(0).multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], size=5000)
        >>> GaussianMixture(1).fit(X).condition({0: 2.0}).means_.round(1)
        array([[1.6]])
        """
        g = self._numbers(list(given))
        if not 0 < len(g) < self.means_.shape[1]:
            raise ArgumentError("condition on some of the columns: at least one, and not on all")
        x = np.array([list(given.values())], dtype=np.float64)
        if not np.isfinite(x).all():
            raise ArgumentError(f"the values to condition on must be finite numbers: {dict(given)}")
        u = [j for j in range(self.means_.shape[1]) if j not in set(g)]
        means, covariances = self._regression(g, u, x)
        weights = self._responsible(g, x)[0]
        return self._twin(weights, means[0], covariances, u)

    def regress(
        self, X: Any, given: Sequence[int | str], target: Sequence[int | str] | None = None
    ) -> tuple[Doubles, Doubles]:
        """E[x_t | x_g] [n, t] and Var[x_t | x_g] [n, t] of rows X [n, g] of the columns ``given``: regression.

        ``target`` are all other columns unless given. The mean is Σ_k π'_k μ'_k(x); the variance has the spread between
        components as well as that within them.
        """
        g = self._numbers(given)
        t = [j for j in range(self.means_.shape[1]) if j not in set(g)] if target is None else self._numbers(target)
        if set(g) & set(t) or not g or not t:
            raise ArgumentError("given and target must be different columns, at least one of each")
        rows = check_array(X, dtype=np.float64)
        if rows.shape[1] != len(g):
            raise ArgumentError(f"X has {rows.shape[1]} columns for {len(g)} given ones")
        means, covariances = self._regression(g, t, rows)
        r = self._responsible(g, rows)
        mean = np.einsum("bk,bkt->bt", r, means)
        within = r @ np.diagonal(covariances, axis1=1, axis2=2)
        between = np.einsum("bk,bkt->bt", r, (means - mean[:, None]) ** 2)
        return mean, within + between

    def _regression(self, g: list[int], t: list[int], x: Doubles) -> tuple[Doubles, Doubles]:
        """μ'_k [n, K, t] and Σ'_k [K, t, t] of columns t given x [n, g]."""
        check_is_fitted(self)
        Σ, means = self._dense(), np.asarray(self.means_, np.float64)
        gain = np.swapaxes(np.linalg.solve(Σ[:, g][:, :, g], Σ[:, g][:, :, t]), 1, 2)  # [K, t, g]
        out = means[:, t] + np.einsum("ktg,bkg->bkt", gain, x[:, None] - means[:, g])
        return out, Σ[:, t][:, :, t] - gain @ Σ[:, g][:, :, t]

    def _responsible(self, g: list[int], x: Doubles) -> Doubles:
        """p(z = k | x_g) [n, K] for x [n, g]."""
        some = self.marginal(g)
        some.__dict__.pop("feature_names_in_", None)
        return some.predict_proba(x).astype(np.float64)

    def _dense(self) -> Doubles:
        check_is_fitted(self)
        return np.array(self._family().dense(self._params().theta))

    def _numbers(self, columns: Sequence[int | str]) -> list[int]:
        check_is_fitted(self)
        names, d = list(getattr(self, "feature_names_in_", [])), self.means_.shape[1]
        out = [names.index(c) if isinstance(c, str) and c in names else c for c in columns]
        for c in out:
            if not isinstance(c, int | np.integer) or not 0 <= c < d:
                raise ArgumentError(f"there is no column {c!r} among the {d} of the fit")
        if len(set(out)) < len(out):
            raise ArgumentError("a column was named twice")
        return [int(c) for c in out]

    def _twin(self, weights: Doubles, means: Doubles, covariances: Doubles, columns: list[int]) -> GaussianMixture:
        """A fitted mixture with full covariances over some of the columns."""
        twin = GaussianMixture(len(weights), covariance_type="full", reg_covar=0.0, random_state=self.random_state)
        θ = Gaussian("full", 0.0).params(np.ascontiguousarray(means), np.ascontiguousarray(covariances))
        twin.weights_, twin.means_, twin.covariances_ = weights, θ.means, θ.covariances
        twin.precisions_cholesky_ = np.swapaxes(θ.factor, -1, -2)
        twin.precisions_ = twin.precisions_cholesky_ @ θ.factor
        twin.converged_, twin.n_iter_, twin.lower_bound_ = True, 0, float("nan")
        twin.history_, twin.lower_bounds_, twin.repairs_ = [], [], []
        twin.n_features_in_ = len(columns)
        if hasattr(self, "feature_names_in_"):
            twin.feature_names_in_ = self.feature_names_in_[columns]
        return twin

    def sample(self, n_samples: int = 1) -> tuple[Doubles, Array]:
        """Rows drawn from p(x) [n, d], in the order of their components, and the components [n]."""
        check_is_fitted(self)
        check_n_samples(n_samples)
        rng = generator(self.random_state)
        z = np.repeat(np.arange(len(self.weights_)), rng.multinomial(n_samples, self.weights_ / self.weights_.sum()))
        out = Cells(np.empty((n_samples, self.means_.shape[1])), np.empty((n_samples, 0), dtype=np.int32))
        self._model().family.sample(self._params().theta, z, rng, out)
        return out.numbers, z

    def bic(self, X: object) -> float:
        """-2 Σ log p(x) + ν log n, with ν free parameters (Schwarz 1978): lower is better."""
        log_prob = self.score_samples(X)
        return float(-2 * log_prob.sum(dtype=np.float64) + self._n_parameters() * np.log(len(log_prob)))

    def aic(self, X: object) -> float:
        """-2 Σ log p(x) + 2ν (Akaike 1974): lower is better."""
        return float(-2 * self.score_samples(X).sum(dtype=np.float64) + 2 * self._n_parameters())

    def icl(self, X: object) -> float:
        """BIC + 2 Σ_i H(z | x_i), which asks for groups that do not overlap (Biernacki, Celeux and Govaert 2000)."""
        r = self.predict_proba(X).astype(np.float64)
        entropy = -np.sum(r * np.log(np.where(r > 0, r, 1.0)))
        return self.bic(X) + 2 * float(entropy)

    def _n_parameters(self) -> int:
        check_is_fitted(self)
        return self._model().family.n_parameters(self._params().theta) + len(self.weights_) - 1

    def _model(self) -> Mixture:
        return Mixture(len(self.weights_), self._family())

    def _params(self) -> MixtureParams:
        """The learned attributes as the model's parameters."""
        means = np.asarray(self.means_, dtype=np.float64)
        factor = np.asarray(self.precisions_cholesky_, dtype=np.float64)
        if self.covariance_type in ("full", "tied"):
            factor = np.ascontiguousarray(np.swapaxes(factor, -1, -2))
        covariances = np.asarray(getattr(self, "covariances_", factor), dtype=np.float64)
        return MixtureParams(log(self.weights_), GaussianParams(means, covariances, factor, np.zeros(len(means))))

    def _map(self, X: object, f: Callable[[Mixture, MixtureParams, Block], Array]) -> Array:
        check_is_fitted(self)
        return self._rowwise(self._open(X, reset=False), f)

    def _rowwise(self, source: Source, f: Callable[[Mixture, MixtureParams, Block], Array]) -> Array:
        model, params = self._model(), self._params()
        return source.map(lambda block: f(model, params, block), rows=model.block_rows(params))

    # What the user gave.

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _check_arguments(self) -> None:
        check_number(self, "n_components", integer=True, low=1)
        check_choice(self, "covariance_type", ("full", "tied", "diag", "spherical"))
        check_number(self, "tol", low=0)
        check_number(self, "reg_covar", low=0)
        check_number(self, "max_iter", integer=True, low=0)
        check_number(self, "n_init", integer=True, low=1)
        check_choice(self, "init_params", ("kmeans", "random", "random_from_data", "k-means++"))

    def _given(self, d: int) -> tuple[Doubles | None, Doubles | None, Doubles | None]:
        """Weights [K], means [K, d] and factors of the precisions that the user gave to start from."""
        K = self.n_components
        if self.init is not None:
            check_is_fitted(self.init)
        if isinstance(self.init, GaussianMixture):
            start = self.init._params()
            if self.init.covariance_type != self.covariance_type or start.theta.means.shape != (K, d):
                raise ArgumentError(
                    f"init must be a GaussianMixture fitted with n_components={K}, "
                    f"covariance_type={self.covariance_type!r} and {d} features"
                )
            return np.exp(start.log_weights), start.theta.means, start.theta.factor
        weights = shaped(self.weights_init, (K,), "weights")
        if weights is not None:
            if (weights < 0).any() or (weights > 1).any():
                raise ArgumentError(
                    "The parameter 'weights' should be in the range [0, 1], but got max value "
                    f"{weights.min():.5f}, min value {weights.max():.5f}"
                )
            if not np.isclose(weights.sum(), 1.0, atol=1e-6):
                raise ArgumentError(
                    f"The parameter 'weights' should be normalized, but got sum(weights) = {weights.sum():.5f}"
                )
        means = shaped(self.means_init, (K, d), "means")
        kind = self.covariance_type
        shape = {"full": (K, d, d), "tied": (d, d), "diag": (K, d), "spherical": (K,)}[kind]
        precisions = shaped(self.precisions_init, shape, f"{kind} precision")
        return weights, means, None if precisions is None else factor_of(precisions, kind)
