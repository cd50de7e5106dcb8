"""Mean test log-likelihood of mixtures of trees on five tables of 0/1 columns, beside one tree and products.

    python reproductions/density.py [--small] [--only NAME] [--data ../shared/data]

Every model learns the training rows; the number of components and the weight of the prior are chosen by the validation
rows, which nothing else sees. What is reported last is the average of several such mixtures from different starts,
p(x) = (p_1(x) + ... + p_B(x)) / B, itself a mixture of trees. Published: mixtures of trees, and the best of all.
"""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from record import DATA, HERE, write

from tacit import JointMixture, Table
from tacit.errors import DataNotice

PUBLISHED = {  # mixture of trees, best
    "nltcs": (-6.01, -6.00),
    "plants": (-12.93, -12.54),
    "baudio": (-40.14, -39.62),
    "dna": (-85.57, -81.21),
    "mushrooms": (None, -9.81),
}
GRID = {  # components, smoothing, steps of EM at a time; and how many are averaged
    "nltcs": ([(12, 10.0, 15), (20, 10.0, 15)], 10),
    "plants": ([(50, 2.0, 5), (100, 2.0, 5)], 5),
    "baudio": ([(30, 8.0, 5), (50, 8.0, 5), (50, 30.0, 5)], 8),
    "dna": ([(8, 30.0, 5), (16, 30.0, 5), (16, 60.0, 5)], 16),
    "mushrooms": ([(48, 0.3, 10), (96, 0.3, 10)], 6),
}
TIMED = "plants", 50  # whose fit is timed, with so many components


def tables(folder: Path, name: str, rows: int | None) -> list[Table]:
    """Training, validation and test rows; both levels of every column are known."""
    parts = np.load(folder / "debd" / f"{name}.npz")
    c = parts["train"].shape[1]
    types = {f"x{j}": "binary" for j in range(c)}
    both = Table.read({f"x{j}": ["0", "1"] for j in range(c)}, types).schema
    return [
        Table.conform({f"x{j}": parts[part][:rows, j].astype(str) for j in range(c)}, both)
        for part in ("train", "valid", "test")
    ]


def fitted(train: Table, K: int, smoothing: float, steps: int, seed: int, **more: Any) -> tuple[JointMixture, float]:
    """A mixture of K components, and the seconds of its fit."""
    options = {"dependence": "tree", "n_init": 1, "smoothing": smoothing, "max_iter": steps} | more
    start = time.perf_counter()
    model = JointMixture(K, random_state=seed, **options).fit(train)
    return model, time.perf_counter() - start


def measured(parts: list[Table], grid: list[tuple[int, float, int]], averaged: int, seed: int) -> dict[str, Any]:
    """Each point of the grid by the validation rows; the best of them averaged, and its test rows."""
    train, valid, test = parts
    found: dict[str, Any] = {"grid": []}
    one, seconds = fitted(train, 1, 1.0, 20, seed)
    found["one tree"] = {"valid": one.score(valid), "test": one.score(test), "seconds": seconds}
    best: tuple[float, tuple[int, float, int]] | None = None
    for K, smoothing, steps in grid:
        model, seconds = fitted(train, K, smoothing, steps, seed)
        score = model.score(valid)
        point = {"components": K, "smoothing": smoothing, "steps": steps, "valid": score, "test": model.score(test)}
        found["grid"].append(point | {"seconds": seconds})
        print(
            f"  K={K} smoothing={smoothing:g}: valid {score:.3f} test {point['test']:.3f} {seconds:.1f} s", flush=True
        )
        if best is None or score > best[0]:
            best = score, (K, smoothing, steps)
    assert best is not None
    K, smoothing, steps = best[1]
    plain, seconds = fitted(train, K, 1.0, 100, seed, dependence="independent")
    found["products"] = {"components": K, "valid": plain.score(valid), "test": plain.score(test), "seconds": seconds}
    model, seconds = fitted(train, K, smoothing, steps, seed, n_averaged=averaged)
    found["averaged"] = {"mixtures": averaged, "components": K, "smoothing": smoothing, "seconds": seconds}
    found["averaged"] |= {"valid": model.score(valid), "test": model.score(test)}
    return found


def main(argv: list[str] | None = None) -> dict[str, Any] | None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="one table, few rows and components, in seconds")
    parser.add_argument("--only", choices=GRID, help="one table")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "density.json")
    args = parser.parse_args(argv)
    if not (args.data / "debd").is_dir():
        print(f"the tables are not at hand (looked in {args.data}/debd): nothing is measured")
        return None
    warnings.simplefilter("ignore", DataNotice)
    found: dict[str, Any] = {}
    for name in ["nltcs"] if args.small else [args.only] if args.only else GRID:
        grid, averaged = ([(4, 2.0, 5)], 2) if args.small else GRID[name]
        parts = tables(args.data, name, 2000 if args.small else None)
        print(f"{name}: {[len(part.frame) for part in parts]} rows of {parts[0].frame.num_columns} columns", flush=True)
        found[name] = measured(parts, grid, averaged, args.seed)
        trees, best = PUBLISHED[name]
        found[name]["published"] = {"mixture of trees": trees, "best": best}
        print(
            f"  products {found[name]['products']['test']:.3f}   one tree {found[name]['one tree']['test']:.3f}   "
            f"averaged {found[name]['averaged']['test']:.3f}   published {trees} and {best}",
            flush=True,
        )
        if name == TIMED[0]:
            _, seconds = fitted(parts[0], TIMED[1], 2.0, 5, args.seed)
            found[name]["fit_seconds"] = {"components": TIMED[1], "seconds": seconds}
            print(f"  {TIMED[1]} trees in {seconds:.1f} s", flush=True)
        write(args.out, {"tables": _rounded(found)}, seed=args.seed, small=args.small)
    return found


def _rounded(found: Any) -> Any:
    if isinstance(found, dict):
        return {k: _rounded(v) for k, v in found.items()}
    if isinstance(found, list):
        return [_rounded(v) for v in found]
    return round(found, 4) if isinstance(found, float) else found


if __name__ == "__main__":
    main()
