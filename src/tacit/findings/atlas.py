"""The map: principal components of numbers and categories together, every column counting the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..decomposition.pca import PCA
from ..typing import Array, Doubles, Floats
from . import words
from .columns import View

AXES = 10  # components computed
POINTS = 3000  # drawn at most
CUT = 4.0  # standard deviations at which numbers are cut, so that no single cell stretches the map
FEATURES = 8  # loadings told of an axis
LEVELS = 20  # indicator columns of a category, at most; the rest of its levels have none


_ORDINAL = ("first", "second", "third", "fourth")


class Feature(NamedTuple):
    """What one column of the design matrix measures."""

    column: str
    level: str | None  # of an indicator


def design(views: Sequence[View], least: int = 1) -> tuple[Array, list[Feature]]:
    """Columns of variance 1 in total: standardised numbers, and indicators (z - p) / √(Σ_l p_l (1 - p_l)); gaps are 0.

    Levels of fewer than ``least`` rows have no indicator. A category of many levels weighs as much as a number (as in
    factor analysis of mixed data, but for its weighting of rare levels; Pagès 2014, chapter 3).
    """
    columns: list[Floats] = []
    features: list[Feature] = []
    for view in views:
        seen = view.seen
        x = view.values[seen]
        if len(x) < 2 or (x == x[0]).all():
            continue
        if view.schema.kind.numeric:
            z = np.zeros(len(seen), np.float32)
            scale = float(np.abs(x - x.mean()).max())
            y = (x - x.mean()) / scale
            z[seen] = np.clip(y / y.std(), -CUT, CUT)
            columns.append(z)
            features.append(Feature(view.schema.name, None))
            continue
        p = np.bincount(x, minlength=len(view.schema.levels)) / len(x)
        weight = 1 / np.sqrt((p * (1 - p)).sum())
        top = np.argsort(-p, kind="stable")[:LEVELS]
        for level in top[p[top] * len(x) >= least - 0.5]:
            z = np.zeros(len(seen), np.float32)
            z[seen] = ((x == level) - p[level]) * weight
            columns.append(z)
            features.append(Feature(view.schema.name, view.schema.levels[level]))
    X: Array = np.stack(columns, axis=1) if columns else np.zeros((0, 0), np.float32)
    return X, features


def atlas(
    views: Sequence[View],
    rows: Array,
    group: Array,
    marked: Array,
    hover: Sequence[str] | None,
    rng: np.random.Generator,
    n: int,
    least: int = 1,
) -> dict[str, Any]:
    """Axes with their loadings, the scree, and points (or, where no row may be shown, counts on a grid).

    ``rows`` are the row numbers of the views, ``group`` their groups (from 1), ``marked`` the row numbers to be drawn
    in any case; ``hover`` names the columns whose cells a point shows.
    """
    X, features = design(views, least)
    lively = len({f.column for f in features})
    if lively < 2 or len(X) < 3:
        why = "fewer than two columns vary" if lively < 2 else "there are fewer than three rows"
        return {"axes": [], "scree": [], "points": None, "density": None, "words": [f"No map: {why}."]}
    pca = PCA(n_components=min(AXES, *X.shape)).fit(X)
    score = np.asarray(pca.transform(X), np.float64)
    ratio = [float(v) for v in pca.explained_variance_ratio_]
    axes = [_axis(a, score[:, a], ratio[a], X, features) for a in range(min(4, len(ratio)))]
    y = score[:, 1] if score.shape[1] > 1 else np.zeros(len(score))
    shown = float(sum(ratio[:2]))
    said = [
        f"The two axes together show {words.share(shown)} of the variation of {words.count(lively, 'column')}"
        f"{'' if shown >= 0.5 else ': groups may be apart in ways this picture cannot show'}."
    ]
    said += [a["words"] for a in axes[:2]]
    clumps = list(dict.fromkeys(a["loadings"][0]["column"] for a in axes[:2] if a["loadings"][0]["level"] is not None))
    if clumps:
        names = words.listing([words.clip(name, 40) for name in clumps])
        said.append(f"Clumps and stripes can come from the levels of {names}: by themselves they are not groups.")
    points = density = None
    if least > 1:
        density = _grid(score[:, 0], y, group, least)
        said.append(
            f"Each spot stands for at least {least} rows of one group; places with fewer are left empty."
            if density["x"]
            else "There are too few rows to draw any without showing single ones."
        )
    else:
        points = _points(views, rows, group, marked, score[:, 0], y, hover or (), rng)
        if len(points["x"]) < n:
            drawn = f"{words.count(POINTS)} of {words.count(n, 'row')}"
            said.append(f"Drawn are {drawn}, chosen at random, and the least likely ones.")
    if len(rows) < n:
        said.append(f"The axes were computed from {words.count(len(rows))} rows, chosen at random.")
    return {"axes": axes, "scree": ratio, "points": points, "density": density, "words": said}


def _axis(a: int, score: Doubles, ratio: float, X: Array, features: list[Feature]) -> dict[str, Any]:
    sd = X.std(axis=0) * score.std()
    with np.errstate(invalid="ignore", divide="ignore"):
        loading = np.nan_to_num((X * score[:, None].astype(X.dtype)).mean(axis=0) / sd)  # correlation with the axis
    order = np.argsort(-np.abs(loading), kind="stable")[:FEATURES]
    told = [{"column": features[j].column, "level": features[j].level, "correlation": float(loading[j])} for j in order]
    sides = [[_feature(t) for t in told if sign * float(t["correlation"]) > 0.3][:3] for sign in (1, -1)]
    there, back = (
        (("To the right", "to the left") if a == 0 else ("Upwards", "downwards"))
        if a < 2
        else ("One way", "the other way")
    )
    parts = [f"{d}: {words.listing(s)}" for d, s in zip((there, back), sides, strict=True) if s]
    said = words.capital("; ".join(parts)) or "No column dominates"
    said += f" ({_ORDINAL[a]} axis, {words.share(ratio)} of the variation)."
    return {"number": a + 1, "share": ratio, "loadings": told, "words": said}


def _feature(told: dict[str, Any]) -> str:
    """What there is more of on the feature's own side of an axis."""
    name = words.clip(told["column"], 30)
    if told["level"] is not None:
        return f"{name} = {words.clip(told['level'], 30)}"
    return f"high {name}"


def _points(
    views: Sequence[View],
    rows: Array,
    group: Array,
    marked: Array,
    x: Doubles,
    y: Doubles,
    hover: Sequence[str],
    rng: np.random.Generator,
) -> dict[str, Any]:
    special = np.flatnonzero(np.isin(rows, marked))
    chosen = rng.permutation(len(rows))[:POINTS] if len(rows) > POINTS else np.arange(len(rows))
    chosen = np.union1d(chosen, special)
    shown = [v for v in views if v.schema.name in hover]
    return {
        "x": [round(float(v), 3) for v in x[chosen]],
        "y": [round(float(v), 3) for v in y[chosen]],
        "group": group[chosen].tolist(),
        "row": (rows[chosen] + 1).tolist(),
        "marked": np.isin(rows[chosen], marked).tolist(),
        "columns": [v.schema.name for v in shown],
        "cells": [[cell(v, int(i)) for v in shown] for i in chosen],
    }


def cell(view: View, i: int) -> str:
    """One cell as text."""
    if not view.seen[i]:
        return "missing"
    if view.schema.kind.numeric:
        return words.value(view.schema, float(view.values[i]))
    return words.clip(view.schema.levels[view.values[i]], 40)


def _grid(x: Doubles, y: Doubles, group: Array, least: int) -> dict[str, Any]:
    """Counts of each group on a grid, where there are at least ``least``."""
    side = int(np.clip(np.sqrt(len(x) / (2 * least)), 4, 36))
    edge = [np.linspace(np.quantile(v, 0.005), np.quantile(v, 0.995), side + 1) for v in (x, y)]
    at = [np.clip(np.searchsorted(e, v, side="right") - 1, 0, side - 1) for e, v in zip(edge, (x, y), strict=True)]
    K = int(group.max())
    counts = np.bincount((group - 1) * side * side + at[0] * side + at[1], minlength=K * side * side)
    k, i, j = np.unravel_index(np.flatnonzero(counts >= least), (K, side, side))
    middle = [(e[:-1] + e[1:]) / 2 for e in edge]
    return {
        "x": [round(float(v), 2) for v in middle[0][i]],
        "y": [round(float(v), 2) for v in middle[1][j]],
        "group": (k + 1).tolist(),
        "rows": counts[counts >= least].tolist(),
    }
