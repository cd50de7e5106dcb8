"""How long a joint mixture of 50 parts over 15 columns takes to answer one question, and one for each of 100,000 rows.

    python reproductions/query_speed.py [--seed 0] [--repeats 400]

The table is drawn: 7 numbers (recorded to steps, skewed, with a point mass, real) and 8 categories of 2 to 16 levels.
Prints one line a figure and writes ``results/query_speed.json``. Times of one question are medians and hold all of it:
reading the text, finding the columns, the arithmetic, the words. Rows come as an Arrow table in memory, and reading
them counts too.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pyarrow as pa

from tacit import JointMixture

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
from benchmarks import machine  # noqa: E402

LEVELS = (2, 2, 3, 5, 7, 9, 12, 16)
SINGLE = {  # question: (must, aim) in seconds
    "p(c0=a | n0 > 40, c3 in {a, b})": (1e-3, 0.2e-3),
    "p(c7 | n1=12, c2=b, n4 < 0.5)": (1e-3, 0.2e-3),
    "E(n0 | c6=d)": (1e-3, 0.2e-3),
    "argmax(c5 | n0 < 25)": (1e-3, 0.2e-3),
    "p(c0 | ...)": (1e-3, None),  # all fourteen other cells of a row
    "median(n0 | c6=d)": (None, None),
    "p(n0 | c6=d)": (None, None),
    "MI(c7; c0)": (None, None),
    "MI(n0; c0)": (None, None),
}
ROWS = {"p(c0)": (2.0, 0.5), "E(n0)": (2.0, 0.5), "p(c0 | n0, c3, c7)": (2.0, 0.5), "median(n0)": (None, None)}


def table(n: int, rng: np.random.Generator) -> pa.Table:
    """Twelve kinds of rows."""
    z = rng.integers(0, 12, n)
    at = rng.normal(size=(12, 7))[z]
    skewed = np.round(np.exp(rng.normal(7 + at[:, 2], 1)), 0)
    columns: dict[str, Any] = {
        "n0": np.clip(np.rint(rng.normal(38 + 8 * at[:, 0], 9)), 17, 90),
        "n1": np.rint(rng.normal(10 + 2 * at[:, 1], 2)),
        "n2": skewed,
        "n3": np.where(rng.random(n) < 0.9, 0.0, np.round(np.exp(rng.normal(8 + at[:, 3], 1)))),
        "n4": rng.normal(at[:, 4], 0.5),
        "n5": np.round(rng.normal(at[:, 5], 2), 1),
        "n6": rng.poisson(np.exp(0.5 + 0.5 * at[:, 6])),
    }
    for j, C in enumerate(LEVELS):
        p = rng.dirichlet(np.full(C, 0.7), size=12).cumsum(axis=1)
        columns[f"c{j}"] = np.array(list("abcdefghijklmnop"))[(rng.random((n, 1)) > p[z]).sum(axis=1).clip(max=C - 1)]
    return pa.table(columns)


def seconds(work: Callable[[], object], repeats: int) -> float:
    """The median of several calls, after two that warm up."""
    work(), work()
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--repeats", type=int, default=400)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "query_speed.json")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(args.seed)
    rows = table(110_000, rng)
    model = JointMixture(50, n_init=1, max_iter=20, random_state=args.seed).fit(rows.slice(100_000))
    evidence, one = rows.slice(0, 100_000), rows.slice(0, 1).to_pylist()[0]
    cells = ", ".join(f"{name}={value}" for name, value in one.items() if name != "c0")
    figures = []
    for kind, questions, repeats in (("question", SINGLE, args.repeats), ("rows", ROWS, 5)):
        for question, (must, aim) in questions.items():
            asked = question.replace("...", cells)
            on = (evidence,) if kind == "rows" else ()
            took = seconds(lambda q=asked, on=on: model.query(q, *on), repeats)
            figures.append({"kind": kind, "question": asked, "seconds": took, "must": must, "aim": aim})
            verdict = "" if must is None else "ok" if took <= (aim or must) else "must" if took <= must else "SHORT"
            print(f"{kind:9} {1e3 * took:9.3f} ms  {verdict:6}{asked}", flush=True)
    made = {
        "seed": args.seed,
        "commit": machine.commit(),
        "date": time.strftime("%Y-%m-%d"),
        "machine": machine.describe(2),
    }
    shape = {"parts": len(model.part_weights_), "columns": rows.num_columns, "rows": len(evidence)}
    args.out.write_text(json.dumps({"made": made, "model": shape, "figures": figures}, indent=1) + "\n")


if __name__ == "__main__":
    main()
