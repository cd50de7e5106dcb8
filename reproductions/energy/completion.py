"""The lower half of test digits given the upper: squared error per image against PCA and ten nearest neighbours.

    python -m reproductions.energy.completion [--minutes 20] [--hidden 500] [--quick]

The machine is centred PCD on grey values taken for probabilities, drawn anew in every update; E[lower | upper] is the
mean over clamped Gibbs chains. PCA: the lower half of the least-squares fit of the upper half by k components, k of
the best on train[50000:]. Neighbours: the mean lower half of the ten nearest upper halves. 1,000 test digits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.neighbors import KNeighborsRegressor

import tacit

from .common import Array, Results, arguments, fitted, mnist, run, training


def projected(pca: Any, k: int, upper: Array, cut: int) -> Array:
    """The lower half of the least-squares fit of the upper half by the first k components."""
    W, mean = pca.components_[:k], pca.mean_
    z = np.linalg.lstsq(W[:, :cut].T, (upper - mean[:cut]).T, rcond=None)[0]
    out: Array = z.T @ W[:, cut:] + mean[cut:]
    return out


def main(words: Sequence[str] | None = None) -> dict[str, Any]:
    """The two baselines, then the machine of each seed."""
    options = arguments("completion", __doc__, words, hidden={"type": int, "default": 500})
    X, _, test, _ = mnist(options)
    quick = options.quick
    test, cut = test[: 200 if quick else 1000], X.shape[1] // 2
    results = Results("completion", options)

    def error(lower: Array, rows: Array) -> float:
        return round(float(((np.clip(lower, 0, 1) - rows[:, cut:]) ** 2).sum(axis=1).mean()), 3)

    def pca() -> dict[str, float]:
        part = len(X) * 5 // 6
        found = tacit.PCA(min(100, X.shape[1] // 2)).fit(X[:part])
        ranks = [k for k in (2, 5, 10, 15, 20, 30, 40, 60, 80, 100) if k <= found.n_components_]
        best = min(ranks, key=lambda k: error(projected(found, k, X[part:, :cut], cut), X[part:]))
        return {"components": best, "error": error(projected(found, best, test[:, :cut], cut), test)}

    def neighbours() -> float:
        model = KNeighborsRegressor(10).fit(X[:, :cut], X[:, cut:])
        return error(model.predict(test[:, :cut]), test)

    def machine(seed: int) -> float:
        model = tacit.RBM(
            60 if quick else options.hidden,
            learning_rate=0.05,
            resample=True,
            batch_size=20 if quick else 100,
            n_iter=60 if quick else 100,
            training=training(options),
            device=options.device,
            method="pcd",
            random_state=seed,
        )
        fitted(model, options, f"completion-{options.hidden}/{seed}", X)
        rows = test.copy()
        rows[:, cut:] = np.nan
        filled = model.condition(rows, n_steps=100 if quick else 1000, n_chains=10)
        return error(np.asarray(filled)[:, cut:], test)

    found: dict[str, Any] = {"PCA": results.get("PCA", pca), "10 neighbours": results.get("10 neighbours", neighbours)}
    for seed in range(options.seeds):
        key = f"machine, {options.hidden} hidden, seed {seed}"
        found[f"machine, seed {seed}"] = results.get(key, lambda seed=seed: machine(seed))
    return found


if __name__ == "__main__":
    run(main)
