"""GaussianMixture: laws of the fit and of the density, and parity with scikit-learn from the same start."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture as Peer

from tacit import GaussianMixture, KMeans
from tacit.errors import ArgumentError, RepairWarning

TYPES = ["full", "tied", "diag", "spherical"]
INITS = ["kmeans", "k-means++", "random", "random_from_data"]
types = pytest.mark.parametrize("kind", TYPES)
IRIS = load_iris().data


def groups(n: int = 300, d: int = 2, K: int = 3, *, apart: float = 4.0, seed: int = 0) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    z = rng.integers(K, size=n)
    return apart * rng.normal(size=(K, d))[z] + rng.normal(size=(n, d)) @ rng.normal(size=(d, d)), z


def start(x: np.ndarray, K: int, kind: str) -> dict[str, Any]:
    """A given start, the same for both libraries."""
    d, v = x.shape[1], x.var(axis=0).mean()
    precision = {
        "full": np.tile(np.eye(d) / v, (K, 1, 1)),
        "tied": np.eye(d) / v,
        "diag": np.full((K, d), 1 / v),
        "spherical": np.full(K, 1 / v),
    }[kind]
    rows = np.linspace(0, len(x) - 1, K).astype(int)
    return {"means_init": x[rows], "weights_init": np.full(K, 1 / K), "precisions_init": precision}


def fit(model: Any, x: Any, **arguments: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(x, **arguments)


def covariances(model: GaussianMixture) -> np.ndarray:
    """[K, d, d] whatever the type."""
    K, d = model.means_.shape
    return {
        "full": lambda c: c,
        "tied": lambda c: np.tile(c, (K, 1, 1)),
        "diag": lambda c: c[:, :, None] * np.eye(d),
        "spherical": lambda c: c[:, None, None] * np.eye(d),
    }[model.covariance_type](model.covariances_)


# Parity.


@types
@pytest.mark.parametrize("reg_covar", [0.0, 0.1])
def test_twenty_steps_equal_scikit_learns(kind: str, reg_covar: float) -> None:
    """With reg_covar the responsibilities differ by the penalty of the objective: to first order in reg_covar."""
    x, _ = groups(apart=2)
    arguments = dict(covariance_type=kind, max_iter=20, tol=0, reg_covar=reg_covar, **start(x, 3, kind))
    ours, theirs = fit(GaussianMixture(3, **arguments), x), fit(Peer(3, **arguments), x)
    tol = 1e-5 if reg_covar == 0 else 0.1
    for name in ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_"):
        a, b = getattr(ours, name), getattr(theirs, name)
        np.testing.assert_allclose(a, b, rtol=tol, atol=tol * np.abs(b).max())
    assert ours.score(x) == pytest.approx(theirs.score(x), abs=1e-6 if reg_covar == 0 else 1e-2)
    if reg_covar == 0:
        assert ours.bic(x) == pytest.approx(theirs.bic(x), rel=1e-6)
        assert ours.aic(x) == pytest.approx(theirs.aic(x), rel=1e-6)
        np.testing.assert_allclose(ours.score_samples(x), theirs.score_samples(x), atol=1e-4)
        np.testing.assert_allclose(ours.predict_proba(x), theirs.predict_proba(x), atol=1e-4)
        np.testing.assert_array_equal(ours.predict(x), theirs.predict(x))
        np.testing.assert_allclose(ours.history_[:-1], theirs.lower_bounds_, atol=1e-6)


@types
@pytest.mark.parametrize("init", INITS)
def test_every_start_reaches_an_optimum_as_good_as_scikit_learns(kind: str, init: str) -> None:
    x, _ = groups(400, apart=8, seed=1)
    ours = fit(GaussianMixture(3, covariance_type=kind, init_params=init, n_init=4, random_state=0, tol=1e-6), x)
    theirs = fit(Peer(3, covariance_type=kind, init_params=init, n_init=4, random_state=0, tol=1e-6), x)
    assert ours.lower_bound_ > theirs.lower_bound_ - 0.01


# Laws of the fit.


@given(
    st.integers(0, 10**6), st.integers(4, 40), st.integers(1, 3), st.integers(1, 4),
    st.sampled_from(TYPES), st.sampled_from([1e-6, 0.01, 0.5]), st.sampled_from(INITS),
)  # fmt: skip
def test_the_objective_never_falls(seed: int, n: int, d: int, K: int, kind: str, reg_covar: float, init: str) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d)) * rng.uniform(0.1, 10, d)
    model = GaussianMixture(
        K, covariance_type=kind, reg_covar=reg_covar, max_iter=30, tol=0, init_params=init, random_state=seed
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(x)
    history = np.array(model.history_)
    moved = {step for step, _ in model.repairs_}
    falls = [i for i in range(1, len(history)) if history[i] < history[i - 1] - 1e-6 * (1 + abs(history[i - 1]))]
    assert set(falls) <= moved


@types
@pytest.mark.parametrize("max_iter", [0, 1, 7, 200])
def test_the_reported_objective_is_that_of_the_returned_parameters(kind: str, max_iter: int) -> None:
    x, _ = groups(apart=1.5)
    model = fit(GaussianMixture(3, covariance_type=kind, max_iter=max_iter, reg_covar=0.3, random_state=0), x)
    Σ = covariances(model)
    joint = np.stack(
        [
            np.log(π) + multivariate_normal(μ, S).logpdf(x) - 0.5 * 0.3 * np.trace(np.linalg.inv(S))
            for π, μ, S in zip(model.weights_, model.means_, Σ)
        ],
        axis=1,
    )
    assert model.lower_bound_ == pytest.approx(logsumexp(joint, axis=1).mean(), rel=1e-7)
    assert model.history_[-1] == model.lower_bound_
    assert len(model.lower_bounds_) == model.n_iter_ == len(model.history_) - 1
    A = np.linalg.inv(np.linalg.cholesky(Σ))
    precisions = {
        "full": Σ, "tied": Σ[0], "diag": Σ.diagonal(axis1=1, axis2=2), "spherical": Σ[:, 0, 0]
    }[kind]  # fmt: skip
    if kind in ("full", "tied"):
        np.testing.assert_allclose(model.precisions_, np.linalg.inv(precisions), rtol=1e-8, atol=1e-10)
        np.testing.assert_allclose(model.precisions_cholesky_, np.swapaxes(A, 1, 2)[0 if kind == "tied" else ...])
    else:
        np.testing.assert_allclose(model.precisions_, 1 / precisions)


@types
@pytest.mark.parametrize("init", INITS)
def test_weight_two_is_the_row_twice_and_weight_zero_the_row_absent(kind: str, init: str) -> None:
    x, _ = groups(150)
    w = np.random.default_rng(0).integers(0, 4, 150)
    arguments = dict(covariance_type=kind, init_params=init, random_state=0, max_iter=15, tol=0)
    a = fit(GaussianMixture(3, **arguments), x, sample_weight=w)
    b = fit(GaussianMixture(3, **arguments), np.repeat(x, w, axis=0))
    np.testing.assert_allclose(a.means_, b.means_, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(a.covariances_, b.covariances_, rtol=1e-6, atol=1e-8)
    assert a.lower_bound_ == pytest.approx(b.lower_bound_, rel=1e-8)


@types
@pytest.mark.parametrize("init", INITS)
def test_the_order_of_rows_does_not_matter(kind: str, init: str) -> None:
    x, _ = groups(200)
    order = np.random.default_rng(1).permutation(200)
    arguments = dict(covariance_type=kind, init_params=init, random_state=3, max_iter=15, tol=0)
    a, b = fit(GaussianMixture(3, **arguments), x), fit(GaussianMixture(3, **arguments), x[order])
    np.testing.assert_allclose(a.means_, b.means_, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(a.predict_proba(x)[order], b.predict_proba(x[order]), atol=1e-6)


@types
def test_shifted_and_scaled_data_shift_and_scale_the_answer(kind: str) -> None:
    x, _ = groups(apart=2)
    shift, scale = np.array([100.0, -50.0]), 3.0
    a = fit(GaussianMixture(3, covariance_type=kind, reg_covar=0, max_iter=20, tol=0, random_state=0), x)
    given = dict(weights_init=a.weights_, means_init=a.means_ * scale + shift, precisions_init=a.precisions_ / scale**2)
    b = fit(GaussianMixture(3, covariance_type=kind, reg_covar=0, max_iter=0, tol=0, **given), x * scale + shift)
    assert b.lower_bound_ == pytest.approx(a.lower_bound_ - 2 * np.log(scale), abs=1e-9)
    c = fit(GaussianMixture(3, covariance_type=kind, reg_covar=0, max_iter=9, tol=0, **given), x * scale + shift)
    given = dict(weights_init=a.weights_, means_init=a.means_, precisions_init=a.precisions_)
    e = fit(GaussianMixture(3, covariance_type=kind, reg_covar=0, max_iter=9, tol=0, **given), x)
    np.testing.assert_allclose(c.means_, e.means_ * scale + shift, rtol=1e-7)
    np.testing.assert_allclose(c.covariances_, e.covariances_ * scale**2, rtol=1e-6, atol=1e-9)


@types
@pytest.mark.parametrize("far", [1e4, 1e6])
def test_single_precision_far_from_the_origin(kind: str, far: float) -> None:
    """Against the same float32 rows in float64: the rows themselves are rounded to far · 6e-8."""
    rng = np.random.default_rng(0)
    x = (far + 20 * rng.integers(2, size=(800, 1)) + rng.normal(size=(800, 2))).astype(np.float32)
    single = fit(GaussianMixture(2, covariance_type=kind, random_state=0), x)
    double = fit(GaussianMixture(2, covariance_type=kind, random_state=0), x.astype(np.float64))
    a, b = np.argsort(single.means_[:, 0]), np.argsort(double.means_[:, 0])
    assert (np.diagonal(covariances(single), axis1=1, axis2=2) > 0).all()
    np.testing.assert_allclose(covariances(single)[a], covariances(double)[b], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(single.means_[a] - far, double.means_[b] - far, atol=1e-4)
    assert single.score(x) == pytest.approx(double.score(x), abs=1e-3)


def test_the_same_seed_gives_the_same_bits() -> None:
    x, _ = groups(500, 4, 3)
    a, b = (fit(GaussianMixture(3, random_state=7, max_iter=5), x) for _ in range(2))
    assert a.means_.tobytes() == b.means_.tobytes()
    assert a.sample(50)[0].tobytes() == b.sample(50)[0].tobytes()


# Laws of the density.


@types
def test_the_density_integrates_to_one(kind: str) -> None:
    for d in (1, 2):
        x, _ = groups(200, d, 2, apart=2)
        model = fit(GaussianMixture(2, covariance_type=kind, random_state=0), x)
        low, high = x.min() - 15, x.max() + 15
        t, h = np.linspace(low, high, 1200 if d == 2 else 20000, retstep=True)
        grid = t[:, None] if d == 1 else np.stack(np.meshgrid(t, t), axis=-1).reshape(-1, 2)
        assert np.exp(model.score_samples(grid)).sum() * h**d == pytest.approx(1, abs=1e-4)


@types
def test_fitting_a_sample_recovers_the_parameters(kind: str) -> None:
    x, _ = groups(300, 2, 2, apart=8, seed=3)
    true = fit(GaussianMixture(2, covariance_type=kind, random_state=0), x)
    rows, z = true.sample(20000)
    assert (np.diff(z) >= 0).all()
    again = fit(GaussianMixture(2, covariance_type=kind, init=true), rows)
    scale = np.sqrt(np.abs(covariances(true)).max())
    np.testing.assert_allclose(again.weights_, true.weights_, atol=0.015)
    np.testing.assert_allclose(again.means_, true.means_, atol=0.05 * scale)
    np.testing.assert_allclose(covariances(again), covariances(true), atol=0.06 * scale**2)
    assert np.bincount(z)[0] / 20000 == pytest.approx(true.weights_[0], abs=0.015)


def test_posterior_and_information_criteria_by_their_formulas() -> None:
    model = fit(GaussianMixture(3, random_state=0), IRIS)
    r, lp = model.predict_proba(IRIS), model.score_samples(IRIS)
    np.testing.assert_allclose(r.sum(axis=1), 1)
    ν = 3 * 4 + 3 * 10 + 2
    assert model.bic(IRIS) == pytest.approx(-2 * lp.sum() + ν * np.log(150))
    assert model.aic(IRIS) == pytest.approx(-2 * lp.sum() + 2 * ν)
    assert model.icl(IRIS) == pytest.approx(model.bic(IRIS) - 2 * (r * np.log(np.maximum(r, 1e-300))).sum())
    np.testing.assert_array_equal(model.predict(IRIS), r.argmax(axis=1))
    assert model.score(IRIS, sample_weight=np.arange(150)) == pytest.approx(np.average(lp, weights=np.arange(150)))


# What scikit-learn does not have.


@types
def test_all_components_known_gives_the_closed_form_in_one_step(kind: str) -> None:
    x, z = groups(120)
    w = np.random.default_rng(0).uniform(0.5, 2, 120)
    model = GaussianMixture(3, covariance_type=kind, reg_covar=0).fit(x, sample_weight=w, known=z)
    assert model.converged_
    assert model.n_iter_ == 1
    N = np.bincount(z, weights=w)
    μ = np.stack([np.average(x[z == k], axis=0, weights=w[z == k]) for k in range(3)])
    S = np.stack([(w[z == k, None] * (x[z == k] - μ[k])).T @ (x[z == k] - μ[k]) for k in range(3)])
    answer = {
        "full": S / N[:, None, None],
        "tied": S.sum(axis=0) / w.sum(),
        "diag": np.diagonal(S, axis1=1, axis2=2) / N[:, None],
        "spherical": np.trace(S, axis1=1, axis2=2) / N / 2,
    }[kind]
    np.testing.assert_allclose(model.weights_, N / N.sum())
    np.testing.assert_allclose(model.means_, μ)
    np.testing.assert_allclose(model.covariances_, answer, rtol=1e-9)


@pytest.mark.parametrize("init", INITS)
def test_some_known_components_name_the_groups(init: str) -> None:
    x, z = groups(300, apart=10, seed=1)
    known = np.full(300, -1)
    for k in range(3):
        known[np.flatnonzero(z == k)[:5]] = k
    model = fit(GaussianMixture(3, init_params=init, random_state=0), x, known=known)
    assert (model.predict(x) == z).mean() > 0.97
    known[z == 2] = -1  # the third group has no name: it gets the number that is left
    model = fit(GaussianMixture(3, random_state=0), x, known=known)
    assert (model.predict(x) == z).mean() > 0.97


def test_y_is_ignored() -> None:
    a = GaussianMixture(2, random_state=0).fit(IRIS, np.arange(150))
    np.testing.assert_array_equal(a.means_, GaussianMixture(2, random_state=0).fit(IRIS).means_)


def test_init_goes_on_from_a_fitted_model() -> None:
    first = fit(GaussianMixture(3, max_iter=3, random_state=0), IRIS)
    more = GaussianMixture(3, init=first, max_iter=0).fit(IRIS)
    assert more.lower_bound_ == pytest.approx(first.lower_bound_, rel=1e-12)
    assert clone(GaussianMixture(3, init=first)).init is first
    clusters = KMeans(3, random_state=0).fit(IRIS)
    model = fit(GaussianMixture(3, init=clusters, max_iter=0), IRIS)
    np.testing.assert_allclose(np.sort(model.means_[:, 0]), np.sort(clusters.cluster_centers_[:, 0]), rtol=1e-9)
    with pytest.raises(ArgumentError, match="init must be"):
        GaussianMixture(2, init=first).fit(IRIS)


def test_warm_start_goes_on_and_forgets_the_old_objective() -> None:
    model = GaussianMixture(3, warm_start=True, max_iter=1, tol=0, random_state=0)
    bounds = [fit(model, IRIS).lower_bound_ for _ in range(6)]
    once = fit(GaussianMixture(3, max_iter=6, tol=0, random_state=0), IRIS)
    np.testing.assert_allclose(bounds, once.history_[1:], rtol=1e-9)
    model.set_params(max_iter=100, tol=1e-4)
    fit(model, IRIS + 0.2)  # other data: the old objective means nothing for them
    assert model.n_iter_ > 0


# Awkward data.


@pytest.mark.parametrize("kind", ["full", "diag", "spherical"])
def test_collapsing_components_are_repaired_and_reported(kind: str) -> None:
    x = np.concatenate([np.zeros((30, 2)), np.ones((30, 2)), np.random.default_rng(0).normal(5, 1, (60, 2))])
    model = GaussianMixture(6, covariance_type=kind, reg_covar=0, random_state=0, max_iter=20)  # type: ignore[arg-type]
    with pytest.warns(RepairWarning):
        fit(model, x)
    assert model.repairs_
    assert np.isfinite(model.lower_bound_)
    assert np.isfinite(model.means_).all()
    assert (np.linalg.eigvalsh(covariances(model)) > 0).all()
    assert model.weights_.sum() == pytest.approx(1)


@types
@pytest.mark.parametrize(
    "x",
    [
        np.ones((20, 3)),
        np.eye(3)[np.random.default_rng(0).integers(3, size=40)],
        np.column_stack([np.arange(30.0), np.full(30, 7.0)]),
        np.arange(12).reshape(6, 2),
        np.random.default_rng(0).normal(size=(40, 2)).astype(np.float16),
        np.random.default_rng(0).normal(size=(40, 2)) * 1e18,
        (np.random.default_rng(0).normal(size=(40, 2)) * 1e18).astype(np.float32),
        (np.random.default_rng(0).normal(size=(40, 2)) * 1e-18).astype(np.float32),
        np.zeros((1, 2)),
    ],
    ids=[
        "constant",
        "one-hot",
        "constant column",
        "integers",
        "half",
        "1e18",
        "1e18 single",
        "1e-18 single",
        "one row",
    ],
)
@pytest.mark.parametrize("reg_covar", [0.0, 1e-6])
def test_legal_but_awkward_data_never_crash(kind: str, x: np.ndarray, reg_covar: float) -> None:
    K = min(2, len(x))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = GaussianMixture(K, covariance_type=kind, reg_covar=reg_covar, random_state=0, max_iter=10).fit(x)
    assert np.isfinite(model.means_).all()
    assert np.isfinite(model.lower_bound_)
    assert np.isfinite(model.score_samples(x)).all()
    assert np.isfinite(model.predict_proba(x)).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_components": 0}, "n_components"),
        ({"covariance_type": "round"}, "covariance_type"),
        ({"reg_covar": -1}, "reg_covar"),
        ({"n_components": 200}, r"Expected n_samples >= n_components but got n_components = 200, n_samples = 150"),
        ({"n_components": 2, "weights_init": [0.5, 0.6]}, "should be normalized"),
        ({"n_components": 2, "means_init": [[0.0]]}, r"'means' should have the shape of \(2, 4\), but got \(1, 1\)"),
        ({"n_components": 1, "precisions_init": -np.eye(4)[None]}, "symmetric, positive-definite"),
    ],
)
def test_bad_arguments_are_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        GaussianMixture(**arguments).fit(IRIS)


def test_known_must_be_component_numbers() -> None:
    with pytest.raises(ArgumentError, match="known must hold component numbers 0 to 1"):
        GaussianMixture(2).fit(IRIS, known=np.full(150, 2))
