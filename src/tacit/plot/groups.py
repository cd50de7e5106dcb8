"""Figures of the groups: how many, and which columns set which apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go

from ..findings import words
from .style import ACCENT, BAR, NEUTRAL, colour, figure, safe, scale


def criterion(findings: Mapping[str, Any]) -> go.Figure:
    """The criterion (lower is better) against the number of groups, the chosen number marked."""
    curve = findings["groups"]["curve"]
    lines = []
    for key, name, shade in (("bic", "BIC", ACCENT), ("icl", "ICL", colour(2))):
        at = [(c["groups"], c[key]) for c in curve if c.get(key) is not None]
        if at:
            lines.append(
                go.Scatter(
                    x=[a[0] for a in at],
                    y=[a[1] for a in at],
                    name=name,
                    mode="lines+markers",
                    line={"color": shade, "width": 2, "dash": "solid" if key == "bic" else "dot"},
                    marker={"size": 7, "symbol": "circle" if key == "bic" else "square"},
                    hovertemplate="%{x} groups: " + name + " %{y:,.0f}<extra></extra>",
                )
            )
    made = figure(lines, 320)
    made.update_xaxes(title="number of groups tried", dtick=1 if len(curve) <= 16 else None)
    made.update_yaxes(title="criterion (lower is better)")
    chosen = findings["groups"]["count"]
    if any(c["groups"] == chosen for c in curve):
        made.add_vline(x=chosen, line={"color": NEUTRAL, "width": 1, "dash": "dash"})
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
    made.update_xaxes(title="group", type="category", showgrid=False, zeroline=False)
    made.update_yaxes(tickmode="array", tickvals=list(range(len(rows))), ticktext=names, showgrid=False, zeroline=False)
    return made
