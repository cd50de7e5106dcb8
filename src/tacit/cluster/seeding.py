"""Where k-means starts: draws that depend on what the rows are, their weights and the seed, never on positions."""

from __future__ import annotations

import numpy as np

from .. import kernels
from ..data.block import Block
from ..data.memory import MemorySource
from ..data.source import MANY, Source
from ..rng import draw
from ..typing import Array, Doubles, Floats


def centers_of(block: Block, metric: str) -> Doubles:
    """The rows of a small block as centres: float64 [m, d], of unit length for cosine."""
    return (
        unit(np.ascontiguousarray(block.x, dtype=np.float64)) if metric == "cosine" else np.array(block.x, np.float64)
    )


def unit(x: Doubles) -> Doubles:
    """Rows at unit length; zero rows stay zero.

    >>> unit(np.array([[3.0, 4.0], [0.0, 0.0]]))
    array([[0.6, 0.8],
           [0. , 0. ]])
    """
    norm = np.linalg.norm(x, axis=1, keepdims=True)
    out: Doubles = np.divide(x, norm, out=np.zeros_like(x), where=norm > 0)
    return out


def sample(source: Source, m: int, rng: np.random.Generator) -> Array:
    """``source.sample``, without an array of ones where no weights were given: row i in order if i ≤ u n < i + 1."""
    if source.weighted:
        return source.sample(m, rng)
    n = source.shape[0]
    at = np.minimum((rng.random(m) * n).astype(np.intp), n - 1)
    rows: Array = source.order[at]
    return rows


class Closest:
    """Squared distances [n] from every row to the nearest of the seeds so far: k-means++'s mass, D²(x)."""

    def __init__(self, source: Source, metric: str, seeds: Doubles) -> None:
        self.source, self.metric = source, metric
        n = source.shape[0]
        self.squared: Floats = np.full(n, np.inf, dtype=next(iter(source.blocks())).dtype)
        self.cost = self.add(seeds)
        if self.squared.dtype == np.float32 and not 1e-30 < self.cost / n < 1e30:  # squares beyond single precision
            self.squared = np.full(n, np.inf)
            self.cost = self.add(seeds)

    def costs(self, candidates: Doubles, keep: bool = False) -> Doubles:
        """Σ_i w_i min(D²_i, |x_i - c|²) for each candidate [m]; with ``keep`` they become seeds."""

        def part(block: Block) -> Doubles:
            mine = self.squared[block.start : block.start + block.n]
            return kernels.potentials(block, candidates, mine, metric=self.metric, keep=keep)

        return self.source.reduce(part, merge=np.add)

    def add(self, seed: Doubles) -> float:
        """Make ``seed`` [1, d] one of the seeds; the cost of the seeds with it."""
        self.cost = float(self.costs(seed, keep=True)[-1])
        return self.cost

    def sample(self, m: int, rng: np.random.Generator) -> Array:
        """m rows with probability proportional to w D²; to w alone when every row is a seed."""
        if not self.cost > 0:
            return sample(self.source, m, rng)
        mass = self.squared * self.source.weight if self.source.weighted else self.squared
        return draw(mass, m, rng, self.source.order)


def plus_plus(source: Source, K: int, rng: np.random.Generator, *, metric: str = "euclidean") -> Doubles:
    """Greedy k-means++ seeds [K, d]: each the best of 2 + ⌊log K⌋ rows drawn with probability ∝ w D²(x).

    Arthur and Vassilvitskii (2007), "k-means++: the advantages of careful seeding", section 2.2; the greedy choice is
    that of their section 5.
    """
    source, trials = source.few, 2 + int(np.log(K))
    seeds = [_row(source, sample(source, 1, rng), metric)]
    closest = Closest(source, metric, seeds[0]) if K > 1 else None
    return _continue(source, K, rng, metric, seeds, closest, trials)


def parallel(
    source: Source,
    K: int,
    rng: np.random.Generator,
    *,
    metric: str = "euclidean",
    rounds: int = 5,
    oversampling: float = 2.0,
) -> Doubles:
    """k-means‖ seeds [K, d]: a few passes, each drawing about ``oversampling`` · K rows at once.

    A row is drawn with probability min(1, ℓ w D²(x) / Σ w D²); the candidates, weighted by the rows nearest to them,
    are then reduced to K by greedy k-means++ and Lloyd's steps. Bahmani, Moseley, Vattani, Kumar and Vassilvitskii
    (2012), "Scalable k-means++", algorithm 2.
    """
    if K == 1:
        return _row(source, sample(source, 1, rng), metric)
    seeds = _row(source, sample(source, 1, rng), metric)
    closest, order = Closest(source, metric, seeds), source.order
    for _ in range(rounds):
        if not closest.cost > 0:
            break
        mass = (closest.squared * source.weight if source.weighted else closest.squared)[order]
        expected = np.cumsum(oversampling * K * np.asarray(mass, np.float64) / closest.cost)
        # systematic draws in hash order: a row of mass m is taken when the cumulative sum passes u + 0, 1, 2, ...
        passed = np.floor(expected - rng.random())
        rows = order[np.flatnonzero(np.diff(passed, prepend=-1.0) > 0)]
        if len(rows):
            found = _row(source, rows, metric)
            seeds = np.concatenate([seeds, found])
            closest.cost = float(closest.costs(found, keep=True)[-1])
    if len(seeds) <= K:
        return _continue(source, K, rng, metric, [seeds], closest, 1) if len(seeds) < K else seeds
    weight = source.reduce(lambda block: kernels.nearest(block, seeds, metric=metric)).counts
    few = MemorySource(Block(0, seeds, weight=weight))
    start = plus_plus(few, K, rng, metric=metric)
    for _ in range(20):
        sums = kernels.nearest(few.block, start, metric=metric)
        step = sums.sums / np.where(sums.counts > 0, sums.counts, 1)[:, None]
        start = unit(start + step) if metric == "cosine" else start + step
        if not np.abs(step).max() > 1e-9 * np.abs(start).max():
            break
    return start


def random_rows(source: Source, K: int, rng: np.random.Generator, *, metric: str = "euclidean") -> Doubles:
    """K rows with different contents, drawn with probability proportional to weight."""
    there = not source.here and source.size <= MANY  # rows of which the draws see all need not come here
    drawn, seeds = source if there else source.few, dict[bytes, Doubles]()
    for _ in range(20):
        block = drawn.take(sample(drawn, K, rng))
        for row in centers_of(block, metric):
            if len(seeds) < K:
                seeds.setdefault(row.tobytes(), row[None])
        if len(seeds) == K:
            return np.concatenate(list(seeds.values()))
    # a few rows hold nearly all the weight, or nearly all rows are alike: the rest away from those
    found, held = list(seeds.values()), source.few
    return _continue(held, K, rng, metric, found, Closest(held, metric, np.concatenate(found)), 1)


def _row(source: Source, rows: Array, metric: str) -> Doubles:
    return centers_of(source.take(rows), metric)


def _continue(
    source: Source,
    K: int,
    rng: np.random.Generator,
    metric: str,
    seeds: list[Doubles],
    closest: Closest | None,
    trials: int,
) -> Doubles:
    while closest is not None and sum(map(len, seeds)) < K:
        candidates = _row(source, closest.sample(trials, rng), metric)
        best = int(closest.costs(candidates).argmin()) if trials > 1 else 0
        seeds.append(candidates[best : best + 1])
        if sum(map(len, seeds)) < K:
            closest.add(seeds[-1])
    return np.concatenate(seeds)
