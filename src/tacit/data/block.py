"""A block: a frozen view of consecutive rows, the unit that kernels and models see."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from ..typing import Array, Doubles, Floats


class Column(NamedTuple):
    """One column as it lies in memory: any stride, any float, int or bool dtype, perhaps with Arrow validity bits."""

    values: Array  # [b]
    valid: Array | None = None  # uint8 bits, least significant first
    offset: int = 0  # of the first row's bit

    def decode(self) -> Floats:
        """The column as floats, a gap as NaN; float32 and float16 stay single precision."""
        x = np.asarray(self.values, dtype=precision(self.values.dtype))
        if self.valid is None:
            return x
        lo, hi = self.offset >> 3, (self.offset + len(x) + 7) >> 3
        bits = np.unpackbits(self.valid[lo:hi], bitorder="little")[self.offset & 7 :][: len(x)]
        return np.where(bits.astype(bool), x, x.dtype.type("nan"))

    def take(self, rows: Array) -> Column:
        """The cells of these rows, copied; where there are validity bits, as floats with NaN."""
        values = self.values[rows]
        if self.valid is None:
            return Column(values)
        bit = self.offset + np.asarray(rows)
        seen = (self.valid[bit >> 3] >> (bit & 7).astype(np.uint8) & 1).astype(bool)
        x = np.asarray(values, dtype=precision(values.dtype))
        return Column(np.where(seen, x, x.dtype.type("nan")))


class CSR(NamedTuple):
    """Compressed sparse rows: ``indptr`` may start anywhere in ``data`` and ``indices``."""

    data: Floats
    indices: Array  # int32 or int64
    indptr: Array  # [b + 1]
    d: int


@dataclass(frozen=True, eq=False)
class Block:
    """Rows ``start .. start + n`` of a source.

    ``numbers`` is an array [b, d] or a tuple of columns; ``csr`` stands in its place for sparse data. ``codes`` [b, c]
    are category codes (-1 = gap; the levels are in the table's schema). ``weight`` [b] is None where all are 1;
    ``known`` [b] gives component numbers where z was observed, -1 elsewhere.
    """

    start: int
    numbers: Array | tuple[Column, ...]
    csr: CSR | None = None
    codes: Array | None = None  # int32 [b, c]
    weight: Doubles | None = None
    known: Array | None = None  # int32 [b]

    @property
    def n(self) -> int:
        """The number of rows."""
        if self.csr is not None:
            return len(self.csr.indptr) - 1
        if isinstance(self.numbers, tuple):
            return len(self.numbers[0].values) if self.numbers else len(self.codes if self.codes is not None else ())
        return len(self.numbers)

    @property
    def d(self) -> int:
        """The number of numeric columns."""
        if self.csr is not None:
            return self.csr.d
        return len(self.numbers) if isinstance(self.numbers, tuple) else int(self.numbers.shape[1])

    @property
    def dtype(self) -> np.dtype[Any]:
        """float32 where every numeric column is half or single precision, else float64."""
        if self.csr is not None:
            return precision(self.csr.data.dtype)
        if isinstance(self.numbers, tuple):
            kinds = {precision(c.values.dtype) for c in self.numbers}
            return np.dtype(np.float32) if kinds == {np.dtype(np.float32)} else np.dtype(np.float64)
        return precision(self.numbers.dtype)

    @cached_property
    def x(self) -> Floats:
        """The numeric columns [b, d] in the block's precision, for models written in Python."""
        if self.csr is not None:
            import scipy.sparse as sp

            data, indices, indptr, d = self.csr
            lo, hi = int(indptr[0]), int(indptr[-1])
            rows = sp.csr_matrix((data[lo:hi], indices[lo:hi], indptr - lo), shape=(self.n, d))
            return np.asarray(rows.toarray(), dtype=self.dtype)
        if isinstance(self.numbers, tuple):
            out = np.empty((self.n, self.d), dtype=self.dtype)
            for j, column in enumerate(self.numbers):
                out[:, j] = column.decode()
            return out
        return np.asarray(self.numbers, dtype=self.dtype)

    @cached_property
    def w(self) -> Doubles:
        """The weights [b], ones where none were given."""
        return np.ones(self.n) if self.weight is None else self.weight

    def __getitem__(self, rows: slice) -> Block:
        lo, hi, step = rows.indices(self.n)
        if step != 1:
            raise IndexError("a block is cut into consecutive rows only")
        csr = self.csr and self.csr._replace(indptr=self.csr.indptr[lo : hi + 1])
        if isinstance(self.numbers, tuple):
            numbers: Any = tuple(c._replace(values=c.values[lo:hi], offset=c.offset + lo) for c in self.numbers)
        else:
            numbers = self.numbers[lo:hi]
        codes, weight, known = (None if a is None else a[lo:hi] for a in (self.codes, self.weight, self.known))
        return Block(self.start + lo, numbers, csr, codes, weight, known)


def precision(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The precision in which numbers of ``dtype`` are worked on: single for half and single, double for all else."""
    return np.dtype(np.float32) if dtype in (np.float32, np.float16) else np.dtype(np.float64)


def usable(X: Array) -> Array:
    """X as it lies if a kernel can read it, else a copy: native byte order, aligned, at most 64 bits a number."""
    if X.dtype.kind == "f" and X.dtype.itemsize > 8:
        return X.astype(np.float64)
    if not X.dtype.isnative:
        return X.astype(X.dtype.newbyteorder("="))
    if not X.flags.aligned or any(s % X.itemsize for s in X.strides):
        return X.copy()
    return X
