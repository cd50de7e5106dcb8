"""Findings into one HTML file: the words and tables as HTML, the figures as data that the page draws."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any

import plotly.graph_objects as go
from jinja2 import Environment, PackageLoader, StrictUndefined

from ..findings import words
from ..plot.style import colour
from .figures import pictures
from .marks import histogram, levels
from .pack import digest, pack, plotly

COLUMNS = 400  # listed on the page, at most
OPEN = 40  # of them in sight at once


def page(findings: Mapping[str, Any]) -> str:
    """The page of these findings.

    It loads nothing: Plotly's script is in it, compressed, and a content security policy forbids every request and
    every script but the two that it names.
    """
    drawn = {p.key: p for p in pictures(findings)}
    figures = {key: _slim(p.figure) for key, p in drawn.items()}
    if findings["conditional"]["columns"]:
        figures["conditional"] = findings["conditional"]
    return rendered(
        "page.html.j2",
        figures,
        f=findings,
        figures=drawn,
        histogram=histogram,
        levels=levels,
        COLUMNS=COLUMNS,
        OPEN=OPEN,
    )


def rendered(template: str, data: Mapping[str, Any], style: str = "", **given: Any) -> str:
    """A page from its template, with script, style and the data of its figures inside."""
    script = "".join(_file(name) for name in ("conditional.js", "page.js")).rstrip("\n")
    library, allowed = plotly()
    environment = Environment(
        loader=PackageLoader("tacit.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "clip": words.clip,
        "share": words.share,
        "percent": words.percent,
        "count": words.count,
        "colour": colour,
        "capital": words.capital,
    }
    return environment.get_template(template).render(
        packed=pack(json.dumps(data, separators=(",", ":"), allow_nan=False).encode()),
        library=library,
        policy=f"default-src 'none'; script-src {digest(script.encode())} {allowed}; style-src 'unsafe-inline'; "
        "img-src data: blob:",
        style=_file("page.css") + style,
        script=script,
        **given,
    )


def _slim(figure: go.Figure) -> dict[str, Any]:
    tree: dict[str, Any] = json.loads(figure.to_json())
    tree["layout"].pop("template", None)
    return tree


@lru_cache
def _file(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")
