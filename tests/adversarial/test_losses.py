"""What the subject says of the game: the value at the best D, what each loss measures, slopes, penalties."""

# ruff: noqa: E402
from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.polynomial.legendre import leggauss
from scipy.stats import norm

torch = pytest.importorskip("torch", reason="the deep part needs torch")

from tacit.adversarial import losses
from tacit.adversarial.watch import Watch, coverage, radii
from tacit.errors import ArgumentError

INFINITY = torch.tensor([math.inf])


def value(loss, p, q, logits) -> float:
    """-D's loss, integrated over x: what it makes of a real row counts p(x), of a generated one q(x)."""
    x, w = leggauss(400)
    x, w = 15 * x, 15 * w
    o = torch.from_numpy(logits(x))
    real = np.array([float(loss(v[None], -INFINITY.double()).discriminator) for v in o])
    fake = np.array([float(loss(INFINITY.double(), v[None]).discriminator) for v in o])
    return -float(w @ (p(x) * real + q(x) * fake))


def p(x):
    return 0.7 * norm.pdf(x, -1, 0.8) + 0.3 * norm.pdf(x, 2, 0.5)


def q(x):
    return norm.pdf(x, 0.5, 1.5)


def kl(a, b) -> float:
    x, w = leggauss(400)
    x, w = 15 * x, 15 * w
    return float(w @ (a(x) * np.log(a(x) / b(x))))


@pytest.mark.parametrize("name", ["minimax", "non_saturating"])
def test_the_value_at_the_best_discriminator_is_that_of_the_theorem(name) -> None:
    middle = lambda x: (p(x) + q(x)) / 2  # noqa: E731
    js = (kl(p, middle) + kl(q, middle)) / 2
    best = value(losses.LOSSES[name], p, q, lambda x: np.log(p(x) / q(x)))
    assert best == pytest.approx(-math.log(4) + 2 * js, abs=1e-6)
    assert losses.divergence(name, best) == pytest.approx(js, abs=1e-6)
    other = value(losses.LOSSES[name], p, q, lambda x: np.log(p(x) / q(x)) + 0.3 * np.sin(x))
    assert other < best


def test_the_hinge_measures_the_total_variation() -> None:
    x = np.linspace(-15, 15, 200_001)
    tv = np.trapezoid(np.abs(p(x) - q(x)), x) / 2
    found = -np.trapezoid(
        p(x) * np.maximum(0, 1 - np.sign(p(x) - q(x))) + q(x) * np.maximum(0, 1 + np.sign(p(x) - q(x))), x
    )
    assert losses.divergence("hinge", float(found)) == pytest.approx(tv, abs=1e-4)


def test_losses_of_hand_worked_answers() -> None:
    real, fake = torch.tensor([0.0, 2.0]), torch.tensor([0.0, -2.0])
    wanted = {
        "minimax": (2 * (math.log(2) + math.log1p(math.exp(-2))) / 2, -(math.log(2) + math.log1p(math.exp(-2))) / 2),
        "hinge": (1.0, 1.0),
        "wasserstein": (-2.0, 1.0),
        "relativistic": ((math.log(2) + math.log1p(math.exp(-4))) / 2, (math.log(2) + math.log1p(math.exp(4))) / 2),
    }
    for name, (d, g) in wanted.items():
        found = losses.LOSSES[name](real, fake)
        assert (float(found.discriminator), float(found.generator)) == pytest.approx((d, g), abs=1e-6), name


def test_where_d_is_sure_minimax_has_no_slope_and_the_other_has() -> None:
    for name, steep in (("minimax", False), ("non_saturating", True)):
        fake = torch.full((3,), -12.0, requires_grad=True)
        losses.LOSSES[name](torch.zeros(3), fake).generator.backward()
        assert (float(fake.grad.abs().sum()) > 0.9) == steep


def test_penalties_are_squares_of_slopes() -> None:
    w = torch.tensor([3.0, 4.0], requires_grad=True)
    x, y = torch.randn(6, 2), torch.randn(6, 2)

    def critic(rows):
        return rows @ w

    assert losses.zero_centred(critic, x, y).item() == pytest.approx(25.0)
    one = losses.one_centred(critic, x, y)
    assert one.item() == pytest.approx(16.0)
    one.backward()
    assert torch.allclose(w.grad, 2 * 4 * w.detach() / 5)  # d(‖w‖ - 1)²/dw


def test_coverage_counts_rows_with_a_generated_neighbour() -> None:
    x = torch.arange(20.0)[:, None]
    far = radii(x)
    assert far[0] == 5
    assert coverage(x, far, x + 0.1) == 1.0
    assert coverage(x, far, x[:10] - 0.1) < 0.9
    assert coverage(x, far, x + 1000) == 0.0


def test_rules_out_of_range_are_refused() -> None:
    from tacit import Game

    for wrong in ({"loss": "nobody"}, {"penalty": "r3"}, {"pack": 0}, {"average": 2.0}, {"weight": -1.0}):
        with pytest.raises(ArgumentError, match=next(iter(wrong))):
            Game(**wrong)


@pytest.mark.parametrize(("first", "trouble"), [(0, "collapse"), (2, "")])
def test_looks_before_the_players_are_whole_are_not_compared(first: int, trouble: str) -> None:
    """Two good looks and three bad ones: collapse, unless the good ones are of layers that are still faded in."""
    x = torch.randn(256, 2, generator=torch.Generator().manual_seed(0))
    said = {"d_real": torch.tensor(0.5), "d_generated": torch.tensor(0.5)}
    watch = Watch(1, first)
    for step, off in enumerate([0.0, 0.0, 9.0, 9.0, 9.0]):
        watch(step, said, torch.nn.Identity(), x, lambda m, off=off: x[:m] + off, ())
    assert watch.trouble == trouble
