"""Laws of the categorical family: tables that sum to one, gaps that say nothing, a prior that keeps EM climbing."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacit.data.block import Block
from tacit.data.memory import MemorySource
from tacit.em.engine import em
from tacit.mixture.families.categorical import Categorical, CategoricalParams
from tacit.mixture.families.family import Cells
from tacit.mixture.families.product import Product
from tacit.mixture.mixture import Mixture, MixtureParams

LEVELS = (2, 3)


def tables(K: int, rng: np.random.Generator) -> CategoricalParams:
    return CategoricalParams(np.log(np.concatenate([rng.dirichlet(np.ones(C), K) for C in LEVELS], axis=1)))


def rows(codes: object, weight: object = None) -> Block:
    codes = np.asarray(codes, dtype=np.int32)
    return Block(
        0, np.empty((len(codes), 0)), codes=codes, weight=None if weight is None else np.asarray(weight, float)
    )


def test_probabilities_of_all_cells_sum_to_one():
    θ = tables(4, np.random.default_rng(0))
    every = rows(list(product(range(2), range(3))))
    np.testing.assert_allclose(np.exp(Categorical(LEVELS).log_prob(θ, every)).sum(axis=0), 1)


def test_a_gap_sums_over_its_levels():
    θ, family = tables(4, np.random.default_rng(1)), Categorical(LEVELS)
    gap = np.exp(family.log_prob(θ, rows([[1, -1]])))
    filled = np.exp(family.log_prob(θ, rows([[1, c] for c in range(3)])))
    np.testing.assert_allclose(gap[0], filled.sum(axis=0))


def test_m_step_by_hand():
    family = Categorical((2,), smoothing=1.0)
    block = rows([[0], [0], [1], [-1]])
    θ = family.blank(1, MemorySource(block))
    t = family.stats(θ, block, np.ones((4, 1)))
    np.testing.assert_array_equal(t.counts, [[2, 1]])
    np.testing.assert_allclose(np.exp(family.update(t, θ).log_p), [[2.5 / 4, 1.5 / 4]])
    no_prior = Categorical((2,), smoothing=0.0)
    np.testing.assert_allclose(np.exp(no_prior.update(t, θ).log_p), [[2 / 3, 1 / 3]])


def test_a_component_that_saw_nothing_keeps_its_tables_without_a_prior():
    family, θ = Categorical(LEVELS, smoothing=0.0), tables(2, np.random.default_rng(2))
    block = rows([[0, 1], [1, 2]])
    after = family.update(family.stats(θ, block, np.array([[1.0, 0.0], [1.0, 0.0]])), θ)
    np.testing.assert_allclose(after.log_p[1], θ.log_p[1])
    assert np.exp(after.log_p[0, :2]).sum() == pytest.approx(1)


@given(seed=st.integers(0, 10_000), smoothing=st.sampled_from([0.0, 0.3, 1.0, 5.0]))
def test_em_climbs_with_its_prior(seed, smoothing):
    rng = np.random.default_rng(seed)
    codes = np.column_stack([rng.integers(-1, C, 60) for C in LEVELS])
    source = MemorySource(rows(codes, rng.exponential(size=60)))
    model = Mixture(3, Product((Categorical(LEVELS, smoothing),)))
    start = MixtureParams(np.log(rng.dirichlet(np.ones(3))), (tables(3, rng),))
    history = em(model, source, start, tol=0, max_iter=15, rng=rng).history
    assert np.all(np.diff(history) > -1e-9)


def test_draws_have_the_probabilities():
    rng = np.random.default_rng(3)
    θ, n = tables(2, rng), 40_000
    z = np.repeat([0, 1], n // 2)
    out = Cells(np.empty((n, 0)), np.empty((n, 2), dtype=np.int32))
    Categorical(LEVELS).sample(θ, z, rng, out)
    for k in (0, 1):
        for j, (lo, hi) in enumerate([(0, 2), (2, 5)]):
            seen = np.bincount(out.codes[z == k, j], minlength=hi - lo) / (n // 2)
            np.testing.assert_allclose(seen, np.exp(θ.log_p[k, lo:hi]), atol=0.015)


def test_parameters_are_counted():
    assert Categorical(LEVELS).n_parameters(tables(4, np.random.default_rng(0))) == 4 * (1 + 2)
