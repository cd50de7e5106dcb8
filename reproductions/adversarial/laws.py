"""What theory says of the game, against what is found: the value, the best D, the equilibrium.

    python -m reproductions.adversarial.laws [--steps 10000] [--minutes 10] [--quick]

1. J(G, D*) of two known densities by quadrature, against -log 4 + 2 JS: the difference.
2. G frozen at N(0.5, 0.8²), p = N(0, 1), D trained alone: mean |D - p/(p + q)| at 101 points of [-3, 3].
3. A mixture of two Gaussians in one dimension to the end: J of the last epoch, J of a D trained anew against the final
   G, which may not flatter it, and the Jensen-Shannon divergence of p and a histogram of G(z), all with -log 4 beside.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.polynomial.legendre import leggauss
from scipy.special import ndtri
from scipy.stats import norm

import tacit

from .common import Array, Results, arguments, fitted, run, training

LOG_4 = math.log(4)


def p(x: Array) -> Array:
    """0.6 N(-2, 0.6²) + 0.4 N(1.5, 0.9²)."""
    out: Array = 0.6 * norm.pdf(x, -2, 0.6) + 0.4 * norm.pdf(x, 1.5, 0.9)
    return out


def q(x: Array) -> Array:
    """N(0, 2²)."""
    out: Array = norm.pdf(x, 0, 2)
    return out


def draw(n: int, seed: int) -> Array:
    """n rows of p [n, 1]."""
    rng = np.random.default_rng(seed)
    left = rng.random(n) < 0.6
    x: Array = np.where(left, rng.normal(-2, 0.6, n), rng.normal(1.5, 0.9, n))[:, None]
    return x


def value() -> dict[str, float]:
    """J at D* = p / (p + q), through the library's loss, and -log 4 + 2 JS."""
    import torch

    from tacit.adversarial.losses import minimax

    x, w = leggauss(600)
    x, w = 20 * x, 20 * w
    never = torch.tensor([math.inf], dtype=torch.float64)
    logits = torch.from_numpy(np.log(p(x)) - np.log(q(x)))
    real = np.array([-float(minimax(o[None], -never).discriminator) for o in logits])
    fake = np.array([-float(minimax(never, o[None]).discriminator) for o in logits])
    found = float(w @ (p(x) * real + q(x) * fake))
    middle = (p(x) + q(x)) / 2
    js = float(w @ (p(x) * np.log(p(x) / middle) + q(x) * np.log(q(x) / middle))) / 2
    return {"J": found, "-log 4 + 2 JS": -LOG_4 + 2 * js, "difference": abs(found + LOG_4 - 2 * js)}


def frozen_generator() -> Any:
    """z -> 0.8 z + 0.5."""
    from torch import nn

    map_ = nn.Linear(1, 1)
    nn.init.constant_(map_.weight, 0.8)
    nn.init.constant_(map_.bias, 0.5)
    return map_


def main(words: Sequence[str] | None = None) -> dict[str, Any]:
    """The three laws."""
    options = arguments("laws", __doc__, words, steps={"type": int, "default": 10_000})
    results = Results("laws", options)
    steps = 300 if options.quick else options.steps
    n = 3_840 if options.quick else 100_000
    alone = tacit.Game(penalty=None, d_steps=10**9)
    plain = {"batch_size": 128, "training": training(options), "device": options.device, "random_state": 0}

    def epochs(wanted: int) -> int:
        return max(1, round(wanted * 128 / n))

    def best() -> float:
        x = np.random.default_rng(0).normal(size=(n, 1))
        x = (x - x.mean()) / x.std()
        g = frozen_generator()
        model = tacit.GAN(1, generator=g, game=alone, hidden_sizes=(64, 64), epochs=epochs(steps), **plain)
        fitted(model, options, f"laws/frozen-{steps}", x)
        at = np.linspace(-3, 3, 101)
        wanted = norm.pdf(at) / (norm.pdf(at) + norm.pdf(at, 0.5, 0.8))
        return round(float(np.abs(model.discriminate(at[:, None]) - wanted).mean()), 4)

    def equilibrium() -> dict[str, float]:
        x = draw(n, 0)
        model = tacit.GAN(1, hidden_sizes=(64, 64), epochs=epochs(steps), **plain)
        fitted(model, options, f"laws/game-{steps}", x)
        again = tacit.GAN(1, generator=model.generator_, game=alone, hidden_sizes=(64, 64), **plain)
        again.set_params(epochs=epochs(steps // 2), random_state=1)
        fitted(again, options, f"laws/again-{steps}", x)
        edges = np.linspace(-7, 7, 281)
        middle = (edges[1:] + edges[:-1]) / 2
        codes = ndtri((np.arange(200_000) + 0.5) / 200_000)
        mass = np.histogram(model.generate(codes[:, None])[:, 0], edges)[0] / 200_000
        true = p(middle) * (edges[1] - edges[0])
        half = (mass + true) / 2
        some = mass > 0
        js = (mass[some] * np.log(mass[some] / half[some])).sum() + (true * np.log(true / half)).sum()
        last = model.history_[-1]
        return {
            "J": round(last["J"], 4),
            "J, D trained anew": round(again.history_[-1]["J"], 4),
            "-log 4": round(-LOG_4, 4),
            "D on real": round(last["d_real"], 4),
            "D on generated": round(last["d_generated"], 4),
            "JS of p and G(z)": round(float(js) / 2, 5),
        }

    return {
        "value": results.get("value", value),
        "best D, mean error": results.get(f"best D, {steps} steps", best),
        "equilibrium": results.get(f"equilibrium, {steps} steps", equilibrium),
    }


if __name__ == "__main__":
    run(main)
