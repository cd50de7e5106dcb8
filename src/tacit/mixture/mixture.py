"""A finite mixture p(x) = Σ_k π_k p(x | θ_k) of any family, as a latent-variable model (Bishop 2006, section 9.3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from scipy.special import logsumexp

from .. import kernels
from ..data.block import Block
from ..data.source import Source
from ..em.model import LatentModel
from ..em.posterior import Discrete, posterior
from ..typing import Array, Doubles, Floats
from .families.family import Family


class MixtureParams(NamedTuple):
    """Mixing proportions and the family's parameters."""

    log_weights: Doubles  # [K]
    theta: Any


class MixtureStats(NamedTuple):
    """Expected sufficient statistics."""

    objective: float
    entropy: float  # Σ_i w_i H(z_i | x_i)
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
        penalty = self.family.penalty(params.theta)
        part = self.family.native(params.theta)
        if part is not None:
            return MixtureStats(*kernels.mixture_sums(block, params.log_weights + penalty, part))
        return self._sums(params, block, posterior(self._log_joint(params, block, penalty), block))

    def maximise(self, stats: MixtureStats, params: MixtureParams) -> MixtureParams:
        mass = stats.counts + self.concentration
        with np.errstate(divide="ignore"):
            log_weights = np.log(mass) - np.log(mass.sum())
        return MixtureParams(log_weights, self.family.update(stats.parts, params.theta))

    def expected(self, stats: MixtureStats, params: MixtureParams) -> float:
        # Σ_k N_k log π_k + Σ_ik w_i r_ik log p(x_i | θ_k), and the penalty of the fit, a constant per component
        log_weights = params.log_weights + self.family.penalty(params.theta)
        some = stats.counts > 0
        return float((stats.counts[some] * log_weights[some]).sum()) + self.family.expected(stats.parts, params.theta)

    def entropy(self, stats: MixtureStats, params: MixtureParams) -> float:
        return stats.entropy + self.family.hidden(stats.parts, params.theta)

    def about(self, stats: MixtureStats, old: MixtureParams, new: MixtureParams) -> MixtureStats:
        return stats._replace(parts=self.family.about(stats.parts, old.theta, new.theta))

    def line(self, a: MixtureParams, b: MixtureParams, t: float) -> MixtureParams:
        with np.errstate(divide="ignore"):
            log_weights = np.log((1 - t) * np.exp(a.log_weights) + t * np.exp(b.log_weights))
        return MixtureParams(log_weights, self.family.line(a.theta, b.theta, t))

    def log_prior(self, params: MixtureParams) -> float:
        prior = self.concentration * float(params.log_weights.sum()) if self.concentration else 0.0
        return prior + self.family.log_prior(params.theta)

    def repair(
        self, params: MixtureParams, stats: MixtureStats, source: Source, rng: np.random.Generator
    ) -> tuple[MixtureParams, int]:
        bad = (stats.counts <= 1e-12 * stats.weight) | self.family.broken(params.theta, self.K)
        if not bad.any():
            return params, 0
        few = source.few
        rows = few.take(few.sample(self.K, rng))
        weights = np.where(bad, 1 / self.K, np.exp(params.log_weights))
        return MixtureParams(
            np.log(weights / weights.sum()), self.family.replace(params.theta, bad, rows, source)
        ), int(bad.sum())

    def block_rows(self, params: MixtureParams) -> int | None:
        return None if self.family.native(params.theta) is not None else 16384

    # Where it starts.

    def from_labels(
        self, source: Source, z: Array | Callable[[Block], Array], rng: np.random.Generator
    ) -> tuple[MixtureParams, int]:
        """The M-step at given components z [n], rows of -1 left out; and how many empty ones were placed anew.

        ``z`` may be a function that gives those of a block.

        Two passes: the second sums about the means that the first has found.
        """
        params = MixtureParams(np.full(self.K, -np.log(self.K)), self.family.blank(self.K, source))

        def hard(params: MixtureParams, block: Block) -> MixtureStats:
            known = labels_of(z, block).astype(np.int32)
            weight = None if (known >= 0).all() else block.w * (known >= 0)
            return self.expect(params, replace(block, known=known, weight=block.weight if weight is None else weight))

        for _ in range(2):
            stats = source.reduce(partial(hard, params), rows=self.block_rows(params))
            params, repaired = self.repair(self.maximise(stats, params), stats, source, rng)
        return params, repaired

    def from_responsibilities(self, source: Source, resp: Callable[[Block], Floats]) -> MixtureParams:
        """The M-step at responsibilities that a function gives for each block [b, K]; two passes, as for labels."""
        params = MixtureParams(np.full(self.K, -np.log(self.K)), self.family.blank(self.K, source))
        for _ in range(2):
            f = partial(lambda params, block: self._sums(params, block, _given(block, resp(block))), params)
            params = self.maximise(source.reduce(f, rows=16384), params)
        return params

    # What answers questions: the plain normalised density, without the penalty of the fit.

    def log_joint(self, params: MixtureParams, block: Block) -> Floats:
        """log π_k + log p(x_i | θ_k) [b, K]."""
        part = self.family.native(params.theta)
        if part is not None:
            return kernels.mixture_rows(block, params.log_weights, part, joint=True)[1]
        return self._log_joint(params, block)

    def posterior(self, params: MixtureParams, block: Block) -> Posterior:
        """log p(x_i) and the responsibilities."""
        part = self.family.native(params.theta)
        if part is not None:
            return Posterior(*kernels.mixture_rows(block, params.log_weights, part))
        log_joint = self._log_joint(params, block)
        log_prob: Floats = np.asarray(logsumexp(log_joint, axis=1))
        possible = np.isfinite(log_prob)[:, None]
        with np.errstate(invalid="ignore"):
            return Posterior(log_prob, np.where(possible, np.exp(log_joint - log_prob[:, None]), 1 / self.K))

    def log_prob(self, params: MixtureParams, block: Block) -> Floats:
        """log p(x_i) [b]."""
        part = self.family.native(params.theta)
        if part is not None:
            return kernels.mixture_log_prob(block, params.log_weights, part)
        log_prob: Floats = np.asarray(logsumexp(self._log_joint(params, block), axis=1))
        return log_prob

    def labels(self, params: MixtureParams, block: Block) -> Array:
        """The most probable component of each row [b]."""
        part = self.family.native(params.theta)
        if part is not None:
            return kernels.mixture_labels(block, params.log_weights, part)
        labels: Array = self._log_joint(params, block).argmax(axis=1)
        return labels

    def _log_joint(self, params: MixtureParams, block: Block, penalty: Any = 0.0) -> Floats:
        joint: Floats = self.family.log_prob(params.theta, block) + (params.log_weights + penalty)
        return joint

    def _sums(self, params: MixtureParams, block: Block, q: Discrete) -> MixtureStats:
        counts = q.resp.sum(axis=0, dtype=np.float64)
        parts = self.family.stats(params.theta, block, q.resp)
        return MixtureStats(q.objective, q.entropy, q.weight, counts, parts)


def labels_of(z: Array | Callable[[Block], Array], block: Block) -> Array:
    """The components [b] of a block: its share of all, or what a function of it gives."""
    return z(block) if callable(z) else z[block.start : block.start + block.n]


def _given(block: Block, resp: Floats) -> Discrete:
    """Responsibilities [b, K] from elsewhere: no objective comes with them."""
    return Discrete(np.asarray(resp * block.w[:, None], dtype=np.float64), 0.0, 0.0, float(block.w.sum()))
