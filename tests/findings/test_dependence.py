"""How much columns tell about each other: against sums by hand, scikit-learn, and the model's own answers."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.metrics import mutual_info_score

from tacit import plot
from tacit.data.table import Table
from tacit.errors import DataNotice
from tacit.exploration import Exploration, explore
from tacit.findings.columns import summaries, views
from tacit.findings.dependence import Dependence, counted, dependence, modelled
from tacit.findings.parts import Parts, binned
from tacit.findings.relations import relations, ties
from tacit.mixture.joint import JointMixture


def test_counted_information_is_scikit_learns_less_its_bias() -> None:
    rng = np.random.default_rng(0)
    a = rng.integers(0, 3, 500)
    b = np.where(rng.random(500) < 0.6, a, rng.integers(0, 4, 500))
    gaps = rng.random(500) < 0.2
    bias = 2 * 3 / (2 * (~gaps).sum())
    wanted = mutual_info_score(a[~gaps], b[~gaps]) - bias
    least = min(mutual_info_score(v[~gaps], v[~gaps]) for v in (a, b))
    assert counted([a, np.where(gaps, -1, b)])[0, 1] == pytest.approx(wanted / least)


def test_independent_codes_tell_nothing_and_copies_everything() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 8, (2, 5000))
    found = counted([a, b, 7 - a, np.zeros(5000, dtype=int), np.full(5000, -1)])
    assert found[0, 1] < 0.002
    assert found[0, 2] == pytest.approx(1, abs=0.01)
    assert found[0, 3] == found[0, 4] == 0


def test_modelled_information_by_hand() -> None:
    """Two parts, two columns that follow the part: one bit of two, H = log 2."""
    sure, half = np.eye(2), np.full((2, 2), 0.5)
    found = modelled([sure, sure, half], np.array([0.5, 0.5]))
    assert found[0, 1] == pytest.approx(1)
    assert found[0, 2] == pytest.approx(0)


def planted(n: int = 2000) -> dict[str, object]:
    rng = np.random.default_rng(0)
    z = rng.integers(0, 3, n)
    noisy = [np.where(rng.random(n) < 0.8, z, rng.integers(0, 3, n)) for _ in range(2)]
    return {
        "a": np.array(["u", "v", "w"])[noisy[0]].tolist(),
        "b": np.array(["x", "y", "z"])[noisy[1]].tolist(),
        "size": np.round(rng.normal(20, 3, n) + 10 * z),
        "other": np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n)),
    }


@pytest.fixture(scope="module")
def fitted() -> tuple[Table, JointMixture]:
    table = Table.read(planted())
    return table, JointMixture(3, random_state=0).fit(table)


@pytest.fixture(scope="module")
def found(fitted: tuple[Table, JointMixture]) -> Dependence:
    table, model = fitted
    parts = Parts.of(model, np.full(3, 700.0), 1)
    return dependence(binned(model, summaries(table, table.schema), parts), views(table, table.schema), parts)


def test_the_density_has_learned_what_the_table_holds(found: Dependence) -> None:
    assert found.columns == list(planted())
    np.testing.assert_allclose(found.table, found.table.T)
    np.testing.assert_allclose(found.model, found.table, atol=0.04)
    assert found.table[0, 2] > 0.2
    assert found.table[0, 3] < 0.01


def test_between_categories_it_is_the_models_mutual_information(
    found: Dependence, fitted: tuple[Table, JointMixture]
) -> None:
    told = float(fitted[1].query("MI(a; b)"))  # type: ignore[arg-type]
    one = -sum(p * np.log(p) for p in (fitted[1].query("p(a)").value).values())  # type: ignore[union-attr]
    other = -sum(p * np.log(p) for p in (fitted[1].query("p(b)").value).values())  # type: ignore[union-attr]
    assert found.model[0, 1] == pytest.approx(told / min(one, other), rel=1e-6)


def test_along_trees_it_is_the_models_mutual_information() -> None:
    """Exactly for two levels each; a number by its bins, which cannot say more than the number."""
    table = Table.read(planted())
    model = JointMixture(2, dependence="tree", random_state=0).fit(planted())
    parts = Parts.of(model, np.full(len(model.part_weights_), 700.0), 1)
    columns = binned(model, summaries(table, table.schema), parts)
    assert all(c.within is not None and np.allclose(c.within.sum(axis=0), 1) for c in columns)
    found = dependence(columns, views(table, table.schema), parts)
    entropy = [-sum(p * np.log(p) for p in model.query(f"p({n})").value.values()) for n in "ab"]  # type: ignore[union-attr]
    told = float(model.query("MI(a; b)"))  # type: ignore[arg-type]
    assert found.model[0, 1] == pytest.approx(told / min(entropy), rel=1e-6)
    size = float(model.query("MI(a; size)"))  # type: ignore[arg-type]
    assert 0.5 * size < found.model[0, 2] * entropy[0] < size
    np.testing.assert_allclose(found.model[:3, :3], found.table[:3, :3], atol=0.05)


def test_bins_hold_the_cells_that_they_say(fitted: tuple[Table, JointMixture]) -> None:
    table, model = fitted
    parts = Parts.of(model, np.full(3, 700.0), 1)
    for view in views(table, table.schema):
        column = next(c for c in binned(model, summaries(table, table.schema), parts) if c.schema == view.schema)
        code = column.code(view)
        assert ((code < 0) == ~view.seen).all()
        share = np.bincount(code[code >= 0], minlength=len(column.labels)) / view.seen.sum()
        np.testing.assert_allclose(column.p @ parts.weight, share, atol=0.06)
        np.testing.assert_allclose(column.p.sum(axis=0), 1)


def test_what_the_density_misses_is_said() -> None:
    names = ["a", "b", "c"]
    table = np.array([[1, 0.4, 0.1], [0.4, 1, 0], [0.1, 0, 1]])
    model = np.array([[1, 0.1, 0.09], [0.1, 1, 0], [0.09, 0, 1]])
    cells = {k: [0.0, 1.0, 2.0] * 9 for k in names}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataNotice)
        rows = Table.read(cells)
    told = relations(ties(views(rows, rows.schema)), Dependence(names, table, model))
    assert [(p["a"], p["b"]) for p in told["missed"]] == [("a", "b")]
    assert "a and b (0.10 of 0.40)" in told["words"][0]


@pytest.fixture(scope="module")
def explored() -> Exploration:
    return explore(planted())


def test_the_map_has_the_table_above_and_the_density_below(explored: Exploration) -> None:
    matrix = explored.findings["relations"]["matrix"]
    z = plot.relations(explored.findings).data[0].z
    for i, j in ((0, 1), (0, 2), (1, 2)):
        assert z[i][j] == pytest.approx(matrix["table"][i][j], abs=1e-3)
        assert z[j][i] == pytest.approx(matrix["model"][j][i], abs=1e-3)
        assert z[i][i] is None
