"""How often JointMixture finds the right number of groups: tables without groups, and tables with planted ones.

    python reproductions/number_of_groups.py [--only NAME ...] [--tables 20] [--data ../shared/data]

Prints one line a kind of table and writes ``results/number_of_groups.json``. Everything is drawn from ``--seed``.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import os
import platform
import subprocess
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats
from sklearn.datasets import load_breast_cancer, load_wine

from tacit import JointMixture
from tacit.errors import DataNotice

HERE = Path(__file__).parent
SIZES = (150, 300, 500, 1000, 2000, 5000)
Columns = dict[str, Any]
Rng = np.random.Generator


def table(x: np.ndarray, codes: np.ndarray) -> Columns:
    """Numbers n0, n1, ... and categories c0, c1, ... ; NaN and -1 are gaps."""
    numbers = {f"n{j}": column for j, column in enumerate(x.T)}
    words = {f"c{j}": [None if v < 0 else "abcdefgh"[v] for v in column] for j, column in enumerate(codes.T)}
    return numbers | words


def some_levels(n: int, c: int, rng: Rng) -> np.ndarray:
    """Categories that go with nothing."""
    return np.column_stack(
        [rng.choice(L, n, p=rng.dirichlet(np.full(L, 2.0))) for L in rng.integers(2, 6, c)] or [np.empty((n, 0), int)]
    )


def factors(n: int, d: int, rng: Rng) -> np.ndarray:
    """A correlated Gaussian: half as many factors as columns, and noise."""
    q = max(1, d // 2)
    return rng.normal(size=(n, q)) @ rng.normal(size=(q, d)) + rng.normal(size=(n, d)) * rng.uniform(0.3, 1, d)


def no_groups(kind: str, n: int, d: int, c: int, rng: Rng) -> Columns:
    """A table without groups."""
    codes = some_levels(n, c, rng)
    z = factors(n, d, rng)
    z = (z - z.mean(axis=0)) / z.std(axis=0)
    if kind == "gaussian":
        x = rng.normal(size=(n, d))
    elif kind == "correlated gaussian":
        x = z
    elif kind == "nearly a line":
        x = rng.normal(size=(n, 1)) + 0.15 * rng.normal(size=(n, d))
    elif kind == "uniform":
        x = rng.random((n, d))
    elif kind == "log-normal":
        x = np.exp(rng.normal(size=(n, d)))
    elif kind == "correlated log-normal":
        x = np.exp(z)
    elif kind == "zero-heavy":
        x = np.where(rng.random((n, d)) < 0.85, 0.0, np.exp(8 + rng.normal(size=(n, d))))
        x[:, d // 2 :] = rng.normal(size=(n, d - d // 2))
    elif kind == "counts":
        x = rng.poisson(rng.uniform(0.3, 5, d), size=(n, d)).astype(float)
    elif kind == "correlated counts":
        x = stats.poisson.ppf(stats.norm.cdf(z), rng.uniform(0.5, 5, d))
    elif kind == "heavy tails":
        x = rng.standard_t(3, size=(n, d))
    elif kind == "two humps each":
        x = rng.normal(size=(n, d)) + 4 * (rng.random((n, d)) < 0.4)
    elif kind == "categories of the cloud":
        x = z
        lean = z @ rng.normal(size=(d, c)) + rng.normal(size=(n, c))
        codes = np.column_stack(
            [np.searchsorted(np.quantile(v, np.sort(rng.uniform(0.1, 0.9, rng.integers(1, 4)))), v) for v in lean.T]
            or [np.empty((n, 0), int)]
        )
    elif kind == "multivariate t":
        x = z / np.sqrt(rng.chisquare(3, size=(n, 1)) / 3)
    else:
        raise ValueError(kind)
    x[rng.random(x.shape) < 0.03] = np.nan
    codes[rng.random(codes.shape) < 0.03] = -1
    return table(x, codes)


def planted(kind: str, K: int, n: int, d: int, c: int, rng: Rng) -> Columns:
    """K groups, centres at least 3 standard deviations apart, and at least half as many rows each as a fair share."""
    π = rng.dirichlet(np.full(K, 5.0))
    π = np.maximum(π, 0.5 / K) / np.maximum(π, 0.5 / K).sum()
    z = rng.choice(K, n, p=π)
    strength = 0.9 if kind == "categories only" else 0.5
    tables = []
    for L in rng.integers(2, 6, c):
        base = rng.dirichlet(np.full(L, 3.0))
        p = np.array([(1 - strength) * base + strength * rng.dirichlet(np.full(L, 0.5)) for _ in range(K)])
        tables.append(np.minimum((np.cumsum(p, axis=1)[z] < rng.random((n, 1))).sum(axis=1), L - 1))
    codes = np.column_stack(tables or [np.empty((n, 0), int)])
    x = np.empty((n, 0))
    if d:
        scale = 4 / np.sqrt(2 * d)
        while True:
            centres = rng.normal(size=(K, d)) * scale
            gaps = np.linalg.norm(centres[:, None] - centres, axis=2)[np.triu_indices(K, 1)]
            if gaps.min() > 3:
                break
            scale *= 1.01
        noise = rng.normal(size=(n, d))
        if kind == "correlated within":
            noise = noise @ np.linalg.cholesky(0.5 * np.eye(d) + 0.5).T
        x = centres[z] + noise * rng.uniform(0.7, 1.3, (K, d))[z]
        if kind == "skewed within":
            x = np.exp(0.5 * x)
        x = x * 10 ** rng.uniform(-2, 4, d) + rng.normal(size=d) * 100
        x[rng.random(x.shape) < 0.05] = np.nan
    codes[rng.random(codes.shape) < 0.05] = -1
    return table(x, codes)


def shuffled(columns: Columns, rng: Rng) -> Columns:
    """The same columns, every one in an order of its own."""
    return {name: [cells[i] for i in rng.permutation(len(cells))] for name, cells in columns.items()}


def real(name: str, folder: Path) -> Columns | None:
    """A real table by columns, or None where it is not at hand."""
    if name in ("wine", "breast cancer"):
        data = (load_wine if name == "wine" else load_breast_cancer)()
        return dict(zip(map(str, data.feature_names), data.data.T, strict=True))
    path = folder / "mixed" / f"{name}.csv.gz"
    if not path.is_file():
        return None
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file)
    columns = {h: [r[j] for r in rows] for j, h in enumerate(head) if h not in ("split", "id")}

    def typed(cells: list[str]) -> list[Any]:
        try:
            return [float(v) if v else None for v in cells]
        except ValueError:
            return [v or None for v in cells]

    return {h: typed(cells) for h, cells in columns.items()}


WITHOUT = (
    "gaussian",
    "correlated gaussian",
    "nearly a line",
    "uniform",
    "log-normal",
    "correlated log-normal",
    "zero-heavy",
    "counts",
    "correlated counts",
    "heavy tails",
    "two humps each",
    "categories of the cloud",
    "multivariate t",
)
WITH = ("mixed", "numbers only", "categories only", "correlated within", "skewed within")
REAL = ("wine", "breast cancer", "credit_g", "mushroom", "titanic3", "adult")


def cases(tables: int, folder: Path) -> dict[str, list[tuple[int, Callable[[Rng], Columns | None]]]]:
    """Kind of table -> (the true number of groups, what draws it), ``tables`` of each."""
    out: dict[str, list[tuple[int, Callable[[Rng], Columns | None]]]] = {}
    for kind in WITHOUT:
        out[f"none: {kind}"] = [
            (1, lambda g, kind=kind, i=i: no_groups(kind, SIZES[i % 6], (2, 4, 7, 12)[i % 4], (0, 3, 2)[i % 3], g))
            for i in range(tables)
        ]
    for name in REAL:
        out[f"shuffled: {name}"] = [
            (1, lambda g, name=name: (c := real(name, folder)) and shuffled(c, g))
            for _ in range(min(tables, 4 if name == "adult" else 20))
        ]
    for kind in WITH:
        d, c = {"numbers only": (6, 0), "categories only": (0, 10)}.get(kind, (5, 4))
        out[f"planted: {kind}"] = [
            (2 + i % 5, lambda g, kind=kind, i=i, d=d, c=c: planted(kind, 2 + i % 5, (600, 1200, 2500)[i % 3], d, c, g))
            for i in range(tables)
        ]
    return out


def machine() -> dict[str, Any]:
    """Where the numbers come from."""
    name = platform.processor() or platform.machine()
    if (info := Path("/proc/cpuinfo")).is_file():
        names = [
            line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")
        ]
        name = names[0] if names else name
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=HERE, capture_output=True, text=True)
    return {"processor": name, "cores": os.cpu_count(), "commit": commit.stdout.strip()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", default=None, help="kinds whose name contains one of these")
    parser.add_argument("--tables", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", type=Path, default=HERE.parents[1] / "shared" / "data")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "number_of_groups.json")
    args = parser.parse_args()
    warnings.simplefilter("ignore", DataNotice)
    old = json.loads(args.out.read_text())["kinds"] if args.only and args.out.is_file() else {}
    kinds: dict[str, Any] = dict(old)
    for number, (name, drawn) in enumerate(cases(args.tables, args.data).items()):
        if args.only and not any(word in name for word in args.only):
            continue
        found, z, start = [], [], time.perf_counter()
        for i, (K, draw) in enumerate(drawn):
            columns = draw(np.random.default_rng([args.seed, number, i]))
            if columns is None:
                break
            model = JointMixture(n_parts=None, random_state=i).fit(columns)
            found.append((K, model.n_components_))
            z.append(round(model.evidence_["z"], 1) if model.evidence_ else None)
        if not found:
            print(f"{name:35s} the table is not at hand")
            continue
        right = sum(k == K for K, k in found)
        seconds = (time.perf_counter() - start) / len(found)
        kinds[name] = {"right": right, "of": len(found), "true, found": found, "z": z}
        wrong = [f"{K}->{k}" for K, k in found if k != K]
        print(f"{name:35s} {right:3d} of {len(found)}   {seconds:5.1f} s each   {' '.join(wrong)}", flush=True)
    args.out.parent.mkdir(exist_ok=True)
    made = {"seed": args.seed, "tables": args.tables, "machine": machine()}
    args.out.write_text(json.dumps({"made": made, "kinds": kinds}, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
