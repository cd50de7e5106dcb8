"""Labels on a deep belief network of MNIST, 784-500-500-2000 + softmax, against the same net from random weights.

    python -m reproductions.energy.labels [--minutes 20] [--quick]

Published: 1.2 % (Hinton and Salakhutdinov 2006) and 1.14 % test error from all labels; for one layer fine-tuned on
100 / 1,000 / 10,000 / 60,000 labels 81.7 / 93.7 / 97.3 / 98.7 % right, against 76.0 / 88.7 / 94.7 / 98.2 % from
random weights. One network is learned a seed, by contrastive divergence from pixels taken for probabilities; 100 and
1,000 labels are drawn five times, and every accuracy is the mean over draws. Fine-tuning masks a quarter of the
pixels anew in each batch, from either start, in bf16 products.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import product
from typing import Any

import numpy as np

import tacit

from ..autoencoders.labels import balanced
from .common import Results, arguments, fitted, mnist, run, training


def main(words: Sequence[str] | None = None) -> dict[str, Any]:
    """The network once a seed, then labels."""
    options = arguments("labels", __doc__, words, precision="bf16")
    X, y, test, y_test = mnist(options)
    quick = options.quick
    results = Results("labels", options)
    sizes = (50, 1300) if quick else (100, 1_000, 10_000, len(X))
    learned: dict[int, Any] = {}

    def network(seed: int) -> Any:
        if seed not in learned:
            model = tacit.DBN(
                (64, 32) if quick else (500, 500, 2000),
                method="cd",
                learning_rate=0.1,
                momentum=0.5,
                n_iter=30 if quick else 15,
                batch_size=20 if quick else 100,
                training=training(options),
                device=options.device,
                random_state=seed,
            )
            learned[seed] = fitted(model, options, f"dbn-labels/network-{seed}", X)
        return learned[seed]

    def right(seed: int, draw: int, n: int, pretrained: bool) -> float:
        few = np.arange(len(X)) if n == len(X) else balanced(y, n, draw)
        model = network(seed).to_classifier(
            pretrained,
            corruption="masking",
            level=0.25,
            epochs=max(40, 4000 // n) if quick else max(30, 20_000 // n),
            batch_size=min(128, max(10, n // 4)),
            learning_rate=0.01 if quick else 3e-4 if pretrained and n <= 1000 else 1e-3,
            training=training(options),
            device=options.device,
            random_state=draw,
        )
        name = f"dbn-labels/{n}-{'network' if pretrained else 'random'}-{seed}-{draw}"
        fitted(model, options, name, X[few], y[few])
        return round(float(model.score(test, y_test)), 5)

    found: dict[str, Any] = {}
    for n, start in product(sizes, ("pre-trained", "random")):
        keys = []
        for seed, draw in product(range(options.seeds), range((2 if quick else 5) if n <= 1000 else 1)):
            keys.append(f"{n} labels, {start}, network {seed}, draw {draw}")
            results.get(keys[-1], partial(right, seed, draw, n, start == "pre-trained"))
        found[f"{n} labels, {start}"] = results.summary(keys)
    return found


if __name__ == "__main__":
    run(main)
