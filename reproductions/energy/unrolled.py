"""Squared error per test image of MNIST of an autoencoder 784-1000-500-250-30 that starts from a stack of machines.

    python -m reproductions.energy.unrolled [--minutes 20] [--quick]

Published: 3.00 (Hinton and Salakhutdinov 2006, figure 2), where a random start with their optimiser did not learn. Σ
over pixels in [0, 1], as ``reproductions.autoencoders.reconstruction`` counts it. "random" has the same logistic units,
learning rate and epochs from random weights. Trained with bf16 products.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tacit

from .common import Results, arguments, fitted, mnist, run, training


def main(words: Sequence[str] | None = None) -> dict[str, Any]:
    """The stack of each seed unrolled and fine-tuned, beside a random start."""
    options = arguments("unrolled", __doc__, words, precision="bf16")
    X, _, test, _ = mnist(options)
    quick = options.quick
    results = Results("unrolled", options)
    epochs = 15 if quick else 60

    def stack(seed: int) -> Any:
        widths = (64, 32, 4) if quick else (1000, 500, 250, 30)
        model = tacit.DBN(
            widths,
            last="gaussian",
            method="cd",
            learning_rate=(*[0.1] * (len(widths) - 1), 0.005),
            momentum=0.5,
            n_iter=15,
            batch_size=20 if quick else 100,
            training=training(options),
            device=options.device,
            random_state=seed,
        )
        return fitted(model, options, f"unrolled/stack-{seed}", X)

    def error(seed: int, pretrained: bool) -> float:
        model = stack(seed).unroll(
            epochs=epochs,
            batch_size=64 if quick else 250,
            learning_rate=2e-3 if quick else 1e-3,
            training=training(options, clip=10.0),
            random_state=seed,
        )
        if not pretrained:
            model.set_params(encoder=None, decoder=None, activation="logistic", code_activation="identity")
        back = fitted(model, options, f"unrolled/{'stack' if pretrained else 'random'}-tuned-{seed}", X).reconstruct(
            test
        )
        return round(float(((back - test) ** 2).sum(axis=1).mean()), 4)

    found = {}
    for start in ("pre-trained", "random"):
        keys = [f"{start}, seed {s}" for s in range(options.seeds)]
        for seed, key in enumerate(keys):
            results.get(key, lambda seed=seed, start=start: error(seed, start == "pre-trained"))
        found[start] = results.summary(keys)
    return found


if __name__ == "__main__":
    run(main)
