"""Figures of the game show the state of the game."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

pytest.importorskip("torch", reason="the deep part needs torch")

import tacit
from tacit import plot
from tacit.errors import ArgumentError

X = np.random.default_rng(0).normal(size=(300, 1))
MODEL = {"hidden_sizes": (16,), "epochs": 4, "batch_size": 50, "random_state": 0}


def test_the_picture_is_of_densities_and_of_the_map() -> None:
    model = tacit.GAN(1, **MODEL).fit(X)
    made = plot.duel(model, X, norm.pdf)
    p, q, d, best, arrows = made.data
    width = p.x[1] - p.x[0]
    np.testing.assert_allclose(p.y, norm.pdf(p.x), atol=1e-3)
    assert 0.8 < q.y.sum() * width < 1.01  # a density, but for what lies outside
    np.testing.assert_allclose(d.y, model.discriminate(np.array(p.x)[:, None]), atol=1e-2)
    inside = ~np.isnan(best.y)
    np.testing.assert_allclose(best.y[inside], (p.y / (p.y + q.y))[inside], atol=1e-2)
    ends = np.array(arrows.x).reshape(-1, 3)
    assert ends[:, 1] == pytest.approx(model.generate(np.linspace(-2.5, 2.5, len(ends))[:, None])[:, 0], abs=1e-3)
    with pytest.raises(ArgumentError, match="one column"):
        plot.duel(tacit.GAN(2, **MODEL).fit(X), X)


def test_the_film_ends_with_the_picture_and_leaves_the_model_alone() -> None:
    model = tacit.GAN(1, **MODEL)
    fitted, film = plot.duel_film(model, X, every=2)
    assert [frame.name for frame in film.frames] == ["1", "2", "4"]
    assert not hasattr(model, "generator_")
    np.testing.assert_array_equal(fitted.sample(5), tacit.GAN(1, **MODEL).fit(X).sample(5))
    np.testing.assert_allclose(film.frames[-1].data[1].y, plot.duel(fitted, X).data[1].y)


def test_history_and_sheet() -> None:
    model = tacit.GAN(1, **MODEL).fit(X)
    assert [len(trace.x) for trace in plot.game_history(model).data] == [4] * 4
    assert plot.sheet(np.zeros((5, 1, 4, 3))).data[0].name == "5 samples"
    with pytest.raises(ArgumentError, match="pictures"):
        plot.sheet(X)
