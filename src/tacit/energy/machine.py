"""A machine of two layers: energies, free energies, conditionals, Gibbs chains."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from .draws import Draws, product
from .units import Gaussian, Layer, Mixed, Scale


class Machine(NamedTuple):
    """E(v, h) = -hᵀWv - bᵀv - cᵀh - log r(v) - log s(h), p(v, h) = e^{-E(v, h)} / Z."""

    visible: Layer
    hidden: Layer
    W: Tensor  # [m, d]
    b: Tensor  # [d]
    c: Tensor  # [m]

    def up(self, v: Tensor) -> Tensor:
        """Wv [n, m]: what the hidden units are told, without their bias."""
        return product(v, self.W.T)

    def down(self, h: Tensor) -> Tensor:
        """Wᵀh [n, d]."""
        return product(h, self.W)

    def energy(self, v: Tensor, h: Tensor) -> Tensor:
        """E(v, h) [n], in float64."""
        pull = (self.up(v).double() * h.double()).sum(1) + v.double() @ self.b.double() + h.double() @ self.c.double()
        return -pull - self.visible.log_base(v) - self.hidden.log_base(h)

    def log_mass(
        self, v: Tensor, told: Tensor | None = None, scale: float = 1.0, start: Tensor | None = None
    ) -> Tensor:
        """log Σ_h e^{-E(v, h)} = bᵀv + log r(v) + Σ_j A(c_j + (Wv)_j) [n]: minus the free energy F(v).

        At ``scale`` β it is that of the machine with βW, βc and (1 - β) start + βb, for a ladder from a machine
        without weights. ``told`` is Wv where it is known.
        """
        b = self.b if start is None else scale * self.b + (1 - scale) * start
        told = self.up(v) if told is None else told
        return self.visible.log_base(v) + product(v, b) + self.hidden.log_partition(told, self.c, scale)

    def log_mass_hidden(self, h: Tensor) -> Tensor:
        """log Σ_v e^{-E(v, h)} [n]."""
        own = self.hidden.log_base(h) + h.double() @ self.c.double()
        return own + self.visible.log_partition(self.down(h), self.b)

    def gibbs(self, draws: Draws, v: Tensor, scale: Scale = 1.0, told: Tensor | None = None) -> Tensor:
        """v' ~ p(v | h), h ~ p(h | v) [n, d]; rows may have inverse temperatures ``scale`` [n, 1] of their own."""
        h = self.hidden.sample(draws, self.up(v) if told is None else told, self.c, scale)
        return self.visible.sample(draws, self.down(h), self.b, scale)

    def chain(self, draws: Draws, v: Tensor, steps: int) -> Tensor:
        """The state after so many steps."""
        for _ in range(steps):
            v = self.gibbs(draws, v)
        return v

    def mean_hidden(self, v: Tensor) -> Tensor:
        """E[h | v] [n, m]."""
        return self.hidden.mean(self.up(v), self.c)

    def mean_visible(self, h: Tensor) -> Tensor:
        """E[v | h] [n, d]."""
        return self.visible.mean(self.down(h), self.b)

    def at_rest(self, n: int) -> Tensor:
        """Rows of zeros that hidden layers can be started from [n, d]."""
        return torch.zeros(n, self.visible.n, dtype=self.W.dtype, device=self.W.device)


def gaussian_part(layer: Layer) -> tuple[Gaussian, slice] | None:
    """The Gaussian units of a layer and their columns."""
    parts, at = (layer.parts if isinstance(layer, Mixed) else (layer,)), 0
    for part in parts:
        if isinstance(part, Gaussian):
            return part, slice(at, at + part.n)
        at += part.n
    return None
