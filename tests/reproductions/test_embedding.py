"""The small versions of the figures of word and node vectors run, where the data is at hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from .scripts import script, small

pytest.importorskip("torch", reason="the helpers of the scripts need torch")


def quick(data: Path, folder: Path, name: str, *words: str) -> dict[str, Any]:
    """What the small version of a script finds."""
    return small("embedding", name, "--data", str(data), "--work", str(folder), *words)


def test_nodes(shared_data: Path, tmp_path: Path) -> None:
    found = quick(shared_data, tmp_path, "nodes")
    assert found["cora, seed 0"]["test"] > 0.6  # the largest class: 0.32
    assert found["blogcatalog, seed 0"]["micro F1"] > 15
    assert found["million"]["nodes"] == 10_000


def test_the_measures_of_word_vectors(tmp_path: Path) -> None:
    """By hand: three pairs of which one is ranked wrong, two questions of which one is answered."""
    common = script("embedding", "common")
    for name in common.PAIRS.values():
        (tmp_path / f"{name}.txt").write_text("Man king 9\nman woman 5\nking woman 7\nman none 3\n")
    (tmp_path / "questions-words.txt").write_text(
        ": some\nman king woman Queen\nking man woman queen\nman king a none\n"
    )
    vectors = np.array([[1, 0.2, 0], [1, 1, 0], [0, 0.2, 1], [0, 1, 1], [0, 0, 1]])
    found = common.evaluate(["man", "king", "woman", "queen", "chair"], vectors, tmp_path)
    assert found["MEN, pairs"] == 3
    assert found["MEN"] == 1.0
    assert (found["analogies"], found["analogies, questions"]) == (0.5, 2)


def test_one_descent_for_all_groups() -> None:
    nodes = script("embedding", "nodes")
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 5))
    groups = (x @ rng.normal(size=(5, 3)) + rng.normal(size=(200, 3)) > 0.5).astype(int)
    w, b = nodes.one_against_rest(x, groups)
    for k in range(3):
        peer = LogisticRegression(tol=1e-8).fit(x, groups[:, k])
        np.testing.assert_allclose(w[k], peer.coef_[0], atol=2e-3)
        np.testing.assert_allclose(b[k], peer.intercept_[0], atol=2e-3)
