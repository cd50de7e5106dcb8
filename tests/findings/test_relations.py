"""Ties between columns, against Cramér's V by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2_contingency

from tacit.data.table import Table
from tacit.findings.columns import views
from tacit.findings.dependence import Dependence
from tacit.findings.relations import closest, relations, ties

NOTHING = Dependence([], np.empty((0, 0)), np.empty((0, 0)))


def found(table: Table) -> dict[tuple[str, str], float]:
    told = ties(views(table, table.schema))
    names = [v.schema.name for v in told.views]
    return {(a, b): v for a, row in zip(names, told.strength) for b, v in zip(names, row)}


def test_strength_is_cramers_v_corrected_for_bias() -> None:
    counts = np.array([[30, 10, 5], [10, 40, 20]])
    rows = [(a, b) for i, a in enumerate("xy") for j, b in enumerate("uvw") for _ in range(counts[i, j])]
    table = Table.read({"a": [r[0] for r in rows] + [None, "x"], "b": [r[1] for r in rows] + ["u", None]})
    n, (r, k) = counts.sum(), counts.shape
    φ2 = chi2_contingency(counts, correction=False).statistic / n
    φ2 = max(0, φ2 - (r - 1) * (k - 1) / (n - 1))
    r, k = r - (r - 1) ** 2 / (n - 1), k - (k - 1) ** 2 / (n - 1)
    assert found(table)["a", "b"] == pytest.approx(np.sqrt(φ2 / (min(r, k) - 1)))


def test_independent_columns_have_none_and_copies_have_one() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=2000)
    table = Table.read({"x": x, "copy": -3 * x, "other": rng.normal(size=2000), "c": rng.choice(["a", "b"], 2000)})
    v = found(table)
    assert v["x", "copy"] > 0.97
    assert max(v["x", "other"], v["x", "c"], v["other", "c"]) < 0.1
    told = relations(ties(views(table, table.schema)), NOTHING)["pairs"]
    assert closest(ties(views(table, table.schema)), 2) == ["x", "copy"]
    assert [(p["a"], p["b"]) for p in told] == [("x", "copy")]


def test_words_name_the_direction() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=1000)
    z = rng.integers(0, 2, 1000)
    table = Table.read(
        {"x": x, "y": -x + 0.5 * rng.normal(size=1000), "k": np.where(z, "up", "down"), "h": 4.0 * z + x}
    )
    said = {(p["a"], p["b"]): p["words"] for p in relations(ties(views(table, table.schema)), NOTHING)["pairs"]}
    assert said["x", "y"].startswith("Higher x goes with lower y")
    assert "for up and" in said["h", "k"]
