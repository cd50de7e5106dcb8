"""Rows from files beside rows in memory: seconds of whole fits, and the memory that they take.

    python -m benchmarks.scale [--rows 50000000] [--folder FOLDER] [--only pca]
    python -m benchmarks.scale --table       the table of the committed results

Makes float32 rows [n, 16] around 64 centres in a folder (four files of about n · 64 bytes each: ``.npy``, Arrow,
Parquet as pyarrow writes it, and "plain" Parquet without compression and dictionaries), then fits k-means (K = 64, 10
passes from a given start, Lloyd's), PCA to 8 and a full GMM (K = 8, 5 steps from a given start) to the array in memory
and to each file, every fit in a process of its own, all in turn and twice, the faster one counts. Memory is the
anonymous part of the resident set at its peak: mapped pages of files are the system's to drop. The time in which
pyarrow alone decodes the Parquet file stands beside. Writes results/scale.json.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from . import machine
from .table import RESULTS

D, K = 16, 64
PLACES = {"memory": "x.npy", "npy": "x.npy", "arrow": "x.arrow", "parquet": "x.parquet", "plain": "plain.parquet"}
MODELS = ("kmeans", "pca", "gmm")
WORDS = {
    "kmeans": "k-means, 64 centres, 10 steps",
    "pca": "PCA to 8",
    "gmm": "Gaussian mixture, full, 8 components, 5 steps",
}
OUT = RESULTS / "scale.json"
PASSES = {"kmeans": 11, "pca": 1, "gmm": 6}


def centres() -> Any:
    return np.random.default_rng(1).normal(0, 1.2, (K, D)).astype(np.float32)


def make(folder: Path, n: int) -> None:
    """The rows, in three files."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng, c = np.random.default_rng(0), centres()
    schema = pa.schema([(f"x{j}", pa.float32()) for j in range(D)])
    whole = np.lib.format.open_memmap(folder / "x.npy", "w+", np.float32, (n, D))
    with (
        pq.ParquetWriter(folder / "x.parquet", schema) as parquet,
        pq.ParquetWriter(folder / "plain.parquet", schema, compression="none", use_dictionary=False) as plain,
        pa.ipc.new_file(str(folder / "x.arrow"), schema) as arrow,
    ):
        for lo in range(0, n, 1 << 20):
            m = min(1 << 20, n - lo)
            x = c[rng.integers(0, K, m)] + rng.standard_normal((m, D), dtype=np.float32)
            whole[lo : lo + m] = x
            table = pa.table({f"x{j}": np.ascontiguousarray(x[:, j]) for j in range(D)})
            for file in (parquet, plain, arrow):
                file.write_table(table)
    whole.flush()


def fit(model: str, place: str, folder: Path) -> dict[str, float]:
    """One fit: seconds, and megabytes of memory at the peak, the rows in memory and the libraries included."""
    import warnings

    import pyarrow.parquet  # noqa: F401  (so that the import is not in the time)

    from tacit import PCA, GaussianMixture, KMeans, scan

    warnings.simplefilter("ignore")
    path = str(folder / PLACES[place])
    X: Any = np.load(path) if place == "memory" else path if place == "npy" else scan(path)
    c = centres()
    estimator: Any = {
        "kmeans": KMeans(K, init=c, max_iter=10, tol=0, algorithm="lloyd"),
        "pca": PCA(8),
        "gmm": GaussianMixture(
            8,
            weights_init=np.full(8, 1 / 8),
            means_init=c[:8],
            precisions_init=np.broadcast_to(np.eye(D), (8, D, D)).copy(),
            max_iter=5,
            tol=0,
        ),
    }[model]
    peak, done = [0.0], threading.Event()

    def watch() -> None:
        while not done.wait(0.01):
            held = re.search(r"RssAnon:\s+(\d+)", Path("/proc/self/status").read_text())
            peak[0] = max(peak[0], int(held[1]) / 1024 if held else 0)

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.perf_counter()
    estimator.fit(X)
    seconds = time.perf_counter() - began
    done.set()
    watcher.join()
    return {"seconds": round(seconds, 3), "peak_mb": round(peak[0])}


def decode(path: Path) -> float:
    """Seconds in which pyarrow alone reads a Parquet file: the best of two, by the fastest options found for these."""
    import pyarrow.parquet as pq

    best = float("inf")
    for _ in range(2):
        began = time.perf_counter()
        with pq.ParquetFile(path, buffer_size=1 << 20, pre_buffer=False) as file:
            assert sum(batch.num_rows for batch in file.iter_batches(1 << 19))
        best = min(best, time.perf_counter() - began)
    return best


def twice(model: str, folder: Path) -> dict[str, dict[str, float]]:
    """The faster fit to each place, of two that are made in turn."""
    best: dict[str, dict[str, float]] = {}
    for _ in range(2):
        for place in PLACES:
            words = [sys.executable, "-m", "benchmarks.scale", "--folder", str(folder), "--fit", model, place]
            found = json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
            best[place] = min(best.get(place, found), found, key=lambda f: f["seconds"])
    return best


def markdown() -> str:
    """One line a model: seconds, how much of the rate in memory that is, and megabytes."""
    results = json.loads(OUT.read_text())
    lines = ["| | in memory | `.npy` | Arrow | Parquet | plain Parquet |", "|---|---|---|---|---|---|"]
    for model, told in results["fits"].items():
        cells = [f"{told['memory']['seconds']:.3g} s"]
        for place in list(PLACES)[1:]:
            r = told[place]
            cells.append(f"{r['seconds']:.3g} s, {r['of the rate in memory']:.0%}, {r['peak_mb']} MB")
        lines.append(f"| {WORDS[model]} | {' | '.join(cells)} |")
    reading = results["pyarrow decodes in"]
    last = [f"{reading[place]:.3g} s" if place in reading else "" for place in list(PLACES)[1:]]
    return "\n".join([*lines, f"| reading alone, by pyarrow, one pass | | {' | '.join(last)} |"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=50_000_000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--only", nargs="+", choices=MODELS, default=MODELS, help="the others stay as they were")
    parser.add_argument("--fit", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--table", action="store_true", help="print the table of the results there, run nothing")
    asked = parser.parse_args()
    if asked.table:
        print(markdown())
        return
    if asked.fit:
        print(json.dumps(fit(*asked.fit, asked.folder)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.folder or Path(temporary)
        if not (folder / "plain.parquet").exists():
            make(folder, asked.rows)
        before = json.loads(OUT.read_text())["fits"] if set(asked.only) < set(MODELS) else {}
        out: dict[str, Any] = {"rows": asked.rows, "columns": D, "bytes": asked.rows * D * 4, "fits": before}
        reading = {place: decode(folder / PLACES[place]) for place in ("parquet", "plain")}
        out["pyarrow decodes in"] = {place: round(seconds, 3) for place, seconds in reading.items()}
        for model in asked.only:
            told: dict[str, Any] = twice(model, folder)
            memory = told["memory"]["seconds"]
            for place in PLACES:
                mine = told[place]["seconds"]
                told[place]["of the rate in memory"] = round(memory / mine, 3)
                if place in reading:
                    told[place]["of the lesser rate"] = round(max(memory, reading[place] * PASSES[model]) / mine, 3)
                print(model, place, told[place], flush=True)
            out["fits"][model] = told | {"commit": machine.commit()}
    out |= {"date": time.strftime("%Y-%m-%d"), "seed": 0}
    out["machine"] = machine.describe(os.cpu_count() or 1)
    OUT.write_text(json.dumps(out, indent=1) + "\n")


if __name__ == "__main__":
    main()
