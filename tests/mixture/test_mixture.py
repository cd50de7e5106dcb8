"""Mixture: the native pass and the Python pass are the same model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from tacit.data.source import as_source
from tacit.mixture.families.gaussian import Gaussian, GaussianParams
from tacit.mixture.mixture import Mixture, MixtureParams

TYPES = ["full", "tied", "diag", "spherical"]


@dataclass(frozen=True)
class PythonGaussian(Gaussian):
    """The same family, kept from the kernel."""

    def native(self, θ: GaussianParams) -> Any:
        return None


def fixture(kind: str, n: int = 200, d: int = 3, K: int = 4) -> tuple[Any, MixtureParams]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, d))
    shape = {"full": (K, d, d), "tied": (d, d), "diag": (K, d), "spherical": (K,)}[kind]
    if kind in ("full", "tied"):
        g = rng.normal(size=(*shape[:-1], d + 3))
        covariances = g @ np.swapaxes(g, -1, -2) / d
    else:
        covariances = rng.uniform(0.5, 2, shape)
    θ = Gaussian(kind).params(rng.normal(size=(K, d)), covariances)  # type: ignore[arg-type]
    return x, MixtureParams(np.log(rng.dirichlet(np.ones(K))), θ)


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("columns", [None, (2, 0)])
@pytest.mark.parametrize("reg_covar", [0.0, 0.2])
def test_native_and_python_passes_agree(kind: Any, columns: tuple[int, ...] | None, reg_covar: float) -> None:
    x, params = fixture(kind)
    if columns is not None:
        params = params._replace(theta=Gaussian(kind).marginal(params.theta, columns))
    if kind in ("diag", "spherical"):
        x[np.random.default_rng(1).random(x.shape) < 0.2] = np.nan
    known = np.random.default_rng(2).integers(-1, 4, len(x)).astype(np.int32)
    weight = np.random.default_rng(3).uniform(0, 2, len(x))
    source = as_source(x, weight=weight, known=known, gaps=True)
    native, python = (Mixture(4, f(kind, reg_covar, columns)) for f in (Gaussian, PythonGaussian))
    a = source.reduce(lambda block: native.expect(params, block))
    b = source.reduce(lambda block: python.expect(params, block), rows=37)
    assert native.block_rows(params) is None
    assert python.block_rows(params) is not None
    for ours, theirs in zip([a.objective, a.weight, a.counts, *a.parts], [b.objective, b.weight, b.counts, *b.parts]):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6)
    for u, v in zip(native.maximise(a, params).theta, python.maximise(b, params).theta):
        np.testing.assert_allclose(u, v, rtol=1e-5, atol=1e-6)
    block = next(iter(source.blocks()))
    for u, v in zip(native.posterior(params, block), python.posterior(params, block)):
        np.testing.assert_allclose(u, v, atol=1e-9)
    np.testing.assert_allclose(native.log_joint(params, block), python.log_joint(params, block), atol=1e-9)
    np.testing.assert_allclose(native.log_prob(params, block), python.log_prob(params, block), atol=1e-9)
    np.testing.assert_array_equal(native.labels(params, block), python.labels(params, block))


@pytest.mark.parametrize("kind", TYPES)
def test_statistics_add_over_blocks(kind: Any) -> None:
    x, params = fixture(kind, 500)
    model = Mixture(4, Gaussian(kind))
    whole = as_source(x).reduce(lambda block: model.expect(params, block))
    cut = as_source(x).reduce(lambda block: model.expect(params, block), rows=123)
    for a, b in zip([whole.objective, whole.counts, *whole.parts], [cut.objective, cut.counts, *cut.parts]):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-10)


@pytest.mark.parametrize("kind", TYPES)
def test_marginal_and_conditional_densities_multiply_to_the_joint(kind: Any) -> None:
    """p(x_u | x_g, k) p(x_g | k) = p(x | k)."""
    x, params = fixture(kind)
    family, θ = Gaussian(kind), params.theta
    given, rest = [2, 0], [1]
    means, covariances = family.conditional(θ, given, x[:, given])
    margin = family.log_prob(family.marginal(θ, given), next(iter(as_source(x[:, given]).blocks())))
    whole = family.log_prob(θ, next(iter(as_source(x).blocks())))
    for k in range(4):
        conditional = multivariate_normal(np.zeros(1), covariances[k]).logpdf(x[:, rest] - means[:, k])
        np.testing.assert_allclose(margin[:, k] + conditional, whole[:, k], atol=1e-9)


def test_missing_cells_leave_means_of_the_observed_ones() -> None:
    """One component: the maximum-likelihood answer of a diagonal Gaussian with gaps is per column."""
    x = np.array([[1.0, np.nan], [3.0, 10.0], [np.nan, 14.0], [5.0, np.nan]])
    source = as_source(x, gaps=True)
    params, _ = Mixture(1, Gaussian("diag", 0.0)).from_labels(source, np.zeros(4, int), np.random.default_rng(0))
    np.testing.assert_allclose(params.theta.means, [[3, 12]])
    np.testing.assert_allclose(params.theta.covariances, [[8 / 3, 4]])


def test_an_empty_component_is_placed_on_a_row_and_as_wide_as_the_data() -> None:
    x, params = fixture("full")
    model = Mixture(4, Gaussian("full"))
    source = as_source(x)
    far = params._replace(theta=params.theta._replace(means=params.theta.means + np.array([[0], [0], [1e4], [0]])))
    stats = source.reduce(lambda block: model.expect(far, block))
    repaired, count = model.repair(model.maximise(stats, far), stats, source, np.random.default_rng(0))
    assert count == 1
    assert (x == repaired.theta.means[2]).all(axis=1).any()
    np.testing.assert_allclose(np.diag(repaired.theta.covariances[2]), x.var(axis=0), rtol=1e-5)
    assert np.exp(repaired.log_weights).sum() == pytest.approx(1)
