"""Families beyond the normal and the categorical: sums over rows, M-steps that climb, and draws that give θ back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import optimize, stats

from tacit.data.block import Block
from tacit.data.memory import MemorySource
from tacit.em.engine import em
from tacit.mixture.families.correlated import Correlated, CorrelatedParams
from tacit.mixture.families.counts import Counts, CountsParams
from tacit.mixture.families.family import Cells
from tacit.mixture.families.gamma import Gamma, GammaParams
from tacit.mixture.families.product import Product
from tacit.mixture.families.von_mises import VonMises, VonMisesParams, concentration, ratio
from tacit.mixture.mixture import Mixture, MixtureParams

W = np.array([0.6, 0.4])


def counts(n: int = 3000, smoothing: float = 0.0, gaps: float = 0.0) -> tuple[Counts, CountsParams, MemorySource]:
    rng = np.random.default_rng(0)
    θ = CountsParams(np.array([[2.0, 1.0], [9.0, 6.0]]), np.array([[np.inf, 0.8], [np.inf, 5.0]]))
    blank = Counts(("poisson", "negative_binomial"), (0, 1), np.ones(2), (0, 0), smoothing)
    out = Cells(np.empty((n, 0)), np.empty((n, 2), np.int32))
    blank.sample(θ, rng.choice(2, n, p=W), rng, out)
    out.codes[rng.random(out.codes.shape) < gaps] = -1
    rows = MemorySource(Block(0, out.numbers, codes=out.codes))
    return blank.over(rows), θ, rows


def gamma(n: int = 3000, smoothing: float = 0.0, gaps: float = 0.0) -> tuple[Gamma, GammaParams, MemorySource]:
    rng = np.random.default_rng(1)
    θ = GammaParams(np.array([[1.0, 50.0], [4.0, 10.0]]), np.array([[2.0, 30.0], [9.0, 1.0]]))
    blank = Gamma((0, 1), np.ones(2), np.ones(2), 1e-3, smoothing)
    out = Cells(np.empty((n, 2)), np.empty((n, 0), np.int32))
    blank.sample(θ, rng.choice(2, n, p=W), rng, out)
    out.numbers[rng.random(out.numbers.shape) < gaps] = np.nan
    rows = MemorySource(Block(0, out.numbers))
    return blank.over(rows), θ, rows


def correlated(
    n: int = 3000, smoothing: float = 0.0, gaps: float = 0.0
) -> tuple[Correlated, CorrelatedParams, MemorySource]:
    rng = np.random.default_rng(2)
    A = rng.normal(size=(2, 3, 3))
    θ = CorrelatedParams(np.array([[0.0, 0, 0], [6.0, -4, 5]]), A @ np.swapaxes(A, 1, 2) + 0.3 * np.eye(3))
    blank = Correlated((0, 1, 2), np.zeros(3), np.ones(3), np.zeros(3), 1e-3, smoothing)
    out = Cells(np.empty((n, 3)), np.empty((n, 0), np.int32))
    blank.sample(θ, rng.choice(2, n, p=W), rng, out)
    out.numbers[rng.random(out.numbers.shape) < gaps] = np.nan
    rows = MemorySource(Block(0, out.numbers))
    return blank.over(rows), θ, rows


def von_mises(
    n: int = 3000, smoothing: float = 0.0, gaps: float = 0.0
) -> tuple[VonMises, VonMisesParams, MemorySource]:
    rng = np.random.default_rng(3)
    θ = VonMisesParams(np.array([[23.0, 90.0], [12.0, -100.0]]), np.array([[4.0, 0.8], [9.0, 30.0]]))
    none, period, low = np.zeros(2), np.array([24.0, 360.0]), np.array([0.0, -180.0])
    blank = VonMises((0, 1), period, low, none, none, none, 1e-3, smoothing)
    out = Cells(np.empty((n, 2)), np.empty((n, 0), np.int32))
    blank.sample(θ, rng.choice(2, n, p=W), rng, out)
    out.numbers[rng.random(out.numbers.shape) < gaps] = np.nan
    rows = MemorySource(Block(0, out.numbers))
    family = VonMises.of(rows, (0, 1), period, none, 1e-3, smoothing)
    np.testing.assert_array_equal(family.low, low)
    return family, θ, rows


MAKE = {"counts": counts, "gamma": gamma, "correlated": correlated, "von_mises": von_mises}


def started(family: Any, rows: MemorySource, seed: int = 0) -> tuple[Mixture, MixtureParams]:
    model = Mixture(2, Product((family,)))
    z = np.random.default_rng(seed).integers(0, 2, rows.shape[0] if rows.shape[1] else rows.block.n)
    return model, model.from_labels(rows, z, np.random.default_rng(0))[0]


@pytest.mark.parametrize("smoothing", [0.0, 1.0])
@pytest.mark.parametrize("gaps", [0.0, 0.3])
@pytest.mark.parametrize("name", MAKE)
def test_the_objective_never_falls(name, gaps, smoothing):
    family, _, rows = MAKE[name](400, smoothing, gaps)
    model, params = started(family, rows)
    history = em(model, rows, params, tol=0, max_iter=40, rng=np.random.default_rng(0)).history
    assert np.all(np.diff([float(h) for h in history]) > -1e-10)


@pytest.mark.parametrize("name", MAKE)
def test_draws_give_the_parameters_back(name):
    family, θ, rows = MAKE[name](6000, gaps=0.1)
    model = Mixture(2, Product((family,)))
    params = MixtureParams(np.log(W), (θ,))
    fit = em(model, rows, params, tol=1e-7, max_iter=200, rng=np.random.default_rng(0))
    np.testing.assert_allclose(np.exp(fit.params.log_weights), W, atol=0.05)
    for found, true in zip(fit.params.theta[0], θ, strict=True):
        finite = np.isfinite(true)
        np.testing.assert_array_equal(np.isfinite(found), finite)
        scale = np.abs(true[finite]) if name != "correlated" else 3.0
        assert (np.abs(found[finite] - true[finite]) <= 0.3 * scale + 0.05).all()


@pytest.mark.parametrize("name", ["counts", "gamma"])
def test_one_component_without_a_prior_is_maximum_likelihood(name):
    family, _, rows = MAKE[name](800)
    model = Mixture(1, Product((family,)))
    params, _ = model.from_labels(rows, np.zeros(800, int), np.random.default_rng(0))
    θ = params.theta[0]
    if name == "gamma":
        a, _, scale = stats.gamma.fit(rows.block.x[:, 0], floc=0)
        assert θ.shape[0, 0] == pytest.approx(a, rel=1e-5)
        assert θ.mean[0, 0] == pytest.approx(a * scale, rel=1e-5)
        return
    x = rows.block.codes[:, 1]
    best = optimize.minimize_scalar(
        lambda t: -stats.nbinom.logpmf(x, np.exp(t), np.exp(t) / (np.exp(t) + x.mean())).sum(), bounds=(-5, 5)
    )
    assert θ.shape[0, 1] == pytest.approx(np.exp(best.x), rel=1e-3)
    assert θ.mean[0].tolist() == pytest.approx(rows.block.codes.mean(axis=0).tolist())


@pytest.mark.parametrize("name", MAKE)
def test_the_kernel_gives_what_python_gives(name):
    family, θ, rows = MAKE[name](300)
    part = family.native(θ)
    if part is None:
        pytest.skip("this family runs in Python")
    model, params = Mixture(2, Product((family,))), MixtureParams(np.log(W), (θ,))
    native = model.expect(params, rows.block)
    r = model.posterior(params, rows.block).resp
    python = family.stats(θ, rows.block, r)
    np.testing.assert_allclose(
        model.log_joint(params, rows.block), family.log_prob(θ, rows.block) + np.log(W), rtol=1e-9
    )
    for mine, other in zip(native.parts[0], python[:3], strict=True):  # what gaps hide is 0 here
        np.testing.assert_allclose(mine, other, rtol=1e-6, atol=1e-6)


def test_directions_across_the_end_of_the_period_are_near_each_other():
    family, _, _ = von_mises(50)
    rows = MemorySource(Block(0, np.array([[23.5, 10.0], [0.5, 10.0], [23.0, 10.0], [1.0, 10.0]])))
    θ = family.update(family.stats(family.blank(1, rows), rows.block, np.ones((4, 1))), family.blank(1, rows))
    assert min(θ.mean[0, 0], 24 - θ.mean[0, 0]) < 1e-9
    t = 2 * np.pi / 24 * np.array([0.5, 1.0])
    assert ratio(θ.kappa)[0, 0] == pytest.approx(np.cos(t).mean())  # R of the four, by hand
    turned = MemorySource(Block(0, rows.block.x + np.array([24.0, -720.0])))
    np.testing.assert_allclose(family.log_prob(θ, turned.block), family.log_prob(θ, rows.block), rtol=1e-9)


def test_one_von_mises_without_a_prior_is_maximum_likelihood():
    family, _, rows = von_mises(800)
    θ = Mixture(1, family).from_labels(rows, np.zeros(800, int), np.random.default_rng(0))[0].theta
    t = rows.block.x[:, 1] * np.pi / 180
    κ, μ, _ = stats.vonmises.fit(t, fscale=1)
    assert θ.kappa[0, 1] == pytest.approx(κ, rel=1e-5)
    assert np.cos(θ.mean[0, 1] * np.pi / 180 - μ) == pytest.approx(1)


@pytest.mark.parametrize("R", [0.0, 1e-9, 0.3, 0.9, 0.9999, 1 - 1e-8])
def test_concentration_solves_for_the_resultant(R):
    assert ratio(concentration(np.array([R])))[0] == pytest.approx(R, abs=1e-12)
    κ = concentration(np.array([1.0]))
    assert np.isfinite(κ).all()


def test_places_on_the_circle_have_the_moments_of_draws():
    family, θ, _ = von_mises(10)
    out = Cells(np.empty((60000, 2)), np.empty((60000, 0), np.int32))
    family.sample(θ, np.repeat([0, 1], 30000), np.random.default_rng(0), out)
    t = out.numbers * 2 * np.pi / family.period
    place = np.stack([np.cos(t), np.sin(t)], axis=2).reshape(60000, 4)
    means, within = family.within(θ, np.array([0.5, 0.5]))
    np.testing.assert_allclose(means, [place[:30000].mean(axis=0), place[30000:].mean(axis=0)], atol=0.02)
    both = (np.cov(place[:30000].T) + np.cov(place[30000:].T)) / 2
    found = np.where(np.kron(np.eye(2), np.ones((2, 2))) > 0, both, 0)
    np.testing.assert_allclose(within, found, atol=0.02)


def test_sums_over_counts_grow_with_the_table():
    family, θ, rows = counts(50)
    wide = Counts(family.kinds, family.at, family.overall, tuple(m + 3 for m in family.most), 0.0)
    r = np.ones((50, 2)) / 2
    padded = wide.padded(family.stats(θ, rows.block, r), family.sizes)
    np.testing.assert_array_equal(padded.counts, wide.stats(θ, rows.block, r).counts)


def test_gaps_in_a_full_covariance_by_conditioning():
    """log p of the observed cells, and E[x] of the missing ones, against scipy and the textbook formula."""
    family, θ, rows = correlated(200, gaps=0.4)
    x = rows.block.x
    found = family.log_prob(θ, rows.block)
    for i in range(40):
        o = np.flatnonzero(~np.isnan(x[i]))
        for k in range(2):
            Σ = θ.covariance[k]
            expected = stats.multivariate_normal.logpdf(x[i, o], θ.mean[k, o], Σ[np.ix_(o, o)]) if len(o) else 0.0
            assert found[i, k] == pytest.approx(expected)
    r = np.zeros((200, 2))
    row = next(i for i in range(200) if np.isnan(x[i]).sum() == 1)
    r[row, 0] = 1.0
    sums = family.stats(θ, rows.block, r)
    (m,), o = np.flatnonzero(np.isnan(x[row])), np.flatnonzero(~np.isnan(x[row]))
    Σ = θ.covariance[0]
    gain = np.linalg.solve(Σ[np.ix_(o, o)], Σ[o, m])
    assert sums.first[0, m] == pytest.approx(gain @ (x[row, o] - θ.mean[0, o]))
    assert sums.second[0, m, m] == pytest.approx(sums.first[0, m] ** 2 + Σ[m, m] - gain @ Σ[o, m])
    assert sums.counts.tolist() == [1.0, 0.0]


def test_weight_two_is_the_row_twice():
    for make in MAKE.values():
        family, θ, rows = make(60, gaps=0.2)
        r = np.random.default_rng(0).dirichlet([1, 1], 60)
        double = np.arange(60).repeat(2)
        twice = family.stats(θ, MemorySource(rows.block).take(double), r[double])
        once = family.stats(θ, rows.block, 2 * r)
        for a, b in zip(twice, once, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)
