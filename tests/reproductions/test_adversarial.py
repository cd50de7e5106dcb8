"""The small versions of the published figures of adversarial models run, and move in the right direction."""

from __future__ import annotations

import json
import math
import re
from functools import partial

import pytest

from .scripts import ROOT, script, small

torch = pytest.importorskip("torch", reason="the deep part needs torch")

quick = partial(small, "adversarial")


def test_the_laws() -> None:
    found = quick("laws")
    assert found["value"]["difference"] < 1e-6
    assert found["best D, mean error"] < 0.05
    assert found["equilibrium"]["J"] == pytest.approx(-math.log(4), abs=0.05)
    assert found["equilibrium"]["JS of p and G(z)"] < 0.25


def test_modes_are_found() -> None:
    found = quick("modes", "--seeds", "1")
    assert found["mean"]["modes"] >= 6  # of rows all over the square 1.2 % are of high quality
    assert found["mean"]["high quality"] > 0.1


def test_one_component_is_worse_where_likelihood_does_not_look() -> None:
    (lines,) = quick("both_ways").values()
    cells = {line.split(" | ")[0].strip("| "): line.split(" | ")[1:] for line in lines[2:]}
    one = [float(c.split("±")[0]) for c in cells["GMM, 1 component"][1:]]
    assert one[1] < one[0] - 1
    assert cells["GAN"][:2] == ["implicit", "not available"]
    best = float(cells["p itself"][1].split("±")[0])
    assert float(cells["GMM, 8 components"][1].split("±")[0]) == pytest.approx(best, abs=0.2)


def test_pictures_are_judged_in_the_space_of_one_classifier() -> None:
    found = quick("digits", "--models", "gmm")
    assert found["floor"]["frechet"] < found["gmm"]["frechet"] < 20
    assert found["floor"]["coverage"] > 0.9
    assert found["gmm"]["density"] == "explicit"


def test_training_digits_are_no_model_and_win_by_windows() -> None:
    found = quick("parzen")
    assert found["training digits"]["mean"] > found["GAN"]["mean"]


def test_digits_by_label_are_read() -> None:
    (found,) = quick("conditional").values()
    assert 0 <= found["worst digit"] <= found["accuracy"] <= 1
    assert found["truncation 0.25"]["recall"] <= found["truncation None"]["recall"]


def test_thousand_modes_are_counted() -> None:
    (found,) = quick("stacked").values()
    assert 1 <= found["modes"] <= 200
    assert found["kl"] >= math.log(1000 / found["modes"]) - 1e-4


def test_both_ways_to_grow_have_as_long() -> None:
    found = quick("growing", "--epochs", "2")
    assert found["direct"]["seconds"] >= found["progressive"]["seconds"]
    assert found["progressive"]["epochs"] == 2


@pytest.mark.parametrize("page", ["docs/gan.md"])
def test_the_tables_of_the_page_are_those_of_the_results(page) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    table = script("adversarial", "table")
    for name, lines in (("both ways", table.both_ways()), ("figures", table.figures())):
        shown = re.search(rf"<!-- {name} -->\n(.*?)<!-- /{name} -->", text, re.DOTALL)
        assert shown is not None
        assert shown[1] == "".join(f"{line}\n" for line in lines)


def test_results_say_where_they_come_from() -> None:
    for path in (ROOT / "reproductions" / "adversarial" / "results").glob("*.json"):
        made = json.loads(path.read_text(encoding="utf-8"))["made"]
        assert made["commit"]
        assert made["machine"]
