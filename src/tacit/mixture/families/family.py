"""The contract of a family: what a mixture is made of. K is an axis of its parameters, never a loop."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

from ...data.block import Block
from ...data.source import Source
from ...typing import Array, Doubles, Floats

Θ = TypeVar("Θ")
T = TypeVar("T")


class Cells(NamedTuple):
    """Rows drawn from a model: numbers [n, d] and category codes [n, c]."""

    numbers: Doubles
    codes: Array


class Family(ABC, Generic[Θ, T]):
    """K distributions of one kind over some columns of a block. θ and T are NamedTuples of arrays with leading K.

    T is additive over rows and knows the shift its second moments were summed about (``blank`` or the current means),
    so that ``update`` can centre them.
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

    def penalty(self, θ: Θ) -> Any:
        """A constant per component [K] in the E-step of the fit alone (DESIGN: ``reg_covar``); 0 for most."""
        return 0.0

    def log_prior(self, θ: Θ) -> float:
        """The log prior density of θ up to a constant."""
        return 0.0

    def native(self, θ: Θ) -> Any:
        """This part as the mixture kernel reads it, or None when the family runs in Python."""
        return None
