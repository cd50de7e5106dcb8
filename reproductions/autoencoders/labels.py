"""Labels on pre-trained encoders of MNIST: stacked denoising 3 x 1000 + softmax, and few labels against a random
start.

    python -m reproductions.autoencoders.labels [--minutes 30] [--quick]

Published: 1.28 % test error for three layers with masking noise (Vincent et al. 2010, table 3), 1.30 % (Theano
tutorial); for one layer of an RBM fine-tuned on 100 / 1,000 / 10,000 / 60,000 labels 81.7 / 93.7 / 97.3 / 98.7 %
right, against 76.0 / 88.7 / 94.7 / 98.2 % from a random start. One stack is pre-trained a seed; 100 and 1,000 labels
are drawn five times, and every accuracy is the mean over draws. Fine-tuning masks a quarter of the pixels anew in each
batch, from either start: on train[50000:] 1.60 % wrong at a learning rate of 3e-4 from all labels, 1.43 % at 1e-3.
There 1,000 labels gave 93.9 % right (two draws) after 30 epochs a layer of pre-training with half of the inputs masked,
93.1 with a quarter, 92.5 after 10 (these two tuned at 3e-4), and 90.8 from a random start, which at 3e-3 broke down.
Trained with bf16 products, on two cores that have bf16: pre-training 5 minutes, all labels 2 from each start, the
others 15 together, 2,000 passes over 100 labels and 200 over 1,000; in parts with --minutes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from itertools import product
from typing import Any

import numpy as np

import tacit

from .common import Array, Results, arguments, fitted, mnist, run, training


def balanced(y: Array, n: int, seed: int) -> Array:
    """n row numbers, as many of each class."""
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.permutation(np.flatnonzero(y == c))[: n // 10] for c in range(10)])


def main(words: Sequence[str] | None = None) -> dict[str, Any]:
    """Pre-training once a seed, then labels."""
    options = arguments(__doc__, words, precision="bf16")
    quick = options.quick

    def stack(seed: int, X: Array) -> Any:
        model = tacit.StackedAutoencoder(
            (64, 32) if quick else (1000, 1000, 1000),
            corruption="masking",
            level=0.25 if quick else 0.5,
            activation="logistic",
            code_activation="logistic",
            loss="cross_entropy",
            scale=None,
            pretrain_epochs=12 if quick else 30,
            epochs=1,
            batch_size=64 if quick else 200,
            learning_rate=0.01 if quick else 1e-3,
            training=training(options),
            device=options.device,
            random_state=seed,
        )
        return fitted(model, options, f"labels/stack-{seed}", X)

    return curve(options, Results("labels", options), stack, "stack")


def curve(options: Any, results: Results, learn: Callable[[int, Array], Any], name: str) -> dict[str, Any]:
    """Accuracies by the number of labels, from what ``learn(seed, rows)`` gives and from random weights."""
    X, y, test, y_test = mnist(options)
    quick = options.quick
    learned = cache(lambda seed: learn(seed, X))

    def right(seed: int, draw: int, n: int, pretrained: bool) -> float:
        few = np.arange(len(X)) if n == len(X) else balanced(y, n, draw)
        model = learned(seed).to_classifier(
            pretrained,
            corruption="masking",
            level=0.1 if quick else 0.25,
            epochs=max(30, (2000 if quick else 200_000) // n),
            batch_size=min(128, max(10, n // 4)),
            learning_rate=0.01 if quick else 1e-3,
            training=training(options),
            device=options.device,
            random_state=draw,
        )
        start = name if pretrained else "random"
        fitted(model, options, f"labels/{name}-{n}-{start}-{seed}-{draw}", X[few], y[few])
        return round(float(model.score(test, y_test)), 5)

    found: dict[str, Any] = {}
    for n, start in product((50, 1300) if quick else (100, 1_000, 10_000, len(X)), ("pre-trained", "random")):
        keys = []
        for seed, draw in product(range(options.seeds), range((2 if quick else 5) if n <= 1000 else 1)):
            keys.append(f"{n} labels, {start}, {name} {seed}, draw {draw}")
            results.get(keys[-1], partial(right, seed, draw, n, start == "pre-trained"))
        found[f"{n} labels, {start}"] = results.summary(keys)
    return found


if __name__ == "__main__":
    run(main)
