"""The scripts on clusters and their number, in their small versions."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "reproductions"


@pytest.fixture
def script(monkeypatch):
    """A script by its name, as a module."""
    monkeypatch.syspath_prepend(str(FOLDER))
    yield importlib.import_module
    for name in ("record", "clustering", "number_of_gaussians"):
        sys.modules.pop(name, None)


def test_the_battery(script, tmp_path, shared_data):
    out = tmp_path / "clustering.json"
    arguments = ["--small", "--data", str(shared_data), "--out", str(out)]
    found = script("clustering").main(arguments)
    assert found["mean"]["sklearn_kmeans"]["labellings"] == 3
    assert found["mean"]["sklearn_gm"]["selected"] > found["mean"]["sklearn_gm"]["sklearn_gm"]
    assert found["tables"]["uci/wine"]["labels0"]["selected"] > 0.85
    for table in found["seeds"].values():
        starts = [v for v in table.values() if isinstance(v, dict)]
        assert len(starts) == 4
        assert min(v["least"] for v in starts) == 1
    again = json.loads(out.read_text())
    assert again["tables"] == script("clustering").main(arguments)["tables"]  # taken from the file


def test_how_many_gaussians(script, tmp_path, capsys):
    found = script("number_of_gaussians").main(["--small", "--out", str(tmp_path / "out.json")])
    assert all(kind["right"] == kind["of"] for kind in found.values())
    assert "mclust" in capsys.readouterr().out  # its numbers, or that it is not at hand
