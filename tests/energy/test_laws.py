"""The identities of a machine of two layers, by enumeration and by integration."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from energy.machines import FINITE, KINDS, machine, states
from tacit.energy.draws import Draws
from tacit.energy.likelihood import exact_log_partition, exact_samples
from tacit.energy.machine import Machine
from tacit.energy.step import ContrastiveStep, Rule
from tacit.energy.units import Binary, Gaussian, Rectified, bits
from tacit.train import Batch


def joint(m: Machine):
    """log of the unnormalised p(v, h) [s, t] over all states."""
    v, h = states(m.visible), states(m.hidden)
    pairs = [-m.energy(v, row.expand(len(v), -1)) for row in h]
    return v, h, torch.stack(pairs, dim=1)


@pytest.mark.parametrize("kind", FINITE)
def test_free_energy_conditionals_and_normalisation(kind):
    m = machine(kind)
    v, h, mass = joint(m)
    torch.testing.assert_close(m.log_mass(v), torch.logsumexp(mass, 1), rtol=0, atol=1e-5)
    torch.testing.assert_close(m.log_mass_hidden(h), torch.logsumexp(mass, 0), rtol=0, atol=1e-5)
    Z = float(torch.logsumexp(mass.flatten(), 0))
    assert exact_log_partition(m) == pytest.approx(Z, abs=1e-5)
    assert float((m.log_mass(v) - Z).exp().sum()) == pytest.approx(1, abs=1e-5)
    given_v = torch.softmax(mass, 1)
    torch.testing.assert_close(m.mean_hidden(v).double(), given_v @ h.double(), rtol=0, atol=1e-5)
    given_h = torch.softmax(mass, 0)
    torch.testing.assert_close(m.mean_visible(h).double(), given_h.T @ v.double(), rtol=0, atol=1e-5)


@pytest.mark.parametrize("hidden", ["binary", "rectified"])
@pytest.mark.parametrize("kind", KINDS)
def test_means_are_slopes_of_the_log_partition_and_samples_have_them(kind, hidden):
    m = machine(kind, hidden)
    for layer, n in ((m.visible, m.visible.n), (m.hidden, m.hidden.n)):
        eta = torch.randn(1, n, generator=torch.Generator().manual_seed(1)).double().requires_grad_()
        layer.log_partition(eta).sum().backward()
        mean = layer.mean(eta.detach().float())
        torch.testing.assert_close(eta.grad.float(), mean, rtol=1e-4, atol=1e-5)
        drawn = layer.sample(Draws(2), eta.detach().float().expand(40_000, -1).contiguous())
        error = drawn.std(0) / math.sqrt(len(drawn))
        assert ((drawn.mean(0) - mean[0]).abs() < 4.5 * error + 1e-6).all()


def test_rectified_units_far_in_their_tail():
    eta = torch.tensor([[-30.0, -6.0, 0.0, 6.0]]).expand(20_000, -1).contiguous()
    layer = Rectified(4)
    drawn = layer.sample(Draws(0), eta)
    assert (drawn >= 0).all()
    torch.testing.assert_close(drawn.mean(0), layer.mean(eta[:1])[0], rtol=0.03, atol=1e-3)
    assert float(layer.mean(eta[:1])[0, 0]) == pytest.approx(1 / 30, rel=0.01)  # of N(-30, 1) above 0: about 1/30


def test_gaussian_densities_integrate_to_one():
    m = machine("gaussian")
    side = torch.linspace(-14, 14, 561)
    v = torch.cartesian_prod(side, side)
    total = (m.log_mass(v) - exact_log_partition(m)).exp().sum() * float(side[1] - side[0]) ** 2
    assert float(total) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("kind", FINITE)
def test_exact_samples_have_the_exact_probabilities(kind):
    m = machine(kind, size=1.0)
    v = states(m.visible)
    p = (m.log_mass(v) - exact_log_partition(m)).exp()
    drawn = exact_samples(m, 20_000, Draws(0))
    counts = torch.stack([(drawn == row).all(1).sum() for row in v])
    assert (((counts - 20_000 * p) ** 2) / (20_000 * p)).sum() < len(v) + 5 * math.sqrt(2 * len(v))


@pytest.mark.parametrize("hidden", ["binary", "rectified"])
def test_gibbs_leaves_the_distribution_as_it_is(hidden):
    m = machine("binary", hidden)
    v = states(m.visible)
    p = (m.log_mass(v) - exact_log_partition(m)).exp()
    after = m.chain(Draws(1), exact_samples(m, 20_000, Draws(0)), 3)
    counts = torch.stack([(after == row).all(1).sum() for row in v])
    assert (((counts - 20_000 * p) ** 2) / (20_000 * p)).sum() < len(v) + 5 * math.sqrt(2 * len(v))


def step_of(m: Machine, rule: Rule, start=None) -> ContrastiveStep:
    start = torch.zeros_like(m.b) if start is None else start
    return ContrastiveStep(m, lambda batch, _: batch.x, rule, lambda _: 1.0, start, 0, 8)


def slope(m: Machine, value) -> list[torch.Tensor]:
    """Gradient of a scalar function of (W, b, c)."""
    parameters = [p.clone().requires_grad_() for p in m[2:]]
    value(*parameters).backward()
    return [p.grad for p in parameters]


def log_mass(v, W, b, c):
    """-F(v), written down again for autograd."""
    return v @ b + torch.nn.functional.softplus(v @ W.T + c).sum(1)


@pytest.mark.parametrize("centering", [0.0, 0.5])
def test_an_update_is_the_slope_of_the_free_energies(centering):
    """∂(F(model's rows) - F(rows)), the model's rows held fixed; centred, the same slope on another basis."""
    m, rows = machine("binary"), bits(5)[::3]
    step = step_of(m, Rule("cd", k=2, centering=centering))
    kept = []
    walk = step._walk
    step._walk = lambda h: kept.append(walk(h)) or kept[-1]
    before = [p.clone() for p in m[2:]]
    step(Batch(rows))
    change = [after - p for after, p in zip(m[2:], before)]
    model = kept[0]
    old = Machine(m.visible, m.hidden, *before)
    W, b, c = slope(old, lambda W, b, c: log_mass(rows, W, b, c).mean() - log_mass(model, W, b, c).mean())
    if centering:
        W = W - torch.outer(step.nu, b) - torch.outer(c, step.mu)
        b, c = b - step.nu @ W, c - W @ step.mu
    for got, want in zip(change, (W, b, c)):
        torch.testing.assert_close(got, want, rtol=0, atol=1e-5)


@pytest.mark.parametrize("hidden", [3, 7])
def test_the_exact_update_is_the_slope_of_the_log_likelihood(hidden):
    """Whichever layer is the smaller one."""
    m, rows = machine("binary", m=hidden), bits(5)[::3]
    everything = bits(5)
    before = [p.clone() for p in m[2:]]
    step_of(m, Rule("exact", centering=0.0))(Batch(rows))
    change = [after - p for after, p in zip(m[2:], before)]
    old = Machine(m.visible, m.hidden, *before)

    def likelihood(W, b, c):
        return log_mass(rows, W, b, c).mean() - torch.logsumexp(log_mass(everything, W, b, c), 0)

    for got, want in zip(change, slope(old, likelihood)):
        torch.testing.assert_close(got, want, rtol=0, atol=1e-5)


def test_the_precision_of_gaussian_units_follows_the_slope_of_the_log_likelihood():
    m = machine("gaussian", m=3)
    rows = torch.randn(20, 2, generator=torch.Generator().manual_seed(3))
    log_precision = m.visible.log_precision.clone()
    h = bits(3)

    def likelihood(p):
        def log_a(eta):
            return (0.5 * eta.square() * (-p).exp() + 0.5 * (math.log(2 * math.pi) - p)).sum(1)

        Z = torch.logsumexp(h @ m.c.clone() + log_a(h @ m.W.clone() + m.b.clone()), 0)
        return (log_mass(rows, m.W.clone(), m.b.clone(), m.c.clone()) - 0.5 * rows.square() @ p.exp()).mean() - Z

    p = log_precision.clone().requires_grad_()
    likelihood(p).backward()
    step_of(m, Rule("exact", centering=0.0, learn_variance=True))(Batch(rows))
    torch.testing.assert_close(m.visible.log_precision - log_precision, p.grad, rtol=1e-4, atol=1e-5)


def test_tempered_chains_keep_the_distribution():
    """The coldest of the chains visit states as often as enumeration says, though wells are deep."""
    m = Machine(
        Binary(4), Binary(2), 4.0 * torch.tensor([[1.0, 1, -1, -1], [-1, -1, 1, 1]]), torch.zeros(4), -4 * torch.ones(2)
    )
    start = torch.zeros(4)
    step = ContrastiveStep(m, lambda batch, _: batch.x, Rule("pt", temperatures=6), lambda _: 0.0, start, 0, 200)
    v = states(m.visible)
    p = (m.log_mass(v) - exact_log_partition(m)).exp()
    seen = torch.zeros(len(v))
    for t in range(400):
        found = step._tempered(v[:1])
        step.updates += 1
        if t >= 100:
            seen += (found.v[1:, None] == v[None]).all(2).sum(0)
    share = seen / seen.sum()
    assert 0.5 * float((share - p).abs().sum()) < 0.03


@pytest.mark.parametrize("seed", range(3))
def test_any_distribution_on_four_bits_is_learned(seed):
    """Le Roux and Bengio (2008): enough hidden units make the machine universal. KL(q ‖ p) < 0.01."""
    q = torch.from_numpy(np.random.default_rng(seed).dirichlet(np.full(16, 0.5))).float()
    v = bits(4)
    g = torch.Generator().manual_seed(seed)
    m = Machine(Binary(4), Binary(16), 0.1 * torch.randn(16, 4, generator=g), torch.zeros(4), torch.zeros(16))
    step = ContrastiveStep(m, lambda b, _: b.x, Rule("exact", momentum=0.9), lambda _: 0.2, torch.zeros(4), 0, 8)
    for _ in range(3000):
        step(Batch(v, None, 16 * q))
    log_p = m.log_mass(v) - exact_log_partition(m)
    kl = float((q.double() * (q.double().clamp(min=1e-12).log() - log_p)).sum())
    assert kl < 0.01


def test_mixed_layers_are_their_parts():
    m = machine("all")
    part = m.visible.parts[1]
    assert isinstance(part, Gaussian)
    u = torch.randn(6, m.visible.n).abs().round()
    whole = m.visible.log_partition(u)
    pieces = sum(p.log_partition(x) for p, x in zip(m.visible.parts, u.split([p.n for p in m.visible.parts], dim=1)))
    torch.testing.assert_close(whole, pieces)
