"""Estimators of the game: what they learn, laws of resuming and saving, verbs, bad input."""

# ruff: noqa: E402
from __future__ import annotations

import math
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from sklearn.base import clone

torch = pytest.importorskip("torch", reason="the deep part needs torch")
from torch import nn

import tacit
from tacit import GAN, ConditionalGAN, Game, Training
from tacit.errors import ArgumentError, CollapseWarning, InputError, TrainingError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 2)) @ [[1.0, 0.5], [0.0, 0.3]] + [3.0, -1.0]
Y = np.repeat(["left", "right"], 100)
PICTURES = RNG.integers(0, 256, (40, 1, 8, 6)).astype(np.uint8)
SMALL = {"hidden_sizes": (16, 16), "epochs": 3, "batch_size": 20, "random_state": 0}
LOSSES = ("minimax", "non_saturating", "hinge", "wasserstein", "relativistic")


def ring(n, seed=0):
    at = np.random.default_rng(seed).integers(8, size=n) * np.pi / 4
    return np.stack([np.cos(at), np.sin(at)], axis=1) + 0.05 * np.random.default_rng(seed + 1).normal(size=(n, 2))


# What is learned.


class Shift(nn.Module):
    """x = 0.8 z + 0.5, so that q = N(0.5, 0.8²)."""

    def __init__(self) -> None:
        super().__init__()
        self.w, self.b = nn.Parameter(torch.tensor(0.8)), nn.Parameter(torch.tensor(0.5))

    def forward(self, z):
        return self.w * z + self.b


@pytest.mark.parametrize("pack", [1, 2])
def test_against_a_frozen_generator_d_becomes_p_over_p_plus_q(pack) -> None:
    rows = np.random.default_rng(1).normal(size=(4000, 1))
    rows = (rows - rows.mean()) / rows.std()
    frozen = Game(penalty=None, d_steps=10**9, pack=pack)
    model = GAN(1, game=frozen, generator=Shift(), hidden_sizes=(32, 32), epochs=15, random_state=0).fit(rows)
    assert model.generator_.w.item() == pytest.approx(0.8)
    x = np.linspace(-2.5, 2.5, 101)
    p, q = norm.pdf(x), norm.pdf(x, 0.5, 0.8)
    assert np.abs(model.discriminate(x[:, None]) - p / (p + q)).mean() < 0.05 * pack


def test_all_modes_of_a_ring_with_the_defaults() -> None:
    rows = ring(2000)
    model = GAN(epochs=50, random_state=0).fit(rows)
    drawn = model.sample(2000)
    centres = np.stack([np.cos(np.arange(8) * np.pi / 4), np.sin(np.arange(8) * np.pi / 4)], axis=1)
    far = np.linalg.norm(drawn[:, None] - centres, axis=2)
    near = far.min(axis=1) < 0.25
    share = np.bincount(far.argmin(axis=1)[near], minlength=8) / len(drawn)
    assert near.mean() > 0.6
    assert share.min() > 0.03
    last = model.history_[-1]
    assert last["J"] == pytest.approx(-math.log(4), abs=0.15)
    assert last["divergence"] == pytest.approx((last["J"] + math.log(4)) / 2)
    assert last["coverage"] > 0.6


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_moves_g_to_the_rows(loss) -> None:
    critic = loss == "wasserstein"  # which is to be near its best before each step of G
    game = Game(loss=loss, d_steps=2 if critic else 1, average=0.98)
    sizes, epochs = ((32, 32), 400) if critic else ((16,), 200)
    model = GAN(2, game=game, hidden_sizes=sizes, epochs=epochs, batch_size=50, random_state=0).fit(X)
    drawn = model.sample(1000)
    assert np.abs(drawn.mean(axis=0) - X.mean(axis=0)).max() < 0.4
    assert np.abs(drawn.std(axis=0) / X.std(axis=0) - 1).max() < 0.5
    assert set(model.history_[0]) == {"J", "d_real", "d_generated", "divergence", "coverage"}
    assert math.isfinite(model.history_[-1]["divergence"])


def test_labels_are_learned_and_truncation_narrows() -> None:
    rows = RNG.normal(size=(200, 1)) * 0.3 + np.where(Y == "left", -2, 2)[:, None]
    model = ConditionalGAN(2, hidden_sizes=(32,), epochs=60, batch_size=50, random_state=0).fit(rows, Y)
    left, right = model.sample(300, "left"), model.sample(300, "right")
    assert left.mean() == pytest.approx(-2, abs=0.5)
    assert right.mean() == pytest.approx(2, abs=0.5)
    assert model.sample(300, "left", truncation=0.1).std() < 0.5 * left.std()
    assert (model.sample(4, ["left", "right", "right", "left"]).ravel() < 0).tolist() == [True, False, False, True]
    share = (model.sample(400) < 0).mean()
    assert 0.35 < share < 0.65
    with pytest.raises(ArgumentError, match="no label 'up'"):
        model.sample(2, "up")
    with pytest.raises(ArgumentError, match="needs a label"):
        model.discriminate(rows)
    assert model.discriminate(rows, Y).mean() > model.discriminate(rows, Y[::-1]).mean()
    assert np.abs(model.generate(model.invert(rows[:5], Y[:5]), Y[:5]) - rows[:5]).max() < 0.5
    assert model.interpolate(n_steps=4, y="left").shape == (1, 4, 1)


# Laws.


@pytest.mark.parametrize(
    "more", [{}, {"game": Game(pack=2, loss="minimax")}, {"game": Game(spectral_norm=True, d_steps=2, loss="hinge")}]
)
def test_same_seed_same_bits_and_saved_answers(more, tmp_path) -> None:
    model, twin = (GAN(4, **SMALL, **more).fit(X) for _ in range(2))
    np.testing.assert_array_equal(model.sample(9), twin.sample(9))
    assert model.history_ == twin.history_
    model.save(tmp_path / "model.tacit")
    back = tacit.load(tmp_path / "model.tacit")
    np.testing.assert_array_equal(back.sample(9), model.sample(9))
    np.testing.assert_array_equal(back.invert(X[:3]), model.invert(X[:3]))
    if more.get("game", Game()).probabilities:
        np.testing.assert_array_equal(back.discriminate(X), model.discriminate(X))


def test_taken_up_again_it_goes_on_with_the_same_bits(tmp_path) -> None:
    whole = GAN(4, **SMALL).fit(X)
    first = GAN(4, **SMALL, training=Training(callbacks=(lambda r: r.epoch == 2,))).fit(X, checkpoint=tmp_path)
    assert first.stopped_ == "callback"
    second = GAN(4, **SMALL).fit(X, checkpoint=tmp_path)
    np.testing.assert_array_equal(second.sample(9), whole.sample(9))
    np.testing.assert_array_equal(second.discriminate(X), whole.discriminate(X))
    assert second.history_ == whole.history_
    with pytest.raises(ArgumentError, match="rules"):
        GAN(4, **SMALL, game=Game(loss="hinge")).fit(X, checkpoint=tmp_path)


def test_rows_order_and_whole_weights_do_not_matter() -> None:
    model = GAN(4, **SMALL).fit(X)
    assert GAN(4, **SMALL).fit(X[::-1].copy()).sample(5) == pytest.approx(model.sample(5), abs=1e-3)
    w = np.repeat([2.0, 0.0], 100)
    ours = GAN(4, **SMALL).fit(X, sample_weight=w)
    theirs = GAN(4, **SMALL).fit(np.repeat(X[:100], 2, axis=0))
    assert ours.sample(5) == pytest.approx(theirs.sample(5), abs=1e-3)
    uneven = GAN(4, **SMALL).fit(X, sample_weight=np.linspace(0.1, 1.3, 200))
    assert np.isfinite(uneven.sample(5)).all()


def test_shift_and_scale_are_taken_along() -> None:
    once = SMALL | {"epochs": 1}
    plain, moved = GAN(4, **once).fit(X).sample(50), GAN(4, **once).fit(4 * X + 8).sample(50)
    assert moved == pytest.approx(4 * plain + 8, abs=0.1)
    assert GAN(4, **SMALL).fit(X.astype(np.float32)).sample(3).dtype == np.float32


def test_codes_and_rows_find_each_other() -> None:
    model = GAN(2, hidden_sizes=(16,), epochs=30, batch_size=50, random_state=0).fit(X)
    Z = np.random.default_rng(3).normal(size=(6, 2)).astype(np.float32)
    rows = model.generate(Z)
    assert np.abs(model.generate(model.invert(rows)) - rows).max() < 0.05
    way = model.interpolate(Z[:3], Z[3:], n_steps=5)
    assert way.shape == (3, 5, 2)
    assert way[:, 0] == pytest.approx(rows[:3], abs=1e-5)
    assert way[:, -1] == pytest.approx(rows[3:], abs=1e-5)


def test_pictures_in_and_pictures_out() -> None:
    options = SMALL | {"hidden_sizes": (4, 8)}
    model = GAN(4, **options).fit(PICTURES)
    drawn = model.sample(5)
    assert drawn.shape == (5, 1, 8, 6)
    assert drawn.min() >= 0
    assert drawn.max() <= 255
    assert model.interpolate(n_steps=3).shape == (1, 3, 1, 8, 6)
    dense = GAN(4, convolutional=False, game=Game(pack=2), **SMALL).fit(PICTURES)
    assert dense.discriminate(PICTURES).shape == (40,)
    with pytest.raises(InputError, match="fitted to pictures"):
        model.discriminate(PICTURES.reshape(40, -1))
    with pytest.raises(ArgumentError, match="convolutional=True is for pictures"):
        GAN(convolutional=True).fit(X)


def test_your_own_modules() -> None:
    class Body(nn.Module):
        def __init__(self, a, b):
            super().__init__()
            self.layers = nn.Sequential(nn.Linear(a, 8), nn.ReLU(), nn.Linear(8, b))

        def forward(self, x):
            return self.layers(x)

    g, d = Body(3, 2), Body(4, 1)
    before = g.layers[0].weight.clone()
    model = GAN(3, generator=g, discriminator=d, game=Game(pack=2), **SMALL).fit(X)
    assert model.sample(4).shape == (4, 2)
    assert torch.equal(before, g.layers[0].weight)  # a copy is trained
    with pytest.raises(ArgumentError, match="do not fit"):
        GAN(5, generator=g).fit(X)
    with pytest.raises(ArgumentError, match=r"nn\.Module"):
        GAN(5, generator="net").fit(X)


def test_no_pack_holds_real_and_generated_rows() -> None:
    class Marked(nn.Module):
        """Generated rows have 1 in a column that is constant, 0 on this scale, in real ones."""

        def __init__(self) -> None:
            super().__init__()
            self.w = nn.Parameter(torch.ones(1))

        def forward(self, z):
            return torch.stack([self.w * z[:, 0], torch.ones(len(z))], dim=1)

    class Spy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = nn.Parameter(torch.zeros(6))

        def forward(self, x):
            marks = x.view(len(x), 3, 2)[:, :, 1]
            if self.training:
                assert (marks == marks[:, :1]).all()
            return x @ self.w

    rows = np.column_stack([X[:23, 0], np.full(23, 4.0)])
    options = {"game": Game(pack=3), "epochs": 2, "batch_size": 11, "random_state": 0}  # the last batch has one row
    GAN(1, generator=Marked(), discriminator=Spy(), **options).fit(rows)


def test_how_it_is_trained_may_be_changed() -> None:
    def sgd(parameters, rate):
        return torch.optim.SGD(parameters, lr=rate)

    for how in (
        Training(precision="bf16"),
        Training(clip=0.1, optimizer=sgd, schedule=None),
        Training(time_limit=1e-6),
    ):
        model = GAN(4, training=how, **SMALL).fit(X)
        assert np.isfinite(model.sample(5)).all()
    assert model.stopped_ == "time limit"


def test_callables_for_loss_and_penalty() -> None:
    def loss(real, fake):  # least squares
        from tacit.adversarial.losses import Losses

        return Losses((real - 1).square().mean() + fake.square().mean(), (fake - 1).square().mean())

    def penalty(critic, x, y):
        return critic(torch.cat([x, y])).square().mean()

    model = GAN(2, game=Game(loss=loss, penalty=penalty), **SMALL).fit(X)
    assert "divergence" not in model.history_[0]
    with pytest.raises(ArgumentError, match="no probability"):
        model.discriminate(X)


# Trouble.


def test_a_discriminator_that_is_never_wrong_is_said() -> None:
    game = Game(loss="minimax", penalty=None, d_steps=2)
    far = GAN(2, generator=Constant(), game=game, hidden_sizes=(16,), epochs=100, batch_size=20, random_state=0)
    with pytest.warns(CollapseWarning, match="never wrong"):
        far.fit(X)
    assert far.stopped_ == "divergence"
    assert far.n_iter_ < 100


class Constant(nn.Module):
    """Rows far away, which hardly move."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.zeros(2, 2))

    def forward(self, z):
        return z @ self.w * 1e-6 + 20


class Shrinking(nn.Module):
    """Imitates rows at first and collapses, call by call, whatever is learned."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.eye(2))
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, z):
        self.calls += 1
        return z @ self.w * torch.exp(-self.calls / 100)


def test_falling_coverage_is_said_and_the_best_is_kept() -> None:
    model = GAN(2, generator=Shrinking(), learning_rate=1e-9, epochs=60, batch_size=20, random_state=0)
    with pytest.warns(CollapseWarning, match="modes collapse"):
        model.fit(RNG.normal(size=(200, 2)))
    assert model.stopped_ == "collapse"
    assert model.generator_.calls < 200


def test_a_loss_that_is_no_number_names_the_epoch() -> None:
    def loss(real, fake):
        from tacit.adversarial.losses import Losses

        return Losses(real.mean() / (fake - fake).sum(), fake.mean())

    with pytest.raises(TrainingError, match=r"J is (nan|inf) in epoch 1"):
        GAN(2, game=Game(loss=loss), **SMALL).fit(X)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (X[:9], "minimum of 10"),
        (np.where(np.arange(400).reshape(200, 2) == 7, np.nan, X), "NaN"),
        (pd.DataFrame({"a": X[:, 0], "kind": Y}), "'kind' holds categories"),
        (pd.DataFrame({"a": X[:, 0], "visits": np.arange(200) % 3}), "'visits' holds only 3 values"),
    ],
)
def test_bad_rows_are_refused_by_name(rows, words) -> None:
    with pytest.raises(InputError, match=words):
        GAN().fit(rows)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"latent_dim": 0}, "latent_dim"),
        ({"hidden_sizes": (0,)}, "hidden_sizes"),
        ({"game": "hinge"}, "must be a tacit.Game"),
        ({"training": Training(early_stopping=True)}, "early stopping has no meaning"),
        ({"batch_size": 500}, "more than the 200 rows"),
        ({"convolutional": "yes"}, "convolutional"),
    ],
)
def test_bad_parameters_are_refused(wrong, words) -> None:
    with pytest.raises(ArgumentError, match=words):
        GAN(**wrong).fit(X)
    with pytest.raises(ArgumentError, match="not with labels"):
        ConditionalGAN(game=Game(pack=2)).fit(X, Y)


def test_legal_but_awkward_rows() -> None:
    rows = np.column_stack([X, np.full(200, 7.0)])
    model = GAN(**SMALL).fit(rows)
    assert np.isfinite(model.sample(5)).all()
    huge = GAN(**SMALL).fit(1e18 * X)
    assert np.isfinite(huge.sample(5)).all()
    same = GAN(**SMALL).fit(np.ones((20, 2)))
    assert np.isfinite(same.sample(3)).all()
    assert clone(model).get_params().keys() == model.get_params().keys()


def test_a_frame_of_numbers_keeps_its_names() -> None:
    model = GAN(**SMALL).fit(pd.DataFrame(X, columns=["a", "b"]))
    assert model.feature_names_in_.tolist() == ["a", "b"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(ValueError, match="feature names"):
            model.discriminate(pd.DataFrame(X, columns=["b", "a"]))


def test_rows_may_lie_in_files(tmp_path) -> None:
    np.save(tmp_path / "rows.npy", X)
    pd.DataFrame(X, columns=["a", "b"]).to_csv(tmp_path / "rows.csv", index=False)
    plain = GAN(**SMALL).fit(X).sample(4)
    assert GAN(**SMALL).fit(tmp_path / "rows.csv").sample(4) == pytest.approx(plain, abs=1e-3)
    assert GAN(**SMALL).fit(torch.from_numpy(X)).sample(4) == pytest.approx(plain, abs=1e-6)
    assert np.isfinite(GAN(**SMALL).fit(tmp_path / "rows.npy").sample(4)).all()
