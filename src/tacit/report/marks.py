"""Small pictures in a line of a table, as SVG: they need no script, print well, and take the colour of the text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

WIDTH, HEIGHT = 160, 32


def histogram(h: Mapping[str, Any]) -> Markup:
    """Bars of a histogram; rows beyond its edges are the two outer bars, set apart."""
    counts = [*([h["below"], None] if h["below"] else []), *h["counts"], *([None, h["above"]] if h["above"] else [])]
    return _bars(counts)


def levels(summary: Mapping[str, Any]) -> Markup:
    """Bars of the most frequent levels; the other levels together are the last bar, set apart."""
    shares = [v["share"] for v in summary["levels"]]
    rest = summary["other"]["share"]
    return _bars([*shares, *([None, rest] if rest else [])], widest=20)


def _bars(heights: list[float | None], widest: float = 40) -> Markup:
    top = max((v for v in heights if v), default=1) or 1
    step = min(WIDTH / max(len(heights), 1), widest)
    path = []
    for j, v in enumerate(heights):
        if v:
            tall = max(1.0, HEIGHT * v / top)
            path.append(f"M{j * step:.1f} {HEIGHT}v{-tall:.1f}h{max(step - 1, 0.8):.1f}v{tall:.1f}z")
    return Markup(
        f'<svg class="mark" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" aria-hidden="true">'
        f'<path d="{"".join(path)}"/></svg>'
    )
