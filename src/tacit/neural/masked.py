"""A network that fills what is hidden: cells are hidden at random, and foretold from those that are not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from ..base import check_number
from ..data.source import Source
from ..train import Batch
from .coder import Coder, dtype_of, weighted_mean
from .corruption import masked
from .inputs import Cells, Judge
from .reconstructing import Reconstructing


class MaskedCells(nn.Module):
    """The mean over a batch of Σ_j L(x̃_j, x_j) over the cells j that were there and have been hidden, x̃ from the rest.

    ``level`` is the share that is hidden; None draws it for each row, uniform between 0 and 1.
    """

    def __init__(self, coder: Coder, judge: Judge, level: float | None) -> None:
        super().__init__()
        self.coder = coder
        self.judge = judge
        self.level = level
        self.dtype = dtype_of(coder)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        there = self.coder.inputs.cells(batch, self.dtype, True)
        level = torch.rand(len(there.x), 1, device=there.x.device) if self.level is None else self.level
        given = masked(there, level)
        loss = self.judge(self.coder.decode(self.coder.encode(given)), hidden(there, given))
        return {"loss": weighted_mean(loss, batch.weight)}


def hidden(there: Cells, given: Cells) -> Cells:
    """The cells that are there and not given; the others are gaps."""
    assert there.seen is not None
    assert given.seen is not None
    codes = None
    if there.codes is not None and given.codes is not None:
        codes = torch.where(given.codes < 0, there.codes, -1)
    return Cells(there.x, there.seen - given.seen, codes)


def without(cells: Cells, j: int) -> Cells:
    """The cells without number j, or, from d on, without category j - d."""
    x, seen, codes = cells
    assert seen is not None
    d = x.shape[1]
    if j < d:
        keep = torch.ones(d, dtype=x.dtype, device=x.device)
        keep[j] = 0
        return Cells(x * keep, seen * keep, codes)
    assert codes is not None
    codes = codes.clone()
    codes[:, j - d] = -1
    return Cells(x, seen, codes)


@dataclass(eq=False, repr=False, kw_only=True)
class MaskedAutoencoder(Reconstructing):
    """x̃ = decoder(encoder(x without some cells)), trained to foretell the cells that were taken away (Devlin et al.
    2019; for tables Du et al. 2024).

    A share ``level`` of the cells is hidden anew in every batch, and only hidden cells count: Σ (x̃_j - x_j)² of
    numbers and -log softmax of categories. A gap is a cell that is always hidden and never counts. So the network
    learns E[x_j | the cells that are there] and p(category | them) for all sets of cells at once; it is told which
    numbers are hidden.

    ``impute`` fills all gaps in one pass, ``transform`` gives what the network makes of a row, ``to_classifier`` starts
    from it. ``reconstruct`` gives each cell by all the others, and ``score_samples`` the error of that: for typical
    rows it is small. There is no ``inverse_transform``: a code is made to tell of cells that were not seen.

    Parameters
    ----------
    hidden_sizes : tuple of int or "auto"
        Widths of the layers, the code last; "auto" is (256, 256, 64).
    level : float or None
        Share of the cells that is hidden; None draws a share for each row, uniform between 0 and 1.

    Other parameters and attributes are those of ``Autoencoder``.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(500, 1)) @ np.ones((1, 4)) + 0.1 * rng.normal(size=(500, 4))
    >>> model = MaskedAutoencoder((32, 8), epochs=30, learning_rate=0.01, random_state=0).fit(X)
    >>> filled = model.impute([[2.0, np.nan, 2.0, np.nan]])
    >>> bool(abs(filled - 2).max() < 0.3)
    True
    """

    level: float | None = 0.3

    def impute(self, X: object, n_iter: int = 1) -> Any:
        """X with its gaps filled from the cells that are there; other cells stay. A table comes back whole.

        More than one ``n_iter`` fills them again from what was filled.
        """
        return super().impute(X, n_iter)

    def reconstruct(self, X: object) -> Any:
        """The rows, each cell being what all others make of it."""
        return self._answers(X, lambda coder, cells, _: self._each(coder, cells), form=True)

    def score_samples(self, X: object) -> Any:
        """Minus Σ_j L(x̃_j, x_j) of each row [n], x̃_j by all cells but j: higher is more typical."""
        judge = self._judge()
        return self._answers(X, lambda coder, cells, _: -judge(self._each(coder, cells, means=False), cells))

    @property
    def inverse_transform(self) -> Any:
        """There is none."""
        raise AttributeError("MaskedAutoencoder has no inverse_transform: its codes tell of cells that were not seen")

    # What is its own.

    def _each(self, coder: Coder, cells: Cells, means: bool = True) -> Tensor:
        """What the decoder writes of each cell when that cell is hidden [b, written]."""
        d, levels = self.layout_.d, self.layout_.levels
        cells = cells._replace(seen=torch.ones_like(cells.x) if cells.seen is None else cells.seen)
        out = cells.x.new_zeros(len(cells.x), self.layout_.written)
        ends = [*range(d + 1)]
        for width in levels:
            ends.append(ends[-1] + width)
        for j in range(d + len(levels)):
            written = coder.decode(coder.encode(without(cells, j)))
            written = self._mean(written) if means else written
            out[:, ends[j] : ends[j + 1]] = written[:, ends[j] : ends[j + 1]]
        return out

    def _check(self) -> None:
        super()._check()
        check_number(self, "level", low=0, high=1, open_low=True, choices=[None])

    def _learn_scale(self, source: Source) -> None:
        super()._learn_scale(source)
        self.gaps_ = True
        if self.shape_ is None and self.encoder is None:
            self.layout_ = replace(self.layout_, gaps=tuple(range(self.layout_.d)))

    def _widths(self) -> tuple[int, ...]:
        return (256, 256, 64) if self.hidden_sizes == "auto" and not self._convolves() else super()._widths()

    def _objective(self) -> nn.Module:
        level = None if self.level is None else float(self.level)
        return MaskedCells(self.coder_, self._judge(), level)
