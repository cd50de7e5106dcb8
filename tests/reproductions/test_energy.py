"""The small versions of the published figures of energy models run, and move in the right direction."""

from __future__ import annotations

from functools import partial

import pytest

from .scripts import script, small

torch = pytest.importorskip("torch", reason="the deep part needs torch")

quick = partial(small, "energy")


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
    assert found["last"] > -2.75  # the ceiling is -2.60; nine independent bits: -6.24
    assert found["largest gap"] < 5


def test_a_network_bounds_its_likelihood() -> None:
    found = quick("belief")
    first, whole = found["first machine, seed 0"], found["network, seed 0"]
    assert first["mean"] > -31  # independent pixels: -36
    assert whole["low"] - first["high"] > -1


def test_unrolled_machines_are_a_better_start() -> None:
    found = quick("unrolled")
    assert found["pre-trained"]["mean"] < found["random"]["mean"]


def test_labels_are_learned_from_machines() -> None:
    found = quick("labels")
    assert found["50 labels, pre-trained"]["mean"] > 0.75
    assert found["1300 labels, pre-trained"]["mean"] > 0.9


def test_codes_of_posts_find_their_groups() -> None:
    found = quick("newsgroups")
    ours, theirs = found["network, 4, seed 0"], found["LSA, 4"]
    assert set(ours["precision"]) == set(theirs["precision"])
    assert ours["15 neighbours"] > 0.5  # five groups: 0.2


def test_lower_halves_are_completed_better_than_by_components() -> None:
    found = quick("completion")
    assert found["machine, seed 0"] < found["PCA"]["error"]


def test_tables_of_patterns_are_learned() -> None:
    """Entropy of four patterns with noise: log 4 + 12 * 0.199 = 3.77 nats; twelve columns alone: about 7."""
    assert quick("tables")["mushrooms"]["mean"] > -5


def test_speeds_are_measured() -> None:
    assert quick("speed")["five products"] > 0


def test_the_page_has_the_figures_that_the_results_hold() -> None:
    page = script("energy", "table")
    assert page.table() in page.PAGE.read_text(encoding="utf-8")


def test_defaults_are_better_than_independent_columns() -> None:
    found = quick("defaults")
    for name in ("bars and stripes 4x4", "digits"):
        assert found[f"{name}, seed 0"]["low"] > found[f"{name}, independent columns"] + 2
