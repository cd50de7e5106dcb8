"""What the moment kernels give: sums over rows about a shift, additive over blocks."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..typing import Doubles


class Moments(NamedTuple):
    """Σ w, Σ w (x - s) [d] and Σ w (x - s)(x - s)ᵀ [d, d] about a shift s."""

    weight: float
    sum: Doubles
    outer: Doubles

    def about(self, move: Doubles) -> Moments:
        """The same sums about s + move, from the sums alone.

        >>> x = np.array([[1.0], [2.0], [6.0]])
        >>> Moments(3.0, x.sum(0), x.T @ x).about(np.array([3.0]))
        Moments(weight=3.0, sum=array([0.]), outer=array([[14.]]))
        """
        cross = np.outer(move, self.sum - 0.5 * self.weight * move)
        return Moments(self.weight, self.sum - self.weight * move, self.outer - (cross + cross.T))


class ColumnMoments(NamedTuple):
    """Per column, over the cells that are not gaps: Σ w, Σ w (x - s) and Σ w (x - s)², each [d]."""

    weight: Doubles
    sum: Doubles
    square: Doubles
