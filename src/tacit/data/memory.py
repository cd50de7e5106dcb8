"""Rows in memory: blocks are views, and one block holds them all unless a cap is asked for."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..typing import Array
from .block import CSR, Block, Column
from .source import Source


class MemorySource(Source):
    """A single block and its slices."""

    def __init__(self, block: Block) -> None:
        self.block = block

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

    def take(self, rows: Array) -> Block:
        b = self.block
        codes, weight, known = (None if a is None else a[rows] for a in (b.codes, b.weight, b.known))
        if b.csr is not None:
            import scipy.sparse as sp

            cut = sp.csr_matrix((b.csr.data, b.csr.indices, b.csr.indptr), shape=(b.n, b.d))[rows]
            return Block(0, np.empty((len(rows), 0)), CSR(cut.data, cut.indices, cut.indptr, b.d), codes, weight, known)
        if isinstance(b.numbers, tuple):
            numbers: Array | tuple[Column, ...] = tuple(Column(_decode_rows(c, rows)) for c in b.numbers)
        else:
            numbers = b.numbers[rows]
        return Block(0, numbers, None, codes, weight, known)


def _decode_rows(column: Column, rows: Array) -> Array:
    if column.valid is None:
        return column.values[rows]
    bit = column.offset + rows
    seen = (column.valid[bit >> 3] >> (bit & 7) & 1).astype(bool)
    return np.where(seen, np.asarray(column.values[rows], dtype=np.float64), np.nan)
