"""Parzen log-likelihood of MNIST test digits, by the protocol of Goodfellow et al. (2014), table 1.

    python -m reproductions.adversarial.parzen [--steps 10000] [--minutes 10] [--quick]

10,000 samples, a Gaussian window whose width is the best of ten from 0.1 to 1 on the first 1,000 of the last 10,000
training digits, mean and standard error over the 10,000 test digits, pixels in [0, 1]; learned from 50,000. Published:
225 ± 2 for the GAN (138 ± 2 for a deep belief network). The measure has known faults (Theis et al. 2016), which the
line of 10,000 training digits beside it shows: they are no model at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import tacit
from tacit.evaluate import parzen

from .common import Array, Results, arguments, fitted, mnist, run, training


def main(words: Sequence[str] | None = None) -> dict[str, Any]:
    """The dense GAN, and training digits in its place."""
    options = arguments("parzen", __doc__, words, steps={"type": int, "default": 10_000})
    X, _, test, _ = mnist(options)
    cut, n, steps = (1100, 300, 70) if options.quick else (50_000, 10_000, options.steps)
    learn, valid = X[:cut], X[cut : cut + 1000]
    results = Results("parzen", options)

    def found(drawn: Array) -> dict[str, float]:
        one = parzen(drawn, test, valid)
        return {name: round(value, 3) for name, value in one._asdict().items()}

    def gan() -> dict[str, float]:
        size = 32 if options.quick else 128
        model = tacit.GAN(
            64,
            hidden_sizes=(64, 32) if options.quick else "auto",
            epochs=max(1, round(steps * size / len(learn))),
            batch_size=size,
            learning_rate=1e-3,
            training=training(options),
            device=options.device,
            random_state=0,
        )
        return found(np.clip(fitted(model, options, f"parzen/{steps}", learn).sample(n), 0, 1))

    return {
        "GAN": results.get(f"GAN, {steps} steps", gan),
        "training digits": results.get(
            "training digits", lambda: found(learn[np.random.default_rng(0).permutation(len(learn))[:n]])
        ),
    }


if __name__ == "__main__":
    run(main)
