"""Rows between the door and the loop: what is a table, blocks as tensors, which rows are learned from."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..data.block import Block
from ..data.memory import MemorySource
from ..data.source import Source
from ..data.table import Table
from ..errors import ArgumentError, InputError
from ..train import Batch, Batches, Blocks, Tensors, Training
from ..train.rows import deal, permuted, tensor
from ..typing import Array

REPEATED = 20  # times the rows: whole weights up to this in sum are repetitions


class Given(NamedTuple):
    """Rows that came through the door."""

    source: Source
    dtype: np.dtype[Any]  # of answers
    device: torch.device | None = None  # where answers go: a tensor's own, else arrays
    shape: tuple[int, int, int] | None = None  # of pictures


def unrolled(X: Any) -> tuple[Any, tuple[int, int, int] | None]:
    """Pictures [n, c, h, w] as rows [n, chw], and their shape (c, h, w); rows as they are, and None.

    >>> unrolled(np.zeros((5, 1, 2, 2)))[0].shape
    (5, 4)
    """
    if getattr(X, "ndim", 2) != 4:
        return X, None
    c, h, w = map(int, X.shape[1:])
    return X.reshape(len(X), -1), (c, h, w)


def check_form(owner: object, shape: tuple[int, ...] | None, fitted: tuple[int, ...] | None) -> None:
    """Raise ``InputError`` unless X is what ``owner`` was fitted to: rows (None), or pictures of that shape."""
    if shape != fitted:
        have = f"pictures of shape {shape}" if shape else "rows, not pictures"
        want = f"pictures of shape {fitted}" if fitted else "rows"
        raise InputError(f"X holds {have}; {type(owner).__name__} was fitted to {want}")


def is_table(X: Any) -> bool:
    """Whether X has columns of kinds of their own: a Table, a path, a dict, a frame that holds more than numbers."""
    if hasattr(X, "tocsr"):
        return False
    if isinstance(X, Table | dict):
        return True
    if isinstance(X, str | PathLike):
        return not str(X).lower().endswith((".npy", ".npz"))
    if not (hasattr(X, "columns") or hasattr(X, "column_names")):
        return False
    import pyarrow as pa

    from ..data.frames import to_frame

    frame = to_frame(X)
    is_ = pa.types
    return frame is not None and not all(
        is_.is_integer(t) or is_.is_floating(t) or is_.is_boolean(t) for t in frame.schema.types
    )


def as_batch(block: Block, device: torch.device) -> Batch:
    """A block as tensors; an array stays where it lies."""
    x = block.numbers if isinstance(block.numbers, np.ndarray) and block.csr is None else block.x
    codes = None
    if block.codes is not None:
        codes = torch.from_numpy(np.ascontiguousarray(block.codes, dtype=np.int64)).to(device)
    weight = None if block.weight is None else tensor(block.weight.astype(np.float32), device)
    return Batch(tensor(x, device), codes, weight)


def training_rows(
    source: Source, device: torch.device, training: Training, seed: int, y: Array | None = None
) -> tuple[Batches, Batches | None]:
    """The rows that are learned from, in the order of their content, and those held out for early stopping.

    A row of a whole weight stands there so many times; other weights, scaled to mean 1, multiply the losses.
    """
    if not isinstance(source, MemorySource):
        if training.early_stopping or y is not None:
            raise ArgumentError("early stopping and labels need the rows in memory: these are read in blocks")
        return Blocks(source, lambda block: as_batch(block, device)), None
    order, w = source.order, source.block.weight
    labels = None if y is None else torch.from_numpy(y.astype(np.int64)).to(device)
    weight = None
    if w is not None:
        order = order[w[order] > 0]
        if np.array_equal(w, np.rint(w)) and w.sum() <= REPEATED * len(w):
            order = np.repeat(order, w[order].astype(np.int64))
        else:
            weight = tensor((w / w[order].mean()).astype(np.float32), device)
    if source.block.csr is not None:
        return _split(order, training, seed, lambda some: Picked(source, device, some, weight, labels))
    rows = as_batch(source.block, device)._replace(weight=weight, y=labels)
    return _split(order, training, seed, lambda some: Tensors(rows, some))


def _split(
    order: Array, training: Training, seed: int, rows: Callable[[Array], Batches]
) -> tuple[Batches, Batches | None]:
    """The rows that are learned from and those held out, each in the order of their content."""
    if not training.early_stopping:
        return rows(order), None
    mixed = np.random.default_rng((seed, 1)).permutation(len(order))
    m = math.ceil(training.validation_fraction * len(mixed))
    if not 0 < m < len(mixed):
        raise ArgumentError(
            f"{len(mixed)} rows leave none to learn from or none to hold out at validation_fraction = "
            f"{training.validation_fraction}"
        )
    return rows(order[np.sort(mixed[m:])]), rows(order[np.sort(mixed[:m])])


class Picked:
    """Sparse rows in memory, made dense one batch at a time."""

    def __init__(
        self, source: MemorySource, device: torch.device, order: Array, weight: Tensor | None, y: Tensor | None
    ) -> None:
        self.source, self.device, self.order, self.weight, self.y = source, device, order, weight, y

    @property
    def n(self) -> int:
        """Rows in an epoch."""
        return len(self.order)

    def batches(
        self, size: int, seed: int, epoch: int, start: int = 0, rank: int = 0, world: int = 1
    ) -> Iterator[Batch]:
        """As ``Source.batches``."""
        for at in deal(permuted(self.order, seed, epoch), size, start, rank, world):
            weight, y = (None if part is None else part[at] for part in (self.weight, self.y))
            yield as_batch(self.source.take(at), self.device)._replace(weight=weight, y=y)


def free_bytes(device: torch.device) -> int:
    """Memory that is free on the device; on the CPU what Linux calls available."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    info = Path("/proc/meminfo")
    if not info.exists():
        return 2**62
    line = next(line for line in info.read_text().splitlines() if line.startswith("MemAvailable"))
    return int(line.split()[1]) * 1024
