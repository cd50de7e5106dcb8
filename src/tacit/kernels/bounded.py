"""k-means that reads only the rows whose bounds do not settle them: exact, for rows in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from . import native

if TYPE_CHECKING:
    from ..data.block import Block
    from ..typing import Array, Doubles


class Groups(NamedTuple):
    """K centres in t groups: those of group g are ``order[first[g] : first[g + 1]]``."""

    order: Array  # int32 [K]
    first: Array  # int32 [t + 1]
    of: Array  # int32 [K], the group of each centre


class Bounds(NamedTuple):
    """What each row remembers; written by ``bounded``."""

    label: Array  # int32 [b]
    upper: Array  # float32 [b], at least |x - c_label|
    lower: Array  # float32 [b, t], at most the distance to every other centre of the group


def bounded(
    block: Block,
    old: Doubles,
    now: Doubles,
    groups: Groups,
    bounds: Bounds,
    shift: Doubles,
    counts: Doubles,
    sums: Doubles,
    *,
    single: bool,
    dots: bool,
) -> tuple[int, int]:
    """Brings ``bounds`` from centres ``old`` to ``now`` [K, d]; how many pairs of a row and a group were scored,
    and how many rows changed their centre.

    ``counts`` [K] and ``sums`` [K, d] about ``shift`` follow the rows that changed. ``dots`` takes rows as vectors (for
    many columns, any number of groups), else columns (for few, one group). ``single`` scores in float32.
    """
    met, changed = native.module.bounded(
        block.numbers, block.weight, old, now, *groups, shift, *bounds, counts, sums, single, dots, native.threads()
    )
    return int(met), int(changed)


def cost(block: Block, centers: Doubles, labels: Array) -> float:
    """Σ_i w_i |x_i - c_{l_i}|² from explicit differences in float64."""
    single = block.dtype == np.float32
    return float(native.module.cost(block.numbers, block.weight, centers, labels, single, native.threads()))
