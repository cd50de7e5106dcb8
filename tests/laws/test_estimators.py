"""What holds for every estimator: threads, order, weights, precision, manners, awkward but legal data, bad input."""

from __future__ import annotations

import copy
import inspect
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from threadpoolctl import threadpool_limits

import tacit
from tacit.errors import TacitWarning

MODELS = {
    "k-means": lambda **kw: tacit.KMeans(**{"n_clusters": 3, "random_state": 0} | kw),
    "k-means, cosine": lambda **kw: tacit.KMeans(**{"n_clusters": 3, "metric": "cosine", "random_state": 0} | kw),
    "pca": lambda **kw: tacit.PCA(**{"n_components": 2} | kw),
    "pca, scaled": lambda **kw: tacit.PCA(**{"n_components": 2, "scale": True} | kw),
    "mixture, full": lambda **kw: tacit.GaussianMixture(**{"n_components": 3, "random_state": 0} | kw),
    "mixture, tied": lambda **kw: tacit.GaussianMixture(
        **{"n_components": 3, "covariance_type": "tied", "random_state": 0} | kw
    ),
    "mixture, diag": lambda **kw: tacit.GaussianMixture(
        **{"n_components": 3, "covariance_type": "diag", "random_state": 0} | kw
    ),
    "mixture, spherical": lambda **kw: tacit.GaussianMixture(
        **{"n_components": 3, "covariance_type": "spherical", "random_state": 0} | kw
    ),
    "joint": lambda **kw: tacit.JointMixture(**{"n_components": 3, "random_state": 0} | kw),
}
every = pytest.mark.parametrize("name", MODELS)
CENTRES = np.array([[6.0, 0, 0, 0], [0, 6, 0, 3], [0, 0, 6, -3]])


def table(n=300, seed=0, dtype=np.float64):
    """Three groups far enough apart that every model finds them."""
    rng = np.random.default_rng(seed)
    return (CENTRES[rng.integers(0, 3, n)] + rng.normal(size=(n, 4)) * [0.5, 0.7, 0.6, 0.4]).astype(dtype)


def one(name):
    """The same model with a single cluster, component or direction."""
    return MODELS[name](**{"n_clusters" if "k-means" in name else "n_components": 1})


def answers(model, X):
    """What the model says of each row."""
    verbs = [v for v in ("transform", "predict", "score_samples", "predict_proba") if hasattr(model, v)]
    return [np.asarray(getattr(model, v)(X)) for v in verbs]


def score(model, X):
    """How well the rows fit, whatever the labels are called; per row."""
    return model.score(X) / (len(X) if isinstance(model, tacit.KMeans) else 1)


def learned(model):
    return {k: v for k, v in vars(model).items() if k.endswith("_") and isinstance(v, np.ndarray | float | int)}


@every
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_same_seed_same_bits_for_any_number_of_threads(name, dtype):
    X = table(3000, dtype=dtype)
    runs = []
    for threads in (1, 2, 4):
        with threadpool_limits(threads):
            model = MODELS[name]().fit(X)
            runs.append(({k: v for k, v in learned(model).items()}, answers(model, X)))
    for fields, said in runs[1:]:
        assert fields.keys() == runs[0][0].keys()
        for key, value in fields.items():
            np.testing.assert_array_equal(value, runs[0][0][key], err_msg=key)
        for a, b in zip(said, runs[0][1], strict=True):
            np.testing.assert_array_equal(a, b)


@every
def test_permuting_rows_permutes_the_answers(name):
    X = table()
    order = np.random.default_rng(1).permutation(len(X))
    for a, b in zip(answers(MODELS[name]().fit(X), X), answers(MODELS[name]().fit(X[order]), X), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6)


@every
def test_permuting_columns_changes_nothing_but_names(name):
    X = table()
    for order in ([3, 1, 0, 2], [1, 2, 3, 0]):
        a, b = MODELS[name]().fit(X), MODELS[name]().fit(X[:, order])
        np.testing.assert_allclose(score(a, X), score(b, X[:, order]), rtol=1e-4)


@every
def test_weight_two_is_the_row_twice_and_weight_zero_its_absence(name):
    X = table(200)
    w = np.random.default_rng(0).integers(0, 3, len(X))
    a = MODELS[name]().fit(X, sample_weight=w)
    b = MODELS[name]().fit(np.repeat(X, w, axis=0))
    for u, v in zip(answers(a, X), answers(b, X), strict=True):
        np.testing.assert_allclose(u, v, rtol=1e-5, atol=1e-5)


@every
@pytest.mark.parametrize("mean", [0, 1e4])
def test_float32_stays_near_float64(name, mean):
    X = (table(1000) + mean).astype(np.float32)
    a, b = MODELS[name]().fit(X), MODELS[name]().fit(X.astype(np.float64))
    # cosines far from the origin differ by less than float32 tells apart: nothing to compare there
    if not ("cosine" in name and mean):
        np.testing.assert_allclose(score(a, X), score(b, X.astype(np.float64)), rtol=1e-3)


@every
def test_fit_changes_neither_its_input_nor_its_arguments(name):
    for X in (table(), np.asfortranarray(table(dtype=np.float32))):
        model = MODELS[name]()
        X.flags.writeable = False
        w = np.full(len(X), 0.5)
        w.flags.writeable = False
        before, arguments = X.copy(), copy.deepcopy(model.get_params())
        assert model.fit(X, sample_weight=w) is model
        assert model.get_params() == arguments
        np.testing.assert_array_equal(X, before)


@every
def test_fit_follows_the_data_and_not_an_earlier_fit(name):
    X, Y = table(seed=1), table(200, seed=2)
    again, fresh = MODELS[name]().fit(X).fit(Y), MODELS[name]().fit(Y)
    for a, b in zip(answers(again, Y), answers(fresh, Y), strict=True):
        np.testing.assert_array_equal(a, b)


rng = np.random.default_rng(0)
LEGAL = {
    "constant": np.ones((20, 3)),
    "a constant column": np.column_stack([table(50)[:, :2], np.full(50, 7.0)]),
    "duplicated columns": np.repeat(table(50)[:, :2], 2, axis=1),
    "duplicated rows": np.repeat(table(5), 20, axis=0),
    "one-hot columns": np.eye(4)[rng.integers(0, 4, 60)],
    "one column": table(50)[:, :1],
    "more columns than rows": rng.normal(size=(6, 30)),
    "float16": table(60).astype(np.float16),
    "int8": (table(60) * 5).astype(np.int8),
    "uint64": np.abs(table(60) * 5).astype(np.uint64),
    "bool": table(60) > 1,
    "strided": np.repeat(np.repeat(table(60), 2, axis=0), 2, axis=1)[::2, ::2],
    "reversed": table(60)[::-1, ::-1],
    "Fortran order": np.asfortranarray(table(60)),
    "huge": table(60) * 1e18,
    "tiny": table(60) * 1e-18,
    "huge float32": (table(60) * 1e17).astype(np.float32),
    "tiny float32": (table(60) * 1e-18).astype(np.float32),
    "far from the origin": table(60) + 1e12,
    "columns of very different size": table(60) * [1e-9, 1, 1e9, 1e3],
    "a list": table(30).tolist(),
    "a frame": pd.DataFrame(table(40), columns=list("abcd")).assign(n=np.arange(40)),
}


@every
@pytest.mark.parametrize("data", LEGAL)
def test_legal_data_never_crashes(name, data):
    X = LEGAL[data]
    model = one(name) if np.ndim(X) == 2 and np.shape(X)[1] == 1 else MODELS[name]()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", TacitWarning)
        model.fit(X)
        for said in answers(model, X):
            assert len(said) == len(X)
            assert np.isfinite(said).all()


@every
def test_one_row(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", TacitWarning)
        for said in answers(one(name).fit([[1.0, 2.0]]), [[1.0, 2.0]]):
            assert np.isfinite(said).all()


BAD = {
    "a vector": ([1.0, 2.0], "Expected 2D array, got 1D array"),
    "a cube": (np.ones((2, 2, 2)), "dim 3|3D"),
    "no rows": (np.empty((0, 3)), r"0 sample\(s\)"),
    "no columns": (np.empty((5, 0)), r"0 feature\(s\)"),
    "infinity": (np.array([[1.0, 2.0], [np.inf, 3.0], [1.0, 1.0]]), "infinity"),
    "complex numbers": (np.ones((4, 2)) * 1j, "Complex data not supported"),
}


@every
@pytest.mark.parametrize("kind", BAD)
def test_bad_data_is_refused_in_plain_words(name, kind):
    X, message = BAD[kind]
    with pytest.raises(ValueError, match=message):
        one(name).fit(X)


@every
def test_gaps_are_taken_or_refused_with_their_place(name):
    X = table(50)
    X[7, 2] = np.nan
    if name == "joint" or name.startswith(("mixture", "pca")):
        assert np.isfinite(MODELS[name]().fit(X).score_samples(X)).all()
    else:
        with pytest.raises(ValueError, match=r"Input X contains NaN(.|\n)*row 7, column 2"):
            MODELS[name]().fit(X)


@every
@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (np.ones(3), "sample_weight.shape"),
        (-np.ones(50), "Negative values"),
        (np.full(50, np.nan), "NaN"),
        (np.zeros(50), "at least one non-zero|zero"),
    ],
)
def test_bad_weights(name, weight, message):
    with pytest.raises(ValueError, match=message):
        MODELS[name]().fit(table(50), sample_weight=weight)


@every
def test_more_components_than_rows_is_an_error(name):
    with pytest.raises(ValueError, match=r"n_samples=2|n_samples = 2|must be between 0 and|2 rows"):
        MODELS[name](**{"n_clusters" if "k-means" in name else "n_components": 3}).fit(table(2))


@every
def test_questions_need_a_fit_and_the_columns_of_the_fit(name):
    verb = "transform" if "pca" in name else "predict"
    with pytest.raises(NotFittedError):
        getattr(MODELS[name](), verb)(table(5))
    model = MODELS[name]().fit(table(60))
    with pytest.raises(ValueError, match=r"features|columns"):
        getattr(model, verb)(table(5)[:, :3])


@every
def test_y_is_accepted_and_ignored(name):
    X = table(100)
    for a, b in zip(answers(MODELS[name]().fit(X, np.arange(100)), X), answers(MODELS[name]().fit(X), X), strict=True):
        np.testing.assert_array_equal(a, b)
    assert "y" in inspect.signature(MODELS[name]().fit).parameters


@every
def test_the_constructor_stores_and_nothing_more(name):
    model = MODELS[name]()
    assert vars(model) == model.get_params(deep=False)
