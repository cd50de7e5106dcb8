"""Adult: classifiers that learn from synthetic rows, judged on real ones; SDGym's protocol.

    python reproductions/adult_synthesis.py [--small] [--runs 5] [--data ../shared/data]

A model learns the training rows and draws as many new ones; four classifiers learn income from these and are tested on
the real test split. Accuracy and F1 of the smaller class (> 50K), the mean over the four classifiers, over runs with
different seeds. Classifiers and features are those of SDGym 0.2: a decision tree of depth 15, balanced; AdaBoost;
logistic regression, balanced; a perceptron of 50 hidden units and 50 epochs. Numbers are scaled to
[0, 5] (by logarithm where they are positive and reach 1,000), categories are one-hot; rows with gaps are left out.
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
from sklearn.ensemble import AdaBoostClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.neural_network import MLPClassifier
from sklearn.tree import DecisionTreeClassifier

from tacit import JointMixture
from tacit.errors import DataNotice

MODELS: dict[str, dict[str, Any]] = {
    "tacit": {"n_parts": 240, "n_averaged": 4, "max_components": 5, "max_iter": 20},
    "tacit, mixtures of trees": {"dependence": "tree", "n_components": 8, "n_averaged": 4, "max_iter": 20},
}
SMALL: dict[str, dict[str, Any]] = {
    "tacit": {"n_parts": 40, "n_averaged": 1, "criterion": "bic", "max_components": 2},
    "tacit, mixtures of trees": {"n_components": 2, "n_averaged": 1},
}


def whole_rows(table: pa.Table) -> pa.Table:
    """The rows without a gap."""
    return table.drop_null()


def features(table: pa.Table, like: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and whether income is above 50K; ranges and levels are those of ``like``, the real training rows."""
    parts = []
    for name in like.column_names:
        if name == "income":
            continue
        if pa.types.is_integer(like[name].type):
            own, x = (np.asarray(t[name].to_numpy(), dtype=float) for t in (like, table))
            low, high = own.min(), own.max()
            if low >= 0 and high >= 1000:
                low, high, x = np.log(max(low, 1e-2)), np.log(high), np.log(np.maximum(x, 1e-2))
            parts.append(((x - low) / (high - low) * 5)[:, None])
        else:
            levels = sorted(set(like[name].to_pylist()))
            parts.append((np.array(table[name].to_pylist())[:, None] == np.array(levels)).astype(float))
    return np.concatenate(parts, axis=1), np.array(table["income"].to_pylist()) == ">50K"


def judged(rows: pa.Table, train: pa.Table, test: pa.Table, seed: int) -> dict[str, tuple[float, float]]:
    """Accuracy and F1 on the real test rows of four classifiers that learn from ``rows``."""
    x, y = features(rows, train)
    new, truth = features(test, train)
    models = {
        "decision tree": DecisionTreeClassifier(max_depth=15, class_weight="balanced", random_state=seed),
        "AdaBoost": AdaBoostClassifier(random_state=seed),
        "logistic regression": LogisticRegression(class_weight="balanced", max_iter=50, random_state=seed),
        "perceptron": MLPClassifier((50,), max_iter=50, random_state=seed),
    }
    out = {}
    for name, model in models.items():
        said = model.fit(x, y).predict(new)
        out[name] = (float(accuracy_score(truth, said)), float(f1_score(truth, said)))
    return out


def told(name: str, runs: list[dict[str, tuple[float, float]]], seconds: list[float]) -> dict[str, Any]:
    """The mean over classifiers and runs, and of each classifier."""
    each = np.array([[run[c] for c in run] for run in runs])  # [runs, 4, 2]
    accuracy, f1 = each.mean(axis=(0, 1))
    spread = each.mean(axis=1).std(axis=0)
    print(f"{name:18s} accuracy {accuracy:.4f} ± {spread[0]:.4f}   F1 {f1:.4f} ± {spread[1]:.4f}", flush=True)
    by_name = {c: [round(float(v), 4) for v in each[:, i].mean(axis=0)] for i, c in enumerate(runs[0])}
    return {
        "accuracy": round(float(accuracy), 4),
        "f1": round(float(f1), 4),
        "sd_over_runs": [round(float(v), 4) for v in spread],
        "runs": len(runs),
        "classifiers": by_name,
        "fit_and_sample_seconds": [round(v, 1) for v in seconds],
    }


def main(argv: list[str] | None = None) -> dict[str, Any] | None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="fewer rows, products and runs, in seconds")
    parser.add_argument("--only", help="fit this one alone, and keep what the file tells of the others")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "adult_synthesis.json")
    args = parser.parse_args(argv)
    if not at_hand(args.data):
        return None
    warnings.simplefilter("ignore", DataNotice)
    warnings.simplefilter("ignore", ConvergenceWarning)
    train, test = (whole_rows(t) for t in adult(args.data))
    runs = args.runs
    if args.small:
        train, test, runs = train.slice(0, 2500), test.slice(0, 2000), 1
    found = rest(args.out, "learned from", args.only)
    found = found or {"real rows": told("real rows", [judged(train, train, test, args.seed)], [0.0])}
    for name, options in MODELS.items():
        if args.only not in (None, name):
            continue
        options = options | (SMALL[name] if args.small else {})
        scores, seconds = [], []
        for seed in range(args.seed, args.seed + runs):
            start = time.perf_counter()
            model = JointMixture(random_state=seed, **options).fit(train)
            rows = model.sample(len(train))
            seconds.append(time.perf_counter() - start)
            scores.append(judged(rows, train, test, seed))
        found[name] = told(name, scores, seconds) | {"options": options}
    write(args.out, {"rows": [len(train), len(test)], "learned from": found}, seed=args.seed, small=args.small)
    return found


if __name__ == "__main__":
    main()
