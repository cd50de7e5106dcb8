"""k-means: laws, cases worked by hand, and scikit-learn from the same seeds."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.cluster import KMeans as Peer
from sklearn.datasets import load_digits, load_iris, make_blobs
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import normalize
from threadpoolctl import threadpool_limits

from tacit import GaussianMixture, KMeans
from tacit.cluster.kmeans import Lloyd
from tacit.em import em

IRIS = load_iris().data
DIGITS = load_digits().data


def blobs(n=600, d=5, K=6, seed=0, spread=1.0):
    return make_blobs(n, d, centers=K, cluster_std=spread, random_state=seed)[0]


def test_four_points_by_hand():
    X = np.array([[0.0, 0.0], [0.0, 2.0], [4.0, 0.0], [4.0, 2.0]])
    model = KMeans(2, init=X[[0, 2]], trace=True).fit(X)
    assert model.cluster_centers_.tolist() == [[0, 1], [4, 1]]
    assert model.labels_.tolist() == [0, 0, 1, 1]
    assert model.inertia_ == 4
    assert model.history_[:2] == [-2, -1]  # the seeds leave 0 + 4 + 0 + 4, their means 4, over four rows
    assert model.trace_[0].tolist() == X[[0, 2]].tolist()
    assert model.predict([[1, 1], [3, 1], [2, 1]]).tolist() == [0, 1, 0]
    assert model.transform([[0, 1]]).tolist() == [[0, 4]]
    assert model.score_samples([[0, 3], [4, 1]]).tolist() == [-4, 0]
    assert model.score(X) == -4


@pytest.mark.parametrize("tol", [0, 1e-4])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("X", [IRIS, DIGITS, blobs(spread=4)], ids=["iris", "digits", "blobs"])
def test_scikit_learn_from_the_same_seeds(X, dtype, tol):
    X = X.astype(dtype)
    w = np.random.default_rng(0).integers(1, 4, size=len(X)).astype(dtype)
    K = 10
    start = {"init": X[np.random.default_rng(1).choice(len(X), K, replace=False)], "n_init": 1, "tol": tol}
    ours, peer = KMeans(K, **start).fit(X), Peer(K, **start).fit(X)
    np.testing.assert_array_equal(ours.labels_, peer.labels_)
    np.testing.assert_allclose(ours.cluster_centers_, peer.cluster_centers_, rtol=1e-4, atol=3e-5)  # its float32 sums
    np.testing.assert_allclose(ours.inertia_, peer.inertia_, rtol=1e-5)
    assert ours.n_iter_ == peer.n_iter_
    assert ours.cluster_centers_.dtype == peer.cluster_centers_.dtype == dtype
    assert ours.labels_.dtype == peer.labels_.dtype
    np.testing.assert_array_equal(ours.predict(X), peer.predict(X))
    np.testing.assert_allclose(ours.transform(X), peer.transform(X), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(ours.score(X, sample_weight=w), peer.score(X, sample_weight=w), rtol=1e-5)
    heavy, peer = KMeans(K, **start).fit(X, sample_weight=w), Peer(K, **start).fit(X, sample_weight=w)
    np.testing.assert_allclose(heavy.inertia_, peer.inertia_, rtol=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_greedy_seeds_are_as_good_as_scikit_learns(seed):
    X = blobs(2000, 8, 20, seed)
    ours = [KMeans(20, random_state=s, max_iter=1).fit(X).inertia_ for s in range(10)]
    theirs = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        theirs = [Peer(20, random_state=s, max_iter=1, n_init=1).fit(X).inertia_ for s in range(10)]
    assert np.median(ours) < 1.3 * np.median(theirs)


@given(st.integers(0, 10_000), st.integers(1, 6), st.sampled_from(["k-means++", "random"]))
def test_the_objective_never_falls_and_belongs_to_the_centres(seed, K, init):
    rng = np.random.default_rng(seed)
    X = rng.integers(-9, 10, size=(40, 3)).astype(float)
    model = KMeans(K, init=init, n_init=1, random_state=seed, tol=0).fit(X)
    assert (np.diff(model.history_) >= -1e-12 * np.abs(model.history_[0])).all()
    squared = np.square(X[:, None] - model.cluster_centers_).sum(axis=2)
    np.testing.assert_allclose(model.inertia_, squared.min(axis=1).sum(), rtol=1e-12)
    np.testing.assert_allclose(squared[np.arange(40), model.labels_], squared.min(axis=1), atol=1e-9)
    np.testing.assert_allclose(model.history_[-1] * 40, -model.inertia_, rtol=1e-12)
    for k in range(K):  # tol=0: every centre is the mean of its rows
        np.testing.assert_allclose(model.cluster_centers_[k], X[model.labels_ == k].mean(axis=0), atol=1e-12)


@pytest.mark.parametrize("init", ["k-means++", "random"])
@given(seed=st.integers(0, 10_000))
def test_weight_two_is_the_row_twice_and_weight_zero_is_its_absence(init, seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(60, 3))
    w = rng.integers(0, 4, size=60)
    settings = {"n_clusters": 4, "init": init, "n_init": 2, "random_state": seed}
    heavy = KMeans(**settings).fit(X, sample_weight=w)
    repeated = KMeans(**settings).fit(np.repeat(X, w, axis=0))
    np.testing.assert_allclose(heavy.cluster_centers_, repeated.cluster_centers_, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(heavy.inertia_, repeated.inertia_, rtol=1e-9)
    np.testing.assert_array_equal(np.repeat(heavy.labels_, w), repeated.labels_)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("init", ["k-means++", "random"])
def test_the_order_of_rows_does_not_matter(init, metric):
    X = blobs(800)
    turn = np.random.default_rng(3).permutation(len(X))
    settings = {"n_clusters": 6, "init": init, "n_init": 2, "random_state": 0, "metric": metric}
    a, b = KMeans(**settings).fit(X), KMeans(**settings).fit(X[turn])
    np.testing.assert_allclose(a.cluster_centers_, b.cluster_centers_, rtol=1e-9)
    np.testing.assert_array_equal(a.labels_[turn], b.labels_)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("container", [sp.csr_matrix, sp.csr_array, sp.csc_matrix])
def test_sparse_rows_give_what_dense_rows_give(container, dtype, metric):
    X = np.where(DIGITS > 7, DIGITS, 0).astype(dtype)
    settings = {"n_clusters": 10, "random_state": 0, "metric": metric}
    dense, sparse = KMeans(**settings).fit(X), KMeans(**settings).fit(container(X))
    np.testing.assert_array_equal(dense.labels_, sparse.labels_)
    np.testing.assert_allclose(dense.inertia_, sparse.inertia_, rtol=1e-5)
    np.testing.assert_allclose(dense.cluster_centers_, sparse.cluster_centers_, atol=1e-4)
    np.testing.assert_array_equal(dense.predict(container(X)), dense.labels_)
    np.testing.assert_allclose(dense.transform(container(X)), dense.transform(X), atol=2e-4)


def test_cosine_is_k_means_of_unit_rows_with_unit_centres():
    X = np.abs(DIGITS) + 0.1
    U = normalize(X)
    start = U[:10]
    model = KMeans(10, metric="cosine", init=start * 7, tol=0, trace=True).fit(X)
    centers = start
    for seen in model.trace_:
        np.testing.assert_allclose(seen, centers, atol=1e-10)
        labels = np.argmax(U @ centers.T, axis=1)
        centers = normalize([U[labels == k].mean(axis=0) for k in range(10)])
    np.testing.assert_array_equal(model.labels_, labels)
    np.testing.assert_allclose(np.linalg.norm(model.cluster_centers_, axis=1), 1)
    np.testing.assert_allclose(model.inertia_, 2 * (1 - np.max(U @ model.cluster_centers_.T, axis=1)).sum())
    assert (np.diff(model.history_) >= -1e-12).all()
    scaled = X * np.random.default_rng(0).uniform(0.1, 10, size=(len(X), 1))
    np.testing.assert_array_equal(model.predict(scaled), model.labels_)
    np.testing.assert_allclose(model.transform(scaled), model.transform(X), atol=1e-6)


def test_single_precision_stays_near_double_far_from_the_origin():
    X = (blobs(3000, 6, 5, spread=0.7) + 1e6).astype(np.float32)  # a step of float32 is 1/16 there
    start = {"n_clusters": 5, "init": X[:5], "tol": 0}
    single, double = KMeans(**start).fit(X), KMeans(**start).fit(X.astype(np.float64))
    np.testing.assert_array_equal(single.labels_, double.labels_)
    np.testing.assert_allclose(single.cluster_centers_, double.cluster_centers_, atol=1 / 16)
    np.testing.assert_allclose(single.inertia_, double.inertia_, rtol=1e-6)


def test_same_bits_for_any_number_of_threads():
    X = blobs(20_000, 10, 30).astype(np.float32)
    answers = []
    for threads in (1, 2, 4):
        with threadpool_limits(threads):
            model = KMeans(30, random_state=1, max_iter=5).fit(X)
        answers.append((model.cluster_centers_.tobytes(), model.labels_.tobytes(), model.inertia_))
    assert answers[0] == answers[1] == answers[2]


def test_an_empty_cluster_moves_to_the_farthest_row():
    X = np.array([[0.0], [1.0], [2.0], [30.0]])
    model = KMeans(2, init=[[1.0], [500.0]]).fit(X)
    assert model.repairs_ == [(1, 1)]
    assert model.cluster_centers_.tolist() == [[1], [30]]
    assert model.inertia_ == 2


def test_fewer_distinct_rows_than_clusters_is_a_warning():
    X = np.repeat([[0.0, 0.0], [1.0, 1.0]], 5, axis=0)
    for init in ("k-means++", "random"):
        with pytest.warns(ConvergenceWarning, match=r"distinct clusters \(2\) found smaller than n_clusters \(3\)"):
            model = KMeans(3, init=init, random_state=0).fit(X)
        assert model.inertia_ == 0


def test_a_fitted_model_as_a_start_stays_itself_through_clone():
    X = blobs()
    first = KMeans(6, random_state=0, max_iter=1, tol=0).fit(X)
    model = clone(KMeans(6, init=first))
    assert model.init is first
    np.testing.assert_array_equal(model.fit(X).labels_, KMeans(6, init=first.cluster_centers_).fit(X).labels_)
    mixture = GaussianMixture(6, random_state=0).fit(X)
    near = KMeans(6, init=mixture, trace=True).fit(X)
    np.testing.assert_array_equal(near.trace_[0], mixture.means_)


def test_callable_start_gets_what_scikit_learn_gives():
    def start(X, n_clusters, random_state):
        assert X.shape == (150, 4)
        return X[random_state.permutation(len(X))[:n_clusters]]

    model = KMeans(3, init=start, n_init=4, random_state=0).fit(IRIS)
    np.testing.assert_allclose(model.inertia_, Peer(3, n_init=10, random_state=0).fit(IRIS).inertia_, rtol=1e-3)


def test_fit_touches_neither_rows_nor_fields():
    X, w = blobs(), np.ones(600)
    X.flags.writeable = w.flags.writeable = False
    start = X[:6].copy()
    model = KMeans(6, init=start, copy_x=False)
    before, fields = X.copy(), model.get_params()
    model.fit(X, sample_weight=w)
    np.testing.assert_array_equal(X, before)
    np.testing.assert_array_equal(start, before[:6])
    assert model.get_params() == fields
    assert model.init is start


@pytest.mark.parametrize(
    ("fields", "phrase"),
    [
        ({"n_clusters": 0}, "'n_clusters' parameter of KMeans must be an int in the range"),
        ({"n_clusters": 2.5}, "'n_clusters' parameter of KMeans must be an int"),
        ({"n_clusters": 151}, r"n_samples=150 should be >= n_clusters=151"),
        ({"n_init": 0}, "'n_init' parameter of KMeans"),
        ({"max_iter": 0}, "'max_iter' parameter of KMeans"),
        ({"tol": -1}, "'tol' parameter of KMeans"),
        ({"init": "best"}, "'init' parameter of KMeans must be one of"),
        ({"algorithm": "full"}, "'algorithm' parameter of KMeans must be one of 'auto', 'lloyd', 'elkan'"),
        ({"metric": "manhattan"}, "'metric' parameter of KMeans must be one of 'euclidean', 'cosine'"),
        ({"init": np.zeros((2, 4))}, r"initial centers \(2, 4\) does not match the number of clusters 3"),
        ({"init": np.zeros((3, 5))}, r"initial centers \(3, 5\) does not match the number of features of the data 4"),
        ({"init": np.full((3, 4), np.nan)}, "initial centers contain NaN"),
    ],
    ids=str,
)
def test_bad_arguments_get_one_clear_error(fields, phrase):
    with pytest.raises(ValueError, match=phrase):
        KMeans(**{"n_clusters": 3} | fields).fit(IRIS)


def test_weights_that_are_all_zero_are_refused():
    with pytest.raises(ValueError, match="at least one non-zero"):
        KMeans(2).fit(IRIS, sample_weight=np.zeros(150))


@pytest.mark.parametrize("scale", [1e-18, 1, 1e18])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_of_any_size(dtype, scale):
    X = blobs(300, 90, 3).astype(np.float64)
    model = KMeans(3, random_state=0).fit((X * scale).astype(dtype))
    plain = KMeans(3, random_state=0).fit(X)
    assert np.isfinite(model.cluster_centers_).all()
    np.testing.assert_allclose(model.inertia_ / scale**2, plain.inertia_, rtol=1e-4)
    assert np.isfinite(model.transform((X * scale).astype(dtype))).all()


@pytest.mark.parametrize(
    "X",
    [
        np.ones((1, 1)),
        np.column_stack([np.arange(20.0), np.ones(20)]),
        np.arange(40, dtype=np.float16).reshape(20, 2),
        np.arange(40, dtype=np.int8).reshape(20, 2),
        np.eye(5, dtype=bool),
        np.arange(400.0).reshape(20, 20)[::-2, ::3],
    ],
    ids=["one row", "constant column", "float16", "int8", "one-hot", "a view"],
)
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_awkward_but_legal_rows(X, metric):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = KMeans(min(3, len(X)), random_state=0, metric=metric).fit(X)
    assert np.isfinite(model.inertia_)
    np.testing.assert_array_equal(model.predict(X), model.labels_)


def test_blocks_of_any_length_give_the_same_fit():
    from tacit.data.source import as_source

    X = blobs(1000)
    source = as_source(X)
    whole = em(Lloyd(6), source, X[:6].copy(), tol=0, max_iter=20, rng=np.random.default_rng(0))

    class Capped(Lloyd):
        def block_rows(self, params):
            return 137

    labels = np.empty(1000, dtype=np.int32)
    capped = em(Capped(6, labels=labels), source, X[:6].copy(), tol=0, max_iter=20, rng=np.random.default_rng(0))
    np.testing.assert_allclose(capped.params, whole.params, rtol=1e-12)
    np.testing.assert_allclose(capped.history, whole.history, rtol=1e-12)
    np.testing.assert_array_equal(labels, KMeans(6, init=capped.params, max_iter=1, tol=1e9).fit(X).predict(X))
