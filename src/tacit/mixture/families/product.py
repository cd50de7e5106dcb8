"""A product of families over different columns: numbers by one, category codes by another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...data.block import Block
from ...data.source import Source
from ...typing import Array, Floats
from .family import Cells, Family


@dataclass(frozen=True)
class Product(Family[tuple[Any, ...], tuple[Any, ...]]):
    """p(x | k) = Π_g p_g(x_g | k): given the component, the parts are independent. θ and T are tuples of the parts'.

    Every part skips gaps cell by cell, so that the mixture's likelihood is that of the observed cells, which is what
    maximum likelihood asks for when cells are missing at random (Little and Rubin 2002, section 6.2).
    """

    parts: tuple[Family[Any, Any], ...]

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
        return sum(part.n_parameters(t) for part, t in zip(self.parts, θ, strict=True))

    def penalty(self, θ: tuple[Any, ...]) -> Any:
        return sum(part.penalty(t) for part, t in zip(self.parts, θ, strict=True))

    def log_prior(self, θ: tuple[Any, ...]) -> float:
        return sum(part.log_prior(t) for part, t in zip(self.parts, θ, strict=True))

    def broken(self, θ: tuple[Any, ...], K: int) -> Array:
        return np.logical_or.reduce([part.broken(t, K) for part, t in zip(self.parts, θ, strict=True)])

    def replace(self, θ: tuple[Any, ...], bad: Array, rows: Block, source: Source) -> tuple[Any, ...]:
        return tuple(part.replace(t, bad, rows, source) for part, t in zip(self.parts, θ, strict=True))

    def native(self, θ: tuple[Any, ...]) -> Any:
        parts = [part.native(t) for part, t in zip(self.parts, θ, strict=True)]
        return None if any(part is None for part in parts) else parts
