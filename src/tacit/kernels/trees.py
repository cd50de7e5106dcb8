"""Mixtures of trees over columns of codes: probabilities, expected counts, posteriors and draws, rows with gaps too."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..typing import Array, Doubles
from . import native


class Forest(NamedTuple):
    """K trees over c columns, as the kernel reads them.

    The table of column j in component k, p(x_j = a | x_parent = b), stands at b C_j + a of its part of row k; the parts
    follow each other in the order of the columns. A root has one row. ``p`` is the exponential of ``log_p``.
    """

    sizes: Array  # int32 [c], the levels of every column
    parent: Array  # int32 [K, c], -1 for a root
    order: Array  # int32 [K, c], parents first
    log_p: Doubles  # [K, W]
    p: Doubles  # [K, W]

    @classmethod
    def of(cls, sizes: tuple[int, ...], parent: Array, log_p: Doubles) -> Forest:
        """With what follows from parents and tables."""
        return cls(np.array(sizes, np.int32), parent, topological(parent), log_p, np.exp(log_p))


def topological(parent: Array) -> Array:
    """The columns of each tree, parents before children [K, c]."""
    depth = np.zeros(parent.shape, np.int64)
    at = parent.astype(np.int64)
    while (at >= 0).any():
        depth += at >= 0
        at = np.where(at >= 0, np.take_along_axis(parent, np.maximum(at, 0), axis=1), -1)
    return np.argsort(depth, axis=1, kind="stable").astype(np.int32)


def _codes(codes: Array) -> Array:
    return np.ascontiguousarray(codes, np.int32)


def _likelihood(likelihood: Doubles | None, forest: Forest) -> Doubles:
    if likelihood is None:
        return np.empty((0, int(forest.sizes.sum())))
    return np.ascontiguousarray(likelihood, np.float64)


def tree_log_prob(forest: Forest, codes: Array, likelihood: Doubles | None = None) -> Doubles:
    """log p(what a row says | k) [n, K].

    Codes [n, c] are levels, -1 for a gap, and -2 where ``likelihood`` [n or 1, L] tells how likely what is said is for
    each level; its columns stand side by side.
    """
    out = np.empty((len(codes), len(forest.parent)))
    native.module.tree_log_prob(_codes(codes), _likelihood(likelihood, forest), *forest, out, native.threads())
    return out


def tree_counts(forest: Forest, codes: Array, resp: Doubles) -> tuple[Doubles, Doubles]:
    """Σ_i r_ik E[x_j = a, x_parent = b | the observed cells of row i] in the order of the tables [K, W].

    And Σ_i r_ik log p(observed cells of row i | k) [K]. Responsibilities up to 10⁻⁸ are left out.
    """
    out, told = np.zeros(forest.log_p.shape), np.zeros(len(forest.parent))
    resp = np.ascontiguousarray(resp, np.float64)
    native.module.tree_counts(_codes(codes), resp, *forest, out, told, native.threads())
    return out, told


def tree_others(
    forest: Forest, codes: Array, log_weights: Doubles, wanted: Array, likelihood: Doubles | None = None
) -> Doubles:
    """p(x_j = a | what a row says of its other columns) [n, L] for the ``wanted`` columns [c], 0 elsewhere.

    Of the mixture with log weights [K], or [n, K] where each row has its own.
    """
    out = np.empty((len(codes), int(forest.sizes.sum())))
    native.module.tree_others(
        _codes(codes), _likelihood(likelihood, forest), np.ascontiguousarray(log_weights, np.float64),
        np.ascontiguousarray(wanted, np.uint8), *forest, out, native.threads(),
    )  # fmt: skip
    return out


def tree_pairs(codes: Array, weight: Doubles, sizes: tuple[int, ...]) -> Doubles:
    """Σ_i w_i [x_ij = a] [x_il = b] for all levels of all columns [L, L]; a gap (-1) meets nothing."""
    L = int(sum(sizes))
    out = np.zeros((L, L))
    native.module.tree_pairs(
        _codes(codes), np.ascontiguousarray(weight, np.float64), np.array(sizes, np.int32), out, native.threads()
    )
    return np.triu(out) + np.triu(out, 1).T


def tree_sample(
    forest: Forest, codes: Array, z: Array, rng: np.random.Generator, likelihood: Doubles | None = None
) -> Array:
    """Codes [n, c] drawn from p(x | what row i says, component z_i)."""
    out = np.empty(codes.shape, np.int32)
    native.module.tree_sample(
        _codes(codes), _likelihood(likelihood, forest), np.ascontiguousarray(z, np.int32), rng.random(codes.shape),
        *forest, out, native.threads(),
    )  # fmt: skip
    return out
