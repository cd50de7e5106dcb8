"""How often ``tacit.select`` finds a planted number of Gaussians, and 1 where there are none; R's mclust beside it.

    python reproductions/number_of_gaussians.py [--small] [--only NAME ...] [--draws 20] [--seed 34845]

Planted: 500 points of the plane in three round groups, their centres at least 4.5 standard deviations apart, stretched
alike by a random map (scikit-learn's issue 34845: starts by k-means cut across them and mislead BIC), or each by a map
of its own. None: one Gaussian, uniform noise, the planted columns each in an order of its own, and clouds that are
skewed, heavy-tailed or both. The draws come from ``--seed``. ``select`` and ``Mclust(X, G = 1:8)`` see the same rows;
where Rscript or its package mclust is absent, only the former is run. Prints a line for each kind and writes
``results/number_of_gaussians.json`` after each.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from record import HERE, write

from tacit import select
from tacit.errors import RepairWarning

MOST = 8
Rng = np.random.Generator


def stretch(rng: Rng, d: int = 2) -> np.ndarray:
    """A random map that stretches one direction 3 to 6 times as much as another."""
    U, V = (np.linalg.qr(rng.normal(size=(d, d)))[0] for _ in range(2))
    return U @ np.diag(np.linspace(1, rng.uniform(3, 6), d)) @ V


def centres(K: int, d: int, rng: Rng) -> np.ndarray:
    """Uniform in a box, no two nearer than 4.5."""
    while True:
        out = rng.uniform(-8, 8, (K, d))
        if min(np.linalg.norm(a - b) for i, a in enumerate(out) for b in out[:i]) >= 4.5:
            return out


def alike(rng: Rng) -> np.ndarray:
    """Three groups, stretched together."""
    z = rng.integers(0, 3, 500)
    return (centres(3, 2, rng)[z] + rng.normal(size=(500, 2))) @ stretch(rng)


def each(rng: Rng) -> np.ndarray:
    """Three groups, each stretched in its own way to the same area."""
    z, maps = rng.integers(0, 3, 500), [stretch(rng) for _ in range(3)]
    noise = rng.normal(size=(500, 2))
    own = np.stack([noise[i] @ maps[k] / abs(np.linalg.det(maps[k])) ** 0.5 for i, k in enumerate(z)])
    return 2 * centres(3, 2, rng)[z] + own


def factors(rng: Rng, n: int = 600, d: int = 4) -> np.ndarray:
    """A correlated Gaussian with variances of 1."""
    x = rng.normal(size=(n, 2)) @ rng.normal(size=(2, d)) + 0.5 * rng.normal(size=(n, d))
    return (x - x.mean(axis=0)) / x.std(axis=0)


KINDS: dict[str, tuple[int, Callable[[Rng], np.ndarray]]] = {
    "planted, stretched alike": (3, alike),
    "planted, each its own way": (3, each),
    "one Gaussian": (1, lambda g: g.normal(size=(500, 2)) @ stretch(g)),
    "uniform noise": (1, lambda g: g.random((500, 2))),
    "shuffled columns": (1, lambda g: np.apply_along_axis(g.permutation, 0, alike(g))),
    "log-normal": (1, lambda g: np.exp(g.normal(size=(500, 3)))),
    "correlated log-normal": (1, lambda g: np.exp(factors(g))),
    "exponential": (1, lambda g: g.exponential(size=(500, 2))),
    "multivariate t": (1, lambda g: factors(g) / np.sqrt(g.chisquare(4, size=(600, 1)) / 4)),
}
SMALL = ("planted, stretched alike", "correlated log-normal")

MCLUST = """
suppressMessages(library(mclust))
for (file in commandArgs(TRUE)) {
  fit <- Mclust(as.matrix(read.csv(file, header = FALSE)), G = 1:%d, verbose = FALSE)
  cat(fit$G, fit$modelName, "\\n")
}
"""


def mclust(tables: list[np.ndarray], most: int) -> list[int] | None:
    """The number of components that R's mclust chooses for each, or None where it is not at hand."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{i}.csv" for i in range(len(tables))]
        for file, X in zip(files, tables, strict=True):
            np.savetxt(file, X, delimiter=",", fmt="%.17g")
        script = Path(folder) / "run.R"
        script.write_text(MCLUST % most)
        try:
            ran = subprocess.run(["Rscript", str(script), *map(str, files)], capture_output=True, text=True)
        except FileNotFoundError:
            return None
    lines = ran.stdout.split("\n")[:-1]
    return [int(line.split()[0]) for line in lines] if len(lines) == len(tables) else None


def main(argv: list[str] | None = None) -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="two kinds, one draw each")
    parser.add_argument("--only", nargs="*", default=None, help="kinds whose name contains one of these")
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--seed", type=int, default=34845)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "number_of_gaussians.json")
    args = parser.parse_args(argv)
    warnings.simplefilter("ignore", RepairWarning)
    most = 4 if args.small else MOST
    kinds: dict[str, Any] = json.loads(args.out.read_text())["kinds"] if args.only and args.out.is_file() else {}
    for number, (name, (true, draw)) in enumerate(KINDS.items()):
        if (args.small and name not in SMALL) or (args.only and not any(word in name for word in args.only)):
            continue
        tables = [draw(np.random.default_rng([args.seed, number, i])) for i in range(1 if args.small else args.draws)]
        began = time.perf_counter()
        found = [select(X, max_components=most, random_state=i).model.n_components for i, X in enumerate(tables)]
        took = (time.perf_counter() - began) / len(tables)
        theirs = mclust(tables, most)
        kinds[name] = {"true": true, "right": sum(k == true for k in found), "of": len(tables), "found": found}
        line = f"{name:28s} {kinds[name]['right']:3d} of {len(tables)}, {took:.1f} s each: {found}"
        if theirs is not None:
            kinds[name] |= {"mclust right": sum(k == true for k in theirs), "mclust found": theirs}
            line += f"; mclust {kinds[name]['mclust right']}: {theirs}"
        print(line if theirs is not None else f"{line}; R's mclust is not at hand", flush=True)
        write(args.out, {"kinds": kinds}, seed=args.seed, small=args.small)
    return kinds


if __name__ == "__main__":
    main()
