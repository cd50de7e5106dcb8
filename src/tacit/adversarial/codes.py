"""Codes z of a generator: drawn, cut off, and the way from one to another."""

from __future__ import annotations

import numpy as np
import torch
from scipy.special import ndtr, ndtri
from torch import Tensor


def noise(rng: np.random.Generator, shape: tuple[int, int], truncation: float | None = None) -> Tensor:
    """z ~ N(0, I) [n, k], or given that all |z_j| ≤ truncation, by inversion."""
    if truncation is None:
        return torch.from_numpy(rng.standard_normal(shape, dtype=np.float32))
    edge = ndtr(-truncation)
    return torch.from_numpy(ndtri(edge + (1 - 2 * edge) * rng.random(shape)).astype(np.float32))


def great_circle(a: Tensor, b: Tensor, t: float) -> Tensor:
    """sin((1 - t) ω) / sin ω a + sin(t ω) / sin ω b, ω the angle between them; straight where they are parallel."""
    cosine = torch.nn.functional.cosine_similarity(a, b, dim=1).clamp(-1, 1)[:, None]
    angle = torch.arccos(cosine)
    whole = torch.sin(angle)
    straight = whole < 1e-4
    whole = torch.where(straight, torch.ones_like(whole), whole)
    u = torch.where(straight, torch.full_like(angle, 1 - t), torch.sin((1 - t) * angle) / whole)
    v = torch.where(straight, torch.full_like(angle, t), torch.sin(t * angle) / whole)
    return u * a + v * b
