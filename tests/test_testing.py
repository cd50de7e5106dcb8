"""check_latent_model accepts what keeps the laws, and names the law that a wrong model breaks."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest

from tacit import as_source
from tacit.cluster.kmeans import Lloyd
from tacit.em import LatentModel, posterior
from tacit.mixture.families.gaussian import Gaussian
from tacit.mixture.mixture import Mixture
from tacit.testing import check_latent_model

X = np.random.default_rng(0).normal(size=(60, 3)) + np.repeat([[0.0], [4.0]], 30, axis=0)
HEADS = np.random.default_rng(0).binomial(10, np.repeat([[0.2], [0.7]], 20, axis=0)).astype(float)


class Coins(NamedTuple):
    bias: np.ndarray  # [2]


class Tosses(NamedTuple):
    objective: float
    entropy: float
    weight: float
    heads: np.ndarray  # [2]
    flips: np.ndarray  # [2]


class TwoCoins(LatentModel[Coins, Tosses]):
    """Ten flips a row, of one of two coins: x = heads."""

    def init(self, source, rng):
        return Coins(rng.uniform(0.2, 0.8, 2))

    def weigh(self, block):
        return block.w

    def expect(self, params, block):
        x, block = block.x, replace(block, weight=self.weigh(block))
        log_joint = np.log(0.5) + x * np.log(params.bias) + (10 - x) * np.log1p(-params.bias)
        r, *evidence = posterior(log_joint, block)
        return Tosses(*evidence, r.T @ x[:, 0], 10 * r.sum(axis=0))

    def maximise(self, stats, params):
        return Coins(stats.heads / stats.flips)

    def expected(self, stats, params):
        tails = stats.flips - stats.heads
        return stats.weight * np.log(0.5) + stats.heads @ np.log(params.bias) + tails @ np.log1p(-params.bias)


class Silent(TwoCoins):
    """Does not say what it expects: the bound is unknown, and no law of it is tested."""

    def expected(self, stats, params):
        return float("nan")


class Bare(NamedTuple):
    objective: float
    weight: float
    heads: np.ndarray
    flips: np.ndarray


class WithoutEntropy(TwoCoins):
    """Sums that do not carry the entropy of q: it is what makes the bound touch."""

    def expect(self, params, block):
        s = super().expect(params, block)
        return Bare(s.objective, s.weight, s.heads, s.flips)


def test_right_models():
    for model in (TwoCoins(), Silent(), WithoutEntropy()):
        check_latent_model(model, as_source(HEADS))
    check_latent_model(Lloyd(K=3), as_source(X))
    check_latent_model(Lloyd(K=3, metric="cosine"), as_source(X + 10))


@pytest.mark.parametrize("kind", ["full", "tied", "diag", "spherical"])
def test_gaussian_mixtures(kind):
    source = as_source(X)
    model = Mixture(2, Gaussian(kind, 1e-3))
    resp = np.random.default_rng(0).dirichlet(np.ones(2), len(X))
    check_latent_model(model, source, model.from_responsibilities(source, lambda b: resp[b.start : b.start + b.n]))


class Forgets(TwoCoins):
    def weigh(self, block):
        return np.ones(block.n)


class Averages(TwoCoins):
    def expect(self, params, block):
        s = super().expect(params, block)
        return s._replace(heads=s.heads / s.weight)


class Descends(Silent):
    def maximise(self, stats, params):
        return Coins(1 - stats.heads / stats.flips)


class Remembers(TwoCoins):
    passes = 0

    def expect(self, params, block):
        self.passes += 1
        return super().expect(params, block)


class Scribbles(TwoCoins):
    def expect(self, params, block):
        s = super().expect(params, block)
        params.bias[0] = 0.5
        return s


class Drifts(TwoCoins):
    def init(self, source, rng):
        return Coins(np.random.default_rng().uniform(0.2, 0.8, 2))


class Writes(TwoCoins):
    def expect(self, params, block):
        s = super().expect(params, block)
        block.numbers[0] += 1
        return s


class Overconfident(TwoCoins):
    """Tells an entropy of zero."""

    def expect(self, params, block):
        return super().expect(params, block)._replace(entropy=0.0)


class Forgetful(TwoCoins):
    """Leaves the choice of the coin out of what it expects."""

    def expected(self, stats, params):
        return super().expected(stats, params) - stats.weight * np.log(0.5)


class Sideways(WithoutEntropy):
    """What it expects is not what it maximises."""

    def expected(self, stats, params):
        return -super().expected(stats, params)


class Boastful(WithoutEntropy):
    """What it expects has the same maximum, but rises faster than the likelihood."""

    def expected(self, stats, params):
        return 20 * super().expected(stats, params)


class Misplaced(TwoCoins):
    def about(self, stats, old, new):
        return stats._replace(heads=stats.heads * 0.5)


class Dictionary(TwoCoins):
    def expect(self, params, block):
        return (1.0, 2.0)


@pytest.mark.parametrize(
    ("wrong", "law"),
    [
        (Forgets, "weight 2 counts as the row twice"),
        (Averages, r"S\(A ∪ B\) = S\(A\) \+ S\(B\)"),
        (Descends, "the objective fell"),
        (Remembers, "leave parameters, model and rows alone"),
        (Scribbles, "gives the same sums again|leave parameters, model and rows alone"),
        (Drifts, "init gives the same"),
        (Writes, "same sums again|leave parameters, model and rows alone"),
        (Dictionary, "NamedTuple"),
        (Overconfident, "expected or the entropy in the sums"),
        (Forgetful, "expected or the entropy in the sums"),
        (Sideways, "the M-step lowered J"),
        (Boastful, "exceeds l"),
        (Misplaced, "from sums moved by about"),
    ],
)
def test_wrong_models(wrong, law):
    with pytest.raises(AssertionError, match=law):
        check_latent_model(wrong(), as_source(HEADS.copy()))
