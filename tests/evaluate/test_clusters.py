"""Silhouettes: scikit-learn's where all rows count, and a sample that knows how far off it is."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits, make_blobs
from sklearn.metrics import silhouette_samples, silhouette_score

from tacit import KMeans
from tacit.evaluate import silhouette

X = load_digits().data[:600]
LABELS = KMeans(8, random_state=0).fit(X).labels_


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_scikit_learn_says_the_same(metric):
    found = silhouette(X, LABELS, metric=metric)
    np.testing.assert_allclose(found.values, silhouette_samples(X, LABELS, metric=metric), atol=1e-9)
    np.testing.assert_allclose(found.mean, silhouette_score(X, LABELS, metric=metric))
    assert found.error == 0


def test_a_row_alone_in_its_group_counts_as_zero():
    labels = LABELS.copy()
    labels[5] = 99
    np.testing.assert_allclose(silhouette(X, labels).values, silhouette_samples(X, labels), atol=1e-9)
    assert silhouette(X, labels).values[5] == 0


def test_a_sample_is_as_near_as_it_says_and_keeps_small_groups():
    rows, y = make_blobs([6000, 3000, 40], 3, random_state=0, cluster_std=2.0)
    exact = silhouette(rows, y)
    found = [silhouette(rows, y, sample_size=2000, random_state=s) for s in range(10)]
    z = [(f.mean - exact.mean) / f.error for f in found]
    assert all(0 < f.error < 0.02 for f in found)
    assert np.abs(z).max() < 5
    assert all((f.labels == 2).sum() == 40 for f in found)


@pytest.mark.parametrize("labels", [np.zeros(600), np.arange(600)])
def test_groups_must_be_groups(labels):
    with pytest.raises(ValueError, match="Number of labels"):
        silhouette(X, labels)
    with pytest.raises(ValueError, match="entries"):
        silhouette(X, [0, 1])
