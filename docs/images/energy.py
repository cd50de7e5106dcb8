"""The picture of energy.md: filters, fantasies, chains, learning and an energy landscape.

python docs/images/energy.py
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import numpy as np
import plotly.io as pio
from make import HERE, NAMES
from playwright.sync_api import sync_playwright
from sklearn.datasets import load_digits

import tacit
from tacit import plot

WIDTH = 1180
PAGE = """<meta charset=utf-8><style>body{{margin:0;background:#fff;font-family:system-ui}}
main{{display:grid;grid-template-columns:repeat(6,1fr);gap:6px 18px;padding:10px}}
section{{min-width:0}}h2{{font-size:15px;font-weight:500;color:#444;margin:6px 0 0}}</style><main>{}</main>"""


def main() -> None:
    """Write ``energy.png``."""
    X = load_digits().data
    rbm = tacit.RBM(64, n_iter=200, track=20, random_state=0).fit(X)
    rbm.history_ = [h for h in rbm.history_ if "nll" in h]
    rng = np.random.default_rng(1)
    groups = np.repeat([[0, 0, 0, 1, 1, 1], [1, 1, 1, 0, 0, 0]], 60, axis=0)
    flipped = np.where(rng.random(groups.shape) < 0.08, 1 - groups, groups)
    machine = tacit.BoltzmannMachine(n_iter=300, learning_rate=0.3, random_state=0).fit(flipped)
    figures = {
        "Filters of 64 hidden units": (plot.filters(rbm), 2),
        "Fantasies": (plot.fantasies(rbm, 64, n_steps=2000), 2),
        "Chains from six digits": (plot.chain(rbm, X[[0, 1, 2, 3, 4, 5]], (0, 1, 2, 5, 20, 100)), 2),
        "Learning: log-likelihood in its bracket, and the gap": (plot.learning(rbm), 3),
        "The 64 states of a Boltzmann machine of six units": (plot.landscape(machine), 3),
    }
    parts = []
    for i, (title, (figure, span)) in enumerate(figures.items()):
        figure.update_layout(width=(WIDTH - 40) // 6 * span - 14, height=360, font_color="#444")
        html = pio.to_html(figure, full_html=False, include_plotlyjs=i == 0, config={"staticPlot": True})
        parts.append(f'<section style="grid-column:span {span}"><h2>{title}</h2>{html}</section>')
    browser = next(found for name in NAMES if (found := shutil.which(name)))
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        path = Path(folder) / "page.html"
        path.write_text(PAGE.format("".join(parts)), encoding="utf-8")
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        page = chromium.new_page(viewport={"width": WIDTH, "height": 800})
        page.goto(path.as_uri())
        page.wait_for_timeout(2000)
        page.screenshot(path=HERE / "energy.png", full_page=True)
        chromium.close()


if __name__ == "__main__":
    main()
