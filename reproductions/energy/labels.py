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
from typing import Any

import tacit

from ..autoencoders.labels import curve
from .common import Array, Results, arguments, fitted, run, training


def main(words: Sequence[str] | None = None) -> dict[str, Any]:
    """The network once a seed, then labels."""
    options = arguments("labels", __doc__, words, precision="bf16")
    quick = options.quick

    def network(seed: int, X: Array) -> Any:
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
        return fitted(model, options, f"labels/network-{seed}", X)

    return curve(options, Results("labels", options), network, "network")


if __name__ == "__main__":
    run(main)
