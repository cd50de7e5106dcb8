"""Growing mixtures of trees: the M-step learns which columns depend on each other, too.

In turn, trees are learned from the responsibilities at hand (Meila and Jordan 2000, section 3), and EM runs with these
trees. With counts smoothed by pseudo-rows that are the same for every tree, both climb one objective, but for the price
of an edge and for gaps, where trees are learned from the pairs that were seen.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..data.block import Block
from ..data.memory import MemorySource
from ..em.engine import em
from ..errors import DataNotice
from ..typing import Doubles, Floats
from .families.chow_liu import AT_ONCE, indicators, learned, pooled
from .families.tree import Tree
from .mixture import Mixture, MixtureParams
from .parts import Fitter

ROUNDS = 2  # times that trees are learned at each size
STEPS = 5  # of EM after each
LONG, LARGE = 20.0, 2e9  # seconds and bytes of counting pairs beyond which a notice says what they will cost
PRODUCTS, SUMS, TABLES = 3e10, 5e8, 2e7  # multiplications, additions, and cells of tables of pairs a second, about


@dataclass(frozen=True)
class Trees(Fitter):
    """Trees whose edges pay ``penalty`` times what BIC asks; one for each component, or one that all ``share``."""

    penalty: float = 1.0
    share: bool = False
    rounds: int = ROUNDS
    steps: int = STEPS

    @classmethod
    def within(cls, max_iter: int, penalty: float, share: bool) -> Trees:
        """With no more than ``max_iter`` steps of EM at a time."""
        return cls(penalty, share, ROUNDS if max_iter > STEPS else 1, min(STEPS, max_iter))

    def start(self, model: Mixture, cells: MemorySource, resp: Callable[[Block], Floats]) -> MixtureParams:
        return self._learned(model, cells, np.asarray(cells.map(resp, rows=16384), np.float64))

    def fit(
        self, model: Mixture, cells: MemorySource, params: MixtureParams, rng: np.random.Generator
    ) -> MixtureParams:
        for i in range(self.rounds):
            if i:
                resp = cells.map(lambda block: model.posterior(params, block).resp, rows=16384)  # noqa: B023
                params = self._learned(model, cells, np.asarray(resp, np.float64))
            params = em(model, cells, params, tol=1e-4, max_iter=self.steps, rng=rng, bound=False).params
        return params

    def _learned(self, model: Mixture, cells: MemorySource, resp: Doubles) -> MixtureParams:
        family: Any = model.family
        (tree,) = family.parts
        resp = resp * cells.weight[:, None]
        rows = some_rows(cells, tree)
        pairs = indicators(cells.block.codes[rows], tree.levels)  # type: ignore[index]
        q = pooled(pairs, cells.weight[rows], tree.levels)
        mass = np.maximum(resp.sum(axis=0), 1e-300)
        scale = cells.weight.sum() / max(cells.weight[rows].sum(), 1e-300)
        θ = learned(tree, pairs, resp[rows] * scale, q, self.penalty, self.share)
        return MixtureParams(np.log(mass / mass.sum()), (θ,))


def some_rows(cells: MemorySource, tree: Tree) -> Any:
    """The rows that pairs are counted in: all, or as many as an indicator matrix of them has room for."""
    n, L = cells.block.n, int(tree.edges[-1])
    most = max(1, AT_ONCE // L)
    return slice(None) if n <= most else np.sort(cells.order[:: -(-n // most)])


class Cost(NamedTuple):
    """What it takes to count all pairs of levels once for every component: known before the fit."""

    pairs: float  # of levels
    rows: int  # in which they are counted: all, or a sample of them
    seconds: float  # about, on one core
    each: float  # seconds more for every component
    bytes: float

    @classmethod
    def of(cls, n: int, levels: tuple[int, ...]) -> Cost:
        """That of n rows, which components share, and columns of so many levels."""
        c, L = len(levels), float(sum(levels))
        rows = min(n, int(max(1, AT_ONCE // L)))
        few = L - c <= 2 * c
        seconds = rows * (L - c) ** 2 / PRODUCTS if few else rows * c * c / 2 / SUMS
        return cls(L * L / 2, rows, seconds, L * L / TABLES, 6 * 8 * L * L + 4 * rows * L)


def say_cost(n: int, tree: Tree) -> None:
    """A notice where counting all pairs of levels takes long, or much room."""
    cost = Cost.of(n, tree.levels)
    if cost.seconds + cost.each > LONG or cost.bytes > LARGE:
        warnings.warn(
            f"trees over {len(tree.levels)} columns count {cost.pairs:.0e} pairs of levels in {cost.rows} rows: about "
            f"{cost.seconds:.0f} s, {cost.each:.0f} s for every component, and {cost.bytes / 1e9:.1f} GB each time "
            "that they are learned; dependence='independent' counts none",
            DataNotice,
            stacklevel=4,
        )
