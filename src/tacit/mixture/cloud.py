"""One cloud: a table with the same columns, gaps and correlations as another, and no groups.

Every column keeps its cells, whatever their distribution; their ranks are drawn from one correlated normal (a Gaussian
copula; Cario and Nelson 1997 call such draws NORTA). Shuffled columns, noise, skewed, zero-heavy and discrete columns,
and any one Gaussian are such clouds, so that what a mixture finds in draws of it is what it finds without groups.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from scipy.special import ndtri

from ..data.block import Block
from ..typing import Array, Doubles

MATCHED = 4000  # rows on which a correlation is matched


@dataclass(frozen=True, eq=False)
class Cloud:
    """``cells`` [n, D] are numbers and ranked levels, NaN = gap; ``correlation`` is that of the normal behind them."""

    block: Block
    cells: Doubles
    rank: list[Array]  # of each categorical column: level -> its place along the cloud
    correlation: Doubles  # [D, D]

    @classmethod
    def of(cls, block: Block, levels: tuple[int, ...], rng: np.random.Generator) -> Self:
        """The cloud that these rows would be if they had no groups.

        The levels of a category are put in the order of their means on the first axis of the rows, so that a category
        may go with the rest of the columns as a straight line does.
        """
        rank = order_levels(block, levels)
        cells = ranked_cells(block, rank)
        wanted = correlations(normal_scores(cells))
        found = wanted.copy()
        for _ in range(5):  # ranks and ties weaken what is drawn: correlate the normal until the draws agree
            draws = [correlations(normal_scores(_draw(cells, found, rng))) for _ in range(1 + MATCHED // len(cells))]
            found = np.clip(found + wanted - np.mean(draws, axis=0), -0.9999, 0.9999)
            np.fill_diagonal(found, 1.0)
        return cls(block, cells, rank, found)

    def dependence(self, block: Block) -> Doubles:
        """-n/2 log |R| in nats [2]: what a normal says of how columns go together, in ranks and in numbers as they are.

        For rows like the cloud's; a mixture of few parts gains about as much.
        """
        cells = ranked_cells(block, self.rank)
        plain = np.nan_to_num(cells - np.nanmean(cells, axis=0))
        logs = [np.linalg.slogdet(positive(correlations(c)))[1] for c in (normal_scores(cells), plain)]
        return -0.5 * block.n * np.array(logs)

    def draw(self, rng: np.random.Generator) -> Block:
        """As many rows of the cloud; every column a rearrangement of the cells that were there, gaps in their place."""
        cells, d = _draw(self.cells, self.correlation, rng), self.block.d
        codes = self.block.codes
        if codes is not None:
            codes = codes.copy()
            for j, r in enumerate(self.rank):
                z = cells[:, d + j]
                codes[:, j] = np.where(np.isnan(z), -1, np.argsort(r)[np.nan_to_num(z).astype(np.int64)])
        return Block(0, np.ascontiguousarray(cells[:, :d]), codes=codes)


def normal_scores(cells: Doubles) -> Doubles:
    """Φ⁻¹ of the mid-rank of every cell among the observed ones of its column, centred [n, D]; gaps are 0."""
    out = np.zeros(cells.shape)
    for j, column in enumerate(cells.T):
        rows = np.flatnonzero(~np.isnan(column))
        values, at, counts = np.unique(column[rows], return_inverse=True, return_counts=True)
        if len(values) > 1:
            score = ndtri((np.cumsum(counts) - counts / 2) / len(rows))
            out[rows, j] = (score - counts @ score / len(rows))[at]
    return out


def correlations(scores: Doubles, weight: Doubles | None = None) -> Doubles:
    """Correlations of columns over the rows where both are observed (a score of 0 counts as a gap) [D, D]."""
    w = scores if weight is None else scores * weight[:, None]
    square = (w * scores).T @ (scores != 0)
    scale = np.sqrt(square * square.T)
    R: Doubles = np.where(scale > 0, (w.T @ scores) / np.maximum(scale, 1e-300), 0.0)
    np.fill_diagonal(R, 1.0)
    return R


def positive(R: Doubles) -> Doubles:
    """The nearby correlation matrix without negative eigenvalues, which pairwise estimates can have."""
    λ, U = np.linalg.eigh(R)
    S = (U * np.maximum(λ, 1e-4)) @ U.T
    σ = np.sqrt(np.diag(S))
    out: Doubles = S / (σ[:, None] * σ)
    return out


def order_levels(block: Block, levels: tuple[int, ...]) -> list[Array]:
    """For each categorical column, the place of each level by its mean on the first principal axis of the rows."""
    if not levels:
        return []
    codes: Any = block.codes
    parts = [normal_scores(block.x.astype(np.float64))]
    for j, C in enumerate(levels):
        hot = (codes[:, j, None] == np.arange(C)).astype(np.float64)
        seen = codes[:, j] >= 0
        hot[seen] -= hot[seen].mean(axis=0) if seen.any() else 0.0
        parts.append(hot / np.sqrt(max((hot**2).sum() / max(seen.sum(), 1), 1e-12)))
    space = np.concatenate(parts, axis=1)
    axis = space @ np.linalg.eigh(space.T @ space)[1][:, -1]
    out = []
    for j, C in enumerate(levels):
        seen = codes[:, j] >= 0
        n = np.bincount(codes[seen, j], minlength=C)
        mean = np.bincount(codes[seen, j], weights=axis[seen], minlength=C) / np.maximum(n, 1)
        out.append(np.argsort(np.argsort(mean, kind="stable"), kind="stable"))
    return out


def ranked_cells(block: Block, rank: list[Array]) -> Doubles:
    """Numbers, and the places of levels, side by side; gaps are NaN [n, D]."""
    places = []
    for j, r in enumerate(rank):
        code = block.codes[:, j]  # type: ignore[index]
        places.append(np.where(code >= 0, r[np.maximum(code, 0)], np.nan)[:, None])
    return np.concatenate([np.asarray(block.x, dtype=np.float64), *places], axis=1)


def _draw(cells: Doubles, R: Doubles, rng: np.random.Generator) -> Doubles:
    """Every column's observed cells, rearranged to the ranks of a correlated normal."""
    z = rng.standard_normal(cells.shape) @ np.linalg.cholesky(positive(R)).T
    out = np.full(cells.shape, np.nan)
    for j, column in enumerate(cells.T):
        rows = np.flatnonzero(~np.isnan(column))
        out[rows[np.argsort(z[rows, j])], j] = np.sort(column[rows])
    return out
