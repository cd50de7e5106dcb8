"""Rows as batches of tensors: those in memory are indexed where they lie, others come in blocks from their source."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..data.block import Block
from ..data.source import Source
from ..errors import ArgumentError
from ..typing import Array


class Batch(NamedTuple):
    """Rows of numbers, category codes, weights, labels; what is absent is None."""

    x: Tensor  # [b, d] or pictures [b, c, h, w], in the dtype that they came in
    codes: Tensor | None = None  # [b, c], -1 = gap
    weight: Tensor | None = None  # [b]
    y: Tensor | None = None  # [b]


class Tensors:
    """Rows in memory. They stay on their device and are indexed by a seeded permutation, without copies or workers."""

    def __init__(self, rows: Batch, order: Array | None = None) -> None:
        """``order`` [n] lists the row numbers that an epoch goes through, all of them if None; it may repeat some."""
        self.rows = rows
        self.order = np.arange(len(rows.x)) if order is None else order

    @property
    def n(self) -> int:
        """Rows in an epoch."""
        return len(self.order)

    def batches(
        self, size: int, seed: int, epoch: int, start: int = 0, rank: int = 0, world: int = 1
    ) -> Iterator[Batch]:
        """As ``Source.batches``: the same rows in the same order."""
        shuffled = torch.from_numpy(permuted(self.order, seed, epoch)).to(self.rows.x.device)
        for at in deal(shuffled, size, start, rank, world):
            x, *others = self.rows
            yield Batch(x.index_select(0, at), *(p if p is None else p.index_select(0, at) for p in others))


def permuted(order: Array, seed: int, epoch: int) -> Array:
    """The row numbers in the order of an epoch [n]."""
    out: Array = order[np.random.default_rng((seed, epoch)).permutation(len(order))]
    return out


def deal(shuffled: Any, size: int, start: int, rank: int, world: int) -> Iterator[Any]:
    """The row numbers of each batch from ``start`` on that process ``rank`` has."""
    if not 0 <= rank < world <= size:
        raise ArgumentError(f"batches of {size} rows cannot be dealt to process {rank} of {world}")
    for lo in range(start * size, len(shuffled), size):
        at = shuffled[lo : lo + size]
        if len(at) >= world:
            yield at[rank::world]


class Blocks:
    """Rows that a source gives in blocks, from disk or sparse, made tensors one batch at a time."""

    def __init__(self, source: Source, tensors: Callable[[Block], Batch]) -> None:
        self.source = source
        self.tensors = tensors

    @property
    def n(self) -> int:
        """Rows in an epoch."""
        return self.source.shape[0]

    def batches(
        self, size: int, seed: int, epoch: int, start: int = 0, rank: int = 0, world: int = 1
    ) -> Iterator[Batch]:
        """Those of the source."""
        return map(self.tensors, self.source.batches(size, seed, epoch, start, rank, world))


def tensor(x: Array, device: torch.device) -> Tensor:
    """The array as a tensor: on the CPU it is the same memory wherever torch can read it."""
    if x.dtype.kind == "b":
        x = x.view(np.uint8)
    elif x.dtype == np.float16 or (x.dtype.kind in "iu" and x.dtype != np.uint8):
        x = x.astype(np.float32 if x.dtype.kind == "f" else np.float64)
    if any(step < 0 for step in x.strides):
        x = np.ascontiguousarray(x)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # read-only arrays: nothing here writes
        return torch.from_numpy(x).to(device)
