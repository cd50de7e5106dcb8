"""Figures of the game between G and D: the picture in one dimension, its film, how it went, sheets of samples."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go
from scipy.special import ndtri
from sklearn.base import clone

from ..errors import ArgumentError
from ..typing import Array, Doubles
from .pictures import image
from .png import mosaic, pixels
from .style import ACCENT, NEUTRAL, PALETTE, figure

Density = Callable[[Array], Array]  # x: [m] -> p(x) [m]
CODES = 20_000  # for the density of G(z)
BINS = 160
ARROWS = 41
LOG_4 = math.log(4)


class Duel(NamedTuple):
    """The state of a game in one dimension."""

    x: Doubles  # [m]
    p: Doubles  # density of the rows
    q: Doubles  # density of G(z)
    d: Doubles  # D(x)
    best: Doubles  # p / (p + q)
    z: Doubles  # [a] codes
    g: Doubles  # G(z)


def duel(model: Any, X: object, density: Density | None = None) -> go.Figure:
    """The picture of Goodfellow et al. (2014, figure 1): p, q, D, the best D, and the map z -> x below.

    ``model`` is fitted to one column X [n, 1] with ``latent_dim=1``; ``density`` is p where it is known, else the rows
    tell it. z is spread over the width of x.

    >>> import numpy as np
    >>> from tacit import GAN
    >>> X = np.random.default_rng(0).normal(size=(200, 1))
    >>> [trace.name for trace in duel(GAN(1, epochs=1, random_state=0).fit(X), X).data[:4]]
    ['data, p', 'generated, q', 'D', 'p / (p + q)']
    """
    edges = _edges(X)
    state = curves(model, X, edges, density)
    return _dressed(figure(_traces(state), 460), state)


def duel_film(
    model: Any, X: object, density: Density | None = None, *, every: int = 1, checkpoint: Any = None
) -> tuple[Any, go.Figure]:
    """The fitted clone of an unfitted model, and the same picture after every so many epochs, to be played."""
    edges, seen = _edges(X), []
    twin = clone(model)

    def look(report: Any) -> None:
        if report.ended and (report.epoch == 1 or report.epoch % every == 0 or report.epoch == report.epochs):
            seen.append((report.epoch, curves(twin, X, edges, density), report.values["J"]))

    import tacit

    training = twin.training or tacit.Training()
    twin.set_params(training=replace(training, callbacks=(*training.callbacks, look)))
    twin.fit(X, checkpoint=checkpoint)
    twin.set_params(training=model.training)
    if not seen:
        raise ArgumentError("no epoch ended: there is nothing to show")
    frames = [
        go.Frame(data=_traces(state), name=str(epoch), layout={"title": {"text": f"epoch {epoch}: J = {value:.3f}"}})
        for epoch, state, value in seen
    ]
    made = _dressed(figure(frames[-1].data, 540), seen[-1][1])
    made.frames = frames
    still = {"mode": "immediate", "frame": {"duration": 0, "redraw": True}, "transition": {"duration": 0}}
    made.update_layout(
        margin={"t": 90},
        updatemenus=[
            {
                "type": "buttons",
                "x": 0,
                "y": 1.2,
                "xanchor": "left",
                "direction": "left",
                "buttons": [
                    {
                        "label": "play",
                        "method": "animate",
                        "args": [None, {"frame": {"duration": 250, "redraw": True}, "fromcurrent": True}],
                    },
                    {"label": "pause", "method": "animate", "args": [[None], still]},
                ],
            }
        ],
        sliders=[
            {
                "active": len(frames) - 1,
                "currentvalue": {"prefix": "epoch "},
                "steps": [{"label": f.name, "method": "animate", "args": [[f.name], still]} for f in frames],
            }
        ],
    )
    return twin, made


def curves(model: Any, X: object, edges: Array, density: Density | None = None) -> Duel:
    """What the picture shows, between ``edges``; a model in training may be asked."""
    if model.latent_dim_ != 1 or model.layout_.d != 1:
        raise ArgumentError("the picture is of one column and one code: fit GAN(latent_dim=1) to X [n, 1]")
    modes = model.generator_.training, model.discriminator_.training
    model.generator_.eval(), model.discriminator_.eval()
    x, width = (edges[1:] + edges[:-1]) / 2, float(edges[1] - edges[0])
    codes = ndtri((np.arange(CODES) + 0.5) / CODES)  # as many in each slice of N(0, 1)
    drawn = np.asarray(model.generate(codes[:, None]), dtype=np.float64)[:, 0]
    q = np.histogram(drawn, edges)[0] / (CODES * width)
    rows = np.asarray(X, dtype=np.float64).ravel()
    p = np.histogram(rows, edges)[0] / (len(rows) * width) if density is None else np.asarray(density(x))
    z = np.linspace(-2.5, 2.5, ARROWS)
    d = np.asarray(model.discriminate(x[:, None]), dtype=np.float64)
    g = np.asarray(model.generate(z[:, None]), dtype=np.float64)[:, 0]
    model.generator_.train(modes[0]), model.discriminator_.train(modes[1])
    some = p + q > 1e-3 * max(p.max(), q.max())
    return Duel(x, p, q, d, np.where(some, p / np.where(some, p + q, 1.0), np.nan), z, g)


def game_history(model: Any) -> go.Figure:
    """How the game went, epoch by epoch: J against -log 4, D on real and on generated rows, coverage."""
    n = list(range(1, len(model.history_) + 1))
    names = {"J": "J", "d_real": "D on real rows", "d_generated": "D on generated rows", "coverage": "coverage"}
    traces: list[Any] = []
    for i, (key, name) in enumerate(names.items()):
        y = [round(h[key], 5) for h in model.history_]
        axis = "y" if key == "J" else "y2"
        traces.append(go.Scatter(x=n, y=y, name=name, mode="lines", line={"color": PALETTE[i]}, yaxis=axis))
    made = figure(traces, 420)
    if model._game().probabilities:
        made.add_hline(y=-LOG_4, line={"color": NEUTRAL, "dash": "dot"}, annotation_text="-log 4")
    made.update_layout(
        xaxis={"title": {"text": "epochs"}, "anchor": "y2"},
        yaxis={"domain": [0.54, 1], "title": {"text": "J, nats"}},
        yaxis2={"domain": [0, 0.46], "range": [-0.02, 1.02], "anchor": "x", "automargin": True},
    )
    return made


def sheet(pictures: Any, across: int | None = None, low: float | None = None, high: float | None = None) -> go.Figure:
    """Pictures [n, c, h, w] in a grid, ``across`` of them in a row; the least value black, the greatest white."""
    x = np.asarray(pictures, dtype=np.float64)
    if x.ndim != 4:
        raise ArgumentError(f"a sheet is of pictures [n, c, h, w]. Got an array of shape {x.shape}")
    low, high = float(x.min()) if low is None else low, float(x.max()) if high is None else high
    across = across or math.ceil(math.sqrt(len(x)))
    down = math.ceil(len(x) / across)
    filled = np.concatenate([x, np.full((across * down - len(x), *x.shape[1:]), low)])
    shown = pixels(filled, low, high)
    return image(mosaic(shown.reshape(down, across, *shown.shape[1:])), f"{len(x)} samples")


def _edges(X: object) -> Array:
    rows = np.asarray(X, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] != 1:
        raise ArgumentError(f"the picture is of one column X [n, 1]. Got shape {rows.shape}")
    low, high = float(rows.min()), float(rows.max())
    room = 0.15 * (high - low or 1.0)
    return np.linspace(low - room, high + room, BINS + 1)


def _traces(s: Duel) -> list[Any]:
    """p, q, D and the best D above, the map below: from z on the lower line to G(z) on the upper."""

    def line(y: Doubles, name: str, **more: Any) -> Any:
        return go.Scatter(x=s.x.round(4), y=y.round(4), name=name, mode="lines", hoverinfo="x+y", **more)

    centre, half = (s.x[0] + s.x[-1]) / 2, (s.x[-1] - s.x[0]) / 2
    at = centre + half * s.z / np.abs(s.z).max()
    gap = np.full_like(at, np.nan)
    return [
        line(s.p, "data, p", line={"color": NEUTRAL, "width": 3}),
        line(s.q, "generated, q", line={"color": ACCENT}),
        line(s.d, "D", line={"color": PALETTE[1]}, yaxis="y2"),
        line(s.best, "p / (p + q)", line={"color": PALETTE[1], "dash": "dot", "width": 1}, yaxis="y2"),
        go.Scatter(
            x=np.stack([at, s.g, gap], axis=1).ravel().round(4),
            y=np.tile([0.0, 1.0, np.nan], len(at)),
            mode="lines",
            line={"color": ACCENT, "width": 0.7},
            name="z -> G(z)",
            yaxis="y3",
            hoverinfo="skip",
        ),
    ]


def _dressed(made: go.Figure, s: Duel) -> go.Figure:
    made.update_layout(
        xaxis={"anchor": "y3", "range": [float(s.x[0]), float(s.x[-1])], "title": {"text": "x, and z below"}},
        yaxis={"domain": [0.32, 1], "title": {"text": "density"}, "rangemode": "tozero"},
        yaxis2={
            "overlaying": "y",
            "side": "right",
            "range": [0, 1.02],
            "tickvals": [0, 0.5, 1],
            "title": {"text": "D"},
            "showgrid": False,
            "automargin": True,
        },
        yaxis3={"domain": [0, 0.26], "range": [0, 1], "tickvals": [0, 1], "ticktext": ["z", "x"], "automargin": True},
        margin={"r": 56},
    )
    return made
