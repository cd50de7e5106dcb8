"""Normal draws that belong to a row: the same wherever it stands, others for every other row."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from .. import kernels
from ..data.block import Block
from ..typing import Array

EDGE = 1e-6  # of the unit interval: Φ⁻¹ stays finite in single precision


class RowNoise:
    """S x k standard normal draws a row: the points of a scrambled Sobol sequence, moved (mod 1) by a hash of the row.

    Each row's draws are uniform before Φ⁻¹, well spread over the k dimensions, and unrelated to those of other rows
    (Cranley and Patterson 1976).
    """

    def __init__(self, size: int, k: int, seed: int) -> None:
        engine = torch.quasirandom.SobolEngine(k, scramble=True, seed=seed)
        self.points = engine.draw(size, dtype=torch.float64)  # [S, k]

    def __call__(self, block: Block, lo: int, hi: int, like: Tensor) -> Tensor:
        """Draws lo .. hi for the rows of a block: [hi - lo, b, k]."""
        shift = torch.from_numpy(uniforms(kernels.hash_rows(block), self.points.shape[1])).to(like)
        u = (self.points[lo:hi, None].to(like) + shift) % 1.0
        draws: Tensor = torch.special.ndtri(u.clamp(EDGE, 1 - EDGE))
        return draws


def uniforms(keys: Array, k: int) -> Array:
    """k numbers in [0, 1) for each 64-bit key: [b, k], by the finaliser of SplitMix64 (Steele et al. 2014)."""
    z = keys.astype(np.uint64)[:, None] + np.arange(1, k + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    out: Array = ((z ^ (z >> np.uint64(31))) >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return out
