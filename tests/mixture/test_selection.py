"""How many Gaussians and of which kind: planted counts, long groups, no groups where there are none."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_iris, make_blobs
from sklearn.metrics import adjusted_rand_score

from tacit import select
from tacit.data.source import as_source
from tacit.mixture.gaussians import linked
from tacit.mixture.one_cloud import cloud_bic

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


@pytest.mark.parametrize("kind", ["one Gaussian", "uniform", "shuffled", "skewed"])
def test_where_there_are_no_groups_the_answer_is_one(kind):
    X = {
        "one Gaussian": rng.normal(size=(300, 2)) @ rng.normal(size=(2, 2)),
        "uniform": rng.random((300, 2)),
        "shuffled": np.apply_along_axis(rng.permutation, 0, make_blobs(300, centers=3, random_state=1)[0]),
        "skewed": rng.exponential(size=(300, 2)),
    }[kind]
    assert select(X, max_components=5, covariance_types=["full", "diag"]).model.n_components == 1


@pytest.mark.parametrize("criterion", ["bic", "aic", "icl", "held_out"])
def test_every_criterion_finds_groups_far_apart(criterion):
    X = np.concatenate([rng.normal(c, 1, (80, 2)) for c in ([0, 0], [9, 0], [0, 9])])
    found = select(X, max_components=4, criterion=criterion, covariance_types=["spherical"])
    assert found.model.n_components >= 3
    if criterion in ("bic", "icl"):
        assert found.model.n_components == 3


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
