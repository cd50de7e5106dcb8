"""The scale on which a network sees numbers."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..data.block import Block
from ..data.source import Source
from ..typing import Array, Doubles


class Summary(NamedTuple):
    """Each numeric column: mean, standard deviation, extremes, whether it has gaps."""

    mean: Doubles
    sd: Doubles
    low: Doubles
    high: Doubles
    gaps: Array


def summarise(source: Source) -> Summary:
    """Two passes over the rows: extremes and means, then deviations about them."""
    rows = max(1, 250_000 // max(source.shape[1], 1))  # a few copies stay in the cache

    def first(block: Block) -> Any:
        x, w = np.asarray(block.x, dtype=np.float64), block.w[:, None]
        if block.weight is None and not np.isnan(x.sum()):  # the plain case, in fewer passes
            return x.max(axis=0), x.min(axis=0), float(len(x)), x.sum(axis=0), np.zeros(x.shape[1], dtype=bool)
        there = ~np.isnan(x) & (w > 0)
        big = np.where(there, x, -np.inf).max(axis=0, initial=-np.inf)
        small = np.where(there, x, np.inf).min(axis=0, initial=np.inf)
        total = (w * there).sum(axis=0)
        return big, small, total, (w * np.where(there, x, 0.0)).sum(axis=0), np.isnan(x).any(axis=0)

    def merge(a: Any, b: Any) -> Any:
        return np.maximum(a[0], b[0]), np.minimum(a[1], b[1]), a[2] + b[2], a[3] + b[3], a[4] | b[4]

    high, low, weight, total, gaps = source.reduce(first, merge, rows)
    empty = weight == 0
    weight = np.where(empty, 1.0, weight)
    mean = total / weight
    high, low = np.where(empty, 0.0, high), np.where(empty, 0.0, low)

    def second(block: Block) -> Array:
        z = np.asarray(block.x, dtype=np.float64) - mean
        if block.weight is None and not np.isnan(z.sum()):
            plain: Array = np.einsum("ij,ij->j", z, z)
            return plain
        z = np.nan_to_num(z)
        out: Array = (block.w[:, None] * z * z).sum(axis=0)
        return out

    sd = np.sqrt(source.reduce(second, rows=rows) / weight)
    constant = (high <= low) | ~(sd > 0)
    return Summary(mean, np.where(constant, 1.0, sd), low, high, gaps)


def holds_bytes(source: Source) -> bool:
    """Whether the rows are of bytes, as the pixels of pictures are."""
    first = next(source.blocks(1)).numbers
    return isinstance(first, np.ndarray) and first.dtype == np.uint8


def one_range(found: Summary) -> bool:
    """Whether the columns are all of one kind, like pixels: no gaps, one least value, and one greatest for most.

    >>> one_range(Summary(*(np.array(v) for v in ([8, 3], [4, 5], [0, 0], [16, 16], [False, False]))))
    True
    """
    low, high = found.low, found.high
    if found.gaps.any() or len(low) < 2:
        return False
    varies = high > low
    return bool(varies.any() and (low == low.min()).all() and (high[varies] == high.max()).mean() > 0.5)


def scaling(found: Summary, way: str | None, pictures: bool, pixels: bool) -> tuple[Doubles, Doubles]:
    """Shift and scale of x -> (x - shift) · scale.

    None leaves numbers as they are, "range" maps the one range of all columns onto [0, 1], "columns" gives each mean 0
    and variance 1. "auto" is None for values in [0, 1], "range" for pictures and for columns of one range, else
    "columns". Pictures of bytes (``pixels``) are
    divided by 255.
    """
    d = len(found.mean)
    low, high = (float(found.low.min()), float(found.high.max())) if d else (0.0, 1.0)
    if way == "auto":
        fits = low >= 0 and high <= 1
        way = None if fits and not pixels else "range" if pictures or one_range(found) else "columns"
    if way is None:
        return np.zeros(d), np.ones(d)
    if way == "range":
        low, high = (0.0, 255.0) if pixels else (low, high)
        return np.full(d, low), np.full(d, 1 / (high - low) if high > low else 1.0)
    return found.mean, 1 / found.sd
