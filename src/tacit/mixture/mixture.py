"""A finite mixture p(x) = Σ_k π_k p(x | θ_k) of any family, as a latent-variable model (Bishop 2006, section 9.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.special import logsumexp

from ..data.block import Block
from ..data.source import Source
from ..em.model import LatentModel
from ..typing import Doubles, Floats
from .families.family import Family


class MixtureParams(NamedTuple):
    """Mixing proportions and the family's parameters."""

    log_weights: Doubles  # [K]
    theta: Any


class MixtureStats(NamedTuple):
    """Expected sufficient statistics."""

    objective: float
    weight: float
    counts: Doubles  # [K], N_k = Σ_i w_i r_ik
    parts: Any


class Posterior(NamedTuple):
    """What one row says: log p(x_i) [b] and r_ik = p(z_i = k | x_i) [b, K]."""

    log_prob: Floats
    resp: Floats


@dataclass(frozen=True)
class Mixture(LatentModel[MixtureParams, MixtureStats]):
    """K components of ``family``; ``concentration`` is that of a Dirichlet prior on the proportions, minus 1."""

    K: int
    family: Family[Any, Any]
    concentration: float = 0.0

    def init(self, source: Source, rng: np.random.Generator) -> MixtureParams:
        raise NotImplementedError("a mixture starts from responsibilities: see `from_responsibilities`")

    def expect(self, params: MixtureParams, block: Block) -> MixtureStats:
        log_joint = self.log_joint(params, block, self.family.penalty(params.theta))
        log_prob = logsumexp(log_joint, axis=1)
        resp = np.exp(log_joint - log_prob[:, None])
        if block.known is not None:  # z observed: q(z) is that one component, and the row's objective log p(x, z)
            seen = np.flatnonzero(block.known >= 0)
            resp[seen] = np.eye(self.K)[block.known[seen]]
            log_prob[seen] = log_joint[seen, block.known[seen]]
        return self._sums(params, block, resp, float(block.w @ log_prob))

    def maximise(self, stats: MixtureStats, params: MixtureParams) -> MixtureParams:
        mass = stats.counts + self.concentration
        with np.errstate(divide="ignore"):
            log_weights = np.log(mass) - np.log(mass.sum())
        return MixtureParams(log_weights, self.family.update(stats.parts, params.theta))

    def log_prior(self, params: MixtureParams) -> float:
        prior = self.concentration * float(params.log_weights.sum()) if self.concentration else 0.0
        return prior + self.family.log_prior(params.theta)

    def block_rows(self, params: MixtureParams) -> int | None:
        return 65536

    # What answers questions: the plain normalised density, without the penalty of the fit.

    def log_joint(self, params: MixtureParams, block: Block, penalty: Any = 0.0) -> Floats:
        """log π_k + log p(x_i | θ_k) [b, K]."""
        joint: Floats = self.family.log_prob(params.theta, block) + (params.log_weights + penalty)
        return joint

    def posterior(self, params: MixtureParams, block: Block) -> Posterior:
        """log p(x_i) and the responsibilities."""
        log_joint = self.log_joint(params, block)
        log_prob: Floats = np.asarray(logsumexp(log_joint, axis=1))
        return Posterior(log_prob, np.exp(log_joint - log_prob[:, None]))

    def from_responsibilities(self, source: Source, resp: Floats) -> MixtureParams:
        """The M-step at given responsibilities [n, K]: how every start becomes parameters."""
        start = MixtureParams(np.full(self.K, -np.log(self.K)), self.family.blank(self.K, source))
        stats = source.reduce(
            lambda block: self._sums(start, block, resp[block.start : block.start + block.n], 0.0),
            rows=self.block_rows(start),
        )
        return self.maximise(stats, start)

    def _sums(self, params: MixtureParams, block: Block, resp: Floats, objective: float) -> MixtureStats:
        r = resp * block.w[:, None]
        counts = r.sum(axis=0, dtype=np.float64)
        return MixtureStats(objective, float(block.w.sum()), counts, self.family.stats(params.theta, block, r))
