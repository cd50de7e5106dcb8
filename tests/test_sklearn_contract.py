"""scikit-learn's contract: its own checks of an estimator, and the places where people put one."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import tacit

# name -> (arguments, a grid to search)
ESTIMATORS: dict[str, tuple[dict[str, object], dict[str, list[object]]]] = {
    "PCA": ({"n_components": 2}, {"n_components": [1, 2]}),
    "KMeans": ({"n_clusters": 3, "random_state": 0}, {"n_clusters": [2, 3]}),
    "PPCA": ({"n_components": 1, "tol": 1e-3}, {"n_components": [1, 2]}),
    "FactorAnalysis": ({"n_components": 1, "tol": 1e-3}, {"n_components": [1, 2]}),
    "BayesianGaussianMixture": ({"random_state": 0}, {"n_components": [1, 2]}),
    "MiniBatchKMeans": ({"n_clusters": 3, "random_state": 0}, {"n_clusters": [2, 3]}),
    "GaussianMixture": ({"random_state": 0}, {"covariance_type": ["diag", "tied"]}),
    "JointMixture": ({"random_state": 0}, {"n_components": [1, 2]}),
    "OutlierDetector": ({"contamination": 0.1, "random_state": 0}, {"support": [0.6, 0.9]}),
    "Autoencoder": ({"hidden_sizes": (4, 2), "epochs": 2, "random_state": 0}, {"learning_rate": [1e-3, 1e-2]}),
    "DenoisingAutoencoder": ({"hidden_sizes": (4, 2), "epochs": 2, "random_state": 0}, {"level": [0.1, 0.2]}),
    "MaskedAutoencoder": ({"hidden_sizes": (4, 2), "epochs": 2, "random_state": 0}, {"level": [0.2, 0.4]}),
    "StackedAutoencoder": (
        {"hidden_sizes": (4, 2), "pretrain_epochs": 1, "epochs": 2, "random_state": 0},
        {"learning_rate": [1e-3, 1e-2]},
    ),
    "RBM": ({"n_components": 3, "n_iter": 2, "random_state": 0}, {"learning_rate": [1e-3, 1e-2]}),
    "DBN": ({"hidden_sizes": (3, 2), "n_iter": 2, "random_state": 0}, {"learning_rate": [1e-3, 1e-2]}),
    "VAE": ({"hidden_sizes": (4, 2), "epochs": 2, "random_state": 0}, {"beta": [0.5, 1.0]}),
}
PRESENT = [name for name in ESTIMATORS if name in tacit.__all__]
CANNOT_PASS: dict[str, dict[str, str]] = {}  # name -> scikit-learn's checks that cannot pass, and why
every = pytest.mark.parametrize("name", PRESENT)
X = load_iris().data


def make(name: str):
    """An estimator as the tests use it."""
    return getattr(tacit, name)(**ESTIMATORS[name][0])


@parametrize_with_checks(
    [make(name) for name in PRESENT],
    expected_failed_checks=lambda estimator: CANNOT_PASS.get(type(estimator).__name__, {}),
)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


@every
def test_pipeline_and_grid_search(name):
    pipe = make_pipeline(StandardScaler(), make(name))
    grid = {f"{name.lower()}__{k}": v for k, v in ESTIMATORS[name][1].items()}
    search = GridSearchCV(pipe, grid, cv=2, error_score="raise").fit(X)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_estimator_[-1].n_features_in_ == X.shape[1]


@every
def test_clone_copies_the_arguments_and_nothing_learned(name):
    fitted = make(name).fit(X)
    twin = clone(fitted)
    assert twin.get_params() == make(name).get_params()
    assert not [k for k in vars(twin) if k.endswith("_")]


@every
def test_a_copy_through_pickle_answers_the_same(name):
    fitted = make(name).fit(X)
    twin = pickle.loads(pickle.dumps(fitted))
    verb = "transform" if hasattr(fitted, "transform") else "predict"
    np.testing.assert_array_equal(getattr(twin, verb)(X), getattr(fitted, verb)(X))


@pytest.mark.parametrize("name", [n for n in PRESENT if hasattr(getattr(tacit, n), "transform")])
def test_set_output_makes_tables(name):
    pd = pytest.importorskip("pandas")
    pl = pytest.importorskip("polars")
    frame = load_iris(as_frame=True).data
    plain = make(name).fit(X)
    columns = list(plain.get_feature_names_out())
    for kind, table in [("pandas", pd.DataFrame), ("polars", pl.DataFrame)]:
        estimator = make(name).set_output(transform=kind)
        out = estimator.fit(frame).transform(frame)
        assert isinstance(out, table)
        assert list(out.columns) == columns
        np.testing.assert_array_equal(np.asarray(out), plain.transform(X))
