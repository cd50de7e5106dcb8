"""Figures of energy models: filters, fantasies, chains, landscapes, how learning went."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from ..errors import ArgumentError
from ..typing import Array
from .pictures import image
from .png import mosaic, pixels
from .style import ACCENT, NEUTRAL, PALETTE, figure

LANDSCAPE = 12  # units whose states are all drawn


def filters(model: Any, shape: tuple[int, int] | None = None, most: int = 64) -> go.Figure:
    """The weights of hidden units as pictures: the most often strongest first, black and white for - and +.

    ``shape`` is that of a picture; without it, the model's own or a square.

    >>> import numpy as np
    >>> from tacit import RBM
    >>> X = np.random.default_rng(0).integers(0, 2, (50, 9))
    >>> filters(RBM(4, n_iter=1, random_state=0).fit(X)).data[0].name
    'filters of 4 of 4 hidden units'
    """
    W = np.asarray(_machine(model).components_)
    h, w = _shape(model, W.shape[1], shape)
    some = np.argsort(-np.square(W).sum(1), kind="stable")[:most]
    scaled = W[some] / np.maximum(np.abs(W[some]).max(axis=1, keepdims=True), 1e-12)
    return image(_grid(scaled.reshape(-1, 1, h, w), -1.0, 1.0), f"filters of {len(some)} of {len(W)} hidden units")


def fantasies(model: Any, n: int = 36, *, shape: tuple[int, int] | None = None, n_steps: int = 1000) -> go.Figure:
    """Rows that the model dreams up, as pictures: the probabilities of the last step of each chain."""
    drawn = np.asarray(model.sample(n, n_steps=n_steps, mean=True), dtype=np.float64)
    return image(_grid(*_pictures(model, drawn, shape)), f"{n} fantasies")


def chain(
    model: Any, X: object, steps: Sequence[int] = (0, 1, 2, 5, 10, 50, 200), *, shape: tuple[int, int] | None = None
) -> go.Figure:
    """A Gibbs chain from each of some rows X, one row of the figure each: its state after so many steps."""
    states, done = [np.asarray(X, dtype=np.float64)], 0
    for step in steps[1:]:
        states.append(np.asarray(model.gibbs(states[-1], step - done), dtype=np.float64))
        done = step
    rows = np.stack(states, axis=1)  # [n, steps, ...]
    flat, low, high = _pictures(model, rows.reshape(-1, *rows.shape[2:]), shape)
    made = image(mosaic(pixels(flat, low, high).reshape(len(rows), len(steps), *flat.shape[2:])), "chains")
    width = flat.shape[-1] + 1
    made.update_xaxes(
        visible=True,
        tickvals=[width * (i + 0.5) for i in range(len(steps))],
        ticktext=[str(s) for s in steps],
        title_text="Gibbs steps",
    )
    return made


def landscape(model: Any) -> go.Figure:
    """Energies of all states of a small Boltzmann machine, lowest first, one column each: E(s) above, s below.

    >>> import numpy as np
    >>> from tacit import BoltzmannMachine
    >>> X = np.repeat([[0, 0, 1], [1, 1, 0]], 10, axis=0)
    >>> len(landscape(BoltzmannMachine(n_iter=5, random_state=0).fit(X)).data[0].x)
    8
    """
    u = len(model.biases_)
    if u > LANDSCAPE:
        raise ArgumentError(f"a landscape shows up to 2^{LANDSCAPE} states; this machine has {u} units")
    states = (np.arange(2**u)[:, None] >> np.arange(u)[::-1]) & 1
    energy = model.energy(states)
    order = np.argsort(energy, kind="stable")
    words = ["".join(map(str, row)) for row in states[order].tolist()]
    p = np.exp(-energy[order] + energy.min())
    p /= p.sum()
    bars = go.Bar(
        x=list(range(len(order))),
        y=energy[order].round(4).tolist(),
        marker={
            "color": p.tolist(),
            "colorscale": [[0, NEUTRAL], [1, ACCENT]],
            "colorbar": {"title": "p(s)", "thickness": 8, "outlinewidth": 0},
        },
        text=words,
        textposition="none",
        hovertemplate="%{text}<br>E = %{y:.2f}<extra></extra>",
    )
    units = go.Heatmap(
        x=list(range(len(order))),
        z=states[order].T[::-1].tolist(),
        y=[f"s{i + 1}" for i in range(u)][::-1],
        colorscale=[[0, "rgba(133,137,143,0.15)"], [1, ACCENT]],
        showscale=False,
        hoverinfo="skip",
        yaxis="y2",
    )
    made = figure([bars, units], 460)
    made.update_layout(
        yaxis={"domain": [0.42, 1], "title": {"text": "energy"}},
        yaxis2={"domain": [0, 0.36], "anchor": "x", "automargin": True},
        xaxis={"title": {"text": "states, lowest energy first"}, "anchor": "y2"},
    )
    return made


def learning(model: Any) -> go.Figure:
    """How learning went, pass by pass: the free-energy gap, and log-likelihood with its bracket if it was tracked."""
    history = model.history_
    traces, n = [], list(range(1, len(history) + 1))
    if "nll" in history[0]:
        low, high, mean = ([-h[k] for h in history] for k in ("nll_high", "nll_low", "nll"))
        band = {"x": n, "mode": "lines", "line": {"width": 0}, "hoverinfo": "skip"}
        low = [v if math.isfinite(v) else m for v, m in zip(low, mean)]
        traces += [
            go.Scatter(y=high, showlegend=False, **band),
            go.Scatter(y=low, fill="tonexty", fillcolor="rgba(59,127,201,0.25)", name="bracket", **band),
            go.Scatter(x=n, y=mean, mode="lines", name="log-likelihood a row", line={"color": ACCENT}),
        ]
    names = {"free_energy_gap": "free-energy gap", "apart": "largest slope", "squared_error": "squared error"}
    for i, (key, name) in enumerate(names.items()):
        if key in history[0]:
            line = {"color": PALETTE[i + 1], "dash": "dot"}
            axis = "y2" if traces else "y"
            values = [h[key] for h in history]
            traces.append(go.Scatter(x=n, y=values, mode="lines", name=name, line=line, yaxis=axis))
    made = figure(traces, 380, margin={"l": 56, "r": 64, "t": 16, "b": 48})
    made.update_xaxes(title_text="passes over the rows")
    made.update_yaxes(title_text="nats")
    if "nll" in history[0]:
        made.update_layout(
            yaxis2={
                "overlaying": "y",
                "side": "right",
                "title": {"text": "gap, nats"},
                "showgrid": False,
                "automargin": True,
            }
        )
    return made


def _machine(model: Any) -> Any:
    """The machine that sees the rows."""
    return model.rbms_[0] if hasattr(model, "rbms_") else model


def _shape(model: Any, d: int, shape: tuple[int, int] | None) -> tuple[int, int]:
    own = getattr(_machine(model), "shape_", None)
    found = shape or (own[1:] if own is not None and own[0] == 1 else None)
    if found is None:
        side = math.isqrt(d)
        if side * side != d:
            raise ArgumentError(f"rows of {d} numbers are no square picture: give shape=(height, width)")
        found = (side, side)
    if found[0] * found[1] != d:
        raise ArgumentError(f"shape = {found} has {found[0] * found[1]} pixels, but rows have {d}")
    return int(found[0]), int(found[1])


def _pictures(model: Any, rows: Array, shape: tuple[int, int] | None) -> tuple[Array, float, float]:
    """Rows [n, d] as [n, 1, h, w], and what is black and white."""
    flat = rows.reshape(len(rows), -1)
    columns = _machine(model).columns_
    low = float(np.min(columns.shift))
    return flat.reshape(-1, 1, *_shape(model, flat.shape[1], shape)), low, low + 1 / float(np.min(columns.scale))


def _grid(x: Array, low: float, high: float) -> Array:
    """Pictures in about as many rows as columns."""
    across = math.ceil(math.sqrt(len(x)))
    down = math.ceil(len(x) / across)
    filled = np.concatenate([x, np.full((across * down - len(x), *x.shape[1:]), low)])
    shown = pixels(filled, low, high)
    return mosaic(shown.reshape(down, across, *shown.shape[1:]))
