"""Laws of a product of normals and categoricals: densities, gaps, the kernel against Python, moments."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from tacit.data.block import Block
from tacit.data.memory import MemorySource
from tacit.em.engine import em
from tacit.mixture.families.categorical import Categorical, CategoricalParams
from tacit.mixture.families.family import Cells
from tacit.mixture.families.normal import Normal, NormalParams
from tacit.mixture.families.product import Product
from tacit.mixture.mixture import Mixture, MixtureParams

LEVELS = (2, 4)


def cells(n: int, seed: int, gaps: float = 0.2) -> Block:
    rng = np.random.default_rng(seed)
    z = rng.integers(0, 2, n)
    x = rng.normal(z[:, None] * [3.0, -2.0, 0.0] + 50, [1, 2, 3])
    codes = np.column_stack([(rng.random(n) < 0.2 + 0.6 * z), rng.integers(0, 4, n)]).astype(np.int32)
    x[rng.random(x.shape) < gaps] = np.nan
    codes[rng.random(codes.shape) < gaps] = -1
    return Block(0, x, codes=codes, weight=rng.uniform(0.5, 2, n))


def family(block: Block, smoothing: float = 1.0) -> Product:
    return Product((Normal.of(MemorySource(block), np.zeros(3), 1e-3, smoothing), Categorical(LEVELS, smoothing)))


def parameters(K: int, seed: int) -> MixtureParams:
    rng = np.random.default_rng(seed)
    tables = np.concatenate([rng.dirichlet(np.ones(C), K) for C in LEVELS], axis=1)
    normal = NormalParams(rng.normal(50, 3, (K, 3)), rng.uniform(0.5, 4, (K, 3)))
    return MixtureParams(np.log(rng.dirichlet(np.ones(K))), (normal, CategoricalParams(np.log(tables))))


def by_hand(params: MixtureParams, block: Block) -> np.ndarray:
    """log π_k + Σ_j log p(x_ij | k), cell by cell."""
    normal, categorical = params.theta
    out = np.tile(params.log_weights, (block.n, 1))
    for i in range(block.n):
        for k in range(out.shape[1]):
            for j, x in enumerate(block.x[i]):
                if not np.isnan(x):
                    out[i, k] += norm.logpdf(x, normal.mean[k, j], np.sqrt(normal.var[k, j]))
            for j, at in enumerate([0, 2]):
                if block.codes[i, j] >= 0:
                    out[i, k] += categorical.log_p[k, at + block.codes[i, j]]
    return out


def test_the_joint_density_is_the_product_over_observed_cells():
    block, params = cells(30, 0), parameters(3, 0)
    model = Mixture(3, family(block))
    np.testing.assert_allclose(model.log_joint(params, block), by_hand(params, block), rtol=1e-9)


def test_a_row_without_cells_says_nothing():
    params = parameters(3, 1)
    empty = Block(0, np.full((1, 3), np.nan), codes=np.full((1, 2), -1, dtype=np.int32))
    posterior = Mixture(3, family(cells(20, 0))).posterior(params, empty)
    np.testing.assert_allclose(posterior.resp[0], np.exp(params.log_weights))
    np.testing.assert_allclose(posterior.log_prob, 0, atol=1e-12)


def test_the_density_of_one_column_integrates_to_one():
    params = parameters(3, 2)
    grid = np.linspace(20, 80, 4001)
    x = np.full((len(grid), 3), np.nan)
    x[:, 0] = grid
    block = Block(0, x, codes=np.full((len(grid), 2), -1, dtype=np.int32))
    density = np.exp(Mixture(3, family(cells(20, 0))).posterior(params, block).log_prob)
    assert np.trapezoid(density, grid) == pytest.approx(1, abs=1e-6)


def test_the_kernel_gives_what_python_gives():
    block, params = cells(500, 3), parameters(4, 3)
    model = Mixture(4, family(block))
    joint = by_hand(params, block)
    log_prob = np.logaddexp.reduce(joint, axis=1)
    r = np.exp(joint - log_prob[:, None])
    native = model.expect(params, block)
    assert native.objective == pytest.approx(block.w @ log_prob, rel=1e-10)
    python = model.family.stats(params.theta, block, r * block.w[:, None])
    for ours, theirs in zip(native.parts, python, strict=True):
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6)


def test_blocks_of_any_size_agree():
    block, params = cells(300, 4), parameters(2, 4)
    model, source = Mixture(2, family(block)), MemorySource(block)
    whole = source.reduce(lambda b: model.expect(params, b))
    cut = source.reduce(lambda b: model.expect(params, b), rows=17)
    assert cut.objective == pytest.approx(whole.objective, rel=1e-12)
    np.testing.assert_allclose(cut.counts, whole.counts, rtol=1e-9)


@given(seed=st.integers(0, 10_000), smoothing=st.sampled_from([0.0, 1.0, 3.0]))
def test_em_climbs_with_floor_and_priors(seed, smoothing):
    block = cells(80, seed)
    model = Mixture(3, family(block, smoothing))
    start = parameters(3, seed)
    rng = np.random.default_rng(seed)
    history = em(model, MemorySource(block), start, tol=0, max_iter=15, rng=rng).history
    assert np.all(np.diff(history) > -1e-7)


def test_variances_stop_at_the_floor_and_at_a_recorded_step():
    x = np.repeat([[0.0, 5.0], [10.0, 5.0]], 20, axis=0)
    block = Block(0, x)
    normal = Normal.of(MemorySource(block), np.array([1.0, 0.0]), 1e-3, 0.0)
    np.testing.assert_allclose(normal.floor[0], 1 / (2 * np.pi))  # a cell's probability is at most 1
    assert 0 < normal.floor[1] < 1e-9  # constant
    θ = normal.blank(2, MemorySource(block))
    θ = normal.update(normal.stats(θ, block, np.eye(2)[np.repeat([0, 1], 20)]), θ)
    np.testing.assert_allclose(θ.mean, [[0, 5], [10, 5]])
    np.testing.assert_allclose(θ.var, np.tile(normal.floor, (2, 1)))


def test_moments_are_those_of_draws():
    rng = np.random.default_rng(5)
    params, block = parameters(2, 5), cells(50, 5)
    product, n = family(block), 200_000
    z = rng.choice(2, n, p=np.exp(params.log_weights))
    out = Cells(np.empty((n, 3)), np.empty((n, 2), dtype=np.int32))
    product.sample(params.theta, z, rng, out)
    hot = np.concatenate([out.numbers, np.eye(2)[out.codes[:, 0]], np.eye(4)[out.codes[:, 1]]], axis=1)
    mean, covariance = product.moments(params.theta, np.exp(params.log_weights))
    np.testing.assert_allclose(mean, hot.mean(axis=0), atol=0.03)
    np.testing.assert_allclose(covariance, np.cov(hot.T), atol=0.1)


def test_maximum_likelihood_over_observed_cells():
    """One component: each column's own mean and variance, whatever is missing elsewhere."""
    block = cells(200, 6, gaps=0.4)
    model = Mixture(1, family(block, smoothing=0.0))
    rng = np.random.default_rng(0)
    start = MixtureParams(np.zeros(1), model.family.blank(1, MemorySource(block)))
    fit = em(model, MemorySource(block), start, tol=0, max_iter=2, rng=rng)
    normal, categorical = fit.params.theta
    for j, x in enumerate(block.x.T):
        seen = ~np.isnan(x)
        mean = np.average(x[seen], weights=block.w[seen])
        assert normal.mean[0, j] == pytest.approx(mean)
        assert normal.var[0, j] == pytest.approx(np.average((x[seen] - mean) ** 2, weights=block.w[seen]))
    seen = block.codes[:, 0] >= 0
    p = np.average(block.codes[seen, 0], weights=block.w[seen])
    np.testing.assert_allclose(np.exp(categorical.log_p[0, :2]), [1 - p, p])
