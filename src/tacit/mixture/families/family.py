"""The contract of a family: what a mixture is made of. K is an axis of its parameters, never a loop."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Generic, NamedTuple, Self, TypeVar

import numpy as np

from ...data.block import Block
from ...data.source import Source
from ...stats import add, scale
from ...typing import Array, Doubles, Floats

Θ = TypeVar("Θ")
T = TypeVar("T")


class Cells(NamedTuple):
    """Rows drawn from a model: numbers [n, d] and category codes [n, c]."""

    numbers: Doubles
    codes: Array


class Family(ABC, Generic[Θ, T]):
    """K distributions of one kind over some columns of a block. θ and T are NamedTuples of arrays, most with leading K.

    T is additive over rows; second moments in it are summed about the means of the θ that ``stats`` was given, and
    ``update`` is given the same θ.
    """

    @abstractmethod
    def blank(self, K: int, source: Source) -> Θ:
        """Valid parameters from overall moments, alike for all K: what the first ``stats`` are taken at."""

    @abstractmethod
    def log_prob(self, θ: Θ, block: Block) -> Floats:
        """log p(x | k) of the observed cells [b, K]; a gap contributes 0."""

    @abstractmethod
    def stats(self, θ: Θ, block: Block, r: Floats) -> T:
        """Sums over rows weighted by r [b, K] (responsibility times row weight)."""

    @abstractmethod
    def update(self, t: T, θ: Θ) -> Θ:
        """The θ that maximises the expected complete log-likelihood plus the log prior."""

    @abstractmethod
    def sample(self, θ: Θ, z: Array, rng: np.random.Generator, out: Cells) -> None:
        """Fill this family's columns of ``out`` with one draw from component z[i] for each row i."""

    @abstractmethod
    def n_parameters(self, θ: Θ) -> int:
        """Free parameters, for information criteria."""

    def expected(self, t: T, θ: Θ) -> float:
        """Σ_ik r_ik log p(x_i | θ_k) of the observed cells, from sums about the means of this θ; NaN where unknown."""
        return float("nan")

    def hidden(self, t: T, θ: Θ) -> float:
        """Σ_ik r_ik H(x_hidden | x_observed, k): the entropy of the cells that the E-step at θ filled in."""
        return 0.0

    def together(self, each: list[Θ]) -> Θ:
        """The components of several θ, one after the other."""
        arrays = zip(*each, strict=True)
        return type(each[0])(*(np.concatenate(same) for same in arrays))

    def about(self, t: T, old: Θ, new: Θ) -> T:
        """Sums that were taken about the means of ``old``, moved to those of ``new``; as they are where none are."""
        return t

    def line(self, a: Θ, b: Θ, t: float) -> Θ:
        """Valid parameters on the way from ``a`` to ``b``, t = 0 to 1."""
        return add(scale(a, 1 - t), scale(b, t))

    def over(self, source: Source) -> Self:
        """The same for other rows, where bounds and priors depend on what the columns are like in all rows."""
        return self

    def reading(self, source: Source) -> Self:
        """The same, ready to read these rows: nothing that ``θ`` or a prior depends on changes."""
        return self

    def penalty(self, θ: Θ) -> Any:
        """A constant per component [K] in the E-step of the fit alone (DESIGN: ``reg_covar``); 0 for most."""
        return 0.0

    def log_prior(self, θ: Θ) -> float:
        """The log prior density of θ up to a constant."""
        return 0.0

    def broken(self, θ: Θ, K: int) -> Array:
        """Which components [K] have degenerated and must be placed anew."""
        return np.zeros(K, dtype=bool)

    def replace(self, θ: Θ, bad: Array, rows: Block, source: Source) -> Θ:
        """θ with the components ``bad`` [K] placed on the ``rows`` [K], as wide as the data; a rare extra pass."""
        blank = self.blank(len(bad), source)
        return type(θ)(*(_swap(bad, new, old) for new, old in zip(blank, θ, strict=True)))  # type: ignore[call-overload]

    def native(self, θ: Θ) -> Any:
        """θ as the mixture kernel reads it, a ``kernels.Part`` or a tuple of them; None when the family runs in Python.

        The kernel's sums come back in the same shape, and are T.
        """
        return None


def _swap(bad: Array, new: Array, old: Array) -> Array:
    return np.where(bad.reshape(-1, *[1] * (old.ndim - 1)), new, old)
