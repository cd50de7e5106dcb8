"""Which columns go together: one strength for numbers and categories alike, on a few bins each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from scipy.stats import rankdata

from ..typing import Doubles
from . import words
from .columns import Bins, View, bins, unit
from .dependence import Dependence

PAIRS = 8  # at most, told
NOTABLE = 0.3  # the least strength worth telling
MISSED = 0.08  # the least difference between table and density worth telling


class Ties(NamedTuple):
    """The strength of the tie of every two columns."""

    views: list[View]  # the columns that vary
    bins: list[Bins]
    strength: Doubles  # [columns, columns], 0 to 1

    def twins(self, at_least: float = 0.8) -> set[frozenset[str]]:
        """The pairs of columns that say nearly the same."""
        pairs = zip(*np.nonzero(np.triu(self.strength >= at_least, 1)), strict=True)
        return {frozenset((self.views[i].schema.name, self.views[j].schema.name)) for i, j in pairs}


def ties(views: Sequence[View], least: int = 1) -> Ties:
    """Cramér's V of every two columns after cutting each into bins, corrected for bias (Bergsma 2013).

    V² = φ²₊ / (min(r, c) - 1) over the rows where both are seen, φ² = Σ n_st² / (n_s n_t) - 1: 0 for independent
    columns, 1 where one says all about the other.
    """
    cut = [bins(view, least) for view in views]
    lively = [j for j, b in enumerate(cut) if len(b.labels) > 1]
    views, cut = [views[j] for j in lively], [cut[j] for j in lively]
    return Ties(views, cut, _cramer(cut) if len(views) > 1 else np.eye(len(views)))


def relations(found: Ties, map_: Dependence) -> dict[str, Any]:
    """The closest ties in words, and how much the columns of ``map_`` tell about each other."""
    views, cut, strength = found
    pairs = [(float(strength[i, j]), i, j) for i, j in zip(*np.triu_indices(len(views), 1), strict=True)]
    told = sorted((p for p in pairs if p[0] >= NOTABLE), key=lambda p: (-p[0], p[1], p[2]))[:PAIRS]
    lost = _missed(map_)
    return {
        "pairs": [
            {
                "a": views[i].schema.name,
                "b": views[j].schema.name,
                "strength": v,
                "words": _say(views[i], views[j], cut[i], cut[j], v),
            }
            for v, i, j in told
        ],
        "matrix": {"columns": map_.columns, "table": map_.table.tolist(), "model": map_.model.tolist()},
        "missed": lost,
        "words": [_say_missed(lost)] if lost else [],
    }


def _missed(map_: Dependence, most: int = 3) -> list[dict[str, Any]]:
    """The pairs of which the table tells much more than the density has learned."""
    gap = np.triu(map_.table - map_.model, 1)
    worst = [np.unravel_index(at, gap.shape) for at in np.argsort(-gap, axis=None, kind="stable")[:most]]
    return [
        {
            "a": map_.columns[i],
            "b": map_.columns[j],
            "table": float(map_.table[i, j]),
            "model": float(map_.model[i, j]),
        }
        for i, j in worst
        if gap[i, j] >= MISSED
    ]


def _say_missed(pairs: list[dict[str, Any]]) -> str:
    told = [
        f"{words.clip(p['a'], 40)} and {words.clip(p['b'], 40)} ({p['model']:.2f} of {p['table']:.2f})" for p in pairs
    ]
    return (
        f"The density has learned less than the table holds of {words.listing(told)}: what it says of one, given the "
        "other, is too cautious."
    )


def closest(found: Ties, most: int) -> list[str]:
    """The columns that have most of the ties, in the order of the table: by their three closest."""
    top = np.sort(found.strength, axis=1)[:, ::-1][:, :3].sum(axis=1)  # its own among them
    return [found.views[j].schema.name for j in sorted(np.argsort(-top, kind="stable")[:most].tolist())]


def _cramer(cut: Sequence[Bins]) -> Doubles:
    n, size = len(cut[0].code), np.array([len(b.labels) for b in cut])
    start = np.concatenate([[0], np.cumsum(size)])
    column = np.repeat(np.arange(len(cut)), size)  # [B], the column of each bin
    at = [np.flatnonzero(b.code >= 0) for b in cut]
    rows = np.concatenate(at)
    cols = np.concatenate([b.code[i] + s for b, i, s in zip(cut, at, start[:-1], strict=True)])
    onehot = sp.csr_matrix((np.ones(len(rows), np.float32), (rows, cols)), shape=(n, int(start[-1])))  # [n, B]
    groups: Doubles = np.eye(len(cut))[column]  # [B, d], which column a bin is of
    joint = (onehot.T @ onehot).toarray().astype(np.float64)  # n_st
    margin = joint @ groups  # [B, d]: rows with this bin where the other column is seen
    both = groups.T @ margin  # [d, d]
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.nan_to_num(joint**2 / (margin[:, column] * margin[:, column].T))
        φ2 = groups.T @ (groups.T @ ratio).T - 1
        r = size.astype(np.float64)
        bias = (r[:, None] - 1) * (r[None, :] - 1) / (both - 1)
        r_ = r[:, None] - (r[:, None] - 1) ** 2 / (both - 1)
        c_ = r[None, :] - (r[None, :] - 1) ** 2 / (both - 1)
        v = np.sqrt(np.clip(φ2 - bias, 0, None) / (np.minimum(r_, c_) - 1))
    v = np.where(both >= 10, np.nan_to_num(v, posinf=0.0, neginf=0.0), 0.0)
    np.fill_diagonal(v, 1.0)
    return np.clip(v, 0.0, 1.0)


def _say(a: View, b: View, bins_a: Bins, bins_b: Bins, strength: float) -> str:
    if b.schema.kind.numeric and not a.schema.kind.numeric:
        a, b, bins_a, bins_b = b, a, bins_b, bins_a
    both = a.seen & b.seen
    one, two = words.clip(a.schema.name, 40), words.clip(b.schema.name, 40)
    if strength > 0.97:
        return f"{one} and {two} say nearly the same."
    if a.schema.kind.numeric and b.schema.kind.numeric:
        ρ = float(np.corrcoef(rankdata(a.values[both]), rankdata(b.values[both]))[0, 1])
        if abs(ρ) >= 0.3:
            return f"Higher {one} goes with {'higher' if ρ > 0 else 'lower'} {two} (rank correlation {ρ:.2f})."
        return f"{one} and {two} are tied, but not in one direction."
    if a.schema.kind.numeric:
        x, code = a.values[both], bins_b.code[both]
        step = unit(a.schema, x)
        named = [j for j, level in enumerate(bins_b.level) if level >= 0 and (code == j).sum() >= 10]
        if len(named) < 2:
            return f"{one} differs by {two}."
        middle = {j: float(np.median(x[code == j])) for j in named}
        low, high = min(named, key=middle.__getitem__), max(named, key=middle.__getitem__)
        if middle[high] - middle[low] < 0.25 * (np.quantile(x, 0.75) - np.quantile(x, 0.25)):
            return f"The spread of {one} differs by {two}."
        return (
            f"{one} differs by {two}: its median is {words.value(a.schema, middle[high], step)} for "
            f"{words.clip(bins_b.labels[high], 40)} and {words.value(a.schema, middle[low], step)} for "
            f"{words.clip(bins_b.labels[low], 40)}."
        )
    return _say_levels(one, two, bins_a, bins_b, both)


def _say_levels(one: str, two: str, a: Bins, b: Bins, both: Any) -> str:
    """The pair of levels that adds most to χ²: how often the second comes with the first."""
    table = np.zeros((len(a.labels), len(b.labels)))
    np.add.at(table, (a.code[both], b.code[both]), 1)
    expected = table.sum(1, keepdims=True) * table.sum(0, keepdims=True) / table.sum()
    with np.errstate(invalid="ignore", divide="ignore"):
        gain = np.nan_to_num((table - expected) * np.abs(table - expected) / expected)
    gain[[i for i, level in enumerate(a.level) if level < 0]] = 0
    gain[:, [j for j, level in enumerate(b.level) if level < 0]] = 0
    i, j = np.unravel_index(np.argmax(gain), gain.shape)
    if gain[i, j] <= 0:
        return f"{one} and {two} go together."
    given, overall = table[i, j] / table[i].sum(), table[:, j].sum() / table.sum()
    return (
        f"{two} = {words.clip(b.labels[j], 40)} goes with {one} = {words.clip(a.labels[i], 40)} "
        f"({words.share(float(given))} of those rows, {words.share(float(overall))} of all)."
    )
