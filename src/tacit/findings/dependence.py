"""How much every two columns tell about each other, in the table and as the density has learned it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from scipy.special import entr

from ..mixture.wood import Wood
from ..typing import Array, Doubles
from .columns import View
from .parts import Binned, Parts

BINS = 8  # of a column, at most: bins next to each other are put together
FEW = 10  # rows in which both are seen, below which nothing is said of a pair


class Dependence(NamedTuple):
    """I(a; b) / min(H(a), H(b)) of every two columns: 0 where independent, 1 where one of them follows."""

    columns: list[str]
    table: Doubles  # [d, d], counted in the rows, less what chance brings
    model: Doubles  # [d, d], of the density


def dependence(columns: Sequence[Binned], views: Sequence[View], parts: Parts) -> Dependence:
    """Normalised mutual information (Cover and Thomas 2006, section 2.3) on at most eight bins a column.

    Counted information is too high by (r - 1)(c - 1) / 2n on average where r and c are the bins in use (Miller 1955),
    which is subtracted. That of the density is exact for these bins: p(a, b) = Σ_m π_m P_ma P_mb, or by messages where
    columns are joined by trees.
    """
    of = {v.schema.name: v for v in views}
    code = [c.code(of[c.schema.name]) for c in columns]
    merged = [_merge(c, z) for c, z in zip(columns, code, strict=True)]
    code = [np.where(z >= 0, to[z], -1) for z, to in zip(code, merged, strict=True)]
    names = [c.schema.name for c in columns]
    if parts.wood is None:
        p = [_sums(c.p, to) for c, to in zip(columns, merged, strict=True)]
        return Dependence(names, counted(code), modelled(p, parts.weight))
    within = {c.schema.name: _sums(c.within, to) for c, to in zip(columns, merged, strict=True) if c.within is not None}
    return Dependence(names, counted(code), joined(within, parts.wood))


def _sums(p: Doubles, to: Array) -> Doubles:
    """The rows of p [B, M] that go ``to`` each coarser bin together."""
    return np.array([p[to == b].sum(axis=0) for b in range(to.max() + 1)])


def _merge(column: Binned, code: Array) -> Array:
    """A coarser bin for every bin [B]: neighbours of about equal mass; levels as they are, the rarest together."""
    counts = np.bincount(code[code >= 0], minlength=len(column.labels)).astype(np.float64)
    if len(counts) <= BINS:
        return np.arange(len(counts))
    if not column.schema.kind.numeric:
        return np.minimum(np.argsort(np.argsort(-counts, kind="stable"), kind="stable"), BINS - 1)
    middle = (np.cumsum(counts) - counts / 2) / max(counts.sum(), 1.0)
    _, to = np.unique(np.minimum((middle * BINS).astype(np.int64), BINS - 1), return_inverse=True)
    return np.asarray(to)


def counted(code: Sequence[Array]) -> Doubles:
    """Normalised mutual information of every two columns of codes [n], -1 = gap, over the rows where both are seen."""
    d = len(code)
    size = np.array([int(z.max(initial=-1)) + 1 for z in code])
    start = np.concatenate([[0], np.cumsum(size)])
    rows = np.concatenate([np.flatnonzero(z >= 0) for z in code]) if d else np.empty(0, int)
    cols = np.concatenate([z[z >= 0] + s for z, s in zip(code, start, strict=False)]) if d else rows
    hot = sp.csr_matrix((np.ones(len(rows)), (rows, cols)), shape=(len(code[0]) if d else 0, int(start[-1])))
    joint = (hot.T @ hot).toarray()
    out = np.eye(d)
    for i in range(d):
        for j in range(i):
            n = joint[start[i] : start[i + 1], start[j] : start[j + 1]]
            total = n.sum()
            if total < FEW:
                continue
            a, b = n.sum(axis=1), n.sum(axis=0)
            bias = (np.count_nonzero(a) - 1) * (np.count_nonzero(b) - 1) / (2 * total)
            out[i, j] = out[j, i] = _normalised(n / total, float(bias))
    return out


def modelled(p: Sequence[Doubles], weight: Doubles) -> Doubles:
    """The same of Σ_m π_m P_ma P_mb, from P [B, M] of every column."""
    out = np.eye(len(p))
    for i, a in enumerate(p):
        for j, b in enumerate(p[:i]):
            out[i, j] = out[j, i] = _normalised((a * weight) @ b.T)
    return out


def joined(within: Mapping[str, Doubles], wood: Wood) -> Doubles:
    """The same where columns are joined by trees, from p(bin | code) [B, C] of every column."""
    names = list(within)
    out = np.eye(len(names))
    for a, b, p in wood.pairs(names) if names else ():
        i, j = names.index(a), names.index(b)
        out[i, j] = out[j, i] = _normalised(within[a] @ p @ within[b].T)
    return out


def _normalised(joint: Doubles, bias: float = 0.0) -> float:
    """(H(a) + H(b) - H(a, b) - bias) / min(H(a), H(b)), between 0 and 1."""
    first, second, both = (float(entr(q).sum()) for q in (joint.sum(axis=1), joint.sum(axis=0), joint))
    least = min(first, second)
    return float(np.clip((first + second - both - bias) / least, 0.0, 1.0)) if least > 1e-12 else 0.0
