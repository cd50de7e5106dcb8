"""Gaussian mixtures by variational inference: components that the rows do not need are emptied by the prior."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from scipy.special import betaln, digamma, gammaln

from ..base import check_choice, check_number
from ..data.block import Block
from ..data.source import Source
from ..decomposition.linear import observed_moments
from ..em.engine import Fit, em
from ..em.long import Long
from ..em.model import LatentModel
from ..em.posterior import posterior
from ..errors import ArgumentError
from ..rng import generator
from ..typing import Array, Doubles, Seed
from .families.gaussian import Gaussian, GaussianParams
from .gaussian import GaussianMixture
from .mixture import Mixture, MixtureParams, MixtureStats, labels_of
from .starting import random_responsibilities, without_gaps


class Prior(NamedTuple):
    """π by a Dirichlet distribution or process; μ_k | Λ_k ~ N(m₀, (β₀ Λ_k)⁻¹), Λ_k ~ W(W₀, ν₀)."""

    process: bool
    concentration: float
    mean: Doubles  # [d]
    precision: float  # β₀
    freedom: float  # ν₀
    scatter: Doubles  # W₀⁻¹ [d, d], or its diagonal [d]


class Beliefs(NamedTuple):
    """The variational posterior; ``theta`` holds m_k, W_k⁻¹ / ν_k and its factor; β and ν are [K, d] with gaps."""

    mass: Doubles  # N_k
    theta: GaussianParams
    precision: Doubles  # β_k
    freedom: Doubles  # ν_k


@dataclass(frozen=True)
class Variational(LatentModel[Beliefs, MixtureStats]):
    """The mixture of Bishop (2006), section 10.2. Its objective is the bound L(q).

    Full precisions are Wishart. Of diagonal ones each is a gamma, W of one dimension; a spherical one is the gamma of d
    times as many degrees of freedom about d times the scatter; one tied Λ has ν = ν₀ + Σ_k N_k.
    """

    K: int
    prior: Prior
    family: Gaussian

    def init(self, source: Source, rng: np.random.Generator) -> Beliefs:
        raise NotImplementedError("starts from responsibilities")

    def expect(self, params: Beliefs, block: Block) -> MixtureStats:
        mixture = Mixture(self.K, self.family)
        if not self.cellwise:
            return mixture.expect(self._scores(params), block)
        # what is expected of log λ_kj and μ_kj beyond their means counts in the cells that are there
        ν, β = params.freedom, params.precision
        beyond = 0.5 * (digamma(ν / 2) + np.log(2 / ν)) - 0.5 / β  # [K, d]
        joint = self.family.log_prob(params.theta, block) + ~np.isnan(block.x) @ beyond.T + self._log_π(params.mass)
        return mixture._sums(MixtureParams(params.mass, params.theta), block, posterior(joint, block))

    def maximise(self, stats: MixtureStats, params: Beliefs) -> Beliefs:
        p, (counts, first, second) = self.prior, stats.parts
        N = counts if self.cellwise else stats.counts
        cells = N if self.cellwise else N[:, None]  # of each column, or of all
        some = np.maximum(cells, 1e-300)
        mean = params.theta.means + first / some
        β = p.precision + N
        ν = p.freedom + (N if self.kind != "tied" else np.full(self.K, N.sum()))
        m = (p.precision * p.mean + cells * mean) / (p.precision + cells)
        away, pull = mean - p.mean, p.precision * N / β
        if self.kind == "full":
            about = second - first[:, :, None] * (first / some)[:, None, :]
            covariances = (p.scatter + about + _outer(pull, away)) / ν[:, None, None]
        elif self.kind == "tied":
            about = second - _outer(1 / some[:, 0], first).sum(axis=0)
            covariances = (p.scatter + about + _outer(pull, away).sum(axis=0)) / ν[0]
        else:
            squares = np.maximum(second - first * first / some, 0) + pull.reshape(cells.shape) * away**2
            covariances = (p.scatter + squares) / ν.reshape(cells.shape)
            if self.kind == "spherical":
                covariances = covariances.mean(axis=1)
        return Beliefs(stats.counts, self.family.params(m, covariances), β, ν)

    @property
    def cellwise(self) -> bool:
        """Whether β and ν are those of each column [K, d], since gaps leave some more cells than others."""
        return self.family.gaps

    @property
    def kind(self) -> str:
        """Of covariances."""
        return self.family.covariance_type

    def log_prior(self, params: Beliefs) -> float:
        """-KL(q(π, μ, Λ) | p(π, μ, Λ))."""
        p, θ, d = self.prior, params.theta, params.theta.means.shape[1]
        β, ν, A = params.precision, params.freedom, params.theta.factor
        away = θ.means - p.mean
        if self.family.matrix:
            A = A.reshape(-1, d, d)  # ν (m - m₀)ᵀ W (m - m₀) = |A (m - m₀)|²
            squares = np.square(np.einsum("kij,kj->ki", np.broadcast_to(A, (self.K, d, d)), away)).sum(axis=1)
            ν = ν[: len(A)]
            log_det = 2 * np.log(np.diagonal(A, axis1=1, axis2=2)).sum(axis=1) - d * np.log(ν)  # log |W|
            trace = np.einsum("kij,jl,kil->k", A, p.scatter, A)  # ν tr(W₀⁻¹ W)
            wishart = _wishart(log_det, ν, d, -np.linalg.slogdet(p.scatter)[1], p.freedom, trace)
        else:
            A = A.reshape(self.K, -1)  # [K, d], or [K, 1] spherical
            squares = (A**2 * away**2).sum(axis=1)
            times = d // A.shape[1]
            scatter = p.scatter if times == 1 else np.array([p.scatter.sum()])
            freedom = times * ν.reshape(self.K, -1)
            trace = A**2 * scatter
            log_det = 2 * np.log(A) - np.log(freedom)
            wishart = _wishart(log_det, freedom, 1, -np.log(scatter), times * p.freedom, trace).sum(axis=1)
        β = np.broadcast_to(β.reshape(self.K, -1), (self.K, d))
        normal = 0.5 * ((p.precision / β - 1 + np.log(β / p.precision)).sum(axis=1) + p.precision * squares)
        return -float(normal.sum() + wishart.sum()) - self._proportions(params)

    def _proportions(self, params: Beliefs) -> float:
        """KL of the mixing proportions, or of the sticks that they are broken from."""
        a0, N = self.prior.concentration, params.mass
        if self.prior.process:
            a, b = _sticks(N, a0)
            expected = (a - 1) * digamma(a) + (b - a0) * digamma(b) - (a + b - 1 - a0) * digamma(a + b)
            return float((betaln(1, a0) - betaln(a, b) + expected).sum())
        α = a0 + N
        total = α.sum()
        return float(
            gammaln(total) - gammaln(α).sum() - gammaln(len(N) * a0) + len(N) * gammaln(a0) + (N * self._log_π(N)).sum()
        )

    def _log_π(self, N: Doubles) -> Doubles:
        """E[log π_k]."""
        if not self.prior.process:
            α = self.prior.concentration + N
            return np.asarray(digamma(α) - digamma(α.sum()), np.float64)
        a, b = _sticks(N, self.prior.concentration)
        broken = np.append(digamma(a) - digamma(a + b), 0.0)
        left = np.concatenate([[0.0], np.cumsum(digamma(b) - digamma(a + b))])
        return np.asarray(broken + left, np.float64)

    def _scores(self, params: Beliefs) -> MixtureParams:
        """E[log π] + ½ E[log |Λ|] - d / 2β - ½ ν (x - m)ᵀ W (x - m), as a Gaussian with factor √ν W^½ and the rest."""
        d, ν = params.theta.means.shape[1], params.freedom
        if self.kind == "spherical":
            ν = d * ν
        last = np.arange(d) if self.family.matrix else np.zeros(d)
        log_det = digamma((ν[:, None] - last) / 2).sum(axis=1)
        rest = 0.5 * (log_det + d * np.log(2 / ν)) - d / (2 * params.precision)
        return MixtureParams(self._log_π(params.mass) + rest, params.theta)

    def weights(self, params: Beliefs) -> Doubles:
        """E[π_k], made to sum to 1."""
        if self.prior.process:
            a, b = _sticks(params.mass, self.prior.concentration)
            π = np.append(a / (a + b), 1.0) * np.concatenate([[1.0], np.cumprod(b / (a + b))])
        else:
            π = self.prior.concentration + params.mass
        return np.asarray(π / π.sum(), np.float64)

    def block_rows(self, params: Beliefs) -> int | None:
        if self.cellwise:
            return 16384
        return Mixture(self.K, self.family).block_rows(self._scores(params))


def _outer(w: Doubles, v: Doubles) -> Doubles:
    """w_k v_k v_kᵀ [K, d, d]."""
    out: Doubles = w[:, None, None] * v[:, :, None] * v[:, None, :]
    return out


def _sticks(N: Doubles, concentration: float) -> tuple[Doubles, Doubles]:
    """Beta(1 + N_k, γ + Σ_{j>k} N_j) of the first K - 1; the last takes what is left (Blei and Jordan 2006)."""
    after = np.cumsum(N[::-1])[::-1] - N
    return (1 + N)[:-1], (concentration + after)[:-1]


def _wishart(log_det: Any, ν: Any, d: int, log_det0: Any, ν0: float, trace: Any) -> Any:
    """KL(W(W, ν) | W(W₀, ν₀)) from log |W|, log |W₀| and ν tr(W₀⁻¹ W) (Bishop 2006, B.79 to B.82)."""
    i = np.arange(d)
    psi = digamma((np.asarray(ν)[..., None] - i) / 2).sum(axis=-1)
    gammas = gammaln((np.asarray(ν)[..., None] - i) / 2).sum(axis=-1) - gammaln((ν0 - i) / 2).sum()
    expected = psi + d * np.log(2) + log_det
    log_B = -0.5 * ν * log_det - 0.5 * ν * d * np.log(2) - gammas + 0.5 * ν0 * log_det0 + 0.5 * ν0 * d * np.log(2)
    return log_B + 0.5 * (ν - ν0) * expected - 0.5 * ν * d + 0.5 * trace


class BayesianGaussianMixture(GaussianMixture):
    """A Gaussian mixture with priors, by variational inference (Bishop 2006, section 10.2; Blei and Jordan 2006).

    Of ``n_components`` those that the rows do not need end with next to no weight, so that it is an upper limit and not
    a choice. scikit-learn's ``BayesianGaussianMixture``, with its names; a "tied" covariance has ν₀ + n degrees of
    freedom, as Bayes' rule gives them. Gaps (NaN) are allowed with "diag". ``lower_bound_`` is the bound on log p(X) of
    these beliefs per row, constants included.

    ``weight_concentration_prior_type`` : "dirichlet_process" or "dirichlet_distribution";
    ``weight_concentration_prior`` : γ or α₀, 1 / n_components if None; ``mean_precision_prior`` : β₀, 1 if None;
    ``mean_prior`` : m₀ [d], the mean of the rows if None; ``degrees_of_freedom_prior`` : ν₀ > d - 1, d if None;
    ``covariance_prior`` : W₀⁻¹ [d, d], [d] for "diag" or a number for "spherical", the covariance of the rows if None;
    ``reg_covar`` is added to it.

    Learned, beyond a GaussianMixture's: ``mean_precision_`` β_k, ``degrees_of_freedom_`` ν_k, [K, d] with gaps,
    ``n_components_used_`` with a weight above 1 / n rows.

    >>> rng = np.random.default_rng(0)
    >>> X = np.concatenate([rng.normal(c, 1, (200, 2)) for c in (0, 8)])
    >>> BayesianGaussianMixture(6, random_state=0, max_iter=500).fit(X).n_components_used_
    2
    """

    def __init__(
        self,
        n_components: int = 1,
        *,
        covariance_type: str = "full",
        tol: float = 1e-3,
        reg_covar: float = 1e-6,
        max_iter: int = 100,
        n_init: int = 1,
        init_params: str = "kmeans",
        weight_concentration_prior_type: str = "dirichlet_process",
        weight_concentration_prior: float | None = None,
        mean_precision_prior: float | None = None,
        mean_prior: Any = None,
        degrees_of_freedom_prior: float | None = None,
        covariance_prior: Any = None,
        random_state: Seed = None,
        verbose: int = 0,
        verbose_interval: int = 10,
        checkpoint: Any = None,
        max_seconds: float | None = None,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type  # type: ignore[assignment]
        self.tol = tol
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.weight_concentration_prior_type = weight_concentration_prior_type
        self.weight_concentration_prior = weight_concentration_prior
        self.mean_precision_prior = mean_precision_prior
        self.mean_prior = mean_prior
        self.degrees_of_freedom_prior = degrees_of_freedom_prior
        self.covariance_prior = covariance_prior
        self.random_state = random_state
        self.verbose = verbose
        self.verbose_interval = verbose_interval
        self.checkpoint = checkpoint
        self.max_seconds = max_seconds

    init = None

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self.covariance_type == "diag"
        return tags

    def _open(self, X: object, *, reset: bool, weight: object = None, known: object = None) -> Source:
        if self.covariance_type == "diag":
            return super()._open(X, reset=reset, weight=weight, known=known)
        return self._rows(X, reset=reset, weight=weight, known=known)

    def _fit(self, X: object, sample_weight: object, known: object) -> Source:
        if known is not None:
            raise ArgumentError("known components are for GaussianMixture")
        self._check_arguments()
        check_choice(self, "init_params", ("kmeans", "random"))
        check_choice(self, "weight_concentration_prior_type", ("dirichlet_process", "dirichlet_distribution"))
        source = self._open(X, reset=True, weight=sample_weight)
        n, K = source.shape[0], self.n_components
        if n < K:
            raise ArgumentError(f"Expected n_samples >= n_components but got n_components = {K}, n_samples = {n}")
        rng, family = generator(self.random_state), replace(self._family(), reg_covar=0.0)
        model = Variational(K, self._prior(source), family)
        best: Fit[Beliefs] | None = None
        long = Long(self, source)
        for run in range(self.n_init):
            if best is not None and long.over:
                break
            start = self._beliefs(model, source, rng)
            options = long.options(run)
            fit = em(model, source, start, tol=self.tol, max_iter=self.max_iter, rng=rng, bound=False, **options)
            if best is None or fit.objective > best.objective:
                best = fit
        assert best is not None
        found = best.params
        self.mean_precision_, self.degrees_of_freedom_ = found.precision, found.freedom
        self.weight_concentration_ = found.mass + model.prior.concentration
        answer = MixtureParams(np.log(model.weights(found)), found.theta)
        self._keep(Fit(answer, *best[1:]))
        self.n_components_used_ = int((found.mass > 1).sum())
        return source

    def _beliefs(self, model: Variational, source: Source, rng: np.random.Generator) -> Beliefs:
        """The M-step at k-means' clusters, or at random responsibilities; twice, the second about the first's means."""
        if self.init_params == "kmeans":
            labels = self._clusters(without_gaps(source) if self._gaps else source, rng)

            def resp(block: Block) -> Array:
                r: Array = np.eye(model.K)[labels_of(labels, block)]
                return r
        else:
            resp = random_responsibilities(model.K, rng)  # type: ignore[assignment]
        mixture, zero = Mixture(model.K, model.family), np.zeros(model.K)
        params = Beliefs(zero, model.family.blank(model.K, source), zero + 1, zero + 1)

        def sums(params: Beliefs, block: Block) -> MixtureStats:
            r = np.asarray(resp(block) * block.w[:, None], np.float64)
            parts = mixture.family.stats(params.theta, block, r)
            return MixtureStats(0.0, 0.0, float(block.w.sum()), r.sum(axis=0), parts)

        for _ in range(2):
            params = model.maximise(source.reduce(partial(sums, params), rows=16384), params)
        return params

    def _prior(self, source: Source) -> Prior:
        d, full = source.shape[1], self.covariance_type in ("full", "tied")
        for name in ("weight_concentration_prior", "mean_precision_prior"):
            check_number(self, name, low=0, open_low=True, choices=[None])
        _, mean, variance = observed_moments(source)
        if self.mean_prior is not None:
            mean = np.asarray(self.mean_prior, dtype=np.float64)
            if mean.shape != (d,):
                raise ArgumentError(f"The parameter 'means' should have the shape of {(d,)}, but got {mean.shape}")
        ν = float(d) if self.degrees_of_freedom_prior is None else self.degrees_of_freedom_prior
        if not ν > d - 1:
            raise ArgumentError(
                f"The parameter 'degrees_of_freedom_prior' should be greater than {d - 1}, but got {ν:.3f}."
            )
        shape = (d, d) if full else (d,)
        if self.covariance_prior is not None:
            scatter = np.asarray(self.covariance_prior, dtype=np.float64)
            if self.covariance_type == "spherical" and scatter.ndim == 0:
                scatter = np.full(d, float(scatter))
            if scatter.shape != shape or (np.linalg.eigvalsh(scatter) if full else scatter).min() <= 0:
                raise ArgumentError(f"covariance_prior must be positive definite, of the shape {shape}")
        elif full:
            from ..decomposition.spectrum import moments

            some = source.take(np.arange(0, source.shape[0], -(-source.shape[0] // 512)))
            _, (weight, total, outer) = moments(source, some)
            scatter = (outer - np.outer(total, total / weight)) / max(weight - 1, 1)
        else:
            scatter = variance
        least = self.reg_covar or 1e-12 * max(float(variance.max(initial=0.0)), 1e-300)
        scatter = scatter + (least * np.eye(d) if full else least)
        γ = self.weight_concentration_prior
        process = self.weight_concentration_prior_type == "dirichlet_process"
        β = 1.0 if self.mean_precision_prior is None else float(self.mean_precision_prior)
        return Prior(process, 1 / self.n_components if γ is None else float(γ), mean, β, float(ν), scatter)

    def _given(self, d: int) -> tuple[None, None, None]:
        return None, None, None
