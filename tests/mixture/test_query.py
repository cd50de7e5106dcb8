"""Questions to a joint mixture: what they mean, the laws of probability, and how they refuse."""

from __future__ import annotations

import itertools
import json
import math
import re
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tacit import JointMixture
from tacit.errors import ArgumentError, QueryError, TacitError


def table(n: int = 400, seed: int = 0) -> dict[str, object]:
    """Two kinds of people; a name with blanks, one with brackets, one with a dash; a real number and a date."""
    rng = np.random.default_rng(seed)
    z = rng.random(n) < 0.4
    return {
        "age": np.rint(np.where(z, rng.normal(45, 8, n), rng.normal(27, 5, n))),
        "income": np.where(rng.random(n) < np.where(z, 0.7, 0.1), ">50K", "<=50K"),
        "home town": np.where(rng.random(n) < np.where(z, 0.8, 0.3), "St. Ives, Cornwall", np.where(z, "Bath", "Ely")),
        "hours-per-week": np.rint(rng.normal(np.where(z, 44, 36), 6)),
        "width (cm)": rng.normal(np.where(z, 3.0, 1.0), 0.5),
        "sees": rng.random(n) < np.where(z, 0.5, 0.9),
        "doors": rng.choice([2, 3, 4], n, p=[0.5, 0.2, 0.3]),
        "joined": np.datetime64("2020-01-01") + rng.integers(0, 900, n) * (1 + z),
    }


@pytest.fixture(scope="module")
def model() -> JointMixture:
    return JointMixture(4, random_state=0).fit(table())


FAMILIES = {
    "age": "negative_binomial",
    "hours-per-week": "poisson",
    "width (cm)": "normal",
    "income": "bernoulli",
}


@pytest.fixture(scope="module", params=["chosen", "counts", "points", "block"])
def any_model(request: pytest.FixtureRequest) -> JointMixture:
    """Columns of other families: counts; skewed ones with values that stand out; dependent ones."""
    columns = table()
    if request.param == "points":
        columns["age"] = np.where(np.arange(400) % 3 == 0, 30.0, columns["age"])
        columns["width (cm)"] = np.exp(columns["width (cm)"])
    families = {
        "chosen": None,
        "counts": FAMILIES,
        "points": {"age": "points+lognormal", "width (cm)": "gamma", "hours-per-week": "lognormal"},
        "block": {"width (cm)": "full", "hours-per-week": "full"},
    }[request.param]
    return JointMixture(4, families=families, random_state=0).fit(columns)


def p(model: JointMixture, question: str) -> float:
    return float(model.query(question))


# ---- the laws -------------------------------------------------------------------------------------------------------

CONDITIONS = [
    "age = 31",
    "age > 40",
    "20 <= age < 33",
    "age in {25, 26, 44}",
    "income = >50K",
    "income != >50K",
    "home town in {Bath, Ely}",
    "hours-per-week in (30, 45]",
    "width (cm) > 1.5",
    "width (cm) = 1.25",
    "sees = yes",
    "doors >= 3",
    "joined < 2021-06-01",
]
CONTRADICTIONS = [{"age = 31", "age > 40"}, {"age > 40", "20 <= age < 33"}, {"age = 31", "age in {25, 26, 44}"}]
CONTRADICTIONS += [{"income = >50K", "income != >50K"}, {"width (cm) > 1.5", "width (cm) = 1.25"}]
conditions = st.lists(st.sampled_from(CONDITIONS), min_size=1, max_size=3, unique=True)


def contradictory(said: list[str]) -> bool:
    """Whether no row can be all of that."""
    three = {"age > 40", "20 <= age < 33", "age in {25, 26, 44}"}
    return any(pair <= set(said) for pair in [*CONTRADICTIONS, three])


@given(conditions, conditions)
def test_the_product_rule(any_model: JointMixture, a: list[str], b: list[str]) -> None:
    """p(a | b) p(b) = p(a, b)."""
    assume(not contradictory(b))
    model = any_model
    joint = model.query(f"p({', '.join(dict.fromkeys([*a, *b]))})")
    whole, part = model.query(f"p({', '.join(a)} | {', '.join(b)})"), model.query(f"p({', '.join(b)})")
    assert float(whole) * float(part) == pytest.approx(float(joint), rel=2e-3 if joint.error else 1e-8, abs=1e-300)
    assert part.log_value == pytest.approx(whole.log_evidence, rel=1e-9, abs=1e-9)


@settings(max_examples=20)
@given(conditions)
def test_the_sum_rule(any_model: JointMixture, a: list[str]) -> None:
    """Σ p(a, c) over c = p(a), for a category and for the cut line of a number."""
    model = any_model
    a = [condition for condition in a if not re.search("sees|age", condition)] or ["doors >= 3"]
    said = ", ".join(a)
    for column in ("sees", "age"):
        each = model.query(f"p({said}, {column})").value
        assert math.fsum(each.values()) == pytest.approx(p(model, f"p({said})"), rel=1e-9, abs=1e-300)


@settings(max_examples=8)
@given(conditions)
def test_whole_distributions_sum_to_one(any_model: JointMixture, b: list[str]) -> None:
    model = any_model
    assume(not contradictory(b))
    for asked in ("income", "home town", "age", "width (cm)", "joined", "sees, income", "doors, hours per week"):
        assert math.fsum(model.query(f"p({asked} | {', '.join(b)})").value.values()) == pytest.approx(1, abs=1e-9)


def test_recorded_steps_cover_the_line(any_model: JointMixture) -> None:
    """Σ p(age = a) = 1, and less, equal and more are all there is."""
    model = any_model
    assert sum(p(model, f"p(age={a} | sees=no)") for a in range(-20, 300)) == pytest.approx(1, abs=1e-9)
    for a in (29, 29.5, -3):
        parts = [p(model, f"p(age {op} {a} | income=>50K)") for op in ("<", ">=")]
        assert sum(parts) == pytest.approx(1, abs=1e-12)
    assert sum(p(model, f"p(age {op} 29)") for op in "<=>") == pytest.approx(1, abs=1e-9)
    assert p(model, "p(age=29)") == pytest.approx(p(model, "p(age in [29, 30))"), rel=1e-9)


def test_a_density_integrates_to_one(model: JointMixture) -> None:
    x = np.linspace(-4, 8, 2001)
    answers = [model.query(f"p(width (cm) = {float(v)!r} | age > 40)") for v in x]
    assert {a.kind for a in answers} == {"density"}
    assert np.trapezoid([float(a) for a in answers], x) == pytest.approx(1, abs=1e-6)
    narrow = p(model, "p(1.2 < width (cm) < 1.2001 | age > 40)")
    assert narrow == pytest.approx(1e-4 * p(model, "p(width (cm) = 1.20005 | age > 40)"), rel=1e-5)


def test_by_enumeration() -> None:
    """Two categories and a mixture written down by hand."""
    columns = {"a": ["x", "x", "y", "y", "y", "x"], "b": ["u", "v", "w", "w", "u", "u"]}
    model = JointMixture(2, random_state=0).fit(columns)
    π, P = model.part_weights_, np.hstack([model._column(name).probabilities() for name in "ab"])  # [2], [2, 5]
    joint = np.einsum("m,ma,mb->ab", π, P[:, :2], P[:, 2:])
    for (i, a), (j, b) in itertools.product(enumerate("xy"), enumerate("uvw")):
        assert p(model, f"p(a={a}, b={b})") == pytest.approx(joint[i, j])
        assert p(model, f"p(a={a} | b={b})") == pytest.approx(joint[i, j] / joint[:, j].sum())
        assert model.query(f"p(a | b={b})").value[a] == pytest.approx(joint[i, j] / joint[:, j].sum())
    i, j = np.unravel_index(joint.argmax(), joint.shape)
    assert model.query("argmax(a, b)").value == ("xy"[i], "uvw"[j])
    assert p(model, "p(b in {u, w} | a=x)") == pytest.approx(joint[0, [0, 2]].sum() / joint[0].sum())


# ---- what is meant --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("p(hours-per-week > 40)", "p(Hours_Per week > 40)"),
        ("p(income = >50K)", "p(income>50K)"),
        ("p(income = <=50K)", "p(INCOME <=50k)"),
        ("p(home town = St. Ives, Cornwall)", "p('home town' = `st. ives, cornwall`)"),
        ("p(20 < age <= 30)", "p(age in (20, 30])"),
        ("p(20 < age <= 30)", "p(30 ≥ age > 20)"),
        ("p(age in [40, inf))", "p(age >= 40)"),
        ("p(age in [, 40))", "p(age < 40)"),
        ("p(age > 20, age <= 30)", "p(age in (20, 30])"),
        ("p(sees=Yes)", "p(sees is true)"),
        ("p(doors = 3)", "p(doors = 3.0)"),
        ("p(doors in {3, 4})", "p(doors > 2)"),
        ("p(age not in {20, 21})", "p(age != 20, age != 21)"),
        ("p(age = 29 | sees missing)", "p(age=29|sees=missing, income = ?)"),
        ("p(age = 29 | sees is missing)", "p(age=29)"),
        ("p(joined = 2020-03-01)", "p(2020-03-01 <= joined < 2020-03-02)"),
        ("median(age | sees=no)", "quantile(age, 50% | sees=no)"),
    ],
)
def test_said_in_two_ways(model: JointMixture, one: str, other: str) -> None:
    assert model.query(one).value == pytest.approx(model.query(other).value, rel=1e-12)


def test_moments_and_quantiles_are_those_of_the_steps(model: JointMixture) -> None:
    given = "income=>50K, 25 < age < 60, sees=yes"
    steps = np.arange(26, 60)
    mass = np.array([p(model, f"p(age={a} | {given})") for a in steps])
    assert mass.sum() == pytest.approx(1, abs=1e-9)
    mean = mass @ steps
    assert p(model, f"E(age | {given})") == pytest.approx(mean, abs=0.01)
    assert p(model, f"sd(age | {given})") == pytest.approx(np.sqrt(mass @ steps**2 - mean**2), abs=0.02)
    assert p(model, f"Var(age | {given})") == pytest.approx(p(model, f"sd(age | {given})") ** 2)
    for q in (0.05, 0.5, 0.9):
        assert p(model, f"quantile(age, {q} | {given})") == steps[np.searchsorted(mass.cumsum(), q)]
    assert p(model, f"argmax(age | {given})") == steps[mass.argmax()]
    assert p(model, "E(doors)") == pytest.approx(sum(k * p(model, f"p(doors={k})") for k in (2, 3, 4)))


def test_quantiles_and_mode_of_a_real_number(model: JointMixture) -> None:
    for q in (1e-6, 0.1, 0.5, 0.999):
        x = p(model, f"quantile(width (cm), {q} | age > 30)")
        assert p(model, f"p(width (cm) <= {x!r} | age > 30)") == pytest.approx(q, rel=1e-6)
    best = model.query("argmax(width (cm) | sees=no)")
    near = [p(model, f"p(width (cm)={best.value + e} | sees=no)") for e in (-1e-3, 1e-3)]
    assert math.exp(best.log_value) >= max(near)


@pytest.fixture(scope="module")
def gains() -> JointMixture:
    """Nine in ten gain nothing, some gain exactly 5,000, the others anything."""
    rng = np.random.default_rng(0)
    gain = np.where(rng.random(3000) < 0.9, 0.0, np.rint(np.exp(rng.normal(8, 1, 3000))))
    gain[:100] = 5000
    rich = rng.random(3000) < np.where(gain > 3000, 0.8, 0.1)
    return JointMixture(2, random_state=0).fit({"gain": gain, "rich": rich})


def test_values_that_stand_out(gains: JointMixture) -> None:
    table = gains.query("p(gain | rich=yes)").table
    assert table["gain"][:2] == ["0", "1 to 4999"]
    assert "5000" in table["gain"]
    assert sum(table["p"]) == pytest.approx(1, abs=1e-9)
    assert not any(label.startswith("below") for label in table["gain"])
    assert gains.query("p(gain | rich=yes)").value["0"] == pytest.approx(p(gains, "p(gain=0 | rich=yes)"))
    assert p(gains, "argmax(gain)") == 0
    assert p(gains, "argmax(gain | gain > 0)") == 5000
    assert p(gains, "median(gain)") == 0
    assert sum(p(gains, f"p(gain {op} 5000 | rich=no)") for op in "<=>") == pytest.approx(1, abs=1e-12)
    drawn = np.asarray(gains.given("gain > 0, rich=no").sample(4000, random_state=0)["gain"])
    assert drawn.min() > 0
    expected = p(gains, "p(gain=5000 | gain > 0, rich=no)")
    assert (drawn == 5000).mean() == pytest.approx(expected, abs=4 * np.sqrt(expected / 4000))
    assert 0 < p(gains, "MI(gain; rich)") < np.log(2)


def test_an_equality_says_what_it_is(model: JointMixture) -> None:
    step, point = model.query("p(age=29)"), model.query("p(width (cm)=1.5)")
    assert (step.kind, point.kind) == ("probability", "density")
    assert "28.5 to 29.5" in str(step)
    assert "per unit of width (cm)" in str(point)
    assert model.query("p(age > 29 | width (cm)=1.5)").kind == "probability"
    assert point.log_value == pytest.approx(math.log(point.value))


def test_an_answer_is_words_and_json(model: JointMixture) -> None:
    answer = model.query("p(income | age > 40, home town in {Bath, Ely})")
    assert answer.words == "the distribution of income, given that age is more than 40 and home town is Bath or Ely"
    assert json.loads(answer.to_json())["table"]["p"] == pytest.approx(list(answer.value.values()))
    assert list(answer.table) == ["income", "p"]


# ---- what can never be, and what says nothing -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def odd() -> JointMixture:
    """A positive number, a count, a constant, a level seen once."""
    rng = np.random.default_rng(0)
    columns = {
        "x": np.exp(rng.normal(size=300)),
        "n": rng.poisson(3, 300),
        "c": np.full(300, 7.5),
        "k": ["a"] * 299 + ["b"],
    }
    return JointMixture(2, families={"x": "lognormal", "n": "poisson"}, random_state=0).fit(columns)


def test_outside_the_support(odd: JointMixture) -> None:
    for never in ("x < 0", "x = -1", "n < 0", "n = -2"):
        answer = odd.query(f"p({never})")
        assert (answer.value, answer.log_value) == (0, -math.inf)
        assert json.loads(answer.to_json())["log_value"] is None
        with pytest.raises(QueryError, match="probability zero") as caught:
            odd.query(f"p(k | {never})")
        assert caught.value.at == 6
    with pytest.raises(QueryError, match=r"no value of n is 2\.5"):
        odd.query("p(n = 2.5)")
    with pytest.raises(QueryError, match="row 1 "):
        odd.query("p(k)", {"x": [1.0, -1.0]})
    with pytest.raises(QueryError, match="row 1 "):
        odd.query("p(k)", {"n": [2, 2.5]})


def test_far_evidence_still_answers(odd: JointMixture) -> None:
    for far in ("c = 1e6", "x > 1e30", "n = 300", "c = 8, x = 1e-200"):
        answer = odd.query(f"p(k | {far})")
        assert sum(answer.value.values()) == pytest.approx(1)
        assert -math.inf < answer.log_evidence < -100
        assert math.isfinite(float(odd.query(f"E(n | {far.replace('n =', 'x =')})")))


def test_constants_and_rare_levels(odd: JointMixture) -> None:
    assert p(odd, "median(c)") == p(odd, "argmax(c | k=b)") == 7.5
    assert p(odd, "E(c | x > 2)") == pytest.approx(7.5, abs=0.01)
    assert 0 < p(odd, "p(k=b)") < 0.02
    assert p(odd, "MI(c; k)") == pytest.approx(0, abs=1e-6)


def test_empty_rows_are_answered_by_the_whole(odd: JointMixture) -> None:
    answers = odd.query("p(k)", {"x": [None, 1.0], "n": [None, 2], "c": [None, None]})
    assert answers.values[0] == pytest.approx(list(dict(sorted(odd.query("p(k)").value.items())).values()))
    assert answers.log_evidence[0] == pytest.approx(0, abs=1e-12)


# ---- many at once ---------------------------------------------------------------------------------------------------


def test_rows_are_answered_as_one_by_one(model: JointMixture) -> None:
    rows = {
        "age": [31, None, 44, 29.5],
        "sees": [True, False, None, True],
        "width (cm)": [1.0, None, None, 2.5],
        "home town": ["Bath", None, "Ely", "Atlantis"],
    }
    singles = [
        "age=31, sees=yes, width (cm)=1, home town=Bath",
        "sees=no",
        "age=44, home town=Ely",
        "age=29.5, sees=yes, width (cm)=2.5",
    ]
    with pytest.warns(UserWarning, match="Atlantis"):
        many = {q: model.query(f"{q})", rows) for q in QUESTIONS}
    for question, answers in many.items():
        for i, said in enumerate(singles):
            one = model.query(f"{question} | {said})")
            assert answers.log_evidence[i] == pytest.approx(one.log_evidence, rel=1e-9)
            found = [v[i] for v in answers.columns.values()]
            if one.kind == "distribution":
                one_by_one = dict(zip(one.table[next(iter(one.table))], one.table["p"], strict=True))
                assert found == pytest.approx([one_by_one[name.split("=", 1)[1]] for name in answers.columns])
            else:
                value = one.value if one.kind != "most likely" else str(one.value)
                assert str(found[0]) == value if isinstance(value, str) else found[0] == pytest.approx(value, rel=1e-6)


QUESTIONS = [
    "p(income",
    "p(income=>50K",
    "p(doors, income=>50K",
    "E(hours-per-week",
    "sd(joined",
    "median(hours per week",
    "quantile(joined, 0.9",
    "argmax(doors",
]


def test_bare_names_after_the_bar_choose_the_columns(model: JointMixture) -> None:
    rows = {"age": [31, 50], "sees": [True, False]}
    chosen = model.query("p(income=>50K | age, doors=3)", rows)
    assert chosen.values[:, 0] == pytest.approx([p(model, f"p(income=>50K | age={a}, doors=3)") for a in (31, 50)])
    assert model.query("p(age > 30)", rows).values[:, 0] == pytest.approx(
        [p(model, f"p(age > 30 | sees={s})") for s in ("yes", "no")]
    )
    assert model.query("p(income)", rows).table.num_rows == 2


# ---- evidence as an object ------------------------------------------------------------------------------------------


def test_evidence_in_any_form(model: JointMixture) -> None:
    text = model.given("25 <= age < 40, home town in {Bath, Ely}, sees=yes, doors missing")
    mapping = model.given({"Age": slice(25, 40), "home-town": {"Bath", "Ely"}, "sees": True, "doors": None})
    assert text.log_evidence == pytest.approx(mapping.log_evidence, rel=1e-12)
    assert text.weights == pytest.approx(mapping.weights)
    assert text.weights.sum() == pytest.approx(1)
    whole = model.query("p(income | 25 <= age < 40, home town in {Bath, Ely}, sees=yes)").value
    assert text.query("p(income)").value == pytest.approx(whole)
    assert mapping.query("p(income | age < 40)").value == pytest.approx(whole)
    assert model.given({}).log_evidence == pytest.approx(0, abs=1e-12)
    table = model.given({"age": [31.0, 40.0], "sees": [True, None]})
    assert table.weights.shape == (2, model.n_components_)
    assert table.log_evidence[1] == pytest.approx(model.query("p(age=40)").log_value)
    with pytest.raises(ArgumentError, match="not both"):
        model.given({"age": 31, "sees": [True, None]})
    with pytest.raises(QueryError, match="contradicts"):
        model.given("age > 3").query("p(sees | age < 2)")


def test_draws_under_evidence_agree_with_the_answers(any_model: JointMixture) -> None:
    n, model = 20_000, any_model
    given = model.given("age in {20, 25, 26, 44}, home town in {Bath, Ely}, width (cm) > 1, joined >= 2020-06-01")
    rows = given.sample(n, random_state=0)
    assert rows.column_names == list(table())
    age, width = (np.asarray(rows[name]) for name in ("age", "width (cm)"))
    assert set(age) == {20, 25, 26, 44}
    assert width.min() > 1
    assert min(rows["joined"].to_pylist()).isoformat() >= "2020-06-01"
    for name, value in [("income", ">50K"), ("home town", "Bath"), ("age", 44)]:
        share = np.mean([v == value for v in rows[name].to_pylist()])
        expected = float(given.query(f"p({name} = {value})"))
        assert share == pytest.approx(expected, abs=4 * np.sqrt(expected * (1 - expected) / n))
    for name in ("width (cm)", "hours-per-week"):
        draws = np.asarray(rows[name], dtype=float)
        mean = given.query(f"E({name})")
        assert draws.mean() == pytest.approx(float(mean), abs=4 * mean.table["sd"][0] / np.sqrt(n) + 1e-3)
        assert draws.std() == pytest.approx(mean.table["sd"][0], rel=0.05)
        middle = float(given.query(f"median({name})"))
        assert abs((draws <= middle).mean() - 0.5) < (0.02 if name == "width (cm)" else 0.1)


def test_each_row_of_evidence_gets_its_draws(model: JointMixture) -> None:
    rows = {"age": [31.0, None, 50.0], "sees": [True, False, None]}
    drawn = model.given(rows).sample(2, random_state=0).to_pylist()
    assert [r["sees"] for r in drawn[:4]] == [True, True, False, False]
    assert [r["age"] for r in drawn[:2] + drawn[4:]] == [31, 31, 50, 50]
    assert all(v is not None for r in drawn for v in r.values())


# ---- information ----------------------------------------------------------------------------------------------------


def test_information_by_enumeration(model: JointMixture) -> None:
    for bar in ("", " | age > 30, sees=no"):
        joint = model.query(f"p(income, home town{bar})").value
        a, b = (model.query(f"p({name}{bar})").value for name in ("income", "home town"))
        by_hand = sum(p * np.log(p / (a[i] * b[j])) for (i, j), p in joint.items())
        answer = model.query(f"MI(income; home town{bar})")
        assert float(answer) == pytest.approx(by_hand, rel=1e-9)
        assert answer.table["bits"][0] == pytest.approx(by_hand / np.log(2))
    assert float(model.query("MI(income; age)")) == pytest.approx(float(model.query("MI(age; income)")), rel=1e-12)


def test_information_of_numbers_is_that_of_narrow_ranges(model: JointMixture) -> None:
    """Processing tells no more, and narrow ranges hardly less."""
    edges = np.linspace(-1, 5, 61)
    ranges = [f"{a} < width (cm) <= {b}" for a, b in itertools.pairwise([-9.0, *edges.tolist(), 15.0])]
    joint = np.array([[p(model, f"p({r}, sees={s})") for s in ("yes", "no")] for r in ranges])
    by_ranges = (joint * np.log(joint / (joint.sum(1, keepdims=True) * joint.sum(0)))).sum()
    found = float(model.query("MI(width (cm); sees)"))
    assert by_ranges <= found <= by_ranges * 1.01


# ---- refusals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "at", "says"),
    [
        ("p(agee > 3)", "agee", "did you mean 'age'"),
        ("p(income=50K+)", "50K+", "did you mean"),
        ("p(home town = Bat)", "Bat", "did you mean 'Bath'"),
        ("p(age > forty)", "forty", "is a number"),
        ("p(income > Bath)", "Bath", "no order"),
        ("p(age=29", "", ") is missing"),
        ("p(age=29))", ")", "not expected"),
        ("p(age in {20, 30)", ")", "} is missing"),
        ("p(age in [20)", ")", "two ends"),
        ("p(age in [20, 30)", "", ") is missing"),
        ("p(age in 20)", "20", "was expected"),
        ("p(30 < age < 20)", "30", "no value of age"),
        ("p(20 < age > 30)", "> 30", "different ways"),
        ("p(sees | age < 20, age > 30)", "age > 30", "contradicts"),
        ("p(sees | age)", "age)", "what is age"),
        ("p(age missing)", "age", "not whether"),
        ("p()", ")", "name of a column"),
        ("p", "p", "begins with its verb"),
        ("age > 3", "age", "begins with its verb"),
        ("q(age)", "q", "no question"),
        ("E(income)", "income", "a category"),
        ("E(age > 3)", "age", "not of a condition"),
        ("E(age, doors)", "doors", "one column"),
        ("quantile(age)", ")", "which quantile"),
        ("quantile(age, 2)", "2", "between 0 and 1"),
        ("argmax(age=3)", "age", "stands after the bar"),
        ("p(age, age)", "age)", "twice"),
        ("p(joined = yesterday)", "yesterday", "is a date"),
        ("p(age =)", ")", "a value of age"),
    ],
)
def test_an_error_points_at_its_place(model: JointMixture, question: str, at: str, says: str) -> None:
    with pytest.raises(QueryError, match=re.escape(says)) as caught:
        model.query(question)
    assert says in caught.value.message
    assert caught.value.at == (question.rindex(at) if at else len(question))
    assert str(caught.value).splitlines()[-1].index("^") == 2 + caught.value.at


@given(st.text(alphabet="pE(age|=<>{}[],;'` 3.)income", max_size=30))
def test_no_text_is_more_than_refused(model: JointMixture, text: str) -> None:
    with suppress(TacitError):
        model.query(text)
