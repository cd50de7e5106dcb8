"""The least likely rows, and the cells that make them so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.special import log_softmax, logsumexp, softmax

from ..data.block import Block
from ..data.memory import MemorySource
from ..data.table import ColumnSchema, Schema
from ..kernels.trees import tree_log_prob, tree_others
from ..mixture.families.column import ColumnDistribution
from ..mixture.joint import JointMixture
from ..mixture.surprise import surprisal
from ..mixture.wood import Wood
from ..typing import Array, Doubles, Floats
from . import words
from .columns import BARS, View

ROWS = 10  # told
CELLS = 4  # told of a row, at most
COLUMNS = 16  # whose cells are told of, at most
FEW = 20  # rows in the table, below which none is called unlikely
STRIKING = 5.0  # bits, the least surprise of a cell worth telling


class Product(NamedTuple):
    """Σ_k π_k Π_j p(x_j | k): a mixture whose columns are independent within a component."""

    log_weights: Doubles  # [K], or [b, K] where each row has its own
    columns: Sequence[ColumnDistribution]  # numbers first
    group: Array  # [K], the group (from 0) that a component is part of; -1 for none


class Joined(NamedTuple):
    """Σ_k π_k p(x | k), the columns joined by a tree in each component."""

    log_weights: Doubles  # [K], or [b, K] where each row has its own
    wood: Wood
    names: Sequence[str]  # numbers first
    group: Array  # [K]


class Surprise(NamedTuple):
    """What each cell of some rows says, given the other cells of its row."""

    log_prob: Doubles  # [b, J], log p(x_j | x_-j); NaN for a gap
    bits: Doubles  # [b, J], -log₂ P(a value at least as unlikely | x_-j); 0 for a gap
    posterior: Doubles  # [b, J, K], p(k | x_-j)
    below: Doubles | None  # [b, J], P(x_j or less | x_-j) of numbers; where columns are joined within a component


class Judgement(NamedTuple):
    """What the rows are to each other."""

    score: Doubles  # [n], log p(x_i) by the other rows
    resp: Doubles  # [n, groups], p(group | x_i) by the other rows
    support: Doubles  # [K], N_k = Σ_i p(k | x_i)


def judge(model: JointMixture, source: MemorySource) -> Judgement:
    """The density of each row by the other rows: p(x_i) with π_k in proportion to N_k - r_ik, its own share left out.

    A row so odd that a part of the density is there for it alone would else be called likely, and a group.
    """
    mixture, params = model._model(source)
    cells = model._layout.cells
    cap = mixture.block_rows(params)
    fold = np.eye(model.n_components_)[model.part_component_]  # [parts, groups]
    n = source.shape[0]

    def posterior(block: Block) -> Doubles:
        joint = np.asarray(mixture.log_joint(params, cells(block)), np.float64)
        return np.exp(joint - logsumexp(joint, axis=1, keepdims=True))

    support: Doubles = source.reduce(lambda block: posterior(block).sum(axis=0), rows=cap)

    def judged(block: Block) -> Doubles:
        joint = np.asarray(mixture.log_joint(params, cells(block)), np.float64)
        r = np.exp(joint - logsumexp(joint, axis=1, keepdims=True))
        joint = joint + log_others(r, support)
        total = logsumexp(joint, axis=1, keepdims=True)
        score = total + np.log(n / max(n - 1, 1)) + model._layout.base(block)[:, None]
        return np.concatenate([score, np.exp(joint - total) @ fold], axis=1)

    told = source.map(judged, rows=cap)
    return Judgement(told[:, 0], told[:, 1:], support)


def log_others(r: Doubles, support: Doubles) -> Doubles:
    """log (N_k - r_ik) / N_k [b, K]; -∞ for a part behind which hardly any other row stands."""
    if support.sum() < 1.5:  # there is no other row
        return np.zeros_like(r)
    others = support - r
    enough = others >= np.minimum(0.5, others.max(axis=1, keepdims=True))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(enough, np.log(others / support), -np.inf)


def log_joint(model: Product | Joined, block: Block) -> Doubles:
    """log π_k + log p(x_i | k), but for what no component changes [b, K]."""
    if isinstance(model, Joined):
        return tree_log_prob(model.wood.forest, _tree_codes(model, block)) + model.log_weights
    out: Doubles = model.log_weights + _log_cells(model, _cells(block)).sum(axis=1)
    return out


def surprise(model: Product | Joined, block: Block) -> Surprise:
    """Of every cell, exactly: with p(x_j | x_-j) = Σ_k p(k | x_-j) p(x_j | k) in a product, by messages in a tree.

    The bits measure the probability of the region where the density is no higher than at x_j (Hyndman 1996), so that
    numbers in any unit and categories compare.
    """
    x = _cells(block)
    if isinstance(model, Joined):
        return _along_trees(model, block, x)
    cells = _log_cells(model, x)  # [b, J, K]
    total = model.log_weights + cells.sum(axis=1)  # [b, K]
    without = log_softmax(total[:, None, :] - cells, axis=2)  # log p(k | x_-j)
    log_prob = logsumexp(without + cells, axis=2)
    bits = np.zeros(x.shape)
    for j, column in enumerate(model.columns):
        seen = np.flatnonzero(~np.isnan(x[:, j]))
        if len(seen):
            bits[seen, j] = _bits(column, x[seen, j], np.exp(without[seen, j]))
    return Surprise(np.where(np.isnan(x), np.nan, log_prob), bits, np.exp(without), None)


def _along_trees(model: Joined, block: Block, x: Doubles) -> Surprise:
    """p(x_j | x_-j) = Σ_c p(code c | x_-j) p(x_j | c)."""
    wood, codes = model.wood, _tree_codes(model, block)
    every = tree_others(wood.forest, codes, model.log_weights, np.ones(codes.shape[1]))  # [b, L]
    log_prob, below = np.full(x.shape, np.nan), np.full(x.shape, np.nan)
    bits, posterior = np.zeros(x.shape), np.empty((*x.shape, len(model.group)))
    for j, name in enumerate(model.names):
        column, w = wood.codes[name].dist, every[:, wood.span(name)]
        without = codes.copy()
        without[:, wood.at(name)] = -1
        posterior[:, j] = softmax(tree_log_prob(wood.forest, without) + model.log_weights, axis=1)
        seen = np.flatnonzero(~np.isnan(x[:, j]))
        if len(seen):
            bits[seen, j] = _bits(column, x[seen, j], w[seen])
            with np.errstate(divide="ignore"):
                log_prob[seen, j] = logsumexp(column.log_prob(x[seen, j]) + np.log(w[seen]), axis=1)
            if column.continuous:
                below[seen, j] = (w[seen] * column.cdf(x[seen, j])).sum(axis=1)
    return Surprise(log_prob, bits, posterior, below)


def _tree_codes(model: Joined, block: Block) -> Array:
    codes = model.wood.layout.cells(block).codes
    assert codes is not None
    return codes


def _bits(column: ColumnDistribution, x: Array, w: Doubles) -> Doubles:
    out: Doubles = np.minimum(surprisal(column, x, w) / np.log(2), 60)
    return out


def _codes(block: Block) -> Array:
    return block.codes if block.codes is not None else np.empty((block.n, 0), np.int32)


def _cells(block: Block) -> Doubles:
    """Numbers and codes side by side, a gap as NaN [b, J]."""
    codes = _codes(block)
    return np.concatenate([np.asarray(block.x, np.float64), np.where(codes < 0, np.nan, codes)], axis=1)


def _log_cells(model: Product, x: Doubles) -> Doubles:
    """log p(x_j | k) of every cell, 0 for a gap and where no component can have it [b, J, K]."""
    out = np.zeros((*x.shape, len(model.group)))
    for j, column in enumerate(model.columns):
        seen = ~np.isnan(x[:, j])
        out[seen, j] = np.maximum(column.log_prob(x[seen, j]), -1e6)
    return out


def unlikely(
    model: Product | Joined,
    judgement: Judgement,
    block: Block,
    rows: Array,
    group: Array,
    views: Sequence[View],
    resp: Floats,
    schema: Schema,
    n: int,
    least: int = 1,
) -> dict[str, Any]:
    """The rows of ``block`` (numbers ``rows``, those with the lowest scores) and what is odd in them.

    ``views`` and ``resp`` tell what rows like them have in a column.
    """
    if n < FEW:
        few = "There are too few rows to call any of them unlikely."
        return {"rows": [], "striking": False, "histogram": None, "surprise": None, "words": [few]}
    score = judgement.score
    r = softmax(log_joint(model, block), axis=1)
    found = surprise(model._replace(log_weights=model.log_weights + log_others(r, judgement.support)), block)
    fold = (model.group[:, None] == np.arange(resp.shape[1])).astype(np.float64)  # [parts, groups]
    found = found._replace(posterior=found.posterior @ fold)
    columns = [*schema.numeric, *schema.categorical]
    entries: list[dict[str, Any]] = []
    for i, row in enumerate(rows):
        odd = [j for j in np.argsort(-found.bits[i], kind="stable")[:CELLS] if found.bits[i, j] >= STRIKING]
        told = []
        for j in odd:
            entry: dict[str, Any] = {"column": columns[j].name, "bits": round(float(found.bits[i, j]), 1)}
            if least == 1:
                entry |= _cell(views[j], block, i, int(j), found, resp)
            told.append(entry)
        entries.append({"row": int(row) + 1, "score": float(score[row]), "group": int(group[row]), "cells": told})
        entries[-1]["words"] = _say(told, least)
    best = max((c["bits"] for e in entries for c in e["cells"]), default=0.0)
    striking = n * len(columns) * 2.0**-best <= 0.5  # more than chance alone would bring in a table of this size
    return {
        "rows": entries,
        "striking": striking,
        "histogram": _histogram(score, least),
        "surprise": None if least > 1 else _reasons(found.bits, np.isnan(found.log_prob), columns),
        "words": [_summary(best > 0, striking)],
    }


def _cell(view: View, block: Block, i: int, j: int, found: Surprise, resp: Floats) -> dict[str, Any]:
    """The cell's value, and how rare it is among the rows alike in their other cells."""
    c, w = view.schema, found.posterior[i, j]
    seen = view.seen
    if c.kind.numeric:
        x = float(block.x[i, j])
        values = view.values[seen]
        like = np.asarray(resp[seen] @ (w / np.maximum(resp[seen].sum(axis=0), 1e-300)))  # [n], sums to about 1
        above, below = float(like[values >= x].sum()), float(like[values <= x].sum())
        if found.below is not None:  # beside what its own row says of this column
            below = float(found.below[i, j])
            above = 1 - below
        up = above <= below
        tail = min(above, below)
        text = words.value(c, x)
        said = f"{'high' if up else 'low'}: {_rare(tail, len(values), 'as high' if up else 'as low')}"
        if tail > 0.05:
            said = "an unusual value between usual ones"
        return {"value": text, "share": tail, "words": f"{words.clip(c.name, 40)} {text} ({said})"}
    code = int(_codes(block)[i, j - block.d])
    given = np.asarray(resp[seen] * (view.values[seen] == code)[:, None]).sum(axis=0) / np.maximum(
        resp[seen].sum(axis=0), 1e-300
    )
    tail = float(w @ given) if found.below is None else float(np.exp(found.log_prob[i, j]))
    text = words.clip(c.levels[code], 60)
    said = f"{words.clip(c.name, 40)} = {text} ({_rare(tail, int(seen.sum()), 'the same')})"
    return {"value": text, "share": tail, "words": said}


def _rare(p: float, n: int, how: str) -> str:
    return f"hardly any other row like it is {how}" if p * n < 1.5 else f"{words.share(p)} of rows like it are {how}"


def _say(told: list[dict[str, Any]], least: int) -> str:
    if not told:
        return "No single cell is odd; the combination is."
    if least > 1:
        return f"Odd in {words.listing([words.clip(c['column'], 40) for c in told])}."
    return "; ".join(c["words"] for c in told) + "."


def _reasons(bits: Doubles, gap: Array, columns: Sequence[ColumnSchema]) -> dict[str, Any]:
    """The surprise of every cell of the rows told, in the columns where there is most of it; None for a gap."""
    shown = sorted(np.argsort(-bits.max(axis=0, initial=0), kind="stable")[:COLUMNS].tolist())
    cells = np.where(gap, np.nan, bits)[:, shown]
    return {
        "columns": [columns[j].name for j in shown],
        "bits": [[None if v != v else round(v, 2) for v in row] for row in cells.tolist()],
    }


def _summary(odd: bool, striking: bool) -> str:
    if not odd:
        return "No row has a cell that stands out; these are merely the rows farthest from everything usual."
    if not striking:
        return "None is stranger than chance alone would bring in a table of this size."
    return "The model finds these rows hardest to explain. They may be errors, or the most interesting rows there are."


def _histogram(score: Doubles, least: int) -> dict[str, Any] | None:
    lo, hi = (float(v) for v in np.quantile(score, [0.002, 1.0]))
    if not hi - lo > 1e-9 * abs(hi):
        return None
    counts, edges = np.histogram(np.maximum(score, lo), bins=2 * BARS, range=(lo, hi))
    return {"edges": edges.tolist(), "counts": np.where(counts < least, 0, counts).tolist()}
