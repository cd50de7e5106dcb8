"""Variational mixtures: the bound rises, is a bound, and components that are not needed are emptied."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import gammaln
from scipy.stats import multivariate_t
from sklearn.datasets import load_iris
from sklearn.mixture import BayesianGaussianMixture as Peer

from tacit import BayesianGaussianMixture

rng = np.random.default_rng(0)
X = np.concatenate([rng.normal(c, 1, (150, 2)) for c in ([0, 0], [6, 0], [0, 6])])
IRIS = load_iris().data


@pytest.mark.parametrize("kind", ["full", "tied", "diag", "spherical"])
@pytest.mark.parametrize("prior", ["dirichlet_process", "dirichlet_distribution"])
@pytest.mark.parametrize("rows", [X, IRIS], ids=["blobs", "iris"])
def test_the_bound_rises(kind, prior, rows):
    model = BayesianGaussianMixture(
        6, covariance_type=kind, weight_concentration_prior_type=prior, random_state=0, max_iter=400, tol=1e-6
    )
    model.fit(rows)
    assert (np.diff(model.history_) >= -1e-9).all()
    assert model.weights_.sum() == pytest.approx(1)
    assert (np.linalg.eigvalsh(model._dense()) > 0).all()


@pytest.mark.parametrize("prior", ["dirichlet_process", "dirichlet_distribution"])
def test_components_that_are_not_needed_are_emptied(prior):
    model = BayesianGaussianMixture(
        8, weight_concentration_prior_type=prior, random_state=0, max_iter=1000, tol=1e-7
    ).fit(X)
    assert model.n_components_used_ == 3
    used = np.sort(model.weights_)[-3:]
    np.testing.assert_allclose(used, 1 / 3, atol=0.02)


def test_one_component_has_the_exact_evidence():
    """With K = 1 the posterior factorises as q does: the bound is log p(X), a closed form."""
    d, n = 2, 40
    x = X[:n]
    model = BayesianGaussianMixture(
        1, covariance_prior=np.eye(2), mean_prior=np.zeros(2), mean_precision_prior=0.5, degrees_of_freedom_prior=3.0,
        reg_covar=1e-12, tol=0, max_iter=3,
    )  # fmt: skip
    with pytest.warns(Warning, match="did not converge"):
        model.fit(x)
    # the product of predictive Student densities (Murphy 2012, equation 4.222)
    log_p, β, ν, m, scatter = 0.0, 0.5, 3.0, np.zeros(d), np.eye(d)
    for row in x:
        shape = scatter * (β + 1) / (β * (ν - d + 1))
        log_p += multivariate_t(m, shape, ν - d + 1).logpdf(row)
        scatter = scatter + β / (β + 1) * np.outer(row - m, row - m)
        m, β, ν = (β * m + row) / (β + 1), β + 1, ν + 1
    assert model.lower_bound_ * n == pytest.approx(log_p, rel=1e-9)
    assert gammaln(ν) > 0
    np.testing.assert_allclose(model.means_[0], m)
    np.testing.assert_allclose(model.covariances_[0], scatter / ν, rtol=1e-9)


def test_one_component_of_the_other_kinds_has_the_exact_evidence():
    def fitted(kind, d, **prior):
        model = BayesianGaussianMixture(
            1, covariance_type=kind, mean_prior=np.ones(d), mean_precision_prior=0.5, degrees_of_freedom_prior=3.0,
            reg_covar=1e-300, tol=0, max_iter=3, **prior,
        )  # fmt: skip
        with pytest.warns(Warning, match="did not converge"):
            return model.fit(X[:40, :d])

    S = np.array([[2.0, 0.5], [0.5, 1.0]])
    tied, full = fitted("tied", 2, covariance_prior=S), fitted("full", 2, covariance_prior=S)
    assert tied.lower_bound_ == pytest.approx(full.lower_bound_)
    np.testing.assert_allclose(tied.covariances_, full.covariances_[0])
    # λ ~ Gamma(a, b), μ | λ ~ N(m, (βλ)⁻¹ I): Bernardo and Smith 2000, appendix A, for d numbers a row
    x, n, d, β, s = X[:40], 40, 2, 0.5, 0.7
    found = fitted("spherical", 2, covariance_prior=s)
    a, b, mean = d * 3.0 / 2, d * s / 2, x.mean(axis=0)
    an = a + n * d / 2
    bn = b + 0.5 * (((x - mean) ** 2).sum() + β * n / (β + n) * ((mean - 1) ** 2).sum())
    log_p = gammaln(an) - gammaln(a) + a * np.log(b) - an * np.log(bn)
    log_p += d / 2 * np.log(β / (β + n)) - n * d / 2 * np.log(2 * np.pi)
    assert found.lower_bound_ * n == pytest.approx(log_p, rel=1e-9)
    assert found.covariances_[0] == pytest.approx(bn / an)
    np.testing.assert_allclose(fitted("diag", 1, covariance_prior=[s]).lower_bound_,
                               fitted("spherical", 1, covariance_prior=s).lower_bound_)  # fmt: skip


@pytest.mark.parametrize("kind", ["tied", "spherical"])
def test_shared_and_round_components_are_emptied_too(kind):
    model = BayesianGaussianMixture(8, covariance_type=kind, random_state=0, max_iter=1000, tol=1e-7).fit(X)
    assert model.n_components_used_ == 3
    assert model.covariances_.shape == {"tied": (2, 2), "spherical": (8,)}[kind]


def test_scikit_learn_learns_the_same():
    start = {"covariance_type": "full", "max_iter": 2000, "tol": 1e-9, "reg_covar": 1e-9, "random_state": 0}
    ours, peer = BayesianGaussianMixture(3, **start).fit(X), Peer(n_components=3, **start).fit(X)
    a, b = ours.means_[:, 0].argsort(), peer.means_[:, 0].argsort()
    np.testing.assert_allclose(ours.means_[a], peer.means_[b], atol=0.02)
    np.testing.assert_allclose(ours.covariances_[a], peer.covariances_[b], rtol=0.05, atol=0.02)


def test_gaps_leave_the_bound_rising_and_the_variances_as_they_are():
    g = np.random.default_rng(0)
    whole = np.concatenate([g.normal(c, 1, (200, 3)) for c in ([0, 0, 0], [6, 6, 6], [6, 0, 3])])
    rows = np.where(g.random(whole.shape) < 0.3, np.nan, whole)
    model = BayesianGaussianMixture(5, covariance_type="diag", random_state=0, max_iter=500, tol=1e-7).fit(rows)
    assert (np.diff(model.history_) >= -1e-9).all()
    assert model.n_components_used_ == 3
    assert model.mean_precision_.shape == (5, 3)
    np.testing.assert_allclose(model.covariances_[model.weights_ > 0.1], 1, atol=0.5)


def test_one_component_with_gaps_has_the_exact_evidence():
    """Columns are then normal-gamma models of their own cells: log p is the sum of theirs."""
    rows = np.where(np.random.default_rng(0).random((60, 2)) < 0.3, np.nan, X[:60])
    prior = {"mean_prior": np.zeros(2), "mean_precision_prior": 0.5, "degrees_of_freedom_prior": 3.0}
    with pytest.warns(Warning, match="did not converge"):
        both = BayesianGaussianMixture(
            1, covariance_type="diag", covariance_prior=[0.7, 0.9], reg_covar=1e-300, tol=0, max_iter=4, **prior
        ).fit(rows)
    total = 0.0
    for j, s in enumerate([0.7, 0.9]):
        x = rows[~np.isnan(rows[:, j]), j]
        n, a, b = len(x), 1.5, s / 2
        an, bn = a + n / 2, b + 0.5 * (((x - x.mean()) ** 2).sum() + 0.5 * n / (0.5 + n) * x.mean() ** 2)
        total += gammaln(an) - gammaln(a) + a * np.log(b) - an * np.log(bn)
        total += 0.5 * np.log(0.5 / (0.5 + n)) - n / 2 * np.log(2 * np.pi)
    assert both.lower_bound_ * 60 == pytest.approx(total, rel=1e-9)


def test_gaps_and_questions():
    Z = X.copy()
    Z[::7, 1] = np.nan
    model = BayesianGaussianMixture(4, covariance_type="diag", random_state=0, max_iter=500).fit(Z)
    assert np.isfinite(model.score_samples(Z)).all()
    assert model.condition({0: 6.0}).means_.shape == (4, 1)
    with pytest.raises(ValueError, match="contains NaN"):
        BayesianGaussianMixture(2).fit(Z)
    for bad, message in [
        ({"degrees_of_freedom_prior": 0.5}, "degrees_of_freedom_prior"),
        ({"covariance_prior": -np.eye(2)}, "positive definite"),
        ({"mean_prior": [0.0]}, "means"),
        ({"covariance_type": "round"}, "covariance_type"),
        ({"weight_concentration_prior": 0}, "weight_concentration_prior"),
    ]:
        with pytest.raises(ValueError, match=message):
            BayesianGaussianMixture(2, **bad).fit(X)
