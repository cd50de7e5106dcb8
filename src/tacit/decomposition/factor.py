"""Probabilistic PCA and factor analysis: PCA's coordinates as a density, from rows with gaps as well."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, DensityMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from ..base import Estimator, check_choice, check_number
from ..data.source import Source
from ..em.engine import em
from ..em.long import Long
from ..errors import ArgumentError
from ..linalg import fix_signs
from ..rng import generator
from ..typing import Doubles, Floats, Seed
from .linear import ROWS, Latent, Linear, LinearParams, latent, observed_moments
from .pca import PCA


class _LinearGaussian(ClassNamePrefixFeaturesOutMixin, TransformerMixin, DensityMixin, Estimator):  # type: ignore[misc]
    """What PPCA and FactorAnalysis share: N(μ, W Wᵀ + Ψ) with W = ``components_``ᵀ."""

    components_: Doubles
    mean_: Doubles
    noise_variance_: Any

    def transform(self, X: object) -> Floats:
        """E[z | x] [n, k], from the cells of each row that are there."""
        return self._map(X, lambda q: q.mean)

    def score_samples(self, X: object) -> Doubles:
        """log p(x) [n] of the cells that are there; higher is more typical."""
        return self._map(X, lambda q: q.log_prob)

    def score(self, X: object, y: object = None) -> float:
        """The mean of ``score_samples``."""
        return float(np.mean(self.score_samples(X)))

    def impute(self, X: object) -> Doubles:
        """The rows with E[x | the cells that are there] in every gap [n, d]."""
        params = self._params()

        def fill(block: Any) -> Doubles:
            x = np.asarray(block.x, dtype=np.float64)
            return np.where(np.isnan(x), latent(params, block).mean @ params.W.T + params.mean, x)

        check_is_fitted(self)
        out: Doubles = self._rows(X, reset=False, gaps=True).map(fill, rows=ROWS)
        return out

    def inverse_transform(self, X: object) -> Doubles:
        """W z + μ [n, d] of coordinates X [n, k]."""
        check_is_fitted(self)
        Z = np.asarray(X, dtype=np.float64)
        if Z.ndim != 2 or Z.shape[1] != len(self.components_):
            raise ArgumentError(f"coordinates must be [n, {len(self.components_)}], not {Z.shape}")
        return np.asarray(Z @ self.components_ + self.mean_, np.float64)

    def sample(self, n_samples: int = 1) -> Doubles:
        """Rows drawn from the density [n, d]."""
        check_is_fitted(self)
        rng = generator(self.random_state)
        k, d = self.components_.shape
        z = rng.standard_normal((n_samples, k))
        noise = rng.standard_normal((n_samples, d)) * np.sqrt(self.noise_variance_)
        return np.asarray(z @ self.components_ + self.mean_ + noise, np.float64)

    def get_covariance(self) -> Doubles:
        """W Wᵀ + Ψ [d, d]."""
        check_is_fitted(self)
        C: Any = self.components_.T @ self.components_
        C.flat[:: len(C) + 1] += self.noise_variance_
        return np.asarray(C, np.float64)

    def get_precision(self) -> Doubles:
        """The inverse of ``get_covariance``."""
        return np.asarray(np.linalg.inv(self.get_covariance()), np.float64)

    @property
    def _n_features_out(self) -> int:
        return len(self.components_)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _params(self) -> LinearParams:
        check_is_fitted(self)
        d = len(self.mean_)
        W = np.asarray(self.components_, np.float64).T
        return LinearParams(self.mean_, W, np.broadcast_to(np.asarray(self.noise_variance_, np.float64), d).copy())

    def _map(self, X: object, f: Callable[[Latent], Doubles]) -> Doubles:
        params = self._params()
        out: Doubles = self._rows(X, reset=False, gaps=True).map(lambda block: f(latent(params, block)), rows=ROWS)
        return out

    def _em(self, source: Source, k: int, start: LinearParams | None, isotropic: bool) -> LinearParams:
        n, _, variance = observed_moments(source)
        if not (n > 1e-200).all():
            column = int(np.flatnonzero(n <= 1e-200)[0])
            raise ArgumentError(f"column {column} has no observed value: leave it out")
        largest = float(variance.max())
        floor = 1e-12 * np.where(variance > 0, variance, largest if largest > 0 else 1e12)
        model, rng = Linear(k, isotropic, floor), generator(self.random_state)
        fit = em(
            model,
            source,
            start or model.init(source, rng),
            tol=self.tol,
            max_iter=self.max_iter,
            rng=rng,
            bound=False,
            **Long(self, source).options(),
        )
        self.n_iter_, self.history_, self.converged_ = fit.n_iter, fit.history, fit.converged
        if not fit.converged:
            import warnings

            warnings.warn(
                f"{type(self).__name__} did not converge in {fit.n_iter} steps. Consider increasing max_iter or tol.",
                ConvergenceWarning,
                stacklevel=4,
            )
        return fit.params

    def _count(self, shape: tuple[int, int]) -> int:
        check_number(self, "n_components", integer=True, low=0, choices=[None])
        k = self.n_components
        most = shape[1]
        if k is not None and k > most:
            raise ArgumentError(f"n_components={k} must be at most the number of columns, {most}")
        return most if k is None else int(k)


def complete(source: Source) -> bool:
    """Whether no cell is a gap."""
    return not any(np.isnan(block.x).any() for block in source.blocks(65536))


class PPCA(_LinearGaussian):
    """Probabilistic PCA: x = W z + μ + ε, z ~ N(0, I), ε ~ N(0, σ²I) (Tipping and Bishop 1999).

    The maximum of the likelihood is W = U_k (Λ_k - σ²I)^½, σ² the mean of the other d - k variances (their equations 7
    and 8): the space of the principal components. Without gaps that is the answer; with gaps (NaN), EM finds it from
    the cells that are there (their section 3.2), so that coordinates, likelihoods and imputations need no filling.

    Parameters
    ----------
    n_components : k < d.
    method : "auto" (closed form where no cell is a gap), or "em".
    tol, max_iter : EM stops when the mean log-likelihood of a row gains less than ``tol``.
    random_state : of EM's start where there are gaps, and of ``sample``.
    checkpoint, max_seconds : of EM, as in ``KMeans``.

    Attributes
    ----------
    components_ : Wᵀ [k, d], rows orthogonal and falling in length, the entry of largest size positive.
    explained_variance_ : the variances of the data along them [k], of which σ² is noise.
    noise_variance_ : σ².
    mean_ : μ [d].
    n_iter_, history_, converged_ : of EM; 1, [] and True for the closed form.

    Examples
    --------
    >>> X = np.array([[-1.0, -1], [-2, -1], [-3, -2], [1, 1], [2, 1], [3, np.nan]])
    >>> model = PPCA(n_components=1, random_state=0).fit(X)
    >>> model.impute(X)[5].round().tolist()
    [3.0, 2.0]
    """

    noise_variance_: float

    def __init__(
        self,
        n_components: int | None = None,
        *,
        method: str = "auto",
        tol: float = 1e-7,
        max_iter: int = 2000,
        random_state: Seed = 0,
        checkpoint: Any = None,
        max_seconds: float | None = None,
    ) -> None:
        self.n_components = n_components
        self.method = method
        self.tol = tol
        self.max_iter = max_iter
        self.random_state = random_state
        self.checkpoint = checkpoint
        self.max_seconds = max_seconds

    def fit(self, X: object, y: object = None, sample_weight: object = None) -> Self:
        """Learn from rows X [n, d], in which NaN is a gap; ``y`` is ignored."""
        check_choice(self, "method", ["auto", "em"])
        check_number(self, "tol", low=0)
        check_number(self, "max_iter", integer=True, low=1)
        source = self._rows(X, reset=True, weight=sample_weight, gaps=True)
        n, d = source.shape
        k = max(min(n - 1, d - 1), 0) if self.n_components is None else self._count(source.shape)
        if d > 1 and k >= d:
            raise ArgumentError(f"n_components={k} must be less than the number of columns, {d}: noise needs room")
        if self.method == "auto" and complete(source):
            W, self.mean_, self.noise_variance_ = self._closed(source, k)
            self.n_iter_, self.history_, self.converged_ = 1, [], True
        else:
            params = self._em(source, k, None, isotropic=True)
            W, self.mean_, self.noise_variance_ = params.W, params.mean, float(params.noise[0])
        U, s, _ = np.linalg.svd(W, full_matrices=False)
        self.components_ = np.asarray(fix_signs((U * s).T), np.float64)
        self.explained_variance_ = s**2 + self.noise_variance_
        return self

    def _closed(self, source: Source, k: int) -> tuple[Doubles, Doubles, float]:
        pca = PCA(n_components=None, svd_solver="covariance_eigh").fit(source)
        weight = source.total
        variances = np.zeros(source.shape[1])
        variances[: len(pca.explained_variance_)] = pca.explained_variance_ * max(weight - 1, 0) / weight
        largest = float(variances.max(initial=0.0))
        noise = max(float(variances[k:].mean()) if k < len(variances) else 0.0, 1e-12 * largest or 1.0)
        U = pca.components_[:k].astype(np.float64).T
        return U * np.sqrt(np.maximum(variances[:k] - noise, 0)), pca.mean_, noise


class FactorAnalysis(_LinearGaussian):
    """Factor analysis: x = W z + μ + ε, z ~ N(0, I), ε ~ N(0, diag ψ), by EM (Rubin and Thayer 1982).

    Each column has a noise variance of its own, so that, unlike PCA, the answer does not depend on the units of the
    columns. NaN is a gap: the row's other cells still count. scikit-learn's ``FactorAnalysis``, with its names.

    Parameters
    ----------
    n_components : k; None for all columns.
    tol : EM stops when the mean log-likelihood of a row gains less.
    max_iter : the most EM steps.
    noise_variance_init : ψ to start from [d]; None for ones, as in scikit-learn, in units of each column's variance.
    rotation : None, "varimax" or "quartimax" (Kaiser 1958).
    copy, svd_method, iterated_power : accepted; there is no SVD here.
    random_state : of the start, and of ``sample``.
    checkpoint, max_seconds : as in ``KMeans``.

    Attributes
    ----------
    components_ : Wᵀ [k, d].
    noise_variance_ : ψ [d].
    mean_, n_iter_, converged_, n_features_in_ : as in scikit-learn.
    history_ : the mean log-likelihood of a row at each pass; ``loglike_`` is that of all rows.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> model = FactorAnalysis(n_components=2).fit(load_iris().data)
    >>> model.transform(load_iris().data).shape
    (150, 2)
    """

    noise_variance_: Doubles

    def __init__(
        self,
        n_components: int | None = None,
        *,
        tol: float = 1e-5,
        copy: bool = True,
        max_iter: int = 1000,
        noise_variance_init: Any = None,
        svd_method: str = "randomized",
        iterated_power: int = 3,
        rotation: str | None = None,
        random_state: Seed = 0,
        checkpoint: Any = None,
        max_seconds: float | None = None,
    ) -> None:
        self.n_components = n_components
        self.tol = tol
        self.copy = copy
        self.max_iter = max_iter
        self.noise_variance_init = noise_variance_init
        self.svd_method = svd_method
        self.iterated_power = iterated_power
        self.rotation = rotation
        self.random_state = random_state
        self.checkpoint = checkpoint
        self.max_seconds = max_seconds

    def fit(self, X: object, y: object = None, sample_weight: object = None) -> Self:
        """Learn from rows X [n, d], in which NaN is a gap; ``y`` is ignored."""
        check_choice(self, "rotation", [None, "varimax", "quartimax"])
        check_number(self, "tol", low=0)
        check_number(self, "max_iter", integer=True, low=1)
        source = self._rows(X, reset=True, weight=sample_weight, gaps=True)
        k = self._count(source.shape)
        params = self._em(source, k, self._start(source, k), isotropic=False)
        W = self._turned(params.W)
        self.components_, self.mean_, self.noise_variance_ = W.T, params.mean, params.noise
        self.loglike_ = [float(h) * source.total for h in self.history_]
        return self

    def _start(self, source: Source, k: int) -> LinearParams | None:
        if self.noise_variance_init is None:
            return None
        noise = np.asarray(self.noise_variance_init, dtype=np.float64)
        if noise.shape != (source.shape[1],):
            raise ArgumentError(
                f"noise_variance_init dimension does not with number of features : {len(noise)} != {source.shape[1]}"
            )
        _, mean, variance = observed_moments(source)
        rng = generator(self.random_state)
        W = rng.standard_normal((len(mean), k)) * np.sqrt(variance / (2 * max(k, 1)))[:, None]
        return LinearParams(mean, W, np.maximum(noise, 1e-300))

    def _turned(self, W: Doubles) -> Doubles:
        U, s, _ = np.linalg.svd(W, full_matrices=False)
        W = U * s
        if self.rotation is not None and W.shape[1] > 1:
            W = rotated(W, 1.0 if self.rotation == "varimax" else 0.0)
        return np.asarray(fix_signs(W.T).T, dtype=np.float64)


def rotated(W: Doubles, gamma: float, steps: int = 500, tol: float = 1e-8) -> Doubles:
    """W R with the orthogonal R that maximises Σ_jk w⁴ - γ/d Σ_k (Σ_j w²)² (Kaiser 1958: γ = 1; quartimax: 0)."""
    d, k = W.shape
    R, reached = np.eye(k), 0.0
    for _ in range(steps):
        L = W @ R
        U, s, Vt = np.linalg.svd(W.T @ (L**3 - gamma / d * L * (L**2).sum(axis=0)))
        R = U @ Vt
        if s.sum() <= reached * (1 + tol):
            break
        reached = s.sum()
    return np.asarray(W @ R)
