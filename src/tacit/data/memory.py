"""Rows in memory: blocks are views, and one block holds them all unless a cap is asked for."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Self

import numpy as np

from ..typing import Array
from .block import CSR, Block, Column
from .source import OF_WEIGHTS, Source, check_known, check_weight


class MemorySource(Source):
    """A single block and its slices."""

    def __init__(self, block: Block, columns: tuple[str, ...] | None = None) -> None:
        self.block = block
        self._columns = columns

    @property
    def columns(self) -> tuple[str, ...] | None:
        return self._columns

    @property
    def shape(self) -> tuple[int, int]:
        return self.block.n, self.block.d

    def blocks(self, rows: int | None = None) -> Iterator[Block]:
        n = self.block.n
        if rows is None or rows >= n:
            yield self.block
            return
        for lo in range(0, n, rows):
            yield self.block[lo : lo + rows]

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.block.dtype

    @property
    def size(self) -> int:
        csr = self.block.csr
        return super().size if csr is None else max(1, int(csr.indptr[-1] - csr.indptr[0]))

    def held(self) -> MemorySource:
        return self

    def take(self, rows: Array) -> Block:
        b = self.block
        codes, weight, known = (None if a is None else a[rows] for a in (b.codes, b.weight, b.known))
        if b.csr is not None:
            import scipy.sparse as sp

            cut = sp.csr_matrix((b.csr.data, b.csr.indices, b.csr.indptr), shape=(b.n, b.d))[rows]
            return Block(0, np.empty((len(rows), 0)), CSR(cut.data, cut.indices, cut.indptr, b.d), codes, weight, known)
        if isinstance(b.numbers, tuple):
            numbers: Array | tuple[Column, ...] = tuple(c.take(rows) for c in b.numbers)
        else:
            numbers = b.numbers[rows]
        return Block(0, numbers, None, codes, weight, known)

    def checking(self, gaps: bool, name: str) -> Self:
        from .arrays import recheck

        recheck(self, gaps=gaps, name=name)
        return self

    def weighing(self, weight: object = None, known: object = None) -> Self:
        """The same rows with these weights and known components; what is None stays as it is."""
        if weight is None and known is None:
            return self
        n, b = self.block.n, self.block
        w, z = check_weight(weight, n), check_known(known, n)
        other = copy.copy(self)
        for cached in OF_WEIGHTS:
            other.__dict__.pop(cached, None)
        other.block = replace(b, weight=b.weight if w is None else w, known=b.known if z is None else z)
        return other
