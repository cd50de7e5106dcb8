"""Gaussians with full covariances where cells are missing: rows are taken by their pattern of gaps.

For the observed cells o and the missing ones m of a row, log p(x_o | k) = log N(x_o; μ_o, Σ_oo); and what the M-step
wants is E[x | x_o, k] and its covariance, Σ_mm - Σ_mo Σ_oo⁻¹ Σ_om in the block of the missing cells (Ghahramani and
Jordan 1994, "Supervised learning from incomplete data via an EM approach").
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ..kernels.parts import GaussianSums
from ..typing import Array, Doubles, Floats

LOG_2PI = float(np.log(2 * np.pi))


class Pattern(NamedTuple):
    """Rows whose gaps are in the same places."""

    rows: Array
    seen: Array  # columns
    missing: Array


class ExpectedSums(NamedTuple):
    """``GaussianSums`` in which missing cells are expected, and the entropy of what was filled in."""

    counts: Doubles  # [K], Σ r
    first: Doubles  # [K, d], Σ r E[x - μ]
    second: Doubles  # [K, d, d], Σ r E[(x - μ)(x - μ)ᵀ]; [d, d] summed over k when tied
    hidden: Doubles  # [K], Σ r H(x_m | x_o, k)

    def moved(self, δ: Doubles) -> ExpectedSums:
        """The same sums about μ + δ, δ [K, d]."""
        return ExpectedSums(*GaussianSums(*self[:3]).moved(δ), self.hidden)


def patterns(x: Floats) -> Iterator[Pattern]:
    """The patterns of gaps among rows x [b, d]."""
    gap = np.isnan(x)
    found, which = np.unique(np.packbits(gap, axis=1), axis=0, return_inverse=True)
    which = which.ravel()
    order = np.argsort(which, kind="stable")
    ends = np.cumsum(np.bincount(which, minlength=len(found)))
    for start, end in zip([0, *ends[:-1]], ends, strict=True):
        rows = order[start:end]
        one = gap[rows[0]]
        yield Pattern(rows, np.flatnonzero(~one), np.flatnonzero(one))


def log_prob_observed(covariances: Any, means: Any, x: Floats) -> Doubles:
    """log N(x_o; μ_ko, Σ_koo) [b, K]; 0 for a row without cells."""
    out = np.zeros((len(x), len(means)))
    for rows, o, _ in patterns(x):
        if not len(o):
            continue
        L = np.linalg.cholesky(covariances[:, o[:, None], o])  # [K, o, o]
        v = x[rows][:, o].astype(np.float64) - means[:, None, o]  # [K, b, o]
        y = np.linalg.solve(L, np.swapaxes(v, 1, 2))  # [K, o, b]
        log_det = np.log(np.diagonal(L, axis1=1, axis2=2)).sum(axis=1)
        out[rows] = (-0.5 * (len(o) * LOG_2PI + (y * y).sum(axis=1)) - log_det[:, None]).T
    return out


def gains(covariances: Doubles, o: Array, m: Array) -> Doubles:
    """Σ_mo Σ_oo⁻¹ [K, m, o]."""
    if not len(o):
        return np.zeros((len(covariances), len(m), 0))
    return np.swapaxes(np.linalg.solve(covariances[:, o[:, None], o], covariances[:, o[:, None], m]), 1, 2)


def expected_sums(covariances: Doubles, means: Doubles, x: Floats, r: Floats) -> ExpectedSums:
    """Σ r, Σ r E[x - μ_k] and Σ r E[(x - μ_k)(x - μ_k)ᵀ] given the observed cells and the component."""
    K, d = means.shape
    first, second, hidden = np.zeros((K, d)), np.zeros((K, d, d)), np.zeros(K)
    for rows, o, m in patterns(x):
        q = r[rows].T.astype(np.float64)  # [K, b]
        v = np.zeros((K, len(rows), d))
        v[:, :, o] = x[rows][:, o].astype(np.float64) - means[:, None, o]
        if len(m):
            gain = gains(covariances, o, m)
            v[:, :, m] = v[:, :, o] @ np.swapaxes(gain, 1, 2)
            left = covariances[:, m[:, None], m] - gain @ covariances[:, o[:, None], m]
            second[:, m[:, None], m] += q.sum(axis=1)[:, None, None] * left
            hidden += q.sum(axis=1) * 0.5 * (len(m) * (1 + LOG_2PI) + np.linalg.slogdet(left)[1])
        rv = q[:, :, None] * v
        first += rv.sum(axis=1)
        second += np.swapaxes(rv, 1, 2) @ v
    return ExpectedSums(r.sum(axis=0, dtype=np.float64), first, second, hidden)


def filled(covariances: Any, means: Any, x: Floats, r: Floats) -> Doubles:
    """Σ_k r_k E[x | x_o, k] [b, d]: the rows with expected values in their gaps."""
    out = np.array(x, dtype=np.float64)
    for rows, o, m in patterns(x):
        if len(m):
            v = x[rows][:, o].astype(np.float64) - means[:, None, o]  # [K, b, o]
            each = means[:, None, m] + v @ np.swapaxes(gains(covariances, o, m), 1, 2)
            out[rows[:, None], m] = np.einsum("bk,kbm->bm", r[rows], each)
    return out
