"""How many products a density is made of: more and more, while held-out rows become likelier.

Groups and density are two questions. The groups of a table are few; its density, which answers p(this | that), gains
from many products for a long time. Every product of the search is divided in two, each half again, and so on; EM runs
at each size, and a part keeps the group that it came from.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from scipy.special import expit

from ..data.block import Block
from ..data.memory import MemorySource
from ..em.engine import em
from ..typing import Array, Doubles, Floats
from .families.normal import Normal
from .families.product import Product
from .mixture import Mixture, MixtureParams
from .search import Search, feature_space

TINY = 24  # rows below which nothing is held out: each row is a part of its own
FOLDS, FOLDED = 5, 2000  # folds that are held out in turn, up to so many rows; above, one fifth once
MOST = 512  # parts
KEEP = 4  # rows that a part must have on average
PATIENCE = 2  # sizes tried beyond the best
STEPS = 30  # of EM at each size
LEAST = -1e4  # nats: what an impossible row counts for
KERNEL = 0.25  # weight of the priors where each row is a part


class Size(NamedTuple):
    """A number of parts, and the mean log-density of held-out rows with it."""

    n_parts: int
    held_out: float
    rows: int


class Density(NamedTuple):
    """A mixture and which component each of its parts belongs to."""

    model: Mixture
    params: MixtureParams
    component: Array  # [M]


class Fitter(ABC):
    """How a mixture of a given size is fitted while it grows."""

    @abstractmethod
    def start(self, model: Mixture, cells: MemorySource, resp: Callable[[Block], Floats]) -> MixtureParams:
        """Parameters for responsibilities that a function gives for each block [b, K]."""

    @abstractmethod
    def fit(
        self, model: Mixture, cells: MemorySource, params: MixtureParams, rng: np.random.Generator
    ) -> MixtureParams:
        """Some steps further."""


class Apart(Fitter):
    """Parts whose columns are independent: EM."""

    def start(self, model: Mixture, cells: MemorySource, resp: Callable[[Block], Floats]) -> MixtureParams:
        return model.from_responsibilities(cells, resp)

    def fit(
        self, model: Mixture, cells: MemorySource, params: MixtureParams, rng: np.random.Generator
    ) -> MixtureParams:
        return em(model, cells, params, tol=1e-4, max_iter=STEPS, rng=rng, bound=False).params


@dataclass(frozen=True)
class Growth:
    """Dividing the parts of a mixture, again and again."""

    search: Search
    smoothing: float
    fitter: Fitter

    def sizes(self, first: int, n: float) -> list[int]:
        """first, 2 first, 4 first, ... parts, as far as rows allow."""
        out = [first]
        while 2 * out[-1] <= min(MOST, n / KEEP):
            out.append(2 * out[-1])
        return out

    def to(self, start: Density, cells: MemorySource, space: Floats, n_parts: int, rng: np.random.Generator) -> Density:
        """``n_parts`` parts, or those of the start if these are more."""
        for density in self.path(start, cells, space, _doublings(len(start.component), n_parts), rng):
            start = density
        return start

    def path(
        self, start: Density, cells: MemorySource, space: Floats, sizes: list[int], rng: np.random.Generator
    ) -> Any:
        """The densities of growing ``sizes``, each made of the one before."""
        n = float(cells.weight.sum())
        density = start
        for size in sizes:
            if size > len(density.component):
                density = self._divide(density, cells, space, size - len(density.component), rng)
            model = Mixture(size, self._family(density.model.family, size, n))
            density = Density(model, self.fitter.fit(model, cells, density.params, rng), density.component)
            yield density

    def _family(self, family: Any, M: int, n: float) -> Product:
        """With priors that weigh, all parts together, at most a quarter as much as the rows."""
        out: Product = family.smoothed(min(self.smoothing, KERNEL * n / M))
        return out

    def _divide(
        self, density: Density, cells: MemorySource, space: Floats, more: int, rng: np.random.Generator
    ) -> Density:
        """The ``more`` largest parts in two, each by a hyperplane through its middle in a random direction."""
        model, params, component = density
        M = model.K
        which = np.sort(np.argsort(-params.log_weights, kind="stable")[:more])
        side = space @ rng.normal(size=(space.shape[1], len(which)))  # [n, more]
        cap = max(1, 4_000_000 // (M + more))

        def centre(block: Block) -> tuple[Doubles, Doubles, Doubles]:
            r = model.posterior(params, block).resp[:, which] * block.w[:, None]
            s = side[block.start : block.start + block.n]
            return r.sum(axis=0), (r * s).sum(axis=0), (r * s * s).sum(axis=0)

        N, first, second = cells.reduce(centre, rows=cap)
        N = np.maximum(N, 1e-300)
        μ = first / N
        σ = np.sqrt(np.maximum(second / N - μ * μ, 1e-12))

        def resp(block: Block) -> Doubles:
            r = np.asarray(model.posterior(params, block).resp, np.float64)
            share = expit(3 * (side[block.start : block.start + block.n] - μ) / σ)
            new = r[:, which] * share
            r[:, which] -= new
            return np.concatenate([r, new], axis=1)

        larger = Mixture(M + more, model.family)
        return Density(larger, self.fitter.start(larger, cells, resp), np.append(component, component[which]))


def _doublings(first: int, last: int) -> list[int]:
    """first, 2 first, ..., and ``last``."""
    out = [first]
    while 2 * out[-1] < last:
        out.append(2 * out[-1])
    return out if last <= first else [*out, last]


def grown(
    growth: Growth,
    rows: MemorySource,
    begun: Density,
    rng: np.random.Generator,
    n_parts: int | None = None,
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[Density, list[Size]]:
    """The density of these rows, grown from ``begun``, and how held-out rows judged each size.

    ``rows`` stand in an order that does not depend on where they stood. Without ``n_parts`` the size is the one with
    the highest held-out log-density.
    """
    layout = growth.search.layout
    space = feature_space(rows, layout.levels).block.x
    told: list[Size] = []
    if n_parts is None:
        told = held_out(growth, rows, space, begun, rng, tell)
        n_parts = max(told, key=lambda size: size.held_out).n_parts
    return growth.to(begun, layout.encode(rows), space, n_parts, rng), told


def held_out(
    growth: Growth,
    rows: MemorySource,
    space: Floats,
    begun: Density,
    rng: np.random.Generator,
    tell: Callable[[int, int], None] = lambda done, total: None,
    sizes: list[int] | None = None,
) -> list[Size]:
    """The mean log-density of rows that were left out, for growing numbers of parts."""
    n, layout = rows.shape[0], growth.search.layout
    fold = rng.permutation(n) % FOLDS
    sizes = growth.sizes(len(begun.component), 0.8 * n) if sizes is None else sizes
    scores = np.full((FOLDS if n <= FOLDED else 1, len(sizes)), -np.inf)
    for f in range(len(scores)):
        away = fold == f
        learn, test = (MemorySource(rows.take(np.flatnonzero(keep))) for keep in (~away, away))
        cells, unseen = layout.encode(learn), layout.encode(test)
        base = layout.base(test.block)
        family = growth.search.family.over(cells)
        start = Density(Mixture(begun.model.K, family), begun.params, begun.component)
        for i, density in enumerate(growth.path(start, cells, space[~away], sizes, rng)):
            model = replace(density.model, family=density.model.family.reading(unseen))
            w = test.block.w
            log_prob = np.asarray(unseen.map(partial(model.log_prob, density.params)), np.float64) + base
            scores[f, i] = w @ np.where(w > 0, np.maximum(log_prob, LEAST), 0.0) / max(w.sum(), 1e-300)
            tell(f * len(sizes) + i + 1, len(scores) * len(sizes))
            best = int(np.argmax(scores[f, : i + 1]))
            if i - best >= PATIENCE:
                break
    mean = scores.mean(axis=0)
    return [Size(size, float(v), int(n)) for size, v in zip(sizes, mean, strict=True) if np.isfinite(v)]


def kernel(family: Product, cells: MemorySource, rng: np.random.Generator) -> Density:
    """Each distinct row a part: a kernel density of numbers and categories (Aitchison and Aitken 1976).

    A category keeps the row's own level with probability 1 / (1 + s) and is drawn from the column else; a number is
    as wide as half of the column's variance.
    """
    at, block = cells.order, cells.block
    content = np.concatenate(
        [np.nan_to_num(block.x, nan=np.inf), *([] if block.codes is None else [block.codes])], axis=1
    )
    weighty = at[block.w[at] > 0]
    _, first, which = np.unique(content[weighty], axis=0, return_index=True, return_inverse=True)
    z = np.full(block.n, -1)
    z[weighty] = which.ravel()
    wide = tuple(
        replace(p, share=1.0) if isinstance(p, Normal) else replace(p, smoothing=KERNEL * p.smoothing)
        for p in family.parts
    )
    model = Mixture(len(first), Product(wide))
    params, _ = model.from_labels(cells, z, rng)
    return Density(model, params, np.zeros(model.K, np.int64))


def averaged(densities: list[Density]) -> Density:
    """(p_1 + ... + p_B) / B, itself a mixture."""
    if len(densities) == 1:
        return densities[0]
    params = [d.params for d in densities]
    theta = densities[0].model.family.together([p.theta for p in params])
    weights = np.concatenate([p.log_weights for p in params]) - np.log(len(params))
    model = replace(densities[0].model, K=len(weights))
    return Density(model, MixtureParams(weights, theta), np.concatenate([d.component for d in densities]))
