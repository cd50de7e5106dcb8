"""Negative log-likelihood of MNIST, binarised anew at every step: VAE and IWAE (k = 50), 784-200-200-50.

    python -m reproductions.autoencoders.likelihood [--epochs 200] [--more 10] [--minutes 60] [--quick]

Published, by the 5000-sample bound on the test set: 86.76 for the VAE, 84.78 for IWAE with k = 50 (Burda et al.
2016, table 1), after 3,280 epochs each. Here the VAE is trained first; the objective of IWAE goes on from its nets
with a new optimiser. An epoch of the VAE takes 3 seconds on two cores, one of IWAE with bf16 products 30; 160 and
10 of them 8 and 5 minutes, each bound 3. In parts with --minutes; much faster on a GPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

import tacit

from .common import Results, arguments, fitted, mnist, run, training


def main(words: Sequence[str] | None = None) -> dict[str, Any]:
    """The VAE of each seed, then IWAE from its nets."""
    counts = {"epochs": {"type": int, "default": None}, "more": {"type": int, "default": None}}
    options = arguments(__doc__, words, precision="bf16", **counts)
    X, _, test, _ = mnist(options)
    quick = options.quick
    epochs, more = options.epochs or (12 if quick else 160), options.more or (3 if quick else 10)
    drawn = (np.random.default_rng(0).random(test.shape) < test).astype(np.float32)
    results = Results(f"likelihood-{epochs}-{more}", options)

    def vae(seed: int, precision: str, **parameters: Any) -> Any:
        return tacit.VAE(
            likelihood="bernoulli",
            resample=True,
            activation="tanh",
            scale=None,
            batch_size=100,
            training=replace(training(options), precision=precision),
            device=options.device,
            random_state=seed,
            **parameters,
        )

    def plain(seed: int) -> Any:
        widths = (32, 8) if quick else (200, 200, 50)
        model = vae(seed, "32", hidden_sizes=widths, epochs=epochs, learning_rate=1e-2 if quick else 1e-3)
        return fitted(model, options, f"likelihood/{epochs}-{seed}", X)

    def weighted(seed: int) -> Any:
        nets = plain(seed).coder_
        model = vae(
            seed,
            options.precision,
            encoder=nets.encoder,
            decoder=nets.decoder,
            n_importance=5 if quick else 50,
            epochs=more,
            learning_rate=3e-3 if quick else 5e-4,
        )
        return fitted(model, options, f"likelihood/{epochs}-{more}-{seed}", X)

    def judged(model: Any) -> dict[str, float]:
        samples = (1, 20, 100) if quick else (1, 50, 5000)
        bounds = {f"{s} samples": round(float(-model.score_samples(drawn, n_samples=s).mean()), 3) for s in samples}
        losses = [line["loss"] for line in model.history_]
        return bounds | {"first epoch": round(losses[0], 3), "last epoch": round(losses[-1], 3)}

    for seed in range(options.seeds):
        results.get(f"VAE, seed {seed}", lambda seed=seed: judged(plain(seed)))
        results.get(f"IWAE, seed {seed}", lambda seed=seed: judged(weighted(seed)))
    return {key: value["found"] for key, value in results.values.items()}


if __name__ == "__main__":
    run(main)
