"""Figures of the map: the points, the scree, the loadings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ..findings import words
from .style import ACCENT, BAR, NEUTRAL, QUIET, colour, figure, safe, scale, symbol


def atlas(findings: Mapping[str, Any]) -> go.Figure:
    """The rows (or counts of rows) on the first two principal axes, coloured by group."""
    map_ = findings["map"]
    traces = _spots(findings) if map_["density"] else _dots(findings)
    made = figure(traces, 540)
    for axis, update in zip(map_["axes"][:2], (made.update_xaxes, made.update_yaxes), strict=False):
        name = "first" if axis["number"] == 1 else "second"
        update(title_text=f"{name} axis ({words.share(axis['share'])})", zeroline=True)
    return made


def _dots(findings: Mapping[str, Any]) -> list[go.Scatter]:
    points = findings["map"]["points"]
    traces = []
    names = [safe(words.clip(c, 30)) for c in points["columns"]]
    for g in findings["groups"]["list"]:
        mine = [i for i, k in enumerate(points["group"]) if k == g["number"]]
        told = [
            "<br>".join(
                [f"row {points['row'][i]}"]
                + [f"{c}: {safe(v)}" for c, v in zip(names, points["cells"][i], strict=True)]
            )
            for i in mine
        ]
        traces.append(
            go.Scatter(
                x=[points["x"][i] for i in mine],
                y=[points["y"][i] for i in mine],
                mode="markers",
                name=_legend(g),
                text=told,
                hovertemplate="%{text}<extra></extra>",
                marker={
                    "color": colour(g["number"]),
                    "symbol": symbol(g["number"]),
                    "size": 6 if len(points["x"]) > 600 else 8,
                    "opacity": 0.6 if len(points["x"]) > 600 else 0.8,
                },
            )
        )
    odd = [i for i, flag in enumerate(points["marked"]) if flag]
    if odd:
        traces.append(
            go.Scatter(
                x=[points["x"][i] for i in odd],
                y=[points["y"][i] for i in odd],
                mode="markers",
                name="least likely rows",
                hoverinfo="skip",
                marker={"color": NEUTRAL, "symbol": "circle-open", "size": 14, "line": {"width": 2}},
            )
        )
    return traces


def _spots(findings: Mapping[str, Any]) -> list[go.Scatter]:
    density = findings["map"]["density"]
    top = max(density["rows"], default=1)
    traces = []
    for g in findings["groups"]["list"]:
        mine = [i for i, k in enumerate(density["group"]) if k == g["number"]]
        traces.append(
            go.Scatter(
                x=[density["x"][i] for i in mine],
                y=[density["y"][i] for i in mine],
                mode="markers",
                name=_legend(g),
                text=[f"about {density['rows'][i]} rows" for i in mine],
                hovertemplate="%{text}<extra></extra>",
                marker={
                    "color": colour(g["number"]),
                    "symbol": symbol(g["number"]),
                    "size": [5 + 11 * (density["rows"][i] / top) ** 0.5 for i in mine],
                    "opacity": 0.7,
                },
            )
        )
    return traces


def _legend(g: Mapping[str, Any]) -> str:
    return safe(f"{g['number']} {words.clip(g['name'], 32)}") if g["name"] != "All rows" else "all rows"


def scree(findings: Mapping[str, Any]) -> go.Figure:
    """The share of the variation that each principal axis shows."""
    ratio = findings["map"]["scree"]
    bars = go.Bar(
        x=list(range(1, len(ratio) + 1)),
        y=ratio,
        marker={"color": [ACCENT if a < 2 else NEUTRAL for a in range(len(ratio))]},
        hovertemplate="axis %{x}: %{y:.1%}<extra></extra>",
    )
    made = figure([bars], 280, bargap=0.35)
    made.update_xaxes(title_text="axis", dtick=1)
    made.update_yaxes(title_text="share of variation", tickformat=".0%", rangemode="tozero")
    return made


def loadings(findings: Mapping[str, Any]) -> go.Figure:
    """The correlations of columns and levels with the first two axes."""
    axes = findings["map"]["axes"][:2]
    made = make_subplots(rows=len(axes), cols=1, vertical_spacing=0.14, subplot_titles=[_title(a) for a in axes])
    for r, axis in enumerate(axes, start=1):
        told = sorted(axis["loadings"], key=lambda t: t["correlation"])
        names = [t["column"] if t["level"] is None else f"{t['column']} = {t['level']}" for t in told]
        made.add_trace(
            go.Bar(
                x=[round(t["correlation"], 3) for t in told],
                y=list(range(len(told))),
                orientation="h",
                showlegend=False,
                customdata=[safe(words.clip(name, 60)) for name in names],
                marker={"color": [ACCENT if t["correlation"] > 0 else colour(2) for t in told]},
                hovertemplate="%{customdata}: %{x:.2f}<extra></extra>",
            ),
            row=r,
            col=1,
        )
        ticks = [safe(words.clip(name, 26)) for name in names]
        made.update_yaxes(tickmode="array", tickvals=list(range(len(told))), ticktext=ticks, row=r, col=1)
    plain = figure([], 60 + 40 * len(axes) + 22 * sum(len(a["loadings"]) for a in axes))
    made.update_layout(plain.layout)
    made.update_xaxes(range=[-1.05, 1.05], tickvals=[-1, -0.5, 0, 0.5, 1], tickangle=0, **QUIET)
    made.update_yaxes(showgrid=False, zeroline=False, automargin=True)
    made.update_annotations(font_size=13)
    made.update_layout(margin={"t": 36, "b": 28})
    return made


def _title(axis: Mapping[str, Any]) -> str:
    return f"{'first' if axis['number'] == 1 else 'second'} axis"


def relations(findings: Mapping[str, Any]) -> go.Figure:
    """How much every two columns tell about each other: in the table above the diagonal, in the density below it."""
    matrix = findings["relations"]["matrix"]
    names = [safe(words.clip(c, 24)) for c in matrix["columns"]]
    n = len(names)
    z = [
        [None if i == j else round(matrix["table" if j > i else "model"][i][j], 3) for j in range(n)] for i in range(n)
    ]
    top = max((v for row in z for v in row if v is not None), default=0.0)
    top = max(0.1, -(-top // 0.1) / 10)
    where = [["in the table" if j > i else "in the density" for j in range(n)] for i in range(n)]
    heat = go.Heatmap(
        z=z,
        x=list(range(n)),
        y=list(range(n)),
        customdata=[[[a, b, where[i][j]] for j, b in enumerate(names)] for i, a in enumerate(names)],
        zmin=0,
        zmax=top,
        colorscale=scale(),
        xgap=1,
        ygap=1,
        colorbar=BAR | {"tickvals": [0, top / 2, top]},
        hovertemplate="%{customdata[0]} and %{customdata[1]}: %{z:.2f}, %{customdata[2]}<extra></extra>",
        hoverongaps=False,
    )
    made = figure([heat], 140 + 22 * max(n, 6))
    ticks = {"tickmode": "array", "tickvals": list(range(n)), "ticktext": names, "showgrid": False, "zeroline": False}
    made.update_xaxes(**ticks, tickangle=-45)
    made.update_yaxes(**ticks, autorange="reversed")
    made.add_shape(
        type="line", x0=-0.5, y0=-0.5, x1=n - 0.5, y1=n - 0.5, line={"color": NEUTRAL, "width": 1}, layer="above"
    )
    return made
