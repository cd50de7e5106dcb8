"""Progressive growing: sides that fit, layers that fade in without a jump, stages that are taken up again."""

# ruff: noqa: E402
from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the deep part needs torch")

import tacit
from tacit import Game, ProgressiveGAN, Training
from tacit.adversarial.growing import GrowingDiscriminator, GrowingGenerator
from tacit.errors import ArgumentError, InputError

X = np.random.default_rng(0).random((24, 1, 8, 12))
SMALL = {"hidden_sizes": (4, 6), "epochs": 4, "batch_size": 8, "random_state": 0}


def test_a_new_layer_changes_nothing_before_it_is_faded_in() -> None:
    g, d = GrowingGenerator((1, 8, 8), 3, (4, 5, 6)), GrowingDiscriminator((1, 8, 8), (4, 5, 6), 1, False)
    z = torch.randn(7, 3)
    for stage in (2, 1, 0):
        g.stage = d.stage = stage
        assert g(z).shape == (7, 1, 8 >> stage, 8 >> stage)
        assert d(g(z)).shape == (7,)
    g.stage = d.stage = 1
    small = g(z)
    said = d(small)
    g.stage = d.stage = 0
    g.alpha.fill_(0.0), d.alpha.fill_(0.0)
    twice = torch.nn.functional.interpolate(small, scale_factor=2)
    torch.testing.assert_close(g(z), twice)
    torch.testing.assert_close(d(twice), said)
    g.alpha.fill_(1.0)
    assert not torch.allclose(g(z), twice)


def test_stages_are_named_and_taken_up_again(tmp_path) -> None:
    whole = ProgressiveGAN(3, **SMALL).fit(X)
    assert [h["side"] for h in whole.history_] == [4, 4, 8, 8]
    half = Training(callbacks=(lambda r: r.stage == "side 8" and r.epoch == 1,))
    ProgressiveGAN(3, **SMALL, training=half).fit(X, checkpoint=tmp_path)
    assert {p.name for p in tmp_path.glob("*.tacit")} == {"side 4.tacit", "side 8.tacit"}
    again = ProgressiveGAN(3, **SMALL).fit(X, checkpoint=tmp_path)
    np.testing.assert_array_equal(again.sample(4), whole.sample(4))
    whole.save(tmp_path / "model.tacit")
    back = tacit.load(tmp_path / "model.tacit")
    np.testing.assert_array_equal(back.sample(4), whole.sample(4))
    np.testing.assert_array_equal(back.discriminate(X), whole.discriminate(X))


def test_sides_that_cannot_be_halved_are_refused() -> None:
    with pytest.raises(
        InputError, match=r"8 x 12 cannot be halved 3 times: n_stages = 2 at most, or pad them to 8 x 16"
    ):
        ProgressiveGAN(n_stages=4).fit(X)
    with pytest.raises(InputError, match="is for pictures"):
        ProgressiveGAN().fit(X.reshape(24, -1))
    with pytest.raises(ArgumentError, match="2 widths for n_stages = 3"):
        ProgressiveGAN(n_stages=3, hidden_sizes=(4, 4)).fit(X)
    odd = ProgressiveGAN(2, hidden_sizes=(4,), epochs=1, game=Game(pack=2), random_state=0).fit(X[:, :, :7])
    assert odd.sample(2).shape == (2, 1, 7, 12)
