"""Rows of a mapped file, read part by part as they are used: pages read cost less than pages mapped one by one."""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..typing import Array
from .block import Block
from .memory import MemorySource
from .stream import ahead

ALIGNED = 64
READ_BYTES = 1 << 23  # that are read at once: they stay in the processor's cache until they are used


@contextmanager
def copying(file: Path, pages: mmap.mmap, first: int = 0) -> Iterator[Callable[..., list[Array]]]:
    """A function that copies contiguous views of mapped pages by reading the file, of which they begin at ``first``.

    The copies lie in one piece of memory. What is no view of these pages is given back as it is.
    """
    base = _address(np.frombuffer(pages, np.uint8))
    with file.open("rb", buffering=0) as opened:

        def copy(*views: Array) -> list[Array]:
            starts = np.cumsum([0, *(-(-x.nbytes // ALIGNED) * ALIGNED for x in views)]).tolist()
            room, out = np.empty(starts[-1], np.uint8), []
            for x, lo in zip(views, starts, strict=False):
                at = _address(x) - base
                if not 0 <= at < len(pages):
                    out.append(x)
                    continue
                own = room[lo : lo + x.nbytes]
                rest, at = own.data, at + first
                while rest:
                    n = os.preadv(opened.fileno(), [rest], at)
                    if not n:
                        raise InputError(f"{file} has become shorter since it was opened")
                    rest, at = rest[n:], at + n
                out.append(own.view(x.dtype).reshape(x.shape))
            return out

        yield copy


def _address(x: Array) -> int:
    return int(x.__array_interface__["data"][0])


class Mapped(MemorySource):
    """An array in a mapped file, read in parts. NaN, unless ``gaps``, and infinities are refused in the first pass."""

    def __init__(self, block: Block, gaps: bool, name: str) -> None:
        super().__init__(block)
        self.gaps, self.name, self._sound = gaps, name, False

    def checking(self, gaps: bool, name: str) -> Mapped:
        """The same rows for a model called ``name``, which takes gaps or does not."""
        return Mapped(self.block, gaps, name)

    def blocks(self, rows: int | None = None) -> Iterator[Block]:
        from .arrays import check_block

        for block in ahead(self._parts(rows)):
            if not self._sound:
                check_block(block, None, self.gaps, self.name)
            yield block
        self._sound = True

    def take(self, rows: Array) -> Block:
        found = super().take(rows)
        self._release()
        return found

    def _parts(self, rows: int | None) -> Iterator[Block]:
        x = self.block.numbers
        assert isinstance(x, np.ndarray)
        part = max(1, READ_BYTES // max(1, x.shape[1] * x.itemsize))
        views = super().blocks(part if rows is None else min(rows, part))
        where = _mapping(x)
        if where is None or not x.flags.c_contiguous:
            for block in views:
                yield block
                self._release()
            return
        with copying(*where) as copy:
            for block in views:
                assert isinstance(block.numbers, np.ndarray)
                yield replace(block, numbers=copy(block.numbers)[0])

    def _release(self) -> None:
        """Pages of the file that were looked at may go."""
        where = _mapping(self.block.numbers)
        if where is not None:
            where[1].madvise(mmap.MADV_DONTNEED)


def _mapping(x: Any) -> tuple[Path, mmap.mmap, int] | None:
    """The file of which an array is a view, its pages, and where they begin; None where they may hold changes."""
    while x is not None:
        pages = getattr(x, "_mmap", None)
        if isinstance(pages, mmap.mmap):
            if x.mode not in ("r", "r+") or x.filename is None:
                return None
            return Path(x.filename), pages, x.offset - x.offset % mmap.ALLOCATIONGRANULARITY
        x = getattr(x, "base", None)
    return None
