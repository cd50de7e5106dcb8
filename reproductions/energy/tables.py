"""Mean test log-likelihood of two tables of 0/1 columns under an RBM, annealed: mushrooms and DNA.

    python -m reproductions.energy.tables [--minutes 20] [--only dna] [--quick]

Published for an RBM: -15.15 and -96.74 (Larochelle and Murray 2011, table 1, from the same files); independent columns
and trees stand in ``reproductions/density.py``. Centred PCD; hidden units, passes and weight decay are chosen on the
validation rows by the annealed estimate; the test rows are looked at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np

import tacit

from .common import Array, Results, arguments, fitted, run, training

GRID = {  # hidden units, updates, weight decay
    "mushrooms": list(product((50, 200), (50_000,), (0.0, 3e-4))),
    "dna": list(product((16, 50), (5_000, 20_000), (1e-3, 1e-2))),
}


def tables(options: Any, name: str) -> dict[str, Array]:
    """Training, validation and test rows [n, d]; ``--quick``: four patterns of twelve columns with noise."""
    if options.quick:
        rng = np.random.default_rng(0)
        patterns = rng.integers(0, 2, (4, 12))
        rows = np.abs(patterns[rng.integers(0, 4, 1200)] - (rng.random((1200, 12)) < 0.05))
        return dict(zip(("train", "valid", "test"), np.split(rows.astype(np.float32), 3)))
    parts = np.load(options.data / "debd" / f"{name}.npz")
    return {part: parts[part].astype(np.float32) for part in ("train", "valid", "test")}


def main(words: Sequence[str] | None = None) -> dict[str, Any]:
    """The grid on the validation rows, the best on the test rows."""
    options = arguments("tables", __doc__, words, only={"choices": list(GRID), "default": None})
    results = Results("tables", options)
    names = ["mushrooms"] if options.quick else [options.only] if options.only else list(GRID)
    return {name: chosen(options, results, name) for name in names}


def chosen(options: Any, results: Results, name: str) -> dict[str, Any]:
    """The machine of the grid that is best on the validation rows, on the test rows."""
    parts = tables(options, name)
    train, size = parts["train"], min(100, len(parts["train"]))

    def judged(of: str, hidden: int, updates: int, decay: float) -> dict[str, float]:
        model = tacit.RBM(
            hidden,
            weight_decay=decay,
            learning_rate=0.05,
            batch_size=size,
            n_iter=max(1, updates * size // len(train)),
            training=training(options),
            device=options.device,
            method="pcd",
            random_state=0,
        )
        fitted(model, options, f"tables/{name}-{hidden}-{updates}-{decay}", train)
        found = model.log_likelihood(parts[of], ladder=500 if options.quick else 5000, n_rows=50)
        return found._asdict()

    grid = [(8, 2000, 0.0)] if options.quick else GRID[name]
    keys = {how: f"{name}, {how[0]} hidden, {how[1]} updates, decay {how[2]}" for how in grid}
    valid = {how: results.get(f"{key}, valid", lambda h=how: judged("valid", *h)) for how, key in keys.items()}
    best = max(grid, key=lambda how: valid[how]["mean"])
    return results.get(f"{keys[best]}, test", lambda: judged("test", *best)) | {"chosen": keys[best]}


if __name__ == "__main__":
    run(main)
