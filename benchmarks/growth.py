"""Measured time against n, k, d and the number of steps: whether it grows as O(n k d · steps) says.

    python -m benchmarks.growth            measure, write results/growth.json and docs/images/growth.png
    python -m benchmarks.growth --draw     draw what was measured

Each axis is varied alone, the others at the middle of their range. The exponent is the slope of log time on log size by
least squares over the upper half of the range, where fixed costs no longer count: 1 for an algorithm that is linear in
that axis; 2 in d for a full covariance.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from . import machine
from .table import RESULTS

FIGURE = Path(__file__).parents[1] / "docs" / "images" / "growth.png"
MIDDLE = {"n": 100_000, "k": 64, "d": 32, "steps": 10}
RANGES = {
    "n": [12_500, 25_000, 50_000, 100_000, 200_000, 400_000],
    "k": [8, 16, 32, 64, 128, 256],
    "d": [4, 8, 16, 32, 64, 128],
    "steps": [2, 5, 10, 20, 40],
}
MODELS = {"kmeans": "k-means", "gmm-diag": "GMM, diagonal", "gmm-full": "GMM, full"}
SMALLER = {"gmm-diag": {"n": 50_000, "k": 16, "d": 16}, "gmm-full": {"n": 50_000, "k": 16, "d": 16}}


def sizes(model: str, axis: str) -> list[dict[str, int]]:
    """The sizes along one axis."""
    middle = MIDDLE | SMALLER.get(model, {})
    return [middle | {axis: value} for value in RANGES[axis] if axis != "d" or model != "gmm-full" or value <= 64]


def seconds(model: str, n: int, k: int, d: int, steps: int, repeats: int) -> float:
    """The median time of a fit with a fixed start and number of steps."""
    import warnings

    from tacit import GaussianMixture, KMeans

    rng = np.random.default_rng(0)
    centres = rng.normal(0, 0.5, (k, d)).astype(np.float32)
    x = rng.standard_normal((n, d), dtype=np.float32) + centres[rng.integers(k, size=n)]
    if model == "kmeans":
        estimator: Any = KMeans(k, init=x[:k].copy(), n_init=1, max_iter=steps, tol=0.0)
    else:
        kind = model.removeprefix("gmm-")
        one = np.ones((k, d)) if kind == "diag" else np.broadcast_to(np.eye(d), (k, d, d)).copy()
        start = {"weights_init": np.full(k, 1 / k), "means_init": centres, "precisions_init": one}
        estimator = GaussianMixture(k, covariance_type=kind, max_iter=steps, tol=0.0, **start)
    times = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estimator.fit(x[: max(2 * k, 1000)])
        for _ in range(repeats):
            began = time.perf_counter()
            estimator.fit(x)
            times.append(time.perf_counter() - began)
    return median(times)


def exponent(x: list[int], y: list[float]) -> float:
    """The slope of log y on log x over the upper half of the range."""
    half = len(x) // 2 - 1
    return float(np.polyfit(np.log(x[half:]), np.log(y[half:]), 1)[0])


def measure(threads: int, repeats: int) -> dict[str, Any]:
    """Every model along every axis."""
    curves: dict[str, Any] = {}
    for model in MODELS:
        for axis in RANGES:
            at = sizes(model, axis)
            y = [seconds(model, **size, repeats=repeats) for size in at]
            x = [size[axis] for size in at]
            curves.setdefault(model, {})[axis] = {
                "others": {key: value for key, value in at[0].items() if key != axis},
                "size": x,
                "seconds": y,
                "exponent": exponent(x, y),
            }
            print(f"{model}, {axis}: {', '.join(f'{t:.3g}' for t in y)} s; exponent {exponent(x, y):.2f}", flush=True)
    return {
        "curves": curves,
        "repeats": repeats,
        "commit": machine.commit(),
        "date": time.strftime("%Y-%m-%d"),
        "seed": 0,
        "machine": machine.describe(threads),
    }


def draw(result: dict[str, Any], path: Path) -> None:
    """One panel an axis, logarithmic both ways, with the exponents."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    names = {"n": "rows n", "k": "components k", "d": "columns d", "steps": "steps"}
    figure, panels = plt.subplots(1, 4, figsize=(13, 3.6), sharey=True, layout="constrained")
    for panel, axis in zip(panels, RANGES, strict=True):
        for model, title in MODELS.items():
            curve = result["curves"][model][axis]
            panel.loglog(
                curve["size"], curve["seconds"], "o-", ms=4, label=f"{title}: {axis}$^{{{curve['exponent']:.2f}}}$"
            )
        ticks = RANGES[axis]
        panel.set_xticks(ticks, [f"{t / 1000:g}k" if t >= 10_000 else str(t) for t in ticks], minor=False)
        panel.set_xticks([], minor=True)
        panel.set_xlabel(names[axis])
        panel.spines[["top", "right"]].set_visible(False)
        panel.grid(alpha=0.3)
        panel.legend(fontsize=8, frameon=False, loc="upper left")
    panels[0].set_ylim(top=4 * panels[0].get_ylim()[1])  # room for the legends
    panels[0].set_ylabel("seconds a fit")
    figure.suptitle("Time of a fit, and the power of the size that it grows with", fontsize=11)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def main() -> None:
    """Measure and draw."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth")
    parser.add_argument("--draw", action="store_true", help="draw results/growth.json, measure nothing")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    file = RESULTS / "growth.json"
    if not asked.draw:
        os.environ["OMP_NUM_THREADS"] = str(asked.threads)  # before the kernels are loaded
        RESULTS.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(measure(asked.threads, asked.repeats), indent=1) + "\n")
    draw(json.loads(file.read_text()), FIGURE)


if __name__ == "__main__":
    main()
