"""What a pass over rows on a cluster costs: a model of a few constants, its prediction beside the measurement.

    python -m benchmarks.cost                measure the constants and the passes, write results/cost.json
    python -m benchmarks.cost --table        the table of the committed result

One pass over n rows of d float32 numbers in P partitions on W threads takes

    t = t₀ + t₁ P + t₂ P (|θ| + |S|) + (n / W) (4 d / R + w / F)        and from files  + 4 n d / (W V).

Every task brings its parameters along, |θ| bytes, and its sums S go to where they are merged. A row makes w
multiplications and additions: 2 d K in k-means, 2 d² K in a full mixture, d² in PCA; F is the rate of each kernel. The
constants are measured with one worker: t₀ and t₁ by passes over 2 to 64 partitions of few rows, t₂ by one with large
parameters, R and F by one or two passes of each kernel. All other passes, and all with two workers, are predicted.
"""

from __future__ import annotations

import argparse
import json
import pickle
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np

from . import machine
from .peers import held_there, on_workers
from .table import RESULTS, duration

OUT = RESULTS / "cost.json"
REPEATS = 5


class Size(NamedTuple):
    """A pass: the model, rows, columns, components, partitions."""

    model: str
    n: int
    d: int
    K: int = 1
    P: int = 4

    @property
    def work(self) -> float:
        """Multiplications and additions of a row."""
        return {"kmeans": 2.0 * self.d * self.K, "gmm": 2.0 * self.d**2 * self.K, "pca": 1.0 * self.d**2}[self.model]

    @property
    def out(self) -> int:
        """|θ|: centres; means, covariances, their factors, proportions, ridges; a shift. In bytes."""
        d, K = self.d, self.K
        return 8 * {"kmeans": K * d, "gmm": K * (d + 2 * d * d + 2), "pca": d}[self.model]

    @property
    def back(self) -> int:
        """|S|: sums and counts; counts, first and second moments; a first and a second moment. In bytes."""
        d, K = self.d, self.K
        return 8 * {"kmeans": K * d + K + 2, "gmm": K * (d * d + d + 1) + 3, "pca": d * d + d + 1}[self.model]


MEASURED = {  # what the constants come from, with one worker
    "rows": Size("kmeans", 4_000_000, 16, 8),
    "kmeans": Size("kmeans", 4_000_000, 16, 64),
    "gmm": Size("gmm", 2_000_000, 16, 8),
    "pca": Size("pca", 1_000_000, 64),
}
PREDICTED = [
    Size("kmeans", 4_000_000, 16, 8),
    Size("kmeans", 4_000_000, 16, 64),
    Size("kmeans", 4_000_000, 16, 64, P=16),
    Size("kmeans", 4_000_000, 16, 256),
    Size("kmeans", 1_000_000, 64, 64),
    Size("gmm", 2_000_000, 16, 8),
    Size("gmm", 4_000_000, 16, 4, P=16),
    Size("gmm", 500_000, 32, 8),
    Size("pca", 1_000_000, 64),
    Size("pca", 4_000_000, 16),
    Size("pca", 4_000_000, 16, P=16),
]
FAR = {"rows": 10**10, "machines": 100, "cores": 2, "columns": 16, "bytes of a partition": 2**27}
READ = [Size("kmeans", 10**10, 16, 64), Size("gmm", 10**10, 16, 8), Size("pca", 10**10, 16)]
LARGE = Size("kmeans", 16 * 64, 256, 512, P=16)  # parameters of a megabyte


def predict(size: Size, workers: int, c: dict[str, float]) -> dict[str, float]:
    """Seconds of a pass, term by term."""
    return {
        "round trip": c["t0"],
        "partitions": c["t1"] * size.P,
        "bytes": c["t2"] * size.P * (size.out + size.back),
        "kernel": size.n / workers * (4 * size.d / c["R"] + size.work / c[f"F {size.model}"]),
    }


def some_rows(i: int, n: int, d: int) -> Any:
    return np.random.default_rng(i).standard_normal((n, d), dtype=np.float32)


def expects(size: Size) -> tuple[Callable[..., Any], int | None]:
    """What a pass computes of a block, and the cap on its rows."""
    from tacit import kernels
    from tacit.cluster.lloyd import Lloyd
    from tacit.mixture.families.gaussian import Gaussian
    from tacit.mixture.mixture import Mixture, MixtureParams

    centres = np.random.default_rng(1).normal(0, 0.5, (size.K, size.d))
    if size.model == "kmeans":
        return partial(Lloyd(size.K).expect, centres), None
    if size.model == "pca":
        return partial(kernels.moments, shift=np.zeros(size.d)), None
    family = Gaussian("full", 1e-6)
    eye = np.broadcast_to(np.eye(size.d), (size.K, size.d, size.d)).copy()
    model = Mixture(size.K, family)
    params = MixtureParams(np.full(size.K, -np.log(size.K)), family.from_factor(centres, eye))
    return partial(model.expect, params), model.block_rows(params)


def seconds(client: Any, size: Size) -> tuple[float, int, int]:
    """The median time of a pass, and the bytes of what goes out with a task and of what comes back, as pickled."""
    from tacit import as_source

    n = max(1, size.n // size.P)
    source = as_source(held_there(client, partial(some_rows, n=n, d=size.d), size.P, n, size.d))
    f, rows = expects(size)
    sums = source.reduce(f, rows=rows)
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        source.reduce(f, rows=rows)
        times.append(time.perf_counter() - began)
    return median(times), len(pickle.dumps(f)), len(pickle.dumps(sums))


def constants(client: Any) -> dict[str, float]:
    """By passes with one worker."""
    P = np.array([2, 4, 8, 16, 32, 64])
    few = [seconds(client, Size("pca", 64 * int(p), 16, P=int(p)))[0] for p in P]
    t1, t0 = np.polyfit(P, few, 1)
    large = seconds(client, LARGE)[0] - t0 - t1 * LARGE.P
    c = {"t0": float(t0), "t1": float(t1), "t2": float(max(0.0, large) / (LARGE.P * (LARGE.out + LARGE.back)))}

    def per_row(size: Size) -> float:
        return (seconds(client, size)[0] - c["t0"] - c["t1"] * size.P) / size.n

    one, two = MEASURED["rows"], MEASURED["kmeans"]
    y1, y2 = per_row(one), per_row(two)
    c["F kmeans"] = (two.work - one.work) / (y2 - y1)
    c["R"] = 4 * one.d / max(y1 - one.work / c["F kmeans"], 1e-12)
    for model in ("gmm", "pca"):
        size = MEASURED[model]
        c[f"F {model}"] = size.work / (per_row(size) - 4 * size.d / c["R"])
    return c | {"V": decoding()}


def decoding(rows: int = 4_000_000, d: int = 16) -> float:
    """Bytes a second that pyarrow decodes from Parquet on one thread, from pages that are in memory."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    x = some_rows(0, rows, d)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.parquet"
        table = pa.table({f"x{j}": np.ascontiguousarray(x[:, j]) for j in range(d)})
        pq.write_table(table, path, compression="none", use_dictionary=False)
        return x.nbytes / machine.fastest(lambda: pq.read_table(path, use_threads=False), 3)


def measure() -> dict[str, Any]:
    c: dict[str, float] = {}
    lines: list[dict[str, Any]] = []
    for workers in (1, 2):
        _, client, cluster = on_workers(partial(some_rows, n=1, d=1), workers, 1, 1, workers)
        try:
            c = c or constants(client)
            for size in PREDICTED:
                took, out, back = seconds(client, size)
                guess = sum(predict(size, workers, c).values())
                pickled = {"out pickled": out, "back pickled": back}
                lines.append(
                    {"workers": workers, **size._asdict(), "out": size.out, "back": size.back, **pickled}
                    | {"measured": took, "predicted": guess, "error": guess / took - 1}
                )
                print(f"{workers} {size}: {duration(took)}, predicted {duration(guess)}", flush=True)
        finally:
            client.close()
            cluster.close()
    errors = {w: [abs(line["error"]) for line in lines if line["workers"] == w] for w in (1, 2)}
    return {
        "constants": c,
        "passes": lines,
        "error": {str(w): {"median": median(e), "largest": max(e)} for w, e in errors.items()},
        "far": FAR | {"passes": [far(size, c) for size in READ]},
        "commit": machine.commit(),
        "date": time.strftime("%Y-%m-%d"),
        "seed": 0,
        "machine": machine.describe(1),
    }


def far(size: Size, c: dict[str, float]) -> dict[str, Any]:
    """A pass on many machines like this one, in partitions as they are usual and with one for each thread."""
    threads = FAR["machines"] * FAR["cores"]
    out: dict[str, Any] = {"model": size.model, "K": size.K}
    for name, P in (
        ("usual", -(-4 * size.n * size.d // FAR["bytes of a partition"])),
        ("a partition a thread", threads),
    ):
        cut = size._replace(P=P)
        terms = predict(cut, threads, c)
        sent = {"out": P * size.out, "back": P * size.back}
        out[name] = {"partitions": P, **sent, "seconds": sum(terms.values()), "terms": terms}
    out["more from Parquet"] = 4 * size.n * size.d / (threads * c["V"])
    return out


NAMES = {"kmeans": "k-means", "gmm": "Gaussian mixture, full", "pca": "PCA"}


def named(model: str, K: int) -> str:
    return NAMES[model] + (f", K = {K}" if model != "pca" else "")


def load() -> dict[str, Any]:
    """The committed result."""
    found: dict[str, Any] = json.loads(OUT.read_text())
    return found


def markdown() -> str:
    """The passes, measured and predicted, with one worker and with two."""
    result = load()
    lines = ["| a pass | rows | partitions | out, back | 1 worker | predicted | 2 workers | predicted |"]
    lines.append("|---|---|---|---|---|---|---|---|")
    count = len(result["passes"]) // 2
    for one, two in zip(result["passes"][:count], result["passes"][count:], strict=True):
        sent = f"{one['P']} x {size(one['out'])}, {size(one['back'])}"
        rows = f"{one['n'] / 1e6:g}M x {one['d']}"
        times = " | ".join(duration(p[what]) for p in (one, two) for what in ("measured", "predicted"))
        lines.append(f"| {named(one['model'], one['K'])} | {rows} | {one['P']} | {sent} | {times} |")
    return "\n".join(lines)


def constants_markdown() -> str:
    """The constants, and the error of the predictions with one worker and with two."""
    c, error = load()["constants"], load()["error"]
    rates = " | ".join(f"{c[name] / 1e9:.3g}" for name in ("R", "V", "F kmeans", "F gmm", "F pca"))
    wrong = "; ".join(f"{error[w]['median']:.0%}, {error[w]['largest']:.0%}" for w in ("1", "2"))
    return "\n".join(
        [
            "| t₀ | t₁ | t₂ | R | V | F k-means | F mixture | F PCA | error with 1 worker; with 2: median, largest |",
            "|---|---|---|---|---|---|---|---|---|",
            f"| {duration(c['t0'])} | {duration(c['t1'])} | {1e9 * c['t2']:.2g} s/GB | {rates} | {wrong} |",
        ]
    )


def far_markdown() -> str:
    """The prediction for many machines."""
    result = load()
    kinds = ("usual", "a partition a thread")
    some = result["far"]["passes"][0]
    heads = " | ".join(f"{some[kind]['partitions']} partitions" for kind in kinds)
    lines = [f"| a pass | out, back | {heads} | more from Parquet |", "|---|---|---|---|---|"]
    for p in result["far"]["passes"]:
        sent = f"{size(p['usual']['out'])}, {size(p['usual']['back'])}"
        times = " | ".join(duration(p[kind]["seconds"]) for kind in kinds)
        lines.append(f"| {named(p['model'], p['K'])} | {sent} | {times} | {duration(p['more from Parquet'])} |")
    return "\n".join(lines)


def size(count: float) -> str:
    """Bytes, to be read."""
    unit, name = next(((u, s) for u, s in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")) if count >= u), (1, "bytes"))
    return f"{count / unit:.2g} {name}" if count < 100 * unit else f"{count / unit:.0f} {name}"


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.cost", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--table", action="store_true", help="print the tables of the result there, run nothing")
    if not parser.parse_args().table:
        OUT.write_text(json.dumps(measure(), indent=1) + "\n")
    print(json.dumps({key: load()[key] for key in ("constants", "error")}, indent=1))
    print(markdown(), constants_markdown(), far_markdown(), sep="\n\n")


if __name__ == "__main__":
    main()
