"""What a conditional query asks of one column of a mixture: K one-dimensional distributions, one for each component."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple, TypeAlias

import numpy as np

from ...typing import Array, Doubles


class Interval(NamedTuple):
    """low < x <= high, in the units of the column; either end may be infinite.

    A number recorded to a step h is the event (x - h/2, x + h/2]. Arrays of ends [b] are b events at once.
    """

    low: float | Doubles
    high: float | Doubles


class Levels(NamedTuple):
    """x is one of some levels of a category, by their codes."""

    codes: tuple[int, ...]


Event: TypeAlias = Interval | Levels


class GaussianBlock(NamedTuple):
    """Columns that depend on each other within a component: x_names | k ~ N(mean_k, covariance_k).

    ``JointMixture._column(name)`` gives the marginal distribution of each; what joins them is in
    ``JointMixture._blocks()``, a tuple of these. K counts the parts (``part_weights_``), in both.
    """

    names: tuple[str, ...]
    mean: Doubles  # [K, b]
    covariance: Doubles  # [K, b, b]


class ColumnDistribution(ABC):
    """p(x_j | k) for k = 1..K, of numbers in the column's own units or of category codes.

    ``log_prob`` is a log density for a continuous column and a log probability for codes and counts; a distribution
    with both kinds (a point mass beside a density) says by ``atoms`` where its point masses are.
    """

    continuous: bool  # whether log_prob is a density, away from the atoms
    atoms: tuple[float, ...] = ()  # values of a continuous column that have a probability of their own

    @property
    @abstractmethod
    def K(self) -> int:
        """The number of components."""

    @abstractmethod
    def log_prob(self, x: Array) -> Doubles:
        """log p(x_i | k) [b, K] of observed values [b]."""

    @abstractmethod
    def log_mass(self, event: Event) -> Doubles:
        """log P(x in event | k) [K], exact far into the tails too; [b, K] for an interval whose ends are arrays [b]."""

    @abstractmethod
    def sample(self, z: Array, rng: np.random.Generator, event: Event | None = None) -> Array:
        """One draw from component z_i for each i [n], inside the event if one is given."""

    def mean(self, event: Event | None = None) -> Doubles:
        """E[x | k, event] [K], for numbers."""
        raise NotImplementedError

    def variance(self, event: Event | None = None) -> Doubles:
        """Var[x | k, event] [K], for numbers."""
        raise NotImplementedError

    def cdf(self, x: Array) -> Doubles:
        """P(x_j <= x | k) [b, K], for numbers."""
        raise NotImplementedError

    def probabilities(self) -> Doubles:
        """P(level | k) [K, C], for categories."""
        raise NotImplementedError


def bounded(event: Event) -> tuple[Doubles, Doubles]:
    """The ends of an interval with an axis for the components: [1], or [b, 1] where they are arrays."""
    assert isinstance(event, Interval)
    return np.asarray(event.low, np.float64)[..., None], np.asarray(event.high, np.float64)[..., None]
