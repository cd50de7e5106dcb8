"""Which family a numeric column has: fits of single columns, compared by BIC on the probability of their cells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp, ndtr

from ...data.block import Block
from ...data.schema import ColumnSchema, Kind, Schema, nearest_name
from ...data.source import Source
from ...errors import ArgumentError, InputError
from ...typing import Doubles
from .counts import LIMIT, log_pmf
from .layout import COUNTS, NUMBERS, CellLayout, Plan, _column, possible

FEW = 30  # cells below which nothing but a normal is chosen
POINTS = 256  # values that a column is put together into for the fits
CLEAR = (5.0, 0.005)  # nats, in all and per cell, by which another family must beat the normal
OFTEN, MANY, MOST = 10, 8.0, 64  # a point mass: cells at least, times what its neighbours have; how many at most
SHARE = 0.3  # of a column's cells that point masses must hold to be worth it
CATEGORIES = ("categorical", "bernoulli")


class Values(NamedTuple):
    """The distinct values of a column, in order, and the weight of each."""

    x: Doubles
    w: Doubles


def choose(schema: Schema, source: Source, families: Mapping[str, str] | None) -> CellLayout:
    """The layout of a table: what the user says of each column, and what fits best where nothing is said.

    Raises ``ArgumentError`` for an unknown column or family, ``InputError`` where a column cannot have its family.
    """
    wanted = dict(families or {})
    names = [c.name for c in (*schema.numeric, *schema.categorical)]
    for name, family in wanted.items():
        if name not in names:
            raise ArgumentError(
                f"families names a column {name!r}, which is not learned from{nearest_name(name, names)}"
            )
        _check(schema[name], str(family))
    plans = tuple(_plan(c, values(source, j), wanted.get(c.name), j, source) for j, c in enumerate(schema.numeric))
    return CellLayout(
        plans, tuple(c.name for c in schema.categorical), tuple(len(c.levels) for c in schema.categorical)
    )


def _check(column: ColumnSchema, family: str) -> None:
    allowed: tuple[str, ...]
    if column.kind.categorical:
        allowed = CATEGORIES if len(column.levels) == 2 else CATEGORIES[:1]
    else:
        allowed = (*NUMBERS, *(f"{how}+{f}" for how in ("zero", "points") for f in NUMBERS[:3]))
        if family.startswith("von_mises:"):
            _period(column.name, family)
            return
    if family not in allowed:
        raise ArgumentError(
            f"column {column.name!r} cannot have the family {family!r}: for a {column.kind} it is one of "
            f"{', '.join(allowed)}"
        )


def _period(name: str, family: str) -> float:
    """That of "von_mises:360"; 2π where none is said."""
    text = family.partition(":")[2]
    try:
        period = float(text) if text else 2 * np.pi
    except ValueError:
        period = np.nan
    if not 0 < period < np.inf:
        raise ArgumentError(f"column {name!r}: the period in {family!r} must be a number above 0, as in von_mises:360")
    return period


def _plan(column: ColumnSchema, held: Values, wanted: str | None, j: int, source: Source) -> Plan:
    step = column.step or 0.0
    if wanted is None:
        family, atoms = automatic(held, step, column.kind)
        return Plan(column.name, family, atoms, step)
    if wanted.startswith("von_mises"):
        return Plan(column.name, "von_mises", (), step, _period(column.name, wanted))
    how, _, family = wanted.rpartition("+")
    atoms = ((0.0,) if how == "zero" else points(held, step)) if how else ()
    plan = Plan(column.name, family, atoms, step)
    x = held.x[~np.isin(held.x, atoms)]
    wrong = x[~possible(plan, x)]
    if family in COUNTS and x.max(initial=0) > LIMIT and (x == np.rint(x)).all() and (x >= 0).all():
        raise InputError(
            f"column {column.name!r} cannot be {family}: it holds {x.max():g}, and counts go up to {LIMIT}; "
            "above, 'normal', 'lognormal' or 'gamma' say the same"
        )
    if len(wrong):
        needs = "integers of 0 or more" if family in COUNTS else "numbers above 0"
        hint = f"; 'zero+{family}' gives 0 a probability of its own" if set(wrong) == {0.0} else ""
        raise InputError(f"column {column.name!r} cannot be {wanted}: it holds {wrong[0]:g}, and needs {needs}{hint}")
    return plan


def values(source: Source, j: int) -> Values:
    """The distinct observed values of the j-th number, with their weights."""

    def held(block: Block) -> Values:
        x = np.asarray(_column(block, j).decode(), np.float64)
        seen = ~np.isnan(x) & (block.w > 0)
        return _together(x[seen], block.w[seen])

    return source.reduce(held, merge=lambda a, b: _together(np.append(a.x, b.x), np.append(a.w, b.w)))


def _together(x: Doubles, w: Doubles) -> Values:
    order = np.argsort(x, kind="stable")
    x, w = x[order], w[order]
    new = np.flatnonzero(np.diff(x, prepend=np.nan) != 0)
    return Values(x[new], np.add.reduceat(w, new) if len(new) else w)


def automatic(held: Values, step: float, kind: Kind) -> tuple[str, tuple[float, ...]]:
    """The family and the point masses of a column."""
    n = held.w.sum()
    if kind is Kind.DATETIME or n < FEW or len(held.x) < 3:
        return "normal", ()
    x, w = held
    best = _scores(held, step)
    integers = step == 1 and x[0] >= 0
    if integers and max(best, key=best.__getitem__) in COUNTS:
        return max(best, key=best.__getitem__), ()
    atoms = points(held, step)
    if atoms:
        away = ~np.isin(x, atoms)
        rest = Values(x[away], w[away])
        if rest.w.sum() < FEW or len(rest.x) < 3:
            return "normal", atoms
        best = {f: v for f, v in _scores(rest, step).items() if f not in COUNTS}
    return max(best, key=best.__getitem__), atoms


def points(held: Values, step: float) -> tuple[float, ...]:
    """The values that stand out of those beside them, if they hold a good share of the cells.

    A value stands out with at least 8 times the cells that the recorded steps around it have on average, and that go on
    in the same proportion from one step to the next.
    """
    x, w = held
    n = len(x)
    if n < 3:
        return ()
    h = _grid(held) or step or 1e-6 * (x[-1] - x[0])
    i = np.arange(n)
    lo, hi = np.maximum(i - 3, 0), np.minimum(i + 3, n - 1)
    total = np.concatenate([[0.0], np.cumsum(w)])
    beside = (total[hi + 1] - total[lo] - w) / np.maximum((x[hi] - x[lo]) / h, 1.0)
    for side in (1, -1):  # n_0 ≈ n_1² / n_2 where counts fall off by a constant factor
        one, two = np.roll(w, -side), np.roll(w, -2 * side)
        near = np.abs(np.roll(x, -2 * side) - x) <= 2.001 * h
        beside = np.maximum(beside, np.where(near, one * one / np.maximum(two, 1e-300), 0.0))
    out = np.flatnonzero((w >= OFTEN) & (w >= MANY * beside))
    out = np.sort(out[np.argsort(-w[out], kind="stable")[:MOST]])
    return tuple(x[out].tolist()) if w[out].sum() >= SHARE * w.sum() else ()


def _grid(held: Values) -> float:
    """The coarsest power of ten that nearly all cells are multiples of, the commonest aside; 0 where there is none."""
    others = np.arange(len(held.w)) != held.w.argmax()
    x, w = held.x[others], held.w[others]
    for power in range(3, -7, -1):
        h = 10.0**power
        on = np.abs(x / h - np.rint(x / h)) < 1e-6
        if w[on].sum() >= 0.95 * w.sum():
            return h
    return 0.0


def _scores(held: Values, step: float) -> dict[str, float]:
    """-BIC / 2 of mixtures of up to three normals, with their advantage, and of up to two of each other family."""
    x, w = grouped(held)
    n = w.sum()
    h = np.full(len(x), step or 1e-3 * max(np.ptp(x), 1e-300))
    fits = {"normal": max(normals(x, w, K, x - h / 2, x + h / 2).score for K in (1, 2, 3)) + CLEAR[0] + CLEAR[1] * n}
    if x[0] > 0:
        low = np.where(x - h / 2 > 0, x - h / 2, x / 2)
        fits["lognormal"] = max(normals(np.log(x), w, K, np.log(low), np.log(x + h / 2)).score for K in (1, 2))
    if step == 1 and x[0] >= 0 and held.x[-1] <= LIMIT and len(x) == len(held.x):
        fits["poisson"] = max(_counts(x, w, K, False) for K in (1, 2))
        fits["negative_binomial"] = max(_counts(x, w, K, True) for K in (1, 2))
    return fits


def grouped(held: Values) -> Values:
    """At most ``POINTS`` values: neighbours put together at their mean."""
    x, w = held
    if len(x) <= POINTS:
        return held
    bins = np.minimum((POINTS * (np.cumsum(w) - w / 2) / w.sum()).astype(int), POINTS - 1)
    W: Doubles = np.bincount(bins, weights=w, minlength=POINTS).astype(np.float64)
    keep = W > 0
    return Values((np.bincount(bins, weights=w * x, minlength=POINTS)[keep] / W[keep]), W[keep])


def _starts(w: Doubles, K: int) -> Doubles:
    """Responsibilities [u, K] of K equal shares of the sorted values."""
    at = np.minimum((K * (np.cumsum(w) - w / 2) / w.sum()).astype(int), K - 1)
    out: Doubles = np.eye(K)[at]
    return out


class Normals(NamedTuple):
    """A mixture of normals of one column; ``score`` is -BIC / 2."""

    score: float
    weight: Doubles
    mu: Doubles
    sigma: Doubles


def normals(x: Doubles, w: Doubles, K: int, low: Doubles, high: Doubles) -> Normals:
    """K normals, each value counted with the probability of its cell (low, high]."""
    n, r = w.sum(), _starts(w, K)
    sd = np.sqrt(max(float(w @ (x - w @ x / n) ** 2) / n, 1e-300))
    floor = max(1e-3 * sd, float((high - low).min()) / np.sqrt(2 * np.pi))
    for _ in range(20 if K > 1 else 1):
        N = np.maximum(w @ r, 1e-12)
        μ = (w * x) @ r / N
        σ = np.maximum(np.sqrt(np.maximum((w @ (r * (x[:, None] - μ) ** 2) + 0.01 * sd * sd) / (N + 1), 0)), floor)
        log_joint = np.log(N / n) - np.log(σ) - 0.5 * ((x[:, None] - μ) / σ) ** 2
        r = np.exp(log_joint - logsumexp(log_joint, axis=1, keepdims=True))
    a, b = (low[:, None] - μ) / σ, (high[:, None] - μ) / σ
    flip = a > 0
    mass = ndtr(np.where(flip, -a, b)) - ndtr(np.where(flip, -b, a))
    far = -0.5 * ((x[:, None] - μ) / σ) ** 2 - np.log(σ) - 0.92 + np.log(np.maximum(high - low, 1e-300))[:, None]
    with np.errstate(divide="ignore"):
        log_p = logsumexp(np.log(N / n) + np.where(mass > 1e-200, np.log(mass), np.minimum(far, 0.0)), axis=1)
    return Normals(float(w @ log_p - 0.5 * (3 * K - 1) * np.log(max(n, 2.0))), N / N.sum(), μ, σ)


def _counts(x: Doubles, w: Doubles, K: int, wide: bool) -> float:
    """-BIC / 2 of K Poissons, or negative binomials by moments."""
    n, r = w.sum(), _starts(w, K)
    shape = np.full(K, np.inf)
    for _ in range(20 if K > 1 else 1):
        N = np.maximum(w @ r, 1e-12)
        μ = np.maximum((w * x) @ r / N, 1e-6)
        if wide:
            v = (w @ (r * (x[:, None] - μ) ** 2)) / N
            shape = np.where(v > μ, μ * μ / np.maximum(v - μ, 1e-12), 1e6)
        log_joint = np.log(N / n) + log_pmf(μ, shape, x).T
        r = np.exp(log_joint - logsumexp(log_joint, axis=1, keepdims=True))
    free = K * (2 if wide else 1) + K - 1
    return float(w @ logsumexp(log_joint, axis=1) - 0.5 * free * np.log(max(n, 2.0)))
