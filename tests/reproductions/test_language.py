"""The small versions of the figures of models of texts, and of the label-count curves, move in the right direction."""

from __future__ import annotations

from functools import partial

import pytest

import tacit

from .scripts import ROOT, script, small

torch = pytest.importorskip("torch", reason="the deep part needs torch")


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


quick = partial(small, "")


def test_each_predictor_of_texts_beats_the_one_before() -> None:
    found = quick("language.text")
    bits = [found[name]["bits"] for name in ("xz -9", "xz -9 after the text", "5-gram", "transformer")]
    assert bits == sorted(bits, reverse=True)
    assert bits[-1] < 0.9 * bits[-2]


def test_labels_on_reviews() -> None:
    found = quick("language.reviews")
    assert found["200 labels, softmax"]["mean"] > 0.8
    assert found["200 labels, Bayes"]["mean"] > 0.8
    assert found["16 labels, TF-IDF"]["mean"] > 0.6


def test_the_page_has_the_figures_that_the_results_hold() -> None:
    page = script("language", "table")
    assert page.table() in page.PAGE.read_text(encoding="utf-8")


def test_the_page_tells_the_committed_curves() -> None:
    curves = script("", "pretraining")
    page = (ROOT / "docs" / "pretraining.md").read_text(encoding="utf-8")
    assert curves.shown(page)[1] == curves.table(curves.committed())


def test_curves_of_tables_and_graphs() -> None:
    found = quick("pretraining")
    tables = found["Tables: Adult (AUC)"]
    few, many = tables["pre-trained"]["found"]
    assert few > tables["random start"]["found"][0] - 0.02
    assert many > 0.75
    if "NodeEmbedding" in tacit.__all__:
        few, many = found["Graphs: Cora"]["node vectors"]["found"]
        assert few > found["Graphs: Cora"]["rows of the graph"]["found"][0]
