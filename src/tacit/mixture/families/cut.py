"""Where numbers are cut into bins, and the density of a column within them."""

from __future__ import annotations

import numpy as np

from ...data.schema import ColumnSchema, Kind
from ...data.source import Source
from ...typing import Doubles
from .binned import Bins, Shape
from .choose import FEW, Values, automatic, grouped, normals, values

MOST = 32  # bins, and values with a code of their own
NORMALS = (1, 2, 3, 4, 6, 8)  # that the density of a column is made of


def cut(column: ColumnSchema, source: Source, j: int, chosen: tuple[str, tuple[float, ...]] | None = None) -> Bins:
    """The codes of the j-th number: about n^(1/3) bins of equal shares; the values that stand out have their own.

    ``chosen`` is what ``choose.automatic`` says of the column, where that is known.
    """
    held, step = values(source, j), column.step or 0.0
    family, atoms = chosen or automatic(held, step, column.kind)
    if len(atoms) > MOST:
        often = np.argsort(-held.w[np.searchsorted(held.x, atoms)], kind="stable")[:MOST]
        atoms = tuple(np.sort(np.array(atoms)[often]).tolist())
    away = ~np.isin(held.x, atoms)
    rest = Values(held.x[away], held.w[away])
    log = family == "lognormal"
    low = 0.0 if log else -0.5 * step if column.kind is Kind.COUNT and step else -np.inf
    return Bins(_cuts(rest, step), _shape(rest, step, log, low), atoms)


def _cuts(held: Values, step: float) -> Doubles:
    """Between values, where a quantile lies; half a step above the lower one where there are steps."""
    x, w = held
    if len(x) < 2:
        return np.empty(0)
    wanted = int(np.clip(np.rint(w.sum() ** (1 / 3)), 2, MOST))
    total = np.cumsum(w)
    if len(x) <= wanted:
        after = np.arange(len(x) - 1)
    else:
        at = np.searchsorted(total, total[-1] * np.arange(1, wanted) / wanted, side="left")
        after = np.unique(np.minimum(at, len(x) - 2))
    middle = 0.5 * (x[after] + x[after + 1])
    return np.unique((np.floor(middle / step) + 0.5) * step) if step else np.unique(middle)


def _shape(held: Values, step: float, log: bool, low: float) -> Shape:
    """The mixture of normals with the best BIC; more of them, until two sizes in turn are no better."""
    if len(held.x) == 0:
        return Shape(log, np.ones(1), np.zeros(1), np.ones(1), low, np.inf)
    x, w = grouped(held)
    h = np.full(len(x), step or 1e-3 * max(float(np.ptp(x)), 1e-9 * float(np.abs(x).max()), 1e-300))
    if log:
        a, b = np.log(np.where(x - h / 2 > 0, x - h / 2, x / 2)), np.log(x + h / 2)
        x = np.log(x)
    else:
        a, b = x - h / 2, x + h / 2
    fits = [normals(x, w, 1, a, b)]
    for Q in NORMALS[1:]:
        if w.sum() < FEW or len(x) < 3 * Q or max(f.score for f in fits) > max(f.score for f in fits[-2:]):
            break
        fits.append(normals(x, w, Q, a, b))
    best = max(fits, key=lambda fit: fit.score)
    return Shape(log, best.weight, best.mu, best.sigma, low, np.inf)
