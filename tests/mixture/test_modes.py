"""Groups of several components: by the hills of the density, and by their entropy."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import make_moons
from sklearn.metrics import adjusted_rand_score as agreement

from tacit import GaussianMixture, select
from tacit.errors import ArgumentError
from tacit.mixture import combine, modal
from tacit.mixture.modes import climb

rng = np.random.default_rng(0)
CORES = np.concatenate([rng.normal(size=(300, 2)) * s + c for c in (0, 5) for s in (0.15, 1.2)])
WHERE = np.repeat([0, 1], 600)


@pytest.mark.parametrize("kind", ["full", "tied", "diag", "spherical"])
def test_the_ascent_never_falls_and_ends_where_the_density_is_flat(kind):
    model = GaussianMixture(3, covariance_type=kind, random_state=0).fit(CORES)
    x, height = CORES[::40].copy(), model.score_samples(CORES[::40])
    for _ in range(30):
        x = climb(model, x, steps=1)
        now = model.score_samples(x)
        assert (now >= height - 1e-9).all()
        height = now
    top = climb(model, CORES[:5], steps=5000, tol=1e-9)
    ε = 1e-5
    slope = [(model.score_samples(top + ε * e) - model.score_samples(top - ε * e)) / (2 * ε) for e in np.eye(2)]
    np.testing.assert_allclose(slope, 0, atol=1e-3)


def test_a_core_and_its_halo_are_one_hill():
    density = select(CORES, n_components=range(2, 6), covariance_types=["spherical"], one_cloud=False).model
    assert density.n_components > 2
    hills = modal(density, CORES, 2)
    assert agreement(hills.predict(CORES), WHERE) > 0.95
    assert len(hills.modes) == len(hills.group)


def test_moons_are_two_groups_of_many_components():
    X, y = make_moons(600, noise=0.05, random_state=0)
    density = GaussianMixture(8, random_state=0).fit(X)
    for groups in (combine(density, X, 2), modal(density, X, 2)):
        assert agreement(groups.predict(X), y) > 0.95


def test_uniting_lowers_the_entropy_and_keeps_probabilities():
    X, _ = make_moons(300, noise=0.1, random_state=0)
    density = GaussianMixture(6, random_state=0).fit(X)
    groups = combine(density, X, 3)
    assert (np.diff(groups.entropy) >= -1e-9).all()  # fewer groups, less doubt
    assert groups.entropy[0] == pytest.approx(0, abs=1e-9)
    np.testing.assert_allclose(groups.predict_proba(X).sum(axis=1), 1)
    assert sorted(set(groups.group)) == [0, 1, 2]
    np.testing.assert_array_equal(combine(density, X, 6).predict_proba(X).argmax(1), groups_of_one(density, X))
    twice = combine(density, np.repeat(X, 2, axis=0), 3)
    weighted = combine(density, X, 3, sample_weight=np.full(300, 2.0))
    np.testing.assert_allclose(twice.entropy, weighted.entropy)


def groups_of_one(density, X):
    order = np.argsort(-density.weights_, kind="stable")
    return np.argsort(order)[density.predict(X)]


def test_too_many_groups_are_refused():
    density = GaussianMixture(2, random_state=0).fit(CORES)
    for unite in (combine, modal):
        for wrong in (0, 3):
            with pytest.raises(ArgumentError, match="n_groups must be from 1 to"):
                unite(density, CORES, wrong)


def test_select_tries_the_numbers_that_are_said():
    found = select(CORES, n_components=[2, 3], covariance_types=["spherical"])
    assert sorted({t.n_components for t in found.tried}) == [2, 3]
    assert found.cloud_bic is None  # one was not to be had
    assert select(CORES, n_components=2, criterion="icl").model.n_components == 2
    for wrong in (0, [], [1.5], "2"):
        with pytest.raises(ArgumentError, match="integers of at least 1"):
            select(CORES, n_components=wrong)
