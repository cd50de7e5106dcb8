"""What sets groups apart, against what was planted."""

from __future__ import annotations

import numpy as np
import pytest

from tacit.data.table import Table
from tacit.findings.columns import views
from tacit.findings.groups import describe


def planted(n: int = 900) -> tuple[Table, np.ndarray]:
    rng = np.random.default_rng(1)
    z = np.arange(n) % 3
    table = Table.read(
        {
            "age": rng.normal(35, 5, n) + 25 * (z == 1),
            "income": np.where(z == 2, rng.normal(50, 2, n), rng.normal(50, 20, n)),
            "city": np.where((z == 0) & (rng.random(n) < 0.9), "Rome", rng.choice(["Oslo", "Bonn", "Rome"], n)),
            "pets": np.where(z == 2, 0, rng.integers(0, 2, n)).astype(str),
            "noise": rng.normal(size=n),
        },
        types={"pets": "category"},
    )
    return table, np.eye(3)[z]


def test_every_group_is_told_by_the_columns_that_were_planted() -> None:
    table, resp = planted()
    entries, effect = describe(views(table, table.schema), resp, resp.mean(axis=0), resp.sum(axis=0).astype(int))
    first = {e["number"]: e["traits"][0] for e in entries}
    assert first[1]["column"] == "city"
    assert first[1]["level"] == "Rome"
    assert first[2]["column"] == "age"
    assert first[2]["direction"] == "high"
    assert "older: age" in first[2]["words"]
    traits = {t["column"]: t for t in entries[2]["traits"]}
    assert traits["income"]["direction"] == "narrow"
    assert (traits["pets"]["direction"], traits["pets"]["level"]) == ("level", "0")
    names = [c.name for c in (*table.schema.numeric, *table.schema.categorical)]
    assert effect[names.index("noise")].max() < 0.1
    assert not any(t["column"] == "noise" for e in entries for t in e["traits"])


def test_the_effect_is_the_total_variation_distance() -> None:
    n = 100_000
    z = np.arange(n) % 2
    c = np.where((np.arange(n) // 2) % 10 < np.where(z == 0, 7, 3), "a", "b")
    table = Table.read({"c": c, "x": np.zeros(n)})
    resp = np.eye(2)[z]
    _, effect = describe(views(table, table.schema), resp, resp.mean(axis=0), np.array([n // 2, n // 2]))
    assert effect[1] == pytest.approx([0.4, 0.4], abs=0.01)  # ½ (|0.7 - 0.3| + |0.3 - 0.7|)
    assert effect[0] == pytest.approx([0, 0])


def test_labels_without_meaning_tell_nothing() -> None:
    """Groups drawn by lot from one cloud differ in no column, however small they are."""
    rng = np.random.default_rng(3)
    table = Table.read({f"x{j}": rng.normal(size=400) for j in range(20)})
    resp = np.eye(4)[rng.choice(4, 400, p=[0.7, 0.2, 0.06, 0.04])]
    entries, _ = describe(views(table, table.schema), resp, resp.mean(axis=0), resp.sum(axis=0).astype(int))
    assert sum(len(e["traits"]) for e in entries) <= 1  # of 80 chances
    assert entries[0]["name"] == "Group 1"


def test_a_small_group_is_not_described_where_no_row_may_be_shown() -> None:
    table, _ = planted()
    small = np.zeros((900, 2))
    small[:, 0] = 1
    small[:5] = [0, 1]
    entries, _ = describe(views(table, table.schema), small, small.mean(axis=0), np.array([895, 5]), least=10)
    assert entries[1]["traits"] == []
    assert "Too few rows" in entries[1]["words"]


def test_of_two_columns_that_say_the_same_one_is_told() -> None:
    table, resp = planted()
    share, rows = resp.mean(axis=0), resp.sum(axis=0).astype(int)
    entries, _ = describe(views(table, table.schema), resp, share, rows, {frozenset(("age", "city"))})
    for e in entries:
        assert not {"age", "city"} <= {t["column"] for t in e["traits"]}
