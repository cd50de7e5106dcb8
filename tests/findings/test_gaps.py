"""What gaps probably hold: planted ties fill them, intervals cover, nothing single is told where no row may be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tacit import plot
from tacit.data.table import Table
from tacit.exploration import Exploration, explore
from tacit.findings.gaps import gaps
from tacit.mixture.joint import JointMixture


def planted(n: int = 900) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    z = rng.integers(0, 3, n)
    kind = np.array(["red", "green", "blue"])[z].astype(object)
    kind[rng.random(n) < 0.2] = None
    return {
        "size": np.where(rng.random(n) < 0.3, np.nan, np.round(rng.normal(20 + 15 * z, 2), 1)),
        "kind": kind.tolist(),
        "weight": rng.normal(5 * z, 1),
    }


@pytest.fixture(scope="module")
def found() -> Exploration:
    return explore(planted())


def test_planted_ties_fill_the_gaps(found: Exploration) -> None:
    told = found.findings["missing"]["filled"]
    check = told["check"]
    assert check["right"] > 0.85
    assert check["right"] > check["mode"] + 0.4
    assert 0.84 < check["inside"] < 0.97
    assert f"{check['numbers']} numbers" in told["words"][0]
    data = planted()
    for g in told["cells"]:
        z = int(np.argmin(np.abs(data["weight"][g["row"] - 1] - np.array([0, 5, 10]))))
        if g["column"] == "size":
            assert np.isnan(data["size"][g["row"] - 1])
            assert g["low"] < g["value"] < g["high"]
            assert g["high"] - g["low"] < 20
        else:
            assert data["kind"][g["row"] - 1] is None
            assert g["value"] == ("red", "green", "blue")[z] or g["probability"] < 0.9
    assert {g["column"] for g in told["cells"]} == {"size", "kind"}


def test_the_figure_shows_every_interval(found: Exploration) -> None:
    cells = [g for g in found.findings["missing"]["filled"]["cells"] if "low" in g]
    dots = plot.filled(found.findings).data[0]
    assert len(dots.x) == len(cells)
    assert (np.array(dots.error_x.array) > 0).all()


def test_without_rows_no_gap_is_told(found: Exploration) -> None:
    hidden = found._find(rows=False)["missing"]["filled"]
    assert hidden["cells"] == []
    assert hidden["check"]["right"] > 0.85


def test_no_gap_nothing_to_fill_and_few_cells_are_not_judged() -> None:
    table = Table.read({"x": [1.0, 2.0, 3.0, None], "y": [2.0, 3.0, 4.0, 5.5]})
    model = JointMixture(1, random_state=0).fit(table)
    rng = np.random.default_rng(0)
    assert gaps(model, table, [], rng) == {"level": 0.9, "cells": [], "check": None, "words": []}
    few = gaps(model, table, ["x"], rng)
    assert few["check"] is None
    assert [(g["row"], g["column"]) for g in few["cells"]] == [(4, "x")]
