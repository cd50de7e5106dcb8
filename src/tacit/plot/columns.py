"""Figures of columns and of rows: what is missing, and how likely the rows are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go

from ..findings import words
from .style import ACCENT, BAR, NEUTRAL, colour, figure, safe, scale


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


def reasons(findings: Mapping[str, Any]) -> go.Figure:
    """Which cells make the least likely rows unlikely: the surprise of each, given the other cells of its row."""
    told = findings["unlikely"]["surprise"]
    rows = [f"row {r['row']}" for r in findings["unlikely"]["rows"]]
    names = [safe(words.clip(c, 24)) for c in told["columns"]]
    heat = go.Heatmap(
        z=told["bits"],
        x=list(range(len(names))),
        y=list(range(len(rows))),
        customdata=[[[name, row] for name in names] for row in rows],
        zmin=0,
        zmax=20,
        colorscale=scale("rgba(208,112,15,0.04)", colour(2)),
        xgap=1,
        ygap=1,
        colorbar=BAR | {"tickvals": [0, 10, 20], "ticktext": ["0", "10", "20 bits"]},
        hovertemplate="%{customdata[1]}, %{customdata[0]}: %{z:.1f} bits<extra></extra>",
        hoverongaps=False,
    )
    made = figure([heat], 150 + 24 * max(len(rows), 3))
    plain = {"tickmode": "array", "showgrid": False, "zeroline": False}
    made.update_xaxes(**plain, tickvals=list(range(len(names))), ticktext=names, tickangle=-45)
    made.update_yaxes(**plain, tickvals=list(range(len(rows))), ticktext=rows, autorange="reversed")
    return made


def filled(findings: Mapping[str, Any]) -> go.Figure:
    """Intervals of some missing numbers, on a scale from the 5 % to the 95 % quantile of their columns."""
    spread = {c["name"]: c["summary"] for c in findings["columns"] if "summary" in c}
    told = []
    for g in findings["missing"]["filled"]["cells"]:
        s = spread.get(g["column"], {})
        if "low" in g and "q05" in s and "q95" in s and s["q95"] > s["q05"]:
            told.append((g, [(g[k] - s["q05"]) / (s["q95"] - s["q05"]) for k in ("low", "value", "high")]))
    told = told[::-1]
    names = [safe(f"{words.clip(g['column'], 22)}, row {g['row']}") for g, _ in told]
    at = list(range(len(told)))
    dots = go.Scatter(
        x=[middle for _, (_, middle, _) in told],
        y=at,
        mode="markers",
        marker={"color": ACCENT, "size": 9},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [high - middle for _, (_, middle, high) in told],
            "arrayminus": [middle - low for _, (low, middle, _) in told],
            "color": ACCENT,
            "thickness": 2,
        },
        customdata=[safe(g["words"]) for g, _ in told],
        text=names,
        hovertemplate="%{text}: %{customdata}<extra></extra>",
    )
    made = figure([dots], 80 + 26 * max(len(told), 2))
    made.update_layout(margin={"b": 28})
    made.update_xaxes(tickvals=[0, 0.5, 1], ticktext=["low", "half-way", "high"], zeroline=False)
    made.update_yaxes(tickmode="array", tickvals=at, ticktext=names, showgrid=False, zeroline=False)
    return made
