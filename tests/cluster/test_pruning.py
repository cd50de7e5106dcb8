"""Bounds spare work and change nothing: labels, centres and inertia are Lloyd's."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tacit
from tacit.cluster.lloyd import Lloyd
from tacit.cluster.pruning import ALWAYS, MOST_GROUPS, Patience, Pruned, groups
from tacit.data.source import as_source
from tacit.em import em

SHAPES = [(3000, 2, 20), (2000, 40, 30), (1500, 200, 50), (700, 170, 3), (500, 1, 2)]


def rows(n, d, K, seed=0, spread=1.0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) + spread * rng.normal(size=(K, d))[rng.integers(K, size=n)]


def both(X, K, weight=None, **options):
    start = X[np.random.default_rng(1).choice(len(X), K, replace=False)]
    options = {"init": start, "n_init": 1, "tol": 0.0} | options
    return [tacit.KMeans(K, algorithm=a, **options).fit(X, sample_weight=weight) for a in ("lloyd", "elkan", "auto")]


@pytest.mark.parametrize(("n", "d", "K"), SHAPES)
@pytest.mark.parametrize("weighted", [False, True])
def test_the_same_answer_as_lloyds(n, d, K, weighted):
    X = rows(n, d, K)
    lloyd, *others = both(X, K, np.random.default_rng(2).integers(0, 4, n) if weighted else None)
    for other in others:
        np.testing.assert_array_equal(other.labels_, lloyd.labels_)
        assert other.n_iter_ == lloyd.n_iter_
        np.testing.assert_allclose(other.inertia_, lloyd.inertia_, rtol=1e-13)
        np.testing.assert_allclose(other.cluster_centers_, lloyd.cluster_centers_, rtol=1e-11, atol=1e-11)
        np.testing.assert_allclose(other.history_, lloyd.history_, rtol=1e-11)


@pytest.mark.parametrize("kind", ["float32", "int", "columns", "frame", "far", "huge", "tiny"])
@pytest.mark.parametrize(("n", "d", "K"), [(1500, 3, 12), (600, 180, 12)])
def test_however_the_rows_lie_and_however_large_they_are(kind, n, d, K):
    X = rows(n, d, K, spread=3.0)
    X = {
        "float32": lambda: X.astype(np.float32),
        "int": lambda: (20 * X).astype(np.int16),
        "columns": lambda: np.asfortranarray(X),
        "frame": lambda: pd.DataFrame(X).add_prefix("x").assign(a=np.arange(n) % 7),
        "far": lambda: X + 1e6,
        "huge": lambda: (X * 1e17).astype(np.float32),
        "tiny": lambda: (X * 1e-17).astype(np.float32),
    }[kind]()
    start = np.asarray(X, dtype=np.float64)[:K]
    lloyd, pruned = (tacit.KMeans(K, init=start, algorithm=a, tol=0).fit(X) for a in ("lloyd", "elkan"))
    assert (lloyd.labels_ == pruned.labels_).mean() > 0.999
    np.testing.assert_allclose(pruned.inertia_, lloyd.inertia_, rtol=1e-6)
    np.testing.assert_array_equal(pruned.labels_, pruned.predict(X))


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**6), st.sampled_from([1, 2, 5, 165]), st.integers(2, 9))
@pytest.mark.filterwarnings("ignore:Number of distinct clusters")
def test_ties_go_to_the_lowest_index(seed, d, K):
    X = np.random.default_rng(seed).integers(0, 3, (40, d)).astype(float)
    lloyd, pruned, auto = both(X, K, max_iter=20)
    for model in (lloyd, pruned, auto):
        # where rows lie exactly between centres, the rounding of the sums decides where a run goes, but not its labels
        δ = X[:, None] - model.cluster_centers_
        apart = np.einsum("nkd,nkd->nk", δ, δ)
        np.testing.assert_allclose(apart[np.arange(len(X)), model.labels_], apart.min(axis=1), atol=1e-28)
        np.testing.assert_array_equal(model.labels_, model.predict(X))  # the lowest index in a tie
        assert (np.diff(model.history_) >= -1e-12 * abs(model.history_[0])).all()
        assert len(model.repairs_) <= 2


@pytest.mark.parametrize("d", [3, 40, 200])
def test_rows_are_spared(d):
    X, labels = rows(4000, d, 20, spread=6 / d**0.5), np.empty(4000, np.int32)
    model = Pruned(20, labels=labels, patience=ALWAYS)
    fit = em(model, as_source(X), X[:20], tol=0, max_iter=100, rng=np.random.default_rng(0))
    met = model.state.met
    assert len(met) == len(fit.history)
    assert met[0] == 4000
    assert met[-1] < 400


def test_bounds_are_given_up_where_they_spare_nothing():
    X, labels = rows(2000, 12, 60, spread=0.0), np.empty(2000, np.int32)
    model = Pruned(60, labels=labels, patience=Patience(1.0, 0.0))  # begun at once
    fit = em(model, as_source(X), X[:60], tol=0, max_iter=30, rng=np.random.default_rng(0))
    assert model.state.over
    assert model.state.kept is None
    plain = em(Lloyd(60), as_source(X), X[:60], tol=0, max_iter=30, rng=np.random.default_rng(0))
    np.testing.assert_allclose(fit.history, plain.history, rtol=1e-12)


@pytest.mark.parametrize("K", [2, 5, 100, 1001])
def test_a_row_remembers_at_most_128_bytes(K):
    found = groups(np.random.default_rng(0).normal(size=(K, 4)), min(MOST_GROUPS, -(-K // 4)))
    t = len(found.first) - 1
    assert 4 + 4 + 4 * t <= 128
    np.testing.assert_array_equal(np.sort(found.order), np.arange(K))
    np.testing.assert_array_equal(found.of[found.order], np.repeat(np.arange(t), np.diff(found.first)))
