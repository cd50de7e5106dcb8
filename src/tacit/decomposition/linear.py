"""x = W z + μ + ε: few hidden normal coordinates behind many columns, fitted by EM from whatever cells there are.

z ~ N(0, I), ε ~ N(0, Ψ) with Ψ = σ²I (probabilistic PCA; Tipping and Bishop 1999) or diagonal (factor analysis; Rubin
and Thayer 1982; Bishop 2006, section 12.2.4). A gap is left out of the row's density: its other cells still count.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np

from ..data.block import Block
from ..data.source import Source
from ..em.model import LatentModel
from ..typing import Array, Doubles

LOG_2PI = float(np.log(2 * np.pi))
ROWS = 4096  # of a block at once


class LinearParams(NamedTuple):
    """μ [d], W [d, k] and the variances of the noise ψ [d]."""

    mean: Doubles
    W: Doubles
    noise: Doubles


class LinearStats(NamedTuple):
    """Sums over the observed cells of each column, about the mean of the parameters; z̃ = (z, 1)."""

    objective: float
    entropy: float
    weight: float
    n: Doubles  # [d], Σ w
    square: Doubles  # [d], Σ w v²
    cross: Doubles  # [d, k + 1], Σ w v E[z̃]
    outer: Doubles  # [d, k + 1, k + 1], Σ w E[z̃ z̃ᵀ]
    latent: Doubles  # [k, k], Σ w E[z zᵀ] over all rows


class Latent(NamedTuple):
    """What the rows of a block say of z."""

    v: Doubles  # [b, d], x - μ, 0 in a gap
    seen: Array | None  # [b, d], None without gaps
    mean: Doubles  # [b, k]
    cov: Doubles  # [b, k, k] or, where all rows are complete, [1, k, k]
    log_prob: Doubles  # [b]


def latent(params: LinearParams, block: Block) -> Latent:
    """p(z | x_o) = N(m, V), V = (I + W_oᵀ Ψ_o⁻¹ W_o)⁻¹, m = V W_oᵀ Ψ_o⁻¹ (x_o - μ_o), and log p(x_o)."""
    mean, W, noise = params
    d, k = W.shape
    v = np.asarray(block.x, dtype=np.float64) - mean
    missing = np.isnan(v)
    seen = ~missing if missing.any() else None
    v = np.where(missing, 0.0, v) if seen is not None else v
    scaled = W / noise[:, None]
    if seen is None:
        precision = (np.eye(k) + W.T @ scaled)[None]
        size, log_noise = np.float64(d), np.log(noise).sum()
    else:
        each = (W[:, :, None] * scaled[:, None, :]).reshape(d, k * k)
        precision = np.eye(k) + (seen @ each).reshape(-1, k, k)
        size, log_noise = seen.sum(axis=1), seen @ np.log(noise)
    b = v @ scaled
    cov = np.linalg.inv(precision)
    m = np.einsum("bij,bj->bi", np.broadcast_to(cov, (len(v), k, k)), b)
    squares = (v * v) @ (1 / noise) - (b * m).sum(axis=1)
    log_prob = -0.5 * (size * LOG_2PI + log_noise + np.linalg.slogdet(precision)[1] + squares)
    return Latent(v, seen, m, np.asarray(cov, np.float64), log_prob)


@dataclass(frozen=True)
class Linear(LatentModel[LinearParams, LinearStats]):
    """k coordinates; ``isotropic`` noise is one variance for all columns. No variance falls below ``floor`` [d]."""

    k: int
    isotropic: bool
    floor: Doubles

    def init(self, source: Source, rng: np.random.Generator) -> LinearParams:
        """Mean and variance of each column, W of random directions as long as half of the deviations."""
        n, mean, variance = observed_moments(source)
        W = rng.standard_normal((len(mean), self.k)) * np.sqrt(variance / (2 * max(self.k, 1)))[:, None]
        noise = np.maximum(variance / 2, self.floor)
        if self.isotropic:
            noise = np.full(len(mean), max(float(noise @ n / n.sum()), float(self.floor.max())))
        return LinearParams(mean, W, noise)

    def expect(self, params: LinearParams, block: Block) -> LinearStats:
        v, seen, m, cov, log_prob = latent(params, block)
        w, (n, d), k = block.w, v.shape, self.k
        extended = np.concatenate([m, np.ones((n, 1))], axis=1)
        second = extended[:, :, None] * extended[:, None, :]
        second[:, :k, :k] += cov
        flat = second.reshape(n, -1)
        wv = w[:, None] * v
        if seen is None:
            total = w @ flat
            counts, outer = np.full(d, w.sum()), np.broadcast_to(total, (d, len(total)))
        else:
            ws = w[:, None] * seen
            counts, outer = ws.sum(axis=0), ws.T @ flat
        log_det = np.broadcast_to(np.linalg.slogdet(cov)[1], n)
        entropy = float(w @ (0.5 * log_det + 0.5 * k * (1 + LOG_2PI)))
        prior = np.einsum("n,nij->ij", w, second[:, :k, :k])
        return LinearStats(
            float(w @ log_prob), entropy, float(w.sum()), counts, (wv * v).sum(axis=0), wv.T @ extended,
            outer.reshape(d, k + 1, k + 1), prior,
        )  # fmt: skip

    def maximise(self, stats: LinearStats, params: LinearParams) -> LinearParams:
        ridge = 1e-12 * np.eye(self.k + 1) * np.trace(stats.outer, axis1=1, axis2=2)[:, None, None]
        some = stats.n > 0
        joint = np.linalg.solve(
            stats.outer + ridge + ~some[:, None, None] * np.eye(self.k + 1), stats.cross[:, :, None]
        )
        W, move = joint[:, :-1, 0], joint[:, -1, 0]
        left = stats.square - (joint[:, :, 0] * stats.cross).sum(axis=1)
        if self.isotropic:
            one = max(float(left.sum() / max(stats.n.sum(), 1e-300)), float(self.floor.max()))
            noise = np.full(len(left), one)
        else:
            noise = np.maximum(left / np.maximum(stats.n, 1e-300), self.floor)
        return LinearParams(params.mean + move, W, np.where(some, noise, params.noise))

    def expected(self, stats: LinearStats, params: LinearParams) -> float:
        # log p(x_o, z) = log N(x_o; W z + μ, Ψ) + log N(z; 0, I)
        joint = np.concatenate([params.W, np.zeros((len(params.W), 1))], axis=1)
        squares = stats.square - 2 * (joint * stats.cross).sum(axis=1)
        squares = squares + np.einsum("di,dij,dj->d", joint, stats.outer, joint)
        cells = stats.n * (LOG_2PI + np.log(params.noise)) + squares / params.noise
        prior = stats.weight * self.k * LOG_2PI + np.trace(stats.latent)
        return float(-0.5 * (cells.sum() + prior))

    def about(self, stats: LinearStats, old: LinearParams, new: LinearParams) -> LinearStats:
        # v' = v - δ
        δ, ones = new.mean - old.mean, stats.outer[:, -1, :]
        square = stats.square - 2 * δ * stats.cross[:, -1] + δ * δ * stats.n
        return stats._replace(square=square, cross=stats.cross - δ[:, None] * ones)

    def block_rows(self, params: LinearParams) -> int | None:
        return ROWS


def observed_moments(source: Source) -> tuple[Doubles, Doubles, Doubles]:
    """Weight, mean and variance of the observed cells of each column [d]."""

    def sums(about: Doubles, block: Block) -> tuple[Doubles, Doubles, Doubles]:
        v = np.asarray(block.x, dtype=np.float64) - about
        w = block.w[:, None] * ~np.isnan(v)
        v = np.nan_to_num(v)
        return w.sum(axis=0), (w * v).sum(axis=0), (w * v * v).sum(axis=0)

    mean = np.zeros(source.shape[1])
    for _ in range(2):
        n, first, second = source.reduce(partial(sums, mean), rows=65536)
        n = np.maximum(n, 1e-300)
        mean = mean + first / n
    return n, mean, np.maximum(second / n - (first / n) ** 2, 0)
