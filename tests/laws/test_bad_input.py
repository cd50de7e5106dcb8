"""Bad rows and bad arguments, for every classical model: a clear error or a defined answer, in single precision too."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from tacit import (
    PCA,
    PPCA,
    BayesianGaussianMixture,
    FactorAnalysis,
    GaussianMixture,
    KMeans,
    MiniBatchKMeans,
    select,
)
from tacit.errors import ArgumentError, InputError

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 3)) + 4 * rng.integers(0, 2, (60, 1))

MAKE = {
    "k-means": lambda: KMeans(2, random_state=0),
    "k-means, l1": lambda: KMeans(2, metric="l1", random_state=0),
    "k-means||": lambda: KMeans(2, init="k-means||", random_state=0),
    "mini-batches": lambda: MiniBatchKMeans(2, random_state=0),
    **{
        f"mixture, {kind}": lambda kind=kind: GaussianMixture(2, covariance_type=kind, random_state=0)
        for kind in ("full", "tied", "diag", "spherical")
    },
    **{
        f"beliefs, {kind}": lambda kind=kind: BayesianGaussianMixture(2, covariance_type=kind, random_state=0)
        for kind in ("full", "tied", "diag", "spherical")
    },
    "PCA": lambda: PCA(2),
    "PPCA": lambda: PPCA(2),
    "factors": lambda: FactorAnalysis(2, tol=1e-3),
}
every = pytest.mark.parametrize("name", MAKE)


def quiet(f):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return f()


@every
@pytest.mark.parametrize("weight", [np.full(60, -1.0), np.zeros(60), np.full(60, np.nan), np.ones(59), "none"])
def test_weights_that_are_none(name, weight):
    with pytest.raises((ValueError, TypeError)) as caught:
        quiet(lambda: MAKE[name]().fit(X, sample_weight=weight))
    assert "weight" in str(caught.value).lower() or isinstance(weight, str)


@every
def test_one_negative_weight_is_refused(name):
    weight = np.ones(60)
    weight[3] = -1e-9
    with pytest.raises(ValueError, match=r"(?i)weight"):
        quiet(lambda: MAKE[name]().fit(X, sample_weight=weight))


@every
@pytest.mark.parametrize("bad", [np.inf, -np.inf])
def test_infinity_is_refused(name, bad):
    rows = X.copy()
    rows[5, 1] = bad
    with pytest.raises(InputError, match=r"infinity|inf"):
        quiet(lambda: MAKE[name]().fit(rows))


@pytest.mark.parametrize("name", [n for n in MAKE if "means" in n or "mini" in n or n == "beliefs, full"])
def test_gaps_are_refused_where_there_is_no_model_of_them(name):
    rows = X.copy()
    rows[5, 1] = np.nan
    with pytest.raises(InputError, match="NaN"):
        quiet(lambda: MAKE[name]().fit(rows))


@pytest.mark.parametrize("name", [n for n in MAKE if n.startswith("mixture") or n in ("PCA", "PPCA", "factors")])
def test_rows_and_columns_of_which_nothing_is_observed(name):
    rows = X.copy()
    rows[[3, 8]] = np.nan
    rows[:20, 1] = np.nan
    model = quiet(lambda: MAKE[name]().fit(rows))
    answer = model.score_samples(rows)
    assert np.isfinite(answer).all()
    np.testing.assert_allclose(answer[[3, 8]], 0, atol=1e-9)  # the density of no cells is 1
    assert np.isfinite(model.impute(rows)).all()
    rows[:, 2] = np.nan
    if name.startswith("mixture"):  # nothing is learned of that column, nothing said
        assert np.isfinite(quiet(lambda: MAKE[name]().fit(rows)).score_samples(rows)).all()
        return
    with pytest.raises(ArgumentError, match="no observed value"):
        MAKE[name]().fit(rows)


@pytest.mark.parametrize("name", [n for n in MAKE if not n.startswith(("PCA", "PPCA", "factors"))])
def test_more_groups_than_rows(name):
    model = MAKE[name]()
    key = "n_clusters" if hasattr(model, "n_clusters") else "n_components"
    with pytest.raises(ValueError, match="n_samples"):
        model.set_params(**{key: 61}).fit(X)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", [n for n in MAKE if not n.startswith(("PCA", "PPCA", "factors"))])
def test_more_groups_than_different_rows(name, dtype):
    model = MAKE[name]()
    key = "n_clusters" if hasattr(model, "n_clusters") else "n_components"
    rows = np.repeat(X[:3], 4, axis=0).astype(dtype)
    fitted = quiet(lambda: model.set_params(**{key: 5}).fit(rows))
    labels = fitted.predict(rows)
    assert len(set(labels.tolist())) <= 3
    for same in np.split(labels, 3):
        assert len(set(same.tolist())) == 1


@every
@pytest.mark.parametrize("rows", ["constant", "one column constant", "two columns the same", "a line"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_singular_rows_have_variances_above_zero(name, rows, dtype):
    line = np.linspace(-1, 1, 60)[:, None]
    table = {
        "constant": np.full((60, 3), 7.0),
        "one column constant": np.column_stack([X[:, :2], np.full(60, 3.0)]),
        "two columns the same": X[:, [0, 1, 1]],
        "a line": line * [1.0, 2.0, -1.0] + 1e4,
    }[rows].astype(dtype)
    model = quiet(lambda: MAKE[name]().fit(table))
    for what in ("covariances_", "explained_variance_", "noise_variance_", "inertia_"):
        if hasattr(model, what):
            value = np.asarray(getattr(model, what))
            assert np.isfinite(value).all()
            if what != "covariances_":
                assert (value >= 0).all()
            elif value.ndim == 3 or (value.ndim == 2 and model.covariance_type == "tied"):
                assert (np.linalg.eigvalsh(value.astype(np.float64)) > -1e-12 * np.abs(value).max()).all()
                assert (np.diagonal(value, axis1=-2, axis2=-1) > 0).all()
            else:
                assert (value > 0).all()
    if hasattr(model, "score_samples"):
        assert np.isfinite(model.score_samples(table)).all()


@pytest.mark.parametrize("offset", [0.0, 1e3, 1e5])
@pytest.mark.parametrize("kind", ["full", "tied", "diag", "spherical"])
def test_single_precision_far_from_the_origin_has_the_variance_that_it_has(kind, offset):
    """scikit-learn's issue 30382: E[x²] - E[x]² came out negative."""
    rows = (0.5 * rng.normal(size=(500, 2)) + offset).astype(np.float32)
    model = GaussianMixture(1, covariance_type=kind).fit(rows)
    true = np.cov(rows.T.astype(np.float64), ddof=0)
    diagonal = model._dense()[0].diagonal()
    expected = true.diagonal() if kind != "spherical" else np.full(2, true.diagonal().mean())
    np.testing.assert_allclose(diagonal, expected, rtol=1e-3, atol=2e-6)
    pca = PCA(2).fit(rows)
    np.testing.assert_allclose(pca.explained_variance_, np.linalg.eigvalsh(true)[::-1] * 500 / 499, rtol=1e-3)


@pytest.mark.parametrize("seeds", [np.ones((3, 3)), np.ones((2, 2)), np.ones(3), np.full((2, 3), np.nan)])
def test_seeds_of_the_wrong_shape(seeds):
    for model in (KMeans(2, init=seeds), KMeans(2, init=seeds, metric="l1"), MiniBatchKMeans(2, init=seeds)):
        with pytest.raises(ValueError, match=r"initial centers|dim|shape|NaN"):
            quiet(lambda model=model: model.fit(X))
    with pytest.raises(ValueError, match=r"means|NaN"):
        GaussianMixture(2, means_init=seeds).fit(X)
    for wrong in ({"weights_init": [0.5]}, {"weights_init": [0.7, 0.7]}, {"precisions_init": np.ones((2, 3))}):
        with pytest.raises(ValueError, match=r"weights|precision"):
            GaussianMixture(2, **wrong).fit(X)


def test_select_refuses_what_the_mixture_does():
    with pytest.raises(InputError, match="NaN"):
        select(np.where(X > 3, np.nan, X))
    with pytest.raises(ValueError, match=r"(?i)weight"):
        select(X, sample_weight=-np.ones(60))
    with pytest.raises(ValueError, match="2D array"):
        select(X[0])
