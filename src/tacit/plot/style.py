"""What all figures share: colours that the colour-blind can tell apart and that stand out on white and on black."""

from __future__ import annotations

from html import escape
from typing import Any

import plotly.graph_objects as go

PALETTE = ("#3b7fc9", "#d0700f", "#1d9a72", "#c2529c", "#7b6fd0", "#b08000", "#1b97ad", "#d4534a", "#7a8f2a", "#9a6a4f")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "pentagon", "star", "hexagon", "triangle-down", "x")
NEUTRAL = "#85898f"
BAR = {"thickness": 8, "outlinewidth": 0, "tickvals": [0, 0.5, 1], "ypad": 4}
QUIET = {
    "gridcolor": "rgba(133,137,143,0.25)",
    "zerolinecolor": "rgba(133,137,143,0.5)",
    "automargin": True,
    "title_font_size": 13,
}
ACCENT = PALETTE[0]


def colour(group: int) -> str:
    """The colour of a group, counted from 1."""
    return PALETTE[(group - 1) % len(PALETTE)]


def symbol(group: int) -> str:
    """The marker of a group; colour and marker together repeat only after 100 groups."""
    return SYMBOLS[(group - 1 + (group - 1) // len(PALETTE)) % len(SYMBOLS)]


def safe(text: str) -> str:
    """The text as Plotly shows it: its markup made harmless, quotes as they are."""
    return escape(text, quote=False)


def figure(data: list[Any], height: int = 360, **layout: Any) -> go.Figure:
    """A figure with transparent ground and little ink; the page adds the colours of text and grid."""
    plain: dict[str, Any] = {
        "template": go.layout.Template(),
        "height": height,
        "margin": {"l": 56, "r": 16, "t": 16, "b": 48},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "system-ui, sans-serif", "size": 13, "color": NEUTRAL},
        "hoverlabel": {"align": "left"},
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "itemsizing": "constant"},
    }
    made = go.Figure(data, plain | layout)
    made.update_xaxes(**QUIET)
    made.update_yaxes(**QUIET)
    return made


def scale(low: str = "rgba(59,127,201,0.04)", high: str = "rgba(59,127,201,1)") -> list[list[Any]]:
    """A sequential colour scale from the ground to the accent, right on light and dark."""
    return [[0, low], [1, high]]
