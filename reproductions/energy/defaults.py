"""``RBM()`` with nothing chosen, beside independent columns: log-likelihood of test rows of four 0/1 tables.

    python -m reproductions.energy.defaults [--seeds 5] [--quick]

Bars and stripes 4 x 4 are learned and asked as they are, exactly by the smaller side; scikit-learn's digits,
thresholded at 1/2, are cut in halves; mushrooms and DNA have test rows of their own. Those three are annealed.
Independent columns have the probability (ones + 1/2) / (rows + 1). "gap" is F(training rows) - F(the model's) of the
last pass: it would be large where a fit ran away.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from sklearn.datasets import load_digits

import tacit

from .common import Array, Results, arguments, black_and_white, run
from .patterns import bars_and_stripes


def tables(options: Any) -> dict[str, tuple[Array, Array]]:
    """By name: rows to learn from and rows to ask about, all 0 and 1."""
    bars = bars_and_stripes(4)
    digits = black_and_white(np.random.default_rng(0).permutation(load_digits().data / 16), "thresholded", 0)
    found = {"bars and stripes 4x4": (bars, bars), "digits": (digits[:900], digits[900:])}
    for name in () if options.quick else ("mushrooms", "dna"):
        parts = np.load(options.data / "debd" / f"{name}.npz")
        found[name] = parts["train"].astype(np.float32), parts["test"].astype(np.float32)
    return found


def independent(X: Array, test: Array) -> float:
    """Mean Σ_j log p(x_j) of test rows, each column on its own."""
    p = (X.sum(axis=0) + 0.5) / (len(X) + 1)
    return float((test * np.log(p) + (1 - test) * np.log(1 - p)).sum(axis=1).mean())


def learned(X: Array, test: Array, seed: int, quick: bool) -> dict[str, float]:
    """RBM() from this seed, and what it says of the test rows."""
    model = tacit.RBM(random_state=seed, n_iter=max(20, 40_000 // len(X)) if quick else "auto").fit(X)
    found = model.log_likelihood(test)._asdict()
    return {name: round(value, 3) for name, value in found.items()} | {"gap": model.history_[-1]["free_energy_gap"]}


def main(words: Sequence[str] | None = None) -> dict[str, Any]:
    """Each table, each seed."""
    options = arguments("defaults", __doc__, words, seeds=5)
    results = Results("defaults", options)
    found: dict[str, Any] = {}
    for name, (X, test) in tables(options).items():
        key = f"{name}, independent columns"
        found[key] = results.get(key, partial(independent, X, test))
        for seed in range(1 if options.quick else options.seeds):
            key = f"{name}, seed {seed}"
            found[key] = results.get(key, partial(learned, X, test, seed, options.quick))
    return found


if __name__ == "__main__":
    run(main)
