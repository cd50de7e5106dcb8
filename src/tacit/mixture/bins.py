"""The line cut into a few round ranges, for a table of a number's distribution."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from .conditional import Cell, Conditional
from .evidence import Said, Variable, intersect
from .families.column import Interval

FEW = 12  # ranges of a table
SINGLE = 20  # recorded steps up to which each has its own row
NOTHING = 1e-12
STANDS_OUT = 0.05  # the probability at which a point mass has its own row


def bins(variable: Variable, conditional: Conditional) -> list[Cell]:
    """Large point masses on their own, then ranges of round width that hold nearly all of the rest."""
    cells, start = [], None
    rest: Said = (Interval(-math.inf, math.inf),)
    for atom in variable.dist.atoms:
        cell = Cell(variable.show(atom), variable.equal(atom))
        if np.exp(conditional.log_probability({variable.name: cell.said})).mean() >= STANDS_OUT:
            cells.append(cell)
            rest = intersect(rest, variable.apart(cell.said))
            below = variable.compare("<", atom)
            if not cells[:-1] and np.exp(conditional.log_probability({variable.name: below})).max() < NOTHING:
                rest, start = intersect(rest, variable.compare(">", atom)), atom
    outside = conditional.given({variable.name: rest}) if cells else conditional
    marginal = outside.marginal(variable.name)
    low, high = marginal.overall().roots(np.array([0.01, 0.99])).tolist()
    few = (high - low) / variable.step <= SINGLE if variable.step else False
    width = variable.step if few else _round_width((high - low) / (FEW - 2), variable.step)
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
            cells.append(Cell(_label(variable, a, b, width, start), said))
    return cells


def _round_width(width: float, step: float) -> float:
    """1, 2 or 5 times a power of ten, and no less than a step."""
    if width <= 0 or not math.isfinite(width):
        return step or 1.0
    power = 10.0 ** math.floor(math.log10(width))
    width = next(m * power for m in (1, 2, 5, 10) if m * power >= width * 0.999)
    return max(width, step)


def _label(variable: Variable, a: float | None, b: float | None, width: float, start: float | None) -> str:
    show, h = variable.show, variable.step
    if a is None and b is not None and start is not None:
        return f"{show(start + h)} to {show(b - h)}" if h else f"{show(start)} to {show(b)}"
    if a is None or b is None:
        return f"below {show(b)}" if b is not None else f"{show(a)} or more" if a is not None else "any other"
    if h and math.isclose(width, h):
        return show(a)
    return f"{show(a)} to {show(b - h if h else b)}"
