"""A product of families over different columns: numbers by one, category codes by another."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from scipy.linalg import block_diag

from ...data.block import Block
from ...data.source import Source
from ...typing import Array, Doubles, Floats
from .family import Cells, Family


@dataclass(frozen=True)
class Product(Family[tuple[Any, ...], tuple[Any, ...]]):
    """p(x | k) = Π_g p_g(x_g | k): given the component, the parts are independent. θ and T are tuples of the parts'.

    Every part skips gaps cell by cell, so that the mixture's likelihood is that of the observed cells, which is what
    maximum likelihood asks for when cells are missing at random (Little and Rubin 2002, section 6.2).
    """

    parts: tuple[Any, ...]  # families that also tell ``column``, ``within`` and their part of ``cells``

    def over(self, source: Source) -> Self:
        return type(self)(tuple(part.over(source) for part in self.parts))

    def reading(self, source: Source) -> Self:
        return type(self)(tuple(part.reading(source) for part in self.parts))

    def smoothed(self, smoothing: float) -> Self:
        """The same with priors of another weight."""
        return type(self)(tuple(replace(part, smoothing=smoothing) for part in self.parts))

    def blank(self, K: int, source: Source) -> tuple[Any, ...]:
        return tuple(part.blank(K, source) for part in self.parts)

    def log_prob(self, θ: tuple[Any, ...], block: Block) -> Floats:
        out: Floats = np.asarray(sum(part.log_prob(t, block) for part, t in zip(self.parts, θ, strict=True)))
        return out

    def stats(self, θ: tuple[Any, ...], block: Block, r: Floats) -> tuple[Any, ...]:
        return tuple(part.stats(t, block, r) for part, t in zip(self.parts, θ, strict=True))

    def update(self, t: tuple[Any, ...], θ: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(part.update(s, old) for part, s, old in zip(self.parts, t, θ, strict=True))

    def sample(self, θ: tuple[Any, ...], z: Array, rng: np.random.Generator, out: Cells) -> None:
        for part, t in zip(self.parts, θ, strict=True):
            part.sample(t, z, rng, out)

    def n_parameters(self, θ: tuple[Any, ...]) -> int:
        return int(sum(part.n_parameters(t) for part, t in zip(self.parts, θ, strict=True)))

    def expected(self, t: tuple[Any, ...], θ: tuple[Any, ...]) -> float:
        return float(sum(part.expected(s, mine) for part, s, mine in zip(self.parts, t, θ, strict=True)))

    def hidden(self, t: tuple[Any, ...], θ: tuple[Any, ...]) -> float:
        return float(sum(part.hidden(s, mine) for part, s, mine in zip(self.parts, t, θ, strict=True)))

    def together(self, each: list[tuple[Any, ...]]) -> tuple[Any, ...]:
        return tuple(part.together(list(same)) for part, same in zip(self.parts, zip(*each, strict=True), strict=True))

    def about(self, t: tuple[Any, ...], old: tuple[Any, ...], new: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(part.about(s, a, b) for part, s, a, b in zip(self.parts, t, old, new, strict=True))

    def line(self, a: tuple[Any, ...], b: tuple[Any, ...], t: float) -> tuple[Any, ...]:
        return tuple(part.line(u, v, t) for part, u, v in zip(self.parts, a, b, strict=True))

    def penalty(self, θ: tuple[Any, ...]) -> Any:
        return sum(part.penalty(t) for part, t in zip(self.parts, θ, strict=True))

    def log_prior(self, θ: tuple[Any, ...]) -> float:
        return float(sum(part.log_prior(t) for part, t in zip(self.parts, θ, strict=True)))

    def broken(self, θ: tuple[Any, ...], K: int) -> Array:
        broken: Array = np.any([part.broken(t, K) for part, t in zip(self.parts, θ, strict=True)], axis=0)
        return broken

    def replace(self, θ: tuple[Any, ...], bad: Array, rows: Block, source: Source) -> tuple[Any, ...]:
        return tuple(part.replace(t, bad, rows, source) for part, t in zip(self.parts, θ, strict=True))

    def native(self, θ: tuple[Any, ...]) -> Any:
        each = [part.native(t) for part, t in zip(self.parts, θ, strict=True)]
        return None if any(part is None for part in each) else tuple(each)

    def moments(self, θ: tuple[Any, ...], π: Doubles) -> tuple[Doubles, Doubles]:
        """Mean [f] and covariance [f, f] of Σ_k π_k p(x | k), numbers first, then levels one-hot."""
        means, within = zip(*(part.within(t, π) for part, t in zip(self.parts, θ, strict=True)), strict=True)
        each = np.concatenate(means, axis=1)
        mean = π @ each
        between = ((each - mean) * π[:, None]).T @ (each - mean)
        return mean, between + block_diag(*within)
