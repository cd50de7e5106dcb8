"""Mini-batch k-means: near the answer of all rows, in steps; the same from any order; weights count as rows."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.datasets import load_digits, make_blobs

from tacit import KMeans, MiniBatchKMeans
from tacit.cluster.seeding import parallel
from tacit.data.source import as_source

DIGITS = load_digits().data
BLOBS = make_blobs(3000, 4, centers=5, cluster_std=0.5, random_state=3)[0]


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_near_the_inertia_of_all_rows(metric):
    whole = KMeans(10, metric=metric, random_state=0).fit(DIGITS)
    some = [MiniBatchKMeans(10, metric=metric, random_state=s).fit(DIGITS) for s in range(3)]
    assert min(m.inertia_ for m in some) < 1.06 * whole.inertia_
    np.testing.assert_allclose(-some[0].score(DIGITS), some[0].inertia_, rtol=1e-6)


def test_centres_are_the_means_of_the_rows_they_were_given():
    X = BLOBS[:400]
    model = MiniBatchKMeans(3, init=X[:3], reassignment_ratio=0)
    seen = np.zeros((3, 4)), np.zeros(3)
    centers = X[:3]
    for lo in range(0, 400, 100):
        batch = X[lo : lo + 100]
        label = ((batch[:, None] - centers) ** 2).sum(2).argmin(1)
        for k in range(3):
            seen[0][k] += batch[label == k].sum(0)
            seen[1][k] += (label == k).sum()
        centers = np.where(seen[1][:, None] > 0, seen[0] / np.maximum(seen[1], 1)[:, None], centers)
        model.partial_fit(batch)
        np.testing.assert_allclose(model.cluster_centers_, centers, rtol=1e-10)
        np.testing.assert_allclose(model.counts_, seen[1], rtol=1e-10)
    assert model.n_steps_ == 4


def test_a_weight_of_two_is_the_row_twice_in_a_step():
    w = np.random.default_rng(0).integers(0, 3, 300)
    a = MiniBatchKMeans(4, init=BLOBS[:4]).partial_fit(BLOBS[:300], sample_weight=w)
    b = MiniBatchKMeans(4, init=BLOBS[:4]).partial_fit(np.repeat(BLOBS[:300], w, axis=0))
    np.testing.assert_allclose(a.cluster_centers_, b.cluster_centers_, rtol=1e-10)
    np.testing.assert_allclose(a.counts_, b.counts_)


def test_order_does_not_matter_and_sparse_is_dense():
    order = np.random.default_rng(1).permutation(len(BLOBS))
    a, b = (MiniBatchKMeans(5, random_state=0).fit(X) for X in (BLOBS, BLOBS[order]))
    np.testing.assert_allclose(a.cluster_centers_, b.cluster_centers_, rtol=1e-9)
    c = MiniBatchKMeans(5, init=BLOBS[:5], random_state=0).fit(sp.csr_matrix(BLOBS))
    d = MiniBatchKMeans(5, init=BLOBS[:5], random_state=0).fit(BLOBS)
    np.testing.assert_allclose(c.inertia_, d.inertia_, rtol=0.05)


def test_centres_that_nothing_is_near_are_moved():
    start = np.vstack([BLOBS[:4], np.full((1, 4), 1e4)])
    kept, moved = (
        MiniBatchKMeans(5, init=start, reassignment_ratio=r, random_state=0, batch_size=200).fit(BLOBS)
        for r in (0, 0.1)
    )
    assert moved.inertia_ < kept.inertia_
    assert np.abs(moved.cluster_centers_).max() < 100


def test_the_first_step_needs_a_row_for_each_centre():
    with pytest.raises(ValueError, match="n_samples=2"):
        MiniBatchKMeans(3).partial_fit(BLOBS[:2])
    with pytest.raises(ValueError, match="'batch_size'"):
        MiniBatchKMeans(3, batch_size=0).fit(BLOBS)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_parallel_seeds_are_as_good_as_sequential_ones(metric):
    costs = {
        init: np.mean([KMeans(30, init=init, n_init=1, max_iter=1, metric=metric, random_state=s).fit(DIGITS).inertia_
                       for s in range(5)])
        for init in ("k-means++", "k-means||", "random")
    }  # fmt: skip
    assert costs["k-means||"] < 1.05 * costs["k-means++"]
    assert costs["k-means||"] < costs["random"]


def test_parallel_seeds_depend_on_rows_and_weights_only():
    rng, order = np.random.default_rng, np.random.default_rng(5).permutation(len(BLOBS))
    a, b = (parallel(as_source(X), 7, rng(0)) for X in (BLOBS, BLOBS[order]))
    np.testing.assert_allclose(a, b, rtol=1e-9)
    far = np.vstack([BLOBS, np.full((1, 4), 1e3)])
    seeds = parallel(as_source(far, weight=np.append(np.ones(len(BLOBS)), 0.0)), 7, rng(0))
    assert np.abs(seeds).max() < 500
    assert parallel(as_source(np.ones((9, 2))), 3, rng(0)).shape == (3, 2)
