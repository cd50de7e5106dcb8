"""A block is a view: cut, taken and summed in any way, it holds the same cells."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from tacit.data.block import CSR, Block, Column, precision, usable
from tacit.data.frames import view
from tacit.data.memory import MemorySource
from tacit.data.source import as_source
from tacit.stats import add

CELLS = st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6), st.integers(-99, 99)), min_size=1, max_size=40)


@given(cells=CELLS, skip=st.integers(0, 9), cut=st.tuples(st.integers(0, 40), st.integers(0, 40)))
def test_arrow_bits_at_any_offset_are_gaps(cells, skip, cut):
    cells = [None if v is None else float(v) for v in cells]
    column = view(pa.array([1.0] * skip + cells, pa.float64()).slice(skip))
    wanted = np.array([np.nan if v is None else v for v in cells])
    np.testing.assert_array_equal(column.decode(), wanted)
    lo, hi = sorted(min(c, len(cells)) for c in cut)
    block = Block(0, (column,))[lo:hi]
    assert (block.start, block.n) == (lo, hi - lo)
    np.testing.assert_array_equal(block.x[:, 0], wanted[lo:hi])
    rows = np.arange(len(cells))[::-1]
    np.testing.assert_array_equal(MemorySource(Block(0, (column,))).take(rows).x[:, 0], wanted[::-1])


def test_a_column_keeps_single_precision_and_integers_their_values():
    bits = np.packbits([1, 0, 1], bitorder="little")
    assert Column(np.ones(3, np.float16), bits).decode().dtype == np.float32
    assert Column(np.ones(3, np.float32), bits).take(np.array([1])).values.dtype == np.float32
    big = np.array([2**40, 7, -3])
    np.testing.assert_array_equal(Column(big, bits).decode(), [2.0**40, np.nan, -3])
    np.testing.assert_array_equal(Column(big).take(np.array([2, 0])).values, [-3, 2**40])
    assert [precision(np.dtype(t)) for t in ("f2", "f4", "f8", "i4", "?")] == ["f4", "f4", "f8", "f8", "f8"]


@given(
    rows=st.integers(1, 30),
    cap=st.integers(1, 40),
    density=st.floats(0, 1),
    seed=st.integers(0, 99),
)
def test_sparse_blocks_are_the_dense_ones(rows, cap, density, seed):
    X = sp.random(rows, 5, density, format="csr", random_state=seed)
    source = as_source(X, sparse=True)
    np.testing.assert_array_equal(source.map(lambda b: b.x, rows=cap), X.toarray())
    pick = np.random.default_rng(seed).integers(0, rows, 7)
    np.testing.assert_array_equal(source.take(pick).x, X.toarray()[pick])
    assert (source.block.n, source.block.d) == X.shape


def test_a_sparse_slice_shares_its_memory():
    X = sp.random(20, 4, 0.5, format="csr", random_state=0)
    part = as_source(X, sparse=True).block[5:9]
    assert np.shares_memory(part.csr.data, X.data)
    np.testing.assert_array_equal(part.x, X[5:9].toarray())


@given(
    n=st.integers(1, 50),
    cap=st.integers(1, 60),
    seed=st.integers(0, 9),
    layout=st.sampled_from(["C", "F", "columns", "csr"]),
)
def test_sums_over_blocks_of_any_size_are_those_of_the_whole(n, cap, seed, layout):
    rng = np.random.default_rng(seed)
    X, w = rng.normal(size=(n, 3)), rng.uniform(size=n)
    z = rng.integers(-1, 2, n)
    numbers = {"C": X, "F": np.asfortranarray(X), "columns": tuple(Column(c) for c in X.T), "csr": np.empty((n, 0))}
    rows = sp.csr_matrix(X)
    csr = CSR(rows.data, rows.indices, rows.indptr, 3) if layout == "csr" else None
    codes = rng.integers(-1, 4, (n, 2)).astype(np.int32)
    source = MemorySource(Block(0, numbers[layout], csr, codes=codes, weight=w, known=z.astype(np.int32)))

    def sums(b):
        return (b.n, b.w @ b.x, b.codes.sum(axis=0), b.known.sum())

    n_, first, counts, known = source.reduce(sums, add, rows=cap)
    assert (n_, known) == (n, z.sum())
    np.testing.assert_array_equal(counts, codes.sum(axis=0))
    np.testing.assert_allclose(first, w @ X, rtol=1e-12, atol=1e-12)
    starts = [b.start for b in source.blocks(cap)]
    assert starts == list(range(0, n, cap))
    assert all(b.n <= cap for b in source.blocks(cap))


def test_a_block_is_cut_into_consecutive_rows_only():
    block = Block(0, np.eye(4))
    with pytest.raises(IndexError, match="consecutive"):
        block[::2]
    assert np.shares_memory(block[1:3].x, block.x)


def test_a_block_of_categories_alone_has_rows():
    block = Block(0, (), codes=np.zeros((5, 2), np.int32))
    assert (block.n, block.d, block[1:3].n) == (5, 0, 2)
    assert block.x.shape == (5, 0)


def test_usable_copies_only_what_no_kernel_reads():
    X = np.arange(24.0).reshape(6, 4)
    for kept in (X, X.T, X[::2, ::-1], X.astype(np.float16), X.astype(np.uint8), np.broadcast_to(X[0], (9, 4))):
        assert usable(kept) is kept
    packed = np.zeros(3, dtype=[("flag", "u1"), ("value", "f8")])["value"]
    for copied in (X.astype(">f8"), X.astype(np.longdouble), packed):
        other = usable(copied)
        assert other is not copied
        assert other.dtype == np.float64
        np.testing.assert_array_equal(other, copied.astype(float))
