"""Figures of k-means, PCA and Gaussian mixtures, one call each: a fitted model and its rows to a Plotly figure."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from ..data.block import Block
from ..data.source import as_source
from ..errors import ArgumentError
from ..typing import Array, Doubles
from .style import ACCENT, NEUTRAL, colour, figure, safe, symbol

MOST = 2000  # rows that are drawn
CIRCLE = np.stack([np.cos(t := np.linspace(0, 2 * np.pi, 73)), np.sin(t)])  # [2, 73]


def kmeans_steps(model: Any, X: Any, columns: tuple[int, int] = (0, 1)) -> go.Figure:
    """k-means step by step: the seeds, rows assigned, centres moved, until they rest; an animation.

    ``model`` is a ``KMeans`` fitted to X with ``trace=True``; two ``columns`` are drawn.
    """
    trace = getattr(model, "trace_", None)
    if trace is None:
        raise ArgumentError("fit with trace=True: the steps are drawn from trace_")
    x = _rows(X)
    frames: list[go.Frame] = []
    before = None
    for step, centers in enumerate(trace):
        if before is not None:
            frames.append(_kmeans_frame(f"{step}: move", x, before, centers, columns, model))
        name = "0: assign" if step == 0 else f"{step}: assign"
        frames.append(_kmeans_frame(name, x, centers, centers, columns, model))
        before = centers
    seeds = _kmeans_frame("seeds", x, None, trace[0], columns, model)
    made = figure(list(seeds.data), 460)
    made.frames = [seeds, *frames]
    made.update_layout(updatemenus=[_buttons()], sliders=[_slider([f.name for f in made.frames])], showlegend=False)
    _name_axes(made, model, columns)
    low, high = x[:, columns].min(axis=0), x[:, columns].max(axis=0)
    pad = 0.05 * np.maximum(high - low, 1e-12)
    made.update_xaxes(range=[low[0] - pad[0], high[0] + pad[0]])
    made.update_yaxes(range=[low[1] - pad[1], high[1] + pad[1]])
    return made


def voronoi(model: Any, X: Any, columns: tuple[int, int] = (0, 1), size: int = 160) -> go.Figure:
    """The cell of each centre, as a plane through the rows' mean along two ``columns`` cuts it, and the rows."""
    x = _rows(X)
    a, b = columns
    axes = [_span(x[:, j], size) for j in columns]
    grid = np.tile(x.mean(axis=0), (size * size, 1))
    grid[:, a], grid[:, b] = (g.ravel() for g in np.meshgrid(*axes))
    cell = (_ask(model, "predict", grid.astype(_dtype(model)))).reshape(size, size)
    K = len(model.cluster_centers_)
    steps = [[edge, colour(k + 1)] for k in range(K) for edge in (k / K, (k + 1) / K)]
    ground = go.Heatmap(
        x=axes[0], y=axes[1], z=cell, zmin=-0.5, zmax=K - 0.5, colorscale=steps, opacity=0.28, showscale=False,
        hoverinfo="skip",
    )  # fmt: skip
    label = _ask(model, "predict", x.astype(_dtype(model)))
    made = figure([ground, *_groups(x[:, columns], label), _centres(model.cluster_centers_[:, columns])], 460)
    _name_axes(made, model, columns)
    return made


def pca_plane(model: Any, X: Any, columns: tuple[int, int] = (0, 1)) -> go.Figure:
    """Rows in two columns, the first principal axis through their mean, and each row's projection on it."""
    x = _rows(X)[:300]
    back = _ask(model, "inverse_transform", _ask(model, "transform", x))
    a, b = columns
    lines_x = np.column_stack([x[:, a], back[:, a], np.full(len(x), np.nan)]).ravel()
    lines_y = np.column_stack([x[:, b], back[:, b], np.full(len(x), np.nan)]).ravel()
    data = [
        go.Scatter(x=lines_x, y=lines_y, mode="lines", name="what is lost", line={"color": NEUTRAL, "width": 1}),
        go.Scatter(x=x[:, a], y=x[:, b], mode="markers", name="rows", marker={"color": ACCENT, "size": 6}),
        go.Scatter(
            x=back[:, a], y=back[:, b], mode="markers", name="projections",
            marker={"color": colour(2), "size": 5, "symbol": "diamond"},
        ),
    ]  # fmt: skip
    made = figure(data, 460)
    made.update_yaxes(scaleanchor="x")
    _name_axes(made, model, columns)
    return made


def variances(model: Any) -> go.Figure:
    """The share of the variance that each component of a PCA explains, and the first so many together."""
    share = np.asarray(model.explained_variance_ratio_, float)
    at = list(range(1, len(share) + 1))
    data = [
        go.Bar(x=at, y=share, name="each", marker={"color": ACCENT}, hovertemplate="%{x}: %{y:.1%}<extra></extra>"),
        go.Scatter(
            x=at, y=np.cumsum(share), name="together", mode="lines+markers", line={"color": colour(2)},
            hovertemplate="first %{x}: %{y:.1%}<extra></extra>",
        ),
    ]  # fmt: skip
    made = figure(data, 340)
    made.update_xaxes(title_text="component")
    made.update_yaxes(title_text="share of the variance", tickformat=".0%", rangemode="tozero")
    return made


def biplot(model: Any, X: Any, labels: Any = None, most: int = 12) -> go.Figure:
    """Rows on the first two components, and the columns as arrows: the longest ``most`` of their loadings."""
    x = _rows(X)
    z = (_ask(model, "transform", x))[:, :2]
    group = np.zeros(len(x), int) if labels is None else np.unique(labels, return_inverse=True)[1][: len(x)]
    loading = np.asarray(model.components_)[:2].T * np.sqrt(np.asarray(model.explained_variance_)[:2])
    reach = 0.9 * np.abs(z).max() / max(float(np.linalg.norm(loading, axis=1).max()), 1e-300)
    made = figure(_groups(z, group), 480)
    for j in np.argsort(-np.linalg.norm(loading, axis=1), kind="stable")[:most]:
        px, py = loading[j] * reach
        made.add_annotation(
            x=px, y=py, ax=0, ay=0, axref="x", ayref="y", text="", showarrow=True, arrowhead=2, arrowcolor=NEUTRAL
        )
        made.add_annotation(x=1.06 * px, y=1.06 * py, text=safe(_names(model)[j]), showarrow=False, font_size=11)
    made.update_xaxes(title_text="first component")
    made.update_yaxes(title_text="second component")
    return made


def ellipses(model: Any, X: Any, columns: tuple[int, int] = (0, 1)) -> go.Figure:
    """A Gaussian mixture: rows mixed of the colours of their components, ellipses of one and two deviations."""
    x = _rows(X)
    return _mixture_figure(_mixture_traces(model, x, columns), model, columns)


def em_steps(model: Any, X: Any, steps: Sequence[int] = (0, 1, 2, 4, 8, 16, 32), columns: Any = (0, 1)) -> go.Figure:
    """Ellipses and responsibilities after so many EM steps from the model's own start; an animation.

    ``model`` is an unfitted ``GaussianMixture`` with a fixed ``random_state``.
    """
    from sklearn.base import clone
    from sklearn.exceptions import ConvergenceWarning

    x, frames = _rows(X), []
    for t in steps:
        fitted = clone(model).set_params(max_iter=t, tol=0.0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            fitted.fit(X)
        frames.append(go.Frame(name=f"step {t}", data=_mixture_traces(fitted, x, columns)))
    made = _mixture_figure(list(frames[0].data), fitted, columns)
    made.frames = frames
    made.update_layout(updatemenus=[_buttons()], sliders=[_slider([f.name for f in frames])])
    return made


def choice(selection: Any) -> go.Figure:
    """Curves of the criterion against the number of components, one a covariance, from ``tacit.select``."""
    key = selection.criterion
    kinds = list(dict.fromkeys(t.covariance_type for t in selection.tried))
    data = [
        go.Scatter(
            x=[t.n_components for t in selection.tried if t.covariance_type == kind],
            y=[getattr(t, key) for t in selection.tried if t.covariance_type == kind],
            name=kind, mode="lines+markers", line={"color": colour(i + 1)},
            marker={"symbol": symbol(i + 1), "size": 7},
        )
        for i, kind in enumerate(kinds)
    ]  # fmt: skip
    made = figure(data, 360)
    made.add_vline(x=selection.model.n_components, line={"color": NEUTRAL, "dash": "dash", "width": 1})
    made.update_xaxes(title_text="components", dtick=1)
    made.update_yaxes(title_text=f"{key.replace('_', ' ')} (lower is better)")
    return made


def silhouettes(found: Any) -> go.Figure:
    """Every row's silhouette, sorted within its group, and their mean; from ``tacit.evaluate.silhouette``."""
    data, top, ticks = [], 0, []
    for k in np.unique(found.labels):
        values = np.sort(found.values[found.labels == k])
        at = np.arange(top, top + len(values))
        data.append(
            go.Bar(
                x=values, y=at, orientation="h", name=f"group {k + 1}", width=1, hoverinfo="skip",
                marker={"color": colour(int(k) + 1), "line": {"width": 0}},
            )
        )  # fmt: skip
        ticks.append((top + len(values) / 2, str(k + 1)))
        top += len(values) + max(2, len(found.labels) // 60)
    made = figure(data, 420, bargap=0, showlegend=False)
    made.add_vline(x=found.mean, line={"color": NEUTRAL, "dash": "dash", "width": 1.5})
    made.update_xaxes(title_text=f"silhouette (mean {found.mean:.3f})")
    made.update_yaxes(title_text="group", tickvals=[t for t, _ in ticks], ticktext=[name for _, name in ticks])
    return made


def _kmeans_frame(name: str, x: Doubles, old: Any, now: Doubles, columns: tuple[int, int], model: Any) -> go.Frame:
    """Rows in the colours of the nearest of the centres ``old``, and the centres ``now``."""
    if old is None:
        shade: Any = NEUTRAL
    else:
        label = _nearest(x, np.asarray(old, float), model)
        shade = [colour(int(k) + 1) for k in label]
    rows = go.Scatter(
        x=x[:, columns[0]], y=x[:, columns[1]], mode="markers", marker={"color": shade, "size": 5, "opacity": 0.7},
        hoverinfo="skip",
    )  # fmt: skip
    return go.Frame(name=name, data=[rows, _centres(np.asarray(now)[:, columns])])


def _nearest(x: Doubles, centers: Doubles, model: Any) -> Array:
    from .. import kernels
    from ..cluster import medians

    block, metric = Block(0, np.ascontiguousarray(x)), getattr(model, "metric", "euclidean")
    return medians.assign(block, centers)[0] if metric == "l1" else kernels.assign(block, centers, metric=metric)


def _centres(centers: Doubles) -> go.Scatter:
    shades = [colour(k + 1) for k in range(len(centers))]
    return go.Scatter(
        x=centers[:, 0], y=centers[:, 1], mode="markers", name="centres", showlegend=False,
        marker={"color": shades, "size": 15, "symbol": "x", "line": {"color": "white", "width": 1.5}},
    )  # fmt: skip


def _groups(z: Doubles, label: Any) -> list[go.Scatter]:
    return [
        go.Scatter(
            x=z[label == k, 0], y=z[label == k, 1], mode="markers", name=f"group {k + 1}",
            showlegend=len(np.unique(label)) > 1,
            marker={"color": colour(int(k) + 1), "symbol": symbol(int(k) + 1), "size": 6, "opacity": 0.75},
        )
        for k in np.unique(label)
    ]  # fmt: skip


def _mixture_traces(model: Any, x: Doubles, columns: tuple[int, int]) -> list[go.Scatter]:
    r, K = _ask(model, "predict_proba", x), len(model.weights_)
    palette = np.array([[int(colour(k + 1)[i : i + 2], 16) for i in (1, 3, 5)] for k in range(K)])
    shade = [f"rgb({a:.0f},{b:.0f},{c:.0f})" for a, b, c in r @ palette]
    out = [
        go.Scatter(
            x=x[:, columns[0]], y=x[:, columns[1]], mode="markers", hoverinfo="skip", showlegend=False,
            marker={"color": shade, "size": 5, "opacity": 0.8},
        )
    ]  # fmt: skip
    part = model.marginal(list(columns))
    for k in range(K):
        root = np.linalg.cholesky(part.covariances_[k])
        for deviations, width in ((1, 2.5), (2, 1.2)):
            px, py = part.means_[k][:, None] + deviations * root @ CIRCLE
            out.append(
                go.Scatter(
                    x=px, y=py, mode="lines", line={"color": colour(k + 1), "width": width},
                    name=f"{k + 1}: {model.weights_[k]:.0%}", showlegend=deviations == 1, hoverinfo="name",
                )
            )  # fmt: skip
    return out


def _mixture_figure(traces: list[go.Scatter], model: Any, columns: tuple[int, int]) -> go.Figure:
    made = figure(traces, 480)
    _name_axes(made, model, columns)
    return made


def _rows(X: Any) -> Doubles:
    """At most ``MOST`` rows of X, evenly spread [m, d]."""
    source = as_source(X)
    n = source.shape[0]
    return np.asarray(source.take(np.arange(0, n, -(-n // MOST))).x, dtype=np.float64)


def _ask(model: Any, verb: str, x: Any) -> Array:
    """What the model says of rows whose columns are known by their places."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="X does not have valid feature names")
        return np.asarray(getattr(model, verb)(x))


def _dtype(model: Any) -> Any:
    return np.asarray(model.cluster_centers_).dtype


def _span(v: Doubles, size: int) -> Doubles:
    pad = 0.05 * max(float(np.ptp(v)), 1e-12)
    return np.linspace(v.min() - pad, v.max() + pad, size)


def _names(model: Any) -> list[str]:
    d = int(model.n_features_in_)
    return [str(name) for name in getattr(model, "feature_names_in_", [f"x{j}" for j in range(d)])]


def _name_axes(made: go.Figure, model: Any, columns: tuple[int, int]) -> None:
    names = _names(model)
    made.update_xaxes(title_text=safe(names[columns[0]]))
    made.update_yaxes(title_text=safe(names[columns[1]]))


def _buttons() -> dict[str, Any]:
    still = {"frame": {"duration": 0, "redraw": True}, "mode": "immediate"}
    play = {"frame": {"duration": 700, "redraw": True}, "transition": {"duration": 300}, "fromcurrent": True}
    return {
        "type": "buttons", "direction": "left", "x": 0, "y": 1.02, "xanchor": "left", "yanchor": "bottom",
        "buttons": [
            {"label": "play", "method": "animate", "args": [None, play]},
            {"label": "stop", "method": "animate", "args": [[None], still]},
        ],
    }  # fmt: skip


def _slider(names: Sequence[str]) -> dict[str, Any]:
    now = {"frame": {"duration": 0, "redraw": True}, "mode": "immediate"}
    steps = [{"label": name, "method": "animate", "args": [[name], now]} for name in names]
    return {"steps": steps, "x": 0, "len": 1, "pad": {"t": 36}, "currentvalue": {"prefix": ""}}
