"""Graphs as arcs, walks over them in chunks, and how often walks come by a node."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp

from ..errors import InputError
from ..kernels import words as kernel
from ..typing import Array

CHUNK = 1 << 22  # steps that are walked, and then trained on, at once


class Graph(NamedTuple):
    """Arcs, and what the user calls the nodes; None for their numbers."""

    arcs: kernel.Arcs
    names: list[Any] | None


def read(X: object) -> Graph:
    """A graph from a square sparse or dense matrix of weights (row to column) or from NetworkX.

    An undirected graph is a symmetric matrix; weights of parallel edges add up, and 0 is no edge. Raises ``InputError``
    for what is no graph, has no nodes, or a weight that is negative or not finite, naming the edge.
    """
    names: list[Any] | None = None
    matrix: Any = X
    if hasattr(X, "nodes") and hasattr(X, "edges"):
        import networkx as nx

        names = list(X.nodes)
        if not names:
            raise InputError("the graph has no nodes")
        matrix = nx.to_scipy_sparse_array(X, nodelist=names, weight="weight", format="csr")
    elif not sp.issparse(X):
        matrix = _dense(X)
    shape = matrix.shape
    if len(shape) != 2 or shape[0] != shape[1]:
        raise InputError(f"a graph is a square matrix of weights between its nodes; this one is {shape}")
    if not shape[0]:
        raise InputError("the graph has no nodes")
    return Graph(_arcs(sp.csr_array(matrix), names), names)


def _dense(X: object) -> Any:
    if not isinstance(X, np.ndarray | list):
        raise InputError(f"a graph is a sparse or square matrix, or one of NetworkX; got {type(X).__name__}")
    a = np.asarray(X)
    if a.ndim != 2 or a.dtype.kind not in "bfiu":
        raise InputError("a graph is a square matrix of weights between its nodes")
    return a


def _arcs(a: Any, names: list[Any] | None) -> kernel.Arcs:
    if a.dtype.kind not in "bfiu":
        raise InputError(f"weights are real numbers; got {a.dtype}")
    if a.dtype.kind != "b" and len(a.data):
        wrong = ~(np.isfinite(a.data) & (a.data >= 0)) if a.dtype.kind == "f" else a.data < 0
        if wrong.any():
            at = int(wrong.argmax())
            u, v = int(np.searchsorted(a.indptr, at, side="right")) - 1, int(a.indices[at])
            edge = (u, v) if names is None else (names[u], names[v])
            raise InputError(
                f"the weight of the edge {edge[0]!r} -> {edge[1]!r} is {a.data[at]}; weights are 0 or more"
            )
    if not a.has_canonical_format or not np.all(a.data):
        a = a.copy()
        a.sum_duplicates()
        a.eliminate_zeros()
    equal = not len(a.data) or bool((a.data == a.data[0]).all())
    return kernel.Arcs.of(a.indptr, a.indices, None if equal else a.data)


def walked(arcs: kernel.Arcs, length: int, p: float, q: float, seed: int, number: int) -> Iterator[Array]:
    """The walks of one round, from every node that an arc leads away from, in random order; -1 between them."""
    leading = np.flatnonzero(np.diff(arcs.start)).astype(np.int32)
    np.random.default_rng((seed, number)).shuffle(leading)
    count = max(1, CHUNK // (length + 1))
    for lo in range(0, len(leading), count):
        own = int(np.random.SeedSequence((seed, number, lo)).generate_state(1, np.uint64)[0])
        yield kernel.walks(arcs, leading[lo : lo + count], length, p, q, own).reshape(-1)
