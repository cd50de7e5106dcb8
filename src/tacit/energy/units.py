r"""Layers of units, each an exponential family: p(u | η) = r(u) exp(ηᵀu - A(η)).

With one such layer on each side, E(v, h) = -hᵀWv - bᵀv - cᵀh - log r(v) - log s(h): what one layer is told by the other
enters its natural parameters, η_v = b + Wᵀh and η_h = c + Wv (Welling, Rosen-Zvi and Hinton 2005). Everything else, the
free energy, the conditionals, the ladders of annealing, follows from ``mean``, ``sample``, ``log_partition`` and
``log_base``, for any pair of kinds.

============  ==========================  =============================  ==========
units         A(η)                        mean                           log r(u)
============  ==========================  =============================  ==========
binary        log(1 + e^η)                σ(η)                           0
categorical   log Σ_c e^{η_c}             softmax                        0
Gaussian      η²/2λ + ½ log(2π/λ)         η/λ                            -λu²/2
count         e^η                         e^η                            -log u!
rectified     η²/2 + log √2π Φ(η)         η + φ(η)/Φ(η)                  -u²/2, u ≥ 0
============  ==========================  =============================  ==========

``scale`` multiplies what is in the brackets: η = scale · (a + bias) for a: [n, m]; a number or one a row [n, 1].
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from itertools import product as cartesian

import torch
from torch import Tensor
from torch.nn import functional as F

from ..kernels import units as kernels
from .draws import Draws, joined

Scale = float | Tensor
LOG_2PI = math.log(2 * math.pi)


class Layer(ABC):
    """Units of one kind."""

    bits: float | None = None  # log₂ of the number of states, None where there is no end of them

    def __init__(self, n: int) -> None:
        self.n = n

    @abstractmethod
    def mean(self, a: Tensor, bias: Tensor | None = None, scale: Scale = 1.0) -> Tensor:
        """E[u | η] [n, m]."""

    @abstractmethod
    def sample(self, draws: Draws, a: Tensor, bias: Tensor | None = None, scale: Scale = 1.0) -> Tensor:
        """u ~ p(u | η) [n, m]."""

    @abstractmethod
    def log_partition(self, a: Tensor, bias: Tensor | None = None, scale: Scale = 1.0) -> Tensor:
        """Σ_j A(η_j) [n], in float64."""

    def both(self, draws: Draws, a: Tensor, bias: Tensor | None = None, scale: Scale = 1.0) -> tuple[Tensor, Tensor]:
        """Mean and sample."""
        return self.mean(a, bias, scale), self.sample(draws, a, bias, scale)

    def log_base(self, u: Tensor) -> Tensor:
        """Σ_j log r(u_j) [n], in float64."""
        return torch.zeros(len(u), dtype=torch.float64, device=u.device)

    def states(self) -> Iterator[Tensor]:
        """All states, some thousands [s, m] at a time."""
        raise NotImplementedError


def natural(a: Tensor, bias: Tensor | None, scale: Scale) -> Tensor:
    """η = scale · (a + bias)."""
    told = a if bias is None else a + bias
    return told if isinstance(scale, float) and scale == 1.0 else told * scale


def _by_kernel(a: Tensor, scale: Scale) -> bool:
    return a.device.type == "cpu" and a.dtype == torch.float32 and isinstance(scale, float)


class Binary(Layer):
    """Units in {0, 1}."""

    def __init__(self, n: int) -> None:
        super().__init__(n)
        self.bits = float(n)

    def mean(self, a: Tensor, bias: Tensor | None = None, scale: Scale = 1.0) -> Tensor:
        return self._run(None, a, bias, scale, mean=True)[0]

    def sample(self, draws: Draws, a: Tensor, bias: Tensor | None = None, scale: Scale = 1.0) -> Tensor:
        return self._run(draws, a, bias, scale, mean=False)[1]

    def both(self, draws: Draws, a: Tensor, bias: Tensor | None = None, scale: Scale = 1.0) -> tuple[Tensor, Tensor]:
        return self._run(draws, a, bias, scale, mean=True)

    def _run(
        self, draws: Draws | None, a: Tensor, bias: Tensor | None, scale: Scale, mean: bool
    ) -> tuple[Tensor, Tensor]:
        if not _by_kernel(a, scale):
            p = torch.sigmoid(natural(a, bias, scale))
            return p, p if draws is None else draws.bernoulli(p)
        a, shift = a.contiguous(), None if bias is None else bias.numpy()
        p, s = torch.empty_like(a) if mean else a, a if draws is None else torch.empty_like(a)
        key, call = (0, 0) if draws is None else (draws.seed, draws._next())
        kernels.logistic(
            a.numpy(), shift, float(scale), key, call, p.numpy() if mean else None, s.numpy() if draws else None
        )
        return p, s

    def log_partition(self, a: Tensor, bias: Tensor | None = None, scale: Scale = 1.0) -> Tensor:
        if not _by_kernel(a, scale):
            return F.softplus(natural(a, bias, scale).double()).sum(1)
        shift = None if bias is None else bias.numpy()
        return torch.from_numpy(kernels.softplus_sums(a.contiguous().numpy(), shift, float(scale)))

    def states(self) -> Iterator[Tensor]:
        low = min(self.n, 12)
        lower = bits(low)
        for some in bits(self.n - low):
            yield torch.cat([some.expand(len(lower), -1), lower], dim=1)


class Categorical(Layer):
    """Columns of so many levels each, one-hot: [n, Σ levels]."""

    def __init__(self, levels: Sequence[int]) -> None:
        super().__init__(sum(levels))
        self.levels = tuple(levels)
        self.bits = sum(math.log2(c) for c in levels)

    def mean(self, a: Tensor, bias: Tensor | None = None, scale: Scale = 1.0) -> Tensor:
        return torch.cat([torch.softmax(part, 1) for part in self._parts(a, bias, scale)], dim=1)

    def sample(self, draws: Draws, a: Tensor, bias: Tensor | None = None, scale: Scale = 1.0) -> Tensor:
        return torch.cat([draws.choose(part) for part in self._parts(a, bias, scale)], dim=1)

    def log_partition(self, a: Tensor, bias: Tensor | None = None, scale: Scale = 1.0) -> Tensor:
        return sum((torch.logsumexp(p.double(), 1) for p in self._parts(a, bias, scale)), a.new_zeros(len(a)).double())

    def states(self) -> Iterator[Tensor]:
        eyes = [torch.eye(c) for c in self.levels]
        some: list[Tensor] = []
        for rows in cartesian(*(range(c) for c in self.levels)):
            some.append(torch.cat([eye[i] for eye, i in zip(eyes, rows)]))
            if len(some) == 4096:
                yield torch.stack(some)
                some = []
        if some:
            yield torch.stack(some)

    def _parts(self, a: Tensor, bias: Tensor | None, scale: Scale) -> tuple[Tensor, ...]:
        parts: tuple[Tensor, ...] = natural(a, bias, scale).split(list(self.levels), dim=1)
        return parts


class Gaussian(Layer):
    """Real units of precision λ [m]."""

    def __init__(self, log_precision: Tensor) -> None:
        super().__init__(len(log_precision))
        self.log_precision = log_precision

    @property
    def precision(self) -> Tensor:
        """λ [m]."""
        return self.log_precision.exp()

    def mean(self, a: Tensor, bias: Tensor | None = None, scale: Scale = 1.0) -> Tensor:
        return natural(a, bias, scale) / self.precision

    def sample(self, draws: Draws, a: Tensor, bias: Tensor | None = None, scale: Scale = 1.0) -> Tensor:
        return self.mean(a, bias, scale) + draws.normal(a) * (-0.5 * self.log_precision).exp()

    def log_partition(self, a: Tensor, bias: Tensor | None = None, scale: Scale = 1.0) -> Tensor:
        eta, log_precision = natural(a, bias, scale).double(), self.log_precision.double()
        return (0.5 * eta.square() * (-log_precision).exp() + 0.5 * (LOG_2PI - log_precision)).sum(1)

    def log_base(self, u: Tensor) -> Tensor:
        return -0.5 * u.double().square() @ self.precision.double()


class Count(Layer):
    """Counts 0, 1, 2, ..., Poisson given the other layer."""

    most = 20.0  # of η: a rate of 5e8 is a machine that has run away, and infinity helps nobody

    def mean(self, a: Tensor, bias: Tensor | None = None, scale: Scale = 1.0) -> Tensor:
        return natural(a, bias, scale).clamp(max=self.most).exp()

    def sample(self, draws: Draws, a: Tensor, bias: Tensor | None = None, scale: Scale = 1.0) -> Tensor:
        return draws.poisson(self.mean(a, bias, scale))

    def log_partition(self, a: Tensor, bias: Tensor | None = None, scale: Scale = 1.0) -> Tensor:
        return natural(a, bias, scale).double().exp().sum(1)

    def log_base(self, u: Tensor) -> Tensor:
        return -torch.lgamma(u.double() + 1).sum(1)


class Rectified(Layer):
    """Units u ≥ 0: N(η, 1) cut off at 0, the rectified unit that has an energy."""

    def mean(self, a: Tensor, bias: Tensor | None = None, scale: Scale = 1.0) -> Tensor:
        eta = natural(a, bias, scale)
        return (eta + self._hazard(eta)).clamp(min=0)

    def sample(self, draws: Draws, a: Tensor, bias: Tensor | None = None, scale: Scale = 1.0) -> Tensor:
        eta = natural(a, bias, scale).double()
        # Φ̄(u - η) = s Φ(η) for s ~ U(0, 1]: the inverse in the tail, on logarithms
        log_tail = torch.log1p(-draws.uniform(a).double()) + torch.special.log_ndtr(eta)
        drawn: Tensor = (eta - _ndtri_log(log_tail)).clamp(min=0)
        return drawn.to(a.dtype)

    def log_partition(self, a: Tensor, bias: Tensor | None = None, scale: Scale = 1.0) -> Tensor:
        eta = natural(a, bias, scale).double()
        total: Tensor = (0.5 * eta.square() + 0.5 * LOG_2PI + torch.special.log_ndtr(eta)).sum(1)
        return total

    def log_base(self, u: Tensor) -> Tensor:
        return -0.5 * u.double().square().sum(1)

    @staticmethod
    def _hazard(eta: Tensor) -> Tensor:
        """φ(η) / Φ(η)."""
        wide = eta.double()
        ratio: Tensor = (-0.5 * (wide.square() + LOG_2PI) - torch.special.log_ndtr(wide)).exp()
        return ratio.to(eta.dtype)


def _ndtri_log(log_p: Tensor) -> Tensor:
    """z with log Φ(z) = log_p: Newton's method on log Φ, which is concave."""
    z: Tensor = torch.special.ndtri(log_p.exp().clamp(1e-300, 1 - 1e-16))
    z = torch.where(log_p < -600, -torch.sqrt(-2 * log_p), z)
    for _ in range(4):
        slope = (-0.5 * (z.square() + LOG_2PI) - torch.special.log_ndtr(z)).exp()
        z = torch.where(log_p < -30, z - (torch.special.log_ndtr(z) - log_p) / slope, z)
    return z


class Mixed(Layer):
    """Layers side by side."""

    def __init__(self, parts: Sequence[Layer]) -> None:
        super().__init__(sum(part.n for part in parts))
        self.parts = tuple(parts)
        sizes = [part.bits for part in parts]
        self.bits = None if None in sizes else sum(s for s in sizes if s is not None)

    def mean(self, a: Tensor, bias: Tensor | None = None, scale: Scale = 1.0) -> Tensor:
        return joined([part.mean(x, c, scale) for part, x, c in self._cut(a, bias)])

    def sample(self, draws: Draws, a: Tensor, bias: Tensor | None = None, scale: Scale = 1.0) -> Tensor:
        return joined([part.sample(draws, x, c, scale) for part, x, c in self._cut(a, bias)])

    def log_partition(self, a: Tensor, bias: Tensor | None = None, scale: Scale = 1.0) -> Tensor:
        return torch.stack([part.log_partition(x, c, scale) for part, x, c in self._cut(a, bias)]).sum(0)

    def log_base(self, u: Tensor) -> Tensor:
        return torch.stack([part.log_base(some) for part, some, _ in self._cut(u, None)]).sum(0)

    def states(self) -> Iterator[Tensor]:
        for each in cartesian(*([s for some in part.states() for s in some] for part in self.parts)):
            yield torch.cat(each)[None]

    def _cut(self, a: Tensor, bias: Tensor | None) -> list[tuple[Layer, Tensor, Tensor | None]]:
        widths = [part.n for part in self.parts]
        biases: Sequence[Tensor | None] = [None] * len(widths) if bias is None else bias.split(widths)
        return list(zip(self.parts, a.split(widths, dim=1), biases))


def bits(n: int) -> Tensor:
    """All words of n bits [2ⁿ, n], as floats.

    >>> bits(2).tolist()
    [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
    """
    words = torch.arange(2**n)[:, None] >> torch.arange(n - 1, -1, -1)
    return (words & 1).float()


def unit_gaussian(n: int) -> Gaussian:
    """Gaussian units of precision 1."""
    return Gaussian(torch.zeros(n))
