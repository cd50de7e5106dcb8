"""What is done to rows before a network is asked to mend them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ..errors import ArgumentError
from ..typing import Doubles
from .inputs import Cells

Corrupt = Callable[[Cells], Cells]
KINDS = ("gaussian", "masking", "salt_and_pepper")


def corruption(
    kind: str | Callable[[Tensor], Tensor], level: float, low: Doubles | None = None, high: Doubles | None = None
) -> Corrupt:
    """Cells to corrupted cells, on the network's scale.

    "gaussian" adds N(0, level²) to each number; "masking" takes a share ``level`` of the cells away (0 on the network's
    scale, and a gap where gaps and categories are known of); "salt_and_pepper" sets such a share to the column's least
    or greatest value, ``low`` or ``high`` (of the batch where they are None), each with probability one half (Vincent
    et al. 2010, section 3.3). A callable takes and gives x [b, d].
    """
    if callable(kind):
        return lambda cells: cells._replace(x=kind(cells.x))
    if kind == "gaussian":
        return lambda cells: cells._replace(x=_kept(cells, cells.x + level * torch.randn_like(cells.x)))
    if kind == "masking":
        return lambda cells: masked(cells, level)

    def flip(cells: Cells) -> Cells:
        x, u = cells.x, torch.rand_like(cells.x)
        least = x.amin() if low is None else torch.as_tensor(low).to(x)
        most = x.amax() if high is None else torch.as_tensor(high).to(x)
        flipped = torch.where(u < level / 2, least, torch.where(u < level, most, x))
        return cells._replace(x=_kept(cells, flipped))

    return flip


def masked(cells: Cells, level: float | Tensor) -> Cells:
    """A share ``level``, one for all or for each row [b, 1], of the cells made gaps."""
    keep = (torch.rand_like(cells.x) >= level).to(cells.x)
    seen = None if cells.seen is None else cells.seen * keep
    codes = cells.codes
    if codes is not None:
        codes = torch.where(torch.rand(codes.shape, device=codes.device) < level, -1, codes)
    return Cells(cells.x * keep, seen, codes)


def _kept(cells: Cells, x: Tensor) -> Tensor:
    """Gaps stay 0."""
    return x if cells.seen is None else x * cells.seen


def check_corruption(owner: Any, kind: object, level: object) -> None:
    """A known kind or a callable, and a level that fits it."""
    if not (callable(kind) or (isinstance(kind, str) and kind in KINDS)):
        raise ArgumentError(
            f"The 'corruption' parameter of {type(owner).__name__} must be one of {', '.join(map(repr, KINDS))} or a "
            f"callable. Got {kind!r} instead."
        )
    number = isinstance(level, int | float) and not isinstance(level, bool)
    if not (number and level >= 0 and (kind == "gaussian" or callable(kind) or level <= 1)):  # type: ignore[operator]
        raise ArgumentError(
            f"The 'level' parameter of {type(owner).__name__} must be a number in the range [0, "
            f"{'inf) for gaussian' if kind == 'gaussian' else f'1] for {kind}'}. Got {level!r} instead."
        )
