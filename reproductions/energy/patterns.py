"""Bars and stripes 3 x 3 and 4 x 4, and the shifting bar: exact log-likelihood a pattern after 50,000 updates.

    python -m reproductions.energy.patterns [--updates 50000] [--quick]

The ceilings are minus the entropy of the sets: -2.599 (16 patterns of which two are the same twice), -3.379, -2.197.
All rows are a batch, the learning rate falls to 0; "off" is the relative distance from the ceiling, "largest gap" the
gap in free energy at tenths of the way, which grows large where learning diverges. The first rate of each method is in
its key: chosen for each by the result itself, as these sets have no other rows; persistent chains follow bars and
stripes only where weights move slowly. The seconds of each stand beside it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

import tacit

from .common import Array, Results, arguments, run


def bars_and_stripes(side: int) -> Array:
    """All 2^side patterns of rows, then of columns [2^(side + 1), side²]."""
    words = (np.arange(2**side)[:, None] >> np.arange(side)) & 1
    return np.concatenate([words.repeat(side, axis=1), np.tile(words, side)]).astype(np.float32)


SETS = {"bars and stripes 3x3": bars_and_stripes(3), "bars and stripes 4x4": bars_and_stripes(4)}
SETS["shifting bar"] = np.eye(9, dtype=np.float32)
RATES = {"exact": 0.5, "pt": 0.3, "pcd": 0.05, "cd": 0.1}


def ceiling(X: Array) -> float:
    """Σ p log p of the empirical distribution."""
    p = np.unique(X, axis=0, return_counts=True)[1] / len(X)
    return float((p * np.log(p)).sum())


def main(words: Sequence[str] | None = None) -> dict[str, Any]:
    """Every set by every method."""
    options = arguments(
        "patterns",
        __doc__,
        words,
        seeds=1,
        updates={"type": int, "default": 50_000},
        methods={"default": "pt,pcd,exact,cd"},
    )
    updates = 1500 if options.quick else options.updates
    results = Results("patterns", options)
    found: dict[str, Any] = {}
    names = list(SETS)[:1] if options.quick else list(SETS)

    def rate(name: str, method: str) -> float:
        return 0.2 if (name, method) == ("shifting bar", "pcd") else RATES[method]

    def learn(name: str, method: str, seed: int) -> dict[str, float]:
        X, seen = SETS[name], []

        def look(report: Any) -> None:
            if report.ended and report.epoch % max(updates // 10, 1) == 0:
                seen.append(report.values)

        model = tacit.RBM(
            30 if "4x4" in name else 16,
            method=method,
            learning_rate=rate(name, method),
            n_chains=100,
            batch_size=len(X),
            n_iter=updates,
            training=tacit.Training(callbacks=(look,)),
            random_state=seed,
        ).fit(X)
        last = model.log_likelihood(X, "exact").mean
        return {"last": last, "off": last / ceiling(X) - 1, "largest gap": max(h["free_energy_gap"] for h in seen)}

    for name in names:
        for method in ("exact",) if options.quick else options.methods.split(","):
            for seed in range(options.seeds):
                key = f"{name}, {method} at {rate(name, method)}, {updates} updates, seed {seed}"
                found[key] = results.get(key, lambda n=name, m=method, s=seed: learn(n, m, s))
                found[key] |= {"ceiling": ceiling(SETS[name])}
    return found


if __name__ == "__main__":
    assert math.isclose(ceiling(SETS["shifting bar"]), -math.log(9))
    run(main)
