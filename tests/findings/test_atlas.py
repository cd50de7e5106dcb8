"""The map: every column counts the same, and the axes say what they measure."""

from __future__ import annotations

import numpy as np
import pytest

from tacit.data.table import Table
from tacit.findings.atlas import atlas, design
from tacit.findings.columns import views


def table(n: int = 500) -> Table:
    rng = np.random.default_rng(0)
    big = rng.normal(1e9, 1e6, n)
    return Table.read(
        {
            "big": big,
            "small": (big - 1e9) * 1e-12 + rng.normal(0, 1e-7, n),
            "flag": np.where(rng.random(n) < 0.3, "yes", "no"),
            "kind": rng.choice([f"level {j}" for j in range(9)], n),
            "same": np.full(n, 4.0),
        }
    )


def test_every_column_has_variance_one() -> None:
    t = table()
    X, features = design(views(t, t.schema))
    variance = X.var(axis=0)
    total = {name: sum(variance[[f.column == name for f in features]]) for name in ("big", "small", "flag", "kind")}
    assert total == {name: pytest.approx(1, abs=0.02) for name in total}
    assert "same" not in {f.column for f in features}


def picture(least: int = 1) -> dict[str, object]:
    t = table()
    group = np.ones(t.shape[0], np.int32)
    rows = np.arange(t.shape[0])
    hover = ["big"] if least == 1 else None
    return atlas(views(t, t.schema), rows, group, rows[:3], hover, np.random.default_rng(0), t.shape[0], least)


def test_axes_are_told_by_correlation() -> None:
    first = picture()["axes"][0]
    assert {t["column"] for t in first["loadings"][:2]} == {"big", "small"}
    assert all(abs(t["correlation"]) > 0.9 for t in first["loadings"][:2])


def test_words_say_what_there_is_more_of_on_each_side() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=300)
    t = Table.read({"up": x, "down": -x + 0.1 * rng.normal(size=300), "side": np.where(x > 0, "plus", "minus")})
    group = np.ones(300, np.int32)
    found = atlas(views(t, t.schema), np.arange(300), group, np.arange(3), None, np.random.default_rng(0), 300)
    right, left = found["axes"][0]["words"].split("; to the left: ")
    one, other = (right, left) if "high up" in right else (left, right)
    assert "high up" in one
    assert "side = plus" in one
    assert "high down" in other
    assert "side = minus" in other


def test_no_point_where_no_row_may_be_shown() -> None:
    shown, private = picture(), picture(least=10)
    assert len(shown["points"]["x"]) == 500
    assert private["points"] is None
    assert min(private["density"]["rows"]) >= 10
    assert len(private["density"]["rows"]) > 3
