"""k-medians: the objective falls, centres are medians, weights are repetitions."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_iris

from tacit import KMeans
from tacit.cluster.medians import weighted_median

X = load_iris().data


@given(st.lists(st.tuples(st.integers(-5, 5), st.integers(0, 3)), min_size=1, max_size=12))
def test_a_weighted_median_is_the_median_of_repetitions(pairs):
    x, w = np.array(pairs, dtype=float).T
    if w.sum() > 0:
        assert weighted_median(x[:, None], w)[0] == np.median(np.repeat(x, w.astype(int)))


def test_the_objective_falls_and_is_the_sum_of_absolute_differences():
    model = KMeans(3, metric="l1", random_state=0, trace=True).fit(X)
    assert (np.diff(model.history_) >= -1e-12).all()
    distance = np.abs(X[:, None] - model.cluster_centers_).sum(axis=2)
    np.testing.assert_array_equal(model.labels_, distance.argmin(axis=1))
    np.testing.assert_allclose(model.inertia_, distance.min(axis=1).sum())
    np.testing.assert_allclose(model.transform(X), distance)
    np.testing.assert_allclose(-model.score_samples(X), distance.min(axis=1))
    np.testing.assert_allclose(-model.score(X), model.inertia_)
    for k in range(3):
        np.testing.assert_allclose(model.cluster_centers_[k], np.median(X[model.labels_ == k], axis=0))


def test_an_outlier_moves_a_mean_and_not_a_median():
    far = np.vstack([X, np.full((1, 4), 60.0)])
    start = X[[0, 60, 120]]
    with_it, without = (KMeans(3, metric="l1", init=start).fit(rows).cluster_centers_ for rows in (far, X))
    assert np.abs(with_it - without).max() < 0.3


def test_empty_clusters_are_moved_and_rows_must_be_in_memory():
    start = np.vstack([X[:2], np.full((1, 4), 1e3)])
    model = KMeans(3, metric="l1", init=start).fit(X)
    assert model.repairs_
    assert len(set(model.labels_)) == 3
    with pytest.raises(ValueError, match="dense and in memory"):
        KMeans(3, metric="l1").fit(sp.csr_matrix(X))
