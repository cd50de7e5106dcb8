"""JointMixture of trees: the laws of probability, whatever is asked; and the outlier detector that stands on it."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tacit
from tacit import JointMixture, OutlierDetector
from tacit.errors import ArgumentError

pytestmark = pytest.mark.filterwarnings("ignore::tacit.errors.DataNotice")


@pytest.fixture(scope="module")
def table() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    n = 600
    a = rng.integers(0, 3, n)
    b = np.where(rng.random(n) < 0.85, a, rng.integers(0, 3, n))
    c = np.where(rng.random(n) < 0.8, b == 0, rng.random(n) < 0.5)
    w = 4.0 * b + rng.normal(size=n)
    w[rng.random(n) < 0.1] = np.nan
    names = np.array(["x", "y", "z"], dtype=object)
    first = names[a]
    first[rng.random(n) < 0.05] = None
    return {"a": first, "b": names[b], "c": np.where(c, "yes", "no"), "w": w}


@pytest.fixture(scope="module")
def model(table: dict[str, Any]) -> JointMixture:
    return JointMixture(2, dependence="tree", random_state=0).fit(table)


def p(model: JointMixture, question: str) -> float:
    return float(model.query(f"p({question})").value)


def test_probabilities_of_all_cells_sum_to_one(model: JointMixture) -> None:
    cells = list(product("xyz", "xyz", ["yes", "no"]))
    total = sum(p(model, f"a={a}, b={b}, c={c}") for a, b, c in cells)
    assert total == pytest.approx(1, abs=1e-12)
    assert sum(p(model, f"a={a} | w > 3") for a in "xyz") == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("given", ["b=x", "b in {x, y}", "w > 3", "w > 1, b=z", "w < 9"])
@pytest.mark.parametrize("target", ["a=x", "c=no", "a=z, c=yes"])
def test_the_product_rule(model: JointMixture, target: str, given: str) -> None:
    assert p(model, f"{target} | {given}") * p(model, given) == pytest.approx(p(model, f"{target}, {given}"), rel=1e-9)


def test_marginals_are_sums(model: JointMixture) -> None:
    for a in "xyz":
        assert sum(p(model, f"a={a}, b={b}") for b in "xyz") == pytest.approx(p(model, f"a={a}"), rel=1e-12)
    sub = model.marginal(["a", "c"])
    assert float(sub.query("p(a=x | c=yes)").value) == pytest.approx(p(model, "a=x | c=yes"), rel=1e-9)


def test_the_density_of_a_number_integrates_to_its_range(model: JointMixture) -> None:
    grid = np.linspace(-6, 16, 6001)
    rows = {"a": [None] * len(grid), "b": ["y"] * len(grid), "c": [None] * len(grid), "w": grid}
    density = np.exp(model.score_samples(rows))
    assert np.trapezoid(density, grid) == pytest.approx(p(model, "b=y"), rel=2e-2)


def test_draws_under_evidence_agree_with_the_answers(model: JointMixture) -> None:
    drawn = model.given("b=x").sample(4000, random_state=0)
    share = np.mean(np.array(drawn["a"].to_pylist()) == "x")
    truth = p(model, "a=x | b=x")
    assert abs(share - truth) < 5 * (truth * (1 - truth) / 4000) ** 0.5


def test_it_has_learned_the_ties(table: dict[str, Any], model: JointMixture) -> None:
    plain = JointMixture(2, random_state=0).fit(table)
    assert model.score(table) > plain.score(table) + 0.1
    seen = np.array([a == "x" for a in table["a"]]) & (table["b"] == "x")
    assert p(model, "a=x | b=x") == pytest.approx(seen.sum() / (table["b"] == "x").sum(), abs=0.08)
    assert JointMixture(1, dependence="auto", random_state=0).fit(table).dependence_ == "tree"
    filled = model.impute({"a": [None], "b": ["x"], "c": [None], "w": [None]}).to_pylist()[0]
    assert filled["a"] == "x"
    assert abs(filled["w"]) < 1


@pytest.fixture(scope="module")
def apart() -> JointMixture:
    """``day`` and ``night`` are never seen in one row; only every other row, all of one kind, is ever "rare"."""
    rng = np.random.default_rng(3)
    n = 400
    kind = rng.random(n) < 0.5
    day, night = rng.normal(5.0 * kind, 1), np.where(kind, "late", "early").astype(object)
    at_day = rng.random(n) < 0.5
    day[~at_day], night[at_day] = np.nan, None
    mark = np.where(kind, np.where(rng.random(n) < 0.3, "rare", "red"), "blue")
    return JointMixture(2, dependence="tree", random_state=0).fit({"day": day, "night": night, "mark": mark})


def test_columns_never_seen_together_are_tied_by_what_they_share(apart: JointMixture) -> None:
    late = [p(apart, f"night=late | {given}") for given in ("day > 4", "day < 1", "mark=rare", "day > 4, mark=red")]
    assert late[0] > 0.8
    assert late[1] < 0.2
    assert min(late[2:]) > 0.8
    for given in ("day > 4", "night=late"):
        total = sum(p(apart, f"mark={m} | {given}") for m in ("red", "rare", "blue"))
        assert total == pytest.approx(1, abs=1e-12)


def test_a_level_of_one_component_alone_is_never_impossible_in_the_other(apart: JointMixture) -> None:
    rare = apart.columns_["mark"].probability[:, list(apart.columns_["mark"].levels).index("rare")]
    assert rare.max() > 0.1
    assert 0 < rare.min() < 0.02
    row = {"day": [-1.0, None], "night": [None, "early"], "mark": ["rare", "rare"]}
    assert np.isfinite(apart.score_samples(row)).all()
    assert apart.predict_proba(row).sum(axis=1) == pytest.approx(1)


@pytest.mark.parametrize(("low", "high"), [(-1.0, 2.0), (0.5, 6.5), (4.0, 99.0)])
def test_ranges_add_up_beside_gaps(apart: JointMixture, low: float, high: float) -> None:
    middle = (low + high) / 2
    both = p(apart, f"day > {low}, day <= {middle} | mark=red") + p(apart, f"day > {middle}, day <= {high} | mark=red")
    assert both == pytest.approx(p(apart, f"day > {low}, day <= {high} | mark=red"), rel=1e-9)


def test_all_pairs_say_what_each_says(model: JointMixture) -> None:
    every = model.mutual_information()
    for (a, b), found in every.items():
        assert found.nats == pytest.approx(float(model.query(f"MI({a}; {b})")), rel=1e-9)
        assert found == model.mutual_information(a, b)


def test_very_many_columns() -> None:
    rng = np.random.default_rng(0)
    x = rng.random((60, 1500)) < 0.3
    x[:, 1::2] = np.where(rng.random((60, 750)) < 0.9, x[:, ::2], x[:, 1::2])
    table = {f"x{j}": np.where(x[:, j], "1", "0") for j in range(1500)}
    model = JointMixture(1, dependence="tree", n_parts=None, max_iter=2, random_state=0).fit(table)
    assert np.isfinite(model.score_samples(table)).all()
    assert p(model, "x1=1 | x0=1") > 0.6 > p(model, "x1=1 | x0=0") + 0.3


def test_surprise_finds_the_cell_that_does_not_fit(model: JointMixture) -> None:
    rows = {"a": ["x"], "b": ["x"], "c": ["yes"], "w": [8.0]}
    reasons = np.asarray(model.explain(rows))
    assert reasons.shape == (1, 4)
    assert reasons[0].argmax() == 3


def test_saved_and_loaded_it_answers_the_same(table: dict[str, Any], model: JointMixture, tmp_path: Path) -> None:
    model.save(tmp_path / "tree.tacit")
    again = tacit.load(tmp_path / "tree.tacit")
    np.testing.assert_array_equal(again.score_samples(table), model.score_samples(table))
    for question in ("p(a | b=x, w > 2)", "E(w | a=z)", "argmax(c | a=y)", "MI(a; b)", "median(w | b=y)"):
        assert str(again.query(question)) == str(model.query(question))


def test_the_same_seed_gives_the_same_bits(table: dict[str, Any], model: JointMixture) -> None:
    again = JointMixture(2, dependence="tree", random_state=0).fit(table)
    np.testing.assert_array_equal(again.score_samples(table), model.score_samples(table))


def test_arguments() -> None:
    with pytest.raises(ArgumentError, match="dependence"):
        JointMixture(dependence="forest").fit("sample:tips")


class TestOutliers:
    def test_false_alarms_come_at_the_stated_rate(self) -> None:
        rng = np.random.default_rng(0)

        def rows(n: int) -> Any:
            z = rng.normal(size=(n, 1))
            return np.concatenate([z + 0.3 * rng.normal(size=(n, 2)), rng.exponential(size=(n, 1))], axis=1)

        detector = OutlierDetector(false_alarm=0.05, random_state=0).fit(rows(1500))
        alarms = (detector.predict(rows(4000)) == -1).mean()
        assert alarms < 0.05 + 4 * (0.05 * 0.95 / 4000) ** 0.5 + 0.02  # the threshold itself is an estimate
        assert alarms > 0.01

    def test_outliers_among_the_rows_are_found_and_do_not_hide_each_other(self) -> None:
        rng = np.random.default_rng(1)
        usual = rng.normal(size=(900, 3)) @ np.array([[1, 0.9, 0.8], [0, 0.4, 0.1], [0, 0, 0.4]])
        odd = np.array([0.0, 4.0, -4.0]) + 0.1 * rng.normal(size=(60, 3))  # a clump of its own
        score = OutlierDetector(random_state=0).fit(np.concatenate([usual, odd])).score_samples
        assert score(odd).max() < np.quantile(score(usual), 0.02)

    def test_units_do_not_matter(self) -> None:
        x = np.random.default_rng(2).normal(size=(400, 3))
        units = np.array([1e3, 1e-3, 1.0])
        a = OutlierDetector(random_state=0).fit(x).score_samples(x)
        b = OutlierDetector(random_state=0).fit(x * units + 5).score_samples(x * units + 5)
        assert np.corrcoef(a, b)[0, 1] > 0.99

    def test_gaps_and_unknown_words_have_scores(self, table: dict[str, Any]) -> None:
        detector = OutlierDetector(random_state=0).fit(table)
        rows = {"a": [None, "q"], "b": [None, "x"], "c": [None, "yes"], "w": [None, np.nan]}
        assert np.isfinite(detector.score_samples(rows)).all()

    def test_saved_and_loaded(self, table: dict[str, Any], tmp_path: Path) -> None:
        detector = OutlierDetector(random_state=0).fit(table)
        detector.save(tmp_path / "o.tacit")
        again = tacit.load(tmp_path / "o.tacit")
        np.testing.assert_array_equal(again.predict(table), detector.predict(table))
        np.testing.assert_array_equal(again.p_values(table), detector.p_values(table))
