"""One column of a mixture, as a query sees it: K distributions that must be distributions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats

from tacit.mixture.families.categorical import CategoricalColumn
from tacit.mixture.families.column import Interval, Levels
from tacit.mixture.families.normal import NormalColumn

NORMAL = NormalColumn(np.array([0.0, 3.0, -2.0]), np.array([1.0, 0.5, 4.0]))


@pytest.mark.parametrize(("low", "high"), [(-1.0, 2.0), (0.5, np.inf), (-np.inf, -3.0), (8.0, 9.0), (-30.0, -20.0)])
def test_a_normal_between_two_ends_is_that_of_scipy(low, high):
    event = Interval(low, high)
    for k, (μ, σ) in enumerate(zip(NORMAL.mu, NORMAL.sigma, strict=True)):
        a, b = (low - μ) / σ, (high - μ) / σ
        if np.exp(NORMAL.log_mass(event)[k]) < 1e-100:
            continue
        reference = stats.truncnorm(a, b, μ, σ)
        assert NORMAL.mean(event)[k] == pytest.approx(reference.mean(), rel=1e-6)
        assert NORMAL.variance(event)[k] == pytest.approx(reference.var(), rel=2e-3, abs=1e-9)
        flip = -1 if a > 0 else 1
        ends = sorted((flip * a, flip * b))
        assert NORMAL.log_mass(event)[k] == pytest.approx(np.log(np.diff(stats.norm.cdf(ends))[0]), rel=1e-9)
        drawn = NORMAL.sample(np.full(4000, k), np.random.default_rng(0), event)
        assert low <= drawn.min()
        assert drawn.max() <= high
        assert stats.kstest(drawn, reference.cdf).pvalue > 1e-3


def test_a_normal_without_an_event():
    x = np.array([-1.0, 0.3, 5.0])
    np.testing.assert_allclose(NORMAL.log_prob(x), stats.norm.logpdf(x[:, None], NORMAL.mu, NORMAL.sigma))
    np.testing.assert_allclose(NORMAL.cdf(x), stats.norm.cdf(x[:, None], NORMAL.mu, NORMAL.sigma))
    mass = integrate.quad(lambda v: np.exp(NORMAL.log_prob(np.array([v]))[0, 1]), 0, 6)[0]
    assert mass == pytest.approx(1, abs=1e-8)


def test_the_mass_of_everything_is_one_and_of_nothing_zero():
    np.testing.assert_allclose(NORMAL.log_mass(Interval(-np.inf, np.inf)), 0, atol=1e-15)
    assert np.isneginf(NORMAL.log_mass(Interval(1.0, 1.0))).all()


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
