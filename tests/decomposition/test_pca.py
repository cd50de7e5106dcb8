"""The laws of principal components, and scikit-learn's numbers."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import multivariate_normal
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.decomposition import PCA as Theirs
from threadpoolctl import threadpool_limits

from tacit import PCA
from tacit.data.block import Block
from tacit.data.memory import MemorySource
from tacit.errors import ArgumentError, InputError
from tacit.linalg import eigh, fix_signs

SOLVERS = ["auto", "full", "covariance_eigh"]


class InBlocks(MemorySource):
    """Rows that come a few at a time, as from a disk."""

    def blocks(self, rows=None):
        yield from super().blocks(min(rows or 17, 17))


def table(n, d, seed=0, dtype=np.float64, mean=0.0):
    """Correlated rows whose variances differ."""
    rng = np.random.default_rng(seed)
    mix = rng.standard_normal((d, d)) * np.geomspace(3, 0.3, d)[:, None]
    return (rng.standard_normal((n, d)) @ mix + rng.standard_normal(d) + mean).astype(dtype)


@given(
    n=st.integers(2, 60),
    d=st.integers(1, 40),
    share=st.floats(0, 1),
    seed=st.integers(0, 10**6),
    solver=st.sampled_from(SOLVERS),
    scale=st.booleans(),
)
def test_the_laws(n, d, share, seed, solver, scale):
    X = table(n, d, seed)
    k = round(share * min(n, d))
    pca = PCA(k, svd_solver=solver, scale=scale).fit(X)
    U = pca.components_
    np.testing.assert_allclose(U @ U.T, np.eye(k), atol=1e-8)
    assert (np.diff(pca.explained_variance_) <= 1e-12 * pca.explained_variance_[:1].sum()).all()
    assert (np.sign(U[np.arange(k), np.abs(U).argmax(axis=1)]) == 1).all()
    # projections are uncorrelated with variances w_i, and what is lost is the rest of the variance
    Z = pca.transform(X)
    total = np.var((X - pca.mean_) / (1 if pca.scale_ is None else pca.scale_), axis=0, ddof=1).sum()
    np.testing.assert_allclose(Z.T @ Z / (n - 1), np.diag(pca.explained_variance_), atol=1e-8 * total)
    rest = total - pca.explained_variance_.sum()
    lost = pca.reconstruction_error(X)
    np.testing.assert_allclose(lost.sum() / (n - 1), rest, atol=1e-8 * total)
    np.testing.assert_allclose(pca.noise_variance_ * (min(n, d) - k), rest, atol=1e-8 * total)
    unit = 1 if pca.scale_ is None else pca.scale_
    np.testing.assert_allclose((((X - pca.inverse_transform(Z)) / unit) ** 2).sum(axis=1), lost, atol=1e-8 * total * n)


@pytest.mark.parametrize("load", [load_iris, load_wine, load_breast_cancer, load_digits])
@pytest.mark.parametrize("arguments", [{}, {"n_components": 3}, {"n_components": 0.9}, {"whiten": True}])
@pytest.mark.parametrize("solver", SOLVERS)
def test_scikit_learns_numbers(load, arguments, solver):
    X = load().data
    X = X[:, X.std(axis=0) > 0.2]  # directions of no variance are anybody's
    ours, theirs = PCA(**arguments, svd_solver=solver).fit(X), Theirs(**arguments, svd_solver="full").fit(X)
    assert (ours.n_components_, ours.n_samples_) == (theirs.n_components_, theirs.n_samples_)
    for name in ("explained_variance_", "explained_variance_ratio_", "singular_values_", "mean_", "noise_variance_"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(ours.components_, theirs.components_, atol=1e-6)
    np.testing.assert_allclose(ours.transform(X), theirs.transform(X), atol=1e-4 * np.abs(theirs.transform(X)).max())
    if not ours.whiten:  # scikit-learn's density changes with whitening; a density should not
        np.testing.assert_allclose(ours.score_samples(X), theirs.score_samples(X), rtol=1e-5)
        np.testing.assert_allclose(ours.get_covariance(), theirs.get_covariance(), atol=1e-5 * X.var(axis=0).max())
        np.testing.assert_allclose(
            ours.get_precision() @ ours.get_covariance(),
            np.eye(X.shape[1]),
            atol=1e-6 if ours.noise_variance_ else 1e-3,
        )


@pytest.mark.parametrize("seed", range(6))
def test_the_number_of_components_by_evidence(seed):
    rng = np.random.default_rng(seed)
    k = 1 + seed
    X = rng.standard_normal((300, k)) * 3 @ np.linalg.qr(rng.standard_normal((10, k)))[0].T
    X += rng.standard_normal(X.shape) * 0.3
    assert PCA("mle").fit(X).n_components_ == Theirs("mle", svd_solver="full").fit(X).n_components_ == k


def test_a_hand_worked_case():
    X = np.array([[1.0, 1.0], [3.0, 3.0], [2.0, 4.0], [2.0, 0.0]])  # mean (2, 2); C = [[2, 2], [2, 10]] / 3
    pca = PCA().fit(X)
    root = np.sqrt(20)
    np.testing.assert_allclose(pca.explained_variance_, [(6 + root) / 3, (6 - root) / 3])
    np.testing.assert_allclose(pca.components_[0], np.array([2, 4 + root]) / np.hypot(2, 4 + root))
    np.testing.assert_allclose(pca.mean_, [2, 2])


@pytest.mark.parametrize("scale", [False, True])
@pytest.mark.parametrize("k", [0, 2, 6])
def test_the_density_is_a_normal_density(k, scale):
    X = table(200, 6, mean=3)
    pca = PCA(k, scale=scale).fit(X)
    want = multivariate_normal(pca.mean_, pca.get_covariance()).logpdf(X)
    np.testing.assert_allclose(pca.score_samples(X), want, rtol=1e-9)
    assert pca.score(X) == pytest.approx(want.mean())
    np.testing.assert_allclose(pca.get_precision(), np.linalg.inv(pca.get_covariance()), rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(PCA(k, scale=scale, whiten=True).fit(X).score_samples(X), want, rtol=1e-9)


def test_with_every_component_the_density_is_that_of_the_sample_covariance():
    X = table(100, 5)
    np.testing.assert_allclose(PCA().fit(X).get_covariance(), np.cov(X.T), rtol=1e-9)


def test_no_covariance_of_that_form_is_likelier():
    X = table(300, 5)
    pca = PCA(2).fit(X)
    C, n = pca.get_covariance() * (299 / 300), len(X)  # the maximum has divisor n

    def likelihood(C):
        return multivariate_normal(pca.mean_, C).logpdf(X).sum() / n

    rng = np.random.default_rng(0)
    for _ in range(20):  # turn and stretch the two directions a little, move the noise a little
        W = pca.components_.T * np.sqrt(pca.explained_variance_ * 299 / 300 - pca.noise_variance_ * 299 / 300)
        W = W + 0.02 * rng.standard_normal(W.shape)
        other = W @ W.T + pca.noise_variance_ * 299 / 300 * np.exp(0.05 * rng.standard_normal()) * np.eye(5)
        assert likelihood(other) <= likelihood(C) + 1e-12


@pytest.mark.parametrize("k", [None, 2, 0.5])
def test_scale_is_the_correlation_matrix(k):
    X = table(80, 5) * [1, 10, 100, 0.1, 1]
    standard = (X - X.mean(axis=0)) / X.std(axis=0, ddof=1)
    a, b = PCA(k, scale=True).fit(X), PCA(k).fit(standard)
    np.testing.assert_allclose(a.components_, b.components_, atol=1e-9)
    np.testing.assert_allclose(a.explained_variance_, b.explained_variance_)
    np.testing.assert_allclose(a.transform(X), b.transform(standard), atol=1e-9)
    back = b.inverse_transform(b.transform(standard)) * X.std(axis=0, ddof=1) + X.mean(axis=0)
    np.testing.assert_allclose(a.inverse_transform(a.transform(X)), back, atol=1e-8)
    np.testing.assert_allclose(a.score_samples(X), b.score_samples(standard) - np.log(X.std(axis=0, ddof=1)).sum())


@given(st.integers(2, 80), st.integers(1, 12), st.integers(0, 10**6))
def test_blocks_answer_as_one(n, d, seed):
    X = table(n, d, seed)
    source = InBlocks(Block(0, X))
    k = max(1, min(n, d) // 2)
    for solver in SOLVERS:
        one, many = PCA(k, svd_solver=solver).fit(X), PCA(k, svd_solver=solver).fit(source)
        np.testing.assert_allclose(many.explained_variance_, one.explained_variance_, rtol=1e-9)
        np.testing.assert_allclose(many.transform(source), many.transform(X), atol=1e-10)
        np.testing.assert_allclose(many.score_samples(source), one.score_samples(X), rtol=1e-6)


@given(st.integers(3, 40), st.integers(1, 20), st.integers(0, 10**6), st.sampled_from(SOLVERS))
def test_weights_count_as_repetition(n, d, seed, solver):
    rng = np.random.default_rng(seed)
    X, w = table(n, d, seed), rng.integers(0, 4, n)
    w[:2] = 1
    k = max(1, min(np.count_nonzero(w) - 1, d) // 2)
    a = PCA(k, svd_solver=solver).fit(X, sample_weight=w)
    b = PCA(k, svd_solver=solver).fit(np.repeat(X, w, axis=0))
    np.testing.assert_allclose(a.mean_, b.mean_, atol=1e-10)
    np.testing.assert_allclose(a.explained_variance_, b.explained_variance_, rtol=1e-7, atol=1e-10)
    np.testing.assert_allclose(a.noise_variance_, b.noise_variance_, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(a.get_covariance(), b.get_covariance(), atol=1e-6 * np.trace(b.get_covariance()))


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("mean", [0, 1e3, 1e4, 1e6])
def test_float32_stays_near_float64_far_from_the_origin(mean, solver):
    X = table(3000, 12, mean=mean, dtype=np.float32)
    single, double = PCA(4, svd_solver=solver).fit(X), PCA(4, svd_solver=solver).fit(X.astype(np.float64))
    assert (single.components_.dtype, single.transform(X).dtype) == (np.float32, np.float32)
    np.testing.assert_allclose(single.explained_variance_, double.explained_variance_, rtol=3e-6)
    np.testing.assert_allclose(single.components_, double.components_, atol=1e-4)
    np.testing.assert_allclose(single.transform(X), double.transform(X.astype(np.float64)), atol=1e-3)
    np.testing.assert_allclose(single.score(X), double.score(X.astype(np.float64)), rtol=1e-5)


def test_a_poor_first_guess_of_the_mean_is_mended():
    X = table(5000, 4, dtype=np.float32)
    X[::10] += 1e5  # every row that is looked at first is far from the others
    single, double = PCA().fit(X), PCA().fit(X.astype(np.float64))
    np.testing.assert_allclose(single.explained_variance_[0], double.explained_variance_[0], rtol=1e-5)
    X = table(5000, 4, dtype=np.float32)
    X[::9] = 1e6
    w = np.ones(len(X))
    w[::9] = 0
    single, double = PCA().fit(X, sample_weight=w), PCA().fit(X[w > 0].astype(np.float64))
    np.testing.assert_allclose(single.explained_variance_, double.explained_variance_, rtol=1e-5)


@pytest.mark.parametrize("shape", [(2000, 10), (3000, 90), (400, 250), (40, 300)])
def test_the_same_bits_for_any_number_of_threads(shape):
    X = table(*shape, dtype=np.float32)
    answers = []
    for threads in (1, 2, 4):
        with threadpool_limits(threads):
            pca = PCA(5).fit(X)
            answers.append([pca.components_, pca.explained_variance_, pca.transform(X), pca.mean_])
    for other in answers[1:]:
        for a, b in zip(answers[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


@given(st.integers(0, 10**6), st.floats(1e-3, 1e3), st.floats(-1e3, 1e3))
def test_moving_stretching_and_permuting(seed, factor, move):
    rng = np.random.default_rng(seed)
    X = table(50, 6, seed)
    pca = PCA(3).fit(X)
    moved = PCA(3).fit(X * factor + move)
    np.testing.assert_allclose(moved.explained_variance_, pca.explained_variance_ * factor**2, rtol=1e-6)
    np.testing.assert_allclose(moved.components_, pca.components_, atol=1e-5)
    rows, columns = rng.permutation(50), rng.permutation(6)
    np.testing.assert_allclose(PCA(3).fit(X[rows]).components_, pca.components_, atol=1e-8)
    np.testing.assert_allclose(PCA(3).fit(X[:, columns]).components_, pca.components_[:, columns], atol=1e-8)


def test_nothing_given_is_changed():
    X = table(50, 5, dtype=np.float32)
    X.flags.writeable = False
    before = X.copy()
    for solver in SOLVERS:
        pca = PCA(2, copy=False, svd_solver=solver, scale=True)
        arguments = pca.get_params()
        pca.fit(X).transform(X)
        pca.fit_transform(X)
        assert pca.get_params() == arguments
    np.testing.assert_array_equal(X, before)


@pytest.mark.parametrize("solver", ["auto", "covariance_eigh", "arpack"])
@pytest.mark.parametrize("shape", [(200, 30), (20, 60)])
def test_sparse_rows(shape, solver):
    X = sp.random_array(shape, density=0.2, rng=np.random.default_rng(0), format="csr")
    a, b = PCA(5, svd_solver=solver).fit(X), PCA(5).fit(X.toarray())
    np.testing.assert_allclose(a.explained_variance_, b.explained_variance_, rtol=1e-8)
    np.testing.assert_allclose(a.components_, b.components_, atol=1e-6)
    np.testing.assert_allclose(a.transform(X), b.transform(X.toarray()), atol=1e-6)


def test_more_columns_than_rows_by_every_way():
    X = table(30, 200, mean=100)
    want = PCA(6, svd_solver="full").fit(X)
    for solver in ("auto", "covariance_eigh"):
        got = PCA(6, svd_solver=solver).fit(X)
        np.testing.assert_allclose(got.explained_variance_, want.explained_variance_, rtol=1e-9)
        np.testing.assert_allclose(got.components_, want.components_, atol=1e-7)
    flat = np.outer(np.arange(30.0), np.ones(200))  # one direction only: the Gram matrix cannot tell the others
    np.testing.assert_allclose(PCA(6).fit(flat).explained_variance_[1:], 0, atol=1e-20 + 1e-9)
    U = PCA(6).fit(flat).components_
    np.testing.assert_allclose(U @ U.T, np.eye(6), atol=1e-9)


def test_data_that_do_not_vary():
    for X in (np.ones((10, 3)), np.ones((1, 3)), np.full((5, 1), 7), np.zeros((4, 8))):
        for solver in SOLVERS:
            for scale in (False, True):
                pca = PCA(svd_solver=solver, scale=scale).fit(X)
                np.testing.assert_allclose(pca.explained_variance_, 0, atol=1e-25)
                np.testing.assert_allclose(pca.explained_variance_ratio_, 0)
                assert np.isfinite(pca.transform(X)).all()
                assert np.isfinite(pca.score_samples(X)).all()
                assert np.isfinite(PCA(whiten=True, svd_solver=solver).fit_transform(X)).all()


@pytest.mark.parametrize("size", [1e18, 1e-18])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_huge_and_tiny_numbers(size, dtype):
    X = table(100, 5)
    pca, plain = PCA(3).fit((X * size).astype(dtype)), PCA(3).fit(X)
    np.testing.assert_allclose(pca.explained_variance_ / size**2, plain.explained_variance_, rtol=1e-5)
    np.testing.assert_allclose(pca.components_, plain.components_, atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_components": -1}, "The 'n_components' parameter of PCA must be an int"),
        ({"n_components": 1.0}, "The 'n_components' parameter of PCA must be an int"),
        ({"n_components": True}, "The 'n_components' parameter of PCA must be an int"),
        ({"n_components": "many"}, "The 'n_components' parameter of PCA must be an int"),
        ({"n_components": 6}, "n_components=6 must be between 0 and min"),
        ({"svd_solver": "qr"}, "The 'svd_solver' parameter of PCA must be one of"),
        ({"scale": 3}, "The 'scale' parameter of PCA must be one of"),
        ({"n_components": 5, "svd_solver": "arpack"}, "must be strictly less than"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ArgumentError, match=message):
        PCA(**arguments).fit(table(20, 5))


def test_bad_data():
    with pytest.raises(InputError, match="NaN"):
        PCA().partial_fit([[1.0, np.nan], [2.0, 3.0]])
    with pytest.raises(InputError, match="NaN"):
        PCA().fit(sp.csr_matrix([[1.0, np.nan], [2.0, 3.0]]))
    with pytest.raises(InputError, match="infinity"):
        PCA().fit([[1.0, np.inf], [2.0, 3.0]])
    pca = PCA(2).fit(table(20, 5))
    with pytest.raises(ValueError, match="X has 4 features, but PCA is expecting 5 features as input"):
        pca.transform(table(20, 4))
    with pytest.raises(ArgumentError, match="X has 3 columns, but there are 2 components"):
        pca.inverse_transform(np.ones((2, 3)))


def test_eigh_and_signs():
    rng = np.random.default_rng(0)
    for d in (1, 2, 30, 64, 65, 120):
        for k in (None, 0, 1, d // 2, d):
            A = rng.standard_normal((d, d))
            A = A @ A.T
            values, vectors = eigh(A.copy(), k)
            assert vectors.shape == (d, d if k is None else k)
            np.testing.assert_allclose(A @ vectors, vectors * values, atol=1e-9 * d * max(1, np.trace(A)))
            np.testing.assert_allclose(values, np.linalg.eigvalsh(A)[::-1][:k], atol=1e-9 * np.trace(A))
    np.testing.assert_array_equal(fix_signs(np.zeros((2, 3))), np.zeros((2, 3)))
    assert fix_signs(np.zeros((0, 3))).shape == (0, 3)
