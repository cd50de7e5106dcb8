"""The picture of autoencoders.md: two stretches of the page of scikit-learn's digits, side by side.

python docs/images/pictures.py
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import numpy as np
from make import BOARD, HERE, NAMES, WIDTH, stretch
from playwright.sync_api import sync_playwright
from sklearn.datasets import load_digits

import tacit


def main() -> None:
    """Write ``pictures.png``."""
    browser = next(found for name in NAMES if (found := shutil.which(name)))
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        path = Path(folder) / "page.html"
        digits = (load_digits().images * 15.9375).astype(np.uint8)
        tacit.explore_pictures(digits, name="digits").save(path)
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        page = chromium.new_page(viewport={"width": WIDTH, "height": 900})
        page.goto(path.as_uri())
        page.wait_for_selector("html[data-figures=drawn]", state="attached")
        stretches = [stretch(page, 0), stretch(page, page.locator("#between").bounding_box()["y"])]
        page = chromium.new_page(viewport={"width": 1440, "height": 400})
        page.set_content(BOARD.format(*stretches))
        page.screenshot(path=HERE / "pictures.png", full_page=True)
        chromium.close()


if __name__ == "__main__":
    main()
