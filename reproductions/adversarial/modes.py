"""Modes found and share of high quality on the ring of 8 and the grid of 25 Gaussians.

    python -m reproductions.adversarial.modes [--shape ring|grid] [--seeds 10] [--steps 20000] [--latent 16]

Published, ten trials of 400,000 steps: ring 7.9 of 8 modes and 95.6 % (PacGAN2), grid 24.8 of 25 and 93.6 %
(PacGAN4) (Lin et al. 2018, tables 1 and 2). Their protocol: 100,000 rows, 2,500 samples, of high quality within 3 σ of
the nearest centre, a mode counts with one such sample; of rows of the mixture itself 98.9 % are of high quality. The
networks and everything else are the library's defaults, the number of steps and ``--latent`` apart. Every seed counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import tacit
from tacit.evaluate import modes

from .common import Results, arguments, fitted, grid, mixture, ring, run, training


def main(words: Sequence[str] | None = None) -> dict[str, Any]:
    """Each seed, and the mean over those that are there."""
    options = arguments(
        "modes",
        __doc__,
        words,
        seeds=10,
        shape={"default": "ring", "choices": ["ring", "grid"]},
        steps={"type": int, "default": 20_000},
        latent={"type": int, "default": None, "help": "length of the codes, in place of the default"},
    )
    centres, sd = ring() if options.shape == "ring" else grid()
    n, size, steps = (2048, 128, 480) if options.quick else (100_000, 128, options.steps)
    if options.quick:
        sd = 5 * sd
    codes = f", codes of {options.latent}" if options.latent else ""
    results = Results("modes", options)

    def learn(seed: int) -> dict[str, float]:
        X = mixture(centres, sd, n, seed)
        model = tacit.GAN(
            options.latent or "auto",
            epochs=max(1, round(steps * size / n)),
            batch_size=size,
            training=training(options),
            device=options.device,
            random_state=seed,
        )
        fitted(model, options, f"modes/{options.shape}-{steps}{codes}-{seed}", X)
        found = modes(model.set_params(random_state=1000 + seed).sample(2500), centres, sd)
        last = model.history_[-1]
        return {
            "modes": found.found,
            "high quality": round(found.high_quality, 4),
            "kl": round(found.kl, 4),
            "J": round(last["J"], 4),
        }

    keys = [f"{options.shape}, {steps} steps{codes}, seed {seed}" for seed in range(options.seeds)]
    found = {key: results.get(key, lambda s=seed: learn(s)) for seed, key in enumerate(keys)}
    every = list(found.values())
    return found | {
        "mean": {name: round(float(np.mean([one[name] for one in every])), 4) for name in every[0]},
        "seeds": len(every),
    }


if __name__ == "__main__":
    run(main)
