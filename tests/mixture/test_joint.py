"""JointMixture: what a table's owner may rely on."""

from __future__ import annotations

import itertools

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import norm

import tacit
from tacit import JointMixture
from tacit.errors import ArgumentError, SchemaError
from tacit.mixture.joint import CategoryColumn, NumberColumn


def two_kinds(n: int, seed: int, gaps: float = 0.1) -> tuple[dict[str, object], np.ndarray]:
    """Two groups that differ in two numbers and two categories, and a column that says nothing."""
    rng = np.random.default_rng(seed)
    z = (rng.random(n) < 0.4).astype(int)
    columns = {
        "height": rng.normal(170 + 12 * z, 4),
        "income": np.round(rng.normal(2000 + 900 * z, 300)),
        "noise": rng.normal(size=n),
        "job": np.where(
            rng.random(n) < np.where(z, 0.9, 0.1), "cook", np.where(rng.random(n) < 0.5, "driver", "clerk")
        ),
        "car": np.where(rng.random(n) < np.where(z, 0.15, 0.8), "yes", "no"),
    }
    gappy = {k: [None if rng.random() < gaps else v for v in c.tolist()] for k, c in columns.items()}
    return gappy, z


@pytest.fixture(scope="module")
def fitted() -> tuple[JointMixture, dict[str, object], np.ndarray]:
    columns, z = two_kinds(900, 0)
    return JointMixture(random_state=0).fit(columns), columns, z


def test_planted_groups_are_found_and_described(fitted):
    model, columns, z = fitted
    assert model.n_components_ == 2
    labels = model.predict(columns)
    assert (labels == z).mean() > 0.97  # the larger group is component 0
    height, job = model.columns_["height"], model.columns_["job"]
    assert isinstance(height, NumberColumn)
    np.testing.assert_allclose(height.mean, [170, 182], atol=1)
    np.testing.assert_allclose(height.sd, [4, 4], atol=0.6)
    assert isinstance(job, CategoryColumn)
    assert job.levels == ("clerk", "cook", "driver")
    np.testing.assert_allclose(job.probability, [[0.45, 0.1, 0.45], [0.05, 0.9, 0.05]], atol=0.06)
    np.testing.assert_allclose(model.weights_, [0.6, 0.4], atol=0.05)
    assert model.evidence_["z"] > 3


def test_history_climbs_and_ends_at_the_reported_parameters(fitted):
    model, columns, _ = fitted
    assert np.all(np.diff(model.history_) > -1e-9)
    core, params = model._model()
    objective = core.log_prior(params) / 900 + model.score(columns)
    assert model.history_[-1] == pytest.approx(objective, abs=1e-7)


def test_criteria_by_their_formulas(fitted):
    model, columns, _ = fitted
    M, d, c = len(model.part_weights_), 3, (3 - 1) + (2 - 1)
    p, log_likelihood = M - 1 + M * (2 * d + c), 900 * model.score(columns)
    assert model.bic(columns) == pytest.approx(-2 * log_likelihood + p * np.log(900))
    assert model.aic(columns) == pytest.approx(-2 * log_likelihood + 2 * p)
    assert model.icl(columns) >= model.bic(columns)


def test_probabilities_sum_to_one_over_all_tables_of_categories():
    rng = np.random.default_rng(0)
    columns = {"a": rng.choice(["x", "y"], 200), "b": rng.choice(["u", "v", "w"], 200)}
    model = JointMixture(3, random_state=0).fit(columns)
    every = list(itertools.product("xy", "uvw"))
    log_p = model.score_samples({"a": [a for a, _ in every], "b": [b for _, b in every]})
    assert np.exp(log_p).sum() == pytest.approx(1)


def test_the_density_is_on_the_natural_scale():
    x = np.random.default_rng(1).normal(1e6, 250, 400)
    model = JointMixture(1, smoothing=0.0).fit({"x": x})
    expected = norm.logpdf(x[:5], x.mean(), x.std())
    np.testing.assert_allclose(model.score_samples({"x": x[:5].tolist()}), expected, rtol=1e-6)


def test_imputing_beats_mean_and_mode(fitted):
    model, _, _ = fitted
    whole, _ = two_kinds(500, 1, gaps=0.0)
    holes = {**whole, "height": [None] * 500, "job": [None] * 500}
    filled = model.impute(holes)
    assert isinstance(filled, pa.Table)
    truth = np.array(whole["height"])
    error = np.mean((np.array(filled["height"].to_pylist()) - truth) ** 2)
    assert error < 0.6 * truth.var()
    jobs = np.array(whole["job"])
    right = np.mean(np.array(filled["job"].to_pylist()) == jobs)
    mode = max(np.mean(jobs == j) for j in set(jobs))
    assert right > mode + 0.05
    assert filled["car"].to_pylist() == whole["car"]  # what was there stays


def test_imputing_by_bayes_rule():
    columns, _ = two_kinds(300, 2)
    model = JointMixture(2, random_state=0).fit(columns)
    row = {"height": [None], "income": [2800.0], "noise": [None], "job": [None], "car": ["no"]}
    income, car = model.columns_["income"], model.columns_["car"]
    joint = model.weights_ * norm.pdf(2800, income.mean, income.sd) * car.probability[:, car.levels.index("no")]
    r = joint / joint.sum()
    assert model.impute(row)["height"][0].as_py() == pytest.approx(r @ model.columns_["height"].mean)
    np.testing.assert_allclose(model.predict_proba(row)[0], r)


def test_a_row_of_gaps_is_answered_by_the_prior(fitted):
    model, _, _ = fitted
    empty = {"height": [None], "income": [None], "noise": [None], "job": [None], "car": [None]}
    np.testing.assert_allclose(model.predict_proba(empty)[0], model.weights_)
    assert model.score_samples(empty)[0] == pytest.approx(0, abs=1e-12)
    assert not any(v is None for v in model.impute(empty).to_pylist()[0].values())


def test_draws_give_the_model_back(fitted):
    model, _, _ = fitted
    drawn = model.sample(4000)
    assert drawn.column_names == ["height", "income", "noise", "job", "car"]
    assert pa.types.is_integer(drawn["income"].type)  # as it was recorded
    again = JointMixture(2, random_state=0).fit(drawn)
    np.testing.assert_allclose(again.weights_, model.weights_, atol=0.04)
    for name in ("height", "income"):
        np.testing.assert_allclose(again.columns_[name].mean, model.columns_[name].mean, rtol=0.02)
    np.testing.assert_allclose(again.columns_["job"].probability, model.columns_["job"].probability, atol=0.04)


def test_the_same_seed_gives_the_same_answer():
    columns, _ = two_kinds(250, 3)
    a, b = (JointMixture(random_state=7).fit(columns) for _ in range(2))
    np.testing.assert_array_equal(a.predict_proba(columns), b.predict_proba(columns))
    assert a.sample(20).equals(b.sample(20))


def test_order_of_rows_and_columns_and_names_of_levels_do_not_matter():
    columns, _ = two_kinds(300, 4)
    model = JointMixture(3, random_state=0).fit(columns)
    order = np.random.default_rng(0).permutation(300)
    rows = JointMixture(3, random_state=0).fit({k: [v[i] for i in order] for k, v in columns.items()})
    assert rows.score(columns) == pytest.approx(model.score(columns), rel=1e-6)
    backwards = dict(reversed(columns.items()))
    other = JointMixture(1, random_state=0).fit(backwards)
    one = JointMixture(1, random_state=0).fit(columns)
    np.testing.assert_allclose(other.score_samples(columns), one.score_samples(backwards), rtol=1e-9)
    renamed = columns | {"car": [{"yes": "0", "no": "Z"}.get(v) for v in columns["car"]]}
    np.testing.assert_allclose(
        JointMixture(1).fit(renamed).score_samples(renamed), one.score_samples(columns), rtol=1e-9
    )


def test_units_do_not_matter():
    columns, _ = two_kinds(300, 5)
    model = JointMixture(random_state=0).fit(columns)
    scaled = columns | {"height": [None if v is None else v * 1e-3 for v in columns["height"]]}
    other = JointMixture(random_state=0).fit(scaled)
    seen = np.array([v is not None for v in columns["height"]])
    shift = np.where(seen, np.log(1e3), 0.0)
    np.testing.assert_allclose(other.score_samples(scaled), model.score_samples(columns) + shift, atol=1e-4)


def test_weight_two_is_the_row_twice():
    columns, _ = two_kinds(200, 6)
    w = np.random.default_rng(0).integers(0, 3, 200)
    weighted = JointMixture(2, random_state=0).fit(columns, sample_weight=w)
    again = [i for i in range(200) for _ in range(w[i])]
    repeated = JointMixture(2, random_state=0).fit({k: [v[i] for i in again] for k, v in columns.items()})
    np.testing.assert_allclose(weighted.score_samples(columns), repeated.score_samples(columns), rtol=1e-5, atol=1e-6)


def test_columns_are_matched_by_name(fitted):
    model, columns, _ = fitted
    shuffled = {k: columns[k] for k in ("car", "noise", "height", "job", "income")}
    np.testing.assert_array_equal(model.predict_proba(shuffled), model.predict_proba(columns))
    with pytest.raises(SchemaError, match="car"):
        model.predict({k: v for k, v in columns.items() if k != "car"})


def test_data_frames_are_equal(fitted):
    pd = pytest.importorskip("pandas")
    pl = pytest.importorskip("polars")
    model, columns, _ = fitted
    np.testing.assert_array_equal(model.predict_proba(pd.DataFrame(columns)), model.predict_proba(columns))
    np.testing.assert_array_equal(model.predict_proba(pl.DataFrame(columns)), model.predict_proba(columns))


def test_arrays_hold_numbers_and_gaps_are_nan():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(100, 2)) + 6 * rng.integers(0, 2, (100, 1))
    x[rng.random(x.shape) < 0.2] = np.nan
    model = JointMixture(2, random_state=0).fit(x)
    filled, drawn = model.impute(x), model.sample(5)
    assert isinstance(filled, np.ndarray)
    assert not np.isnan(filled).any()
    np.testing.assert_array_equal(filled[~np.isnan(x)], x[~np.isnan(x)])
    assert drawn.shape == (5, 2)


@pytest.mark.parametrize(
    "columns",
    [
        {"one": [3.0, 3.0, 3.0, 3.0], "x": [1.0, 2.0, 4.0, 8.5]},
        {"x": [1.5]},
        {"big": [1e18, -1e18, 2e18, 3.3e17], "small": [1e-18, 2e-18, 4e-18, 3e-18]},
        {"x": [0.5] * 30, "y": ["a"] * 30},
        {"x": [0.0, 1.0, None, None], "level": ["once", "b", "b", None]},
    ],
)
def test_awkward_tables_are_answered(columns):
    for K in ("auto", 1):
        model = JointMixture(K, random_state=0, types={"x": "number"} if "x" in columns else None).fit(columns)
        assert np.isfinite(model.score_samples(columns)).all()
        assert np.isfinite(model.predict_proba(columns)).all()
        model.sample(3)
        model.impute(columns)


def test_a_level_never_met_with_a_group_is_possible():
    columns, _ = two_kinds(200, 7)
    columns["job"][0] = "astronaut"
    model = JointMixture(2, random_state=0).fit(columns)
    assert (model.columns_["job"].probability > 0).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_components": 0}, "n_components"),
        ({"n_components": "some"}, "n_components"),
        ({"criterion": "best"}, "criterion"),
        ({"smoothing": -1}, "smoothing"),
        ({"reg": 0}, "reg"),
        ({"max_iter": 0}, "max_iter"),
        ({"n_components": 6}, "n_samples"),
    ],
)
def test_arguments_out_of_range_are_named(arguments, message):
    with pytest.raises(ArgumentError, match=message):
        JointMixture(**arguments).fit({"x": [1.0, 2.5, 3.0, 4.0, 9.0]})


@pytest.mark.parametrize("criterion", ["bic", "icl", "aic"])
def test_a_criterion_is_obeyed(criterion):
    rng = np.random.default_rng(0)
    columns = {"x": rng.normal(size=300), "y": rng.normal(size=300)}
    columns["y"] += 3 * columns["x"]  # one cloud that takes several products
    model = JointMixture(criterion=criterion, random_state=0, max_components=5).fit(columns)
    values = {s["n_components"]: s[criterion] for s in model.selection_}
    assert model.n_components_ == min(values, key=values.get)
    assert model.evidence_ is None


def test_saved_and_loaded_it_answers_the_same(fitted, tmp_path):
    model, columns, _ = fitted
    model.save(tmp_path / "m.tacit")
    again = tacit.load(tmp_path / "m.tacit")
    np.testing.assert_array_equal(again.predict_proba(columns), model.predict_proba(columns))
    np.testing.assert_array_equal(again.score_samples(columns), model.score_samples(columns))
    assert again.impute(columns).equals(model.impute(columns))
    assert again.sample(5).equals(model.sample(5))
    assert again.evidence_ == model.evidence_
    assert again.selection_ == model.selection_


def test_fit_touches_neither_input_nor_arguments(fitted):
    columns, _ = two_kinds(60, 8)
    before = {k: list(v) for k, v in columns.items()}
    model = JointMixture(random_state=0, types={"noise": "number"})
    arguments = model.get_params()
    model.fit(columns)
    assert columns == before
    assert model.get_params() == arguments
