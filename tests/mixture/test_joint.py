"""JointMixture: what a table's owner may rely on."""

from __future__ import annotations

import itertools

import numpy as np
import pyarrow as pa
import pytest
from scipy.special import logsumexp
from scipy.stats import kstest, multivariate_normal, norm
from threadpoolctl import threadpool_limits

import tacit
from tacit import JointMixture
from tacit.errors import ArgumentError, InputError, SchemaError
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


# ---- families ------------------------------------------------------------------------------------------------------


def shapes(n: int, seed: int = 0, gaps: float = 0.0) -> dict[str, object]:
    """Two groups, and columns of many shapes."""
    rng = np.random.default_rng(seed)
    z = (rng.random(n) < 0.4).astype(int)
    columns = {
        "pay": np.exp(rng.normal(3 + z, 0.5)),
        "gain": np.where(rng.random(n) < 0.8, 0.0, np.exp(rng.normal(6, 1, n))),
        "visits": rng.poisson(np.where(z, 7.0, 1.5)),
        "claims": rng.negative_binomial(1.0, np.where(z, 0.2, 0.5)),
        "height": rng.normal(170 + 8 * z, 5),
        "job": np.where(rng.random(n) < 0.15 + 0.7 * z, "cook", "driver"),
    }
    return {k: [None if rng.random() < gaps else v for v in c.tolist()] for k, c in columns.items()}


@pytest.fixture(scope="module")
def shaped() -> tuple[JointMixture, dict[str, object]]:
    columns = shapes(1500, gaps=0.05)
    return JointMixture(3, random_state=0).fit(columns), columns


def test_families_are_chosen_by_column(shaped):
    model, _ = shaped
    assert model.families_ == {
        "pay": "lognormal",
        "gain": "zero+lognormal",
        "visits": "poisson",
        "claims": "negative_binomial",
        "height": "normal",
        "job": "bernoulli",
    }


def test_the_user_overrules_them(shaped):
    _, columns = shaped
    wanted = {"pay": "gamma", "gain": "zero+gamma", "visits": "negative_binomial", "height": "full", "claims": "full"}
    model = JointMixture(2, families=wanted, random_state=0, max_iter=30).fit(columns)
    assert model.families_ == wanted | {"job": "bernoulli"}
    assert np.isfinite(model.score_samples(columns)).all()


@pytest.mark.parametrize(
    ("families", "error", "message"),
    [
        ({"visit": "normal"}, ArgumentError, "did you mean 'visits'"),
        ({"pay": "weibull"}, ArgumentError, "weibull"),
        ({"job": "normal"}, ArgumentError, "job"),
        ({"height": "poisson"}, InputError, "height"),
        ({"gain": "lognormal"}, InputError, "zero\\+lognormal"),
        ({"big": "poisson"}, InputError, "4095"),
    ],
)
def test_a_family_that_a_column_cannot_have_is_refused(families, error, message):
    columns = shapes(60) | {"big": [10_000 * i for i in range(60)]}
    with pytest.raises(error, match=message):
        JointMixture(1, families=families).fit(columns)


FAMILIES = [
    {},
    {"pay": "gamma", "gain": "zero+gamma"},
    {"pay": "full", "height": "full"},
    {"visits": "negative_binomial", "claims": "poisson"},
]


@pytest.mark.parametrize("families", FAMILIES)
def test_history_climbs_with_every_family(families):
    columns = shapes(400, 3, gaps=0.1)
    model = JointMixture(3, families=families, random_state=0, max_iter=40).fit(columns)
    assert np.all(np.diff([float(h) for h in model.history_]) > -1e-9)
    core, params = model._model()
    objective = core.log_prior(params) / 400 + model.score(columns)
    assert float(model.history_[-1]) == pytest.approx(objective, abs=1e-6)


@pytest.mark.parametrize("families", FAMILIES)
def test_the_joint_density_is_that_of_its_parts(families):
    """log p(x) = log Σ_m π_m Π_j p_m(x_j), column by column."""
    columns = shapes(200, 4)
    model = JointMixture(3, families=families, random_state=0).fit(columns)
    if "full" in families.values():
        (block,) = model._blocks()
        x = np.column_stack([columns[name] for name in block.names])
        joint = np.column_stack(
            [multivariate_normal.logpdf(x, m, c) for m, c in zip(block.mean, block.covariance, strict=True)]
        )
    else:
        joint = np.zeros((200, 3))
    for name, cells in columns.items():
        if families.get(name) != "full":
            x = [model.schema_[name].levels.index(v) for v in cells] if name == "job" else cells
            joint = joint + model._column(name).log_prob(np.array(x))
    expected = logsumexp(joint + np.log(model.part_weights_), axis=1)
    np.testing.assert_allclose(model.score_samples(columns), expected, rtol=1e-7, atol=1e-7)


def test_draws_of_every_family_give_the_model_back(shaped):
    model, _ = shaped
    drawn = model.sample(6000)
    again = JointMixture(3, families=model.families_, random_state=0).fit(drawn)
    assert again.score(drawn) == pytest.approx(model.score(drawn), abs=0.03)
    for name in ("pay", "visits", "height"):
        w, v = model.weights_, again.weights_
        assert v @ again.columns_[name].mean == pytest.approx(w @ model.columns_[name].mean, rel=0.1)
    assert (np.array(drawn["gain"]) == 0).mean() == pytest.approx(0.8, abs=0.05)


# ---- conditional and marginal --------------------------------------------------------------------------------------


@pytest.mark.parametrize("families", FAMILIES)
def test_p_of_a_given_b_times_p_of_b_is_p_of_both(families):
    columns = shapes(300, 5)
    model = JointMixture(3, families=families, random_state=0).fit(columns)
    row = {name: [cells[7]] for name, cells in columns.items()}
    evidence = {"height": columns["height"][7], "job": columns["job"][7]}
    b, rest = model.marginal(list(evidence)), model.condition(evidence)
    assert set(rest.families_) == set(columns) - set(evidence)
    others = {name: cells for name, cells in row.items() if name not in evidence}
    given = {name: [cells[0]] for name, cells in row.items() if name in evidence}
    # a height is a density here: its column has no recorded step
    assert rest.score_samples(others)[0] + b.score_samples(given)[0] == pytest.approx(model.score_samples(row)[0])


def test_a_marginal_sums_and_integrates_over_the_rest(shaped):
    model, _ = shaped
    both = model.marginal(["visits", "job"])
    visits = list(range(200))
    total = sum(
        np.exp(both.score_samples({"visits": visits, "job": [job] * 200})) for job in model.schema_["job"].levels
    )
    np.testing.assert_allclose(total, np.exp(model.marginal(["visits"]).score_samples({"visits": visits})), rtol=1e-6)
    assert total.sum() == pytest.approx(1, abs=1e-9)
    x = np.exp(np.linspace(-4, 12, 6000))
    assert np.trapezoid(np.exp(model.marginal({"pay"}).score_samples({"pay": x})), x) == pytest.approx(1, abs=1e-5)


def test_a_conditional_model_answers_like_any_other(shaped, tmp_path):
    model, columns = shaped
    given = model.condition("job=cook, visits > 4")
    assert given.predict_proba({k: columns[k] for k in ("pay", "gain", "claims", "height")}).shape == (1500, 3)
    assert given.sample(5).column_names == ["pay", "gain", "claims", "height"]
    np.testing.assert_allclose(given.weights_, model.given("job=cook, visits > 4").weights)
    given.save(tmp_path / "g.tacit")
    assert tacit.load(tmp_path / "g.tacit").sample(3).equals(given.sample(3))
    with pytest.raises(ArgumentError, match="no column 'size'"):
        model.marginal(["size"])
    with pytest.raises(ArgumentError, match="every column"):
        model.marginal(["job"]).condition("job=cook")


# ---- filling gaps --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("families", [{}, {"pay": "full", "height": "full"}])
def test_intervals_hold_what_they_say(families):
    model = JointMixture(3, families=families, random_state=0).fit(shapes(3000, 6))
    whole = shapes(1500, 7)
    rng = np.random.default_rng(0)
    hidden = {k: [None if rng.random() < 0.2 else v for v in c] for k, c in whole.items()}
    found = model.impute(hidden, interval=0.9)
    for name in ("pay", "visits", "claims", "height"):
        low, high = (np.array(t[name].to_pylist(), dtype=float) for t in (found.low, found.high))
        gap = np.array([v is None for v in hidden[name]])
        assert np.isnan(low[~gap]).all()
        inside = (low[gap] <= np.array(whole[name])[gap]) & (np.array(whole[name])[gap] <= high[gap])
        assert 0.85 <= inside.mean() <= (0.95 if name in ("pay", "height") else 1.0)
    sure = np.array(found.probability["job"].to_pylist(), dtype=float)
    gap = np.array([v is None for v in hidden["job"]])
    right = np.array(found.filled["job"].to_pylist())[gap] == np.array(whole["job"])[gap]
    assert sure[gap].mean() == pytest.approx(right.mean(), abs=0.08)  # as sure as it is right


def test_the_interval_of_one_normal():
    rng = np.random.default_rng(0)
    x = rng.normal(3, 2, 500)
    model = JointMixture(1, smoothing=0.0).fit({"x": x, "y": rng.normal(size=500)})
    low, high = (t["x"][0].as_py() for t in model.impute({"x": [None], "y": [0.1]}, interval=0.8)[1:3])
    assert [low, high] == pytest.approx(list(norm(x.mean(), x.std()).interval(0.8)), abs=1e-3)


@pytest.mark.parametrize("families", [{}, {"pay": "full", "height": "full"}])
def test_draws_fill_gaps_as_the_conditional_does(families):
    model = JointMixture(2, families=families, random_state=0).fit(shapes(800, 8))
    row = {"pay": [40.0], "gain": [None], "visits": [3], "claims": [None], "height": [None], "job": [None]}
    drawn = model.impute({k: v * 2000 for k, v in row.items()}, draws=2)
    assert len(drawn) == 2
    expected = model.impute(row)
    for name in ("height", "gain", "claims"):
        x = np.concatenate([np.array(t[name].to_pylist(), dtype=float) for t in drawn])
        assert x.mean() == pytest.approx(expected[name][0].as_py(), abs=5 * x.std() / np.sqrt(4000) + 0.5)
    assert drawn[0]["pay"].to_pylist() == [40.0] * 2000


# ---- surprise and dependence ---------------------------------------------------------------------------------------


def test_the_surprisal_of_a_cell_is_what_the_row_gains_by_it(shaped):
    model, columns = shaped
    row = {name: [c for c in cells if c is not None][:1] for name, cells in columns.items()}
    told = model.explain(row, scaled=False)[0]
    names = list(model.feature_names_in_)
    for j, name in enumerate(names):
        without = row | {name: [None]}
        assert told[j] == pytest.approx(model.score_samples(without)[0] - model.score_samples(row)[0], abs=1e-6)


@pytest.mark.parametrize("families", [{}, {"pay": "full", "height": "full"}])
def test_the_planted_cell_ranks_first(families):
    """A cell of another row in its place, where that is odd: a number 6 standard deviations off, a rare level."""
    rng = np.random.default_rng(0)
    n = 1200
    z = rng.integers(0, 2, n)
    columns: dict[str, object] = {
        "a": rng.normal(10 * z, 1),
        "b": np.exp(rng.normal(2 * z, 0.3)),
        "c": rng.poisson(2 + 10 * z).astype(float),
        "d": np.array(["p", "q"])[(rng.random(n) < 0.02 + 0.96 * z).astype(int)],
        "e": np.array(["u", "v", "w"])[np.where(rng.random(n) < 0.97, 2 * z, 1)],
    }
    named = {{"pay": "a", "height": "b"}[k]: v for k, v in families.items()}
    model = JointMixture(2, families=named, random_state=0).fit(columns)
    test = {k: np.array(v[:500], dtype=object) for k, v in columns.items()}
    where = rng.integers(0, 5, 500)
    swap = {"p": "q", "q": "p", "u": "w", "w": "u", "v": "v"}
    for i, j in enumerate(where):
        name = "abcde"[j]
        v = test[name][i]
        test[name][i] = swap[v] if name in "de" else v + 12 if name == "a" else v * 12 + 5 if name == "b" else v + 30
    told = model.explain({k: list(v) for k, v in test.items()})
    assert (np.nanargmax(told, axis=1) == where).mean() >= 0.8
    assert np.nanmedian(np.delete(told.ravel(), np.arange(500) * 5 + where)) < 2  # a usual cell has about 1


def test_surprise_is_uniform_in_probability_on_rows_of_the_model(shaped):
    """-log P(at most as likely) of continuous cells of the model's own rows is exponential with mean 1."""
    model, _ = shaped
    told = model.explain(model.sample(3000))
    for name in ("pay", "height"):
        mine = told[:, list(model.feature_names_in_).index(name)]
        assert kstest(mine, "expon").pvalue > 1e-4


def test_mutual_information_by_hand(shaped):
    model, _ = shaped
    rng = np.random.default_rng(0)
    a = rng.choice(["x", "y"], 400)
    b = np.where(rng.random(400) < 0.8, np.where(a == "x", "u", "v"), rng.choice(["u", "v", "w"], 400))
    two = JointMixture(3, random_state=0).fit({"a": a, "b": b})
    joint = np.array(
        [[np.exp(two.score_samples({"a": [s], "b": [t]}))[0] for t in two.schema_["b"].levels] for s in ("x", "y")]
    )
    expected = (joint * np.log(joint / (joint.sum(1, keepdims=True) * joint.sum(0)))).sum()
    found = two.mutual_information("a", "b")
    assert found.nats == pytest.approx(expected)
    assert found.error == 0
    every = model.mutual_information(n_samples=2000)
    assert len(every) == 15
    assert all(0 <= v.normalised <= 1 for v in every.values())
    assert every["visits", "job"].nats > 5 * every["gain", "job"].nats


def test_mutual_information_of_one_gaussian():
    rng = np.random.default_rng(0)
    x = rng.normal(size=4000)
    table = {"x": x, "y": 0.8 * x + 0.6 * rng.normal(size=4000), "w": rng.normal(size=4000)}
    model = JointMixture(1, families=dict.fromkeys("xyw", "full"), random_state=0).fit(table)
    found = model.mutual_information("x", "y")
    assert found.nats == pytest.approx(-0.5 * np.log(1 - 0.8**2), abs=4 * found.error + 0.03)
    assert found.normalised == pytest.approx(0.8, abs=0.03)
    assert model.mutual_information("x", "w").normalised < 0.1


# ---- the density ---------------------------------------------------------------------------------------------------


def test_five_rows_are_not_independent():
    users = {
        "Interest": ["Finance", "Sports", "Medicine", "Music", "Medicine"],
        "Gender": ["Male", "Male", "Female", "Female", "Male"],
        "Age": [29, 21, 32, 25, 40],
        "BBC Sports": ["Yes", "Yes", "No", "No", "Yes"],
        "PubMed": ["No", "No", "Yes", "No", "Yes"],
        "Bloomberg Business": ["Yes", "No", "No", "No", "Yes"],
        "Spotify": ["No", "Yes", "No", "Yes", "No"],
    }
    model = JointMixture().fit(users)
    given = "BBC Sports=Yes, Bloomberg Business=Yes"
    assert 0.35 <= float(model.query(f"p(Interest=Finance | {given})")) <= 0.6
    assert float(model.query(f"p(Gender=Male | {given})")) >= 0.75
    assert model.n_components_ == 1  # no groups among five rows


def test_held_out_rows_choose_the_number_of_parts():
    rng = np.random.default_rng(0)
    t = rng.uniform(0, 2 * np.pi, 2500)
    ring = {"x": np.cos(t) + 0.05 * rng.normal(size=2500), "y": np.sin(t) + 0.05 * rng.normal(size=2500)}
    model = JointMixture(random_state=0, max_components=3).fit(ring)
    best = max(model.growth_, key=lambda size: size["held_out"])
    assert len(model.part_weights_) == best["n_parts"] > 8
    coarse = JointMixture(random_state=0, max_components=3, n_parts=None).fit(ring)
    assert coarse.growth_ == []
    assert model.score(ring) > coarse.score(ring) + 0.3
    noise = {"x": rng.normal(size=1000), "y": rng.choice(["a", "b", "c"], 1000)}
    assert len(JointMixture(random_state=0).fit(noise).part_weights_) <= 2


def test_an_average_of_densities_is_one():
    columns, z = two_kinds(600, 12)
    model = JointMixture(n_parts=8, n_averaged=3, random_state=0).fit(columns)
    assert len(model.part_weights_) == 24
    assert model.part_weights_.sum() == pytest.approx(1)
    assert (model.predict(columns) == z).mean() > 0.95
    every = {"job": ["cook", "driver", "clerk"]}
    assert np.exp(model.marginal(["job"]).score_samples(every)).sum() == pytest.approx(1)


# ---- online --------------------------------------------------------------------------------------------------------


def test_batches_lead_where_the_whole_leads():
    columns = shapes(6000, 9)
    batches = [{k: v[i : i + 500] for k, v in columns.items()} for i in range(0, 6000, 500)]
    online = JointMixture(2, random_state=0)
    for _ in range(3):
        for batch in batches:
            online.partial_fit(batch)
    whole = JointMixture(2, families=online.families_, random_state=0).fit(columns)
    assert online.score(columns) == pytest.approx(whole.score(columns), abs=0.05)
    np.testing.assert_allclose(online.weights_, whole.weights_, atol=0.05)


def test_a_saved_model_goes_on_learning(tmp_path):
    columns = shapes(900, 10)
    first, second, third = ({k: v[i : i + 300] for k, v in columns.items()} for i in (0, 300, 600))
    model = JointMixture(2, random_state=0).partial_fit(first).partial_fit(second)
    model.save(tmp_path / "m.tacit")
    again = tacit.load(tmp_path / "m.tacit").partial_fit(third)
    np.testing.assert_array_equal(again.score_samples(first), model.partial_fit(third).score_samples(first))


# ---- bad input -----------------------------------------------------------------------------------------------------


def test_a_later_table_with_surprises(shaped):
    model, _ = shaped
    row = {"pay": [20.0], "gain": [0.0], "visits": [3], "claims": [1], "height": [171.0], "job": ["pilot"]}
    with pytest.warns(tacit.errors.DataNotice, match="pilot"):
        unknown = model.score_samples(row)
    assert unknown == pytest.approx(model.score_samples(row | {"job": [None]}))
    row = row | {"job": ["cook"]}
    for wrong in ({"pay": [-1.0]}, {"visits": [2.5]}, {"gain": [-3.0]}):
        assert model.score_samples(row | wrong)[0] == -np.inf  # outside the support: impossible, and not NaN
        assert model.predict_proba(row | wrong).sum() == pytest.approx(1)
        assert np.isfinite(model.explain(row | wrong)[0][[j for j in range(6)]]).sum() >= 5
    far = model.score_samples(row | {"visits": [4000]})
    assert np.isfinite(far).all()
    assert far[0] < -1000
    assert model.score_samples(row | {"visits": [100_000]})[0] == -np.inf


@pytest.mark.parametrize("families", FAMILIES)
def test_constant_columns_rows_of_gaps_and_a_level_met_once(families):
    columns = shapes(40, 11) | {"same": [3.0] * 40, "word": ["a"] * 39 + ["b"]}
    for cells in columns.values():
        cells[5] = None
    model = JointMixture(12, families=families, random_state=0, max_iter=20).fit(columns)
    for answer in (model.score_samples(columns), model.predict_proba(columns)):
        assert np.isfinite(answer).all()
    assert model.score_samples({k: [None] for k in columns})[0] == pytest.approx(0, abs=1e-9)
    assert not np.isnan(np.delete(model.explain(columns), 5, axis=0)).any()
    assert not any(v is None for v in model.impute(columns).to_pylist()[5].values())


def test_the_same_bits_for_any_number_of_threads():
    columns = shapes(500, 13, gaps=0.1)
    with threadpool_limits(1):
        one = JointMixture(3, random_state=0).fit(columns).score_samples(columns)
    with threadpool_limits(2):
        two = JointMixture(3, random_state=0).fit(columns).score_samples(columns)
    np.testing.assert_array_equal(one, two)
