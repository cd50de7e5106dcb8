"""The page of an exploration of pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..plot.pictures import points
from .page import _file, _slim, rendered


def picture_page(findings: Mapping[str, Any]) -> str:
    """One HTML file that loads nothing: pictures, script and style are in it."""
    figure = points(findings)
    style = _file("pictures.css")
    height = figure.layout.height
    return rendered("pictures.html.j2", {"points": _slim(figure)}, style, f=findings, height=height)
