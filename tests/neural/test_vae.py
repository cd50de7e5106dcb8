"""The variational autoencoder: its divergence and bounds against exact values, its density, its samples."""

# ruff: noqa: E402
from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the deep part needs torch")
from scipy import stats
from torch import nn

import tacit
from tacit.errors import ArgumentError, InputError
from tacit.neural.vae import Evidence, Posterior, gaussian, kl, log_ratio
from tacit.train import Batch

RNG = np.random.default_rng(0)
LINE = RNG.normal(size=(600, 1)) * [3.0, -3.0, 1.0] + RNG.normal(size=(600, 3))


def test_the_divergence_is_that_of_two_gaussians() -> None:
    q = Posterior(torch.randn(5, 3), torch.randn(5, 3))
    exact = torch.distributions.kl_divergence(
        torch.distributions.Normal(q.mean, q.log_sd.exp()), torch.distributions.Normal(0.0, 1.0)
    )
    torch.testing.assert_close(kl(q), exact.sum(1))
    noise = torch.randn(4, 5, 3)
    z = q.mean + q.log_sd.exp() * noise
    ratio = torch.distributions.Normal(0.0, 1.0).log_prob(z) - torch.distributions.Normal(
        q.mean, q.log_sd.exp()
    ).log_prob(z)
    torch.testing.assert_close(log_ratio(q, z, noise), ratio.sum(-1), rtol=1e-4, atol=1e-4)


def test_the_gaussian_loss_is_minus_the_log_density() -> None:
    x, o, log_sd = torch.randn(5, 3), torch.randn(5, 3), torch.randn(3)
    seen = torch.tensor([1.0, 0.0, 1.0]).expand(5, 3)
    exact = -torch.distributions.Normal(o, log_sd.exp()).log_prob(x)
    torch.testing.assert_close(gaussian(lambda: log_sd)(o, x, None), exact.sum(1))
    torch.testing.assert_close(gaussian(lambda: log_sd)(o, x, seen), exact[:, [0, 2]].sum(1))


class Linear(nn.Module):
    """x = W z + noise: p(x) and p(z | x) are Gaussian, and known."""

    def __init__(self, w: torch.Tensor) -> None:
        super().__init__()
        self.w = nn.Parameter(w)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return z @ self.w.T


class Posteriors(nn.Module):
    """The exact p(z | x) of ``Linear`` with unit noise, or one shifted off it."""

    def __init__(self, w: torch.Tensor, off: float = 0.0) -> None:
        super().__init__()
        cov = torch.linalg.inv(torch.eye(w.shape[1]) + w.T @ w)
        self.map, self.off = nn.Parameter(cov @ w.T), off
        self.log_sd = 0.5 * torch.log(torch.diag(cov))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mean = x @ self.map.T.to(x) + self.off
        return torch.cat([mean, self.log_sd.to(x).expand_as(mean)], dim=1)


def known(off: float, **parameters):
    """A VAE that is a known Gaussian, W with orthogonal columns so that p(z | x) is diagonal; untrained."""
    w = torch.tensor([[1.0, 1.0], [1.0, -1.0], [0.5, 0.5]])
    w[2] = 0.0
    pair = {"encoder": Posteriors(w, off), "decoder": Linear(w)}
    options = tacit.Training(optimizer=lambda p, rate: torch.optim.SGD(p, lr=0.0), schedule=None)
    model = tacit.VAE(
        **pair, scale=None, likelihood="gaussian", epochs=1, training=options, random_state=0, **parameters
    )
    return model.fit(LINE), stats.multivariate_normal(np.zeros(3), (w @ w.T + torch.eye(3)).numpy())


def test_with_the_exact_posterior_every_sample_gives_the_exact_density() -> None:
    """p(x, z) / p(z | x) = p(x), whatever z."""
    model, density = known(0.0)
    np.testing.assert_allclose(model.score_samples(LINE, n_samples=1), density.logpdf(LINE), rtol=1e-5)


def test_importance_weights_close_the_gap_from_below() -> None:
    model, density = known(0.5)
    exact = density.logpdf(LINE).mean()
    one, some, many = (model.score_samples(LINE, n_samples=s).mean() for s in (1, 20, 5000))
    assert one < some < many < exact + 0.01
    assert exact - many < 0.02


@pytest.mark.parametrize("k", [1, 8])
def test_the_objectives_are_the_bounds(k) -> None:
    """ELBO = log p(x) - KL(q ‖ p(z | x)); with k samples the bound of Burda et al. lies between it and log p(x)."""
    model, density = known(0.5, n_importance=k)
    torch.manual_seed(0)
    objective = Evidence(model.coder_, model._judge(), False, 1.0, k, False)
    x = torch.from_numpy(np.repeat(LINE, 30, axis=0).astype(np.float32))
    with torch.no_grad():
        bound = -float(objective(Batch(x))["loss"])
    exact = density.logpdf(LINE).mean()
    gap = 2 * 0.5 * 0.25 * 3  # KL of two Gaussians with variance 1/3 whose means are 0.5 apart, in two dimensions
    if k == 1:
        assert bound == pytest.approx(exact - gap, abs=0.03)
    else:
        assert exact - gap + 0.1 < bound < exact


def test_beta_weighs_the_divergence() -> None:
    model, _ = known(0.5)
    torch.manual_seed(0)
    batch = Batch(torch.from_numpy(LINE.astype(np.float32)))
    with torch.no_grad():
        said = Evidence(model.coder_, model._judge(), False, 4.0, 1, False)(batch)
    expected = said["reconstruction"] + 4 * said["kl"]
    assert float(said["loss"]) == pytest.approx(float(expected), rel=1e-5)


def test_a_fitted_density_integrates_to_one_in_the_units_of_the_column() -> None:
    x = np.concatenate([RNG.normal(-30, 5, 300), RNG.normal(50, 10, 300)])[:, None]
    model = tacit.VAE((16, 1), epochs=30, learning_rate=0.01, random_state=0).fit(x)
    grid = np.linspace(-200, 300, 2001)[:, None]
    mass = np.trapezoid(np.exp(model.score_samples(grid, n_samples=200)), grid[:, 0])
    assert mass == pytest.approx(1, abs=0.05)


def test_samples_are_like_the_rows() -> None:
    model = tacit.VAE((16, 1), epochs=60, learning_rate=0.01, random_state=0).fit(LINE + 7)
    drawn = model.sample(4000)
    np.testing.assert_allclose(drawn.mean(0), LINE.mean(0) + 7, atol=0.4)
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(LINE.T), atol=2.0)
    assert np.cov(drawn.T)[0, 1] < -6
    np.testing.assert_array_equal(model.sample(5), model.sample(5))
    assert model.sample(50, mean=True).std(0)[2] < drawn.std(0)[2]


def test_samples_of_a_table_are_a_table() -> None:
    word = np.where(RNG.random(400) < 0.5, "in", "out")
    table = {"size": np.where(word == "in", 1.5, 8.25) + 0.1 * RNG.normal(size=400), "place": word.tolist()}
    model = tacit.VAE((16, 2), epochs=50, learning_rate=0.01, random_state=0).fit(table)
    drawn = model.sample(500)
    size, place = drawn["size"].to_numpy(), np.array(drawn["place"].to_pylist())
    assert 0.3 < (place == "in").mean() < 0.7
    assert size[place == "in"].mean() < 3 < 6 < size[place == "out"].mean()
    assert np.isfinite(model.score_samples(table)).all()


def test_bernoulli_pictures() -> None:
    grey = (RNG.random((60, 1, 6, 6)) * 255).astype(np.uint8)
    model = tacit.VAE((12, 3), convolutional=False, epochs=2, random_state=0).fit(grey)
    assert model.likelihood_ == "bernoulli"
    means = model.sample(4)
    assert means.shape == (4, 1, 6, 6)
    assert 0 <= means.min() < means.max() <= 255
    assert set(np.unique(model.sample(4, mean=False))) == {0, 255}
    ink = (RNG.random((60, 36)) < 0.3).astype(float)
    model = tacit.VAE((12, 3), epochs=2, random_state=0).fit(ink)
    assert set(np.unique(model.sample(20))) == {0, 1}
    assert (model.score_samples(ink) < 0).all()  # a probability


def test_resampling_draws_each_value_anew() -> None:
    grey = RNG.random((200, 4))
    model = tacit.VAE((4, 1), resample=True, epochs=1, random_state=0).fit(grey)
    seen = []
    judge = model._judge()
    objective = Evidence(
        model.coder_, lambda out, cells: (seen.append(cells.x), judge(out, cells))[1], False, 1, 1, True
    )
    for _ in range(200):
        objective(Batch(torch.from_numpy(grey)))
    drawn = torch.stack(seen)
    assert set(drawn.unique().tolist()) == {0.0, 1.0}
    np.testing.assert_allclose(drawn.mean(0).numpy(), grey, atol=0.17)


def test_saved_and_loaded_it_answers_the_same(tmp_path) -> None:
    table = {"a": LINE[:, 0], "b": LINE[:, 1], "c": np.where(LINE[:, 2] > 0, "x", "y").tolist()}
    for name, X in (("rows", LINE), ("table", table)):
        model = tacit.VAE((4, 2), epochs=1, random_state=0).fit(X)
        model.save(tmp_path / name)
        back = tacit.load(tmp_path / name)
        np.testing.assert_array_equal(back.transform(X), model.transform(X))
        np.testing.assert_array_equal(back.score_samples(X), model.score_samples(X))
        assert str(back.sample(3)) == str(model.sample(3))


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"likelihood": "poisson"}, ArgumentError, "'likelihood' parameter of VAE"),
        ({"likelihood": "bernoulli", "scale": None}, InputError, r"need values in \[0, 1\]"),
        ({"beta": -1}, ArgumentError, "'beta' parameter"),
        ({"n_importance": 5, "beta": 2.0}, ArgumentError, "beta = 1 only"),
        ({"resample": True}, ArgumentError, "needs likelihood='bernoulli'"),
    ],
)
def test_bad_arguments(parameters, error, message) -> None:
    with pytest.raises(error, match=message):
        tacit.VAE(**parameters).fit(LINE)


def test_the_draws_of_a_row_are_normal_and_its_own() -> None:
    from tacit import as_source
    from tacit.neural.noise import RowNoise

    block = as_source(RNG.normal(size=(300, 2))).block
    noise = RowNoise(64, 3, seed=0)
    draws = noise(block, 0, 64, torch.zeros(1, dtype=torch.float64)).numpy()  # [64, 300, 3]
    assert stats.kstest(draws[:, :, 1].ravel()[::7], "norm").pvalue > 1e-3
    assert np.abs(np.corrcoef(draws[0].T) - np.eye(3)).max() < 0.25
    again = noise(block[5:6], 3, 9, torch.zeros(1, dtype=torch.float64)).numpy()
    np.testing.assert_array_equal(again[:, 0], draws[3:9, 5])
