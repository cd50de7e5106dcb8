"""How many components: mixtures of 1, 2, ... components on a sample of the rows, and a criterion that picks one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple, Self

import numpy as np
from scipy.special import entr

from ..cluster.kmeans import Lloyd
from ..cluster.seeding import plus_plus
from ..data.block import Block
from ..data.memory import MemorySource
from ..data.source import Source
from ..em.engine import em
from ..typing import Array, Doubles, Floats
from .families.layout import CellLayout
from .families.normal import moments
from .families.product import Product
from .mixture import Mixture, MixtureParams


class Candidate(NamedTuple):
    """A mixture of K components and what the criteria say of it."""

    n_components: int
    params: MixtureParams
    log_likelihood: float  # Σ w log p(x)
    n_parameters: int
    bic: float  # -2 log-likelihood + p log Σw (Schwarz 1978); lower is better
    aic: float
    icl: float  # BIC + 2 Σ w H(z | x) (Biernacki, Celeux and Govaert 2000)

    def record(self) -> dict[str, float]:
        """The numbers, without the parameters."""
        return {k: v for k, v in self._asdict().items() if k != "params"}


@dataclass(frozen=True)
class Search:
    """How mixtures are fitted while their number is sought: to rows of the table, in the cells of ``layout``."""

    family: Product
    layout: CellLayout
    n_init: int = 3
    tol: float = 1e-5
    max_iter: int = 200
    patience: int = 3  # stop after so many numbers of components without a better criterion
    n_splits: int = 15  # of the largest components, tried as starts for one more

    @property
    def levels(self) -> tuple[int, ...]:
        """The levels of every categorical column of the table."""
        return self.layout.levels

    def over(self, source: MemorySource) -> Self:
        """The same for other rows of the table."""
        return replace(self, family=self.family.over(self.layout.encode(source)))

    def path(
        self,
        source: MemorySource,
        most: int,
        criterion: str,
        rng: np.random.Generator,
        on_fit: Callable[[Candidate], None] | None = None,
    ) -> list[Candidate]:
        """Candidates with 1, 2, ... components, until the criterion has clearly turned or ``most`` is reached."""
        found: list[Candidate] = []
        cells, space = self.layout.encode(source), feature_space(source, self.levels)
        for K in range(1, most + 1):
            found.append(self.fit(cells, K, space, rng, found[-1].params if found else None))
            if on_fit is not None:
                on_fit(found[-1])
            values = [getattr(c, criterion) for c in found]
            if len(found) - 1 - int(np.argmin(values)) >= self.patience:
                break
        return found

    def fit(
        self,
        source: Source,
        K: int,
        space: MemorySource,
        rng: np.random.Generator,
        fewer: MixtureParams | None = None,
    ) -> Candidate:
        """The best of several starts: k-means in ``space`` [n, f], and a mixture of K - 1 with one component split.

        Every start runs a few steps, the best two run on (Biernacki, Celeux and Govaert 2003).
        """
        model = Mixture(K, self.family)
        starts = [
            _start(model, source, 0.8 * np.eye(K)[seeds(space, K, rng)] + 0.2 / K)
            for _ in range(self.n_init if K > 1 else 1)
        ]
        if fewer is not None and K > 2:
            starts += [_start(model, source, r) for r in splits(fewer, self.family, source, space, self.n_splits, rng)]
        run = partial(em, model, source, tol=self.tol, rng=rng, bound=False)
        short = [run(p, max_iter=8) for p in starts]
        short.sort(key=lambda fit: -fit.objective)
        long = [run(f.params, max_iter=self.max_iter) for f in short[:2]]
        return candidate(model, source, max(long, key=lambda fit: fit.objective).params)


def candidate(model: Mixture, source: Source, params: MixtureParams) -> Candidate:
    """The criteria of given parameters."""

    def sums(block: Block) -> Doubles:
        log_prob, r = model.posterior(params, block)
        entropy = entr(r).sum(axis=1, dtype=np.float64)
        return np.array([block.w @ log_prob, block.w @ entropy, block.w.sum()])

    log_likelihood, entropy, n = source.reduce(sums, rows=model.block_rows(params)).tolist()
    p = model.K - 1 + model.family.n_parameters(params.theta)
    bic = -2 * log_likelihood + p * np.log(max(n, 1.0))
    return Candidate(
        model.K, params, log_likelihood, p, float(bic), -2 * log_likelihood + 2 * p, float(bic + 2 * entropy)
    )


def feature_space(source: Source, levels: tuple[int, ...]) -> MemorySource:
    """A place for every row where k-means can look for starts [n, f].

    Numbers are standardised and clipped at 3, categories one-hot and centred; each column has variance 1 in all, and
    a gap stands at the mean.
    """

    def block_space(block: Block) -> Floats:
        parts = [np.clip(np.nan_to_num((block.x - mean) / sd), -3, 3)] if block.d else []
        for j, frequency in enumerate(frequencies):
            assert block.codes is not None
            code = block.codes[:, j]
            hot = (code[:, None] == np.arange(len(frequency))) - frequency
            parts.append(np.where(code[:, None] >= 0, hot, 0.0) / np.sqrt(max(1 - float(frequency @ frequency), 1e-12)))
        return np.concatenate(parts, axis=1, dtype=np.float32)

    mean, var = moments(source)
    sd = np.sqrt(np.where(var > 0, var, 1.0))
    frequencies = level_frequencies(source, levels)
    weighted = any(block.weight is not None for block in source.blocks())
    return MemorySource(Block(0, source.map(block_space), weight=source.weight if weighted else None))


def level_frequencies(source: Source, levels: tuple[int, ...]) -> list[Doubles]:
    """The share of each level among the observed cells of every categorical column."""

    def counts(block: Block) -> tuple[Doubles, ...]:
        assert block.codes is not None
        out: list[Doubles] = []
        for j, C in enumerate(levels):
            seen = block.codes[:, j] >= 0
            out.append(np.bincount(block.codes[seen, j], weights=block.w[seen], minlength=C).astype(np.float64))
        return tuple(out)

    return [c / max(c.sum(), 1e-300) for c in source.reduce(counts)] if levels else []


def seeds(space: MemorySource, K: int, rng: np.random.Generator) -> Array:
    """The nearest of K centres for every row [n]: k-means++ (Arthur and Vassilvitskii 2007) and a few Lloyd steps."""
    labels = np.empty(space.shape[0], dtype=np.int32)
    em(Lloyd(K, labels=labels), space, plus_plus(space, K, rng), tol=0, max_iter=4, rng=rng, bound=False)
    return labels


def splits(
    fewer: MixtureParams, family: Product, source: Source, space: MemorySource, most: int, rng: np.random.Generator
) -> list[Doubles]:
    """Responsibilities [n, K] that come from K - 1 components by dividing one of the ``most`` largest, each in turn."""
    model = Mixture(len(fewer.log_weights), family)
    r = source.map(lambda block: model.posterior(fewer, block).resp)
    out = []
    for k in np.argsort(-fewer.log_weights, kind="stable")[:most]:
        rows = np.flatnonzero((r[:, k] > 0.3) & (source.weight > 0))
        if len(rows) < 2:
            continue
        side = np.full(len(r), 0.5)
        side[rows] = np.where(seeds(MemorySource(space.take(rows)), 2, rng) == 1, 0.9, 0.1)
        new = r[:, k] * side
        divided = np.concatenate([r, new[:, None]], axis=1)
        divided[:, k] -= new
        out.append(divided)
    return out


def _start(model: Mixture, source: Source, r: Doubles) -> MixtureParams:
    """The M-step at given responsibilities [n, K]."""
    return model.from_responsibilities(source, lambda block: r[block.start : block.start + block.n])
