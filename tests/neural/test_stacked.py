"""Stacked autoencoders layer by layer, and the classifier on an encoder."""

# ruff: noqa: E402
from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the deep part needs torch")
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.utils.estimator_checks import parametrize_with_checks

import tacit
from tacit.errors import ArgumentError
from tacit.neural.stacked import FirstLayer, NextLayer
from tacit.neural.stacked import dense as dense_of
from tacit.train import Batch

DIGITS = load_digits()
X, Y = DIGITS.data / 16, DIGITS.target
FEW = {"pretrain_epochs": 2, "epochs": 2, "random_state": 0}


def test_each_layer_recovers_the_one_below_by_hand() -> None:
    """L₁ = ‖V₁ σ(W₁x + b₁) + c₁ - x‖²; L₂ = ‖σ(V₂ σ(W₂z₁ + b₂) + c₂) - z₁‖²."""
    model = tacit.StackedAutoencoder((20, 10, 5), activation="logistic", scale=None, **FEW).fit(X[:200])
    up, down = dense_of(model.coder_.encoder).pieces, dense_of(model.coder_.decoder).pieces[::-1]
    W, V = ([[p.detach().double().numpy() for p in piece.parameters()] for piece in pieces] for pieces in (up, down))
    batch = Batch(torch.from_numpy(X[:9]))
    first = FirstLayer(model.coder_, up[0], down[0], model._judge(), False, None)
    second = NextLayer(model.coder_, up[0], up[1], down[1], False, None, torch.nn.functional.mse_loss)

    def layer(pair, h):
        return h @ pair[0].T + pair[1]

    def logistic(h):
        return 1 / (1 + np.exp(-h))

    z1 = logistic(layer(W[0], X[:9]))
    back = layer(V[0], z1)
    assert first(batch)["loss"].item() == pytest.approx(((back - X[:9]) ** 2).sum(1).mean(), rel=1e-5)
    back = logistic(layer(V[1], logistic(layer(W[1], z1))))
    assert second(batch)["loss"].item() == pytest.approx(((back - z1) ** 2).sum(1).mean(), rel=1e-5)
    assert {id(p) for p in second.parameters()} == {id(p) for part in (up[1], down[1]) for p in part.parameters()}


def test_layers_and_fine_tuning_lower_their_losses_and_pretraining_helps() -> None:
    options = {"activation": "logistic", "learning_rate": 0.01, "random_state": 0}
    model = tacit.StackedAutoencoder((32, 16, 8), pretrain_epochs=8, epochs=3, **options).fit(X)
    assert len(model.pretrain_history_) == 3
    for history in (*model.pretrain_history_, model.history_):
        assert history[-1]["loss"] < history[0]["loss"]
    plain = tacit.Autoencoder((32, 16, 8), epochs=3, **options).fit(X)
    assert model.history_[0]["loss"] < 0.9 * plain.history_[0]["loss"]


def test_corruption_of_each_layer_and_cross_entropy() -> None:
    model = tacit.StackedAutoencoder(
        (16, 8),
        corruption=("masking", "salt_and_pepper"),
        level=(0.1, 0.2),
        activation="logistic",
        loss="cross_entropy",
        **FEW,
    ).fit(X)
    assert np.isfinite(model.score_samples(X)).all()
    assert [len(h) for h in model.pretrain_history_] == [2, 2]
    with pytest.raises(ArgumentError, match="one for each of the 2 layers"):
        tacit.StackedAutoencoder((16, 8), corruption=("masking",)).fit(X)
    with pytest.raises(ArgumentError, match="'level' parameter"):
        tacit.StackedAutoencoder((16, 8), corruption="masking", level=2.0).fit(X)


def test_stages_are_resumed_with_the_same_bits(tmp_path) -> None:
    def model(stop=None):
        options = tacit.Training(callbacks=() if stop is None else (stop,))
        return tacit.StackedAutoencoder((16, 8), corruption="gaussian", training=options, batch_size=256, **FEW)

    class Enough(Exception):
        pass

    def stop(report):
        if report.stage == "layer 2" and report.ended:
            raise Enough

    whole = model().fit(X)
    with pytest.raises(Enough):
        model(stop).fit(X, checkpoint=tmp_path)
    rest = model().fit(X, checkpoint=tmp_path)
    np.testing.assert_array_equal(rest.transform(X), whole.transform(X))
    assert rest.pretrain_history_ == whole.pretrain_history_


def test_pictures_and_saving(tmp_path) -> None:
    pictures = X.reshape(-1, 1, 8, 8)[:100]
    model = tacit.StackedAutoencoder((8, 4), **FEW).fit(pictures)
    assert model.reconstruct(pictures).shape == pictures.shape
    model.save(tmp_path / "m")
    np.testing.assert_array_equal(tacit.load(tmp_path / "m").transform(pictures), model.transform(pictures))


def test_a_pretrained_encoder_learns_from_few_labels() -> None:
    """Pre-training on all rows without labels beats a random start on 50 with labels."""
    sigmoid = {"activation": "logistic", "code_activation": "logistic", "loss": "cross_entropy", "learning_rate": 0.01}
    stack = tacit.StackedAutoencoder(
        (64, 32), corruption="masking", pretrain_epochs=20, epochs=1, batch_size=64, random_state=0, **sigmoid
    ).fit(X)
    few = np.random.default_rng(0).permutation(len(X))[:50]
    rest = np.setdiff1d(np.arange(len(X)), few)
    right = {}
    for pretrained in (True, False):
        model = stack.to_classifier(pretrained, epochs=60, batch_size=25, learning_rate=0.01, random_state=0)
        right[pretrained] = model.fit(X[few], Y[few]).score(X[rest], Y[rest])
    assert right[True] > right[False] + 0.05
    assert right[True] > 0.7


def test_rows_are_corrupted_while_labels_are_learned_and_not_after() -> None:
    stack, seen = tacit.StackedAutoencoder((8, 4), scale=None, **FEW).fit(X), []

    def blind(x):
        seen.append(len(x))
        return torch.zeros_like(x)

    model = stack.to_classifier(corruption=blind, epochs=3, batch_size=len(X), random_state=0).fit(X, Y)
    assert seen == [len(X)] * 3
    model.predict_proba(X)
    assert len(seen) == 3
    losses = [line["loss"] for line in model.history_]
    assert min(losses) > np.log(10) - 0.05  # no better than the shares of ten classes
    with pytest.raises(ArgumentError, match="'corruption' parameter of NetworkClassifier"):
        stack.to_classifier(corruption="noise").fit(X, Y)


def test_the_classifier_keeps_what_it_is_given_and_is_saved(tmp_path) -> None:
    stack = tacit.StackedAutoencoder((8, 4), **FEW).fit(X)
    before = stack.transform(X)
    names = np.array(list("abcdefghij"))[Y]
    model = clone(stack.to_classifier(epochs=2, random_state=0)).fit(X, names)
    np.testing.assert_array_equal(stack.transform(X), before)
    assert model.init is stack
    p = model.predict_proba(X)
    np.testing.assert_allclose(p.sum(1), 1, rtol=1e-6)
    assert set(model.predict(X)) <= set("abcdefghij")
    model.save(tmp_path / "m")
    back = tacit.load(tmp_path / "m")
    np.testing.assert_array_equal(back.predict_proba(X), p)
    assert list(back.classes_) == list("abcdefghij")


def test_what_the_classifier_refuses() -> None:
    stack = tacit.StackedAutoencoder((8, 4), **FEW).fit(X)
    with pytest.raises(ValueError, match="requires y to be passed"):
        stack.to_classifier().fit(X, None)
    with pytest.raises(ValueError, match="y has 3 labels, but X has 1797 rows"):
        stack.to_classifier().fit(X, [0, 1, 2])
    with pytest.raises(ArgumentError, match="init must be an autoencoder"):
        tacit.NetworkClassifier("stack").fit(X, Y)
    with pytest.raises(ValueError, match="features"):
        stack.to_classifier().fit(X[:, 1:], Y)


@parametrize_with_checks(
    [
        tacit.NetworkClassifier(
            tacit.Autoencoder((16,), epochs=1, random_state=0), epochs=40, learning_rate=0.02, random_state=0
        )
    ]
)
def test_scikit_learns_checks(estimator, check) -> None:
    check(estimator)
