"""Figures of energy models show what the models hold."""

from __future__ import annotations

import base64

import numpy as np
import pytest

pytest.importorskip("torch", reason="the deep part needs torch")

import tacit
from tacit import plot
from tacit.errors import ArgumentError

X = np.random.default_rng(0).integers(0, 2, (60, 9)).astype(float)


@pytest.fixture(scope="module")
def rbm():
    return tacit.RBM(5, n_iter=4, track=2, random_state=0).fit(X)


def size(figure) -> tuple[int, int]:
    """Width and height of the picture in a figure."""
    data = base64.b64decode(figure.data[0].source.split(",")[1])
    return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")


def test_pictures_have_a_place_for_each(rbm):
    assert size(plot.filters(rbm)) == (3 * 4 - 1, 2 * 4 - 1)
    assert size(plot.filters(rbm, most=1)) == (3, 3)
    assert size(plot.fantasies(rbm, 10, n_steps=5)) == (4 * 4 - 1, 3 * 4 - 1)
    assert size(plot.chain(rbm, X[:2], (0, 1, 3))) == (3 * 4 - 1, 2 * 4 - 1)
    net = tacit.DBN((4, 3), n_iter=2, random_state=0).fit(X)
    assert size(plot.fantasies(net, 4, n_steps=5)) == (7, 7)
    with pytest.raises(ArgumentError, match="8 pixels, but rows have 9"):
        plot.filters(rbm, (2, 4))
    with pytest.raises(ArgumentError, match="no square"):
        plot.filters(tacit.RBM(2, n_iter=1, random_state=0).fit(X[:, :7]))


def test_learning_shows_what_was_tracked(rbm):
    shown = {trace.name: trace for trace in plot.learning(rbm).data if trace.name}
    np.testing.assert_allclose(shown["log-likelihood a row"].y, [-h["nll"] for h in rbm.history_])
    np.testing.assert_allclose(shown["free-energy gap"].y, [h["free_energy_gap"] for h in rbm.history_])
    assert rbm.history_[0]["nll"] == rbm.history_[1]["nll"]  # looked at every second pass
    assert rbm.history_[2]["nll"] != rbm.history_[1]["nll"]


def test_a_landscape_is_in_the_order_of_energies():
    machine = tacit.BoltzmannMachine(n_iter=10, random_state=0).fit(X[:, :4])
    bars, units = plot.landscape(machine).data
    assert (np.diff(bars.y) >= 0).all()
    states = np.array(units.z)[::-1].T
    np.testing.assert_allclose(machine.energy(states), bars.y, atol=1e-3)
    with pytest.raises(ArgumentError, match="up to"):
        plot.landscape(tacit.BoltzmannMachine(n_iter=1, random_state=0).fit(np.eye(13)))
