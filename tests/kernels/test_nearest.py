"""Nearest centres, on every instruction set that this processor has, against explicit NumPy."""

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

SHAPES = [(1, 1, 1), (7, 3, 2), (200, 10, 7), (333, 64, 100), (150, 300, 13), (97, 17, 3), (60, 8, 61)]


@pytest.fixture(params=native.available())
def isa(request, monkeypatch):
    monkeypatch.setattr(native, "module", native.load(request.param))
    return request.param


def sparse(x, weight=None):
    m = sp.csr_matrix(x)
    return Block(0, np.empty((len(x), 0)), CSR(m.data, m.indices, m.indptr, x.shape[1]), weight=weight)


def layouts(x, weight):
    """The same rows, as they may lie in memory."""
    yield "C", Block(0, x, weight=weight)
    yield "F", Block(0, np.asfortranarray(x), weight=weight)
    yield "reversed", Block(0, np.ascontiguousarray(x[::-1])[::-1], weight=weight)
    yield "every second", Block(0, np.repeat(np.repeat(x, 2, axis=0), 2, axis=1)[::2, ::2], weight=weight)
    yield "a slice", Block(0, np.vstack([x, x, x]), weight=np.tile(weight, 3))[len(x) : 2 * len(x)]
    yield "columns", Block(0, tuple(Column(c) for c in np.asfortranarray(x).T), weight=weight)
    yield "sparse", sparse(x, weight)


def reference(x, c, w, metric):
    """Labels, squared distances to all centres, counts and sums about the centres, in float64."""
    x, c = x.astype(np.float64), c.astype(np.float64)
    if metric == "cosine":
        norm = np.linalg.norm(x, axis=1, keepdims=True)
        x = np.divide(x, norm, out=np.zeros_like(x), where=norm > 0)
    squared = np.square(x[:, None] - c).sum(axis=2)
    labels = squared.argmin(axis=1)
    onehot = np.eye(len(c))[labels] * w[:, None]
    return labels, squared, onehot.sum(axis=0), onehot.T @ x - onehot.sum(axis=0)[:, None] * c


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_nearest_is_what_numpy_says(isa, shape, dtype, metric):
    n, d, K = shape
    rng = np.random.default_rng(n + d + K)
    x = rng.normal(size=(n, d)).astype(dtype)
    x[rng.random((n, d)) < 0.3] = 0
    w = rng.random(n)
    c = rng.normal(size=(K, d)).astype(dtype).astype(np.float64)
    if metric == "cosine":
        c /= np.linalg.norm(c, axis=1, keepdims=True)
    labels, squared, counts, sums = reference(x, c, w, metric)
    cost = w @ squared.min(axis=1)
    close = {"rtol": 2e-5, "atol": 2e-5} if dtype == np.float32 else {"rtol": 1e-10, "atol": 1e-10}
    for name, block in layouts(x, w):
        out = np.full(n, -1, dtype=np.int32)
        got = kernels.nearest(block, c, metric=metric, labels=out)
        np.testing.assert_array_equal(out, labels, err_msg=name)
        np.testing.assert_array_equal(kernels.assign(block, c, metric=metric), labels, err_msg=name)
        np.testing.assert_allclose(got.counts, counts, rtol=1e-12, atol=1e-12, err_msg=name)
        np.testing.assert_allclose(got.sums, sums, rtol=1e-7, atol=1e-6, err_msg=name)
        np.testing.assert_allclose(got.objective, -cost, rtol=1e-6, err_msg=name)
        np.testing.assert_allclose(got.weight, w.sum(), err_msg=name)
        np.testing.assert_allclose(kernels.least(block, c, metric=metric), squared.min(axis=1), atol=1e-6, err_msg=name)
        np.testing.assert_allclose(kernels.distances(block, c, metric=metric), np.sqrt(squared), err_msg=name, **close)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_potentials_are_the_cost_with_each_candidate_added(isa, dtype, metric):
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(500, 21)).astype(dtype), rng.random(500)
    c = x[:11].astype(np.float64)
    if metric == "cosine":
        c /= np.linalg.norm(c, axis=1, keepdims=True)
    _, squared, *_ = reference(x, c, w, metric)
    for name, block in layouts(x, w):
        closest = np.full(500, 20.0, dtype=dtype)
        got = kernels.potentials(block, c, closest, metric=metric)
        np.testing.assert_allclose(got, w @ np.minimum(20, squared), rtol=1e-5, err_msg=name)
        assert (closest == 20).all(), name
        kernels.potentials(block, c, closest, metric=metric, keep=True)
        np.testing.assert_allclose(closest, np.minimum(20, squared.min(axis=1)), rtol=1e-4, atol=1e-5, err_msg=name)
        if metric == "euclidean":
            assert (closest[:11] == 0).all(), f"{name}: a seed is at distance 0 from itself"


@pytest.mark.parametrize("dtype", [np.float16, np.int8, np.uint8, np.int16, np.int32, np.int64, np.uint32, bool])
def test_any_number_type(isa, dtype):
    rng = np.random.default_rng(1)
    x = rng.integers(0, 2 if dtype is bool else 100, size=(70, 5)).astype(dtype)
    c = x[:4].astype(np.float64) + 0.25
    labels, squared, *_ = reference(x, c, np.ones(70), "euclidean")
    out = np.empty(70, dtype=np.int32)
    got = kernels.nearest(Block(0, x), c, labels=out)
    np.testing.assert_array_equal(out, labels)
    np.testing.assert_allclose(got.objective, -squared.min(axis=1).sum())


def test_four_points_by_hand(isa):
    x = np.array([[0.0, 0.0], [0.0, 2.0], [4.0, 0.0], [4.0, 2.0]])
    labels = np.empty(4, dtype=np.int32)
    got = kernels.nearest(Block(0, x), np.array([[0.0, 0.0], [4.0, 0.0]]), labels=labels)
    assert labels.tolist() == [0, 0, 1, 1]
    assert got.objective == -8
    assert got.counts.tolist() == [2, 2]
    assert got.sums.tolist() == [[0, 2], [0, 2]]


def test_ties_go_to_the_lowest_index(isa):
    x = np.zeros((50, 2), dtype=np.float32)
    c = np.tile([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]], (9, 1))
    assert not kernels.assign(Block(0, x), c).any()
    assert not kernels.assign(sparse(x), c).any()


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_same_bits_for_any_number_of_threads(isa, metric):
    rng = np.random.default_rng(2)
    x = rng.normal(size=(30_000, 20)).astype(np.float32)
    c = x[:70].astype(np.float64)
    if metric == "cosine":
        c /= np.linalg.norm(c, axis=1, keepdims=True)
    for block in (Block(0, x, weight=rng.random(30_000)), sparse(x)):
        answers = []
        for threads in (1, 2, 4):
            with threadpool_limits(threads):
                closest = np.full(30_000, np.inf, dtype=np.float32)
                s = kernels.nearest(block, c, metric=metric)
                answers.append((s.objective, s.counts.tobytes(), s.sums.tobytes()))
                answers[-1] += (kernels.potentials(block, c, closest, metric=metric).tobytes(),)
        assert answers[0] == answers[1] == answers[2]


@pytest.mark.parametrize("scale", [1e-18, 1.0, 1e18])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scaling_the_rows_scales_the_answer(isa, dtype, scale):
    rng = np.random.default_rng(3)
    x = rng.normal(size=(300, 90))
    c = x[:9]
    labels = kernels.assign(Block(0, x), c)
    far = (x * scale).astype(dtype)
    for block in (Block(0, far), sparse(far)):
        np.testing.assert_array_equal(kernels.assign(block, c * scale), labels)
        got = kernels.nearest(block, c * scale)
        np.testing.assert_allclose(got.objective / scale**2, kernels.nearest(Block(0, x), c).objective, rtol=1e-5)


def test_single_precision_far_from_the_origin(isa):
    rng = np.random.default_rng(4)
    x = (1e6 + rng.normal(size=(2000, 30))).astype(np.float32)
    c = x[:20].astype(np.float64) + 0.01
    exact = kernels.nearest(Block(0, x.astype(np.float64)), c)
    got = kernels.nearest(Block(0, x), c)
    np.testing.assert_allclose(got.objective, exact.objective, rtol=1e-6)
    np.testing.assert_allclose(got.sums, exact.sums, atol=5)
    labels, exact_labels = (kernels.assign(Block(0, v), c) for v in (x, x.astype(np.float64)))
    assert np.mean(labels != exact_labels) < 0.01  # only where two centres are as near to single precision


@given(st.integers(1, 120), st.integers(1, 40), st.integers(1, 30), st.integers(0, 2**16), st.booleans())
def test_sums_of_blocks_are_the_sums_of_all(n, d, K, seed, single):
    rng = np.random.default_rng(seed)
    x = rng.integers(-5, 6, size=(n, d)).astype(np.float32 if single else np.float64)
    c = rng.integers(-5, 6, size=(K, d)).astype(np.float64)
    cut = int(rng.integers(0, n + 1))
    whole = Block(0, x, weight=rng.integers(0, 4, size=n).astype(np.float64))
    a, b, s = (kernels.nearest(block, c) for block in (whole[:cut], whole[cut:], whole))
    assert a.objective + b.objective == s.objective  # whole numbers: exact in any order
    np.testing.assert_array_equal(a.counts + b.counts, s.counts)
    np.testing.assert_array_equal(a.sums + b.sums, s.sums)


def test_sparse_and_dense_rows_hash_alike():
    x = np.random.default_rng(5).integers(-1, 2, size=(200, 9)).astype(np.float64)
    np.testing.assert_array_equal(kernels.hash_rows(sparse(x)), kernels.hash_rows(Block(0, x)))
