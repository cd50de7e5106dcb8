"""The line cut into a few round ranges, for a table of a number's distribution."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from .conditional import Cell, Given
from .evidence import Said, Variable, intersect
from .families.column import Interval

FEW = 12  # ranges of a table
SINGLE = 20  # recorded steps up to which each has its own row
NOTHING = 1e-6
STANDS_OUT = 0.05  # the probability at which a point mass has its own row


def bins(variable: Variable, conditional: Given) -> list[Cell]:
    """Large point masses on their own, and ranges of round width that hold nearly all of the rest, in order."""
    rest: Said = (Interval(-math.inf, math.inf),)
    large: list[float] = []
    start: float | None = None
    for atom in variable.dist.atoms:
        if _mean(conditional, variable, variable.equal(atom)) >= STANDS_OUT:
            if not large and _mean(conditional, variable, variable.compare("<", atom)) < NOTHING:
                rest, start = variable.compare(">=", atom), atom
            large.append(atom)
            rest = intersect(rest, variable.apart(variable.equal(atom)))
    cells = [(atom, -1, Cell(variable.show(atom), variable.equal(atom))) for atom in large]
    outside = conditional.given({variable.name: rest}) if large else conditional
    marginal = outside.marginal(variable.name)
    low, high = marginal.overall().roots(np.array([0.01, 0.99])).tolist()
    few = (high - low) / variable.step <= SINGLE if variable.step else False
    width = variable.step if few else _round_width((high - low) / (FEW - 2), variable.step)
    first = math.floor(low / width) * width
    edges = first + width * np.arange(1, max(2, math.ceil((high - first) / width)))
    for a, b in pairwise([start, *edges.tolist(), None]):
        said = intersect(rest, variable.compare(">=", a)) if a is not None else rest
        said = intersect(said, variable.compare("<", b)) if b is not None else said
        if said:
            cells.append((-math.inf if a is None else a, 0, Cell(_label(variable, a, b, width, large), said)))
    return [cell for _, _, cell in sorted(cells, key=lambda c: c[:2])]


def _mean(conditional: Given, variable: Variable, said: Said) -> float:
    return float(np.exp(conditional.log_probability({variable.name: said})).mean())


def _round_width(width: float, step: float) -> float:
    """1, 2 or 5 times a power of ten, and no less than a step."""
    if width <= 0 or not math.isfinite(width):
        return step or 1.0
    power = 10.0 ** math.floor(math.log10(width))
    width = next(m * power for m in (1, 2, 5, 10) if m * power >= width * 0.999)
    return max(width, step)


def _label(variable: Variable, a: float | None, b: float | None, width: float, large: list[float]) -> str:
    """A range of recorded values, and which large ones in it have rows of their own."""
    show, h = variable.show, variable.step
    if a is not None and h and any(math.isclose(a, atom, abs_tol=h / 2) for atom in large):
        a, width = a + h, width - h
    inside = [show(v) for v in large if (a is None or v >= a) and (b is None or v < b)]
    but = f" but {', '.join(inside)}" if inside else ""
    if a is None or b is None:
        return (f"below {show(b)}" if b is not None else f"{show(a)} or more" if a is not None else "any") + but
    if h and width < 1.5 * h:
        return show(a) + but
    return f"{show(a)} to {show(b - h if h else b)}{but}"
