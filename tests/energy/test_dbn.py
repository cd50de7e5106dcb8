"""Deep belief networks: the bound, what they unroll to, the up-down algorithm."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

import tacit
from tacit.energy.draws import Draws
from tacit.energy.units import bits
from tacit.errors import ArgumentError

DIGITS = load_digits()
X = (DIGITS.data > 8).astype(float)
SMALL = np.repeat([[0, 0, 1, 1], [1, 1, 0, 0], [1, 1, 1, 1]], 20, axis=0)


def log_p(model, rows):
    """log p(v) by enumeration of all layers, a network of two."""
    top = model.rbms_[-1]._machine(torch.device("cpu"))
    h = bits(model.hidden_sizes[0])
    prior = top.log_mass(h) - model.rbms_[-1]._log_partition().value
    _, downs = model._directions(torch.device("cpu"))
    v = torch.from_numpy(np.asarray(rows, dtype=np.float32))
    given = torch.stack([downs[0].log_prob(row.expand(len(v), -1).contiguous(), v) for row in h], dim=1)
    return torch.logsumexp(given + prior, 1).numpy()


@pytest.mark.parametrize("fine_tune", [0, 30])
def test_the_bound_is_a_bound_and_near(fine_tune):
    model = tacit.DBN((5, 4), n_iter=150, learning_rate=0.3, fine_tune=fine_tune, random_state=0).fit(SMALL)
    rows = bits(4).numpy()
    truth, bound = log_p(model, rows), model.score_samples(rows, n_samples=300)
    assert np.exp(truth).sum() == pytest.approx(1, abs=1e-4)
    assert (bound < truth + 0.1).all()
    seen = model.score_samples(SMALL, n_samples=50).mean()
    assert log_p(model, SMALL).mean() - 1.5 < seen
    found = model.log_likelihood(SMALL, n_samples=50)
    assert found.mean == pytest.approx(seen, abs=1e-6)
    drawn = model.sample(3000)
    p = np.array([(drawn == row).all(1).mean() for row in rows])
    assert 0.5 * np.abs(p - np.exp(truth)).sum() < 0.06


@pytest.mark.parametrize("resample", [False, True])
def test_a_second_layer_starts_as_the_first_turned_over(resample):
    """p(h₁) is then what the first machine makes of it, q its posterior: the bound is log p(v) of the first."""
    model = tacit.DBN((5, 4), n_iter=(150, 1), learning_rate=(0.3, 1e-9), resample=resample, random_state=0).fit(SMALL)
    alone = model.rbms_[0].score_samples(SMALL)
    np.testing.assert_allclose(model.score_samples(SMALL, n_samples=1), alone, atol=1e-3)
    wide = tacit.DBN((5, 9), n_iter=(150, 1), learning_rate=(0.3, 1e-9), random_state=0).fit(SMALL)
    assert wide.score_samples(SMALL).mean() == pytest.approx(alone.mean(), abs=0.2)
    better = tacit.DBN((5, 9), n_iter=(150, 300), learning_rate=(0.3, 0.1), resample=resample, random_state=0)
    assert better.fit(SMALL).score_samples(SMALL, n_samples=50).mean() > alone.mean() - 0.02


def test_unrolled_it_gives_back_what_it_gave():
    model = tacit.DBN((12, 6), last="gaussian", n_iter=10, learning_rate=(0.1, 0.01), random_state=0).fit(X)
    still = model.unroll(epochs=1, learning_rate=1e-12, random_state=0).fit(X)
    np.testing.assert_allclose(still.transform(X), model.transform(X), atol=1e-4)
    np.testing.assert_allclose(still.reconstruct(X), model.reconstruct(X), atol=1e-4)
    tuned = model.unroll(epochs=10, learning_rate=0.01, random_state=0).fit(X)
    errors = [((m.reconstruct(X) - X) ** 2).sum(1).mean() for m in (model, tuned)]
    assert errors[1] < 0.9 * errors[0]


def test_scaled_columns_unroll_to_the_same_units():
    model = tacit.DBN((10,), n_iter=5, random_state=0).fit(DIGITS.data)
    still = model.unroll(epochs=1, learning_rate=1e-12, random_state=0).fit(DIGITS.data)
    np.testing.assert_allclose(still.transform(DIGITS.data), model.transform(DIGITS.data), atol=1e-4)
    real = np.random.default_rng(0).normal(5, 3, (80, 4))
    model = tacit.DBN((6, 3), n_iter=5, random_state=0).fit(real)
    still = model.unroll(epochs=1, learning_rate=1e-12, random_state=0).fit(real)
    np.testing.assert_allclose(still.transform(real), model.transform(real), atol=1e-4)
    with pytest.raises(ArgumentError, match="all binary or all Gaussian"):
        tacit.DBN((2,), n_iter=1, random_state=0).fit("sample:tips").unroll()


def test_a_classifier_starts_from_the_weights():
    model = tacit.DBN((32, 32), n_iter=40, random_state=0).fit(X)
    y = DIGITS.target
    fit = {"epochs": 25, "learning_rate": 0.01, "batch_size": 25, "random_state": 0}
    assert model.to_classifier(**fit).fit(X[:300], y[:300]).score(X[300:], y[300:]) > 0.6
    plain = model.to_classifier(pretrained=False, **fit)
    assert plain.init.encoder is None


@pytest.mark.parametrize(("stage", "resample"), [("up-down", False), ("train", True)])
def test_stages_go_on_from_a_checkpoint_and_files_keep_the_answers(tmp_path, stage, resample):
    fit = lambda **kw: tacit.DBN((8, 5), n_iter=(2, 5), fine_tune=4, resample=resample, random_state=0, **kw)  # noqa: E731
    whole = fit().fit(X)
    stop = tacit.Training(callbacks=(lambda r: r.epoch == 3 and r.ended and r.stage == stage,))
    assert fit(training=stop).fit(X, checkpoint=tmp_path / "c").stopped_ == "callback"
    again = fit().fit(X, checkpoint=tmp_path / "c")
    np.testing.assert_array_equal(again.transform(X), whole.transform(X))
    whole.save(tmp_path / "d.tacit")
    back = tacit.load(tmp_path / "d.tacit")
    np.testing.assert_array_equal(back.score_samples(X[:50]), whole.score_samples(X[:50]))
    np.testing.assert_array_equal(back.sample(4, n_steps=20), whole.sample(4, n_steps=20))


def test_a_generative_layer_learns_its_conditional():
    """Direction.learn goes up the slope of log p(u | a)."""
    model = tacit.DBN((6, 3), n_iter=1, random_state=0).fit(SMALL)
    _, (down,) = model._directions(torch.device("cpu"), copy=True)
    a = Draws(0).bernoulli(torch.full((40, 6), 0.5))
    u = torch.from_numpy(SMALL[:40].astype(np.float32))
    W, bias = down.W.clone().requires_grad_(), down.bias.clone().requires_grad_()
    eta = a @ W + bias
    (eta * u - torch.nn.functional.softplus(eta)).sum(1).mean().backward()
    before = down.W.clone()
    down.learn(a, u, 1.0)
    torch.testing.assert_close(down.W - before, W.grad, atol=1e-5, rtol=0)
    with pytest.raises(ArgumentError, match="2 values for 3 layers"):
        tacit.DBN((3, 2, 2), n_iter=(1, 2)).fit(SMALL)
