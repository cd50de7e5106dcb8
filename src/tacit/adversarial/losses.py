"""What the two players want, as functions of D's answers; what D's slopes cost; what the value of the game says.

D answers with a logit o, D(x) = σ(o). A loss takes D's logits on real and on generated rows [b] and gives what D and
what G make small. A penalty takes a critic, real and generated rows and gives the mean of a square of slopes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

LOG_4 = math.log(4)


class Losses(NamedTuple):
    """What each player makes small."""

    discriminator: Tensor
    generator: Tensor


Loss = Callable[[Tensor, Tensor], Losses]
Critic = Callable[[Tensor], Tensor]
Penalty = Callable[[Critic, Tensor, Tensor], Tensor]


def minimax(real: Tensor, fake: Tensor) -> Losses:
    """min_G max_D J, J = E log D(x) + E log(1 - D(G(z))) (Goodfellow et al. 2014, equation 1).

    For fixed G the best D is p / (p + q), and J there is -log 4 + 2 JS(p, q) (their theorem 1).

    >>> bool(-minimax(torch.zeros(3), torch.zeros(3)).discriminator + LOG_4 < 1e-6)
    True
    """
    against = F.softplus(fake).mean()  # -E log(1 - D(G(z)))
    return Losses(F.softplus(-real).mean() + against, -against)


def non_saturating(real: Tensor, fake: Tensor) -> Losses:
    """The same for D; G makes -E log D(G(z)) small, which has a slope where D is sure (Goodfellow et al. 2014, 3)."""
    return Losses(F.softplus(-real).mean() + F.softplus(fake).mean(), F.softplus(-fake).mean())


def hinge(real: Tensor, fake: Tensor) -> Losses:
    """E max(0, 1 - o(x)) + E max(0, 1 + o(G(z))) for D, -E o(G(z)) for G (Lim and Ye 2017; Miyato et al. 2018)."""
    return Losses(F.relu(1 - real).mean() + F.relu(1 + fake).mean(), -fake.mean())


def wasserstein(real: Tensor, fake: Tensor) -> Losses:
    """E o(G(z)) - E o(x) for D, -E o(G(z)) for G; o must be 1-Lipschitz (Arjovsky et al. 2017)."""
    return Losses(fake.mean() - real.mean(), -fake.mean())


def relativistic(real: Tensor, fake: Tensor) -> Losses:
    """E log(1 + exp(o(G(z)) - o(x))) for D, and with the two exchanged for G (Jolicoeur-Martineau 2019).

    Each generated row is held against one real row, so that a mode without generated rows keeps a slope towards it.
    """
    m = min(len(real), len(fake))
    gap = real[:m] - fake[:m]
    return Losses(F.softplus(-gap).mean(), F.softplus(gap).mean())


LOSSES: dict[str, Loss] = {f.__name__: f for f in (minimax, non_saturating, hinge, wasserstein, relativistic)}


def divergence(loss: str, value: float) -> float:
    """What the value of the game, minus D's loss, says of the distance of p and q; at the best D it is exact.

    The Jensen-Shannon divergence (J + log 4) / 2 for the logistic losses, which any other D underestimates; the total
    variation 1 + J / 2 for "hinge"; the Wasserstein distance J for "wasserstein"; J + log 2 for "relativistic", a
    divergence without a name.
    """
    if loss == "hinge":
        return 1 + value / 2
    if loss == "wasserstein":
        return value
    return value + math.log(2) if loss == "relativistic" else (value + LOG_4) / 2


def zero_centred(critic: Critic, x: Tensor, y: Tensor) -> Tensor:
    """½ E‖∇o(x)‖² + ½ E‖∇o(G(z))‖²: with it the game converges near p = q (Roth et al. 2017; Mescheder et al. 2018).

    >>> zero_centred(lambda x: 3 * x[:, 0], torch.zeros(5, 2), torch.zeros(5, 2))
    tensor(9.)
    """
    return _squares(critic, torch.cat([x, y])).mean()


def one_centred(critic: Critic, x: Tensor, y: Tensor) -> Tensor:
    """E(‖∇o(x̂)‖ - 1)², x̂ between a real and a generated row (Gulrajani et al. 2017, equation 3).

    >>> one_centred(lambda x: 3 * x[:, 0], torch.zeros(5, 2), torch.ones(5, 2)).round()
    tensor(4.)
    """
    m = min(len(x), len(y))
    u = torch.rand(m, *[1] * (x.ndim - 1), dtype=x.dtype, device=x.device)
    slopes = (_squares(critic, u * x[:m] + (1 - u) * y[:m]) + 1e-12).sqrt()
    return (slopes - 1).square().mean()


def _squares(critic: Critic, x: Tensor) -> Tensor:
    """‖∇o(x)‖² [b], itself with slopes."""
    x = x.detach().requires_grad_()
    (slope,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return slope.flatten(1).square().sum(1)
