"""How many Gaussians and of which kind: planted counts, long groups, no groups where there are none."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.datasets import load_iris, make_blobs
from sklearn.metrics import adjusted_rand_score

from tacit import select
from tacit.data.source import as_source
from tacit.mixture.gaussians import linked
from tacit.mixture.one_cloud import cloud_bic, normal_copula, scales, t_bic, t_copula

rng = np.random.default_rng(0)


def long_groups(seed):
    """Three groups, stretched alike in one direction, where k-means cuts across them."""
    X, y = make_blobs(400, centers=3, random_state=170 + seed)
    return X @ np.array([[0.6, -0.63], [-0.4, 0.85]]), y


@pytest.mark.parametrize("seed", [0, 3, 12])
def test_long_groups_are_found(seed):
    X, y = long_groups(seed)
    found = select(X, max_components=6)
    assert found.model.n_components == 3
    assert found.model.covariance_type == "tied"
    assert adjusted_rand_score(y, found.model.predict(X)) > 0.9
    assert found.model.bic(X) == pytest.approx(min(t.bic for t in found.tried), rel=1e-4)


@pytest.mark.parametrize("kind", ["one Gaussian", "uniform", "shuffled", "skewed", "skewed together", "heavy"])
def test_where_there_are_no_groups_the_answer_is_one(kind):
    X = {
        "one Gaussian": rng.normal(size=(300, 2)) @ rng.normal(size=(2, 2)),
        "uniform": rng.random((300, 2)),
        "shuffled": np.apply_along_axis(rng.permutation, 0, make_blobs(300, centers=3, random_state=1)[0]),
        "skewed": rng.exponential(size=(300, 2)),
        "skewed together": np.exp(rng.normal(size=(300, 1)) + 0.6 * rng.normal(size=(300, 3))),
        "heavy": rng.normal(size=(300, 2)) / np.sqrt(rng.chisquare(3, size=(300, 1)) / 3),
    }[kind]
    assert select(X, max_components=5, covariance_types=["full", "diag"]).model.n_components == 1


@pytest.mark.parametrize("criterion", ["bic", "aic", "icl", "held_out"])
def test_every_criterion_finds_groups_far_apart(criterion):
    X = np.concatenate([rng.normal(c, 1, (80, 2)) for c in ([0, 0], [9, 0], [0, 9])])
    found = select(X, max_components=4, criterion=criterion, covariance_types=["spherical"])
    assert found.model.n_components >= 3
    if criterion in ("bic", "icl"):
        assert found.model.n_components == 3


def test_a_few_rows_are_a_group_where_they_share_a_covariance_and_no_spike_elsewhere():
    g = np.random.default_rng(1)
    X = np.concatenate([g.normal(c, 1, (n, 4)) for c, n in ((0, 60), (7, 60), ([14, 0, 0, 0], 4))])
    assert select(X, n_components=3, covariance_types=["tied"]).model.weights_.min() < 5 / 124
    spike = np.concatenate([g.standard_t(2, (150, 2)), [[3.0, 3.0], [3.0 + 1e-9, 3.0 - 1e-9]]])
    for kind in ("full", "diag", "spherical"):
        found = select(spike, n_components=range(1, 5), covariance_types=[kind], one_cloud=False).model
        assert found.weights_.min() * len(spike) > 2.4


def test_order_and_weights_do_not_matter():
    X, _ = long_groups(1)
    a, b = (select(rows, max_components=4).model for rows in (X, X[rng.permutation(len(X))]))
    np.testing.assert_allclose(np.sort(a.means_, 0), np.sort(b.means_, 0), rtol=1e-4)
    assert select(X, sample_weight=np.ones(len(X)), max_components=4).model.n_components == a.n_components


def test_one_cloud_has_the_likelihood_of_a_normal_where_it_is_one():
    X = rng.normal(size=(2000, 2)) @ np.array([[1.0, 0.7], [0.0, 0.5]])
    source = as_source(X)
    S = np.cov(X.T, ddof=0)
    log_likelihood = -0.5 * len(X) * (2 * np.log(2 * np.pi) + np.linalg.slogdet(S)[1] + 2)
    assert cloud_bic(source, 3, 1e-6, rng) == pytest.approx(-2 * log_likelihood + 5 * np.log(2000), abs=2)


@pytest.mark.parametrize("ν", [3.0, 8.0])
def test_a_copula_joins_its_margins_to_the_density_of_a_t(ν):
    R = np.array([[1.0, 0.6], [0.6, 1.0]])
    y = stats.multivariate_t(None, R, ν).rvs(50, random_state=0)
    z = stats.norm.ppf(stats.t(ν).cdf(y))
    found = t_copula(z, R, ν) + stats.t(ν).logpdf(y).sum(axis=1)
    np.testing.assert_allclose(found, stats.multivariate_t(None, R, ν).logpdf(y), rtol=1e-6, atol=1e-6)
    whole = normal_copula(y, R) + stats.norm.logpdf(y).sum(axis=1)
    np.testing.assert_allclose(whole, stats.multivariate_normal(None, R).logpdf(y))


def test_one_t_has_the_likelihood_of_a_t():
    x = stats.multivariate_t([1, 2], [[2, 0.5], [0.5, 1]], 5).rvs(1500, random_state=0)
    true = stats.multivariate_t([1, 2], [[2, 0.5], [0.5, 1]], 5).logpdf(x).sum()
    found = -0.5 * (t_bic(x, np.ones(1500)) - 6 * np.log(1500))
    assert true - 1 < found < true + 12  # a maximum, of six free numbers
    assert t_bic(x, np.full(1500, 2.0)) == pytest.approx(t_bic(np.repeat(x, 2, axis=0), np.ones(3000)))


@pytest.mark.parametrize("x", [np.exp(rng.normal(size=200)), rng.exponential(size=200) - 0.5], ids=["positive", "any"])
def test_a_bent_scale_is_a_change_of_variables(x):
    scale = scales(x, np.ones(200))
    assert len(scale) == 2  # a power is more normal
    y, log_slope, _ = scale[1]
    order = np.argsort(x)
    steps = np.diff(y[order]) / np.diff(x[order])
    middle = (log_slope[order][1:] + log_slope[order][:-1]) / 2
    near = np.diff(x[order]) < 0.05
    np.testing.assert_allclose(np.log(steps)[near], middle[near], atol=0.1)


def test_flowers_are_more_than_one_cloud():
    assert select(load_iris().data, max_components=4).model.n_components > 1


def test_cuts_of_the_tree_nest():
    cuts = linked(as_source(load_iris().data), range(1, 6), rng)
    for k in range(1, 6):
        assert len(np.unique(cuts[k][0])) == k
    for k in range(1, 5):
        assert all(len(np.unique(cuts[k][0][cuts[k + 1][0] == g])) == 1 for g in range(k + 1))


def test_bad_arguments():
    X, _ = long_groups(0)
    for arguments, message in [
        ({"criterion": "dic"}, "criterion must be one of"),
        ({"covariance_types": ["round"]}, "covariance_types"),
        ({"max_components": 0}, "max_components"),
    ]:
        with pytest.raises(ValueError, match=message):
            select(X, **arguments)
