"""Operations on the units of energy models: draws that a counter names, logistic units, weights.

Every number drawn is Philox 4x32-10 (Salmon et al. 2011) of (key, call, row, column): a pure function of four integers.
"""

from __future__ import annotations

import numpy as np

from ..typing import Array, Doubles
from . import native


def uniform(key: int, call: int, shape: tuple[int, int]) -> Array:
    """Numbers in [0, 1) [n, m], float32.

    >>> round(float(uniform(0, 0, (1, 1))[0, 0]), 6)  # 0x6627e8d5 / 2³², the published word
    0.399046
    """
    out = np.empty(shape, np.float32)
    native.module.uniform(key, call, out, native.threads())
    return out


def logistic(
    a: Array,
    bias: Array | None,
    scale: float,
    key: int,
    call: int,
    mean: Array | None = None,
    drawn: Array | None = None,
) -> None:
    """p = σ(scale · (a + bias)) into ``mean`` and s ~ Bernoulli(p) into ``drawn``, all [n, m] float32, bias [m]."""
    native.module.logistic(a, bias, scale, key, call, mean, drawn, native.threads())


def softplus_sums(a: Array, bias: Array | None, scale: float) -> Doubles:
    """Σ_j log(1 + exp(scale · (a_ij + bias_j))) [n], for float32 a: [n, m].

    >>> softplus_sums(np.zeros((1, 3), np.float32), None, 1.0) / np.log(2)
    array([3.])
    """
    out = np.empty(len(a))
    native.module.softplus_sums(a, bias, scale, out, native.threads())
    return out


def momentum_step(w: Array, velocity: Array | None, g: Array, momentum: float, rate: float, decay: float) -> None:
    """V <- momentum V + rate (G - decay W), W <- W + V in place, on flat float32 arrays; no V is a momentum of 0."""
    native.module.step(w, velocity, g, momentum, rate, decay, native.threads())
