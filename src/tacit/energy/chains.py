"""Gibbs chains of a machine, clamped to what is known, and rows drawn from it."""

from __future__ import annotations

import torch
from torch import Tensor

from .draws import Draws
from .likelihood import exact_samples, ladder, smaller
from .machine import Machine


def fill(machine: Machine, draws: Draws, v: Tensor, holes: Tensor, steps: int) -> Tensor:
    """Chains clamped to the cells that are no holes."""
    for _ in range(steps):
        v = torch.where(holes, machine.gibbs(draws, v), v)
    return v


def fantasies(machine: Machine, start: Tensor, n: int, steps: int, draws: Draws) -> Tensor:
    """n rows v ~ p(v), as ``RBM.sample`` has them."""
    found = smaller(machine)
    if found is not None and (found[0].bits or 0) <= 16:
        return exact_samples(machine, n, draws)
    v = machine.visible.sample(draws, machine.at_rest(n), start)
    for beta in ladder(steps)[1:]:
        h = machine.hidden.sample(draws, machine.up(v), machine.c, float(beta))
        v = machine.visible.sample(draws, machine.down(h), machine.b + start * ((1 - beta) / beta), float(beta))
    return machine.chain(draws, v, max(1, steps // 10))
