"""The density that ``tacit.explore`` grows, of products and with trees where these are better: held-out rows, seconds.

    python reproductions/explored.py [--small] [--only TABLE] [--data ../shared/data]

A fifth of the rows of each table is held out; the rest is learned as the command does it. Seconds are those of the
processor.
"""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from record import DATA, HERE, rest, write

from tacit import JointMixture, Table
from tacit.errors import DataNotice
from tacit.exploration import BEHIND, PARTS

TABLES = ("credit_g", "titanic3", "mushroom", "adult")
LEAST = -1e4  # nats that an impossible row counts for


def halves(path: Path, rng: np.random.Generator) -> tuple[Table, Table]:
    """Four fifths to learn from, one fifth held out, read alike."""
    whole = Table.read(str(path))
    away = rng.random(whole.shape[0]) < 0.2
    learn, test = (Table.conform(whole.frame.filter(pa.array(keep)), whole.schema) for keep in (~away, away))
    return learn, test


def main(argv: list[str] | None = None) -> dict[str, Any] | None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="the smallest table, in seconds")
    parser.add_argument("--only", choices=TABLES, help="this table alone; the others stay as they are told")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "explored.json")
    args = parser.parse_args(argv)
    if not (args.data / "mixed").is_dir():
        print(f"the tables are not at hand (looked in {args.data}/mixed): nothing is measured")
        return None
    warnings.simplefilter("ignore", DataNotice)
    found = rest(args.out, "tables", args.only)
    for name in [args.only] if args.only else TABLES[: 1 if args.small else None]:
        learn, test = halves(args.data / "mixed" / f"{name}.csv.gz", np.random.default_rng(args.seed))
        found[name] = {"rows": [learn.shape[0], test.shape[0]]}
        for dependence in ("independent", "auto"):
            n_parts = min(PARTS, learn.shape[0] // BEHIND) or None
            start = time.process_time()
            model = JointMixture(n_parts=n_parts, dependence=dependence, random_state=args.seed)
            model.fit(learn.frame)
            seconds = time.process_time() - start
            held_out = float(np.maximum(model.score_samples(test.frame), LEAST).mean())
            told = {"dependence": model.dependence_, "parts": len(model.part_weights_)}
            found[name][dependence] = told | {"held_out": round(held_out, 3), "seconds": round(seconds, 1)}
            print(f"{name:10s} {dependence:12s} {found[name][dependence]}", flush=True)
        write(args.out, {"tables": found}, seed=args.seed, small=args.small)
    return found


if __name__ == "__main__":
    main()
