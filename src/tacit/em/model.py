"""The protocol of a latent-variable model: what someone writes to have it fitted by EM, on any source.

For data x, hidden z and parameters θ, EM maximises l(θ) = Σ_i w_i log Σ_z p(x_i, z | θ) + log_prior(θ) by turns of
``expect`` (q(z) = p(z | x, θ), summed into sufficient statistics) and ``maximise`` (Dempster, Laird and Rubin 1977;
Bishop 2006, section 9.4). Both climb one function (Neal and Hinton 1998, equation 7),

    J(q, θ) = Σ_i w_i (E_q[log p(x_i, z | θ)] + H(q_i)) + log_prior(θ) <= l(θ),

the one in q, which makes J touch l at θ, and the other in θ.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from ..data.block import Block
from ..data.source import Source
from ..stats import add, scale

P = TypeVar("P")


class Statistics(Protocol):
    """A NamedTuple of sums over rows: a vector space under ``stats.add`` and ``stats.scale``.

    A field or property ``entropy``, Σ_i w_i H(q_i), makes the bound J one that is computed, and not only implied: see
    ``LatentModel.entropy``.
    """

    @property
    def objective(self) -> float:
        """Σ_i w_i log p(x_i | θ), or minus the cost for a model that has no likelihood (k-means)."""

    @property
    def weight(self) -> float:
        """Σ_i w_i."""


S = TypeVar("S", bound=Statistics)


class LatentModel(ABC, Generic[P, S]):
    """Pure functions of parameters P and statistics S; an instance holds choices, never state of a fit.

    ``init``, ``expect`` and ``maximise`` are all that a fit needs. With ``expected`` it can tell the bound J as well;
    ``tacit.testing.check_latent_model`` says whether they keep the laws. Everything else has a default.
    """

    @abstractmethod
    def init(self, source: Source, rng: np.random.Generator) -> P:
        """Parameters to start from."""

    @abstractmethod
    def expect(self, params: P, block: Block) -> S:
        """The E-step on one block: expected sufficient statistics under p(z | x, params), and the objective's sum."""

    @abstractmethod
    def maximise(self, stats: S, params: P) -> P:
        """The M-step: the parameters that maximise the expected complete log-likelihood plus the log prior."""

    def expected(self, stats: S, params: P) -> float:
        """Q = Σ_i w_i E_q[log p(x_i, z | params)], from the sums alone (taken about ``params``: see ``about``).

        NaN, the default, leaves the bound unknown.
        """
        return float("nan")

    def log_prior(self, params: P) -> float:
        """The part of the objective that is not a sum over rows."""
        return 0.0

    def entropy(self, stats: S, params: P) -> float:
        """Σ_i w_i H(q_i) of the q = p(z | x, params) behind ``stats``.

        The sums' own ``entropy`` where they have it, so that J = l after an E-step is a law that can fail; for others
        l - Q, which that law says it is.
        """
        own = getattr(stats, "entropy", None)
        return stats.objective - self.expected(stats, params) if own is None else float(own)

    def bound(self, stats: S, params: P, at: P) -> float:
        """J(q, params), where ``stats`` are the sums under q = p(z | x, at)."""
        return self.expected(self.about(stats, at, params), params) + self.entropy(stats, at) + self.log_prior(params)

    def about(self, stats: S, old: P, new: P) -> S:
        """Sums taken at ``old`` as if they had been taken at ``new`` with the same q.

        The same for most models. Where second moments are summed about the means of the parameters, so that they lose
        no digits, they are moved from the one to the other.
        """
        return stats

    def line(self, a: P, b: P, t: float) -> P:
        """Parameters on the way from ``a`` to ``b``, t = 0 to 1, for figures; straight in every array by default."""
        return add(scale(a, 1 - t), scale(b, t))

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
        """What a trace keeps of the parameters when one is asked for."""
        return params
