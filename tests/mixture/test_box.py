"""Evidence inside a block of columns with a full covariance, against SciPy and against draws."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats
from scipy.stats import multivariate_normal

from tacit.data.schema import ColumnSchema, Kind, Schema
from tacit.mixture.box import Box, Draws
from tacit.mixture.condition import given
from tacit.mixture.evidence import Value
from tacit.mixture.families.categorical import CategoricalColumn
from tacit.mixture.families.column import ColumnDistribution, GaussianBlock, Interval
from tacit.mixture.families.normal import NormalColumn

MEAN = np.array([[0.0, 1.0, -1.0], [3.0, 0.0, 2.0]])
ROOT = np.array([[[1, 0, 0], [0.8, 0.7, 0], [-0.5, 0.4, 0.9]], [[0.6, 0, 0], [-0.3, 1.2, 0], [0.2, 0.9, 0.5]]])
BLOCK = GaussianBlock(("a", "b", "c"), MEAN, ROOT @ np.swapaxes(ROOT, 1, 2))
WEIGHTS = np.array([0.3, 0.7])


class Model:
    """Two parts: a block of three numbers (a is recorded in tenths), and a category beside it."""

    def __init__(self) -> None:
        self.schema_ = Schema(
            (
                ColumnSchema("a", Kind.NUMBER, step=0.1),
                ColumnSchema("b", Kind.NUMBER),
                ColumnSchema("c", Kind.NUMBER),
                ColumnSchema("kind", Kind.BINARY, ("no", "yes"), dtype="string"),
            )
        )
        self.part_weights_, self.part_component_, self.n_components_ = WEIGHTS, np.arange(2), 2
        self.array_, self.random_state = False, 0

    def _column(self, name: str) -> ColumnDistribution:
        if name == "kind":
            return CategoricalColumn(np.log([[0.9, 0.1], [0.2, 0.8]]))
        j = BLOCK.names.index(name)
        return NormalColumn(MEAN[:, j], np.sqrt(BLOCK.covariance[:, j, j]))

    def _blocks(self) -> tuple[GaussianBlock, ...]:
        return (BLOCK,)


def ask(question: str, evidence: object = None):
    return given(Model(), evidence).query(question)


def mass(k: int, at: list[int], low: list[float], high: list[float]) -> float:
    """P(low < x_at <= high) of one component, by SciPy."""
    μ, Σ = MEAN[k, at], BLOCK.covariance[k][np.ix_(at, at)]
    return float(multivariate_normal(μ, Σ).cdf(high, lower_limit=low))


def mixed(at: list[int], low: list[float], high: list[float]) -> float:
    return float(sum(w * mass(k, at, low, high) for k, w in enumerate(WEIGHTS)))


def test_values_are_those_of_the_gaussian():
    said = {"b": (Value(0.5, 0.0),), "c": (Value(1.0, 0.0),)}
    found = Box(BLOCK).log_prob(said, Draws(0))
    for k in range(2):
        at = [1, 2]
        reference = multivariate_normal(MEAN[k, at], BLOCK.covariance[k][np.ix_(at, at)]).logpdf([0.5, 1.0])
        assert found[k] == pytest.approx(reference, rel=1e-12)


@pytest.mark.parametrize("at", [[0, 1], [1, 2], [0, 1, 2]])
def test_ranges_are_those_of_scipy(at):
    low, high = [-0.4, 0.1, -0.8], [1.5, 2.0, 3.0]
    names = [BLOCK.names[j] for j in at]
    question = ", ".join(f"{low[j]} < {n} <= {high[j]}" for j, n in zip(at, names, strict=True))
    answer = ask(f"p({question})")
    ends = ([low[j] for j in at], [high[j] for j in at])
    if 0 in at:  # recorded in tenths
        ends[0][0], ends[1][0] = -0.35, 1.55
    assert answer.error > 0
    assert "quasi-Monte Carlo" in str(answer)
    reference = mixed(at, *ends)
    assert abs(float(answer) - reference) < max(5 * answer.error, 2e-5)
    assert answer.error < 1e-3 * reference


def test_a_step_is_the_mass_of_its_cell():
    """Sheppard's variance, against SciPy's integral of the cell."""
    answer = ask("p(a = 0.7, 0 < b <= 1)")
    assert answer.error == 0
    assert float(answer) == pytest.approx(mixed([0, 1], [0.65, 0.0], [0.75, 1.0]), rel=1e-4)
    wide = {"a": (Value(0.0, 2.0),), "b": (Interval(0.0, 1.0),)}
    found = np.exp(Box(BLOCK).log_prob(wide, Draws(0)))
    np.testing.assert_allclose(found, [mass(k, [0, 1], [-1, 0], [1, 1]) for k in range(2)], rtol=2e-3)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("a = 0.7", "b > 0"),
        ("b = 1.3", "c = 0.2"),
        ("0 < b < 1", "c = 0.2, kind=yes"),
        ("a in {0.1, 0.2, 3}", "c > 0, b < 2"),
        ("b > 0, c < 1", "-1 < a < 2"),
        ("b > 0, kind=no", "b < 1, c > 0"),
    ],
)
def test_the_product_rule_holds_inside_a_block(a, b):
    joint, whole, part = ask(f"p({a}, {b})"), ask(f"p({a} | {b})"), ask(f"p({b})")
    assert float(whole) * float(part) == pytest.approx(float(joint), rel=2e-3 if joint.error else 1e-9)
    assert ask(f"p({a})", b).value == pytest.approx(float(whole), rel=2e-3 if joint.error else 1e-9)


def draws(n: int = 400_000):
    rng = np.random.default_rng(0)
    z = rng.choice(2, n, p=WEIGHTS)
    return MEAN[z] + np.einsum("nij,nj->ni", ROOT[z], rng.standard_normal((n, 3))), z


@pytest.mark.parametrize(
    ("evidence", "holds"),
    [
        ("b > 0.5", lambda x: x[:, 1] > 0.5),
        ("b > 0.5, c < 1", lambda x: (x[:, 1] > 0.5) & (x[:, 2] < 1)),
        ("a > 0, b > 0.5, c < 1", lambda x: (x[:, 0] > 0.05) & (x[:, 1] > 0.5) & (x[:, 2] < 1)),
    ],
)
def test_answers_and_draws_under_ranges_agree_with_rejection(evidence, holds):
    x, _ = draws()
    x = x[holds(x)]
    for j, name in enumerate("abc"):
        answer, sd = ask(f"E({name} | {evidence})"), ask(f"sd({name} | {evidence})")
        assert float(answer) == pytest.approx(x[:, j].mean(), abs=5 * x[:, j].std() / math.sqrt(len(x)) + 2e-3)
        assert float(sd) == pytest.approx(x[:, j].std(), rel=0.02)
        middle = ask(f"median({name} | {evidence})")
        assert (x[:, j] <= float(middle) + 1e-9).mean() == pytest.approx(0.5, abs=0.03 if name == "a" else 0.01)
        table = ask(f"p({name} | {evidence})").value
        assert math.fsum(table.values()) == pytest.approx(1, abs=1e-6)
    rows = given(Model(), evidence).sample(5000, random_state=0)
    for j, name in enumerate("abc"):
        drawn = np.asarray(rows[name])
        assert holds(np.column_stack([rows[n] for n in "abc"])).all()
        assert (
            stats.ks_2samp(drawn + np.random.default_rng(1).uniform(-0.05, 0.05, 5000) * (j == 0), x[:5000, j]).pvalue
            > 1e-3
        )


def test_values_condition_exactly():
    """E(c | a = x, b = y) by the formula, w by the densities."""
    k_mean, logs = [], []
    for k in range(2):
        Σ = BLOCK.covariance[k]
        gain = Σ[2, 1] / Σ[1, 1]
        k_mean.append(MEAN[k, 2] + gain * (0.4 - MEAN[k, 1]))
        logs.append(np.log(WEIGHTS[k]) + stats.norm(MEAN[k, 1], np.sqrt(Σ[1, 1])).logpdf(0.4))
    w = np.exp(logs - np.logaddexp(*logs))
    assert float(ask("E(c | b = 0.4)")) == pytest.approx(w @ k_mean, rel=1e-10)


def test_rows_are_answered_as_one_by_one():
    rows = {"a": [0.7, None, 0.7, 1.1], "b": [0.2, 0.4, 0.2, None], "kind": ["yes", "no", None, "yes"]}
    said = ["a=0.7, b=0.2, kind=yes", "b=0.4, kind=no", "a=0.7, b=0.2", "a=1.1, kind=yes"]
    for question in ("p(kind=yes", "E(c", "p(c > 0", "median(c"):
        many = ask(f"{question})", {k: v for k, v in rows.items() if k != "kind" or "kind" not in question})
        for i, evidence in enumerate(said):
            if "kind" in question:
                evidence = evidence.split(", kind")[0]
            assert many.values.reshape(4, -1)[i, 0] == pytest.approx(float(ask(f"{question} | {evidence})")), rel=1e-6)
    some = ask("p(c > 0 | a, b > 0)", {"a": [0.7, 1.1], "kind": ["no", "yes"]})
    assert some.columns["p"][1] == pytest.approx(float(ask("p(c > 0 | a=1.1, b > 0)")), rel=1e-3)
    drawn = given(Model(), rows).sample(2, random_state=0).to_pylist()
    assert [r["a"] for r in drawn[:2]] == [0.7, 0.7]
    assert [r["b"] for r in drawn[2:4]] == [0.4, 0.4]


def test_information_inside_a_block():
    """Of a bivariate normal, -½ log (1 - ρ²); here of two parts, against the density on a grid."""
    x = np.linspace(-9, 9, 721)
    grid = np.array(list(itertools.product(x, x)))
    at, h = [1, 2], x[1] - x[0]
    joint = sum(
        w * multivariate_normal(MEAN[k, at], BLOCK.covariance[k][np.ix_(at, at)]).pdf(grid)
        for k, w in enumerate(WEIGHTS)
    ).reshape(721, 721)
    apart = joint.sum(1, keepdims=True) * joint.sum(0) * h * h
    by_grid = float((joint * np.log(joint / apart)).sum() * h * h)
    assert float(ask("MI(b; c)")) == pytest.approx(by_grid, rel=1e-4)
    assert float(ask("MI(b; kind | c = 0)")) > 0
