"""MNIST with a quarter of the pixels masked, and with Gaussian noise of 0.5: PSNR beside two filters.

    python -m reproductions.autoencoders.denoising [--minutes 30] [--quick]

PSNR = 10 log10(1 / mean squared error), in dB. The filters: PCA and back, its rank chosen on train[50000:], and a
median filter, its size chosen there. Trained with bf16 products; about 4 seconds an epoch on two cores that have
bf16, 25 epochs for each noise: 2 minutes each a seed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy.ndimage import median_filter

import tacit

from .common import Array, Results, arguments, fitted, mnist, run, training


def psnr(x: Array, clean: Array) -> float:
    """10 log10(1 / mean (x - clean)²)."""
    return round(float(-10 * np.log10(np.mean((np.asarray(x, dtype=np.float64) - clean) ** 2))), 3)


def masked(x: Array, rng: np.random.Generator) -> Array:
    """A quarter of the pixels black."""
    return np.where(rng.random(x.shape) < 0.25, 0, x).astype(np.float32)


def noisy(x: Array, rng: np.random.Generator) -> Array:
    """N(0, 0.5²) added."""
    return (x + 0.5 * rng.standard_normal(x.shape)).astype(np.float32)


KINDS: dict[str, tuple[Callable[[Array, np.random.Generator], Array], str, float]] = {
    "masked": (masked, "masking", 0.25),
    "gaussian": (noisy, "gaussian", 0.5),
}


def main(words: Sequence[str] | None = None) -> dict[str, Any]:
    """Each noise, each way of mending."""
    options = arguments(__doc__, words, precision="bf16")
    X, _, test, _ = mnist(options)
    quick = options.quick
    side = 8 if quick else 28
    held = len(X) * 5 // 6
    results = Results("denoising", options)

    def pca(kind: str) -> float:
        spoil = KINDS[kind][0]
        clean, bad = X[held:], spoil(X[held:], np.random.default_rng(1))
        fits = [tacit.PCA(k).fit(X[:held]) for k in ((5, 10, 20, 40) if quick else (10, 20, 30, 40, 60, 80, 120, 180))]
        best = max(fits, key=lambda fit: psnr(fit.inverse_transform(fit.transform(bad)), clean))
        there = spoil(test, np.random.default_rng(2))
        return psnr(best.inverse_transform(best.transform(there)), test)

    def median(kind: str) -> float:
        spoil = KINDS[kind][0]

        def mend(x: Array, size: int) -> Array:
            return median_filter(x.reshape(-1, side, side), size=(1, size, size)).reshape(len(x), -1)

        bad = spoil(X[held:], np.random.default_rng(1))
        size = max((2, 3, 5), key=lambda s: psnr(mend(bad, s), X[held:]))
        return psnr(mend(spoil(test, np.random.default_rng(2)), size), test)

    def network(kind: str, seed: int) -> float:
        spoil, corruption, level = KINDS[kind]
        model = tacit.DenoisingAutoencoder(
            (128, 32) if quick else (1024, 512, 256),
            corruption=corruption,
            level=level,
            loss="cross_entropy",
            scale=None,
            epochs=30 if quick else 25,
            batch_size=64 if quick else 200,
            learning_rate=3e-3 if quick else 1e-3,
            training=training(options),
            device=options.device,
            random_state=seed,
        )
        fitted(model, options, f"denoising/{kind}-{seed}", X)
        return psnr(model.denoise(spoil(test, np.random.default_rng(2))), test)

    found: dict[str, Any] = {}
    for kind in KINDS:
        for way, work in (("PCA", pca), ("median filter", median)):
            found[f"{kind}, {way}"] = results.get(f"{kind}, {way}", lambda kind=kind, work=work: work(kind))
        keys = [f"{kind}, autoencoder, seed {s}" for s in range(options.seeds)]
        for seed, key in enumerate(keys):
            results.get(key, lambda kind=kind, seed=seed: network(kind, seed))
        found[f"{kind}, autoencoder"] = results.summary(keys)
    return found


if __name__ == "__main__":
    run(main)
