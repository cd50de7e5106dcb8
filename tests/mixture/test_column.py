"""One column of a mixture, as a query sees it: K distributions that must be distributions."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from scipy import integrate, stats

from tacit.mixture.families.categorical import CategoricalColumn
from tacit.mixture.families.column import ColumnDistribution, Interval, Levels
from tacit.mixture.families.counts import CountColumn
from tacit.mixture.families.gamma import GammaColumn
from tacit.mixture.families.normal import NormalColumn
from tacit.mixture.families.transformed import AtomicColumn, LogNormalColumn
from tacit.mixture.families.von_mises import VonMisesColumn

NORMAL = NormalColumn(np.array([0.0, 3.0, -2.0]), np.array([1.0, 0.5, 4.0]))
LOGNORMAL = LogNormalColumn(NormalColumn(np.array([0.0, 2.0, -1.0]), np.array([1.0, 0.2, 0.5])))
GAMMA = GammaColumn(np.array([1.0, 20.0, 0.5]), np.array([0.7, 40.0, 2.0]))
COUNT = CountColumn(np.array([0.3, 4.0, 12.0]), np.array([np.inf, 1.5, 1e4]))
ATOMIC = AtomicColumn(np.log([[0.2, 0.7, 0.1], [0.9, 0.05, 0.05], [0.5, 0.1, 0.4]]), LOGNORMAL, (0.0, 2.5))
ANGLE = VonMisesColumn(np.array([0.2, 3.0, 6.0]), np.array([0.5, 8.0, 900.0]), 2 * np.pi, 0.0)

SCIPY: dict[str, tuple[ColumnDistribution, list[object]]] = {
    "normal": (NORMAL, [stats.norm(m, s) for m, s in zip(NORMAL.mu, NORMAL.sigma, strict=True)]),
    "lognormal": (
        LOGNORMAL,
        [stats.lognorm(s, scale=np.exp(m)) for m, s in zip(LOGNORMAL.log.mu, LOGNORMAL.log.sigma, strict=True)],
    ),
    "gamma": (GAMMA, [stats.gamma(a, scale=m / a) for m, a in zip(GAMMA.mu, GAMMA.shape, strict=True)]),
    "count": (COUNT, [stats.poisson(0.3), stats.nbinom(1.5, 1.5 / 5.5), stats.nbinom(1e4, 1e4 / (1e4 + 12))]),
}
EVENTS = [(-1.0, 2.0), (0.5, np.inf), (-np.inf, 1.0), (3.0, 5.0), (-np.inf, np.inf), (7.5, 8.5)]


@pytest.mark.parametrize("name", SCIPY)
def test_density_distribution_and_moments_are_those_of_scipy(name):
    column, references = SCIPY[name]
    x = np.array([0.0, 1.0, 2.0, 7.0, 19.0]) if name == "count" else np.array([-1.0, 0.4, 1.0, 5.0, 19.0])
    for k, reference in enumerate(references):
        log_p = reference.logpmf(x) if name == "count" else reference.logpdf(x)
        np.testing.assert_allclose(column.log_prob(x)[:, k], log_p, rtol=1e-7)
        np.testing.assert_allclose(column.cdf(x)[:, k], reference.cdf(x), rtol=1e-7, atol=1e-12)
        np.testing.assert_allclose(column.mean()[k], reference.mean())
        np.testing.assert_allclose(column.variance()[k], reference.var(), rtol=1e-6)


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("name", SCIPY)
def test_an_interval_has_the_probability_mean_and_variance_of_its_part_of_the_density(name, event):
    column, references = SCIPY[name]
    low, high = event
    for k, reference in enumerate(references):
        if name == "count":
            x = np.arange(max(np.floor(low) + 1, 0), min(np.floor(high), 400) + 1)
            p = reference.pmf(x)
        else:
            a, b = (float(np.clip(v, reference.ppf(1e-13), reference.ppf(1 - 1e-13))) for v in event)
            x, w = np.polynomial.legendre.leggauss(400)
            edges = reference.ppf(np.linspace(*reference.cdf([a, b]), 9))
            edges[[0, -1]] = a, b
            x = np.concatenate([(hi + lo) / 2 + (hi - lo) / 2 * x for lo, hi in pairwise(edges)])
            p = np.concatenate([(hi - lo) / 2 * w for lo, hi in pairwise(edges)]) * reference.pdf(x)
        mass = p.sum()
        if mass < 1e-8:
            continue
        found = Interval(low, high)
        assert np.exp(column.log_mass(found)[k]) == pytest.approx(mass, rel=2e-5)
        mean = p @ x / mass
        assert column.mean(found)[k] == pytest.approx(mean, rel=1e-4, abs=1e-9)
        assert column.variance(found)[k] == pytest.approx(p @ (x - mean) ** 2 / mass, rel=2e-2, abs=1e-6)


def inside(column: ColumnDistribution, k: int, event: Interval) -> Callable[[np.ndarray], np.ndarray]:
    """The distribution function of component k within an interval."""
    below, mass = column.cdf(np.array([event.low]))[0, k], np.exp(column.log_mass(event)[k])
    return lambda x: np.clip((column.cdf(np.clip(x, event.low, event.high))[:, k] - below) / mass, 0, 1)


@pytest.mark.parametrize("column", [NORMAL, LOGNORMAL, GAMMA, ATOMIC, COUNT, ANGLE], ids=lambda c: type(c).__name__)
@pytest.mark.parametrize("event", [Interval(0.5, 3.0), Interval(-np.inf, 2.0), Interval(1.5, np.inf)])
def test_draws_from_an_interval_lie_in_it_as_the_density_does(column, event):
    for k in range(column.K):
        if column.log_mass(event)[k] < -20:
            continue
        drawn = column.sample(np.full(3000, k), np.random.default_rng(0), event)
        assert event.low < drawn.min() or drawn.min() == pytest.approx(event.low)
        assert drawn.max() <= event.high
        at = np.quantile(drawn, [0.2, 0.5, 0.8], method="inverted_cdf")
        share = (drawn[:, None] <= at).mean(axis=0)
        np.testing.assert_allclose(inside(column, k, event)(at), share, atol=0.04)


@pytest.mark.parametrize("column", [NORMAL, LOGNORMAL, GAMMA, ATOMIC, COUNT, ANGLE], ids=lambda c: type(c).__name__)
def test_draws_have_the_mean_and_variance(column):
    for k in range(column.K):
        drawn = column.sample(np.full(20000, k), np.random.default_rng(1))
        sd = np.sqrt(column.variance()[k])
        assert drawn.mean() == pytest.approx(column.mean()[k], abs=5 * sd / np.sqrt(20000))
        assert drawn.std() == pytest.approx(sd, rel=0.12)


@pytest.mark.parametrize("column", [NORMAL, LOGNORMAL, GAMMA, ATOMIC, COUNT, ANGLE], ids=lambda c: type(c).__name__)
def test_intervals_are_additive_and_everything_has_probability_one(column):
    np.testing.assert_allclose(column.log_mass(Interval(-np.inf, np.inf)), 0, atol=1e-12)
    assert np.isneginf(column.log_mass(Interval(1.0, 1.0))).all()
    cuts = np.array([-np.inf, -1.0, 0.0, 0.7, 2.5, 4.0, np.inf])
    each = np.exp(column.log_mass(Interval(cuts[:-1], cuts[1:])))  # [6, K], many intervals at once
    np.testing.assert_allclose(each.sum(axis=0), 1)
    for i, (low, high) in enumerate(pairwise(cuts)):
        np.testing.assert_allclose(each[i], np.exp(column.log_mass(Interval(float(low), float(high)))), rtol=1e-9)


@pytest.mark.parametrize(("low", "high"), [(-1.0, 2.0), (0.5, np.inf), (-np.inf, -3.0), (8.0, 9.0), (-30.0, -20.0)])
def test_a_normal_far_in_its_tail(low, high):
    event = Interval(low, high)
    for k, (μ, σ) in enumerate(zip(NORMAL.mu, NORMAL.sigma, strict=True)):
        a, b = (low - μ) / σ, (high - μ) / σ
        if np.exp(NORMAL.log_mass(event)[k]) < 1e-100:
            continue
        reference = stats.truncnorm(a, b, μ, σ)
        assert NORMAL.mean(event)[k] == pytest.approx(reference.mean(), rel=1e-6)
        assert NORMAL.variance(event)[k] == pytest.approx(reference.var(), rel=2e-3, abs=1e-9)
        ends = sorted((-a, -b) if a > 0 else (a, b))
        assert NORMAL.log_mass(event)[k] == pytest.approx(np.log(np.diff(stats.norm.cdf(ends))[0]), rel=1e-9)
        drawn = NORMAL.sample(np.full(4000, k), np.random.default_rng(0), event)
        assert stats.kstest(drawn, reference.cdf).pvalue > 1e-3


def test_an_angle_is_that_of_scipy_and_turns_around():
    x = np.array([0.0, 0.1, 3.0, 6.2])
    for k, (μ, κ) in enumerate(zip(ANGLE.mu, ANGLE.kappa, strict=True)):
        np.testing.assert_allclose(ANGLE.log_prob(x)[:, k], stats.vonmises(κ).logpdf(x - μ), rtol=1e-9)
        below = stats.vonmises(κ).cdf(x - μ) - stats.vonmises(κ).cdf(-μ)
        np.testing.assert_allclose(ANGLE.cdf(x)[:, k], below, atol=2e-7)
    np.testing.assert_allclose(ANGLE.log_prob(x + 4 * np.pi), ANGLE.log_prob(x), rtol=1e-6)
    # far from the mode: ∫ exp(κ (cos t - 1)) dt over [a, b], t from the mode, by its largest value and slope
    low, high = 2.0, 2.5
    κ, edge = ANGLE.kappa[2], low - (6.0 - 2 * np.pi)
    tail = κ * (np.cos(edge) - 1) - np.log(κ * abs(np.sin(edge))) + 0.5 * np.log(κ / (2 * np.pi))
    assert ANGLE.log_mass(Interval(low, high))[2] == pytest.approx(tail, abs=0.01)


def test_a_point_mass_is_a_probability_and_the_rest_a_density():
    p = np.exp(ATOMIC.log_prob(np.array([0.0, 2.5])))
    np.testing.assert_allclose(p, [[0.7, 0.05, 0.1], [0.1, 0.05, 0.4]])
    for k in range(3):
        dense = integrate.quad(lambda x, k=k: np.exp(ATOMIC.log_prob(np.array([x]))[0, k]), 0, 60, limit=400)[0]
        assert dense + p[:, k].sum() == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(ATOMIC.cdf(np.array([-1e-9]))[0], 0, atol=1e-12)
    np.testing.assert_allclose(ATOMIC.cdf(np.array([0.0]))[0], p[0])
    event = Interval(0.0, 2.5)  # holds 2.5 and not 0
    np.testing.assert_allclose(
        np.exp(ATOMIC.log_mass(event)), p[1] + np.exp(ATOMIC.log_p[:, 0]) * LOGNORMAL.cdf(np.array([2.5]))[0]
    )


def test_levels_of_a_category():
    p = np.array([[0.2, 0.5, 0.3], [0.9, 0.1, 0.0]])
    with np.errstate(divide="ignore"):
        column = CategoricalColumn(np.log(p))
    np.testing.assert_allclose(np.exp(column.log_prob(np.array([0, 2]))), p.T[[0, 2]])
    np.testing.assert_allclose(np.exp(column.log_mass(Levels((0, 2)))), [0.5, 0.9])
    np.testing.assert_allclose(column.probabilities().sum(axis=1), 1)
    drawn = column.sample(np.zeros(20000, int), np.random.default_rng(0), Levels((0, 2)))
    assert np.bincount(drawn, minlength=3)[1] == 0
    assert (drawn == 0).mean() == pytest.approx(0.4, abs=0.02)
