"""The picture of gan.md: the game in one dimension, early, later and at the end.

python docs/images/gan.py
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import plotly.io as pio
from make import HERE, NAMES
from playwright.sync_api import sync_playwright

import tacit
from tacit import plot

WIDTH = 1180
PAGE = """<meta charset=utf-8><style>body{{margin:0;background:#fff;font-family:system-ui}}
main{{display:grid;grid-template-columns:repeat(3,1fr);gap:6px 12px;padding:10px}}
section{{min-width:0}}h2{{font-size:15px;font-weight:500;color:#444;margin:6px 0 0}}</style><main>{}</main>"""


def density(x: np.ndarray) -> np.ndarray:
    """0.6 N(-2, 0.6²) + 0.4 N(1.5, 0.9²)."""
    left, right = (np.exp(-0.5 * ((x - m) / s) ** 2) / (s * np.sqrt(2 * np.pi)) for m, s in ((-2, 0.6), (1.5, 0.9)))
    return 0.6 * left + 0.4 * right


def main() -> None:
    """Write ``gan.png``."""
    rng, n = np.random.default_rng(0), 6400
    X = np.where(rng.random(n) < 0.6, rng.normal(-2, 0.6, n), rng.normal(1.5, 0.9, n))[:, None]
    model = tacit.GAN(1, hidden_sizes=(64, 64), game=tacit.Game(weight=0.01), epochs=80, random_state=0)
    _, film = plot.duel_film(model, X, density)
    parts = []
    for i, at in enumerate((0, 2, len(film.frames) - 1)):
        frame = film.frames[at]
        shown = go.Figure(frame.data, film.layout)
        shown.layout.sliders, shown.layout.updatemenus = (), ()
        shown.update_layout(width=(WIDTH - 44) // 3, height=400, font_color="#444", margin={"t": 60}, title=None)
        html = pio.to_html(shown, full_html=False, include_plotlyjs=i == 0, config={"staticPlot": True})
        parts.append(f"<section><h2>{frame.layout.title.text}</h2>{html}</section>")
    browser = next(found for name in NAMES if (found := shutil.which(name)))
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        path = Path(folder) / "page.html"
        path.write_text(PAGE.format("".join(parts)), encoding="utf-8")
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        page = chromium.new_page(viewport={"width": WIDTH, "height": 470})
        page.goto(path.as_uri())
        page.wait_for_timeout(4000)
        page.screenshot(path=HERE / "gan.png", full_page=True)
        chromium.close()


if __name__ == "__main__":
    main()
