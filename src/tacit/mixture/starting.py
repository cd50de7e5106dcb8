"""What a Gaussian mixture starts from: the user's arrays, checked; known components; rows without their gaps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.utils import check_array

from .. import kernels
from ..data.block import Block
from ..data.memory import MemorySource
from ..data.source import Source
from ..decomposition.linear import observed_moments
from ..em.engine import Fit
from ..errors import ArgumentError
from ..typing import Array, Doubles, Floats
from .mixture import MixtureParams


def without_gaps(source: Source) -> MemorySource:
    """The rows with the mean of the column in every gap: where starts are looked for."""
    _, mean, _ = observed_moments(source)
    x = source.map(lambda block: np.where(np.isnan(block.x), mean, block.x).astype(block.dtype))
    return MemorySource(Block(0, x, weight=source.weight if source.weighted else None))


def shaped(value: object, shape: tuple[int, ...], name: str) -> Doubles | None:
    if value is None:
        return None
    a: Doubles = check_array(value, dtype=np.float64, ensure_2d=False, allow_nd=True)
    if a.shape != shape:
        raise ArgumentError(f"The parameter '{name}' should have the shape of {shape}, but got {a.shape}")
    return a


def factor_of(precisions: Doubles, kind: str) -> Doubles:
    """A, lower triangular, with AᵀA = the given precision; 1/σ for diagonal ones."""
    if kind in ("diag", "spherical"):
        if (precisions <= 0).any():
            raise ArgumentError(f"'{kind} precision' should be positive")
        return np.sqrt(precisions)
    stack = precisions.reshape(-1, *precisions.shape[-2:])
    if not np.allclose(stack, np.swapaxes(stack, 1, 2)) or (np.linalg.eigvalsh(stack) <= 0).any():
        raise ArgumentError(f"'{kind} precision' should be symmetric, positive-definite")
    # with J the reversal, J P J = L Lᵀ gives P = (J L J)(J L J)ᵀ, J L J upper triangular
    upper = np.linalg.cholesky(stack[:, ::-1, ::-1])[:, ::-1, ::-1]
    return np.ascontiguousarray(np.swapaxes(upper, 1, 2)).reshape(precisions.shape)


def known_components(source: Source, K: int) -> Array | None:
    z: list[Array] = []
    for block in source.blocks() if source.here else ():
        if block.known is None:
            return None
        z.append(block.known)
    if not z:
        return None
    known = np.concatenate(z)
    if len(known) != source.shape[0]:
        raise ArgumentError(f"known has {len(known)} entries for {source.shape[0]} rows")
    if known.size and (known.max() >= K or known.min() < -1):
        raise ArgumentError(f"known must hold component numbers 0 to {K - 1}, or -1 where z was not observed")
    return known


def log(weights: Any) -> Doubles:
    with np.errstate(divide="ignore"):
        return np.log(np.asarray(weights, dtype=np.float64))


def random_responsibilities(K: int, rng: np.random.Generator) -> Callable[[Block], Floats]:
    """Uniform numbers made from each row's hash, normalised [b, K]: the same rows get the same ones, in any order."""
    salt = rng.integers(2**63, size=K, dtype=np.uint64)

    def resp(block: Block) -> Floats:
        h = kernels.hash_rows(block)[:, None] ^ salt
        h = (h ^ (h >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)  # splitmix64 (Steele, Lea and Flood 2014)
        h = (h ^ (h >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        u = ((h ^ (h >> np.uint64(31))) >> np.uint64(11)) * 2.0**-53 + 2.0**-54
        r: Doubles = u / u.sum(axis=1, keepdims=True)
        return r

    return resp


def matched(labels: Array, z: Array, weight: Doubles, K: int) -> Array:
    """The renaming of clusters [K] that agrees most with the known components."""
    from scipy.optimize import linear_sum_assignment

    table = np.zeros((K, K))
    seen = z >= 0
    np.add.at(table, (labels[seen], z[seen]), weight[seen])
    names: Array = linear_sum_assignment(table, maximize=True)[1]
    return names


class Progress:
    """scikit-learn's lines of ``verbose``."""

    def __init__(self, verbose: int, interval: int, start: int) -> None:
        self.verbose, self.interval, self.previous = verbose, interval, -np.inf
        if verbose:
            print(f"Initialization {start}")

    def __call__(self, n_iter: int, objective: float) -> None:
        if self.verbose and n_iter and n_iter % self.interval == 0:
            change = f"\t ll change {objective - self.previous:.5f}" if self.verbose > 1 else ""
            print(f"  Iteration {n_iter}{change}")
        self.previous = objective

    def end(self, fit: Fit[MixtureParams]) -> None:
        if self.verbose:
            bound = f" lower bound {fit.objective:.5f}." if self.verbose > 1 else ""
            print(f"Initialization {'converged' if fit.converged else 'did not converge'}.{bound}")
