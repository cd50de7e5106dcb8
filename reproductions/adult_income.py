"""p(income | the rest) on Adult's test split, from a model of the whole table, beside two that learn nothing else.

    python reproductions/adult_income.py [--small] [--only NAME] [--data ../shared/data]

Log-loss, calibration error in ten bins Σ_b n_b / n |mean p - mean y|, and accuracy.
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
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from tacit import JointMixture
from tacit.errors import DataNotice

AVERAGED = {"n_parts": 240, "n_averaged": 10, "smoothing": 3.0, "max_iter": 10}
TREES = {"dependence": "tree", "n_components": 8, "n_averaged": 8, "smoothing": 3.0, "max_iter": 20}


def calibration(y: np.ndarray, p: np.ndarray) -> float:
    """Σ_b n_b / n |mean p - mean y| over ten bins of p."""
    bins = np.minimum((10 * p).astype(int), 9)
    return float(sum(abs(p[bins == b].sum() - y[bins == b].sum()) for b in range(10)) / len(y))


def scores(y: np.ndarray, p: np.ndarray, seconds: float) -> dict[str, float]:
    """The three numbers, and how long the fit took."""
    return {
        "log_loss": round(float(log_loss(y, p)), 4),
        "calibration": round(calibration(y, p), 4),
        "accuracy": round(float(((p > 0.5) == y).mean()), 4),
        "fit_seconds": round(seconds, 1),
    }


def peers(train: pa.Table, test: pa.Table, y: np.ndarray, target: np.ndarray) -> dict[str, Any]:
    """Logistic regression on one-hot levels and standardised numbers; gradient boosting as it comes."""
    names = [n for n in train.column_names if n != "income"]
    numeric = [n for n in names if pa.types.is_integer(train[n].type)]
    words = [n for n in names if n not in numeric]
    x, new = (t.select(names).to_pandas() for t in (train, test))
    for frame in (x, new):
        frame[words] = frame[words].astype(object).fillna("missing")
    linear = make_column_transformer((StandardScaler(), numeric), (OneHotEncoder(handle_unknown="ignore"), words))
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    trees = make_column_transformer((codes, words), remainder="passthrough")
    boosted = HistGradientBoostingClassifier(categorical_features=list(range(len(words))), random_state=0)
    out = {}
    for name, model in (
        ("logistic regression", make_pipeline(linear, LogisticRegression(max_iter=2000))),
        ("gradient boosting", make_pipeline(trees, boosted)),
    ):
        start = time.perf_counter()
        model.fit(x, target)
        seconds = time.perf_counter() - start
        out[name] = scores(y, model.predict_proba(new)[:, 1], seconds)
    return out


def p_income(model: JointMixture, test: pa.Table) -> np.ndarray:
    """p(income > 50K | all other cells) of each row."""
    rows = test.drop_columns(["income"])
    parts = [model.query('p(income=">50K")', rows.slice(i, 4000)).columns["p"] for i in range(0, len(rows), 4000)]
    return np.concatenate(parts)


def main(argv: list[str] | None = None) -> dict[str, Any] | None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="fewer rows and products, in seconds")
    parser.add_argument("--only", help="fit this one alone, and keep what the file tells of the others")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "adult_income.json")
    args = parser.parse_args(argv)
    if not at_hand(args.data):
        return None
    warnings.simplefilter("ignore", DataNotice)
    train, test = adult(args.data)
    settings: dict[str, dict[str, Any]] = {
        "tacit, as it comes": {},
        "tacit, ten densities averaged": AVERAGED,
        "tacit, eight mixtures of trees averaged": TREES,
    }
    if args.small:
        train, test = train.slice(0, 3000), test.slice(0, 2000)
        settings = {
            "tacit, two densities averaged": AVERAGED
            | {"n_parts": 40, "n_averaged": 2, "criterion": "bic", "max_components": 2},
            "tacit, a mixture of trees": TREES | {"n_components": 2, "n_averaged": 1},
        }
    target, y = (np.array(t["income"].to_pylist()) == ">50K" for t in (train, test))
    found = rest(args.out, "models", args.only) or peers(train, test, y, target)
    for name, options in settings.items():
        if args.only not in (None, name):
            continue
        start = time.perf_counter()
        model = JointMixture(random_state=args.seed, **options).fit(train)
        seconds = time.perf_counter() - start
        found[name] = scores(y, p_income(model, test), seconds) | {
            "parts": len(model.part_weights_),
            "test_log_density": round(model.score(test), 3),
            "options": options,
        }
    for name, row in found.items():
        print(f"{name:40s} log-loss {row['log_loss']:.4f}  calibration {row['calibration']:.4f}  "
              f"accuracy {row['accuracy']:.4f}  {row['fit_seconds']} s")  # fmt: skip
    write(args.out, {"rows": [len(train), len(test)], "models": found}, seed=args.seed, small=args.small)
    return found


if __name__ == "__main__":
    main()
