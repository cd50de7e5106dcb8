"""The conditional explorer: what the page computes in a browser is what Python computes from the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import logsumexp

from tacit.exploration import Exploration, explore
from tacit.findings.parts import Parts
from tacit.kernels.trees import tree_log_prob
from tacit.mixture.condition import grammar_of
from tacit.mixture.families.column import Interval, Levels
from tacit.mixture.families.tree import Tree, TreeParams, table_starts


def people(n: int = 700) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    z = rng.integers(0, 3, n)
    towns = [f"town {j}" for j in range(14)]
    return {
        "age": np.round(rng.normal(30, 5, n) + 20 * z),
        "income": np.round(rng.gamma(9, 100, n) * (1 + z), 2),
        "rooms": rng.poisson(1 + 2 * z),
        "day": np.datetime64("2020-01-01") + rng.integers(0, 60, n) + 100 * (z == 2),
        "plan & <b>": np.where(rng.random(n) < 0.15 + 0.35 * z, "pro", "free").tolist(),
        "town": [towns[min(int(rng.exponential(2 + 2 * k)), 13)] for k in z],
        "gap": np.where(rng.random(n) < 0.3, np.nan, rng.normal(size=n) + z),
    }


@pytest.fixture(
    scope="module",
    params=[(True, "independent"), (False, "independent"), (True, "tree"), (False, "tree")],
    ids=["rows", "no rows", "trees", "trees, no rows"],
)
def found(request: pytest.FixtureRequest) -> Exploration:
    rows, dependence = request.param
    return explore(people(), rows=rows, dependence=dependence)


def columns(found: Exploration) -> dict[str, dict[str, Any]]:
    return {c["name"]: c for c in found.findings["conditional"]["columns"]}


def masses(found: Exploration, name: str, bins: list[int]) -> np.ndarray:
    """P(column in these bins | part) [M] from the model itself, or of each code of a column that trees join."""
    column, wood = columns(found)[name], grammar_of(found.model).columns.wood
    if column["kind"] == "group":
        return np.isin(found._part_group(), bins).astype(float)
    dist = found.model._column(name) if wood is None else wood.codes[name].dist
    if column["kind"] == "number":
        cuts = np.concatenate([[-np.inf], column["cuts"], [np.inf]])
        return np.exp(dist.log_mass(Interval(float(cuts[min(bins)]), float(cuts[max(bins) + 1]))))
    codes = tuple(code for b in bins for code in column["codes"][b])
    return np.exp(dist.log_mass(Levels(codes)))


def log_joint(found: Exploration, evidence: Mapping[str, list[int]]) -> np.ndarray:
    """log π_m + log P(what is said | m) [M]: a product over columns, or by the messages of the library."""
    wood = grammar_of(found.model).columns.wood
    alone = {k: v for k, v in evidence.items() if wood is None or k == "group"}
    with np.errstate(divide="ignore"):
        log_p = np.log(found.model.part_weights_) + sum(np.log(masses(found, *said)) for said in alone.items())
    if wood is None:
        return log_p
    heard = wood.nothing()
    for name, bins in evidence.items():
        if name != "group":
            heard.codes[0, wood.at(name)] = -2
            heard.likelihood[0, wood.span(name)] = masses(found, name, bins)
    return log_p + tree_log_prob(wood.forest, heard.codes, heard.likelihood)[0]


def answer(found: Exploration, evidence: Mapping[str, list[int]], name: str) -> tuple[float, np.ndarray]:
    """log p(evidence), and p(each bin of a column | evidence)."""
    total = logsumexp(log_joint(found, evidence))
    told = evidence.get(name)
    bins = range(len(columns(found)[name]["labels"]))
    rest = {k: v for k, v in evidence.items() if k != name}
    p = [np.exp(logsumexp(log_joint(found, rest | {name: [b]})) - total) for b in bins]
    return total, np.array([v if told is None or b in told else 0.0 for b, v in zip(bins, p, strict=True)])


def test_bins_of_every_part_sum_to_one(found: Exploration) -> None:
    told = found.findings["conditional"]
    assert sum(told["weights"]) == pytest.approx(1, abs=1e-6)
    assert list(columns(found)) == ["group", *people()]
    for column in told["columns"]:
        p = np.array(column["p"] if "p" in column else column["within"])
        assert p.shape[0] == len(column["labels"])
        assert p.shape[1] == len(told["weights"]) or "within" in column
        np.testing.assert_allclose(p.sum(axis=0), 1, atol=1e-6)
        assert (p >= 0).all()
    for tree in told.get("trees", []):
        assert sorted(j for j in tree["column"] if j >= 0) == list(range(1, len(told["columns"])))
        assert all(b < i for i, b in enumerate(tree["parent"]))
        for table, count in zip(tree["table"], tree["codes"], strict=True):
            np.testing.assert_allclose(np.reshape(table, (-1, count)).sum(axis=1), 1, atol=1e-5)


def test_without_rows_no_level_rests_on_few(found: Exploration) -> None:
    labels = columns(found)["town"]["labels"]
    least = found.findings["made"]["least"]
    counts = {name: people()["town"].count(name) for name in labels if name.startswith("town")}
    assert all(count >= least for count in counts.values())
    assert len(labels) <= 9
    assert labels[-1].endswith("other levels")


def test_without_rows_no_table_of_a_tree_rests_on_few(found: Exploration) -> None:
    """Cells of a table with few rows behind them stand to each other as in all rows."""
    if found.rows or "trees" not in found.findings["conditional"]:
        pytest.skip("there is nothing to hide, or no tree")
    parts = Parts.of(found.model, found._judged.support, least := found.findings["made"]["least"])
    assert parts.wood is not None
    levels = tuple(parts.wood.forest.sizes.tolist())
    tree, hidden = Tree(levels), 0
    before = grammar_of(found.model).columns.wood
    assert before is not None
    _, parent, _, log_p, p = (a[parts.keep] if a.ndim == 2 else a for a in before.forest)
    alone, starts = tree.marginals(TreeParams(parent, p, log_p)), table_starts(levels, parent)
    for m, j in np.ndindex(parent.shape):
        own, pa = slice(tree.edges[j], tree.edges[j + 1]), parent[m, j]
        behind = np.ones(1) if pa < 0 else alone[m, tree.edges[pa] : tree.edges[pa + 1]]
        at = slice(starts[m, j], starts[m, j + 1])
        old, new = (tables[m, at].reshape(len(behind), -1) for tables in (p, parts.wood.forest.p))
        small = old * behind[:, None] * parts.rows[m] < least
        np.testing.assert_allclose(new[~small], old[~small])
        like = parts.weight @ alone[:, own]
        for row, few in zip(new, small, strict=True):
            if few.sum() > 1:
                ratio = row[few] / like[few]
                np.testing.assert_allclose(ratio, ratio[0], rtol=1e-9)
                hidden += 1
    assert hidden


def test_one_part_says_that_nothing_depends_on_anything() -> None:
    rng = np.random.default_rng(0)
    one = explore({"x": rng.normal(size=90), "y": rng.normal(size=90)})
    assert one.findings["conditional"]["columns"] == []
    assert "one part" in one.findings["conditional"]["words"][0]
    assert "one part" in one._page()


QUESTIONS: list[dict[str, list[int]]] = [
    {},
    {"plan & <b>": [0]},
    {"town": [0, 2, 8]},
    {"age": [5, 6, 7, 8, 9]},
    {"rooms": [0, 1, 2], "town": [1]},
    {"group": [1]},
    {"day": [3, 4], "gap": list(range(10)), "plan & <b>": [1], "income": [2, 3, 4, 5, 6, 7]},
]
SET = """([name, bins]) => {
  const card = [...document.querySelectorAll('.card')].find((c) => c.dataset.column === name);
  const selects = [...card.querySelectorAll('select')];
  const choose = (select, value) => { select.value = String(value); select.dispatchEvent(new Event('change')); };
  if (selects.length === 2) {
    choose(selects[0], Math.min(...bins));
    choose(selects[1], Math.max(...bins));
  } else {
    choose(selects[0], bins[0]);
    for (const b of bins.slice(1)) card.querySelector('.chart').emit('plotly_click', { points: [{ pointNumber: b }] });
  }
}"""
READ = """() => Object.fromEntries([...document.querySelectorAll('.card')].map((card) => {
  const [all, now] = card.querySelector('.chart').data;
  const values = (trace) => [...(trace.orientation === 'h' ? trace.x : trace.y)];
  return [card.dataset.column, [values(all), values(now)]];
}))"""


@pytest.fixture
def page(browser: Any, found: Exploration, tmp_path: Path) -> Iterator[Any]:
    if not found.rows and found.model.dependence_ == "tree":
        pytest.skip("the same script as with rows")
    found.save(tmp_path / "page.html")
    page = browser.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto((tmp_path / "page.html").as_uri())
    page.wait_for_selector("html[data-figures=drawn]", state="attached", timeout=60_000)
    yield page
    assert said == []
    page.close()


@pytest.mark.browser
def test_the_browser_computes_what_python_computes(page: Any, found: Exploration) -> None:
    if not found.rows:
        pytest.skip("where no row may be shown, rare levels are pooled within a part")
    for question in QUESTIONS:
        for name, bins in question.items():
            page.evaluate(SET, [name, bins])
        shown = page.evaluate(READ)
        total = float(page.locator("#ask-here").get_attribute("data-evidence"))
        for name in columns(found):
            wanted, p = answer(found, question, name)
            assert total == pytest.approx(wanted, abs=1e-5)
            np.testing.assert_allclose(shown[name][0], answer(found, {}, name)[1], rtol=1e-5, atol=1e-7)
            np.testing.assert_allclose(shown[name][1], p, rtol=1e-5, atol=1e-7)
        status = page.locator("#ask-here [role=status]").inner_text()
        assert all(name in status for name in question)
        if question:
            page.get_by_role("button", name="Clear").click()
    assert "Nothing is given" in page.locator("#ask-here [role=status]").inner_text()


@pytest.mark.browser
def test_bars_and_lists_say_the_same(page: Any, found: Exploration) -> None:
    card = page.locator(".card").filter(has=page.get_by_role("heading", name="plan & <b>"))
    select = card.get_by_role("combobox")
    card.locator(".bars .point").first.click(force=True)
    assert select.input_value() == "0"
    assert "asked-for" in card.get_attribute("class")
    select.select_option("")
    assert "asked-for" not in card.get_attribute("class")
    assert page.evaluate("window.hacked") is None


@pytest.mark.browser
def test_impossible_evidence_is_said_and_not_nan(page: Any) -> None:
    column = page.evaluate("() => [...document.querySelectorAll('.card')].map((c) => c.dataset.column)")
    for name, b in (("rooms", 0), ("age", 0), ("income", 0), ("day", 0)):
        assert name in column
        page.evaluate(SET, [name, [b]])
    shown = page.evaluate(READ)
    assert all(v is not None and v == v for _, values in shown.values() for v in values)
    assert "NaN" not in page.locator("#ask").inner_text()
