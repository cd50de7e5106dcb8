"""What a network reads of a row, and how its answer is judged: numbers on one scale, categories, gaps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..train import Batch
from ..typing import Doubles


@dataclass(frozen=True)
class Layout:
    """The cells of a row: d numbers, categories of so many levels, or the shape of a picture."""

    d: int
    levels: tuple[int, ...] = ()
    shape: tuple[int, int, int] | None = None
    gaps: tuple[int, ...] = ()  # numbers that had gaps at fit: the network is told where

    @property
    def read(self) -> int:
        """The width of what the encoder reads."""
        return self.d + sum(self.levels) + len(self.gaps)

    @property
    def written(self) -> int:
        """The width of what the decoder writes."""
        return self.d + sum(self.levels)


class Cells(NamedTuple):
    """A batch on the network's scale."""

    x: Tensor  # [b, d], a gap is 0
    seen: Tensor | None  # [b, d], 1 where there is a number; None where there are no gaps
    codes: Tensor | None  # [b, c], -1 = gap


class Inputs(nn.Module):
    """Raw rows as cells, cells as what an encoder reads: [(x - shift) · scale, one-hot categories, where gaps are]."""

    shift: Tensor
    scale: Tensor

    def __init__(self, layout: Layout, shift: Doubles, scale: Doubles) -> None:
        super().__init__()
        self.layout = layout
        self.plain = bool((shift == 0).all() and (scale == 1).all())
        # kept out of the state and of casts: float64 whatever the network's precision
        self.register_buffer("shift", torch.as_tensor(shift, dtype=torch.float64), persistent=False)
        self.register_buffer("scale", torch.as_tensor(scale, dtype=torch.float64), persistent=False)

    def _apply(self, fn: Any, recurse: bool = True) -> Any:
        shift, scale = self.shift, self.scale
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self.shift, self.scale = shift.to(self.shift.device), scale.to(self.scale.device)
        return self

    def cells(self, batch: Batch, dtype: torch.dtype, gaps: bool) -> Cells:
        """The batch on the network's scale, pictures as rows."""
        x = batch.x.flatten(1)
        if not self.plain:
            work = x.dtype if x.is_floating_point() else torch.float32
            x = (x.to(work) - self.shift.to(work)) * self.scale.to(work)
        x = x.to(dtype)
        seen = None
        if gaps:
            hole = torch.isnan(x)
            x, seen = x.masked_fill(hole, 0.0), (~hole).to(dtype)
        return Cells(x, seen, batch.codes)

    def forward(self, cells: Cells) -> Tensor:
        """What the encoder reads: [b, read], or pictures [b, c, h, w]."""
        layout = self.layout
        if layout.shape is not None:
            pictures: Tensor = cells.x.unflatten(1, layout.shape)
            return pictures
        parts = [cells.x]
        if cells.codes is not None and layout.levels:
            parts.append(one_hot(cells.codes, layout.levels).to(cells.x.dtype))
        if layout.gaps:
            at = torch.tensor(layout.gaps, device=cells.x.device)
            some = torch.zeros_like(cells.x[:, at]) if cells.seen is None else 1 - cells.seen[:, at]
            parts.append(some)
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)

    def back(self, x: Tensor) -> Tensor:
        """Numbers in the units that they came in."""
        return x if self.plain else x.double() / self.scale + self.shift


NumberLoss = Callable[[Tensor, Tensor, Tensor | None], Tensor]  # output [..., b, d], x, seen [b, d] -> [..., b]


class Judge:
    """The loss of each row, over the cells that are there: ``numbers`` of the numbers, cross-entropy of categories."""

    def __init__(self, layout: Layout, numbers: NumberLoss) -> None:
        self.layout = layout
        self.numbers = numbers

    def __call__(self, output: Tensor, cells: Cells) -> Tensor:
        """Row losses [..., b] for the decoder's output [..., b, written]."""
        d, levels = self.layout.d, self.layout.levels
        if not levels or cells.codes is None:
            return self.numbers(output, cells.x, cells.seen)
        categories = category_loss(output[..., d:], cells.codes, levels)
        return categories if not d else categories + self.numbers(output[..., :d], cells.x, cells.seen)


def category_loss(output: Tensor, codes: Tensor, levels: tuple[int, ...]) -> Tensor:
    """-Σ_j log softmax(output_j)[code_j] [..., b], over the categories that are there."""
    output = output.to(torch.promote_types(output.dtype, torch.float32))
    total = output.new_zeros(output.shape[:-1])
    for part, z in zip(output.split(levels, dim=-1), codes.long().unbind(1)):
        at = z.clamp(min=0).expand(part.shape[:-1])[..., None]
        said = torch.log_softmax(part, dim=-1).gather(-1, at)[..., 0]
        total = total - said.where(z >= 0, 0.0)
    return total


def one_hot(codes: Tensor, levels: tuple[int, ...]) -> Tensor:
    """Indicators [b, Σ levels] of codes [b, c]; a gap has none.

    >>> one_hot(torch.tensor([[1, -1], [0, 2]]), (2, 3)).tolist()
    [[0.0, 1.0, 0.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0, 1.0]]
    """
    width = sum(levels)
    start = torch.tensor([0, *np.cumsum(levels)[:-1].tolist()], device=codes.device)
    at = torch.where(codes < 0, width, codes.long() + start)
    out = torch.zeros(len(codes), width + 1, device=codes.device)
    return out.scatter_(1, at, 1.0)[:, :width]


def losses(loss: str | Callable[[Tensor, Tensor], Tensor], link: str) -> NumberLoss:
    """The loss of the numbers of a row, Σ_j over the cells that are there:

    "squared_error" (x̃_j - x_j)², "cross_entropy" -x_j log x̃_j - (1 - x_j) log(1 - x̃_j), with x̃ = output or σ(output).
    A callable takes x̃ and x [b, d] and gives [b]; of a gap it gets x̃_j = x_j.
    """
    if loss == "cross_entropy":
        return lambda output, x, seen: over(bernoulli(output, x), seen)

    def mean(output: Tensor) -> Tensor:
        return output if link == "identity" else torch.sigmoid(output)

    if callable(loss):
        return lambda output, x, seen: loss(mean(output) if seen is None else torch.where(seen > 0, mean(output), x), x)
    return lambda output, x, seen: over((mean(output) - x).square(), seen)


def bernoulli(output: Tensor, x: Tensor) -> Tensor:
    """-x log σ(o) - (1 - x) log σ(-o) = log(1 + exp o) - x o, cell by cell: two passes, where torch's takes several."""
    o = output.to(x.dtype)
    return F.softplus(o, threshold=40) - x * o


def over(each: Tensor, seen: Tensor | None) -> Tensor:
    """Σ_j each_j [..., b] over the cells that are there."""
    return each.sum(-1) if seen is None else (each * seen).sum(-1)
