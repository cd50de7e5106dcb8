"""Figures of the groups: how many, and which columns set which apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go

from ..findings import words
from .style import ACCENT, BAR, NEUTRAL, colour, figure, safe, scale


def criterion(findings: Mapping[str, Any]) -> go.Figure:
    """The criterion (lower is better) against the number of parts of the density, the chosen number marked."""
    curve = findings["groups"]["curve"]
    lines = [
        go.Scatter(
            x=[c["parts"] for c in curve],
            y=[c[key] for c in curve],
            name=name,
            mode="lines+markers",
            line={"color": shade, "width": 2, "dash": dash},
            marker={"size": 7, "symbol": mark},
            hovertemplate="%{x} parts: " + name + " %{y:,.0f}<extra></extra>",
        )
        for key, name, shade, dash, mark in (
            ("bic", "BIC", ACCENT, "solid", "circle"),
            ("icl", "ICL", colour(2), "dot", "square"),
        )
    ]
    made = figure(lines, 320)
    made.update_xaxes(title_text="parts of the density", dtick=1)
    made.update_yaxes(title_text="criterion (lower is better)")
    made.add_vline(x=findings["groups"]["parts"], line={"color": NEUTRAL, "width": 1, "dash": "dash"})
    return made


def evidence(findings: Mapping[str, Any]) -> go.Figure:
    """What several parts gain over one: in these rows, and in tables drawn as one cloud."""
    told = findings["groups"]["evidence"]
    lines = [
        go.Scatter(
            x=list(range(1, len(told[key]) + 1)),
            y=told[key],
            name=name,
            mode="lines+markers",
            line={"color": shade, "width": 2, "dash": dash},
            marker={"size": 7, "symbol": mark},
            error_y={"type": "constant", "value": told["sd"], "color": shade, "thickness": 1}
            if key != "gains"
            else None,
            hovertemplate="%{x} parts: gain %{y:,.0f}<extra></extra>",
        )
        for key, name, shade, dash, mark in (
            ("gains", "this table", ACCENT, "solid", "circle"),
            ("cloud_gains", "tables without groups", NEUTRAL, "dot", "square"),
        )
    ]
    made = figure(lines, 320)
    made.update_xaxes(title_text="parts", dtick=1)
    made.update_yaxes(title_text="gain over one part (nats)")
    return made


def silhouette(findings: Mapping[str, Any]) -> go.Figure:
    """The silhouettes of some rows, sorted within their groups, and their mean."""
    found = findings["groups"]["silhouette"]
    bars, ticks, top = [], [], 0.0
    for g in found["groups"]:
        m = len(g["values"])
        height = max(4.0, 100 * g["rows"] / sum(h["rows"] for h in found["groups"]))  # a group's share of the picture
        bars.append(
            go.Bar(
                x=[round(v, 3) for v in g["values"]],
                y=[round(top + height * (i + 0.5) / m, 3) for i in range(m)],
                orientation="h",
                width=height / m,
                name=f"group {g['number']}",
                marker={"color": colour(g["number"]), "line": {"width": 0}},
                hovertemplate=f"group {g['number']}: %{{x:.2f}} (mean {g['mean']:.2f})<extra></extra>",
            )
        )
        ticks.append((top + height / 2, str(g["number"])))
        top += height + 3
    made = figure(bars, 320, bargap=0, showlegend=False)
    made.add_vline(x=found["mean"], line={"color": NEUTRAL, "width": 1, "dash": "dash"})
    made.update_xaxes(title_text=f"silhouette (mean {found['mean']:.2f})")
    made.update_yaxes(
        title_text="group", tickvals=[t for t, _ in ticks], ticktext=[n for _, n in ticks], autorange="reversed",
        showgrid=False, zeroline=False,
    )  # fmt: skip
    return made


def traits(findings: Mapping[str, Any]) -> go.Figure:
    """Groups against columns: how far a group's distribution of a column is from that of all other rows."""
    effects = findings["groups"]["effects"]
    rows = list(zip(effects["columns"], effects["effect"], strict=True))[::-1]
    names = [safe(words.clip(name, 28)) for name, _ in rows]
    titles = [f"{g['number']}" for g in findings["groups"]["list"]]
    heat = go.Heatmap(
        z=[[round(v, 3) for v in row] for _, row in rows],
        x=titles,
        y=list(range(len(rows))),
        customdata=[[[name, safe(g["name"])] for g in findings["groups"]["list"]] for name in names],
        zmin=0,
        zmax=1,
        colorscale=scale(),
        xgap=2,
        ygap=2,
        colorbar=BAR,
        hovertemplate="%{customdata[0]}<br>group %{x}: %{customdata[1]}<br>difference %{z:.2f}<extra></extra>",
    )
    made = figure([heat], 90 + 24 * max(len(rows), 4))
    made.update_xaxes(title_text="group", type="category", showgrid=False, zeroline=False)
    made.update_yaxes(tickmode="array", tickvals=list(range(len(rows))), ticktext=names, showgrid=False, zeroline=False)
    return made
