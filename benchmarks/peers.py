"""Rows in the partitions of a cluster beside rows in memory, and both beside the peers of large data.

    python -m benchmarks.peers [--only PREFIX ...] [--peers-python PATH]     measure, write results/peers.json
    python -m benchmarks.peers --table                                       the table of the committed results

``memory`` is this library with two threads on one array; ``dask`` is this library on two worker processes of one
thread each, which hold equal shares of the same rows, made there before the clock starts. The peers are Spark MLlib on
``local[2]`` with its rows cached, dask-ml on workers like ours, and scikit-learn with two threads. PySpark (with Java)
and dask-ml may live in an environment of their own, whose interpreter ``--peers-python`` names; a peer that cannot be
imported there is left out, and the reason is said.

Every contender makes the same work of the same rows. A start is the same for both where a peer takes one (dask-ml, and
memory beside Dask). Spark takes none: there each contender draws its own from random rows, within the time, and all
take the same number of steps. scikit-learn's ``MiniBatchKMeans`` runs until it stops by itself, in batches of 10,000
rows, at which it is faster than with its default; ours is the full algorithm, 10 steps, and both draw k-means++ seeds
of their own. ``IncrementalPCA`` and our ``PCA.partial_fit`` take the same batches of 10,000 rows.
What was learned is measured by one piece of code: the mean squared distance of rows to their centres, the variance that
components keep, the mean log-likelihood.

Each contender is a process of its own and fits once before it is timed, so that imports, compilers and the just-in-time
compilation of the JVM are not in the time; then they fit in turn, three times, only one at a time. The whole of ``fit``
is timed; beside it stands the share of the processors that others took.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from . import machine, scale
from .contenders import _inertia, _mixture
from .table import RESULTS, duration
from .worker import THREADS

D, K, COMPONENTS, KEPT, BATCH, ROUNDS = 16, 64, 8, 8, 10_000, 3
PARTITIONS = 2  # one for each thread, as Spark makes them
OUT = RESULTS / "peers.json"
PEERS = ("spark", "dask-ml", "sklearn")  # by the interpreter that is named


class Case(NamedTuple):
    """A model and its rows, whom we are compared with, and by how much each of ours must be faster."""

    model: str
    rows: int
    peer: str
    must: dict[str, float]
    given: bool  # the same start for all

    @property
    def contenders(self) -> tuple[str, ...]:
        return (*self.must, self.peer)


CASES = {
    "kmeans-memory": Case("kmeans", 10_000_000, "memory", {"dask": 0.7}, True),
    "gmm-memory": Case("gmm", 10_000_000, "memory", {"dask": 0.7}, True),
    "kmeans-spark": Case("kmeans", 1_000_000, "spark", {"memory": 40, "dask": 25}, False),
    "pca-spark": Case("pca", 1_000_000, "spark", {"memory": 20, "dask": 10}, False),
    "gmm-spark": Case("gmm", 1_000_000, "spark", {"memory": 60, "dask": 40}, False),
    "kmeans-dask-ml": Case("kmeans", 1_000_000, "dask-ml", {"dask": 3, "memory": 3}, True),
    "minibatch-sklearn": Case("minibatch", 1_000_000, "sklearn", {"memory": 3}, False),
    "incremental-sklearn": Case("incremental", 1_000_000, "sklearn", {"memory": 3}, False),
}


def some_rows(part: int, n: int) -> Any:
    """One partition [n, d]: rows around the centres, that touch."""
    rng = np.random.default_rng((0, part))
    return scale.centres()[rng.integers(0, K, n)] + rng.standard_normal((n, D), dtype=np.float32)


def rows(case: Case) -> Any:
    """All partitions, in one array."""
    return np.concatenate([some_rows(i, case.rows // PARTITIONS) for i in range(PARTITIONS)])


# Each contender: a function that fits with a seed.


def tacit(case: Case, X: Any) -> Callable[[int], Any]:
    """This library, wherever the rows are."""
    from tacit import PCA, GaussianMixture, KMeans

    if case.model == "kmeans":
        start = {"init": scale.centres()} if case.given else {"init": "random", "n_init": 1}
        return lambda seed: KMeans(K, **start, max_iter=10, tol=0, algorithm="lloyd", random_state=seed).fit(X)
    if case.model == "gmm":
        one = np.broadcast_to(np.eye(D), (COMPONENTS, D, D)).copy()
        first = {"weights_init": np.full(COMPONENTS, 1 / COMPONENTS), "means_init": scale.centres()[:COMPONENTS]}
        given = first | {"precisions_init": one} if case.given else {"init_params": "random_from_data"}
        return lambda seed: GaussianMixture(COMPONENTS, **given, max_iter=5, tol=0, random_state=seed).fit(X)
    if case.model == "minibatch":
        return lambda seed: KMeans(K, max_iter=10, tol=0, random_state=seed).fit(X)
    if case.model == "incremental":

        def in_batches(seed: int) -> Any:
            pca = PCA(KEPT)
            for lo in range(0, len(X), BATCH):
                pca.partial_fit(X[lo : lo + BATCH])
            return pca

        return in_batches
    return lambda seed: PCA(KEPT).fit(X)


def on_workers(make: Callable[[int], Any], partitions: int, n: int, d: int, workers: int = 2) -> tuple[Any, Any, Any]:
    """Partitions ``make(i)`` [n, d] on workers of one thread, neighbours together; the client and the cluster too."""
    import distributed

    options = {"n_workers": workers, "threads_per_worker": 1, "processes": True, "memory_limit": 0}
    cluster = distributed.LocalCluster(**options, host="127.0.0.1", dashboard_address="127.0.0.1:0")
    client = distributed.Client(cluster)
    return held_there(client, make, partitions, n, d), client, cluster


def held_there(client: Any, make: Callable[[int], Any], partitions: int, n: int, d: int) -> Any:
    """The partitions as a Dask array on the workers of a client."""
    import dask
    import dask.array as da
    import distributed

    at = sorted(client.scheduler_info(n_workers=-1)["workers"])
    held = [client.submit(make, i, workers=at[i * len(at) // partitions], pure=False) for i in range(partitions)]
    distributed.wait(held)
    X = da.concatenate([da.from_delayed(dask.delayed(part), (n, d), np.float32) for part in held]).persist()
    distributed.wait(X)
    return X


def dask_ml(case: Case, X: Any) -> Callable[[int], Any]:
    from dask_ml.cluster import KMeans

    return lambda seed: KMeans(K, init=scale.centres(), max_iter=10, tol=0, random_state=seed).fit(X)


def sklearn(case: Case, X: Any) -> Callable[[int], Any]:
    from sklearn.cluster import MiniBatchKMeans
    from sklearn.decomposition import IncrementalPCA

    if case.model == "minibatch":
        return lambda seed: MiniBatchKMeans(K, batch_size=BATCH, n_init="auto", random_state=seed).fit(X)
    return lambda seed: IncrementalPCA(KEPT, batch_size=BATCH).fit(X)


def spark(case: Case) -> Callable[[int], Any]:
    """Spark MLlib with its defaults, but for the start of k-means, whose cheapest is taken."""
    import pandas as pd
    from pyspark.ml.clustering import GaussianMixture, KMeans
    from pyspark.ml.feature import PCA, VectorAssembler
    from pyspark.sql import SparkSession

    options = {
        "spark.driver.memory": "6g",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.sql.execution.arrow.pyspark.enabled": "true",
    }
    session = SparkSession.builder.master("local[2]").config(map=options).getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    names = [f"x{j}" for j in range(D)]
    table = session.createDataFrame(pd.DataFrame(rows(case), columns=names))
    X = VectorAssembler(inputCols=names, outputCol="features").transform(table).select("features").cache()
    assert X.count() == case.rows

    def learned(seed: int) -> Any:
        if case.model == "kmeans":
            found = KMeans(k=K, maxIter=10, tol=0.0, initMode="random", seed=seed).fit(X)
            return lambda: {"cluster_centers_": np.array(found.clusterCenters())}
        if case.model == "pca":
            pca = PCA(k=KEPT, inputCol="features", outputCol="z").fit(X)
            return lambda: {"components_": pca.pc.toArray().T}
        mixture = GaussianMixture(k=COMPONENTS, maxIter=5, tol=0.0, seed=seed).fit(X)

        def parameters() -> dict[str, Any]:
            parts = mixture.gaussiansDF.collect()
            means, covariances = (np.array([p[c].toArray() for p in parts]) for c in ("mean", "cov"))
            return {"weights_": np.array(mixture.weights), "means_": means, "covariances_": covariances}

        return parameters

    return learned


def objective(case: Case, fitted: Any, x: Any) -> float:
    """What the model minimises or maximises, per row, by the same code for all."""
    if callable(fitted):
        fitted = SimpleNamespace(**fitted())
    if case.model in ("kmeans", "minibatch"):
        return _inertia(x, np.asarray(fitted.cluster_centers_, dtype=np.float64)) / len(x)
    if case.model == "gmm":
        return _mixture(x[:100_000], fitted, "full")[0]
    basis = np.linalg.qr(np.asarray(fitted.components_, dtype=np.float64).T)[0]
    centred = x.astype(np.float64) - x.mean(axis=0, dtype=np.float64)
    return float(((centred @ basis) ** 2).sum() / len(x))


def prepare(who: str, case: Case) -> tuple[Callable[[int], Any], dict[str, str]]:
    """The function that fits, and versions."""
    from importlib.metadata import version

    packages = {"spark": ["pyspark"], "dask-ml": ["dask-ml", "dask"], "dask": ["dask"]}.get(who, [])
    versions = {p: version(p) for p in [*packages, "numpy", *(["scikit-learn"] if who == "sklearn" else [])]}
    if who in ("dask", "dask-ml"):
        n = case.rows // PARTITIONS
        X, *there = on_workers(partial(some_rows, n=n), PARTITIONS, n, D)
        fit = (tacit if who == "dask" else dask_ml)(case, X)
        HELD.extend(there)
    elif who == "spark":
        fit = spark(case)
    else:
        fit = (tacit if who == "memory" else sklearn)(case, rows(case))
    return fit, versions


HELD: list[Any] = []  # clients and clusters, closed at the end


def serve(who: str, name: str) -> None:
    """A contender: told to ``fit SEED`` it answers with seconds, to ``judge`` with what the last fit has reached."""
    import warnings

    warnings.simplefilter("ignore")  # that it did not converge
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is not an answer
    case = CASES[name]
    fit, versions = prepare(who, case)
    judged = some_rows(0, case.rows // PARTITIONS)
    fit(0)
    print(json.dumps(versions), file=answers, flush=True)
    fitted: Any = None
    for line in sys.stdin:
        what, *words = line.split()
        if what == "fit":
            began = time.perf_counter()
            fitted = fit(int(words[0]))
            found = time.perf_counter() - began
        else:
            found = objective(case, fitted, judged)
        print(json.dumps(found), file=answers, flush=True)
    for each in HELD:
        each.close()


class Contender:
    """A contender's process."""

    def __init__(self, who: str, name: str, python: str) -> None:
        words = [python, "-m", "benchmarks.peers", "--serve", who, name]
        threads = {} if who in ("dask", "dask-ml") else dict.fromkeys(THREADS, "2")
        environment = {k: v for k, v in os.environ.items() if k not in THREADS} | threads
        self._said = tempfile.TemporaryFile("w+")  # noqa: SIM115  (open as long as the process)
        pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": self._said, "text": True}
        folder = Path(__file__).parents[1]
        self._process = subprocess.Popen(words, cwd=folder, env=environment, start_new_session=True, **pipes)
        self.versions: dict[str, str] = self._answer()

    def ask(self, *words: object) -> Any:
        print(*words, file=self._process.stdin, flush=True)
        return self._answer()

    def worked(self) -> float:
        """Seconds of processor time that it and what it started have used."""
        ticks = 0
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = path.read_text().rsplit(") ", 1)[1].split()
            except OSError:
                continue
            ticks += sum(map(int, fields[11:13])) if int(fields[3]) == self._process.pid else 0
        return ticks / os.sysconf("SC_CLK_TCK")

    def close(self) -> None:
        self._process.communicate(timeout=60)

    def _answer(self) -> Any:
        line = self._process.stdout.readline()  # type: ignore[union-attr]
        if line:
            return json.loads(line)
        self._said.seek(0)
        said = self._said.read().strip().splitlines()
        raise RuntimeError(said[-1] if said else "it ended without a word")


def run(name: str, peers_python: str) -> dict[str, Any] | None:
    """Measure one case; None where the peer is not there."""
    case = CASES[name]
    at: dict[str, Contender] = {}
    try:
        for who in reversed(case.contenders):
            at[who] = Contender(who, name, peers_python if who in PEERS else sys.executable)
    except RuntimeError as error:
        print(f"{name}: left out: {error}", flush=True)
        for contender in at.values():
            contender.close()
        return None
    seconds: dict[str, list[float]] = {who: [] for who in case.contenders}
    reached: dict[str, list[float]] = {who: [] for who in case.contenders}
    others: list[float] = []
    for i in range(ROUNDS):
        for who in case.contenders[:: 1 if i % 2 == 0 else -1]:
            busy, own, began = machine.busy(), at[who].worked(), time.perf_counter()
            seconds[who].append(at[who].ask("fit", i))
            wall = time.perf_counter() - began
            others.append((machine.busy() - busy - (at[who].worked() - own)) / (wall * (os.cpu_count() or 1)))
            reached[who].append(at[who].ask("judge"))
    versions = {k: v for who in case.contenders for k, v in at[who].versions.items()}
    for contender in at.values():
        contender.close()
    ratios = {
        who: median(theirs / ours for theirs, ours in zip(seconds[case.peer], seconds[who], strict=True))
        for who in case.must
    }
    return {
        "rows": case.rows,
        "columns": D,
        "partitions": PARTITIONS,
        "rounds": seconds,
        "seconds": {who: median(times) for who, times in seconds.items()},
        "ratios": ratios,
        "must": case.must,
        "objective": {who: median(values) for who, values in reached.items()},
        "taken by others": round(median(others), 3),
        "versions": versions,
        "commit": machine.commit(),
        "date": time.strftime("%Y-%m-%d"),
        "seeds": list(range(ROUNDS)),
        "machine": machine.describe(2),
    }


WORDS = scale.WORDS | {
    "minibatch": "k-means, 64 centres, in batches or in 10 steps",
    "incremental": "PCA to 8 in batches",
}
NAMES = {"memory": "in memory", "spark": "Spark MLlib", "dask-ml": "dask-ml", "sklearn": "scikit-learn"}


def load() -> dict[str, Any]:
    """The committed results."""
    found: dict[str, Any] = json.loads(OUT.read_text()) if OUT.exists() else {}
    return found


def markdown() -> str:
    """One line a case: seconds, and how often ours goes into the peer's."""
    results = load()
    lines = ["| | rows | compared with | in memory | Dask, 2 processes |", "|---|---|---|---|---|"]
    for name, case in CASES.items():
        if name not in results:
            continue
        r = results[name]

        def told(who: str, r: dict[str, Any] = r) -> str:
            return f"{duration(r['seconds'][who])}, {r['ratios'][who]:.3g}x" if who in r["ratios"] else "-"

        peer = f"{NAMES[case.peer]}: {duration(r['seconds'][case.peer])}"
        lines.append(f"| {WORDS[case.model]} | {case.rows // 10**6}M | {peer} | {told('memory')} | {told('dask')} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.peers", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--only", nargs="+", default=[""], metavar="PREFIX", help="cases whose names start so")
    parser.add_argument("--peers-python", default=sys.executable, metavar="PATH", help="the interpreter that has them")
    parser.add_argument("--table", action="store_true", help="print the table of the results there, run nothing")
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        serve(*asked.serve)
        return
    if asked.table:
        print(markdown())
        return
    for name in (n for n in CASES if any(n.startswith(p) for p in asked.only)):
        found = run(name, asked.peers_python)
        if found is None:
            continue
        results = load() | {name: found}
        OUT.write_text(json.dumps({n: results[n] for n in CASES if n in results}, indent=1) + "\n")
        times = "  ".join(f"{who} {duration(t)}" for who, t in found["seconds"].items())
        ratios = "  ".join(f"{who} {r:.3g}x, must {found['must'][who]:g}x" for who, r in found["ratios"].items())
        print(f"{name}: {times}; {ratios}; {found['objective']}; others {found['taken by others']}", flush=True)


if __name__ == "__main__":
    main()
