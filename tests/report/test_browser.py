"""The page in a browser: it draws, reads well on a phone and in the dark, asks nobody for anything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tacit.exploration import Exploration, explore

pytestmark = pytest.mark.browser
SECTIONS = ("groups", "map", "unlikely", "ask", "relations", "drawn", "columns", "missing", "made")


def people(n: int = 400) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    z = np.arange(n) % 2
    return {
        "age": np.round(rng.normal(30, 4, n) + 30 * z),
        "income <b>": rng.gamma(9, 100, n),
        "</script><img src=x onerror=window.hacked=1>": np.where(
            z, "<script>window.hacked=1</script>", "'&amp;\""
        ).tolist(),
        "a very long name indeed, " * 12: rng.normal(size=n) + 3 * z,
        "gap": np.where(rng.random(n) < 0.3, np.nan, rng.normal(size=n)),
    }


@pytest.fixture(scope="module")
def found() -> Exploration:
    return explore(people(), name="people & <others>.csv")


class Visit:
    """An opened page and all that it said or asked for."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.said: list[str] = []
        self.asked: list[str] = []
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))

    def open(self, path: Path) -> Any:
        self.page.goto(path.as_uri())
        self.page.wait_for_selector("html[data-figures]", state="attached", timeout=60_000)
        return self.page


@pytest.fixture
def visit(browser: Any, request: pytest.FixtureRequest) -> Iterator[Visit]:
    page = browser.new_page(**getattr(request, "param", {"viewport": {"width": 1280, "height": 900}}))
    yield Visit(page)
    page.close()


@pytest.fixture(scope="module")
def path(found: Exploration, tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("pages") / "page.html"
    found.save(where)
    return where


def test_it_draws_everything_and_asks_for_nothing(visit: Visit, path: Path) -> None:
    page = visit.open(path)
    assert page.locator("html").get_attribute("data-figures") == "drawn"
    figures = page.locator("[data-figure]")
    assert figures.count() >= 7
    assert page.locator("[data-figure] svg.main-svg").count() >= figures.count()
    for name in SECTIONS:
        assert page.locator(f"#{name}").is_visible()
        assert page.locator(f"#{name}").inner_text().strip()
    for i in range(figures.count()):
        assert figures.nth(i).get_attribute("aria-label")
        assert "How to read it" in figures.nth(i).locator("xpath=..").inner_text()
    assert visit.said == []
    assert visit.asked == [path.as_uri()]
    assert page.evaluate("window.hacked") is None


def test_hover_and_legend_work(visit: Visit, path: Path) -> None:
    page = visit.open(path)
    plot = page.locator("[data-figure=map]")
    plot.scroll_into_view_if_needed()
    points = plot.locator(".scatterlayer .trace").first.locator(".points path")
    before = plot.locator(".scatterlayer .trace .points path").count()
    points.nth(3).hover(force=True)
    page.wait_for_selector("[data-figure=map] .hoverlayer .hovertext", timeout=5000)
    assert "row " in plot.locator(".hoverlayer").text_content()
    plot.locator(".legendtoggle").first.click(force=True)
    page.wait_for_timeout(600)  # a second click within 300 ms would be a double click; the figure waits for it
    assert plot.locator(".scatterlayer .trace .points path").count() < before
    assert visit.said == []


@pytest.mark.parametrize(
    "visit",
    [
        {"viewport": {"width": 1280, "height": 900}},
        {"viewport": {"width": 390, "height": 844}},
        {"viewport": {"width": 320, "height": 640}, "color_scheme": "dark"},
    ],
    ids=["desk", "phone", "small dark phone"],
    indirect=True,
)
def test_nothing_is_wider_than_the_screen(visit: Visit, path: Path) -> None:
    page = visit.open(path)
    width = page.viewport_size["width"]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert (
        page.evaluate(
            "Math.max(...[...document.querySelectorAll('figure, .group')].map(e => e.getBoundingClientRect().right))"
        )
        <= width
    )


def test_dark_and_light_reach_the_figures(browser: Any, path: Path) -> None:
    page = browser.new_page(color_scheme="dark")
    Visit(page).open(path)

    def look() -> tuple[str, str]:
        ink = "getComputedStyle(document.querySelector('[data-figure=scree] .xtick text')).fill"
        return page.evaluate("getComputedStyle(document.body).backgroundColor"), page.evaluate(ink)

    dark = look()
    assert page.locator("#theme").get_attribute("aria-pressed") == "true"
    page.locator("#theme").click()
    page.wait_for_timeout(300)
    light = look()
    assert all(_light(a) < _light(b) for a, b in [(dark[0], light[0]), (light[1], dark[1])])
    assert _contrast(*dark) > 4.5
    assert _contrast(*light) > 4.5
    page.close()


def _rgb(colour: str) -> list[float]:
    return [float(v) / 255 for v in colour[colour.index("(") + 1 : -1].split(",")[:3]]


def _light(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in _rgb(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(a: str, b: str) -> float:
    low, high = sorted((_light(a), _light(b)))
    return (high + 0.05) / (low + 0.05)


def test_the_keyboard_reaches_theme_and_sections(visit: Visit, path: Path) -> None:
    page = visit.open(path)
    seen = []
    for _ in range(12):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.id || document.activeElement.getAttribute('href')"))
    assert seen[:2] == ["#main", "theme"]
    assert {f"#{name}" for name in SECTIONS} <= set(seen)


@pytest.mark.parametrize("trouble", ["no script", "no decompression"])
def test_words_and_tables_stand_without_figures(browser: Any, path: Path, trouble: str) -> None:
    context = browser.new_context(java_script_enabled=trouble != "no script")
    page = context.new_page()
    if trouble == "no decompression":
        page.add_init_script("delete window.DecompressionStream")
    page.goto(path.as_uri())
    if trouble == "no decompression":
        page.wait_for_selector("html[data-figures=failed]", state="attached")
    assert "2 groups" in page.locator("h1").inner_text()
    assert "needs a browser" in page.locator("[data-figure=map]").inner_text()
    assert page.locator(".columns tbody tr").count() == 5
    assert page.locator(".group").count() == 2
    context.close()


def test_it_works_inside_a_sealed_frame(visit: Visit, found: Exploration, tmp_path: Path) -> None:
    """The notebook view: no access to what is around it, and it still draws."""
    (tmp_path / "book.html").write_text(f"<!doctype html><meta charset=utf-8>{found._repr_html_()}", encoding="utf-8")
    visit.page.goto((tmp_path / "book.html").as_uri())
    inside = visit.page.frame_locator("iframe")
    inside.locator("html[data-figures=drawn]").wait_for(state="attached", timeout=60_000)
    assert inside.locator("h1").inner_text() == found.findings["headline"]
    assert visit.said == []
    assert [url for url in visit.asked if url.startswith("http")] == []


def test_a_private_page_draws_too(visit: Visit, found: Exploration, tmp_path: Path) -> None:
    found.save(tmp_path / "private.html", rows=False)
    page = visit.open(tmp_path / "private.html")
    assert page.locator("html").get_attribute("data-figures") == "drawn"
    assert "No row is shown" in page.locator("#made").inner_text()
    assert page.locator("[data-figure=map] .scatterlayer .point").count() > 3
    assert visit.said == []
