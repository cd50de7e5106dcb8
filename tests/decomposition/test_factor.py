"""PPCA and factor analysis: EM and the closed form agree, gaps cost what they hide, scikit-learn as a reference."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from sklearn.datasets import load_wine
from sklearn.decomposition import FactorAnalysis as Peer

from tacit import PCA, PPCA, FactorAnalysis
from tacit.data.source import as_source
from tacit.decomposition.linear import Linear, LinearParams, latent
from tacit.testing import check_latent_model

WINE = load_wine().data
X = (WINE - WINE.mean(axis=0)) / WINE.std(axis=0)


def gappy(share=0.2, seed=0):
    Z = X.copy()
    Z[np.random.default_rng(seed).random(X.shape) < share] = np.nan
    return Z


def test_em_finds_the_closed_form():
    closed, em = PPCA(3).fit(X), PPCA(3, method="em", tol=1e-12, max_iter=20_000).fit(X)
    np.testing.assert_allclose(em.get_covariance(), closed.get_covariance(), atol=1e-4)
    np.testing.assert_allclose(em.noise_variance_, closed.noise_variance_, rtol=1e-5)
    np.testing.assert_allclose(em.components_, closed.components_, atol=2e-3)
    np.testing.assert_allclose(em.score(X), closed.score(X), atol=1e-8)
    assert (np.diff(em.history_) >= -1e-12).all()


def test_the_closed_form_is_pca_with_the_divisor_n():
    ppca, pca = PPCA(2).fit(WINE), PCA(2).fit(WINE)
    ratio = (len(WINE) - 1) / len(WINE)
    np.testing.assert_allclose(ppca.explained_variance_, pca.explained_variance_ * ratio, rtol=1e-9)
    np.testing.assert_allclose(ppca.noise_variance_, pca.noise_variance_ * ratio, rtol=1e-9)
    unit = ppca.components_ / np.linalg.norm(ppca.components_, axis=1, keepdims=True)
    np.testing.assert_allclose(unit, pca.components_, atol=1e-9)


@pytest.mark.parametrize("model", [PPCA(2), FactorAnalysis(2)])
def test_the_density_is_that_of_the_observed_cells(model):
    Z = gappy()
    model.fit(Z)
    C = model.get_covariance()
    expected = [
        multivariate_normal(model.mean_[o], C[np.ix_(o, o)]).logpdf(row[o]) if o.any() else 0.0
        for row, o in ((row, ~np.isnan(row)) for row in Z)
    ]
    np.testing.assert_allclose(model.score_samples(Z), expected, rtol=1e-8)
    np.testing.assert_allclose(model.get_precision() @ C, np.eye(len(C)), atol=1e-8)


@pytest.mark.parametrize("model", [PPCA(3), FactorAnalysis(3)])
def test_gaps_are_filled_by_the_conditional_mean(model):
    Z = gappy()
    filled = model.fit(Z).impute(Z)
    seen = ~np.isnan(Z)
    np.testing.assert_array_equal(filled[seen], Z[seen])
    C, o = model.get_covariance(), seen[0]
    mean = model.mean_[~o] + C[np.ix_(~o, o)] @ np.linalg.solve(C[np.ix_(o, o)], Z[0, o] - model.mean_[o])
    np.testing.assert_allclose(filled[0, ~o], mean, rtol=1e-8)
    assert np.mean((filled - X)[~seen] ** 2) < 0.7 * np.mean(X[~seen] ** 2)


def test_factor_analysis_reaches_scikit_learns_likelihood():
    ours, peer = FactorAnalysis(3, tol=1e-9, max_iter=5000).fit(X), Peer(3, tol=1e-9, max_iter=20_000).fit(X)
    np.testing.assert_allclose(ours.score(X), peer.score(X), atol=1e-4)
    np.testing.assert_allclose(ours.get_covariance(), peer.get_covariance(), atol=0.01)
    assert (np.diff(ours.loglike_) >= -1e-8).all()


@pytest.mark.parametrize(("rotation", "gamma"), [("varimax", 1.0), ("quartimax", 0.0)])
def test_a_rotation_changes_the_factors_and_not_the_density(rotation, gamma):
    plain, turned = FactorAnalysis(3).fit(X), FactorAnalysis(3, rotation=rotation).fit(X)
    np.testing.assert_allclose(turned.get_covariance(), plain.get_covariance(), atol=1e-9)

    def simple(W):  # Σ w⁴ - γ/d Σ_k (Σ_j w²)²
        return (W**4).sum() - gamma / len(W) * ((W**2).sum(axis=0) ** 2).sum()

    best = simple(turned.components_.T)
    turns = [np.linalg.qr(np.random.default_rng(s).normal(size=(3, 3)))[0] for s in range(200)]
    assert best >= max(simple(plain.components_.T @ Q) for Q in turns) - 1e-9


def test_units_of_columns_do_not_change_the_factors():
    scale = 10.0 ** np.arange(-3, 10)
    a, b = FactorAnalysis(2).fit(X), FactorAnalysis(2).fit(X * scale)
    np.testing.assert_allclose(b.get_covariance() / np.outer(scale, scale), a.get_covariance(), atol=1e-3)


@pytest.mark.parametrize("isotropic", [True, False])
@pytest.mark.parametrize("rows", [X[:60], gappy()[:60]], ids=["complete", "gaps"])
def test_the_laws_of_a_latent_model(isotropic, rows):
    model = Linear(2, isotropic, np.full(X.shape[1], 1e-9))
    check_latent_model(model, as_source(rows, gaps=True))


def test_weights_are_repetitions():
    w = np.random.default_rng(0).integers(0, 3, len(X))
    for make in (lambda: PPCA(2), lambda: PPCA(2, method="em"), lambda: FactorAnalysis(2)):
        a, b = make().fit(X, sample_weight=w), make().fit(np.repeat(X, w, axis=0))
        np.testing.assert_allclose(a.get_covariance(), b.get_covariance(), atol=1e-6)


def test_a_row_without_cells_says_nothing():
    params = LinearParams(np.zeros(3), np.ones((3, 1)), np.ones(3))
    q = latent(params, as_source([[np.nan] * 3, [1.0, np.nan, 2.0]], gaps=True).block)
    assert q.log_prob[0] == 0
    assert q.mean[0] == 0
    assert q.cov[0, 0, 0] == 1


def test_bad_input():
    Z = gappy()
    Z[:, 3] = np.nan
    with pytest.raises(ValueError, match="column 3 has no observed value"):
        PPCA(2).fit(Z)
    with pytest.raises(ValueError, match="less than the number of columns"):
        PPCA(13).fit(X)
    with pytest.raises(ValueError, match="rotation"):
        FactorAnalysis(2, rotation="promax").fit(X)


def test_samples_have_the_moments_of_the_density():
    model = PPCA(2).fit(X)
    drawn = model.sample(50_000)
    np.testing.assert_allclose(np.cov(drawn.T), model.get_covariance(), atol=0.06)
    np.testing.assert_allclose(model.inverse_transform(np.zeros((1, 2)))[0], model.mean_)
