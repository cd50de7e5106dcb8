"""How fast the EM of joint mixtures is: many Bernoullis beside two peers, and a million mixed rows with gaps.

    python reproductions/joint_speed.py [--small] [--peers PYTHON]

``--peers`` is a Python that has stepmix and pomegranate (each measured only where it is installed); both are timed in a
process of their own. Same data, same number of components and of EM steps for all; the best of three for us.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
from record import HERE, write

from tacit.data.block import Block, Column
from tacit.data.memory import MemorySource
from tacit.em import em
from tacit.mixture.families.categorical import Categorical
from tacit.mixture.families.normal import Normal
from tacit.mixture.families.product import Product
from tacit.mixture.mixture import Mixture

PEERS = """
import json, sys, time, warnings
warnings.simplefilter("ignore")
import numpy as np
name, n, d, K, steps, seed = sys.argv[1], *map(int, sys.argv[2:])
{bernoullis}
x, P = bernoullis(n, d, K, np.random.default_rng(seed))
if name == "stepmix":
    from stepmix.stepmix import StepMix
    model = StepMix(n_components=K, n_init=1, max_iter=steps, abs_tol=0, rel_tol=0, measurement="binary",
                    random_state=seed, progress_bar=0)
    start = time.perf_counter()
    model.fit(x)
else:
    import torch
    from pomegranate.distributions import Bernoulli
    from pomegranate.gmm import GeneralMixtureModel
    rng, rows = np.random.default_rng(seed), torch.tensor(x, dtype=torch.float32)
    parts = [Bernoulli(torch.tensor(np.clip(p, 0.05, 0.95), dtype=torch.float32)) for p in rng.permutation(P)]
    model = GeneralMixtureModel(parts, max_iter=steps, tol=-1e9)
    start = time.perf_counter()
    model.fit(rows)
print(json.dumps(time.perf_counter() - start))
"""


def bernoullis(n, d, K, rng):  # type: ignore[no-untyped-def]  # its text is given to the peers' process
    """Rows [n, d] of 0 and 1 from K components with probabilities [K, d]."""
    P = rng.beta(0.5, 0.5, (K, d))
    z = rng.integers(0, K, n)
    return (rng.random((n, d)) < P[z]).astype(np.int32), P


def many_bernoullis(n: int, d: int, K: int, steps: int, seed: int, peers: str) -> dict[str, Any]:
    """Seconds of ``steps`` EM steps."""
    import inspect

    rng = np.random.default_rng(seed)
    x, _ = bernoullis(n, d, K, rng)
    rows = MemorySource(Block(0, np.empty((n, 0)), codes=x))
    model = Mixture(K, Product((Categorical((2,) * d),)))
    start, _ = model.from_labels(rows, rng.integers(0, K, n), rng)
    times = []
    for _ in range(3):
        began = time.perf_counter()
        em(model, rows, start, tol=-1.0, max_iter=steps, rng=rng)
        times.append(time.perf_counter() - began)
    out: dict[str, Any] = {"rows": n, "columns": d, "components": K, "steps": steps, "tacit": round(min(times), 3)}
    code = PEERS.replace("{bernoullis}", inspect.getsource(bernoullis))
    for name in ("stepmix", "pomegranate") if peers else ():
        few = steps if name == "stepmix" else max(steps // 3, 1)  # pomegranate takes minutes: a third, scaled
        command = [peers, "-c", code, name, *map(str, (n, d, K, few, seed))]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            print(f"{name} is not at hand: {done.stderr.strip().splitlines()[-1:]}")
            continue
        out[name] = round(json.loads(done.stdout.splitlines()[-1]) * steps / few, 2)
        out[f"times faster than {name}"] = round(out[name] / out["tacit"], 1)
    return out


def peak() -> float:
    """The most memory that the process has held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def million(n: int, seed: int) -> dict[str, Any]:
    """One EM step of 20 components on rows of 7 numbers and 7 categories, 5 % of cells missing; and memory."""
    rng = np.random.default_rng(seed)
    z = rng.integers(0, 20, n)
    columns = []
    for _ in range(7):
        v = rng.normal(size=20)[z] * 3 + rng.normal(size=n)
        v[rng.random(n) < 0.05] = np.nan
        columns.append(Column(v))
    levels = (2, 3, 5, 8, 2, 16, 4)
    codes = np.empty((n, 7), np.int32)
    for j, C in enumerate(levels):
        p = rng.dirichlet(np.ones(C), 20).cumsum(axis=1)
        codes[:, j] = np.minimum((p[z] < rng.random((n, 1))).sum(axis=1), C - 1)
        codes[rng.random(n) < 0.05, j] = -1
    rows = MemorySource(Block(0, tuple(columns), codes=codes))
    family = Product((Normal.of(rows, np.zeros(7), 1e-3, 1.0), Categorical(levels).centred(rows)))
    model = Mixture(20, family)
    params, _ = model.from_labels(rows, rng.integers(0, 20, n), rng)
    before, times = peak(), []
    for _ in range(8):
        began = time.perf_counter()
        params = model.maximise(rows.reduce(lambda b, p=params: model.expect(p, b)), params)
        times.append(time.perf_counter() - began)
    data = sum(c.values.nbytes for c in columns) + codes.nbytes
    return {
        "rows": n,
        "columns": 14,
        "components": 20,
        "gaps": 0.05,
        "seconds_a_step": round(float(np.median(times)), 3),
        "data_mb": round(data / 2**20, 1),
        "extra_mb": round(max(peak() - before, 0.0), 1),
    }


def main(argv: list[str] | None = None) -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="a tenth of the rows, in a second or two")
    parser.add_argument("--peers", default="", help="a Python that has stepmix and pomegranate")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "joint_speed.json")
    args = parser.parse_args(argv)
    n, d, K, steps = (1500, 40, 20, 10) if args.small else (15_000, 100, 100, 60)
    found = {
        "mixture of Bernoullis": many_bernoullis(n, d, K, steps, args.seed, args.peers),
        "mixed rows": million(50_000 if args.small else 1_000_000, args.seed),
    }
    for name, row in found.items():
        print(f"{name}: " + ", ".join(f"{k} {v}" for k, v in row.items()))
    write(args.out, found, seed=args.seed, small=args.small, threads=os.cpu_count())
    return found


if __name__ == "__main__":
    main()
