"""D of several rows at once, which sees that modes are missing (Lin et al. 2018): packs of rows, D of them, p / q."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

COMPANIONS = 16  # draws of the rows beside a row that D is asked about


def whole_packs(x: Tensor, size: int) -> Tensor:
    """The rows without those that fill no pack, so that none holds real and generated ones; of too few, some again.

    >>> whole_packs(torch.arange(5), 2).tolist(), whole_packs(torch.arange(2), 3).tolist()
    ([0, 1, 2, 3], [0, 1, 0])
    """
    if len(x) < size:
        return x[torch.arange(size, device=x.device) % len(x)]
    return x[: len(x) - len(x) % size]


class Packed(nn.Module):
    """D of ``size`` rows side by side: [b, ...] -> [b / size]. Rows that make no whole pack are shown again."""

    def __init__(self, body: nn.Module, size: int) -> None:
        super().__init__()
        self.body, self.size = body, size

    def forward(self, x: Tensor) -> Tensor:
        more = -len(x) % self.size
        if more:
            x = torch.cat([x, x[:more] if len(x) >= more else x[:1].expand(more, *x.shape[1:])])
        out: Tensor = self.body(x.reshape(len(x) // self.size, self.size * x.shape[1], *x.shape[2:]))
        return out.flatten()


def log_ratio(
    generator: nn.Module, discriminator: nn.Module, x: Tensor, draw: Callable[[int], Tensor], size: int
) -> Tensor:
    """log p(x) / q(x) [b], from D of ``size`` rows and codes that are drawn.

    At its best D's logit is Σ log p / q over a pack: that of x among generated rows, less what these have without it.
    """

    def generated(m: int) -> Tensor:
        rows: Tensor = generator(draw(m).to(x))
        return rows

    b, m = len(x), COMPANIONS
    others = generated(m * (size - 1)).unflatten(0, (m, size - 1))  # [m, size - 1, ...]
    total = torch.zeros(b, device=x.device)
    for beside in others:
        packs = torch.cat([x[:, None], beside.expand(b, *beside.shape)], dim=1).flatten(0, 1)
        total += discriminator(packs)
    alone = discriminator(generated(64 * size)).mean()  # size · E_q[log p / q]
    ratio: Tensor = total / m - (size - 1) / size * alone
    return ratio
