"""How compact groups are, as the page tells it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from tacit import Table, plot
from tacit.findings.columns import views
from tacit.findings.silhouettes import silhouettes

rng = np.random.default_rng(0)


def found(apart: float, least: int = 1, n: int = 300):
    z = rng.integers(0, 2, n)
    table = Table.read(pa.table({f"x{j}": rng.normal(apart * z) for j in range(4)}))
    return silhouettes(views(table, table.schema, None), z + 1, np.random.default_rng(0), least), z


def test_groups_far_apart_form_heaps():
    near, far = found(0.3)[0], found(8.0)[0]
    assert near["mean"] < 0.1 < 0.7 < far["mean"]
    assert "hardly" in near["words"]
    assert "hardly" not in far["words"]


def test_values_fall_within_each_group_and_are_few():
    told, z = found(3.0)
    assert [g["rows"] for g in told["groups"]] == np.bincount(z).tolist()
    for g in told["groups"]:
        assert len(g["values"]) <= 120
        assert (np.diff(g["values"]) <= 0).all()
        assert g["values"][-1] <= g["mean"] <= g["values"][0]
    drawn = plot.silhouette({"groups": {"silhouette": told}})
    assert len(drawn.data) == 2
    assert sum(len(bar.x) for bar in drawn.data) == sum(len(g["values"]) for g in told["groups"])


def test_where_no_row_may_be_shown_there_are_no_values():
    told, _ = found(3.0, least=20)
    assert all(g["values"] == [] for g in told["groups"])
    assert told["mean"] > 0


def test_one_group_has_none():
    table = Table.read(pa.table({"x": rng.normal(size=50)}))
    assert silhouettes(views(table, table.schema, None), np.ones(50, int), rng) is None
