"""The protocol of a latent-variable model: what someone writes to have it fitted by EM, on any source.

For data x, hidden z and parameters θ, EM maximises l(θ) = Σ_i w_i log Σ_z p(x_i, z | θ) + log_prior(θ) by turns of
``expect`` (q(z) = p(z | x, θ), summed into sufficient statistics) and ``maximise`` (Dempster, Laird and Rubin 1977;
Bishop 2006, section 9.4; Neal and Hinton 1998 for the bound).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from ..data.block import Block
from ..data.source import Source

P = TypeVar("P")


class Statistics(Protocol):
    """A NamedTuple of sums over rows: a vector space under ``stats.add`` and ``stats.scale``."""

    @property
    def objective(self) -> float:
        """Σ_i w_i log p(x_i | θ), or minus the cost for a model that has no likelihood (k-means)."""

    @property
    def weight(self) -> float:
        """Σ_i w_i."""


S = TypeVar("S", bound=Statistics)


class LatentModel(ABC, Generic[P, S]):
    """Pure functions of parameters P and statistics S; an instance holds choices, never state of a fit."""

    @abstractmethod
    def init(self, source: Source, rng: np.random.Generator) -> P:
        """Parameters to start from."""

    @abstractmethod
    def expect(self, params: P, block: Block) -> S:
        """The E-step on one block: expected sufficient statistics under p(z | x, params), and the objective's sum."""

    @abstractmethod
    def maximise(self, stats: S, params: P) -> P:
        """The M-step: the parameters that maximise the expected complete log-likelihood plus the log prior."""

    def log_prior(self, params: P) -> float:
        """The part of the objective that is not a sum over rows."""
        return 0.0

    def converged(self, before: P, after: P) -> bool:
        """Whether a step changed the parameters so little that the next pass is the last (k-means' test)."""
        return False

    def repair(self, params: P, stats: S, source: Source, rng: np.random.Generator) -> tuple[P, int]:
        """Place empty or collapsed components anew: parameters, and how many were repaired. A rare extra pass."""
        return params, 0

    def block_rows(self, params: P) -> int | None:
        """The most rows of a block that ``expect`` wants at once; None when it needs no cap."""
        return None

    def trace(self, params: P) -> Any:
        """What ``history`` keeps of the parameters when a trace is asked for."""
        return params
