"""Mean test log-likelihood of mixtures of trees on five tables of 0/1 columns, beside one tree and products.

    python reproductions/density.py [--small] [--only NAME] [--time] [--data ../shared/data]

Every model learns the training rows. The same grid for every table, of components, weights of the prior and steps of
EM, is judged by the validation rows, and so are the price of an edge and one tree for all at its best point; test rows
are scored once all is chosen. Reported last is the average of sixteen such mixtures from different starts,
p(x) = (p_1(x) + ... + p_16(x)) / 16, itself a mixture of trees. Published: mixtures of trees, and the best of all.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from record import DATA, HERE, rest, write

from tacit import JointMixture, Table
from tacit.errors import DataNotice

PUBLISHED = {  # mixture of trees, best
    "nltcs": (-6.01, -6.00),
    "plants": (-12.93, -12.54),
    "baudio": (-40.14, -39.62),
    "dna": (-85.57, -81.21),
    "mushrooms": (None, -9.81),
}
COMPONENTS = (12, 25, 50, 100)
SMOOTHING = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0)  # rows of prior
STEPS = (5, 15)  # of EM
EDGES: tuple[dict[str, Any], ...] = (
    {"edge_penalty": 0.0},
    {"edge_penalty": 3.0},
    {"share": True},
)  # beside the default
AVERAGED = 16
TIMED = {"n_components": 50, "smoothing": 1.0, "max_iter": 15}  # on Plants, with --time


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


def fitted(train: Table, seed: int, **options: Any) -> tuple[JointMixture, float]:
    """A mixture of trees from one start, and the seconds of its fit."""
    start = time.perf_counter()
    model = JointMixture(**{"dependence": "tree", "n_init": 1} | options, random_state=seed).fit(train)
    return model, time.perf_counter() - start


def chosen(train: Table, valid: Table, grid: list[dict[str, Any]], seed: int) -> tuple[list[dict[str, Any]], Any]:
    """What the validation rows say of every point of the grid, and the point that they like best."""
    told = []
    for options in grid:
        model, seconds = fitted(train, seed, **options)
        told.append(options | {"valid": model.score(valid), "seconds": seconds})
        print("  " + " ".join(f"{k}={v:.4g}" for k, v in told[-1].items()), flush=True)
    best = max(range(len(told)), key=lambda i: float(told[i]["valid"]))
    return told, grid[best]


def measured(parts: list[Table], grid: list[dict[str, Any]], edges: Any, averaged: int, seed: int) -> dict[str, Any]:
    """One tree, products, the best mixture of trees by the validation rows, and the average of several like it."""
    train, valid, test = parts
    told, best = chosen(train, valid, grid, seed)
    more, best = chosen(train, valid, [best, *(best | edge for edge in edges)], seed)
    models = {
        "one tree": {"n_components": 1},
        "products": best | {"dependence": "independent", "smoothing": 1.0, "max_iter": 100},
        "trees": best,
        "averaged": best | {"n_averaged": averaged},
    }
    found: dict[str, Any] = {"grid": told + more[1:]}
    for name, options in models.items():
        model, seconds = fitted(train, seed, **options)
        found[name] = options | {"valid": model.score(valid), "test": model.score(test), "seconds": seconds}
    return found


def timed(folder: Path, out: Path, seed: int) -> dict[str, Any]:
    """The fit of 50 trees to the training rows of Plants, three times."""
    train, valid, _ = tables(folder, "plants", None)
    fits = [fitted(train, seed, **TIMED) for _ in range(3)]
    seconds = [s for _, s in fits]
    result = {"plants": TIMED | {"valid": fits[0][0].score(valid), "seconds": seconds, "least": min(seconds)}}
    print(f"50 trees over Plants, {TIMED['max_iter']} steps: {min(seconds):.2f} s")
    write(out, _rounded(result), seed=seed)
    return result


def main(argv: list[str] | None = None) -> dict[str, Any] | None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="one table, few rows and components, in seconds")
    parser.add_argument("--only", choices=PUBLISHED, help="one table")
    parser.add_argument("--time", action="store_true", help="only time the fit of 50 trees to Plants")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "density.json")
    args = parser.parse_args(argv)
    if not (args.data / "debd").is_dir():
        print(f"the tables are not at hand (looked in {args.data}/debd): nothing is measured")
        return None
    warnings.simplefilter("ignore", DataNotice)
    if args.time:
        return timed(args.data, args.out.with_name(f"{args.out.stem}_time.json"), args.seed)
    points = [
        {"n_components": K, "smoothing": smoothing, "max_iter": steps}
        for K in COMPONENTS
        for smoothing in SMOOTHING
        for steps in STEPS
    ]
    grid, edges, averaged = (points[2:3], EDGES[:1], 2) if args.small else (points, EDGES, AVERAGED)
    found: dict[str, Any] = rest(args.out, "tables", args.only)
    for name in ["nltcs"] if args.small else [args.only] if args.only else PUBLISHED:
        parts = tables(args.data, name, 2000 if args.small else None)
        print(f"{name}: {[len(part.frame) for part in parts]} rows of {parts[0].frame.num_columns} columns", flush=True)
        found[name] = measured(parts, grid, edges, averaged, args.seed)
        trees, best = PUBLISHED[name]
        found[name]["published"] = {"mixture of trees": trees, "best": best}
        told = "   ".join(f"{k} {found[name][k]['test']:.3f}" for k in ("one tree", "products", "trees", "averaged"))
        print(f"  {told}   published {trees} and {best}", flush=True)
        write(args.out, {"tables": _rounded(found)}, seed=args.seed, small=args.small)
    return found


def markdown(out: Path = HERE / "results" / "density.json") -> str:
    """The table of a page: mean log-density of test rows, from what was written."""
    lines = [
        "| table | one tree | products | trees | 16 averaged | published trees | published best |",
        "|---|---|---|---|---|---|---|",
    ]
    told = json.loads(out.read_text())["tables"]
    for name in PUBLISHED:
        ours = [f"{told[name][k]['test']:.2f}" for k in ("one tree", "products", "trees", "averaged")]
        theirs = ["" if v is None else f"{v:.2f}" for v in told[name]["published"].values()]
        lines.append(f"| {name} | {' | '.join([*ours, *theirs])} |")
    return "\n".join(lines) + "\n"


def _rounded(found: Any) -> Any:
    if isinstance(found, dict):
        return {k: _rounded(v) for k, v in found.items()}
    if isinstance(found, list):
        return [_rounded(v) for v in found]
    return round(found, 4) if isinstance(found, float) else found


if __name__ == "__main__":
    main()
