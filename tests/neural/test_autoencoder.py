"""Autoencoders: the smallest case by hand, what they learn, what they refuse."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="the deep part needs torch")

import tacit

RNG = np.random.default_rng(0)
PLANE = RNG.normal(size=(400, 2)) @ RNG.normal(size=(2, 6))  # six columns of rank two


def test_the_smallest_case_is_its_formula() -> None:
    """z = σ(W₁x + b₁), x̃ = W₂z + b₂."""
    model = tacit.Autoencoder((3,), activation="logistic", scale=None, epochs=1, random_state=0).fit(PLANE)
    (W1, b1), (W2, b2) = (
        [p.detach().double().numpy() for p in part.parameters()]
        for part in (model.coder_.encoder, model.coder_.decoder)
    )
    z = 1 / (1 + np.exp(-(PLANE @ W1.T + b1)))
    np.testing.assert_allclose(model.transform(PLANE), z, rtol=1e-6)
    np.testing.assert_allclose(model.inverse_transform(z), z @ W2.T + b2, rtol=1e-6)
    np.testing.assert_allclose(model.score_samples(PLANE), -((z @ W2.T + b2 - PLANE) ** 2).sum(1), rtol=1e-6)


def test_a_linear_autoencoder_finds_the_plane_of_pca() -> None:
    """Baldi and Hornik 1989: the least squared error of k linear codes is that of k principal components."""
    X = PLANE + 0.1 * RNG.normal(size=PLANE.shape)
    model = tacit.Autoencoder((2,), activation="identity", scale=None, epochs=150, learning_rate=0.02, random_state=0)
    pca = tacit.PCA(2).fit(X)
    assert -model.fit(X).score(X) < 1.02 * pca.reconstruction_error(X).mean()


def test_saved_and_loaded_it_answers_the_same(tmp_path) -> None:
    model = tacit.Autoencoder((4, 2), epochs=2, random_state=0).fit(PLANE)
    model.save(tmp_path / "m.tacit")
    back = tacit.load(tmp_path / "m.tacit")
    np.testing.assert_array_equal(back.transform(PLANE), model.transform(PLANE))
    assert back.history_ == model.history_
