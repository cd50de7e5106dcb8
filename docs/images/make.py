"""The picture of the README: two stretches of the page of a sample table, side by side.

python docs/images/make.py [sample:wine]
"""

from __future__ import annotations

import base64
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

import tacit

HERE = Path(__file__).parent
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WIDTH, HEIGHT = 1000, 1560  # of a stretch
BOARD = """<!doctype html><style>
body {{ margin: 0; padding: 20px; background: #eceef0; display: flex; align-items: flex-start; gap: 20px; }}
img {{ width: 690px; border-radius: 8px; box-shadow: 0 1px 6px #0003; }}</style>
<img src="data:image/png;base64,{0}"><img src="data:image/png;base64,{1}">"""


def main(table: str = "sample:wine") -> None:
    """Write ``explore.png``."""
    browser = next(found for name in NAMES if (found := shutil.which(name)))
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        path = Path(folder) / "page.html"
        tacit.explore(table).save(path)
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        page = chromium.new_page(viewport={"width": WIDTH, "height": 900})
        page.goto(path.as_uri())
        page.wait_for_selector("html[data-figures=drawn]", state="attached")
        stretches = [stretch(page, 0), stretch(page, page.locator("#map").bounding_box()["y"])]
        page = chromium.new_page(viewport={"width": 1440, "height": 400})
        page.set_content(BOARD.format(*stretches))
        page.screenshot(path=HERE / "explore.png", full_page=True)
        chromium.close()


def stretch(page: Any, top: float) -> str:
    """The page from ``top`` on, as base64."""
    clip = {"x": 0, "y": top, "width": WIDTH, "height": HEIGHT}
    return base64.b64encode(page.screenshot(full_page=True, clip=clip)).decode()


if __name__ == "__main__":
    main(*sys.argv[1:])
