"""Figures of codes and pictures: the map of codes, what the plane decodes to, pictures before and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from ..errors import ArgumentError
from ..typing import Array, Doubles
from .png import mosaic, pixels, uri
from .style import ACCENT, NEUTRAL, PALETTE, SYMBOLS, figure, safe


def codes(model: Any, X: object, labels: Sequence[Any] | None = None, most: int = 5000) -> go.Figure:
    """The codes that ``model.transform`` gives of rows X, two of them or their two main directions.

    ``labels`` [n] colours them; of more than ``most`` rows a part is drawn.

    >>> import numpy as np
    >>> from tacit import PCA
    >>> X = np.random.default_rng(0).normal(size=(50, 4))
    >>> len(codes(PCA(2).fit(X), X).data[0].x)
    50
    """
    z = np.asarray(model.transform(X), dtype=np.float64)
    at, names = _plane(z)
    some = np.sort(np.random.default_rng(0).permutation(len(z))[:most])
    given = None if labels is None else np.asarray(labels)
    if given is not None and len(given) != len(z):
        raise ArgumentError(f"{len(given)} labels for {len(z)} rows")
    kinds = [None] if given is None else sorted(set(given.tolist()), key=str)
    traces = []
    for i, kind in enumerate(kinds):
        mine = some if given is None else some[given[some] == kind]
        traces.append(
            go.Scatter(
                x=at[mine, 0].round(4).tolist(),
                y=at[mine, 1].round(4).tolist(),
                mode="markers",
                name=safe(str(kind)),
                showlegend=given is not None,
                text=[f"row {row + 1}" for row in mine],
                hovertemplate="%{text}<extra></extra>",
                marker={
                    "size": 5,
                    "opacity": 0.7,
                    "color": PALETTE[i % len(PALETTE)],
                    "symbol": SYMBOLS[(i // len(PALETTE)) % len(SYMBOLS)],
                },
            )
        )
    made = figure(traces, 540)
    made.update_xaxes(title_text=names[0])
    made.update_yaxes(title_text=names[1])
    return made


def decoded(model: Any, X: object, side: int = 12) -> go.Figure:
    """What ``model.inverse_transform`` makes of a grid of side x side codes, spread like the codes of pictures X.

    Pictures are rows of a model fitted to [n, c, h, w]; the grid lies in the plane of ``codes``, from its lower to its
    upper tails.
    """
    z = np.asarray(model.transform(X), dtype=np.float64)
    return image(mosaic(pixels(_decode(model, grid(z, side)), *_range(X)), 0), f"{side} x {side} decoded codes")


def strips(*rows: Array, names: Sequence[str] = ("source", "corrupted", "recovered"), most: int = 12) -> go.Figure:
    """Rows of pictures [n, c, h, w], one under the other: source, corrupted and recovered, say."""
    if len({np.shape(r) for r in rows}) != 1 or np.ndim(rows[0]) != 4:
        raise ArgumentError(f"strips need pictures [n, c, h, w] of one shape; got {[np.shape(r) for r in rows]}")
    low, high = _range(rows[0])
    made = image(mosaic(np.stack([pixels(r[:most], low, high) for r in rows])), ", ".join(names[: len(rows)]))
    step = np.shape(rows[0])[2] + 1
    made.update_yaxes(
        visible=True,
        tickvals=[step * (i + 0.5) for i in range(len(rows))],
        ticktext=[safe(n) for n in names[: len(rows)]],
    )
    return made


def image(x: Array, name: str) -> go.Figure:
    """One picture [h, w] or [h, w, 3] of bytes as a figure."""
    h, w = x.shape[:2]
    made = figure([go.Image(source=uri(x), name=safe(name), hoverinfo="skip")], max(160, min(640, round(900 * h / w))))
    made.update_xaxes(visible=False, range=[-0.5, w - 0.5])
    made.update_yaxes(visible=False, range=[h - 0.5, -0.5], scaleanchor="x")
    return made


def points(findings: Mapping[str, Any]) -> go.Figure:
    """The map of an exploration of pictures, the least typical marked."""
    at = findings["map"]["points"]
    marked = [i for i, odd in enumerate(at["marked"]) if odd]
    plain = {"size": 5, "opacity": 0.6, "color": ACCENT}
    ring = {"size": 12, "color": NEUTRAL, "symbol": "circle-open", "line": {"width": 2}}
    traces = [
        go.Scatter(
            x=[at["x"][i] for i in mine],
            y=[at["y"][i] for i in mine],
            mode="markers",
            name=name,
            text=[safe(at["name"][i]) for i in mine],
            hovertemplate="%{text}<extra></extra>",
            marker=marker,
        )
        for name, mine, marker in (
            ("pictures", range(len(at["x"])), plain),
            ("least typical", marked, ring),
        )
    ]
    made = figure(traces, 520)
    made.update_xaxes(title_text="first number of the map")
    made.update_yaxes(title_text="second number of the map")
    return made


def grid(z: Doubles, side: int) -> Doubles:
    """side x side codes [side², k] over the plane of codes z [n, k], evenly in ranks of each axis, top row first."""
    at = _plane(z)[0]
    ranks = np.linspace(0.02, 0.98, side)
    x, y = (np.quantile(at[:, i], ranks) for i in (0, 1))
    plane = np.stack(np.meshgrid(x, y[::-1]), axis=-1).reshape(-1, 2)
    return _back(z, plane)


def _directions(z: Doubles) -> tuple[Doubles, Doubles]:
    mean = z.mean(axis=0)
    _, _, v = np.linalg.svd(z - mean, full_matrices=False)
    two = np.zeros((2, z.shape[1]))
    two[: min(2, len(v))] = v[:2]
    return mean, two * np.where(two[:, [0]] < 0, -1, 1)


def _plane(z: Doubles) -> tuple[Doubles, tuple[str, str]]:
    """Codes [n, k] as points [n, 2], and what the axes are."""
    if z.shape[1] == 2:
        return z, ("first code", "second code")
    mean, two = _directions(z)
    return (z - mean) @ two.T, ("first direction of the codes", "second direction of the codes")


def _back(z: Doubles, plane: Doubles) -> Doubles:
    """Points [m, 2] of the plane as codes [m, k]."""
    if z.shape[1] == 2:
        return plane
    mean, two = _directions(z)
    out: Doubles = mean + plane @ two
    return out


def _decode(model: Any, z: Doubles) -> Array:
    """Pictures [side, side, c, h, w]."""
    x = np.asarray(model.inverse_transform(z))
    side = round(len(x) ** 0.5)
    if x.ndim != 4:
        raise ArgumentError("the model was fitted to rows, not to pictures [n, c, h, w]")
    out: Array = x.reshape(side, side, *x.shape[1:])
    return out


def _range(X: Any) -> tuple[float, float]:
    """What is black and what is white."""
    x = np.asarray(X)
    if x.dtype == np.uint8:
        return 0.0, 255.0
    low, high = float(x.min()), float(x.max())
    return (0.0, 1.0) if low >= 0 and high <= 1 else (low, high)
