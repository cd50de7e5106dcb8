"""Draws, logistic units, log-partition sums and updates: published numbers and NumPy, on every instruction set."""

from __future__ import annotations

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from tacit.kernels import native, units


@pytest.fixture(params=native.available(), autouse=True)
def isa(request, monkeypatch):
    """Each test runs on every instruction set that is built."""
    monkeypatch.setattr(native, "module", native.load(request.param))


def test_philox_gives_the_published_words():
    # Random123's known answers for counter and key of zeros: 6627e8d5 e169c58d bc57ac4c 9b00dbd8
    u = units.uniform(0, 0, (1, 32))[0, ::8]
    np.testing.assert_allclose(u * 2**32, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8], rtol=1e-7)


def test_draws_are_uniform_and_unrelated():
    u = np.concatenate([units.uniform(1, call, (200, 300)).ravel() for call in range(10)]).astype(float)
    n = len(u)
    assert u.min() >= 0
    assert u.max() < 1
    counts = np.histogram(u, 100, (0, 1))[0]
    assert ((counts - n / 100) ** 2 / (n / 100)).sum() < 160  # chi-squared of 99 degrees: beyond 160 once in 10,000
    for lag in (1, 8, 32, 300):
        assert abs(np.corrcoef(u[:-lag], u[lag:])[0, 1]) < 5 / np.sqrt(n)
    other = np.concatenate([units.uniform(2, call, (200, 300)).ravel() for call in range(10)])
    assert abs(np.corrcoef(u, other)[0, 1]) < 5 / np.sqrt(n)


def test_a_draw_depends_on_its_place_alone():
    u = units.uniform(3, 4, (50, 70))
    np.testing.assert_array_equal(units.uniform(3, 4, (20, 33)), u[:20, :33])
    for threads in (1, 2, 4):
        with threadpool_limits(threads, user_api="openmp"):
            np.testing.assert_array_equal(units.uniform(3, 4, (5000, 70))[:50], u)


@pytest.mark.parametrize("m", [1, 7, 31, 32, 33, 100])
def test_logistic_units_and_their_log_partition(m):
    rng = np.random.default_rng(m)
    a, bias = (rng.normal(0, 20, s).astype(np.float32) for s in ((400, m), m))
    a[0, 0], a[1, 0] = 80, -80
    for b in (None, bias):
        for scale in (1.0, 0.3):
            eta = scale * (a.astype(float) + (0 if b is None else b))
            p, s = np.empty_like(a), np.empty_like(a)
            units.logistic(a, b, scale, 5, 6, p, s)
            np.testing.assert_allclose(p, 1 / (1 + np.exp(-eta)), rtol=1e-4, atol=1e-30)
            np.testing.assert_array_equal(s, units.uniform(5, 6, a.shape) < p)
            np.testing.assert_allclose(
                units.softplus_sums(a, b, scale), np.logaddexp(0, eta).sum(1), rtol=2e-6, atol=1e-5
            )


def test_many_units_keep_the_precision_of_the_sum():
    a = np.random.default_rng(0).normal(0, 1, (3, 5000)).astype(np.float32)
    np.testing.assert_allclose(units.softplus_sums(a, None, 1.0), np.logaddexp(0, a.astype(float)).sum(1), rtol=1e-7)


def test_an_update_with_and_without_momentum():
    rng = np.random.default_rng(0)
    w, v, g = (rng.normal(size=9999).astype(np.float32) for _ in range(3))
    want_v = 0.9 * v.astype(float) + 0.1 * (g - 0.01 * w.astype(float))
    got, velocity = w.copy(), v.copy()
    units.momentum_step(got, velocity, g, 0.9, 0.1, 0.01)
    np.testing.assert_allclose(velocity, want_v, atol=1e-6)
    np.testing.assert_allclose(got, w + want_v, atol=1e-6)
    got = w.copy()
    units.momentum_step(got, None, g, 0.0, 0.1, 0.01)
    np.testing.assert_allclose(got, w + 0.1 * (g - 0.01 * w.astype(float)), atol=1e-6)
