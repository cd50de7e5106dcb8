"""load(save(m)) answers as m does, bit for bit, for every estimator and every way to build it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import tacit

X = np.random.default_rng(0).normal(size=(120, 4)) + np.repeat([[0.0], [6.0]], 60, axis=0)
FRAME = pd.DataFrame(X, columns=["a", "b", "c", "d"]).assign(kind=np.repeat(["left", "right"], 60))
FRAME.loc[::7, "a"] = np.nan
FRAME.loc[::9, "kind"] = None

MODELS = {
    "k-means": lambda: tacit.KMeans(3, random_state=0).fit(X),
    "k-means, cosine, float32": lambda: tacit.KMeans(3, metric="cosine", random_state=0).fit(X.astype(np.float32)),
    "k-means from a model": lambda: tacit.KMeans(2, init=tacit.KMeans(2, random_state=1).fit(X)).fit(X),
    "k-means with names": lambda: tacit.KMeans(2, random_state=np.random.RandomState(0)).fit(FRAME[["b", "c"]]),
    "pca": lambda: tacit.PCA(2).fit(X),
    "pca, whitened and scaled": lambda: tacit.PCA(0.9, whiten=True, scale=True).fit(X),
    "mixture, full": lambda: tacit.GaussianMixture(2, random_state=0).fit(X),
    "mixture, tied": lambda: tacit.GaussianMixture(2, covariance_type="tied", random_state=0).fit(X),
    "mixture, diag": lambda: tacit.GaussianMixture(2, covariance_type="diag", random_state=0).fit(X),
    "mixture, spherical": lambda: tacit.GaussianMixture(2, covariance_type="spherical", random_state=0).fit(X),
    "joint": lambda: tacit.JointMixture(2, random_state=0).fit(FRAME),
    "joint, auto, on an array": lambda: tacit.JointMixture(max_components=4, random_state=0).fit(X),
}
QUESTIONS = ("predict", "predict_proba", "transform", "score_samples")


@pytest.mark.parametrize("name", MODELS)
def test_answers_are_the_same(name, tmp_path):
    model = MODELS[name]()
    rows = FRAME if name == "joint" else FRAME[["b", "c"]] if "names" in name else X
    model.save(tmp_path / "model.tacit")
    back = tacit.load(tmp_path / "model.tacit")
    assert type(back) is type(model)
    assert set(back.get_params()) == set(model.get_params())
    assert vars(back).keys() == vars(model).keys()
    back.save(tmp_path / "again.tacit")
    assert (tmp_path / "again.tacit").read_bytes() == (tmp_path / "model.tacit").read_bytes()
    asked = [q for q in QUESTIONS if hasattr(model, q)]
    assert asked
    for question in asked:
        np.testing.assert_array_equal(getattr(back, question)(rows), getattr(model, question)(rows))
    if hasattr(model, "sample"):
        ours, theirs = (m.set_params(random_state=5).sample(6) for m in (model, back))
        assert str(ours) == str(theirs)


def test_columns_are_matched_by_name_after_loading(tmp_path):
    MODELS["joint"]().save(tmp_path / "model.tacit")
    back = tacit.load(tmp_path / "model.tacit")
    np.testing.assert_array_equal(back.predict(FRAME), back.predict(FRAME[FRAME.columns[::-1]]))
    with pytest.raises(tacit.errors.SchemaError, match="'kind'"):
        back.predict(FRAME.drop(columns="kind"))
