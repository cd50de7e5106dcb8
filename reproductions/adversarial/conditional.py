"""Digits by label: how often the classifier reads the label that was asked for, and what truncation trades.

    python -m reproductions.adversarial.conditional [--steps 10000] [--minutes 20] [--quick]

A convolutional ``ConditionalGAN`` on MNIST. 1,000 samples of each digit are read by the classifier of
``classifier.py``; precision and recall (k = 5) of 5,000 samples against 5,000 test digits in its space, with codes cut
off at so many standard deviations.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import tacit
from tacit.evaluate import manifold

from .classifier import judge
from .common import Results, arguments, fitted, mnist, run, training


def main(words: Sequence[str] | None = None) -> dict[str, Any]:
    """Accuracy, and precision and recall at each truncation."""
    options = arguments("conditional", __doc__, words, steps={"type": int, "default": 10_000})
    X, y, test, _ = mnist(options)
    side = round(X.shape[1] ** 0.5)
    results = Results("conditional", options)
    steps = 40 if options.quick else options.steps

    def work() -> dict[str, Any]:
        asked = judge(options)
        model = tacit.ConditionalGAN(
            64,
            hidden_sizes=(8, 16) if options.quick else "auto",
            epochs=max(1, round(steps * 64 / len(X))),
            batch_size=64,
            training=training(options),
            device=options.device,
            random_state=0,
        )
        fitted(model, options, f"conditional/{steps}", X.reshape(-1, 1, side, side), y)
        each = 5 if options.quick else 1000
        wanted = np.repeat(np.arange(10), each)
        read = asked.labels(model.sample(len(wanted), wanted))
        real = asked.features(test[: 200 if options.quick else 5000])
        found: dict[str, Any] = {
            "accuracy": round(float((read == wanted).mean()), 4),
            "worst digit": round(min(float((read[wanted == c] == c).mean()) for c in range(10)), 4),
        }
        for cut in (0.25, 0.5, 1.0, 2.0, None):
            drawn = model.sample(len(real), truncation=cut)
            shape = manifold(real, asked.features(drawn))
            found[f"truncation {cut}"] = {k: round(v, 4) for k, v in shape._asdict().items()}
        return found

    return {f"{steps} steps": results.get(f"{steps} steps", work)}


if __name__ == "__main__":
    run(main)
