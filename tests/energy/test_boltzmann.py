"""Boltzmann machines of any connections, by enumeration."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import tacit
from tacit.energy.boltzmann import BoltzmannStep, Network
from tacit.energy.units import bits
from tacit.errors import ArgumentError, InputError
from tacit.train import Batch


def net(u: int, seed: int = 0, size: float = 1.0) -> Network:
    g = torch.Generator().manual_seed(seed)
    W = torch.triu(size * torch.randn(u, u, generator=g), 1)
    return Network(W + W.T, size * torch.randn(u, generator=g))


def model_of(n: Network, hidden: int, **options) -> tacit.BoltzmannMachine:
    """A fitted machine that holds these weights."""
    d = len(n.theta) - hidden
    X = np.random.default_rng(0).integers(0, 2, (20, d))
    model = tacit.BoltzmannMachine(hidden, n_iter=1, random_state=0, **options).fit(X)
    model.weights_, model.biases_ = n.W.numpy(), n.theta.numpy()
    model.__dict__.pop("log_partition_", None)
    return model


def test_energy_partition_and_moments_are_those_of_the_definition():
    n = net(6)
    s = bits(6).numpy().astype(float)
    W, theta = n.W.numpy().astype(float), n.theta.numpy().astype(float)
    energy = np.array([-sum(W[i, j] * r[i] * r[j] for i in range(6) for j in range(i)) - theta @ r for r in s])
    np.testing.assert_allclose(-n.log_mass(bits(6)).numpy(), energy, atol=1e-5)
    p = np.exp(-energy)
    assert n.log_partition() == pytest.approx(np.log(p.sum()), abs=1e-5)
    mean, pairs = n.moments()
    p /= p.sum()
    np.testing.assert_allclose(mean, p @ s, atol=1e-5)
    np.testing.assert_allclose(pairs, (s * p[:, None]).T @ s, atol=1e-5)


@pytest.mark.parametrize("hidden", [0, 2])
def test_scores_sum_to_one_and_a_hidden_unit_is_summed_over(hidden):
    model = model_of(net(5), hidden)
    every = bits(5 - hidden).numpy().astype(float)
    assert np.exp(model.score_samples(every)).sum() == pytest.approx(1, abs=1e-5)
    states = bits(5).numpy()
    p = np.exp(-model.energy(states))
    want = np.array([p[(states[:, : 5 - hidden] == row).all(1)].sum() for row in every]) / p.sum()
    np.testing.assert_allclose(np.exp(model.score_samples(every)), want, rtol=1e-4)
    if hidden:
        h = [(p * states[:, 3:].T * (states[:, :3] == row).all(1)).sum(1) for row in every]
        np.testing.assert_allclose(model.transform(every), np.array(h) / (want * p.sum())[:, None], atol=1e-5)


@pytest.mark.parametrize("hidden", [0, 2])
def test_the_exact_update_is_the_slope_of_the_log_likelihood(hidden):
    n, rows = net(5, size=0.5), bits(5 - hidden)[1::2]
    states, h = bits(5), bits(hidden)
    W, theta = (p.clone().requires_grad_() for p in n)

    def mass(s):
        return 0.5 * ((s @ W) * s).sum(1) + s @ theta

    given = torch.stack([torch.logsumexp(mass(torch.cat([r.expand(len(h), -1), h], dim=1)), 0) for r in rows])
    (given.mean() - torch.logsumexp(mass(states), 0)).backward()
    owner = tacit.BoltzmannMachine(hidden, momentum=0.0)
    owner.seed_, owner.base_rate_ = 0, np.zeros(5, np.float32)
    joined = 1 - torch.eye(5)
    step = BoltzmannStep(Network(n.W.clone(), n.theta.clone()), 5 - hidden, "exact", owner, lambda _: 1.0, joined)
    step(Batch(rows))
    # each w_ij stands in W twice: the slope along w_ij is the sum of both
    np.testing.assert_allclose(step.net.W - n.W, (W.grad + W.grad.T) * joined, atol=1e-5)
    np.testing.assert_allclose(step.net.theta - n.theta, theta.grad, atol=1e-5)


@pytest.mark.parametrize("method", ["exact", "gibbs", "pt"])
def test_pairs_are_learned_by_every_method(method):
    truth = net(5, 3)
    X = np.random.default_rng(0).permutation(model_of(truth, 0).sample(3000))
    model = tacit.BoltzmannMachine(method=method, n_iter=25, learning_rate=0.3, n_chains=400, random_state=0).fit(X)
    best = model_of(truth, 0).score(X)
    assert model.score(X) > best - 0.05


@pytest.mark.parametrize("method", ["exact", "gibbs", "mean_field"])
def test_hidden_units_learn_what_joins_the_visible_ones(method):
    """Visible units are joined through hidden ones only."""
    X = np.repeat([[0, 0, 1, 1], [1, 1, 0, 0]], 10, axis=0)
    across = np.zeros((6, 6), dtype=bool)
    across[:4, 4:] = True
    model = tacit.BoltzmannMachine(
        2, connections=across, method=method, n_iter=300, learning_rate=0.4, n_chains=100, random_state=0
    ).fit(X)
    assert model.score(X) > -2.3  # independent bits: -2.77; the best: -0.69


def test_units_that_are_not_joined_stay_so():
    ring = np.roll(np.eye(5, dtype=bool), 1, axis=1)
    model = tacit.BoltzmannMachine(connections=ring, n_iter=20, random_state=0).fit(
        np.random.default_rng(0).integers(0, 2, (50, 5))
    )
    joined = model.weights_ != 0
    np.testing.assert_array_equal(joined, ring | ring.T)
    np.testing.assert_array_equal(model.weights_, model.weights_.T)


def test_gaps_have_their_exact_conditional_means_by_both_ways(monkeypatch):
    model = model_of(net(6, 2), 1)
    X = np.array([[1, np.nan, 0, np.nan, 1.0]])
    exact = model.condition(X)
    monkeypatch.setattr("tacit.energy.boltzmann.CLAMPED", 0)
    np.testing.assert_allclose(model.condition(X, n_steps=1500, n_chains=50), exact, atol=0.02)


def test_annealing_agrees_with_enumeration_and_files_keep_the_answers(tmp_path):
    model = model_of(net(8, 5), 2)
    X = np.random.default_rng(1).integers(0, 2, (30, 6)).astype(float)
    exact, ais = model.log_likelihood(X, "exact"), model.log_likelihood(X, "ais", ladder=300)
    assert exact.low == exact.mean == exact.high
    assert ais.low - 0.05 < exact.mean < ais.high + 0.05
    model.save(tmp_path / "b.tacit")
    back = tacit.load(tmp_path / "b.tacit")
    np.testing.assert_array_equal(back.score_samples(X), model.score_samples(X))
    np.testing.assert_array_equal(back.sample(5), model.sample(5))


def test_errors_say_what_and_where():
    with pytest.raises(InputError, match=r"column '1' goes from 0 to 2: RBM has Gaussian"):
        tacit.BoltzmannMachine().fit([[0, 2], [1, 0]])
    with pytest.raises(ArgumentError, match="connections has shape"):
        tacit.BoltzmannMachine(1, connections=np.ones((2, 2))).fit(np.eye(3))
    with pytest.raises(ArgumentError, match=r"2\^30 states, about .* hours"):
        tacit.BoltzmannMachine(method="exact").fit(np.eye(30))
