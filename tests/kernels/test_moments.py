"""Moments, column moments and projections: what NumPy says in float64, on every instruction set."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from tacit import kernels
from tacit.data.block import CSR, Block, Column
from tacit.kernels import native
from tacit.stats import add

DTYPES = [np.float64, np.float32, np.float16, np.int8, np.int64, np.uint8, np.bool_]


@pytest.fixture(params=native.available(), autouse=True)
def isa(request, monkeypatch):
    """Each test runs on every instruction set that is built."""
    monkeypatch.setattr(native, "module", native.load(request.param))


def reference(x, shift, w=None):
    """Σ w, Σ w (x - s), Σ w (x - s)(x - s)ᵀ in float64."""
    z = np.asarray(x, dtype=np.float64) - shift
    w = np.ones(len(z)) if w is None else w
    return w.sum(), w @ z, (z * w[:, None]).T @ z


def check(got, x, shift, w=None, rtol=1e-12):
    weight, total, outer = reference(x, shift, w)
    size = np.sqrt(np.outer(outer.diagonal(), outer.diagonal())) + 1e-300
    assert got.weight == pytest.approx(weight)
    np.testing.assert_allclose(got.sum, total, rtol=0, atol=rtol * (np.sqrt(weight * size.diagonal().max()) + 1))
    assert (np.abs(got.outer - outer) <= 10 * rtol * size + rtol * 1e-3).all()
    np.testing.assert_array_equal(got.outer, got.outer.T)


def rows(n, d, dtype, seed=0):
    x = np.random.default_rng(seed).standard_normal((n, d)) * 3
    if dtype == np.bool_:
        return x > 0
    return (np.abs(x) if np.dtype(dtype).kind == "u" else x).astype(dtype)


# 48, 24, 12 and 6 columns are tiles of some instruction set; 192 is where threads begin to share tiles
@pytest.mark.parametrize("d", [1, 5, 6, 7, 12, 24, 25, 48, 49, 100, 191, 192, 200])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_shapes(d, dtype):
    for n in (1, 3, 256, 257, 700):
        x = rows(n, d, dtype)
        shift = np.full(d, 0.25)
        check(kernels.moments(Block(0, x), shift), x, shift, rtol=1e-13 if dtype == np.float64 else 1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
def test_any_dtype_and_stride(dtype):
    x = rows(300, 20, dtype)
    shift = np.linspace(-1, 1, 20).astype(np.float32).astype(np.float64)
    rtol = 1e-6 if np.dtype(dtype) in (np.float32, np.float16) else 1e-13
    views = [x, np.asfortranarray(x), np.repeat(x, 2, axis=1)[:, ::2], np.repeat(x, 3, axis=0)[1::3], x[::-1, ::-1]]
    for view in views:
        of = view if view is not views[-1] else x[::-1, ::-1]
        check(kernels.moments(Block(0, view), shift), of, shift, rtol=rtol)


def test_columns_of_different_types():
    n = 500
    x, y, z = rows(n, 1, np.float32)[:, 0], rows(n, 1, np.int64)[:, 0], rows(n, 1, np.float64)[:, 0]
    block = Block(0, (Column(x), Column(y[::-1]), Column(z)))
    check(kernels.moments(block, np.zeros(3)), np.column_stack([x, y[::-1], z]), np.zeros(3))


@given(st.integers(1, 400), st.integers(1, 30), st.integers(0, 10**6))
def test_weights_count_as_repetition(n, d, seed):
    rng = np.random.default_rng(seed)
    x, w = rng.standard_normal((n, d)), rng.integers(0, 4, n).astype(float)
    shift = rng.standard_normal(d)
    once = kernels.moments(Block(0, x, weight=w), shift)
    check(once, x, shift, w)
    check(once, np.repeat(x, w.astype(int), axis=0), shift)


@pytest.mark.parametrize("d", [10, 200])
def test_blocks_add_up(d):
    x, shift = rows(1000, d, np.float64), np.ones(d)
    whole = kernels.moments(Block(0, x), shift)
    parts = kernels.moments(Block(0, x[:333]), shift)
    for lo in range(333, 1000, 333):
        parts = add(parts, kernels.moments(Block(lo, x[lo : lo + 333]), shift))
    check(parts, x, shift)
    np.testing.assert_allclose(parts.outer, whole.outer, rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize("d", [3, 60, 250])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_same_bits_for_any_number_of_threads(d, dtype):
    x, w = rows(5000, d, dtype), np.random.default_rng(1).random(5000)
    answers = []
    for threads in (1, 2, 4):
        with threadpool_limits(threads, user_api="openmp"):
            b, s = Block(0, x, weight=w), np.ones(d)
            answers.append((*kernels.moments(b, s), *kernels.column_moments(b, s), kernels.project(b, s, np.eye(d, 2))))
    for other in answers[1:]:
        for a, b in zip(answers[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("mean", [0.0, 1e4, 1e6])
def test_float32_far_from_the_origin(mean):
    x = (rows(20_000, 30, np.float64) + mean).astype(np.float32)
    shift = x[:100].astype(np.float64).mean(axis=0)  # not a float32: the kernel must account for what rounding moved
    single, double = kernels.moments(Block(0, x), shift), kernels.moments(Block(0, x.astype(np.float64)), shift)
    scale = double.outer.diagonal().mean()
    np.testing.assert_allclose(single.outer, double.outer, rtol=0, atol=3e-7 * scale)
    np.testing.assert_allclose(single.sum, double.sum, rtol=0, atol=1e-6 * np.sqrt(scale * len(x)))


@pytest.mark.parametrize("size", [1e18, 1e30, 1e-18, 1e-30])
def test_squares_beyond_float32(size):
    x = (rows(1000, 8, np.float64) * size).astype(np.float32)
    got = kernels.moments(Block(0, x), np.zeros(8))
    np.testing.assert_allclose(got.outer.diagonal(), np.square(x, dtype=np.float64).sum(axis=0), rtol=1e-6)
    columns = kernels.column_moments(Block(0, x), np.zeros(8))
    np.testing.assert_allclose(columns.square, got.outer.diagonal(), rtol=1e-6)


@given(st.integers(1, 60), st.integers(1, 12), st.integers(0, 10**6))
def test_sparse_rows(n, d, seed):
    rng = np.random.default_rng(seed)
    dense = rng.standard_normal((n, d)) * (rng.random((n, d)) < 0.3)
    w, shift = rng.random(n), rng.standard_normal(d)
    for dtype in (np.float64, np.float32):
        m = sp.csr_matrix(dense.astype(dtype))
        block = Block(0, np.empty((n, 0)), CSR(m.data, m.indices, m.indptr, d), weight=w)
        check(kernels.moments(block, shift), m.toarray(), shift, w, rtol=1e-12)
        cut = block[n // 3 :]  # indptr that does not begin at 0
        check(kernels.moments(cut, shift), m.toarray()[n // 3 :], shift, w[n // 3 :], rtol=1e-12)
        got = kernels.project(cut, shift, np.eye(d, 2))
        np.testing.assert_allclose(got, ((m.toarray() - shift) @ np.eye(d, 2))[n // 3 :], rtol=1e-5, atol=1e-5)


@given(st.integers(1, 600), st.integers(1, 60), st.integers(0, 10**6), st.sampled_from([np.float32, np.float64]))
def test_column_moments_skip_gaps(n, d, seed, dtype):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, d)).astype(dtype) + 5
    x[rng.random((n, d)) < rng.choice([0, 0.2, 1.0])] = np.nan
    shift = rng.standard_normal(d)
    for w in (None, rng.random(n)):
        weight, total, square = kernels.column_moments(Block(0, x, weight=w), shift)
        there, full = ~np.isnan(x), np.ones(n) if w is None else w
        z = np.where(there, x.astype(np.float64) - shift, 0)
        tol = {"rtol": 1e-10 if dtype == np.float64 else 1e-5, "atol": 1e-9 if dtype == np.float64 else 1e-3}
        np.testing.assert_allclose(weight, full @ there, rtol=1e-12)
        np.testing.assert_allclose(total, full @ z, **tol)
        np.testing.assert_allclose(square, full @ z**2, **tol)


def test_validity_bits_are_gaps():
    bits = np.packbits([1, 0, 1, 1, 0, 1, 1, 1, 1], bitorder="little")
    x = np.arange(8.0)
    block = Block(0, (Column(x, bits, 1),))  # the first row's bit is the second
    weight, total, square = kernels.column_moments(block, np.zeros(1))
    there = np.array([0, 1, 1, 0, 1, 1, 1, 1], dtype=bool)
    assert (weight[0], total[0], square[0]) == (6, x[there].sum(), (x[there] ** 2).sum())


@given(st.integers(1, 300), st.integers(1, 60), st.integers(0, 20), st.integers(0, 10**6))
def test_project(n, d, k, seed):
    rng = np.random.default_rng(seed)
    x, W, shift = rng.standard_normal((n, d)), rng.standard_normal((d, k)), rng.standard_normal(d)
    expected = (x - shift) @ W
    np.testing.assert_allclose(kernels.project(Block(0, x), shift, W), expected, rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(kernels.project(Block(0, np.asfortranarray(x)), shift, W), expected, atol=1e-11)
    single = kernels.project(Block(0, (x + 1e4).astype(np.float32)), shift + 1e4, W)
    assert single.dtype == np.float32
    moved = (x + 1e4).astype(np.float32).astype(np.float64) - 1e4 - shift
    np.testing.assert_allclose(single, moved @ W, rtol=1e-4, atol=1e-4)
