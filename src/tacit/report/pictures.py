"""The page of an exploration of pictures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from ..findings import words
from ..plot.pictures import points
from .pack import digest, pack, plotly
from .page import _file, _slim


def picture_page(findings: Mapping[str, Any]) -> str:
    """One HTML file that loads nothing: pictures, script and style are in it."""
    figure = points(findings)
    script = "".join(_file(name) for name in ("conditional.js", "page.js")).rstrip("\n")
    library, allowed = plotly()
    environment = Environment(
        loader=PackageLoader("tacit.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"clip": words.clip, "share": words.share, "count": words.count}
    return environment.get_template("pictures.html.j2").render(
        f=findings,
        height=figure.layout.height,
        packed=pack(json.dumps({"points": _slim(figure)}, separators=(",", ":"), allow_nan=False).encode()),
        library=library,
        policy=f"default-src 'none'; script-src {digest(script.encode())} {allowed}; style-src 'unsafe-inline'; "
        "img-src data: blob:",
        style=_file("page.css") + _file("pictures.css"),
        script=script,
    )
