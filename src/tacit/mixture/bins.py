"""The line cut into a few round ranges, for a table of a number's distribution."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from .conditional import Cell, Conditional
from .evidence import Said, Variable, intersect
from .families.column import Interval

FEW = 12  # rows of a table


def bins(variable: Variable, conditional: Conditional) -> list[Cell]:
    """Point masses on their own, then ranges of round width that hold nearly all of the rest, open at both ends."""
    cells = [Cell(variable.show(a), variable.equal(a)) for a in variable.dist.atoms]
    rest: Said = (Interval(-math.inf, math.inf),)
    for cell in cells:
        rest = intersect(rest, variable.apart(cell.said))
    outside = conditional.given({variable.name: rest}) if cells else conditional
    marginal = outside.marginal(variable.name)
    low, high = marginal.overall().roots(np.array([0.01, 0.99])).tolist()
    width = _round_width((high - low) / (FEW - 2), variable.step)
    first = math.floor(low / width) * width
    edges = first + width * np.arange(1, max(2, math.ceil((high - first) / width)))
    ends = [None, *edges.tolist(), None]
    for a, b in pairwise(ends):
        said: Said = rest
        if a is not None:
            said = intersect(said, variable.compare(">=", a))
        if b is not None:
            said = intersect(said, variable.compare("<", b))
        if said:
            cells.append(Cell(_label(variable, a, b, width), said))
    return cells


def _round_width(width: float, step: float) -> float:
    """1, 2 or 5 times a power of ten, and no less than a step."""
    if width <= 0 or not math.isfinite(width):
        return step or 1.0
    power = 10.0 ** math.floor(math.log10(width))
    width = next(m * power for m in (1, 2, 5, 10) if m * power >= width * 0.999)
    return max(width, step)


def _label(variable: Variable, a: float | None, b: float | None, width: float) -> str:
    show, h = variable.show, variable.step
    if a is None or b is None:
        return f"below {show(b)}" if b is not None else f"{show(a)} or more" if a is not None else "any"
    if h and math.isclose(width, h):
        return show(a)
    return f"{show(a)} to {show(b - h if h else b)}"
