"""Area under the ROC curve of outliers in the ADBench tables at hand, one default for all, without labels.

    python reproductions/outliers.py [--small] [--data ../shared/data]

Every table is learned and scored whole, by ``OutlierDetector()`` as it comes; published are the means over five seeds
of the same protocol (fit on the table, score the table; Livernoche et al. 2024) for three leading methods.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from record import DATA, HERE, write
from sklearn.metrics import roc_auc_score

from tacit import OutlierDetector
from tacit.errors import DataNotice

PEERS = ("IForest", "MCD", "PCA")


def published(folder: Path) -> dict[str, dict[str, float]]:
    """By table and method, the area under the curve."""
    out: dict[str, dict[str, float]] = {}
    with (folder / "published_dte_auroc.csv").open() as file:
        for row in csv.DictReader(file):
            if row["setting"] == "unsupervised" and row["metric"] == "AUROC" and row["method"] in PEERS:
                out.setdefault(row["file"], {})[row["method"]] = float(row["mean_pct"]) / 100
    return out


def main(argv: list[str] | None = None) -> dict[str, Any] | None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="the small tables, in seconds")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "outliers.json")
    args = parser.parse_args(argv)
    folder = args.data / "adbench"
    if not folder.is_dir():
        print(f"the tables are not at hand (looked in {folder}): nothing is measured")
        return None
    warnings.simplefilter("ignore", DataNotice)
    found: dict[str, Any] = {}
    others = published(folder)
    files = sorted(folder.glob("*.npz"), key=lambda f: f.stat().st_size)
    for file in files[:3] if args.small else files:
        data = np.load(file)
        x, y = data["X"].astype(np.float64), data["y"]
        start = time.perf_counter()
        # the threshold plays no part here: a share of the rows is the cheapest one
        score = OutlierDetector(contamination=0.1, random_state=args.seed).fit(x).score_samples(x)
        seconds = time.perf_counter() - start
        auc = float(roc_auc_score(y, -score))
        found[file.stem] = {"rows": list(x.shape), "auc": round(auc, 4), "seconds": round(seconds, 2)}
        found[file.stem] |= {name: round(v, 4) for name, v in others.get(file.stem, {}).items()}
        print(
            f"{file.stem:22s} {x.shape[0]:7d} x {x.shape[1]:3d}  {auc:.3f}  {seconds:6.1f} s  {others.get(file.stem)}",
            flush=True,
        )
        mean = {"auc": float(np.mean([f["auc"] for f in found.values()]))}
        for name in PEERS:
            mean[name] = float(np.mean([f[name] for f in found.values() if name in f]))
        mean = {k: round(v, 4) for k, v in mean.items()}
        write(args.out, {"mean": mean, "tables": found}, seed=args.seed, small=args.small)
    print(f"mean over {len(found)} tables: {mean}")
    return found


def markdown(out: Path = HERE / "results" / "outliers.json") -> str:
    """The table of a page, from what was written."""
    told = json.loads(out.read_text())
    lines = [f"| table | rows x columns | tacit | {' | '.join(PEERS)} |", "|---|---|---|---|---|---|"]
    for name, t in told["tables"].items():
        scores = " | ".join(f"{t[k]:.3f}" for k in ("auc", *PEERS))
        lines.append(f"| {name.split('_', 1)[1]} | {t['rows'][0]:,} x {t['rows'][1]} | {scores} |")
    mean = " | ".join(f"{told['mean'][k]:.3f}" for k in ("auc", *PEERS))
    return "\n".join([*lines, f"| **mean of {len(told['tables'])}** | | {mean} |"]) + "\n"


if __name__ == "__main__":
    main()
