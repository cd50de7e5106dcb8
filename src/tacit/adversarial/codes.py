"""Codes z of a generator: drawn, cut off, the way from one to another, and those that rows come from."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from scipy.special import ndtr, ndtri
from torch import Tensor, nn

TRIES = 512  # codes that are drawn for all rows, of which each takes the best


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


def nearest(generator: nn.Module, x: Tensor, draw: Callable[[int], Tensor], n_iter: int, *label: Tensor) -> Tensor:
    """argmin_z ‖G(z) - x‖² [b, k]: the best of ``draw(TRIES)``, then ``n_iter`` steps of Adam."""
    some, flat = draw(TRIES).to(x), x.flatten(1)
    with torch.no_grad():
        if label:  # G(z) differs from label to label
            z = some[:1].expand(len(x), -1).clone()
            for c in label[0].unique():
                mine = label[0] == c
                far = torch.cdist(flat[mine], generator(some, c.expand(len(some))).flatten(1))
                z[mine] = some[far.argmin(1)]
        else:
            z = some[torch.cdist(flat, generator(some).flatten(1)).argmin(1)].clone()
    z.requires_grad_()
    optimizer = torch.optim.Adam([z], lr=0.05)
    for _ in range(n_iter):
        lost = (generator(z, *label).flatten(1) - flat).square().sum()
        (z.grad,) = torch.autograd.grad(lost, z)
        optimizer.step()
    return z.detach()
