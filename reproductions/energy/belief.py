"""A lower bound of the log-likelihood of MNIST under a deep belief network 784-500-2000, beside its first machine.

    python -m reproductions.energy.belief [--epochs 200] [--more 60] [--rate 0.01] [--tune 0] [--quick]

Published: -86.2 for a network of this size, pixels sampled from their grey values, the top machine annealed
(Salakhutdinov and Murray 2008). Rows are drawn anew in every update; test rows once, from seed 1. The first machine is
that of ``reproductions.energy.likelihood``, learned by ``--epochs`` passes; the second, which starts as the first
turned over, learns from what it says of the rows for ``--more`` passes, the learning rate falling from ``--rate``;
``--tune`` passes of the up-down algorithm follow. The seconds stand beside the result.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tacit

from .common import Results, arguments, black_and_white, fitted, mnist, run, training


def main(words: Sequence[str] | None = None) -> dict[str, Any]:
    """The first machine annealed, then the network."""
    counts = {name: {"type": int, "default": default} for name, default in (("epochs", 200), ("more", 60), ("tune", 0))}
    options = arguments("belief", __doc__, words, rate={"type": float, "default": 0.01}, **counts)
    X, _, test, _ = mnist(options)
    quick = options.quick
    sizes, rungs = ((12, 30), 1000) if quick else ((500, 2000), 14_500)
    epochs, more = (60, 30) if quick else (options.epochs, options.more)
    seen = black_and_white(test, "sampled", 1)
    results = Results("belief", options)
    made: dict[int, Any] = {}

    def network(seed: int) -> Any:
        if seed not in made:
            model = tacit.DBN(
                sizes,
                learning_rate=(0.05, 0.05 if quick else options.rate),
                n_iter=(epochs, more),
                resample=True,
                batch_size=100,
                fine_tune=options.tune,
                training=training(options),
                device=options.device,
                random_state=seed,
            )
            made[seed] = fitted(model, options, f"belief-{epochs}-{more}-{options.rate}-{options.tune}/{seed}", X)
        return made[seed]

    def first(seed: int) -> dict[str, float]:
        return network(seed).rbms_[0].log_likelihood(seen, "ais", ladder=rungs)._asdict()

    def whole(seed: int) -> dict[str, float]:
        return network(seed).log_likelihood(seen, ladder=rungs, n_samples=10)._asdict()

    found = {}
    for seed in range(options.seeds):
        tuned = f", {options.tune} of up-down" * (options.tune > 0)
        found[f"first machine, seed {seed}"] = results.get(
            f"first machine, {epochs} epochs, seed {seed}", lambda seed=seed: first(seed)
        )
        found[f"network, seed {seed}"] = results.get(
            f"network, {epochs} and {more} epochs at {options.rate}{tuned}, seed {seed}", lambda seed=seed: whole(seed)
        )
    return found


if __name__ == "__main__":
    run(main)
