"""Synthetic rows, drawn from the density, beside rows of the table: can they be told apart, and are they copies?

The first is a classifier two-sample test (Lopez-Paz and Oquab 2017): boosted trees learn on one half which rows are
real; on the other half they are right as often as a coin if the two come from one distribution. The second compares how
near a drawn row lies to its nearest real row with how near real rows lie to each other.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import binom

from .. import kernels
from ..data.block import Block
from ..data.table import Schema, Table
from ..decomposition.pca import PCA
from ..errors import DataNotice
from ..mixture.joint import JointMixture
from ..typing import Array, Doubles
from . import words
from .atlas import cell, design
from .columns import View
from .parts import Binned

ROWS = 2000  # of each kind, at most
OTHERS = 10_000  # real rows among which the nearest is looked for, at most
NEAR = 1000  # rows of each kind whose nearest is looked for, at most
FEW = 40  # rows in the table, below which nothing is tested
WIDE = 60  # columns that the classifier sees, at most
EXAMPLES, CELLS = 4, 8  # rows of each kind and columns that are shown
TOLD = 0.05  # p-value below which rows are told apart


class Test(NamedTuple):
    """How many of ``n`` held-out rows were told right, half of them real, and P(as many or more by a coin)."""

    n: int
    accuracy: float
    p: float


class Nearness(NamedTuple):
    """Shares of rows with an equal among the rows of the table, and P(a drawn row lies nearer than a real one)."""

    equal: float  # of drawn rows
    twins: float  # of real rows, another than itself
    nearer: float  # 1/2 where drawn rows are as near as real ones are to each other; 1 for copies


def synthetic(
    model: JointMixture, table: Table, columns: Sequence[Binned], rng: np.random.Generator, least: int = 1
) -> dict[str, Any]:
    """As many drawn rows as real ones, tested against each other; ``columns`` are those that are compared one by one.

    Drawn rows have the gaps of the real rows that they stand beside. With ``least`` > 1 no row is shown.
    """
    n, schema = table.shape[0], table.schema
    if n < FEW:
        few = "There are too few rows to compare with drawn ones."
        return {"rows": 0, "test": None, "nearest": None, "columns": [], "map": None, "examples": None, "words": [few]}
    m = min(n, ROWS)
    rows = np.sort(rng.permutation(n)[:m])
    real = replace(table.take(rows), weight=None, known=None)
    drawn = _with_gaps(draw(model, m, schema), real)
    tested = tell_apart(real, drawn, rng)
    near = nearness(table, rows, real, drawn, schema, rng, least)
    distance = [
        (_difference(c.code(a), c.code(b), len(c.labels)), c.schema.name)
        for c, a, b in _pairs(columns, real, drawn, schema)
    ]
    apart = [{"column": name, "difference": d} for d, name in sorted(distance, key=lambda told: -told[0])]
    found: dict[str, Any] = {
        "rows": m,
        "test": tested._asdict(),
        "nearest": {k: v if k == "nearer" or not 0 < v * m < least else None for k, v in near._asdict().items()},
        "columns": apart,
        "map": None if least > 1 else _map(real, drawn, schema),
        "examples": None if least > 1 else _examples(real, drawn, schema, columns),
    }
    gaps = ", with the same gaps," if np.isnan(_features(real)).any() else ""
    made = f"{words.count(m, 'row')} drawn from the density{gaps} stand beside as many of the table."
    return found | {"words": [made, _say_test(tested, apart), _say_near(near, m, least)]}


def draw(model: JointMixture, m: int, schema: Schema) -> Block:
    """m rows of the density, rounded as the cells of the table are."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataNotice)
        return Table.conform(model.sample(m), schema).block


def _with_gaps(drawn: Block, real: Block) -> Block:
    """The drawn rows with the gaps of the real ones."""
    x = np.where(np.isnan(real.x), np.nan, drawn.x)
    if real.codes is None or drawn.codes is None:
        return Block(0, x)
    return Block(0, x, codes=np.where(real.codes < 0, np.int32(-1), drawn.codes))


def tell_apart(real: Block, drawn: Block, rng: np.random.Generator) -> Test:
    """The classifier two-sample test on as many rows of either kind [m]."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    m = real.n
    x = np.concatenate([_features(real), _features(drawn)])
    if x.shape[1] > WIDE:
        x = x[:, np.sort(rng.permutation(x.shape[1])[:WIDE])]
    y = np.repeat([1, 0], m)
    side = np.tile(rng.permutation(m) < m // 2, 2)  # a pair is learned from or held out together
    trees = HistGradientBoostingClassifier(max_iter=60, max_leaf_nodes=15, min_samples_leaf=10, early_stopping=False)
    trees.set_params(random_state=int(rng.integers(2**31)))
    with threadpool_limits(1):  # so little work that threads would mostly wait for each other
        right = int((trees.fit(x[side], y[side]).predict(x[~side]) == y[~side]).sum())
    held = int((~side).sum())
    return Test(held, right / held, float(binom.sf(right - 1, held, 0.5)))


def _features(block: Block) -> Doubles:
    """Numbers, and codes as numbers; a gap is NaN [n, d + c]."""
    codes = np.empty((block.n, 0)) if block.codes is None else np.where(block.codes < 0, np.nan, block.codes)
    return np.concatenate([np.asarray(block.x, dtype=np.float64), codes], axis=1)


def nearness(
    table: Table, rows: Array, real: Block, drawn: Block, schema: Schema, rng: np.random.Generator, least: int = 1
) -> Nearness:
    """How near drawn rows come to real ones. ``rows`` are the numbers of the real rows at hand."""
    hashes = table.map(kernels.hash_rows)
    _, at, counts = np.unique(hashes, return_inverse=True, return_counts=True)
    twins = float((counts[at[rows]] > 1).mean())
    equal = float(np.isin(kernels.hash_rows(drawn), hashes).mean())
    n = table.shape[0]
    others = np.setdiff1d(rng.permutation(n)[: OTHERS + NEAR], rows[:NEAR])
    few = min(NEAR, len(rows))
    blocks = [real[:few], drawn[:few], table.take(others) if len(others) else real[:0], real[:few]]
    x = np.asarray(design(_views(blocks[:3], schema), least)[0], dtype=np.float64)
    a, b, pool = x[:few], x[few : 2 * few], x[2 * few :]
    near_real = np.minimum(_nearest(a, pool), _nearest(a, a, itself=True))
    near_drawn = np.minimum(_nearest(b, pool), _nearest(b, a, itself=True))  # as many rows to choose from
    wins = np.searchsorted(np.sort(near_real), near_drawn, side="left") + np.searchsorted(
        np.sort(near_real), near_drawn, side="right"
    )
    return Nearness(equal, twins, float(1 - wins.mean() / (2 * few)))


def _nearest(a: Doubles, pool: Doubles, itself: bool = False) -> Doubles:
    """The distance of each row of a to the nearest of the pool [n]; not to the one at its own place with ``itself``."""
    out = np.full(len(a), np.inf)
    if not len(pool):
        return out
    size = (pool**2).sum(axis=1)
    for lo in range(0, len(a), 250):
        part = a[lo : lo + 250]
        square = (part**2).sum(axis=1)[:, None] - 2 * part @ pool.T + size
        if itself:
            square[np.arange(len(part)), lo + np.arange(len(part))] = np.inf
        out[lo : lo + 250] = np.sqrt(np.maximum(square.min(axis=1), 0.0))
    return np.where(out < 1e-6, 0.0, out)


def _views(blocks: Sequence[Block], schema: Schema) -> list[View]:
    """The columns of several blocks, one after another."""
    x = np.concatenate([np.asarray(b.x, dtype=np.float64) for b in blocks])
    codes = [np.empty((b.n, 0), np.int32) if b.codes is None else b.codes for b in blocks]
    z = np.concatenate(codes)
    numbers = [View(c, x[:, j]) for j, c in enumerate(schema.numeric)]
    return [*numbers, *(View(c, z[:, j]) for j, c in enumerate(schema.categorical))]


def _pairs(columns: Sequence[Binned], real: Block, drawn: Block, schema: Schema) -> list[tuple[Binned, View, View]]:
    of = {v.schema.name: (v, w) for v, w in zip(_views([real], schema), _views([drawn], schema), strict=True)}
    return [(c, *of[c.schema.name]) for c in columns]


def _difference(real: Array, drawn: Array, bins: int) -> float:
    """Total variation distance ½ Σ_b |p_b - q_b| less Σ_b √(p_b (1 - p_b) / πm), what chance alone brings."""
    p, q = (np.bincount(z[z >= 0], minlength=bins) / max((z >= 0).sum(), 1) for z in (real, drawn))
    mid, m = (p + q) / 2, max(int((real >= 0).sum()), 1)
    return max(float(0.5 * np.abs(p - q).sum() - np.sqrt(mid * (1 - mid) / (np.pi * m)).sum()), 0.0)


def _map(real: Block, drawn: Block, schema: Schema, most: int = 1000) -> dict[str, Any] | None:
    """Both kinds of rows on the first two principal axes of the real ones."""
    x, features = design(_views([real, drawn], schema))
    if len({f.column for f in features}) < 2 or min(x.shape) < 2:
        return None
    axes = PCA(n_components=2).fit(x[: real.n])
    y = np.asarray(axes.transform(x), dtype=np.float64)
    sides = {"real": y[: real.n][:most], "drawn": y[real.n :][:most]}
    return {k: {"x": v[:, 0].round(3).tolist(), "y": v[:, 1].round(3).tolist()} for k, v in sides.items()}


def _examples(real: Block, drawn: Block, schema: Schema, columns: Sequence[Binned]) -> dict[str, Any]:
    names = [c.schema.name for c in columns][:CELLS] or [c.name for c in schema.columns if c.kind.numeric][:CELLS]
    shown = {}
    for kind, block in (("real", real), ("drawn", drawn)):
        of = {v.schema.name: v for v in _views([block[:EXAMPLES]], schema)}
        shown[kind] = [[cell(of[name], i) for name in names] for i in range(min(EXAMPLES, block.n))]
    return {"columns": names, **shown}


def _say_test(t: Test, apart: Sequence[dict[str, Any]]) -> str:
    level = "p < 0.001" if t.p < 0.001 else f"p = {t.p:.3f}" if t.p < 0.1 else f"p = {t.p:.2f}"
    fact = (
        f"Boosted trees that had learned on other rows told real from synthetic in {words.share(t.accuracy)} of "
        f"{words.count(t.n, 'row')}; a coin is right in 50{words.GAP}% ({level})."
    )
    if t.p >= TOLD:
        return f"{fact} They could not be told apart."
    how = (
        "nearly as good as real" if t.accuracy < 0.6 else "easy to tell from real" if t.accuracy > 0.8 else "different"
    )
    worst = [words.clip(c["column"], 40) for c in apart[:3] if c["difference"] >= 0.03]
    where = f", most in {words.listing(worst)}" if worst else ", in how columns go together more than in any single one"
    return f"{fact} Synthetic rows are {how}{where}."


def _say_near(near: Nearness, m: int, least: int) -> str:
    equal, twins = (f"fewer than {least}" if 0 < v * m < least else words.share(v) for v in (near.equal, near.twins))
    same = (
        f"{words.capital(equal)} of the synthetic rows equal a row of the table, and {twins} of the real rows another "
        "real one."
    )
    copied = near.nearer > 0.6 and near.equal <= near.twins + 0.01
    if near.equal > near.twins + 0.01 or copied:
        return f"{same} Synthetic rows lie nearer to real ones than real ones do to each other: some may be copies."
    return (
        f"{same} A synthetic row lies nearer to the real rows than a real row does to the others in "
        f"{words.share(near.nearer)} of comparisons; well over half would be a sign of copies."
    )
