"""Which tree: the one over which a component's rows are likeliest, from how often pairs of levels meet.

Over all trees Σ_i r_i log p(x_i) is largest for the one whose edges have the largest sum of mutual information (Chow
and Liu 1968); an edge that does not pay for its parameters is left out, which makes a forest.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import xlogy

from ...kernels.trees import tree_pairs
from ...typing import Array, Doubles, Floats
from .tree import Tree, TreeParams

AT_ONCE = 50_000_000  # cells of the indicator matrix
PRIOR = 1.0  # rows spread evenly over each pair, in the table of all rows


class Pairs(NamedTuple):
    """The rows that pairs are counted in."""

    codes: Array  # int32 [n, c]
    hot: (
        Floats | None
    )  # float32 [n, L - c] indicators of all levels but the first of each column, where few and no gaps


def indicators(codes: Array, levels: tuple[int, ...]) -> Pairs:
    """Codes [n, c], and their indicators where a product of matrices is the faster way to count.

    That costs n (L - c)² multiplications; the other way n c² / 2 additions, each about ten times as dear.
    """
    C = np.array(levels)
    few = int(C.sum()) - len(C) <= 2 * len(C)
    if not (few and bool((C > 1).all()) and bool((codes >= 0).all())):
        return Pairs(codes, None)
    edge = np.concatenate([[0], np.cumsum(C - 1)])
    hot = np.zeros((len(codes), edge[-1]), np.float32)
    rows, columns = np.nonzero(codes > 0)
    hot[rows, edge[columns] + codes[rows, columns] - 1] = 1
    return Pairs(codes, hot)


def meetings(pairs: Pairs, w: Doubles, levels: tuple[int, ...]) -> Doubles:
    """Σ_i w_i [x_ij = a] [x_il = b] for all levels of all columns [L, L]."""
    some = np.flatnonzero(w > 1e-4 * max(float(w.max(initial=0.0)), 1e-300))
    if pairs.hot is None:
        return tree_pairs(pairs.codes[some], w[some], levels)
    hot, v = pairs.hot[some], w[some].astype(np.float32)
    S = ((hot * v[:, None]).T @ hot).astype(np.float64)
    # the first level of a column is where none of the others is
    C = np.array(levels)
    edge = np.concatenate([[0], np.cumsum(C)])
    rest = np.ones(edge[-1], bool)
    rest[edge[:-1]] = False
    at = np.cumsum(C - 1) - (C - 1)
    n = np.diagonal(S)
    out = np.empty((edge[-1], edge[-1]))
    out[np.ix_(rest, rest)] = S
    zero = n - np.add.reduceat(S, at, axis=0)  # [c, L - c]
    out[np.ix_(~rest, rest)] = zero
    out[np.ix_(rest, ~rest)] = zero.T
    of = np.add.reduceat(n, at)  # rows not at the first level
    total = float(v.sum(dtype=np.float64))
    both = total - of[:, None] - np.add.reduceat(zero, at, axis=1)
    out[np.ix_(~rest, ~rest)] = both
    return np.maximum(out, 0.0)


def gains(J: Doubles, levels: tuple[int, ...]) -> Doubles:
    """Σ_ab J_ab log (J_ab J / J_a J_b) of every pair of columns [c, c] from masses J [L, L]: mass times information."""
    at = np.concatenate([[0], np.cumsum(levels)[:-1]])
    a = np.add.reduceat(J, at, axis=1)  # [L, c], J_a for each other column
    T = np.add.reduceat(a, at, axis=0)  # [c, c]

    joint = np.add.reduceat(np.add.reduceat(xlogy(J, J), at, axis=0), at, axis=1)
    single = np.add.reduceat(xlogy(a, a), at, axis=0)
    return joint - single - single.T + xlogy(T, T)


def spanning(weight: Doubles) -> Array:
    """The parents [c] of the forest with the largest sum of positive weights (Prim 1957); -1 for a root."""
    c = len(weight)
    parent = np.full(c, -1, np.int32)
    best, best_from = np.full(c, -np.inf), np.full(c, -1, np.int32)
    outside = np.ones(c, bool)
    for _ in range(c):
        j = int(np.argmax(np.where(outside, best, -np.inf))) if best.max() > 0 else -1
        if j < 0 or not outside[j]:
            j = int(np.argmax(outside))
        parent[j] = best_from[j] if best[j] > 0 else -1
        outside[j], best[j] = False, -np.inf
        nearer = outside & (weight[j] > best)
        best[nearer], best_from[nearer] = weight[j][nearer], j
    return parent


def pooled(pairs: Pairs, w: Doubles, levels: tuple[int, ...]) -> Doubles:
    """q, the joint distribution of every pair of columns in all rows [L, L], each with a row spread evenly."""
    C = np.array(levels, np.float64)
    n = meetings(pairs, w, levels) + np.repeat(np.repeat(PRIOR / np.outer(C, C), levels, axis=0), levels, axis=1)
    at = np.concatenate([[0], np.cumsum(levels)[:-1]])
    T = np.add.reduceat(np.add.reduceat(n, at, axis=0), at, axis=1)
    q: Doubles = n / np.repeat(np.repeat(T, levels, axis=0), levels, axis=1)
    return q


def learned(
    family: Tree, pairs: Pairs, resp: Floats, q: Doubles, penalty: float = 1.0, shared: bool = False
) -> TreeParams:
    """Trees and tables for responsibilities [n, K] (times weights) of these rows.

    An edge between columns of A and B levels must gain ``penalty`` (A - 1) (B - 1) log(N_k) / 2 nats (Schwarz 1978).
    """
    levels, s = family.levels, family.smoothing
    K, c = resp.shape[1], len(levels)
    free = np.outer(np.array(levels) - 1, np.array(levels) - 1)
    parent, total = np.full((K, c), -1, np.int32), np.zeros((c, c))
    mass: list[Doubles] = []
    for k in range(K):
        w = np.asarray(resp[:, k], np.float64)
        n = meetings(pairs, w, levels)
        gain = gains(n + s * q, levels) - penalty * 0.5 * free * np.log(max(float(w.sum()), 2.0))
        if shared:
            total += gain
        else:
            parent[k] = spanning(gain)
            mass.append(gathered(family, parent[k], n))
    if shared:  # counted once more, so that the pairs of one component are held at a time
        parent[:] = spanning(total)
        mass = [gathered(family, parent[0], meetings(pairs, np.asarray(r, np.float64), levels)) for r in resp.T]
    prior = [gathered(family, pa, q) for pa in parent]
    width = max(len(m) for m in mass)
    tables, priors = (np.stack([np.pad(v, (0, width - len(v))) for v in each]) for each in (mass, prior))
    return TreeParams(parent, priors, family.tables(parent, tables + s * priors, np.zeros((K, width))))


def gathered(family: Tree, parent: Array, J: Doubles) -> Doubles:
    """The masses of a tree's tables [W] from those of all pairs [L, L]."""
    e = family.edges
    out = []
    for j, pa in enumerate(parent):
        own = slice(e[j], e[j + 1])
        out.append(np.diagonal(J)[own] if pa < 0 else J[e[pa] : e[pa + 1], own].ravel())
    return np.concatenate(out)
