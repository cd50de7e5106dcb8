"""Figures of EM: the coordinate ascent on J(q, θ), and the bound that touches the likelihood."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ..data.source import Source
from ..em import LatentModel, Pass, em
from ..typing import Doubles
from .style import ACCENT, NEUTRAL, QUIET, colour, figure


def half_steps(history: Sequence[float]) -> go.Figure:
    """l(θ_t) at every pass, and J after each E-step and each M-step, against the half-steps.

    ``history`` is that of a fit, or ``history_`` of an estimator that is fitted by EM.

    >>> from tacit import KMeans
    >>> fitted = KMeans(2, random_state=0).fit([[0.0], [1.0], [10.0], [12.0]])
    >>> [trace.name for trace in half_steps(fitted.history_).data]
    ['l(θ)', 'J after E and M', 'after E', 'after M']
    """
    made = figure(_half_steps(history), 380)
    _half_step_axes(made)
    return made


def touching(model: LatentModel[Any, Any], source: Source, params: Any, *, steps: int = 1) -> go.Figure:
    """l(θ) and the bound J(q_0, θ) on the line through ``params`` = θ_0 and θ_1, where an EM step leads.

    The bound touches l at θ_0 and is highest at θ_1. Where the parameter is one number, the line holds all others too,
    and the bounds of ``steps`` steps are drawn. Needs about 80 passes over the rows.
    """
    traces, axis, low = _touching(model, source, params, steps)
    made = figure(traces, 380)
    made.update_xaxes(title_text=axis)
    made.update_yaxes(title_text="per row", range=low)
    return made


def coordinate_ascent(model: LatentModel[Any, Any], source: Source, params: Any, *, steps: int = 8) -> go.Figure:
    """Both in one: ``half_steps`` of so many steps from ``params``, and ``touching`` of the first of them."""
    fit = em(model, source, params, tol=0.0, max_iter=steps, rng=np.random.default_rng(0))
    traces, axis, low = _touching(model, source, params, min(steps, 3))
    made = make_subplots(
        rows=1, cols=2, horizontal_spacing=0.12, subplot_titles=["the ascent", "the bound touches the likelihood"]
    )
    for col, panel in enumerate((_half_steps(fit.history), traces), start=1):
        for trace in panel:
            made.add_trace(trace.update(legend="legend" if col == 1 else "legend2"), row=1, col=col)
    made.update_layout(figure([], 440).layout)
    made.update_layout(margin={"t": 84})
    for name, x in (("legend", 0.0), ("legend2", 0.56)):
        made.update_layout({name: {"orientation": "h", "x": x, "y": 1.0, "yanchor": "bottom", "font_size": 12}})
    for note in made.layout.annotations:
        note.update(y=1.14, font_size=13)
    _half_step_axes(made, row=1, col=1)
    made.update_xaxes(**QUIET)
    made.update_yaxes(**QUIET)
    made.update_xaxes(title_text=axis, row=1, col=2)
    made.update_yaxes(range=low, row=1, col=2)
    return made


def _half_steps(history: Sequence[float]) -> list[go.Scatter]:
    passes = [p if isinstance(p, Pass) else Pass(p) for p in history]
    t = np.arange(len(passes), dtype=float)
    stairs = [(u + half, v) for u, p in zip(t, passes, strict=True) for half, v in ((0, p.after_e), (0.5, p.after_m))]
    stairs = [(u, v) for u, v in stairs if np.isfinite(v)]
    told = "%{x}: %{y:.6g}<extra>%{fullData.name}</extra>"
    likelihood = go.Scatter(
        x=t,
        y=[float(p) for p in passes],
        name="l(θ)",
        mode="lines+markers",
        line={"color": NEUTRAL, "width": 2},
        marker={"size": 11, "symbol": "circle-open", "line": {"width": 2}},
        hovertemplate=told,
    )
    bound = go.Scatter(
        x=[u for u, _ in stairs],
        y=[v for _, v in stairs],
        name="J after E and M",
        mode="lines",
        line={"color": ACCENT, "width": 1.5, "dash": "dot"},
        hoverinfo="skip",
        showlegend=False,
    )
    marks = [
        go.Scatter(
            x=t + at,
            y=[v if np.isfinite(v) else None for v in values],
            name=name,
            mode="markers",
            marker={"color": shade, "size": 8, "symbol": symbol},
            hovertemplate=told,
        )
        for name, at, values, shade, symbol in (
            ("after E", 0.0, [p.after_e for p in passes], ACCENT, "circle"),
            ("after M", 0.5, [p.after_m for p in passes], colour(2), "diamond"),
        )
    ]
    return [likelihood, bound, *(m if stairs else m.update(showlegend=False) for m in marks)]


def _half_step_axes(made: go.Figure, **where: int) -> None:
    made.update_xaxes(title_text="step: E at whole numbers, M half-way", **where)
    made.update_yaxes(title_text="per row", **where)


class Curves(NamedTuple):
    """Traces, the name of the axis, and the range in which something is to be seen."""

    traces: list[go.Scatter]
    axis: str
    range: list[float]


def _touching(model: LatentModel[Any, Any], source: Source, params: Any, steps: int) -> Curves:
    single = sum(leaf.size for leaf in _leaves(params)) == 1
    path = [params]
    for _ in range(max(steps, 1) if single else 1):
        path.append(model.maximise(_expect(model, source, path[-1]), path[-1]))
    place = [float(_leaves(θ)[0].ravel()[0]) for θ in path] if single else [0.0, 1.0]
    t = np.linspace(-0.5, 1.5, 81)
    x = place[0] + t * (place[-1] - place[0])
    with np.errstate(all="ignore"):  # the line may leave the parameters that there are: nothing is drawn there
        line = [model.line(path[0], path[-1], float(s)) for s in t]
        curve = np.array([_objective(model, source, θ) for θ in line])
        bounds = [_bounds(model, source, θ, line) for θ in path[:-1]]
    traces = [_curve(x, curve, "l(θ)", NEUTRAL, "solid", 3)]
    for s, bound in enumerate(bounds):
        shade = colour(s + 1)
        traces.append(_curve(x, bound, f"J(q{_low(s)}, θ)", shade, "dash", 2))
        highest = float(model.bound(stats := _expect(model, source, path[s]), path[s + 1], path[s])) / stats.weight
        traces.append(
            go.Scatter(
                x=place[s : s + 2],
                y=[_objective(model, source, path[s]), highest],
                text=[f"θ{_low(s)}: touches l", f"θ{_low(s + 1)}: highest"],
                mode="markers",
                showlegend=False,
                marker={"color": shade, "size": [9, 10], "symbol": ["circle", "diamond"]},
                hovertemplate="%{text}, %{y:.6g}<extra></extra>",
            )
        )
    near = np.abs(t - 0.5) <= 0.5
    floor, ceiling = min(float(np.nanmin(b[near])) for b in bounds), float(np.nanmax(curve[near]))
    pad = 0.15 * max(ceiling - floor, 1e-12)
    return Curves(traces, "θ" if single else "from θ₀ (at 0) to θ₁ (at 1)", [floor - pad, ceiling + pad])


def _curve(x: Doubles, y: Doubles, name: str, shade: str, dash: str, width: int) -> go.Scatter:
    told = "%{x:.3g}: %{y:.6g}<extra>%{fullData.name}</extra>"
    return go.Scatter(
        x=x,
        y=[v if np.isfinite(v) else None for v in y],
        name=name,
        mode="lines",
        line={"color": shade, "width": width, "dash": dash},
        hovertemplate=told,
    )


def _expect(model: LatentModel[Any, Any], source: Source, params: Any) -> Any:
    return source.reduce(lambda block: model.expect(params, block), rows=model.block_rows(params))


def _objective(model: LatentModel[Any, Any], source: Source, params: Any) -> float:
    stats = _expect(model, source, params)
    return float((stats.objective + model.log_prior(params)) / stats.weight)


def _bounds(model: LatentModel[Any, Any], source: Source, params: Any, line: list[Any]) -> Doubles:
    """J(q, θ) at every θ of the line, q of ``params``."""
    stats = _expect(model, source, params)
    return np.array([model.bound(stats, θ, params) / stats.weight for θ in line])


def _leaves(params: Any) -> list[Doubles]:
    if isinstance(params, tuple | list):
        return [leaf for part in params for leaf in _leaves(part)]
    return [] if params is None else [np.asarray(params, dtype=np.float64)]


def _low(number: int) -> str:
    return str(number).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))
