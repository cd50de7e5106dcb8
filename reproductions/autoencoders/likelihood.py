"""Negative log-likelihood of MNIST, binarised anew at every step: VAE and IWAE (k = 50), 784-200-200-50.

    python -m reproductions.autoencoders.likelihood [--objective vae|iwae] [--epochs 200] [--minutes 60] [--quick]

Published, by the 5000-sample bound on the test set: 86.76 for the VAE, 84.78 for IWAE with k = 50 (Burda et al.
2016, table 1), after 3,280 epochs. One epoch of the VAE takes about 5 seconds on two cores (600 of them: 55
minutes), one of IWAE about 100 (35 epochs: an hour); the bound 4 minutes. In parts with --minutes; much faster on a
GPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import tacit

from .common import Results, arguments, fitted, mnist, run, training


def main(words: Sequence[str] | None = None) -> dict[str, Any]:
    """One objective."""
    options = arguments(
        __doc__,
        words,
        seeds=1,
        objective={"choices": ["vae", "iwae"], "default": "vae"},
        epochs={"type": int, "default": None},
    )
    X, _, test, _ = mnist(options)
    quick, k = options.quick, {"vae": 1, "iwae": 50}[options.objective]
    epochs = options.epochs or (12 if quick else {"vae": 600, "iwae": 35}[options.objective])
    drawn = (np.random.default_rng(0).random(test.shape) < test).astype(np.float32)
    results = Results(f"likelihood-{options.objective}-{epochs}", options)

    def network(seed: int) -> dict[str, float]:
        model = tacit.VAE(
            (32, 8) if quick else (200, 200, 50),
            likelihood="bernoulli",
            resample=True,
            activation="tanh",
            n_importance=5 if quick and k > 1 else k,
            scale=None,
            epochs=epochs,
            batch_size=100,
            learning_rate=1e-2 if quick else 1e-3,
            training=training(options),
            device=options.device,
            random_state=seed,
        )
        fitted(model, options, f"likelihood/{options.objective}-{epochs}-{seed}", X)
        counts = (1, 20, 100) if quick else (1, 50, 5000)
        bounds = {f"{s} samples": round(float(-model.score_samples(drawn, n_samples=s).mean()), 3) for s in counts}
        losses = [line["loss"] for line in model.history_]
        return bounds | {"first epoch": round(losses[0], 3), "last epoch": round(losses[-1], 3)}

    seeds = range(1 if quick else options.seeds)
    return {f"seed {s}": results.get(f"seed {s}", lambda s=s: network(s)) for s in seeds}


if __name__ == "__main__":
    run(main)
