"""Synthetic rows: those of the right density pass, those of a wrong one do not, and copies are found out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tacit.data.table import Table
from tacit.exploration import explore
from tacit.findings.synthetic import FEW, draw, nearness, synthetic, tell_apart
from tacit.mixture.joint import JointMixture


def mixture(n: int, seed: int = 0, gaps: float = 0.0) -> dict[str, Any]:
    """Rows of a mixture of products: what the model can hold."""
    rng = np.random.default_rng(seed)
    z = rng.integers(0, 2, n)
    x = rng.normal(5 * z, 1)
    return {
        "x": np.where(rng.random(n) < gaps, np.nan, x),
        "y": rng.normal(-4 * z, 2),
        "c": np.where(rng.random(n) < 0.1 + 0.8 * z, "left", "right").tolist(),
    }


def fitted(data: dict[str, Any]) -> tuple[Table, JointMixture]:
    table = Table.read(data)
    return table, JointMixture(2, random_state=0).fit(table)


@pytest.mark.parametrize("gaps", [0.0, 0.3])
def test_rows_of_the_right_density_cannot_be_told_apart(gaps: float) -> None:
    table, model = fitted(mixture(3000, gaps=gaps))
    found = synthetic(model, table, [], np.random.default_rng(0))
    assert found["test"]["p"] > 0.01
    assert found["test"]["accuracy"] < 0.56
    assert found["nearest"]["equal"] == 0
    assert 0.35 < found["nearest"]["nearer"] < 0.6
    assert ("with the same gaps" in found["words"][0]) == (gaps > 0)


def test_a_tie_that_the_density_lacks_is_found_out() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=2000)
    table = Table.read({"x": x, "y": x + 0.1 * rng.normal(size=2000)})
    model = JointMixture(1, random_state=0).fit(table)
    found = synthetic(model, table, [], rng)
    assert found["test"]["accuracy"] > 0.85
    assert found["test"]["p"] < 1e-9
    assert "easy to tell from real" in found["words"][1]


def test_the_p_value_is_as_rare_as_it_says() -> None:
    """Both kinds from one distribution: p is below 0.2 in about a fifth of the tests."""
    below = 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        real, drawn = (Table.read(mixture(300, seed=100 * seed + s)).block for s in (1, 2))
        below += tell_apart(real, drawn, rng).p < 0.2
    assert below <= 13  # P(more) < 0.1 %


def test_copies_are_found_out() -> None:
    table, model = fitted(mixture(800))
    rows, rng = np.arange(400), np.random.default_rng(0)
    real = table.take(rows)
    copies = table.take(rng.permutation(800)[:400])
    found = nearness(table, rows, real, copies, table.schema, rng)
    assert found.equal == 1
    assert found.twins == 0
    assert found.nearer > 0.9
    shaken = replace(copies, numbers=np.asarray(copies.x) + 0.01 * rng.normal(size=copies.x.shape))
    near = nearness(table, rows, real, shaken, table.schema, rng)
    assert near.equal == 0
    assert near.nearer > 0.9
    honest = nearness(table, rows, real, draw(model, 400, table.schema), table.schema, rng)
    assert 0.35 < honest.nearer < 0.6


def test_real_twins_are_counted() -> None:
    data = {k: np.repeat(np.asarray(v), 2) for k, v in mixture(200).items()}
    table, model = fitted(data)
    found = synthetic(model, table, [], np.random.default_rng(0))
    assert found["nearest"]["twins"] == 1


def test_the_columns_that_differ_come_first() -> None:
    rng = np.random.default_rng(0)
    spiky = np.where(rng.random(1500) < 0.5, 0.5, rng.normal(size=1500))
    found = explore({"spiky": spiky.round(3), "plain": rng.normal(size=1500)}).findings["synthetic"]
    plain = {c["column"]: c["difference"] for c in found["columns"]}
    assert plain["plain"] < 0.03
    assert found["columns"][0]["difference"] == max(plain.values())


def test_no_row_is_shown_where_none_may_be_and_few_are_not_tested() -> None:
    hidden = explore(mixture(300), rows=False).findings["synthetic"]
    assert hidden["examples"] is None
    assert hidden["map"] is None
    assert hidden["test"]["n"] == 300
    few = explore(mixture(FEW - 1)).findings["synthetic"]
    assert few["test"] is None
    assert "too few rows" in few["words"][0]
