"""Stacked digits: three MNIST digits as the channels of a picture, a thousand modes.

    python -m reproductions.adversarial.stacked [--steps 10000] [--pack 1] [--minutes 20] [--quick]

51,200 random triples are learned from; the classifier of ``classifier.py`` reads the three digits of 26,000 samples:
how many of the thousand numbers come up, and KL of their frequencies from equal ones. Published: DCGAN 99.0 modes, KL
3.40; PacDCGAN2 1000.0 and 0.06 (Lin et al. 2018, table 3).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import tacit

from .classifier import judge
from .common import Results, arguments, fitted, mnist, run, training


def main(words: Sequence[str] | None = None) -> dict[str, Any]:
    """Modes and KL."""
    options = arguments(
        "stacked", __doc__, words, steps={"type": int, "default": 10_000}, pack={"type": int, "default": 1}
    )
    X, _, _, _ = mnist(options)
    side = round(X.shape[1] ** 0.5)
    results = Results("stacked", options)
    n, count, steps = (256, 200, 8) if options.quick else (51_200, 26_000, options.steps)

    def work() -> dict[str, float]:
        asked = judge(options)
        at = np.random.default_rng(0).integers(len(X), size=(n, 3))
        bytes_ = np.rint(255 * X).astype(np.uint8)
        model = tacit.GAN(
            64,
            hidden_sizes=(8, 16) if options.quick else (32, 64),
            game=tacit.Game(pack=options.pack),
            epochs=max(1, round(steps * 64 / n)),
            batch_size=64,
            training=training(options),
            device=options.device,
            random_state=0,
        )
        fitted(model, options, f"stacked/{steps}-{options.pack}", bytes_[at].reshape(n, 3, side, side))
        numbers = np.zeros(count, dtype=np.int64)
        for lo in range(0, count, 2000):
            drawn = model.set_params(random_state=lo).sample(min(2000, count - lo)) / 255
            read = asked.labels(drawn.reshape(-1, side * side)).reshape(-1, 3)
            numbers[lo : lo + len(read)] = read @ [100, 10, 1]
        share = np.bincount(numbers, minlength=1000) / count
        held = share[share > 0]
        return {"modes": len(held), "kl": round(float((held * np.log(1000 * held)).sum()), 4)}

    key = f"{steps} steps, pack {options.pack}"
    return {key: results.get(key, work)}


if __name__ == "__main__":
    run(main)
