"""NodeEmbedding: vectors of the nodes of a graph from random walks."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..base import Estimator, check_choice, check_number
from ..checkpoint import Checkpoint, identity
from ..errors import DataNotice, InputError
from ..kernels import words as kernel
from ..rng import generator
from ..typing import Array, Seed
from .nearest import nearest
from .training import Schedule, Tables, train
from .vocabulary import noise
from .walks import read, walked


class NodeEmbedding(Estimator):
    """A vector for each node of a graph, such that nodes that walks pass together have similar vectors.

    From every node ``n_walks`` walks of ``walk_length`` nodes set out, and are read as sentences by skip-gram with
    negative sampling (see ``WordEmbedding``): DeepWalk (Perozzi et al. 2014). A step from v, after one from t, goes to
    x with probability in proportion to w_vx, times

        1/p for x = t,   1 for x with an edge t -> x,   1/q for others            (node2vec, Grover and Leskovec 2016)

    Walks are made while they are read, and never held together; each is read once. A walk ends where no edge leads on.

    Parameters
    ----------
    n_components : numbers in a vector, d.
    n_walks, walk_length : walks from each node, and nodes in a walk.
    window : how many steps to either side are a node's context, at most.
    p, q : node2vec's: a small p turns back, a small q leads away; 1 and 1 are DeepWalk.
    negative, exponent : nodes drawn against each position, and of the expected visits in their distribution.
    learning_rate, last_learning_rate : the length of a step, falling linearly from the one to the other.
    deterministic : train on one thread, for the same bits from the same seed; otherwise threads write without locks.
    random_state : the seed.

    Attributes
    ----------
    nodes_ : what the nodes are called, in NetworkX's order; their numbers, for a matrix.
    vectors_ : float32 [n, d]; 0 for a node without edges.
    contexts_ : the output vectors [n, d].
    history_ : mean loss of a pair in each round of walks.

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> two = sp.block_diag([np.ones((4, 4)), np.ones((4, 4))])
    >>> model = NodeEmbedding(8, random_state=0, deterministic=True).fit(two)
    >>> sorted(node for node, _ in model.most_similar(0, 3))
    [1, 2, 3]
    """

    def __init__(
        self,
        n_components: int = 128,
        *,
        n_walks: int = 10,
        walk_length: int = 80,
        window: int = 10,
        p: float = 1.0,
        q: float = 1.0,
        negative: int = 5,
        exponent: float = 0.75,
        learning_rate: float = 0.025,
        last_learning_rate: float = 1e-4,
        deterministic: bool = False,
        random_state: Seed = None,
    ) -> None:
        self.n_components = n_components
        self.n_walks = n_walks
        self.walk_length = walk_length
        self.window = window
        self.p = p
        self.q = q
        self.negative = negative
        self.exponent = exponent
        self.learning_rate = learning_rate
        self.last_learning_rate = last_learning_rate
        self.deterministic = deterministic
        self.random_state = random_state

    def fit(self, X: Any, y: object = None, *, checkpoint: str | PathLike[str] | None = None) -> Self:
        """Learn from a graph: a square matrix of weights, sparse or dense, from row to column, or a NetworkX graph.

        A graph without directions is a symmetric matrix; NetworkX's edges weigh their "weight", or 1. A folder
        ``checkpoint`` keeps the state: the same call goes on from there.

        Raises ``InputError`` for what is no graph, an empty one, one without edges, and a weight that is negative or
        not finite, ``ArgumentError`` for parameters out of range. Warns (``DataNotice``) of nodes without edges.
        """
        self._check()
        rng = generator(self.random_state)
        seed = int(rng.integers(2**63))
        graph = read(X)
        n, arcs = len(graph.arcs.start) - 1, graph.arcs
        alone = np.diff(arcs.start) == 0
        alone[arcs.to] = False
        if alone.all():
            raise InputError("the graph has no edges: nothing tells its nodes apart")
        if alone.any():
            which = np.flatnonzero(alone)
            first = which[0] if graph.names is None else repr(graph.names[which[0]])
            warnings.warn(
                f"{len(which)} of {n} nodes have no edges, the first of them {first}: their vectors are 0",
                DataNotice, stacklevel=2,
            )  # fmt: skip
        visits = kernel.visits(arcs, self.walk_length)
        visits[alone] = 0
        tables = Tables.start(n, n, self.n_components, rng)
        size = int(np.count_nonzero(np.diff(arcs.start))) * (self.walk_length + 1)
        schedule = Schedule(
            self.window, self.negative, False, self.n_walks, self.learning_rate, self.last_learning_rate, seed,
            self.deterministic,
        )  # fmt: skip
        kept = None
        if checkpoint is not None:
            about = {**identity(self.get_params()), **identity({"arcs": arcs.to, "visits": visits})}
            kept = Checkpoint(Path(checkpoint).expanduser(), "nodes", 0, about)

        def chunks(number: int) -> Any:
            return walked(arcs, self.walk_length, self.p, self.q, seed, number)

        self.history_ = train(tables, chunks, size, noise(visits, self.exponent), None, schedule, kept)
        self._know(graph.names if graph.names is not None else np.arange(n))
        d = self.n_components
        tables.inputs[alone] = 0
        self.vectors_ = np.ascontiguousarray(tables.inputs[:, :d])
        self.contexts_ = np.ascontiguousarray(tables.outputs[:, :d])
        return self

    def fit_transform(self, X: Any, y: object = None) -> Array:
        """``fit``, and the vectors of all nodes [n, d]."""
        return self.fit(X).vectors_

    def transform(self, X: Iterable[Any]) -> Array:
        """The vectors of nodes [m, d]: their names in NetworkX, their numbers in a matrix.

        Raises ``InputError`` naming a node that the graph did not have.
        """
        check_is_fitted(self)
        if isinstance(X, str | bytes) or not isinstance(X, Iterable):
            raise InputError(f"nodes are given as a list; got {X!r}")
        return np.asarray(self.vectors_[[self._place(node) for node in X]])

    def most_similar(self, node: Any, n: int = 10) -> list[tuple[Any, float]]:
        """The n nodes whose vectors have the largest cosines with that of a node, and these."""
        check_is_fitted(self)
        at = self._place(node)
        near = nearest(self.vectors_, self.vectors_[at], [at], n)
        numbers = isinstance(self.nodes_, np.ndarray)
        return [(i if numbers else self.nodes_[i], cosine) for i, cosine in near]

    def get_feature_names_out(self, input_features: object = None) -> Array:
        """The names of the columns of ``transform``."""
        check_is_fitted(self)
        return np.array([f"nodeembedding{i}" for i in range(self.vectors_.shape[1])], dtype=object)

    @cached_property
    def _where(self) -> Mapping[Any, int]:
        return {node: i for i, node in enumerate(self.nodes_)}

    def _place(self, node: Any) -> int:
        try:
            if isinstance(self.nodes_, np.ndarray):
                if isinstance(node, int | np.integer) and 0 <= node < len(self.nodes_):
                    return int(node)
            else:
                return self._where[node]
        except (KeyError, TypeError):
            pass
        raise InputError(f"the graph has no node {node!r}")

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "vectors_")

    def _learned(self) -> dict[str, Any]:
        return {k: v for k, v in super()._learned().items() if k != "_where"}

    def _know(self, nodes: Any) -> None:
        self.__dict__.pop("_where", None)
        self.nodes_ = nodes

    def _check(self) -> None:
        for name, low in (("n_components", 1), ("walk_length", 2), ("window", 1), ("negative", 1), ("n_walks", 0)):
            check_number(self, name, integer=True, low=low, high=2**31 - 1)
        for name in ("p", "q", "learning_rate"):
            check_number(self, name, low=0, open_low=True)
        check_number(self, "last_learning_rate", low=0)
        check_number(self, "exponent")
        check_choice(self, "deterministic", (True, False))
