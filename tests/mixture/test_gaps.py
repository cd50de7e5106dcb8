"""Gaussian mixtures with gaps, and the questions that a fitted one answers: marginals, conditions, regression."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from tacit import GaussianMixture

KINDS = ["full", "tied", "diag", "spherical"]
rng = np.random.default_rng(0)
MEANS = np.array([[0.0, 0, 0, 0], [6, 6, 0, 3], [0, 6, -6, 0]])
ROOT = rng.normal(size=(4, 4)) / 2
X = MEANS[rng.integers(0, 3, 900)] + rng.normal(size=(900, 4)) @ ROOT


def gappy(share=0.2):
    Z = X.copy()
    Z[np.random.default_rng(1).random(X.shape) < share] = np.nan
    return Z


@pytest.mark.parametrize("kind", KINDS)
def test_the_likelihood_of_the_observed_cells_rises(kind):
    Z = gappy()
    model = GaussianMixture(3, covariance_type=kind, random_state=0, tol=1e-6).fit(Z)
    assert (np.diff(model.history_) >= -1e-7).all()
    dense = model._dense()
    joint = np.array([
        [np.log(w) + (multivariate_normal(m[o], S[np.ix_(o, o)]).logpdf(row[o]) if o.any() else 0.0)
         for w, m, S in zip(model.weights_, model.means_, dense, strict=True)]
        for row, o in ((row, ~np.isnan(row)) for row in Z)
    ])  # fmt: skip
    np.testing.assert_allclose(model.score_samples(Z), logsumexp(joint, axis=1), rtol=1e-7)
    np.testing.assert_allclose(model.predict_proba(Z), np.exp(joint - logsumexp(joint, axis=1)[:, None]), atol=1e-7)
    whole = GaussianMixture(3, covariance_type=kind, random_state=0).fit(X)
    np.testing.assert_allclose(np.sort(model.means_[:, 1]), np.sort(whole.means_[:, 1]), atol=0.3)


@pytest.mark.parametrize("kind", ["full", "tied"])
def test_rows_without_gaps_are_fitted_alike_by_both_ways(kind):
    start = {"means_init": MEANS, "weights_init": np.full(3, 1 / 3), "covariance_type": kind, "max_iter": 5, "tol": 0}
    start["precisions_init"] = np.eye(4) if kind == "tied" else np.tile(np.eye(4), (3, 1, 1))
    row = np.full((1, 4), np.nan)
    with pytest.warns(Warning, match="did not converge"):
        plain = GaussianMixture(3, **start).fit(X)
    with pytest.warns(Warning, match="did not converge"):
        gaps = GaussianMixture(3, **start).fit(np.vstack([X, row]), sample_weight=np.append(np.ones(900), 1e-12))
    np.testing.assert_allclose(gaps.means_, plain.means_, atol=1e-6)
    np.testing.assert_allclose(gaps.covariances_, plain.covariances_, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_gaps_are_filled_better_than_by_the_mean(kind):
    Z = gappy()
    filled = GaussianMixture(3, covariance_type=kind, random_state=0).fit(Z).impute(Z)
    hidden = np.isnan(Z)
    np.testing.assert_array_equal(filled[~hidden], Z[~hidden])
    assert np.mean((filled - X)[hidden] ** 2) < 0.6 * np.mean((np.nanmean(Z, axis=0) - X)[hidden] ** 2)


@pytest.mark.parametrize("kind", KINDS)
def test_p_of_all_is_p_of_some_times_p_of_the_rest(kind):
    model = GaussianMixture(3, covariance_type=kind, random_state=0).fit(X)
    row = X[7]
    some, rest = model.marginal([2, 0]), model.condition({2: row[2], 0: row[0]})
    total = some.score_samples([row[[2, 0]]])[0] + rest.score_samples([row[[1, 3]]])[0]
    np.testing.assert_allclose(total, model.score_samples([row])[0], rtol=1e-8)
    Z = row.copy()
    Z[[1, 3]] = np.nan
    np.testing.assert_allclose(some.score_samples([row[[2, 0]]]), model.score_samples([Z]), rtol=1e-8)


def test_regression_is_the_mean_and_variance_of_the_condition():
    model = GaussianMixture(3, random_state=0).fit(pd.DataFrame(X, columns=list("abcd")))
    mean, variance = model.regress(X[:5][:, [0, 1]], ["a", "b"], ["d"])
    for i in range(5):
        rest = model.condition({"a": X[i, 0], "b": X[i, 1]})
        assert list(rest.feature_names_in_) == ["c", "d"]
        m = rest.weights_ @ rest.means_[:, 1]
        v = rest.weights_ @ (rest.covariances_[:, 1, 1] + rest.means_[:, 1] ** 2) - m**2
        np.testing.assert_allclose([mean[i, 0], variance[i, 0]], [m, v], rtol=1e-8)


def test_bad_questions():
    model = GaussianMixture(2, random_state=0).fit(X)
    for ask, message in [
        (lambda: model.condition({}), "at least one"),
        (lambda: model.condition({0: np.nan}), "finite"),
        (lambda: model.marginal(["a"]), "no column 'a'"),
        (lambda: model.marginal([0, 0]), "twice"),
        (lambda: model.regress(X[:, :1], [0], [0]), "different columns"),
        (lambda: model.regress(X, [0]), "4 columns for 1"),
    ]:
        with pytest.raises(ValueError, match=message):
            ask()
