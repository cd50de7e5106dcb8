"""Figures of columns and of rows: what is missing, and how likely the rows are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go

from ..findings import words
from .style import ACCENT, NEUTRAL, colour, figure, safe


def missing(findings: Mapping[str, Any], most: int = 20) -> go.Figure:
    """The share of missing cells in the columns that have most of them."""
    gaps = findings["missing"]["columns"][:most][::-1]
    bars = go.Bar(
        x=[g["share"] for g in gaps],
        y=list(range(len(gaps))),
        orientation="h",
        customdata=[[safe(words.clip(g["column"], 60)), g["count"]] for g in gaps],
        marker={"color": ACCENT},
        hovertemplate="%{customdata[0]}: %{x:.1%} missing (%{customdata[1]} rows)<extra></extra>",
    )
    made = figure([bars], 80 + 24 * max(len(gaps), 2), bargap=0.3)
    made.update_layout(margin={"b": 28})
    made.update_xaxes(tickformat=".0%", rangemode="tozero")
    ticks = [safe(words.clip(g["column"], 28)) for g in gaps]
    made.update_yaxes(tickmode="array", tickvals=list(range(len(gaps))), ticktext=ticks, showgrid=False)
    return made


def scores(findings: Mapping[str, Any]) -> go.Figure:
    """How likely the rows are: the distribution of log p(x), the least likely rows marked."""
    h = findings["unlikely"]["histogram"]
    middle = [(a + b) / 2 for a, b in zip(h["edges"][:-1], h["edges"][1:], strict=True)]
    bars = go.Bar(
        x=middle,
        y=h["counts"],
        width=[b - a for a, b in zip(h["edges"][:-1], h["edges"][1:], strict=True)],
        name="all rows",
        marker={"color": NEUTRAL},
        hovertemplate="log-density near %{x:.1f}: %{y} rows<extra></extra>",
    )
    odd = findings["unlikely"]["rows"]
    marks = go.Scatter(
        x=[max(r["score"], h["edges"][0]) for r in odd],
        y=[0 for _ in odd],
        mode="markers",
        name="the rows listed",
        text=[f"row {r['row']}: {r['score']:.1f}" for r in odd],
        hovertemplate="%{text}<extra></extra>",
        marker={"color": colour(2), "symbol": "diamond", "size": 10},
        cliponaxis=False,
    )
    made = figure([bars, marks], 280, bargap=0.05)
    made.update_xaxes(title_text="log-density of the row (further left: less likely)")
    made.update_yaxes(title_text="rows", rangemode="tozero")
    return made
