"""One number given evidence: p(x | E) = Σ_k w_k p_k(x | what E says of x itself); its moments, quantiles and mode."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ..typing import Array, Doubles
from .evidence import Piece, Said, Value, Variable, ends, is_density
from .families.column import ColumnDistribution, Interval

CELLS = 4096  # recorded steps up to which each is looked at
TAIL = 1e-4  # what is left out at either end where the whole line is looked at
SLAB = 1 << 22  # numbers in a temporary


class Mode(NamedTuple):
    """The likeliest value [n], and its log probability or log density."""

    value: Doubles
    log_p: Doubles
    density: bool


class Marginal:
    """``weights`` [n, K] of the components given all evidence; ``said`` is what it says of this column."""

    def __init__(self, variable: Variable, said: Said | None, weights: Doubles) -> None:
        self.variable, self.dist, self.weights = variable, variable.dist, weights
        self.pieces: tuple[Piece, ...] | None = said  # type: ignore[assignment]
        self.log_norm = variable.log_prob(said)  # [K]

    def overall(self) -> Marginal:
        """The same for all rows together."""
        if len(self.weights) == 1:
            return self
        return Marginal(self.variable, self.pieces, self.weights.mean(axis=0, keepdims=True))

    def moments(self) -> tuple[Doubles, Doubles]:
        """Mean and variance [n]: E[x] = Σ w_k m_k, Var[x] = Σ w_k (v_k + (m_k - E[x])²)."""
        if self.pieces is None:
            m, v = self.dist.mean(), self.dist.variance()
        else:
            m, s = np.zeros(self.dist.K), np.zeros(self.dist.K)
            for piece in self.pieces:
                share = self._share(self.variable.log_prob((piece,)))
                μ, σ2 = _moments(self.dist, piece)
                m, s = m + share * μ, s + share * (σ2 + μ * μ)
            v = np.maximum(s - m * m, 0.0)
        mean = self.weights @ m
        return mean, self.weights @ v + (self.weights * (m - mean[:, None]) ** 2).sum(axis=1)

    def cdf(self, x: Array) -> Doubles:
        """P(x_j <= x | E) [n, b]."""
        return self.weights @ self.component_cdf(x).T

    def quantile(self, q: float) -> Doubles:
        """The least value x with P(x_j <= x | E) >= q [n]; a recorded one where values are recorded to a step."""
        h = self.variable.step
        if len(self.weights) == 1:
            x = self.roots(np.array([q]))
            return np.ceil(x / h - 0.5 - 1e-9) * h if h else x
        low, high = self.span(min(q, 1 - q) / 4)
        if h and (high - low) / h <= CELLS:
            steps = np.arange(math.floor(low / h), math.ceil(high / h) + 1) * h
            return self._first(steps, steps + h / 2, q)
        grid = np.linspace(low, high, CELLS // 4 + 1)
        right = self._first(grid, grid, q)
        left = right - (grid[1] - grid[0])
        for _ in range(20):  # bisection within the grid's cell, every row on its own
            middle = 0.5 * (left + right)
            reached = (self.weights * self.component_cdf(middle)).sum(axis=1) >= q
            left, right = np.where(reached, left, middle), np.where(reached, middle, right)
        return np.ceil(right / h - 0.5 - 1e-9) * h if h else right

    def roots(self, levels: Doubles) -> Doubles:
        """Where one distribution reaches several cumulative probabilities [L], by cuts into ever smaller parts."""
        low, high = self.span(float(np.minimum(levels, 1 - levels).min()) / 4)
        left, width = np.full(len(levels), low), high - low
        parts = max(4, 64 // len(levels))
        cuts = np.arange(1, parts + 1) / parts
        while width > 1e-11 * max(abs(low), abs(high), high - low):
            x = left[:, None] + width * cuts  # [L, parts]
            reached = self.cdf(x.ravel())[0].reshape(x.shape)[:, :-1] >= levels[:, None]
            at = np.where(reached.any(axis=1), reached.argmax(axis=1), parts - 1)
            width = width / parts
            left = left + at * width
        return left + width

    def mode(self) -> Mode:
        """The likeliest recorded value, else the likeliest point mass, else the peak of the density."""
        atoms = np.array([a for a in self.dist.atoms if self._holds(a)])
        h = self.variable.step
        low, high = self.span(TAIL)
        if h and (high - low) / h <= CELLS:
            steps = np.arange(math.floor(low / h), math.ceil(high / h) + 1) * h
            return self._best(steps, self._cells(steps), False)
        if not h and len(atoms):
            each = [self.variable.log_prob(self.variable.equal(a)) for a in atoms]
            return self._best(atoms, np.array(each) - self.log_norm, False)
        peak = self._peak(low, high)
        if not h:
            return peak
        steps = np.unique(np.concatenate([np.round(peak.value / h) * h, atoms]))
        return self._best(steps, self._cells(steps), False)

    def _peak(self, low: float, high: float) -> Mode:
        """The highest density on a grid, made finer around it for a single distribution."""
        near = np.clip(self.dist.mean(), low, high)
        points = np.setdiff1d(np.concatenate([np.linspace(low, high, CELLS // 4 + 1), near]), self.dist.atoms)
        found = self._best(points, self.component_log_density(points), True)
        for _ in range(6 if len(self.weights) == 1 else 0):
            i = int(np.searchsorted(points, found.value[0]))
            points = np.linspace(points[max(i - 1, 0)], points[min(i + 1, len(points) - 1)], 33)
            points = np.setdiff1d(points, self.dist.atoms)
            found = self._best(points, self.component_log_density(points), True)
        return found

    def span(self, tail: float) -> tuple[float, float]:
        """Ends beyond which there is no more than ``tail`` on either side, in any row."""
        heard = self.weights.max(axis=0) > 1e-12
        m, sd = self.dist.mean()[heard], np.sqrt(self.dist.variance()[heard])
        lowest, highest = -math.inf, math.inf
        if self.pieces:
            lowest, highest = ends(self.pieces[0]).low, ends(self.pieces[-1]).high
        low, high = (min(max(float(v), lowest), highest) for v in ((m - 3 * sd).min(), (m + 3 * sd).max()))
        width = max(high - low, 1e-9 * max(abs(low), abs(high)), 1e-300)
        while low > lowest and self.cdf(np.array([low])).max() > tail:
            low, width = max(low - width, lowest), 2 * width
        while high < highest and self.cdf(np.array([high])).min() < 1 - tail:
            high, width = min(high + width, highest), 2 * width
        return low, high

    def log_density(self, x: Array) -> Doubles:
        """log p(x | E) [n, b], within what is said."""
        with np.errstate(divide="ignore"):
            return np.log(self.weights @ np.exp(self.component_log_density(x)).T)

    # Per component.

    def component_cdf(self, x: Array) -> Doubles:
        """P(x_j <= x | k, said) [b, K]."""
        if self.pieces is None:
            return self.dist.cdf(x)
        out = np.zeros((len(x), self.dist.K))
        for piece in self.pieces:
            low, high = ends(piece)
            if is_density((piece,)):
                out += (x >= high)[:, None] * self._share(self.variable.log_prob((piece,)))
                continue
            top = np.clip(x, low, high)
            below = self.dist.log_mass(Interval(np.full(len(x), low), top))
            out += np.where((top > low)[:, None], self._share(below), 0.0)
        return out

    def component_log_density(self, x: Array) -> Doubles:
        """log p(x | k, said) [b, K]."""
        with np.errstate(invalid="ignore"):
            inside = np.array([self._holds(v) for v in x])[:, None]
            return np.where(inside, np.nan_to_num(self.dist.log_prob(x) - self.log_norm, nan=-np.inf), -np.inf)

    def _cells(self, x: Array) -> Doubles:
        """log P(the recorded value is x | k, said) [b, K]."""
        half = self.variable.step / 2
        if self.pieces is None:
            return self.dist.log_mass(Interval(x - half, x + half))
        total = np.full((len(x), self.dist.K), -np.inf)
        for piece in self.pieces:
            low, high = ends(piece)
            a, b = np.clip(x - half, low, high), np.clip(x + half, low, high)
            with np.errstate(divide="ignore", invalid="ignore"):
                part = np.where((a < b)[:, None], self.dist.log_mass(Interval(a, b)), -np.inf)
            total = np.logaddexp(total, part)
        with np.errstate(invalid="ignore"):
            return np.nan_to_num(total - self.log_norm, nan=-np.inf)

    def _share(self, log_p: Doubles) -> Doubles:
        with np.errstate(invalid="ignore"):
            share: Doubles = np.nan_to_num(np.exp(log_p - self.log_norm))
        return share

    def _holds(self, x: float) -> bool:
        return self.pieces is None or any(ends(p).low < x <= ends(p).high for p in self.pieces)

    # Per row.

    def _best(self, x: Array, log_p: Doubles, density: bool) -> Mode:
        """The likeliest of some values x [b] with log_p [b, K]."""
        p, n = np.exp(log_p), len(self.weights)
        at, best = np.empty(n, dtype=np.int64), np.empty(n)
        for rows in slabs(n, len(x)):
            each = self.weights[rows] @ p.T
            at[rows], best[rows] = each.argmax(axis=1), each.max(axis=1)
        with np.errstate(divide="ignore"):
            return Mode(x[at], np.log(best), density)

    def _first(self, x: Array, upper: Array, q: float) -> Doubles:
        """The first x whose end the cumulative probability q is reached at [n]."""
        F, at = self.component_cdf(upper), np.empty(len(self.weights), dtype=np.int64)
        for rows in slabs(len(at), len(x)):
            reached = self.weights[rows] @ F.T >= q
            at[rows] = np.where(reached.any(axis=1), reached.argmax(axis=1), len(x) - 1)
        found: Doubles = x[at]
        return found


def slabs(n: int, width: int) -> list[slice]:
    """Slices of n rows of which none times ``width`` is a large temporary."""
    rows = max(1, SLAB // max(width, 1))
    return [slice(i, min(i + rows, n)) for i in range(0, n, rows)]


def _moments(dist: ColumnDistribution, piece: Piece) -> tuple[Doubles, Doubles]:
    """Mean and variance on a piece [K]; a recorded value is that number."""
    if isinstance(piece, Value):
        return np.full(dist.K, piece.x), np.zeros(dist.K)
    return dist.mean(piece), dist.variance(piece)
