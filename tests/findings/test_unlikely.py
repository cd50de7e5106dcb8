"""The surprise of a cell given the others, against enumeration and against the normal tail."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import norm

from tacit.data.block import Block
from tacit.data.table import Table
from tacit.findings.unlikely import Joined, Product, judge, log_joint, log_others, surprise
from tacit.mixture.condition import grammar_of
from tacit.mixture.families.categorical import CategoricalColumn
from tacit.mixture.families.normal import NormalColumn
from tacit.mixture.joint import JointMixture


def model(d: int = 1) -> Product:
    rng = np.random.default_rng(5)
    w = rng.dirichlet([1, 1, 1])
    levels = [np.log(rng.dirichlet(np.ones(L), 3)) for L in (2, 3, 4)]
    numbers = [NormalColumn(rng.normal(size=3), rng.uniform(0.5, 2, 3)) for _ in range(d)]
    return Product(np.log(w), [*numbers, *map(CategoricalColumn, levels)], np.arange(3))


def normals(weights: list[float], mean: list[float], sd: float) -> Product:
    """One number from some normals."""
    column = NormalColumn(np.array(mean), np.full(len(mean), sd))
    return Product(np.log(weights), [column], np.arange(len(mean)))


def log_prob(m: Product, x: np.ndarray, codes: tuple[int, ...]) -> float:
    """log p of the observed cells, term by term."""
    joint = m.log_weights.copy()
    for j, v in enumerate(x):
        if not np.isnan(v):
            joint = joint + m.columns[j].log_prob(np.array([v]))[0]
    for j, code in enumerate(codes):
        if code >= 0:
            joint = joint + m.columns[len(x) + j].log_prob(np.array([code]))[0]
    return float(logsumexp(joint))


def test_categories_by_enumeration() -> None:
    m = model()
    x = np.array([0.3])
    for codes in product(range(2), range(3), range(4)):
        found = surprise(m, Block(0, x[None], codes=np.array([codes], dtype=np.int32)))
        for j, L in enumerate((2, 3, 4)):
            all_ = np.array([log_prob(m, x, (*codes[:j], v, *codes[j + 1 :])) for v in range(L)])
            p = np.exp(all_ - logsumexp(all_))
            assert found.log_prob[0, 1 + j] == pytest.approx(np.log(p[codes[j]]))
            assert found.bits[0, 1 + j] == pytest.approx(-np.log2(p[p <= p[codes[j]] * (1 + 1e-9)].sum()), abs=1e-9)


def test_numbers_and_gaps() -> None:
    m = model(d=2)
    x, codes = np.array([1.2, np.nan]), (1, -1, 2)
    found = surprise(m, Block(0, x[None], codes=np.array([codes], dtype=np.int32)))
    without = log_prob(m, np.array([np.nan, np.nan]), codes)
    assert found.log_prob[0, 0] == pytest.approx(log_prob(m, x, codes) - without)
    assert np.isnan(found.log_prob[0, [1, 3]]).all()
    assert found.bits[0, [1, 3]].tolist() == [0, 0]
    assert found.posterior[0].sum(axis=1) == pytest.approx(1)


@pytest.mark.parametrize("z", [0.5, 2.0, 4.0, 6.0])
def test_one_normal_gives_its_two_tails(z: float) -> None:
    m = normals([1.0], [3.0], 2.0)
    found = surprise(m, Block(0, np.array([[3 + 2 * z]])))
    assert found.bits[0, 0] == pytest.approx(-np.log2(2 * norm.sf(z)), rel=0.03)


def test_a_value_between_two_peaks_is_as_odd_as_one_beyond_them() -> None:
    m = normals([0.5, 0.5], [-10.0, 10.0], 1.0)
    between, beyond, usual = surprise(m, Block(0, np.array([[0.0], [20.0], [10.2]]))).bits[:, 0]
    assert between > 30
    assert beyond > 30
    assert usual < 1


def test_rows_are_judged_by_the_others() -> None:
    """A part of the density that is there for one row alone does not make that row likely."""
    rng = np.random.default_rng(0)
    x = np.append(rng.normal(size=300), 60.0)
    table = Table.read({"x": x, "y": rng.normal(size=301)})
    model = JointMixture(2, random_state=0).fit(table)
    assert model.part_weights_.min() < 0.01
    found = judge(model, table)
    assert found.score.argmin() == 300
    assert found.score[300] < found.score[:300].min() - 100
    assert found.resp.sum(axis=1) == pytest.approx(1)
    alone = model.predict(table)[300]
    assert found.resp[300, alone] < 0.01  # by the others, the row is not in the group that it is alone in
    usual = np.argsort(np.abs(x))[:100]
    assert found.score[usual] == pytest.approx(model.score_samples(table)[usual], abs=0.01)


def test_the_share_of_others_is_what_is_left_without_the_row() -> None:
    r = np.array([[1.0, 0.0], [0.0, 1.0], [0.25, 0.75], [0.0, 1.0]])
    support = r.sum(axis=0)  # 1.25, 2.75
    found = np.exp(log_others(r, support))
    assert found[0] == pytest.approx([0, 1])  # a quarter of a row stands behind the first part: not enough
    assert found[1] == pytest.approx([1, 1.75 / 2.75])
    assert found[2] == pytest.approx([1 / 1.25, 2 / 2.75])
    assert log_others(np.ones((1, 1)), np.ones(1)).tolist() == [[0.0]]


def test_every_cell_of_the_rows_told_has_its_surprise() -> None:
    """The same bits as in the reasons in words; a gap has none; the planted cell stands out."""
    from tacit import plot
    from tacit.exploration import explore

    rng = np.random.default_rng(0)
    z = rng.integers(0, 2, 500)
    x, y, gap = 8.0 * z + rng.normal(size=500), 8.0 * z + rng.normal(size=500), rng.normal(size=500)
    x[7], z[7], y[7] = 0.0, 1, 8.0
    gap[rng.random(500) < 0.2] = np.nan
    found = explore({"x": x, "y": y, "gap": gap, "kind": np.where(z, "a", "b").tolist()}).findings
    told = found["unlikely"]
    planted = next(r for r in told["rows"] if r["row"] == 8)
    assert planted["cells"][0]["column"] == "x"
    for row, bits in zip(told["rows"], told["surprise"]["bits"], strict=True):
        of = dict(zip(told["surprise"]["columns"], bits, strict=True))
        assert all(c["bits"] == pytest.approx(of[c["column"]], abs=0.06) for c in row["cells"])
        assert (of["gap"] is None) == np.isnan(gap[row["row"] - 1])
    assert np.array(plot.reasons(found).data[0].z, dtype=float).shape == (10, 4)
    assert explore({"x": x, "y": y}, rows=False).findings["unlikely"]["surprise"] is None


def test_along_trees_by_enumeration() -> None:
    """Bits of every cell from all rows of a table of categories, and of a number from draws."""
    rng = np.random.default_rng(2)
    n = 500
    a = rng.integers(0, 3, n)
    b = np.where(rng.random(n) < 0.8, a, rng.integers(0, 3, n))
    size = 3.0 * b + rng.normal(size=n)
    names = np.array(["x", "y", "z"])
    table = Table.read({"a": names[a], "b": names[b], "size": size})
    fitted = JointMixture(2, dependence="tree", random_state=0).fit({"a": names[a], "b": names[b], "size": size})
    wood = grammar_of(fitted).columns.wood
    assert wood is not None
    joined = Joined(wood.log_weights, wood, ["size", "a", "b"], np.arange(2))
    rows = table.take(np.arange(6))
    found = surprise(joined, rows)
    for i in range(6):
        own = {"a": str(names[a[i]]), "b": str(names[b[i]]), "size": float(size[i])}
        for j, name in ((1, "a"), (2, "b")):
            given = fitted.given({k: v for k, v in own.items() if k != name})
            p = given.query(f"p({name})").value
            assert found.log_prob[i, j] == pytest.approx(np.log(p[own[name]]), rel=1e-6)
            tail = sum(v for v in p.values() if v <= p[own[name]] * (1 + 1e-9))
            assert found.bits[i, j] == pytest.approx(-np.log2(min(tail, 1)), abs=1e-6)
        below = float(fitted.given({"a": own["a"], "b": own["b"]}).query(f"p(size <= {own['size']!r})").value)
        assert found.below is not None
        assert found.below[i, 0] == pytest.approx(below, abs=1e-6)
    np.testing.assert_allclose(found.bits * np.log(2), fitted.explain(table.frame)[:6][:, [2, 0, 1]], rtol=1e-6)
    joint = log_joint(joined, rows)
    resp = np.exp(joint - logsumexp(joint, axis=1, keepdims=True))
    np.testing.assert_allclose(resp, fitted._posterior(table)[:6], rtol=1e-9)
    hidden = surprise(joined, Block(0, np.full((1, 1), np.nan), codes=rows.codes[:1]))
    assert np.isnan(hidden.log_prob[0, 0])
    assert hidden.bits[0, 0] == 0
