"""Figures of synthetic rows, drawn from the density, beside rows of the table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go

from ..findings import words
from .style import ACCENT, NEUTRAL, figure, safe


def drawn(findings: Mapping[str, Any]) -> go.Figure:
    """Real and drawn rows on the first two principal axes of the real ones."""
    map_ = findings["synthetic"]["map"]
    dots = [
        go.Scatter(
            x=map_[kind]["x"],
            y=map_[kind]["y"],
            mode="markers",
            name=name,
            hoverinfo="skip",
            marker={"color": shade, "size": 6, "opacity": 0.55, "symbol": mark},
        )
        for kind, name, shade, mark in (
            ("real", "rows of the table", NEUTRAL, "circle"),
            ("drawn", "synthetic rows", ACCENT, "diamond"),
        )
    ]
    made = figure(dots, 380)
    made.update_xaxes(title_text="first axis")
    made.update_yaxes(title_text="second axis")
    return made


def differences(findings: Mapping[str, Any], most: int = 16) -> go.Figure:
    """How far drawn rows are from real ones in each column, beyond chance."""
    told = findings["synthetic"]["columns"][:most][::-1]
    bars = go.Bar(
        x=[round(c["difference"], 4) for c in told],
        y=list(range(len(told))),
        orientation="h",
        customdata=[safe(words.clip(c["column"], 60)) for c in told],
        marker={"color": ACCENT},
        hovertemplate="%{customdata}: %{x:.1%}<extra></extra>",
    )
    made = figure([bars], 80 + 22 * max(len(told), 4), bargap=0.3)
    made.update_layout(margin={"b": 28})
    top = max((c["difference"] for c in told), default=0.0)
    made.update_xaxes(tickformat=".0%", range=[0, max(0.1, 1.1 * top)])
    ticks = [safe(words.clip(c["column"], 24)) for c in told]
    made.update_yaxes(tickmode="array", tickvals=list(range(len(told))), ticktext=ticks, showgrid=False)
    return made
