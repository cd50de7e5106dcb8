"""A table in, findings and a page out: what was planted is told, what is private is not."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import tacit
from tacit.exploration import PHASES, Exploration, explore
from tacit.report.pack import Packed, unpack

SECRET = "Xanthippe Quillfeather"


def planted(n: int = 600) -> dict[str, Any]:
    """Three groups; one row holds secrets."""
    rng = np.random.default_rng(7)
    z = np.arange(n) % 3
    age = np.round(rng.normal(30, 4, n) + 30 * (z == 1))
    income = np.round(rng.gamma(20, 100, n) + 4000 * (z == 2), 2)
    income[11] = 31415.25
    city = np.where(rng.random(n) < 0.9, np.array(["Rome", "Oslo", "Bonn"])[z], "Lima").astype(object)
    city[11] = SECRET
    return {
        "age": age,
        "income": income,
        "city": city.tolist(),
        "noise": rng.normal(size=n).round(3),
        "e-mail": [f"user{i}@hidden-mail.org" for i in range(n)],
        "gap": np.where(rng.random(n) < 0.2, np.nan, rng.normal(size=n)),
    }


@pytest.fixture(scope="module")
def found() -> Exploration:
    return explore(planted(), name="people.csv")


@pytest.fixture(scope="module")
def private() -> Exploration:
    return explore(planted(), name="people.csv", rows=False)


def everything(page: str) -> str:
    """All a page holds: its text, and what is packed in it but for Plotly's own script."""
    pattern = r'<script type="text/plain" id="(\w+)" data-bytes="(\d+)">(.*?)</script>'
    packed = {m[1]: Packed(m[3], int(m[2])) for m in re.finditer(pattern, page, re.S)}
    assert packed.keys() == {"figures", "plotly"}
    return re.sub(pattern, "", page, flags=re.S) + unpack(packed["figures"]).decode()


def test_planted_groups_are_told_by_the_planted_columns(found: Exploration) -> None:
    groups = found.findings["groups"]
    assert groups["count"] == 3
    assert found.findings["headline"].startswith("3 groups")
    told = {t["column"] for g in groups["list"] for t in g["traits"]}
    assert {"age", "income", "city"} <= told
    assert "noise" not in told
    for g in groups["list"]:
        assert g["words"]
        assert g["name"]
    assert sum(g["rows"] for g in groups["list"]) == 600
    assert sum(g["share"] for g in groups["list"]) == pytest.approx(1)
    assert [g["rows"] for g in groups["list"]] == sorted((g["rows"] for g in groups["list"]), reverse=True)


def test_the_odd_row_is_found_and_its_odd_cells_are_named(found: Exploration) -> None:
    first = found.findings["unlikely"]["rows"][0]
    assert first["row"] == 12  # counted from 1
    assert first["cells"][0]["column"] == "income"
    assert first["cells"][0]["value"] == "31\u202f415.25"
    assert found.findings["unlikely"]["striking"]


def test_findings_are_strict_json(found: Exploration) -> None:
    assert json.loads(found.json()) == found.findings


def test_the_table_comes_back_with_group_and_score(found: Exploration) -> None:
    table = found.table
    assert table.column_names == [*planted(), "group", "score"]
    assert table["group"].type == pa.int32()
    sizes = np.bincount(table["group"].to_numpy())[1:]
    assert sizes.tolist() == [g["rows"] for g in found.findings["groups"]["list"]]
    assert int(np.argmin(table["score"].to_numpy())) == 11


def test_names_of_new_columns_never_collide() -> None:
    rng = np.random.default_rng(0)
    data = {"group": rng.normal(size=40), "score": rng.normal(size=40), "group_": rng.normal(size=40)}
    assert explore(data).table.column_names == ["group", "score", "group_", "group__", "score_"]


@pytest.mark.parametrize("kind", ["normal", "correlated", "noise", "shuffled"])
def test_one_cloud_has_no_groups_and_the_page_says_so(kind: str) -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(size=(500, 4)) if kind == "noise" else rng.normal(size=(500, 4))
    if kind == "correlated":
        x = x @ rng.normal(size=(4, 4))
    data: dict[str, Any] = dict(zip("abcd", x.T, strict=True))
    if kind == "shuffled":
        data = {name: rng.permutation(np.array(cells, dtype=object)).tolist() for name, cells in planted(500).items()}
        del data["e-mail"]
        data["income"] = [min(v, 9000.0) for v in data["income"]]
    one = explore(data)
    assert one.findings["groups"]["count"] == 1
    assert not one.findings["groups"]["found"]
    assert one.findings["headline"] == "No groups: one cloud"
    assert "<h1>No groups: one cloud</h1>" in one._page()
    assert set(one.table["group"].to_pylist()) == {1}


def test_identifiers_are_never_shown(found: Exploration, private: Exploration) -> None:
    for one in (found, private):
        assert "hidden-mail" not in one.json() + everything(one._page())
        left = next(c for c in one.findings["columns"] if c["name"] == "e-mail")
        assert not left["used"]
        assert left["notice"]


def test_without_rows_nothing_leaks(found: Exploration, private: Exploration, tmp_path: Path) -> None:
    found.save(tmp_path / "page.html", rows=False)
    for text in (private.json(), everything((tmp_path / "page.html").read_text()), everything(private._page())):
        bare = text.replace("\u202f", "").replace("\\u202f", "")
        assert SECRET not in bare
        assert "Quillfeather" not in bare
        assert "31415" not in bare
        assert "user1" not in bare
    assert private.findings["map"]["points"] is None
    assert all("value" not in c for r in private.findings["unlikely"]["rows"] for c in r["cells"])
    assert private.findings["unlikely"]["rows"][0]["cells"][0]["column"] == "income"
    assert SECRET in everything(found._page())  # the search is able to find it


def test_without_rows_no_number_of_the_table_stands_there_by_itself() -> None:
    """Cells of eight random digits: none of them is anywhere in the findings, whatever the statistic."""
    rng = np.random.default_rng(0)
    for n in (3, 25, 400):
        x = rng.integers(10**7, 10**8, (n, 3)) + rng.integers(0, 100, (n, 3)) / 100
        one = explore({f"x{j}": x[:, j] for j in range(3)}, rows=False)
        numbers = set(_numbers(one.findings))
        assert not numbers & {float(f"{v:.7g}") for v in x.ravel()}


def _numbers(tree: Any) -> list[float]:
    if isinstance(tree, dict):
        return [v for part in tree.values() for v in _numbers(part)]
    if isinstance(tree, list):
        return [v for part in tree for v in _numbers(part)]
    return [float(tree)] if isinstance(tree, int | float) else []


NASTY = ("<script>window.hacked=1</script>", "</script><img src=x onerror=window.hacked=1>", "{{ 7*7 }}", "a'\"&amp;b")


def test_names_and_cells_cannot_inject() -> None:
    rng = np.random.default_rng(0)
    z = rng.integers(0, 2, 200)
    data = {name: rng.normal(size=200) + 5 * z for name in NASTY[:3]}
    data[NASTY[3]] = np.where(z, NASTY[1], "😀 日本語 <b>").tolist()
    page = explore(data, name=NASTY[0])._page()
    assert NASTY[0] not in page
    assert "<img" not in page
    assert "<b>😀" not in page
    assert "&lt;script&gt;window.hacked" in page
    assert page.count("<script") == 3
    assert page.count("</script") == 3


@pytest.mark.parametrize(
    "data",
    [
        {"x": [1.5]},
        {"x": [1.5, 2.5], "c": ["a", "b"]},
        {"x": [1.0] * 30, "y": list(range(30))},
        {"c": ["a", "b", "c"] * 20, "d": ["u", "v"] * 30},
        {"x": [1.0, 2.0, 3.0] * 9, "empty": [None] * 27},
        {"day": np.arange("2020-01-01", "2020-03-01", dtype="datetime64[D]"), "x": np.arange(60.0) % 7},
        {"x": [1e18, -1e18, 3e17] * 10, "tiny": [1e-18, 2e-18, 5e-18] * 10},
    ],
    ids=["one cell", "two rows", "constant", "categories", "empty column", "dates", "extremes"],
)
@pytest.mark.parametrize("rows", [True, False])
def test_legal_but_awkward_tables_give_a_page(data: dict[str, Any], rows: bool) -> None:
    page = explore(data, rows=rows)._page()
    assert page.endswith("</html>\n") or page.endswith("</html>")
    assert len(page.encode()) < 2_000_000


def test_pages_stay_small() -> None:
    rng = np.random.default_rng(0)
    z = rng.integers(0, 3, 4000)
    tall = explore(
        {
            "x": rng.normal(size=4000) + 4 * z,
            "y": rng.normal(size=4000) - 4 * z,
            "c": rng.choice([f"a level with a long name, number {j}" for j in range(300)], 4000),
            "d": np.array(["red", "green", "blue"])[z],
        }
    )
    assert len(tall._page().encode()) < 2_100_000
    assert len(tall.findings["map"]["points"]["x"]) < 3100
    assert "3000" in " ".join(tall.findings["map"]["words"]) or "chosen at random" in " ".join(
        tall.findings["map"]["words"]
    )
    name = "a name that goes on and on " * 40
    wide = explore({f"{name}{j}": rng.normal(size=120) for j in range(300)}, max_components=2)
    assert len(wide._page().encode()) < 4_000_000


def test_progress_names_every_phase(tmp_path: Path) -> None:
    said: list[tuple[str, int | None, int | None]] = []
    one = explore({"x": [1.0, 2, 3, 4] * 5}, progress=lambda *args: said.append(args))
    one.save(tmp_path / "page.html")
    assert tuple(dict.fromkeys(phase for phase, _, _ in said)) == PHASES


def test_the_notebook_view_is_sealed(found: Exploration) -> None:
    view = found._repr_html_()
    assert view.startswith("<iframe sandbox=")
    assert "allow-same-origin" not in view.split("srcdoc")[0]
    assert repr(found) == "<Exploration of people.csv: " + found.findings["headline"] + ">"


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(tacit.errors.ArgumentError, match="max_components"):
        explore({"x": [1.0, 2.0]}, max_components=0)
    with pytest.raises(tacit.errors.InputError):
        explore({"x": []})


def test_the_same_seed_gives_the_same_findings(found: Exploration) -> None:
    again = explore(planted(), name="people.csv").findings
    timed = {"made"}
    assert {k: v for k, v in again.items() if k not in timed} == {
        k: v for k, v in found.findings.items() if k not in timed
    }


def test_a_handful_of_rows_is_not_judged() -> None:
    few = explore({"x": [1.5, 2.5, 40.0], "c": ["a", "b", "a"]}).findings
    assert few["headline"] in ("Too few rows to look for groups", "No groups: one cloud")
    assert few["groups"]["count"] == 1
    assert few["unlikely"]["rows"] == []
    assert "too few rows" in few["unlikely"]["words"][0]
