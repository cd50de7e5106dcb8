"""The EM loop on a model small enough to work by hand: flips of two biased coins (Do and Batzoglou 2008)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

from tacit.data.block import Block
from tacit.data.memory import MemorySource
from tacit.em import LatentModel, em


class Coins(NamedTuple):
    bias: np.ndarray  # [2], probability of heads


class CoinStats(NamedTuple):
    objective: float
    weight: float
    heads: np.ndarray  # [2], expected number of heads thrown with each coin
    flips: np.ndarray  # [2]


class TwoCoins(LatentModel[Coins, CoinStats]):
    """Each row is ten flips of one of two coins, chosen with probability 1/2: x = number of heads."""

    def init(self, source, rng):
        return Coins(rng.random(2))

    def expect(self, params, block):
        h = block.x  # [b, 1]
        log_joint = np.log(0.5) + h * np.log(params.bias) + (10 - h) * np.log1p(-params.bias)  # [b, 2]
        log_prob = np.logaddexp(*log_joint.T)
        r = np.exp(log_joint - log_prob[:, None]) * block.w[:, None]
        return CoinStats(float(block.w @ log_prob), float(block.w.sum()), r.T @ h[:, 0], 10 * r.sum(axis=0))

    def maximise(self, stats, params):
        return Coins(stats.heads / stats.flips)


SETS = MemorySource(Block(0, np.array([[5.0], [9.0], [8.0], [4.0], [7.0]])))
START = Coins(np.array([0.6, 0.5]))


def run(model=None, source=SETS, **kwargs):
    options = {"tol": 1e-9, "max_iter": 200, "rng": np.random.default_rng(0)} | kwargs
    return em(model or TwoCoins(), source, START, **options)


def test_the_published_steps():
    """Figure 1b of Do and Batzoglou: after one step (0.71, 0.58), after ten (0.80, 0.52)."""
    np.testing.assert_allclose(run(max_iter=1).params.bias, [0.71, 0.58], atol=5e-3)
    np.testing.assert_allclose(run(max_iter=10, tol=0).params.bias, [0.80, 0.52], atol=5e-3)


def test_the_reported_objective_is_that_of_the_returned_parameters():
    for max_iter in (0, 1, 5, 200):
        fit = run(max_iter=max_iter)
        stats = TwoCoins().expect(fit.params, SETS.block)
        assert fit.objective == fit.history[-1] == stats.objective / stats.weight


def test_the_objective_never_falls_and_the_loop_says_why_it_ended():
    fit = run(trace=True)
    assert np.all(np.diff(fit.history) >= 0)
    assert fit.converged
    assert len(fit.history) == len(fit.trace) == fit.n_iter + 1
    cut = run(max_iter=3, tol=0)
    assert not cut.converged
    assert cut.n_iter == 3


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_blocks_of_any_size_give_the_same_fit(rows):
    class Capped(TwoCoins):
        def block_rows(self, params):
            return rows

    np.testing.assert_allclose(run(Capped()).params.bias, run().params.bias, rtol=1e-12)


def test_weight_two_is_the_row_twice():
    x = SETS.block.x
    weighted = MemorySource(Block(0, x, weight=np.array([1.0, 2, 0, 1, 3])))
    repeated = MemorySource(Block(0, np.repeat(x, [1, 2, 0, 1, 3], axis=0)))
    np.testing.assert_allclose(run(source=weighted).params.bias, run(source=repeated).params.bias, rtol=1e-10)


def test_the_test_restarts_after_a_repair():
    class Breaks(TwoCoins):
        """Throws the first coin away after the second step, once."""

        def repair(self, params, stats, source, rng):
            return (Coins(np.array([0.1, 0.5])), 1) if abs(stats.objective - self.at) < 1e-12 else (params, 0)

    model = Breaks()
    model.at = run(max_iter=1).objective * 5
    fit = run(model)
    assert fit.repairs == [(2, 1)]
    assert fit.converged
    falls = np.flatnonzero(np.diff(fit.history) < 0)
    assert list(falls) == [1]  # only across the repair


def test_a_prior_enters_the_objective_once():
    class Prior(TwoCoins):
        def log_prior(self, params):
            return -7.0

    assert run(Prior(), max_iter=0).objective == pytest.approx(run(max_iter=0).objective - 7 / 5)


def test_every_pass_is_reported():
    seen = []
    fit = run(max_iter=4, tol=0, on_pass=lambda i, objective: seen.append((i, objective)))
    assert seen == list(enumerate(fit.history))
