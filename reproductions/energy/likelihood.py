"""Log-likelihood of MNIST under an RBM, test rows, annealed from both sides, or exactly for 16 hidden units.

    python -m reproductions.energy.likelihood [--binarised sampled|thresholded] [--hidden 500] [--epochs 200] [--quick]

Centred persistent contrastive divergence, batches of 100, a learning rate that falls to 0. Published: -86.34 for 500
hidden units and pixels sampled from their grey values (CD with k up to 25; Salakhutdinov and Murray 2008); -84.86 by
annealing and -96.61 by annealing back for pixels thresholded at 1/2 (centred PCD, 200 epochs, MelJan/PyDeep);
-142.56 exactly for 16 hidden units, thresholded (same). "sampled" rows are drawn anew in every update of training;
test rows are drawn once, from seed 1. The seconds of each
machine stand beside its result; in parts with --minutes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tacit

from .common import Results, arguments, black_and_white, fitted, mnist, run, training


def main(words: Sequence[str] | None = None) -> dict[str, Any]:
    """One machine and its likelihoods."""
    options = arguments(
        "likelihood",
        __doc__,
        words,
        binarised={"choices": ["sampled", "thresholded"], "default": "sampled"},
        hidden={"type": int, "default": 500},
        epochs={"type": int, "default": 200},
        rate={"type": float, "default": 0.05},
        k={"type": int, "default": 1},
        ladder={"type": int, "default": 14_500},
    )
    X, _, test, _ = mnist(options)
    quick, way = options.quick, options.binarised
    hidden, epochs = (12, 60) if quick else (options.hidden, options.epochs)
    rungs = 1000 if quick else options.ladder
    seen = black_and_white(test, way, 1)
    results = Results("likelihood", options)

    def learn(seed: int) -> dict[str, Any]:
        model = tacit.RBM(
            hidden,
            k=options.k,
            learning_rate=options.rate,
            resample=way == "sampled",
            batch_size=100,
            n_iter=epochs,
            training=training(options),
            device=options.device,
            method="pcd",
            random_state=seed,
        )
        rows = X if way == "sampled" else black_and_white(X, way, 0)
        fitted(model, options, f"rbm-{hidden}-{way}-{epochs}-{options.k}-{options.rate}/{seed}", rows)
        if not quick:
            model.save(options.work / f"rbm-{hidden}-{way}.tacit")
        learned = black_and_white(X, way, 0)[:10_000]
        if hidden <= 20:
            exact = model.log_likelihood(seen, "exact").mean
            ais = model.log_likelihood(seen, "ais", ladder=rungs)
            return {
                "exact": exact,
                "exact, train": model.log_likelihood(learned, "exact").mean,
                "annealed": ais._asdict(),
            }
        found = model.log_likelihood(seen, "ais", ladder=rungs)
        return {"annealed": found.mean, "low": found.low, "high": found.high, "gap": found.mean - found.low}

    found = {}
    for seed in range(options.seeds):
        k = f", k = {options.k}" * (options.k > 1)
        key = f"{hidden} hidden, {way}, {epochs} epochs{k}, seed {seed}"
        found[f"seed {seed}"] = results.get(key, lambda seed=seed: learn(seed))
    return found


if __name__ == "__main__":
    run(main)
