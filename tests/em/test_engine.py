"""The EM loops on a model small enough to work by hand: flips of two biased coins (Do and Batzoglou 2008)."""

from __future__ import annotations

import copy
import pickle
from typing import NamedTuple

import numpy as np
import pytest

from tacit import as_source
from tacit.cluster.kmeans import Lloyd
from tacit.data.block import Block
from tacit.data.memory import MemorySource
from tacit.em import LatentModel, Online, Pass, em, online_em, online_step, posterior, restarts
from tacit.errors import ArgumentError
from tacit.mixture.families.gaussian import Gaussian
from tacit.mixture.mixture import Mixture


class Coins(NamedTuple):
    bias: np.ndarray  # [2], probability of heads


class CoinStats(NamedTuple):
    objective: float
    entropy: float
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
        r, *evidence = posterior(log_joint, block)
        return CoinStats(*evidence, r.T @ h[:, 0], 10 * r.sum(axis=0))

    def maximise(self, stats, params):
        return Coins(stats.heads / stats.flips)

    def expected(self, stats, params):
        tails = stats.flips - stats.heads
        return stats.weight * np.log(0.5) + stats.heads @ np.log(params.bias) + tails @ np.log1p(-params.bias)


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


def test_the_bound_by_enumeration():
    """J(q, θ) = Σ_i Σ_z q_i(z) (log p(x_i, z | θ) - log q_i(z)), term by term, at both half-steps."""
    fit = run(trace=True, max_iter=3, tol=0)
    h = SETS.block.x[:, 0]

    def joint(coins, i, z):
        return 0.5 * coins.bias[z] ** h[i] * (1 - coins.bias[z]) ** (10 - h[i])

    def bound(at, coins):
        total = 0.0
        for i in range(5):
            for z in (0, 1):
                q = joint(at, i, z) / (joint(at, i, 0) + joint(at, i, 1))
                total += q * (np.log(joint(coins, i, z)) - np.log(q))
        return total / 5

    for before, after, step in zip(fit.trace[:-1], fit.trace[1:], fit.history, strict=False):
        assert step.after_e == pytest.approx(bound(before, before), rel=1e-12)
        assert step.after_m == pytest.approx(bound(before, after), rel=1e-12)


def test_a_pass_is_a_number_that_knows_its_half_steps():
    step = run(max_iter=1).history[0]
    assert step + 1 == step.objective + 1
    for twin in (copy.deepcopy(step), pickle.loads(pickle.dumps(step))):
        assert repr(twin) == repr(step)
    assert np.isnan(run(max_iter=1).history[-1].after_m)
    assert np.isnan(Pass(-1.0).after_e)


def test_posterior_keeps_known_components_and_impossible_rows():
    log_joint = np.log([[0.1, 0.3], [0.2, 0.2]])
    known = Block(0, np.zeros((2, 1)), weight=np.array([1.0, 3.0]), known=np.array([1, -1], dtype=np.int32))
    r, objective, entropy, weight = posterior(log_joint, known)
    np.testing.assert_allclose(r, [[0, 1], [1.5, 1.5]])
    assert objective == pytest.approx(np.log(0.3) + 3 * np.log(0.4))
    assert entropy == pytest.approx(3 * np.log(2))
    assert weight == 4
    never = posterior(np.full((1, 2), -np.inf), Block(0, np.zeros((1, 1))))
    assert never.objective == -np.inf
    assert np.isfinite(never.resp).all()
    assert never.entropy == 0


# Several starts.


def test_restarts_find_what_the_best_start_finds_and_tell_it_as_one_run():
    starts = [Coins(np.array(bias)) for bias in ([0.5, 0.5], [0.9, 0.2], [0.6, 0.5], [0.3, 0.31], [0.01, 0.02])]
    options = {"tol": 1e-10, "max_iter": 300, "rng": np.random.default_rng(0)}
    alone = max((em(TwoCoins(), SETS, s, **options) for s in starts), key=lambda fit: fit.objective)
    for keep in (1, 2, 5, 9):
        fit = restarts(TwoCoins(), SETS, starts, steps=3, keep=keep, **options)
        np.testing.assert_allclose(np.sort(fit.params.bias), np.sort(alone.params.bias), atol=1e-4)
        assert len(fit.history) == fit.n_iter + 1 <= 301
        assert np.all(np.diff(fit.history) >= -1e-12)
        assert not np.isnan([p.after_m for p in fit.history[:-1]]).any()
        assert fit.converged


def test_restarts_drop_losers_early():
    class Counts(TwoCoins):
        def __init__(self):
            self.passes = 0

        def expect(self, params, block):
            self.passes += 1
            return super().expect(params, block)

    rng = np.random.default_rng(0)
    model, longer = Counts(), Counts()
    fit = restarts(model, SETS, 16, tol=0, max_iter=60, steps=2, rng=rng)
    assert not fit.converged
    assert fit.n_iter == 60
    for _ in range(16):
        em(longer, SETS, longer.init(SETS, rng), tol=0, max_iter=60, rng=rng)
    assert model.passes < longer.passes / 5


def test_restarts_keep_to_the_steps_they_have_and_need_a_start():
    options = {"tol": 0, "rng": np.random.default_rng(0)}
    for max_iter in (0, 1, 4):
        assert restarts(TwoCoins(), SETS, 4, steps=3, max_iter=max_iter, **options).n_iter == max_iter
    with pytest.raises(ArgumentError, match="at least one start"):
        restarts(TwoCoins(), SETS, [], max_iter=1, **options)


# Batches.

RNG = np.random.default_rng(0)
HEADS = RNG.binomial(10, np.where(RNG.random(20_000) < 0.5, 0.25, 0.8)).astype(float)[:, None]
SIDE = RNG.integers(0, 3, 6000)
CLOUDS = RNG.normal(size=(6000, 2)) + 5 * np.eye(3)[SIDE][:, :2]


@pytest.mark.parametrize("decay", [0.6, 1.0])
def test_one_batch_of_all_rows_is_one_step_of_em(decay):
    w = np.random.default_rng(0).integers(0, 3, 5).astype(float)
    source = SETS.weighing(w)
    wanted = run(source=source, max_iter=1).params
    fit = online_em(TwoCoins(), source, START, rng=np.random.default_rng(0), batch_size=10, epochs=1, decay=decay)
    np.testing.assert_allclose(fit.params.bias, wanted.bias, rtol=1e-12)
    stats = TwoCoins().expect(fit.params, source.block)
    assert fit.objective == fit.history[-1] == pytest.approx(stats.objective / stats.weight, rel=1e-14)


def test_online_em_comes_near_in_one_epoch():
    source = as_source(HEADS)
    fit = online_em(TwoCoins(), source, START, rng=np.random.default_rng(0), batch_size=200, epochs=1)
    np.testing.assert_allclose(np.sort(fit.params.bias), [0.25, 0.8], atol=0.02)
    assert fit.n_iter == 100
    best = run(source=source).objective
    assert best - 1e-4 < fit.objective <= best + 1e-9


@pytest.mark.parametrize("kind", ["full", "tied", "diag", "spherical"])
def test_sums_about_moving_means_stay_right_online(kind):
    """Far from the origin: sums of old batches are moved to the new means, and no digit is lost."""
    source = as_source(CLOUDS + 1e6)
    model = Mixture(3, Gaussian(kind, 1e-6))
    near = np.where(np.random.default_rng(2).random(6000) < 0.7, SIDE, 0)
    start, _ = model.from_labels(source, near, np.random.default_rng(0))
    best = em(model, source, start, tol=1e-9, max_iter=300, rng=np.random.default_rng(0)).objective
    fit = online_em(model, source, start, rng=np.random.default_rng(0), batch_size=300, epochs=10)
    assert fit.objective == pytest.approx(best, abs=0.02)


def test_mini_batch_k_means_needs_no_new_model():
    source = as_source(CLOUDS)
    start = CLOUDS[:3].copy()
    best = em(Lloyd(3), source, start, tol=0, max_iter=300, rng=np.random.default_rng(0)).objective
    fit = online_em(Lloyd(3), source, start, rng=np.random.default_rng(0), batch_size=200)
    assert fit.objective == pytest.approx(best, rel=0.01)


def test_a_stream_counts_every_row_the_same_when_decay_is_one():
    blocks = [Block(0, HEADS[lo : lo + 500]) for lo in range(0, 20_000, 500)]
    state = Online(START)
    for block in blocks:
        state = online_step(TwoCoins(), state, block, decay=1.0)
    assert state.weight == 20_000
    assert state.stats.weight == pytest.approx(1.0)
    np.testing.assert_allclose(np.sort(state.params.bias), [0.25, 0.8], atol=0.05)
    nothing = Block(0, HEADS[:5], weight=np.zeros(5))
    assert online_step(TwoCoins(), state, nothing) is state


def test_a_prior_counts_against_all_rows_not_against_a_batch():
    class Prior(TwoCoins):  # a Beta prior worth 2000 flips of each coin at 1/2
        def maximise(self, stats, params):
            return Coins((stats.heads + 1000) / (stats.flips + 2000))

        def log_prior(self, params):
            return float(1000 * (np.log(params.bias) + np.log1p(-params.bias)).sum())

    source = as_source(HEADS)
    best = em(Prior(), source, START, tol=1e-10, max_iter=500, rng=np.random.default_rng(0)).params
    fit = online_em(Prior(), source, START, rng=np.random.default_rng(0), batch_size=200)
    np.testing.assert_allclose(np.sort(fit.params.bias), np.sort(best.bias), atol=0.01)


@pytest.mark.parametrize("wrong", [{"decay": 0.5}, {"decay": 1.5}, {"batch_size": 0}, {"epochs": 0}])
def test_bad_arguments_of_online_em(wrong):
    with pytest.raises(ArgumentError, match=next(iter(wrong))):
        online_em(TwoCoins(), SETS, START, rng=np.random.default_rng(0), **wrong)


def test_the_bound_can_be_left_out():
    fit, whole = run(max_iter=3, tol=0, bound=False), run(max_iter=3, tol=0)
    assert [float(p) for p in fit.history] == [float(p) for p in whole.history]
    assert np.isnan([p.after_e for p in fit.history]).all()
