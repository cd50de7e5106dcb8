"""The picture of em.md: the coins of that page, fitted as it says.

python docs/images/em.py
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import sync_playwright

from tacit import as_source, plot

HERE = Path(__file__).parent
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def main() -> None:
    """Write ``em-coins.png``."""
    names: dict[str, Any] = {"__name__": "page"}
    page = (HERE.parent / "em.md").read_text(encoding="utf-8")
    exec(re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)[0], names)
    rows = as_source(np.array([[5.0], [9], [8], [4], [7]]))
    figure = plot.coordinate_ascent(names["TwoCoins"](), rows, np.array([0.6, 0.5]), steps=6)
    browser = next(found for name in NAMES if (found := shutil.which(name)))
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        tab = chromium.new_page(viewport={"width": 980, "height": 440}, device_scale_factor=1.5)
        tab.set_content(figure.to_html(include_plotlyjs="inline", config={"displayModeBar": False}))
        tab.add_style_tag(content="body { margin: 0; background: #fff }")
        tab.wait_for_selector(".main-svg")
        tab.screenshot(path=HERE / "em-coins.png")
        chromium.close()


if __name__ == "__main__":
    main()
