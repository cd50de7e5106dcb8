"""Paths of Gaussian mixtures: each number of components from several kinds of start."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ..data.block import Block
from ..data.memory import MemorySource
from ..em.engine import em
from ..linalg import eigh
from ..typing import Array, Doubles
from .families.gaussian import CovarianceType, Gaussian
from .mixture import Mixture, MixtureParams
from .search import Candidate, candidate, feature_space, seeds, splits

LINKED = 2000  # rows that are linked to a tree, as starts
PATIENCE = 3  # numbers of components beyond the best


@dataclass(frozen=True)
class Gaussians:
    """Mixtures of 1, 2, ... Gaussians of one kind, each number from several starts."""

    kind: CovarianceType
    reg_covar: float
    n_init: int = 2
    n_splits: int = 8
    tol: float = 1e-5
    max_iter: int = 200

    def path(
        self,
        source: MemorySource,
        counts: Iterable[int],
        criterion: str,
        rng: np.random.Generator,
        groupings: Mapping[int, Sequence[Array]] | None = None,
    ) -> list[Candidate]:
        """Candidates with each number of components, the least first, until the criterion has clearly turned.

        ``groupings`` holds, for some numbers, clusters of the rows [n] (-1: not said) to start from as well.
        """
        found: list[Candidate] = []
        space, n = feature_space(source, ()), source.total
        for K in counts:
            if found and n < K * (source.shape[1] + 1):
                break
            fewer = found[-1].params if found and found[-1].n_components == K - 1 else None
            found.append(self._fit(source, K, criterion, space, rng, fewer, (groupings or {}).get(K, ())))
            best = min(range(len(found)), key=lambda i: worth(found[i], criterion, self.kind, n, source.shape[1]))
            if len(found) - 1 - best >= PATIENCE:
                break
        return found

    def _fit(
        self,
        source: MemorySource,
        K: int,
        criterion: str,
        space: MemorySource,
        rng: np.random.Generator,
        fewer: MixtureParams | None,
        groupings: Sequence[Array],
    ) -> Candidate:
        """The best of k-means' clusters, those given, and the mixture of K - 1 with one component in two.

        Every start runs a few steps; the two likeliest and, of other criteria, the two best run on (Biernacki, Celeux
        and Govaert 2003).
        """
        family: Any = Gaussian(self.kind, self.reg_covar)
        model = Mixture(K, family)
        labels = [seeds(space, K, rng) for _ in range(self.n_init if K > 1 else 1)]
        labels += groupings if K > 1 else ()
        starts = [model.from_labels(source, z, rng)[0] for z in labels]
        if fewer is not None and K > 2:
            for r in splits(fewer, family, source, space, self.n_splits, rng):
                starts.append(model.from_responsibilities(source, partial(_rows, r)))
        run = partial(em, model, source, tol=self.tol, rng=rng, bound=False)
        short = sorted((run(p, max_iter=8) for p in starts), key=lambda fit: -fit.objective)
        on = [fit.params for fit in short[:2]]
        if criterion == "icl" and K > 1:
            on += [fit.params for fit in sorted(short[2:], key=lambda f: candidate(model, source, f.params).icl)[:2]]
        ended = (candidate(model, source, run(params, max_iter=self.max_iter).params) for params in on)
        return min(ended, key=lambda c: worth(c, criterion, self.kind, source.total, source.shape[1]))

    def labels(self, c: Candidate, source: MemorySource) -> Array:
        """The likeliest component of each row [n]."""
        model = Mixture(c.n_components, Gaussian(self.kind, self.reg_covar))
        return np.asarray(source.map(partial(model.labels, c.params)))


def worth(c: Candidate, criterion: str, kind: CovarianceType, n: float, d: int) -> tuple[bool, float]:
    """What a candidate is judged by, lower for better: first whether some component starves.

    One that holds no more rows than its own covariance takes to be determined is a spike of the likelihood.
    """
    least = {"tied": 1, "spherical": 3, "diag": 3, "full": d + 2}[kind]
    starved = c.n_components > 1 and n * float(np.exp(c.params.log_weights.min())) < least - 0.5
    return starved, float(getattr(c, criterion))


def _rows(r: Doubles, block: Block) -> Doubles:
    return r[block.start : block.start + block.n]


def linked(source: MemorySource, counts: Sequence[int], rng: np.random.Generator) -> dict[int, list[Array]]:
    """Cuts of Ward's tree into each number of clusters: [n], -1 for rows beyond ``LINKED``.

    In the space of the principal coordinates, each scaled to variance 1, where long groups are short: Scrucca and
    Raftery (2015), "Improved initialisation of model-based clustering using Gaussian hierarchical partitions".
    """
    from scipy.cluster.hierarchy import cut_tree, linkage

    n = source.shape[0]
    rows = np.sort(rng.permutation(source.order)[:LINKED])
    x = np.asarray(source.take(rows).x, np.float64)
    x = x - x.mean(axis=0)
    values, U = eigh(np.asarray(x.T @ x, np.float64))
    keep = values > 1e-10 * values[0] if len(values) and values[0] > 0 else np.zeros(len(values), bool)
    z = x @ (U[:, keep] / np.sqrt(values[keep])) if keep.any() else np.zeros((len(x), 1))
    counts = [K for K in counts if len(rows) >= K]
    out: dict[int, list[Array]] = {}
    for K, cut in zip(counts, cut_tree(linkage(z, "ward"), n_clusters=counts).T, strict=True):
        labels = np.full(n, -1, dtype=np.int32)
        labels[rows] = cut
        out[K] = [labels]
    return out
