"""Principal components: the directions in which rows vary most (Pearson 1901; Hotelling 1933; Bishop 2006, 12.1).

With centred (and perhaps scaled) rows z and their covariance C = Σ w z zᵀ / (Σ w - 1) = U diag(λ) Uᵀ, the first k
columns of U are the components. C comes from one pass over the rows, in blocks; where there are more columns than
rows, the Gram matrix of the rows has the same eigenvalues and is smaller. Probabilistic PCA (Tipping and Bishop 1999)
reads the same numbers as a density, N(μ, U_k (Λ_k - σ²I) U_kᵀ + σ²I).
"""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from .. import kernels
from ..base import Estimator, check_choice
from ..data.block import Block
from ..data.source import Source
from ..errors import ArgumentError, InputError
from ..linalg import eigh, fix_signs
from ..stats import add
from ..typing import Doubles, Floats
from .gaps import by_gaps
from .observed import filled, log_prob_observed
from .spectrum import (
    WIDE,
    Spectrum,
    by_block,
    by_columns,
    by_rows,
    by_svd,
    column_moments,
    deviations,
    guess,
    most_likely_count,
    per,
    rows_stood_for,
)


class PCA(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Estimator):  # type: ignore[misc]
    """Principal component analysis.

    With mean μ and covariance C = Σ (x - μ)(x - μ)ᵀ / (n - 1) = U diag(λ) Uᵀ, ``transform`` gives (x - μ) U_k, the k
    uncorrelated coordinates that keep most variance: coordinate i has variance λ_i, and what is lost,
    Σ ‖x - x̂‖² / (n - 1), is Σ_{i>k} λ_i. Components point so that their entry of largest size is positive.

    NaN is a gap: ``fit`` then maximises the likelihood of the cells that are there under probabilistic PCA (Tipping and
    Bishop 1999, section 3.2), whose maximum without gaps are the same components; a row with gaps has the coordinates
    of its expectation given its cells.

    Parameters
    ----------
    n_components : int, float in (0, 1), "mle" or None
        k; or the share of variance to reach; or Minka's evidence decides; or min(n, d).
    copy : bool
        Accepted; the data are never written to.
    whiten : bool
        Divide each coordinate by its standard deviation √λ_i.
    svd_solver : {"auto", "full", "covariance_eigh", "arpack", "randomized"}
        "full" decomposes the centred rows themselves, "covariance_eigh" their covariance; "auto" takes the covariance,
        or, for fewer rows than columns, the Gram matrix of the rows. The names of scikit-learn's approximate solvers
        give the exact answer that they approximate, by the way of "auto". Only where that matrix would have more than
        3,000 columns are a few components found by a block Krylov method, in 7 passes, sparse rows included.
    random_state
        Of the block solver's start; 0 if None.
    tol, iterated_power, n_oversamples, power_iteration_normalizer
        Accepted so that code written for scikit-learn runs.
    scale : bool
        Divide each column by its standard deviation first (the components of the correlation matrix).

    Attributes
    ----------
    components_ : array [k, d]
        U_kᵀ, orthonormal rows, in the precision of the data.
    explained_variance_, explained_variance_ratio_, singular_values_ : array [k]
        λ_i; λ_i / Σ λ; √((n - 1) λ_i).
    mean_ : array [d]
        μ.
    scale_ : array [d] or None
        The standard deviations that columns were divided by.
    noise_variance_ : float
        σ², the mean of the variances left out (Tipping and Bishop 1999, equation 8).
    n_components_, n_samples_, n_features_in_ : int

    Examples
    --------
    >>> from tacit import PCA
    >>> pca = PCA(n_components=1).fit([[-1, -1], [-2, -1], [-3, -2], [1, 1], [2, 1], [3, 2]])
    >>> pca.components_.round(3), pca.explained_variance_ratio_.round(3)
    (array([[0.838, 0.545]]), array([0.992]))
    >>> pca.inverse_transform(pca.transform([[2, 1]])).round(2)
    array([[1.86, 1.21]])
    """

    components_: Floats
    explained_variance_: Doubles
    mean_: Doubles
    scale_: Doubles | None
    noise_variance_: float
    n_components_: int

    def __init__(
        self,
        n_components: int | float | str | None = None,
        *,
        copy: bool = True,
        whiten: bool = False,
        svd_solver: str = "auto",
        tol: float = 0.0,
        iterated_power: int | str = "auto",
        n_oversamples: int = 10,
        power_iteration_normalizer: str = "auto",
        random_state: Any = None,
        scale: bool = False,
    ) -> None:
        self.n_components = n_components
        self.copy = copy
        self.whiten = whiten
        self.svd_solver = svd_solver
        self.tol = tol
        self.iterated_power = iterated_power
        self.n_oversamples = n_oversamples
        self.power_iteration_normalizer = power_iteration_normalizer
        self.random_state = random_state
        self.scale = scale

    def fit(self, X: object, y: object = None, *, sample_weight: object = None) -> PCA:
        """Learn the components from rows X [n, d]; ``y`` is ignored, ``sample_weight`` [n] counts as repetition."""
        self._fit(X, sample_weight)
        return self

    def fit_transform(self, X: object, y: object = None, *, sample_weight: object = None) -> Floats:
        """``fit(X).transform(X)`` with one check of X."""
        return self._coordinates(self._fit(X, sample_weight))

    def _fit(self, X: object, sample_weight: object) -> Source:
        self._check_parameters(X)
        source, gaps = self._open(X, reset=True, weight=sample_weight)
        n, d = source.shape
        if gaps:
            k = self._count(n, d)
            found: Spectrum = by_gaps(source, self.scale, k, 0 if self.random_state is None else self.random_state)
            self._keep(found, n, k, d, source.take(np.arange(1)).dtype)
            return source
        some = source.glance(512)
        rows = n if some.weight is None else rows_stood_for(source)
        rank = min(rows, d)
        k = self._count(rows, d)
        if self._block(rows, d, k, some):
            mean, variance, _ = column_moments(source, some)
            scale = deviations(variance) if self.scale else None
            total = float((variance if scale is None else variance / scale**2).sum())
            assert k is not None
            found = by_block(source, scale, mean, total, k, 0 if self.random_state is None else self.random_state)
        elif self.svd_solver == "full":
            found = by_svd(source, some, self.scale)
        elif rows < d and self.svd_solver != "covariance_eigh" and some.csr is None:
            found = by_rows(source, some, self.scale, k) or by_svd(source, some, self.scale)
        else:
            found = by_columns(source, some, self.scale, k)
        self._keep(found, n, k, rank, some.dtype)
        return source

    def _open(self, X: object, *, reset: bool, weight: object = None) -> tuple[Source, bool]:
        """The rows, and whether they have gaps."""
        try:
            return self._rows(X, reset=reset, weight=weight, sparse=True), False
        except InputError as error:
            if "NaN" not in str(error) or "sample_weight" in str(error) or hasattr(X, "tocsr"):
                raise
            return self._rows(X, reset=reset, weight=weight, gaps=True), True

    def _keep(self, found: Spectrum, n: int, k: int | None, rank: int, dtype: Any) -> None:
        mean, scale, variances, directions, total, weight = found
        if k is None:
            k = self._count_from(variances[:rank], weight)
        kept = variances[:k].copy()
        self.n_samples_ = n
        self.n_components_ = k
        self.mean_ = mean
        self.scale_ = scale
        self.components_ = fix_signs(directions[:k]).astype(dtype, order="C", copy=False)
        self.explained_variance_ = kept
        self.explained_variance_ratio_ = kept / total if total > 0 else np.zeros(k)
        self.singular_values_ = np.sqrt(kept * max(weight - 1, 0))
        self.noise_variance_ = max(0.0, float(total - kept.sum()) / (rank - k)) if k < rank else 0.0

    def _block(self, n: int, d: int, k: int | None, some: Block) -> bool:
        """Whether square matrices are too large for an exact answer, and few enough components are wanted."""
        if self.svd_solver in ("full", "covariance_eigh") or not k:
            return False
        small = d if some.csr is not None else min(n, d)
        return small > WIDE and 10 * (k + 10) < min(n, d)

    def partial_fit(self, X: object, y: object = None, *, sample_weight: object = None) -> PCA:
        """Learn from further rows: afterwards the answer is that of ``fit`` on all rows so far, exactly.

        What is kept between calls is Σ w, Σ w (x - s) and Σ w (x - s)(x - s)ᵀ [d, d] about a shift s near the first
        rows' mean, so that batches may have any size, one row included.
        """
        first = not hasattr(self, "_sums")
        if first:
            self._check_parameters(X)
        source = self._rows(X, reset=first, weight=sample_weight, sparse=True)
        some = source.glance(512)
        if first:
            self._shift, self._sums, self.n_samples_ = guess(some), None, 0
        shift: Doubles = self._shift
        new = source.reduce(lambda block: kernels.moments(block, shift))
        self._sums = new if self._sums is None else add(self._sums, new)
        weight, total, outer = self._sums
        n, d = self.n_samples_ + source.shape[0], len(shift)
        C = (outer - np.outer(total, total / weight)) * per(1.0, weight)
        scale = deviations(C.diagonal()) if self.scale else None
        if scale is not None:
            C = C / scale / scale[:, None]
        trace = max(0.0, float(C.trace()))
        k = self._count(max(n, 1), d) if n >= min(d, self._least()) else min(n, d)
        values, vectors = eigh(C, k)
        found = Spectrum(shift + total / weight, scale, np.maximum(values, 0), vectors.T, trace, weight)
        self._keep(found, n, k, min(max(n, 1), d), some.dtype)
        return self

    def _least(self) -> int:
        """Rows below which the components that were asked for cannot be told yet."""
        k = self.n_components
        return int(k) if isinstance(k, Integral) else 0

    def _check_parameters(self, X: object) -> None:
        k = self.n_components
        whole = isinstance(k, Integral) and not isinstance(k, bool | np.bool_) and k >= 0
        share = isinstance(k, float | np.floating) and 0 < k < 1
        if not (k is None or whole or share or (isinstance(k, str) and k == "mle")):
            raise ArgumentError(
                "The 'n_components' parameter of PCA must be an int in the range [0, inf), a float in the range "
                f"(0.0, 1.0), a str among {{'mle'}} or None. Got {k!r} instead."
            )
        check_choice(self, "svd_solver", ["auto", "full", "covariance_eigh", "arpack", "randomized"])
        for name in ("whiten", "scale"):
            check_choice(self, name, [True, False])
        if hasattr(X, "tocsr") and self.svd_solver in ("full", "randomized"):
            raise TypeError(
                'PCA only support sparse inputs with the "arpack" and "covariance_eigh" solvers, while '
                f'"{self.svd_solver}" was passed.'
            )

    def _count(self, n: int, d: int) -> int | None:
        """How many components are wanted, or None where the variances will say; scikit-learn's rules and phrases."""
        k, most = self.n_components, min(n, d)
        solver = "full" if self.svd_solver == "auto" else self.svd_solver
        truncating = solver in ("arpack", "randomized")
        if k is None:
            return most - 1 if solver == "arpack" else most
        if isinstance(k, str):
            if truncating:
                raise ArgumentError(f"n_components={k!r} cannot be a string with svd_solver='{solver}'")
            if n < d:
                raise ArgumentError("n_components='mle' is only supported if n_samples >= n_features")
            return None
        least = 1 if truncating else 0
        if not least <= k <= most:
            raise ArgumentError(
                f"n_components={k!r} must be between {least} and min(n_samples, n_features)={most} with "
                f"svd_solver={solver!r}"
            )
        if solver == "arpack" and k == most:
            raise ArgumentError(
                f"n_components={k!r} must be strictly less than min(n_samples, n_features)={most} with "
                f"svd_solver={solver!r}"
            )
        return int(k) if isinstance(k, Integral) else None

    def _count_from(self, variances: Doubles, weight: float) -> int:
        if self.n_components == "mle":
            return most_likely_count(variances, weight)
        share: Any = self.n_components
        reached: Doubles = np.cumsum(variances / variances.sum())
        return min(int(np.count_nonzero(reached <= share)) + 1, len(variances))

    def transform(self, X: object) -> Floats:
        """The coordinates (x - μ) U_k [n, k] of rows X [n, d], in the precision of X; of E[x | its cells] with gaps."""
        check_is_fitted(self)
        return self._coordinates(self._open(X, reset=False)[0])

    def _coordinates(self, source: Source) -> Floats:
        W = self.components_.T.astype(np.float64)
        if self.scale_ is not None:
            W /= self.scale_[:, None]
        if self.whiten:
            W /= self._deviations()
        return source.map(lambda block: kernels.project(self._filled(block), self.mean_, W))

    def impute(self, X: object) -> Doubles:
        """The rows with E[x | the cells that are there] in every gap [n, d], under the density of the model."""
        check_is_fitted(self)
        out: Doubles = self._open(X, reset=False)[0].map(lambda block: self._filled(block).x, rows=4096)
        return out

    def _filled(self, block: Block) -> Block:
        """The same rows without gaps."""
        if block.csr is not None or not np.isnan(block.x).any():
            return block
        C = np.linalg.inv(self.get_precision())
        x = filled(C[None], self.mean_[None], block.x, np.ones((block.n, 1))).astype(block.dtype)
        return Block(block.start, x, weight=block.weight)

    def _deviations(self) -> Doubles:
        """√λ [k], no smaller than what rounding leaves of a variance that is zero."""
        return np.maximum(np.sqrt(self.explained_variance_), np.finfo(self.components_.dtype).eps)

    def inverse_transform(self, X: object) -> Floats:
        """The rows x̂ = z U_kᵀ + μ [n, d] that coordinates X [n, k] stand for."""
        from sklearn.utils.validation import check_array

        check_is_fitted(self)
        Z = check_array(X, input_name="X", dtype=[np.float64, np.float32], ensure_min_features=0)
        if Z.shape[1] != self.n_components_:
            raise ArgumentError(f"X has {Z.shape[1]} columns, but there are {self.n_components_} components")
        W = self.components_.astype(np.float64)
        if self.whiten:
            W *= np.sqrt(self.explained_variance_)[:, None]
        if self.scale_ is not None:
            W *= self.scale_
        out: Floats = Z @ W.astype(Z.dtype)
        out += self.mean_.astype(Z.dtype)
        return out

    def reconstruction_error(self, X: object) -> Doubles:
        """‖z - z U_k U_kᵀ‖² [n] of each row, z the centred (and scaled) row.

        Over the rows of ``fit``, Σ error / (n - 1) is the sum of the variances left out.
        """
        check_is_fitted(self)
        return self._open(X, reset=False)[0].map(lambda block: self._split(self._filled(block))[1], rows=4096)

    def _split(self, block: Block) -> tuple[Doubles, Doubles]:
        """Coordinates [b, k] and the squared length [b] of what they leave of each row."""
        z = block.x - self.mean_
        if self.scale_ is not None:
            z /= self.scale_
        U = self.components_.astype(np.float64)
        coordinates = z @ U.T
        z -= coordinates @ U
        return coordinates, np.einsum("ij,ij->i", z, z)

    def _model(self) -> tuple[Doubles, float]:
        """λ [k] and σ² of the density, none smaller than float64 can tell from the largest: it stays a density."""
        largest = self.explained_variance_[0] if self.n_components_ else self.noise_variance_
        floor = max(np.finfo(np.float64).eps * self.n_features_in_ * float(largest), np.finfo(np.float64).tiny)
        return np.maximum(self.explained_variance_, floor), max(self.noise_variance_, floor)

    def score_samples(self, X: object) -> Doubles:
        """log N(x; μ, U_k (Λ_k - σ²I) U_kᵀ + σ²I) [n], the density of probabilistic PCA (Tipping and Bishop 1999).

        With gaps, that of the cells that are there.
        """
        check_is_fitted(self)
        variances, noise = self._model()
        d, k = self.n_features_in_, self.n_components_
        log_det = np.log(variances).sum() + (d - k) * np.log(noise)
        if self.scale_ is not None:
            log_det += 2 * np.log(self.scale_).sum()

        def log_prob(block: Block) -> Doubles:
            z, left = self._split(block)
            squares = np.einsum("ij,ij,j->i", z, z, 1 / variances) + (left / noise if k < d else 0)
            out: Doubles = -0.5 * (d * np.log(2 * np.pi) + log_det + squares)
            return out

        source, gaps = self._open(X, reset=False)
        if gaps:
            C = np.linalg.inv(self.get_precision())
            return source.map(lambda block: log_prob_observed(C[None], self.mean_[None], block.x)[:, 0], rows=4096)
        return source.map(log_prob, rows=4096)

    def score(self, X: object, y: object = None) -> float:
        """The mean of ``score_samples``."""
        return float(self.score_samples(X).mean())

    def get_covariance(self) -> Doubles:
        """The covariance of the density, U_k (Λ_k - σ²I) U_kᵀ + σ²I [d, d], in the units of the data."""
        check_is_fitted(self)
        U, noise = self.components_.astype(np.float64), self.noise_variance_
        C: Doubles = (U.T * (self.explained_variance_ - noise)) @ U
        C.flat[:: len(C) + 1] += noise
        return C if self.scale_ is None else C * self.scale_ * self.scale_[:, None]

    def get_precision(self) -> Doubles:
        """The inverse of ``get_covariance``, U_k (Λ_k⁻¹ - σ⁻²I) U_kᵀ + σ⁻²I [d, d]."""
        check_is_fitted(self)
        U, (variances, noise) = self.components_.astype(np.float64), self._model()
        if self.n_components_ == self.n_features_in_:
            A: Doubles = (U.T / variances) @ U
        else:
            A = (U.T * (1 / variances - 1 / noise)) @ U
            A.flat[:: len(A) + 1] += 1 / noise
        return A if self.scale_ is None else A / self.scale_ / self.scale_[:, None]

    @property
    def _n_features_out(self) -> int:
        return int(self.n_components_)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = self.svd_solver not in ("full", "randomized")
        return tags
