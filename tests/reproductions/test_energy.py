"""The small versions of the published figures of energy models run, and move in the right direction."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="the deep part needs torch")

ROOT = Path(__file__).parents[2]


def quick(name: str, *words: str) -> dict[str, Any]:
    """What the small version of a script finds."""
    sys.path.insert(0, str(ROOT))
    try:
        script = importlib.import_module(f"reproductions.energy.{name}")
    finally:
        sys.path.remove(str(ROOT))
    return script.main(["--quick", *words])


@pytest.mark.parametrize("way", ["sampled", "thresholded"])
def test_annealing_finds_what_enumeration_finds(way) -> None:
    found = quick("likelihood", "--binarised", way)["seed 0"]
    assert found["exact"] > -31  # independent pixels: -36
    assert found["annealed"]["low"] <= found["exact"] <= found["annealed"]["high"]


def test_brackets_hold_the_truth() -> None:
    found = quick("annealing")
    assert found["inside the bracket"] >= 0.75
    assert found["largest error, nats"] < 0.1


def test_patterns_are_learned() -> None:
    (found,) = quick("patterns").values()
    assert found["last"] > -3.3  # the ceiling is -2.20; nine independent bits: -3.14
    assert found["largest gap"] < 5


def test_speeds_are_measured() -> None:
    assert quick("speed")["five products"] > 0
