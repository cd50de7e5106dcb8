"""How many groups: the parts of a mixture that together are no more than one cloud are one group.

A mixture of products needs several parts for one correlated, skewed or flat cloud, and no criterion of its likelihood
can tell them from groups. Two things are asked of every union, beginning with the least evident:

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
from scipy.special import logsumexp, ndtri

from ..data.block import Block
from ..data.memory import MemorySource
from ..typing import Array, Doubles
from .cloud import Cloud, correlations, order_levels, positive, ranked_cells
from .families.product import Product
from .mixture import Mixture, MixtureParams
from .search import Candidate, Search

ASKED = 2048  # rows that a question is asked of, at most
MOST = 8  # parts that a question goes up to
FEW = 20  # rows below which no question is asked
DRAWS = (5, 20)  # clouds drawn at first, and in all where the first leave a doubt
CLEAR = (1.0, 10.0)  # standard deviations: no doubt below the one and above the other
CERTAIN = 3.0  # standard deviations above the clouds that make groups
LEAST = 2.0  # nats: the least standard deviation that is believed
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
    if M == 1 or block.n < FEW:
        return np.zeros(M, dtype=np.int64), None
    rows = _some(np.arange(block.n), rng)
    asked = MemorySource(block).take(rows)
    evidence = ask(asked, search, M + 2, rng)
    tell(1, M)
    if evidence.one_cloud:
        return np.zeros(M, dtype=np.int64), evidence
    r = Mixture(M, search.family).posterior(best.params, block).resp
    part = np.minimum((np.cumsum(r, axis=1) <= rng.random((block.n, 1))).sum(axis=1), M - 1)  # drawn from q(z)

    def together(A: Unit, B: Unit) -> bool:
        inside = _some(np.flatnonzero(np.isin(part, A + B)), rng)
        if len(inside) < FEW or distance(best.params, search.family, A, B) <= APART:
            return True
        return ask(MemorySource(block).take(inside), search, len(A + B) + 2, rng).one_cloud

    whole = {(m,): True for m in range(M)}  # unit -> whether it is one group
    for i, (A, B) in enumerate(agglomerate(best.params, search.family, search.levels, asked, r[rows])):
        whole[tuple(sorted(A + B))] = whole[A] and whole[B] and together(A, B)
        tell(i + 2, M)
    group = np.empty(M, dtype=np.int64)
    for g, unit in enumerate(sorted((u for u, one in whole.items() if one), key=len)):
        group[list(unit)] = g  # the largest unit that is one group comes last
    return np.unique(group, return_inverse=True)[1], evidence


def ask(block: Block, search: Search, most: int, rng: np.random.Generator) -> Evidence:
    """Whether the rows are more than one cloud: mixtures of up to ``most`` parts, of them and of clouds like them."""
    most = min(most, MOST)
    quick = replace(search, family=search.family.over(MemorySource(block)), n_init=2, n_splits=3, tol=1e-4)

    def gains(rows: Block) -> list[float]:
        path = quick.path(MemorySource(rows), most, "bic", rng)
        return [(path[0].bic - c.bic) / 2 for c in path]

    own, cloud = gains(block), Cloud.of(block, search.levels, rng)
    drawn: list[list[float]] = []
    for wanted in DRAWS:
        while len(drawn) < wanted:
            drawn.append(gains(cloud.draw(rng)))
        best = np.array([max(g[1:]) for g in drawn])
        mean, sd = float(best.mean()), max(float(best.std(ddof=1)), LEAST)
        if not CLEAR[0] < (max(own[1:]) - mean) / sd < CLEAR[1]:
            break
    mean_gains = np.mean([g[: min(map(len, drawn))] for g in drawn], axis=0).tolist()
    return Evidence(block.n, max(own[1:]), mean, sd, len(drawn), own, mean_gains)


def agglomerate(
    params: MixtureParams, family: Product, levels: tuple[int, ...], block: Block, r: Doubles
) -> Iterator[tuple[Unit, Unit]]:
    """Pairs of units to be united, M - 1 of them: each time those that lose least by becoming one cloud.

    What a unit U of parts knows beyond a cloud is the dependence between columns that its mixture explains, less that
    of a normal with the same correlations R:
    c(U) = Σ_i r_iU [log p_U(x_i) - Σ_j log p_U(x_ij)] + ½ N_U log |R|, and a union costs c(U ∪ V) - c(U) - c(V).
    """
    logs = family.cell_log_prob(params.theta, block)  # D x [n, M]
    joint = np.sum(logs, axis=0) + params.log_weights
    scored = _Scores(ranked_cells(block, order_levels(block, levels)))
    costs: dict[Unit, float] = {(m,): 0.0 for m in range(len(params.log_weights))}

    def cost(U: Unit) -> float:
        if U not in costs:
            u = list(U)
            log_π = params.log_weights[u] - logsumexp(params.log_weights[u])
            log_p: Doubles = np.asarray(logsumexp(joint[:, u], axis=1)) - logsumexp(params.log_weights[u])
            margins = sum(logsumexp(log[:, u] + log_π, axis=1) for log in logs)
            w = r[:, u].sum(axis=1)
            R = positive(correlations(scored(w), w))
            costs[U] = float(w @ (log_p - margins) + 0.5 * w.sum() * np.linalg.slogdet(R)[1])
        return costs[U]

    units: list[Unit] = [(m,) for m in range(len(params.log_weights))]
    while len(units) > 1:
        _, A, B = min(
            (cost(tuple(sorted(A + B))) - cost(A) - cost(B), A, B) for i, A in enumerate(units) for B in units[i + 1 :]
        )
        units = [*(u for u in units if u not in (A, B)), tuple(sorted(A + B))]
        yield A, B


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
    return float(np.sqrt(max(δ @ np.linalg.solve(R, δ), 0.0)))


def _some(rows: Array, rng: np.random.Generator) -> Array:
    """At most ``ASKED`` of the rows, in order."""
    return rows if len(rows) <= ASKED else np.sort(rng.choice(rows, ASKED, replace=False))


class _Scores:
    """Normal scores of the rows' cells under any weights, the sorting done once."""

    def __init__(self, cells: Doubles) -> None:
        self.columns = []
        for column in cells.T:
            rows = np.flatnonzero(~np.isnan(column))
            self.columns.append((rows, np.unique(column[rows], return_inverse=True)[1]))
        self.shape = cells.shape

    def __call__(self, weight: Doubles) -> Doubles:
        out = np.zeros(self.shape)
        for j, (rows, at) in enumerate(self.columns):
            mass = np.bincount(at, weights=weight[rows])
            if mass.sum() > 1e-9:
                score = ndtri(np.clip((np.cumsum(mass) - mass / 2) / mass.sum(), 1e-9, 1 - 1e-9))
                out[rows, j] = (score - mass @ score / mass.sum())[at]
        return out
