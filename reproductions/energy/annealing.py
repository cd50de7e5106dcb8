"""Annealing against enumeration: 50 machines of 16 to 20 hidden units, learned from scikit-learn's digits.

    python -m reproductions.energy.annealing [--machines 50] [--quick]

For each machine log Z exactly, by annealing up (with its standard error), and whether the truth lies inside the
bracket (low, high). About 5 seconds a machine on two busy cores.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.datasets import load_digits

import tacit
from tacit.energy.likelihood import EXACT_BITS

from .common import Results, arguments, run


def main(words: Sequence[str] | None = None) -> dict[str, Any]:
    """All machines."""
    options = arguments("annealing", __doc__, words, machines={"type": int, "default": 50})
    quick = options.quick
    results = Results("annealing", options)
    X = (load_digits().data > 8).astype(np.float32)

    def one(seed: int) -> dict[str, float]:
        hidden = 10 if quick else 16 + seed % 5
        assert hidden <= EXACT_BITS
        model = tacit.RBM(
            hidden,
            method=("pcd", "cd")[seed % 2],
            learning_rate=(0.05, 0.1, 0.2)[seed % 3],
            n_iter=10 if quick else 40,
            random_state=seed,
        ).fit(X)
        exact = model.log_likelihood(X, "exact").mean
        found = model.log_likelihood(X, "ais", ladder=300 if quick else 2000)
        error = (found.high - found.mean) / 2  # of log Z on the way up
        return {"exact": exact, "off": found.mean - exact, "error": error, "low": found.low, "high": found.high}

    seeds = range(4 if quick else options.machines)
    each = [results.get(f"machine {s}", lambda s=s: one(s)) for s in seeds]
    return {
        "machines": len(each),
        "within 3 standard errors": float(np.mean([abs(e["off"]) <= 3 * e["error"] for e in each])),
        "inside the bracket": float(np.mean([e["low"] <= e["exact"] <= e["high"] for e in each])),
        "largest error, nats": float(max(abs(e["off"]) for e in each)),
    }


if __name__ == "__main__":
    run(main)
