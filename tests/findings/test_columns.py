"""Columns cut into bins and summed up."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacit.data.table import ColumnSchema, Kind, Table
from tacit.findings.columns import Bins, View, bins, missing, summaries, views


def number(x: list[float], step: float | None = None) -> View:
    kind = Kind.COUNT if step == 1 else Kind.NUMBER
    return View(ColumnSchema("x", kind, step=step), np.array(x, dtype=np.float64))


def check(view: View, cut: Bins, least: int, most: int) -> None:
    seen = view.seen
    if seen.sum() < least:
        assert not cut.labels
        assert (cut.code == -1).all()
        return
    assert ((cut.code >= 0) == seen).all()
    counts = np.bincount(cut.code[seen], minlength=len(cut.labels))
    assert len(counts) == len(cut.labels) == len(cut.level)
    assert len(counts) <= most
    assert counts.min() >= least


cells = st.one_of(st.integers(-5, 40).map(float), st.floats(-1e6, 1e6), st.just(0.0), st.just(float("nan")))


@given(st.lists(cells, min_size=1, max_size=60), st.sampled_from([1, 3, 10]), st.sampled_from([3, 8]))
def test_intervals_hold_every_cell_in_order(x: list[float], least: int, most: int) -> None:
    view = number(x)
    cut = bins(view, least, most)
    check(view, cut, least, most)
    if not cut.labels:
        return
    order = np.argsort(view.values[view.seen], kind="stable")
    assert (np.diff(cut.code[view.seen][order]) >= 0).all()


@given(st.lists(st.integers(0, 12), min_size=1, max_size=60), st.sampled_from([1, 5]))
def test_whole_numbers_get_labels_that_are_true(x: list[int], least: int) -> None:
    view = number([float(v) for v in x], step=1)
    cut = bins(view, least, 8)
    check(view, cut, least, 8)
    for j, label in enumerate(cut.labels):
        held = {v for v, c in zip(x, cut.code, strict=True) if c == j}
        lo, hi = _range(label)
        assert all(lo <= v <= hi for v in held), (label, held)


def _range(label: str) -> tuple[float, float]:
    if label.startswith("up to "):
        return -np.inf, float(label[6:])
    if label.endswith(" or more"):
        return float(label.removesuffix(" or more")), np.inf
    if label == "all":
        return -np.inf, np.inf
    lo, _, hi = label.partition("–")
    return float(lo), float(hi or lo)


def test_few_values_are_told_one_by_one() -> None:
    assert bins(number([1, 1, 2, 2, 2, 3, 4, 6], step=1)).labels == ["1", "2", "3", "4", "6"]


def test_a_frequent_value_has_a_bin_of_its_own() -> None:
    rng = np.random.default_rng(0)
    cut = bins(number([0.0] * 500 + (1000 * rng.random(500) + 1).tolist()))
    assert cut.labels[0] == "0"
    assert (cut.code[:500] == 0).all()
    assert (cut.code[500:] > 0).all()


def test_levels_go_by_frequency_and_the_rest_is_one_bin() -> None:
    names = tuple("abcdefghijkl")
    codes = np.repeat(np.arange(12), np.arange(12, 0, -1)).astype(np.int32)
    cut = bins(View(ColumnSchema("c", Kind.CATEGORY, names), np.append(codes, -1)))
    assert cut.labels == [*"abcdefg", "5 others"]
    assert cut.level == [0, 1, 2, 3, 4, 5, 6, -1]
    assert cut.code[-1] == -1
    private = bins(View(ColumnSchema("c", Kind.CATEGORY, names), codes), least=10)
    assert private.labels == ["a", "b", "c", "9 others"]


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=80), st.sampled_from([1, 10]))
def test_histograms_count_every_row_once(x: list[float], least: int) -> None:
    table = Table.read({"x": x, "y": list(range(len(x)))}, types={"x": "number", "y": "number"})
    entry = summaries(table, table.schema, least)[0]
    if len(x) < least:
        assert "histogram" not in entry
        return
    h = entry["histogram"]
    total = sum(h["counts"]) + h["below"] + h["above"]
    assert total == len(x) if least == 1 else total <= len(x)
    assert all(c == 0 or c >= least for c in [*h["counts"], h["below"], h["above"]])


def test_extremes_and_rare_levels_need_rows_behind_them() -> None:
    rng = np.random.default_rng(0)
    x = np.append(rng.normal(size=99), 987654.25)
    table = Table.read({"x": x, "c": ["common"] * 97 + ["rare"] * 3})
    shown, private = summaries(table, table.schema), summaries(table, table.schema, least=10)
    assert shown[0]["summary"]["max"] == 987654.25
    assert "987" not in repr(private[0]["histogram"]) + private[0]["words"]
    assert {"min", "max", "q95"}.isdisjoint(private[0]["summary"])
    assert "rare" in shown[1]["words"]
    assert "rare" not in repr(private[1])


def test_gaps_that_come_together_are_told_together() -> None:
    rng = np.random.default_rng(0)
    gap = rng.random(200) < 0.3
    x = rng.normal(size=(200, 3))
    x[gap, :2] = np.nan
    x[rng.random(200) < 0.3, 2] = np.nan
    table = Table.read({"a": x[:, 0], "b": x[:, 1], "c": x[:, 2]})
    found = missing(views(table, table.schema), summaries(table, table.schema), 200)
    assert [(s["columns"], s["always"]) for s in found["together"]] == [(["a", "b"], True)]
    assert found["share"] == pytest.approx(np.isnan(x).mean())
