"""Text to numbers, and vectors from sequences of them by skip-gram or CBOW with negative sampling."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..typing import Array, Doubles
from . import native

LANES = 16  # rows of vectors are filled up with zeros to a multiple of so many floats


class Noise(NamedTuple):
    """A distribution over words, as Walker's alias table: word i below likely / 2³², else its alias."""

    likely: Array  # uint32 [V]
    alias: Array  # int32 [V]

    @classmethod
    def of(cls, mass: Doubles) -> Noise:
        """p ∝ mass [V]."""
        noise = cls(np.empty(len(mass), np.uint32), np.empty(len(mass), np.int32))
        native.module.alias_table(np.asarray(mass / mass.sum(), np.float64), *noise)
        return noise


class Rows(NamedTuple):
    """Which rows a word's input vector is the mean of: ``rows[first[w] : first[w + 1]]``."""

    first: Array  # int64 [V + 1]
    rows: Array  # int32 [...]


def dictionary() -> Any:
    """An empty dictionary of words.

    ``feed(text, listed, grow)`` numbers the words of some bytes in the order in which they first come, with -1 where a
    sentence ends, and counts them; unless ``grow``, new words are left out. In text, blanks part words and line ends
    sentences; in a ``listed`` text the bytes 255 and 254 do. ``words()`` are all of them, each followed by a byte 255.

    >>> d = dictionary()
    >>> d.feed(b"a b a", False, True).tolist(), d.feed(b"b c a", False, False).tolist(), d.counts().tolist()
    ([0, 1, 0, -1], [1, 0, -1], [3, 2])
    """
    return native.module.Dictionary()


def table(rows: int, d: int) -> Array:
    """Zeros [rows, d filled up to a multiple of 16], float32, beginning on a cache line."""
    width = -(-d // LANES) * LANES
    memory = np.zeros(rows * width + LANES, np.float32)
    skip = -(memory.ctypes.data // 4) % LANES
    return memory[skip : skip + rows * width].reshape(rows, width)


def embed(
    ids: Array,
    units: Array,
    inputs: Array,
    outputs: Array,
    noise: Noise,
    *,
    rows: Rows | None,
    keep: Array | None,
    window: int,
    negative: int,
    cbow: bool,
    rates: tuple[float, float],
    seed: int,
    threads: int,
) -> Doubles:
    """Train ``inputs`` [R, D] and ``outputs`` [V, D] in place on one chunk; gives Σ loss and its pairs, of a sixteenth.

    ``ids`` are words, -1 between sentences, dealt to threads in ``units`` [u + 1]. A word is kept with probability
    ``keep`` / 2³² [V]. The rate falls linearly from the first to the second over the chunk. Threads take no locks: the
    same bits come of one thread only.
    """
    told = np.zeros((len(units) - 1, 2))
    first, parts = (None, None) if rows is None else rows
    native.module.embed(
        ids, units, inputs, outputs, first, parts, keep, *noise, window, negative, cbow, *rates,
        seed % 2**64, told, threads,
    )  # fmt: skip
    return np.asarray(told.sum(axis=0))


class Arcs(NamedTuple):
    """A directed graph by its rows: v leads to ``to[start[v] : start[v + 1]]``, ascending."""

    start: Array  # int64 [n + 1]
    to: Array  # int32 [m]
    upto: Doubles | None  # [m], sums of a row's weights up to each arc; None where all weights are equal

    @classmethod
    def of(cls, start: Array, to: Array, weights: Array | None) -> Arcs:
        """With weights [m] > 0, or None for equal ones."""
        start, to = np.ascontiguousarray(start, np.int64), np.ascontiguousarray(to, np.int32)
        upto = None
        if weights is not None:
            upto = np.empty(len(weights))
            native.module.row_sums(start, np.ascontiguousarray(weights, np.float64), upto)
        return cls(start, to, upto)


def walks(arcs: Arcs, nodes: Array, length: int, p: float, q: float, seed: int) -> Array:
    """Walks of up to ``length`` nodes from each of ``nodes`` int32 [m]: int32 [m, length + 1], filled up with -1.

    A step is drawn by weights; with p or q other than 1, times 1/p for the way back, 1 for neighbours of the node
    before, 1/q for others. The bits depend on the seed alone, not on the number of threads.
    """
    out = np.empty((len(nodes), length + 1), np.int32)
    native.module.walks(*arcs, nodes, p, q, seed % 2**64, out, native.threads())
    return out


def visits(arcs: Arcs, length: int) -> Doubles:
    """How often a walk of first order from a node drawn uniformly is expected at each node [n].

    >>> visits(Arcs.of(np.array([0, 1, 2, 2]), np.array([1, 2]), None), 3) * 3  # 0 -> 1 -> 2
    array([1., 2., 3.])
    """
    out = np.empty(len(arcs.start) - 1)
    native.module.visits(*arcs, length, out)
    return out
