"""Small machines of every kind, and their probabilities by brute force."""

from __future__ import annotations

import torch

from tacit.energy.machine import Machine
from tacit.energy.units import Binary, Categorical, Count, Gaussian, Mixed, Rectified


def visible(kind: str):
    """A layer of a few units."""
    return {
        "binary": lambda: Binary(5),
        "categorical": lambda: Categorical([2, 3]),
        "binary and categorical": lambda: Mixed([Binary(3), Categorical([3])]),
        "gaussian": lambda: Gaussian(torch.tensor([0.3, -0.2])),
        "count": lambda: Count(2),
        "all": lambda: Mixed([Binary(2), Gaussian(torch.tensor([0.2, 0.0])), Count(1), Categorical([3])]),
    }[kind]()


FINITE = ("binary", "categorical", "binary and categorical")
KINDS = (*FINITE, "gaussian", "count", "all")


def machine(kind: str, hidden: str = "binary", m: int = 4, seed: int = 0, size: float = 0.5) -> Machine:
    """A machine with normal weights of standard deviation ``size``."""
    layer, g = visible(kind), torch.Generator().manual_seed(seed)
    units = Binary(m) if hidden == "binary" else Rectified(m)
    W, b, c = (size * torch.randn(s, generator=g) for s in ((m, layer.n), (layer.n,), (m,)))
    return Machine(layer, units, W, b, c)


def states(layer):
    """All states of a finite layer [s, n]."""
    return torch.cat(list(layer.states()))
