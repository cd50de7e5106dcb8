"""One wrong cell in each of some rows of real tables: how often ``explain`` ranks it first.

    python reproductions/planted_cells.py [--small] [--rows 400] [--data ../shared/data]

A model learns a table. In each of some rows one cell is made wrong: a category gets one of its other levels, drawn in
proportion to how *unlikely* it is given the rest of the row, a number a value as far off as six standard deviations of
its column, to the side where there is more room. The other cells stay. A cell that the rest of its row says nothing of
cannot be found by any model when its wrong value is a usual one; wrong cells are therefore values that the row makes
odd. Counted: rows in which the wrong cell has the highest surprise; by chance it would be one in the number of columns.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from record import DATA, HERE, at_hand, write

from tacit import JointMixture, Table
from tacit.errors import DataNotice

TABLES = ("adult", "credit_g", "mushroom", "titanic3")


def planted(model: JointMixture, table: Table, rng: np.random.Generator) -> tuple[pa.Table, list[str]]:
    """The rows with one wrong cell each, and the column that it is in."""
    columns = {c.name: [None if v is None else v for v in table.arrow([c.name])[c.name].to_pylist()]
               for c in table.schema.columns if c.kind.numeric or c.kind.categorical}  # fmt: skip
    names = list(columns)
    where: list[str] = []
    joint = np.concatenate([j for _, j in model._in_slabs(table, joint=True)])
    for i in range(table.n):
        name = names[rng.integers(len(names))]
        while columns[name][i] is None or len(set(columns[name])) < 2:
            name = names[rng.integers(len(names))]
        where.append(name)
        schema, column = table.schema[name], model._column(name)
        if schema.kind.numeric:
            x = np.array([v for v in columns[name] if v is not None], dtype=float)
            v, reach = float(columns[name][i]), 6 * x.std()
            up = v + reach if schema.kind == "count" or v < np.median(x) else v - reach
            columns[name][i] = round(up) if isinstance(columns[name][i], int) else up
            continue
        code = schema.levels.index(str(columns[name][i]))
        without = joint[i] - column.log_prob(np.array([code]))[0]
        w = np.exp(without - without.max())
        p = (w / w.sum()) @ column.probabilities()
        odd = 1 / np.maximum(p, 1e-3)
        odd[code] = 0
        wrong = schema.levels[rng.choice(len(odd), p=odd / odd.sum())]
        columns[name][i] = type(columns[name][i])(wrong)
    return pa.table(columns), where


def main(argv: list[str] | None = None) -> dict[str, Any] | None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="fewer tables and rows, in seconds")
    parser.add_argument("--rows", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "planted_cells.json")
    args = parser.parse_args(argv)
    if not at_hand(args.data):
        return None
    warnings.simplefilter("ignore", DataNotice)
    rng = np.random.default_rng(args.seed)
    found: dict[str, Any] = {}
    for name in ("mushroom",) if args.small else TABLES:
        whole = Table.read(args.data / "mixed" / f"{name}.csv.gz", {"split": "text"} if name == "adult" else None)
        order = rng.permutation(whole.n)
        size, learn = min(60 if args.small else args.rows, whole.n // 4), 1000 if args.small else 12_000
        test, rest = order[:size], order[size : size + learn]
        frame = whole.frame
        model = JointMixture(max_components=2 if args.small else 5, random_state=args.seed)
        model.fit(Table.conform(frame.take(pa.array(rest)), whole.schema))
        wrong, where = planted(model, Table.conform(frame.take(pa.array(test)), whole.schema), rng)
        told = model.explain(wrong)
        names = list(model.feature_names_in_)
        first = [names[j] for j in np.nanargmax(np.nan_to_num(told, nan=-1), axis=1)]
        right = float(np.mean([a == b for a, b in zip(first, where, strict=True)]))
        used = int((~np.isnan(told)).any(axis=0).sum())
        found[name] = {"first": round(right, 3), "rows": size, "columns": used, "chance": round(1 / used, 3)}
        print(f"{name:10s} the wrong cell is first in {right:.1%} of {size} rows of {used} columns", flush=True)
    write(args.out, {"tables": found}, seed=args.seed, small=args.small)
    return found


if __name__ == "__main__":
    main()
