"""Adult with 20 % of all cells hidden at random: how well they are filled, beside mean and mode, 10-NN and regressions.

    python reproductions/adult_imputation.py [--small] [--only NAME] [--rows 6000] [--data ../shared/data]

Every imputer sees the table with its gaps and nothing else. Numbers: root mean square error of the hidden cells over
the column's standard deviation. Categories: share of hidden cells that are right. Intervals: share of the hidden
numbers that lie in the 90 % interval; only ``tacit`` gives one. ``tacit, masked cells`` is a network that learned to
foretell hidden cells. 10-NN and the iterated regressions of scikit-learn work
on standardised numbers and one-hot levels, of which the largest is taken; the regressions also on the numbers of the
levels, rounded (one-hot, the levels of a column predict each other, and little is gained over the mode).
"""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from record import DATA, HERE, adult, at_hand, rest, write
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer

from tacit import JointMixture, MaskedAutoencoder
from tacit.errors import DataNotice

PRODUCTS: dict[str, Any] = {"n_averaged": 8, "smoothing": 3.0, "max_iter": 20, "max_components": 5}
TREES: dict[str, Any] = {"dependence": "tree", "n_components": 6, "n_averaged": 32, "smoothing": 3.0, "max_iter": 20}
SMALL: dict[str, dict[str, Any]] = {
    "tacit": {"n_parts": 24, "n_averaged": 2, "criterion": "bic", "max_components": 2},
    "tacit, mixtures of trees": {"n_components": 1, "n_averaged": 1},
}

Columns = dict[str, np.ndarray]  # numbers as floats with NaN, words as objects with None


def columns_of(table: pa.Table) -> Columns:
    return {
        name: np.array(table[name].to_pylist(), dtype=float if pa.types.is_integer(table[name].type) else object)
        for name in table.column_names
    }


def gaps(cells: np.ndarray) -> np.ndarray:
    return np.isnan(cells) if cells.dtype == float else np.array([v is None for v in cells])


def hide(columns: Columns, share: float, rng: np.random.Generator) -> tuple[Columns, Columns]:
    """The table with holes, and which cells were hidden (natural gaps are not counted)."""
    holes, hidden = {}, {}
    for name, cells in columns.items():
        hidden[name] = (rng.random(len(cells)) < share) & ~gaps(cells)
        holes[name] = np.where(hidden[name], np.nan if cells.dtype == float else None, cells)
    return holes, hidden


def matrix(holes: Columns) -> tuple[np.ndarray, dict[str, Any]]:
    """Standardised numbers and one-hot levels, NaN where a cell is missing; and how to read it back."""
    parts, plan, at = [], {}, 0
    for name, cells in holes.items():
        if cells.dtype == float:
            mean, sd = np.nanmean(cells), np.nanstd(cells)
            parts.append(((cells - mean) / sd)[:, None])
            plan[name] = (at, at + 1, (mean, sd))
        else:
            levels = sorted({v for v in cells if v is not None})
            hot = (cells[:, None] == np.array(levels, dtype=object)).astype(float)
            hot[gaps(cells)] = np.nan
            parts.append(hot)
            plan[name] = (at, at + len(levels), levels)
        at = plan[name][1]
    return np.concatenate(parts, axis=1), plan


def codes(holes: Columns) -> tuple[np.ndarray, dict[str, Any]]:
    """Standardised numbers, and levels by their place in the alphabet."""
    x, plan = [], {}
    for j, (name, cells) in enumerate(holes.items()):
        if cells.dtype == float:
            plan[name] = (j, (np.nanmean(cells), np.nanstd(cells)))
            x.append((cells - plan[name][1][0]) / plan[name][1][1])
        else:
            levels = sorted({v for v in cells if v is not None})
            plan[name] = (j, levels)
            x.append(np.array([np.nan if v is None else levels.index(v) for v in cells]))
    return np.column_stack(x), plan


def decode(x: np.ndarray, plan: dict[str, Any]) -> Columns:
    out: Columns = {}
    for name, (j, how) in plan.items():
        if isinstance(how, tuple):
            out[name] = x[:, j] * how[1] + how[0]
        else:
            at = np.clip(np.rint(x[:, j]), 0, len(how) - 1).astype(int)
            out[name] = np.array(how, dtype=object)[at]
    return out


def read_back(x: np.ndarray, plan: dict[str, Any]) -> Columns:
    out: Columns = {}
    for name, (lo, hi, how) in plan.items():
        if isinstance(how, tuple):
            out[name] = x[:, lo] * how[1] + how[0]
        else:
            out[name] = np.array(how, dtype=object)[x[:, lo:hi].argmax(axis=1)]
    return out


def judge(filled: Columns, truth: Columns, hidden: Columns) -> dict[str, Any]:
    """Error over standard deviation of every number, accuracy of every category, and their means."""
    numbers = {
        name: float(np.sqrt(np.mean((filled[name][h] - truth[name][h]) ** 2)) / np.nanstd(truth[name]))
        for name, h in hidden.items()
        if truth[name].dtype == float
    }
    words = {n: float((filled[n][h] == truth[n][h]).mean()) for n, h in hidden.items() if truth[n].dtype == object}
    return {
        "rmse": round(float(np.mean(list(numbers.values()))), 4),
        "accuracy": round(float(np.mean(list(words.values()))), 4),
        "numbers": {k: round(v, 3) for k, v in numbers.items()},
        "categories": {k: round(v, 3) for k, v in words.items()},
    }


def main(argv: list[str] | None = None) -> dict[str, Any] | None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="fewer rows and products, in seconds")
    parser.add_argument("--only", help="fit this one alone, and keep what the file tells of the others")
    parser.add_argument("--rows", type=int, default=6000, help="drawn from the training split")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "adult_imputation.json")
    args = parser.parse_args(argv)
    if not at_hand(args.data):
        return None
    warnings.simplefilter("ignore", DataNotice)
    warnings.simplefilter("ignore", ConvergenceWarning)
    rng = np.random.default_rng(args.seed)
    train, _ = adult(args.data)
    n = 800 if args.small else args.rows
    truth = columns_of(train.take(pa.array(np.sort(rng.permutation(len(train))[:n]))))
    holes, hidden = hide(truth, 0.2, rng)
    found = rest(args.out, "imputers", args.only)

    def told(name: str, filled: Columns, start: float) -> None:
        found[name] = judge(filled, truth, hidden) | {"seconds": round(time.perf_counter() - start, 1)}
        row = found[name]
        print(f"{name:20s} accuracy {row['accuracy']:.4f}   rmse {row['rmse']:.4f}   {row['seconds']} s", flush=True)

    hot, numbered = matrix(holes), codes(holes)
    peers = (
        ("mean and mode", SimpleImputer(), hot, read_back),
        ("10-NN", KNNImputer(n_neighbors=10), hot, read_back),
        (
            "regressions on codes",
            IterativeImputer(max_iter=3 if args.small else 10, random_state=args.seed),
            numbered,
            decode,
        ),
        ("regressions, one-hot", IterativeImputer(max_iter=5, random_state=args.seed), hot, read_back),
    )
    for name, imputer, (cells, plan), back in peers[: 3 if args.small else 4]:
        if args.only in (None, name):
            start = time.perf_counter()
            told(name, back(imputer.fit_transform(cells), plan), start)

    table = pa.table({k: pa.array(v, from_pandas=True) for k, v in holes.items()})
    for name, options in (("tacit", PRODUCTS), ("tacit, mixtures of trees", TREES)):
        if args.only not in (None, name):
            continue
        options = options | (SMALL[name] if args.small else {})
        start = time.perf_counter()
        model = JointMixture(random_state=args.seed, **options)
        answer = model.fit(table).impute(table, interval=0.9)
        told(name, columns_of(answer.filled), start)
        cover = {}
        for column, h in hidden.items():
            if truth[column].dtype == float:
                low, high = (np.array(t[column].to_pylist(), dtype=float)[h] for t in (answer.low, answer.high))
                cover[column] = float(((low <= truth[column][h]) & (truth[column][h] <= high)).mean())
        found[name] |= {"cover": round(float(np.mean(list(cover.values()))), 4), "covers": cover, "options": options}
        print(f"90 % intervals hold {found[name]['cover']:.3f}:", {k: round(v, 3) for k, v in cover.items()})
    if args.only in (None, "tacit, masked cells"):
        start = time.perf_counter()
        network = MaskedAutoencoder(epochs=10 if args.small else 60, random_state=args.seed).fit(table)
        told("tacit, masked cells", columns_of(network.impute(table)), start)
    write(args.out, {"rows": n, "imputers": found}, seed=args.seed, small=args.small)
    return found


if __name__ == "__main__":
    main()
