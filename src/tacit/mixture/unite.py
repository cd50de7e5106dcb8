"""How many groups: the parts of a mixture that together are no more than one cloud are one group.

A mixture of products needs several parts for one correlated, skewed or flat cloud, and no criterion of its likelihood
can tell them from groups. Two things are asked of all parts together, and where the answer is yes of
each of the two sides that the parts fall into, and so on:

* Is there more in it than in one cloud? The gain of BIC by 2, 3, ... parts over one is compared with the gain in draws
  of the cloud (the bootstrapped likelihood ratio of McLachlan 1987, with a cloud of any margins as the null).
* Do its sides lie in different places? Their centres must be more than two standard deviations apart, where two equal
  normals begin to have two modes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp

from ..data.block import Block
from ..data.memory import MemorySource
from ..typing import Array, Doubles
from .cloud import Cloud
from .families.product import Product
from .mixture import Mixture, MixtureParams
from .search import Candidate, Search

FIRST, ASKED = 4096, 1500  # rows that the first question and the others are asked of, at most
MOST = 7  # parts that a question goes up to
FEW = 12  # rows below which nothing is a group
DRAWS = (7, 18)  # clouds drawn at first, and in all where the first leave a doubt
CLEAR = (1.0, 7.0)  # standard deviations: no doubt below the one and above the other
CERTAIN = 3.0  # standard deviations above the clouds that make groups
LEAST = 2.0  # nats: the least standard deviation that is believed
EXCESS = 0.1  # of the clouds' gain: what makes further groups of a group
APART = 2.0  # standard deviations between centres

Unit = tuple[int, ...]  # the numbers of some parts


class Evidence(NamedTuple):
    """The gain of BIC / 2 by more than one part over one, in nats: in the rows, and in clouds drawn like them."""

    rows: int
    gain: float
    cloud: float  # mean of the draws
    sd: float  # of the draws
    draws: int
    gains: list[float]  # of the rows, with 1, 2, ... parts
    cloud_gains: list[float]  # mean of the draws

    @property
    def z(self) -> float:
        """How many standard deviations the rows are above the clouds."""
        return (self.gain - self.cloud) / self.sd

    @property
    def one_cloud(self) -> bool:
        """Whether one cloud explains what was found."""
        return self.z <= CERTAIN


def unite(
    best: Candidate,
    search: Search,
    block: Block,
    rng: np.random.Generator,
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[Array, Evidence | None]:
    """The group of each part of ``best`` [M], numbered from 0, and the evidence that there is more than one.

    ``block`` holds the rows, with unit weights, in an order that does not depend on where they stood. ``tell(i, m)`` is
    called after the i-th of m questions.
    """
    M = best.n_components
    if M == 1 or block.n < 2 * FEW:
        return np.zeros(M, dtype=np.int64), None
    rows = _some(np.arange(block.n), FIRST, rng)
    asked = MemorySource(block).take(rows)
    evidence = ask(asked, search, M + 2, rng)
    tell(1, 2 * M)
    if evidence.one_cloud:
        return np.zeros(M, dtype=np.int64), evidence
    r = Mixture(M, search.family).posterior(best.params, search.layout.cells(block)).resp
    steps: Doubles = np.cumsum(r, axis=1, dtype=np.float64)
    part = np.minimum((steps <= rng.random((block.n, 1))).sum(axis=1), M - 1)  # drawn from q(z)

    sides = {tuple(sorted(A + B)): (A, B) for A, B in agglomerate(best.params, search.family)}
    done = iter(range(2, 2 * M))

    size = np.bincount(part, minlength=M)

    def groups(unit: Unit) -> list[Unit]:
        if len(unit) == 1 or size[list(unit)].sum() < 2 * FEW:
            return [unit]
        if len(unit) < M:
            tell(next(done), 2 * M)
            inside = _some(np.flatnonzero(np.isin(part, unit)), ASKED, rng)
            found = ask(MemorySource(block).take(inside), search, len(unit) + 2, rng)
            if found.one_cloud or found.gain < (1 + EXCESS) * found.cloud:
                return [unit]
        small, large = sorted(sides[unit], key=lambda side: int(size[list(side)].sum()))
        sub = groups(large)
        if size[list(small)].sum() >= FEW:
            sub += groups(small)
            if len(sub) > 2 or distance(best.params, search.family, small, large) > APART:
                return sub
            return [unit]
        near = min(sub, key=lambda other: distance(best.params, search.family, small, other))
        return [tuple(sorted(u + small)) if u == near else u for u in sub]

    group = np.empty(M, dtype=np.int64)
    for g, unit in enumerate(groups(tuple(range(M)))):
        group[list(unit)] = g
    return group, evidence


def ask(block: Block, search: Search, most: int, rng: np.random.Generator) -> Evidence:
    """Whether the rows are more than one cloud: mixtures of up to ``most`` parts, of them and of clouds like them."""
    most = min(most, MOST)
    quick = replace(search.over(MemorySource(block)), n_init=2, n_splits=3, tol=1e-4)

    def gains(rows: Block) -> list[float]:
        path = quick.path(MemorySource(rows), most, "bic", rng)
        return [(path[0].bic - c.bic) / 2 for c in path]

    own, cloud = gains(block), Cloud.of(block, search.levels, rng)
    excess: list[Doubles] = []  # dependence of a draw over that of the rows
    drawn: list[list[float]] = []
    for wanted in DRAWS:
        while len(drawn) < wanted:
            rows = cloud.draw(rng)
            excess.append(cloud.dependence(rows) - cloud.dependence(block))
            drawn.append(gains(rows))
        best = np.array([max(g[1:]) for g in drawn])
        mean, sd = max(at_zero(x, best) for x in np.array(excess).T)
        if not CLEAR[0] < (max(own[1:]) - mean) / sd < CLEAR[1]:
            break
    mean_gains = np.mean([g[: min(map(len, drawn))] for g in drawn], axis=0).tolist()
    return Evidence(block.n, max(own[1:]), mean, sd, len(drawn), own, mean_gains)


def at_zero(x: Doubles, y: Doubles) -> tuple[float, float]:
    """Mean and standard deviation of y where x = 0, by a straight line of slope 0 to 1 through the draws.

    The gain rises with the dependence that a draw happens to have; what counts is the gain at that of the rows, or as
    near to it as two standard deviations of the draws reach.
    """
    v, at = x - x.mean(), np.clip(0.0, x.mean() - 2 * x.std(), x.mean() + 2 * x.std())
    slope = float(np.clip(v @ y / max(v @ v, 1e-300), 0.0, 1.0)) if (v @ v) > 1e-9 * len(v) else 0.0
    rest = y - slope * (x - at)
    return float(rest.mean()), max(float(np.sqrt(((rest - rest.mean()) ** 2).sum() / (len(y) - 2))), LEAST)


def agglomerate(params: MixtureParams, family: Product) -> Iterator[tuple[Unit, Unit]]:
    """Pairs of units to be united, M - 1 of them, each time the two nearest."""
    units: list[Unit] = [(m,) for m in range(len(params.log_weights))]
    apart = {(A, B): distance(params, family, A, B) for i, A in enumerate(units) for B in units[i + 1 :]}
    while apart:
        A, B = min(apart, key=lambda pair: (apart[pair], pair))
        yield A, B
        union = tuple(sorted(A + B))
        units = [u for u in units if u not in (A, B)]
        apart = {(C, D): v for (C, D), v in apart.items() if not {A, B} & {C, D}}
        apart |= {(u, union): distance(params, family, u, union) for u in units}
        units.append(union)


def distance(params: MixtureParams, family: Product, A: Unit, B: Unit) -> float:
    """Mahalanobis' distance between the centres of two units, by the mean of their covariances; levels one-hot."""

    def moments(U: Unit) -> tuple[Doubles, Doubles]:
        u = list(U)
        π = np.exp(params.log_weights[u] - logsumexp(params.log_weights[u]))
        return family.moments(tuple(type(θ)(*(a[u] for a in θ)) for θ in params.theta), π)

    (a, S), (b, T) = moments(A), moments(B)
    pooled = (S + T) / 2
    scale = np.sqrt(np.maximum(np.diag(pooled), 1e-300))
    δ = (a - b) / scale
    R = pooled / (scale[:, None] * scale) + 1e-9 * np.eye(len(scale))  # one-hot columns sum to 1
    return float(np.sqrt(max(float(δ @ np.linalg.solve(R, δ)), 0.0)))


def _some(rows: Array, most: int, rng: np.random.Generator) -> Array:
    """At most ``most`` of the rows, in order."""
    return rows if len(rows) <= most else np.sort(rng.choice(rows, most, replace=False))
