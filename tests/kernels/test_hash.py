"""Row hashes see content alone."""

from __future__ import annotations

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from tacit import kernels
from tacit.data.block import Block, Column
from tacit.kernels import native


def test_equal_numbers_hash_equally_in_every_dtype_and_layout():
    x = np.random.default_rng(0).integers(0, 50, (500, 3))
    want = kernels.hash_rows(Block(0, x.astype(float)))
    for dtype in (np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint64, np.float16, np.float32):
        for order in "CF":
            got = kernels.hash_rows(Block(0, np.asarray(x, dtype=dtype, order=order)))
            np.testing.assert_array_equal(got, want)
    columns = tuple(Column(c.astype(np.int16)) for c in x.T)
    np.testing.assert_array_equal(kernels.hash_rows(Block(0, columns)), want)
    padded = np.zeros((1000, 6))
    padded[::2, ::2] = x
    np.testing.assert_array_equal(kernels.hash_rows(Block(0, padded[::2, ::2])), want)


def test_different_rows_differ_and_equal_rows_agree():
    x = np.random.default_rng(0).normal(size=(20_000, 2))
    assert len(np.unique(kernels.hash_rows(Block(0, x)))) == len(x)
    assert len(np.unique(kernels.hash_rows(Block(0, x[:, ::-1])))) == len(x)
    assert not np.any(kernels.hash_rows(Block(0, x)) == kernels.hash_rows(Block(0, x[:, ::-1].copy())))
    zero = np.array([[0.0, np.nan], [-0.0, -np.nan]])
    a, b = kernels.hash_rows(Block(0, zero))
    assert a == b


def test_a_gap_is_a_gap_however_it_is_written():
    values, bits = np.array([1.0, 7.0, 3.0]), np.array([0b101], dtype=np.uint8)
    nan = kernels.hash_rows(Block(0, np.array([[1.0], [np.nan], [3.0]])))
    np.testing.assert_array_equal(kernels.hash_rows(Block(0, (Column(values, bits),))), nan)


def test_codes_enter_and_position_does_not():
    x, codes = np.zeros((4, 1)), np.array([[0], [1], [1], [-1]], dtype=np.int32)
    h = kernels.hash_rows(Block(0, x, codes=codes))
    assert h[1] == h[2]
    assert len(set(h)) == 3
    assert kernels.hash_rows(Block(7, x[3:], codes=codes[3:]))[0] == h[3]


@pytest.mark.parametrize("isa", native.available())
def test_every_instruction_set_and_thread_count_agree(isa, monkeypatch):
    x = np.random.default_rng(0).normal(size=(10_000, 5)).astype(np.float32)
    want = kernels.hash_rows(Block(0, x))
    monkeypatch.setattr(native, "module", native.load(isa))
    for n in (1, 2, 4):
        with threadpool_limits(n, user_api="openmp"):
            np.testing.assert_array_equal(kernels.hash_rows(Block(0, x)), want)
