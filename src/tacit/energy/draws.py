"""Random numbers that a counter names, and matrix products by the fastest library at hand."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext

import numpy as np
import torch
from torch import Tensor

from ..kernels import units
from ..linalg import SMALL, one_thread

TINY = 1e-7


class Draws:
    """A stream of draws: each call is named by (seed, number of the call), which is the whole state.

    On the CPU the numbers come from Philox in the kernels; on another device from its own generator, seeded anew for
    each call by the same two integers.
    """

    def __init__(self, seed: int, call: int = 0) -> None:
        self.seed, self.call = seed, call

    def _next(self) -> int:
        self.call += 1
        return self.call

    def generator(self, device: torch.device | str = "cpu") -> torch.Generator:
        """A torch generator for one call."""
        words = np.random.SeedSequence((self.seed, self._next())).generate_state(1, np.uint64)
        return torch.Generator(device).manual_seed(int(words[0] >> np.uint64(1)))

    def uniform(self, like: Tensor) -> Tensor:
        """u ~ U[0, 1) in the shape [n, m] of ``like``."""
        if like.device.type == "cpu":
            u = torch.from_numpy(units.uniform(self.seed, self._next(), (like.shape[0], like.shape[1])))
            return u.to(like.dtype)
        return torch.rand(like.shape, generator=self.generator(like.device), device=like.device, dtype=like.dtype)

    def normal(self, like: Tensor) -> Tensor:
        """z ~ N(0, 1) in the shape of ``like``: Φ⁻¹(u)."""
        z: Tensor = torch.special.ndtri(self.uniform(like).double().clamp(TINY, 1 - TINY))
        return z.to(like.dtype)

    def bernoulli(self, p: Tensor) -> Tensor:
        """1 with probability p [n, m], else 0."""
        return (self.uniform(p) < p).to(p.dtype)

    def choose(self, log_p: Tensor) -> Tensor:
        """One-hot draws [n, C] with log-probabilities up to a constant [n, C]: argmax of log p + Gumbel noise."""
        noise = -torch.log(-torch.log(self.uniform(log_p).clamp(TINY, 1 - TINY)))
        return torch.zeros_like(log_p).scatter_(1, (log_p + noise).argmax(1, keepdim=True), 1.0)

    def poisson(self, rate: Tensor) -> Tensor:
        """Counts of these rates."""
        return torch.poisson(rate, generator=self.generator(rate.device))


def product(a: Tensor, b: Tensor) -> Tensor:
    """a b, for matrices or vectors; on the CPU by NumPy's BLAS, measured to be twice as fast as torch's."""
    if a.device.type == "cpu":
        with np.errstate(all="ignore"):  # what overflows is told by whoever watches the learning
            return torch.from_numpy(np.matmul(a.numpy(), b.numpy()))
    return a @ b


@contextmanager
def calm(multiplications: float) -> Iterator[None]:
    """One pool of threads at a time: torch keeps to one thread inside, and so does BLAS where products are small.

    Two pools that wait for each other by turning round cost a factor of ten.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with one_thread(SMALL + 1) if multiplications < 4e6 else nullcontext():
            yield
    finally:
        torch.set_num_threads(threads)


def log_mean_exp(x: Tensor, dim: int = 0) -> Tensor:
    """log of the mean of exp x."""
    return torch.logsumexp(x, dim) - math.log(x.shape[dim])


def joined(parts: Sequence[Tensor]) -> Tensor:
    """Columns side by side; one part as it is."""
    return parts[0] if len(parts) == 1 else torch.cat(list(parts), dim=1)
