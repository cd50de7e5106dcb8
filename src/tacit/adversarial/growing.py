"""Progressive growing: pictures are first learned small, and layers for twice the side are faded in one by one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..base import check_number
from ..errors import ArgumentError, InputError
from ..neural.fitting import Plan
from ..train import Batch, Batches, Run
from .base import Adversarial
from .networks import leaky, normalise
from .packs import Packed


class Growing(nn.Module):
    """What G and D share: ``stage`` is how often the side is still halved, ``alpha`` how far the last layer is in."""

    alpha: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.stage = 0
        self.register_buffer("alpha", torch.ones(()), persistent=False)


class GrowingGenerator(Growing):
    """z: [b, k] -> pictures of side h · 2^-stage in (-1, 1); ``channels`` are of the finest pictures first."""

    def __init__(self, shape: tuple[int, int, int], k: int, channels: Sequence[int]) -> None:
        super().__init__()
        c, h, w = shape
        last = len(channels) - 1
        self.start = (channels[-1], h >> last, w >> last)
        self.first = nn.Linear(k, math.prod(self.start))
        self.blocks = nn.ModuleList(
            nn.Conv2d(channels[min(s + 1, last)], channels[s], 3, padding=1) for s in range(last + 1)
        )
        self.pictures = nn.ModuleList(nn.Conv2d(width, c, 1) for width in channels)
        self.stage = 0

    def forward(self, z: Tensor) -> Tensor:
        h = leaky(self.first(z)).unflatten(1, self.start)
        last = len(self.blocks) - 1
        before = h
        for s in range(last, self.stage - 1, -1):
            before = h
            h = F.interpolate(h, scale_factor=2) if s < last else h
            h = leaky(self.blocks[s](h))
        x: Tensor = self.pictures[self.stage](h)
        if self.stage < last and self.alpha < 1:
            coarse = F.interpolate(self.pictures[self.stage + 1](before), scale_factor=2)
            x = torch.lerp(coarse, x, self.alpha)
        return torch.tanh(x)


class GrowingDiscriminator(Growing):
    """Pictures of side h · 2^-stage -> logits [b]: the mirror of ``GrowingGenerator``."""

    def __init__(self, shape: tuple[int, int, int], channels: Sequence[int], pack: int, spectral: bool) -> None:
        super().__init__()
        c, h, w = shape
        last = len(channels) - 1
        self.pictures = nn.ModuleList(nn.Conv2d(pack * c, width, 1) for width in channels)
        self.blocks = nn.ModuleList(
            nn.Conv2d(channels[s], channels[min(s + 1, last)], 3, padding=1) for s in range(last + 1)
        )
        self.head = nn.Linear(channels[-1] * (h >> last) * (w >> last), 1)
        if spectral:
            normalise(self)

    def forward(self, x: Tensor) -> Tensor:
        last = len(self.blocks) - 1
        h = leaky(self.pictures[self.stage](x))
        for s in range(self.stage, last + 1):
            h = leaky(self.blocks[s](h))
            h = F.avg_pool2d(h, 2) if s < last else h
            if s == self.stage < last and self.alpha < 1:
                h = torch.lerp(leaky(self.pictures[s + 1](F.avg_pool2d(x, 2))), h, self.alpha)
        out: Tensor = self.head(h.flatten(1))[:, 0]
        return out


@dataclass(eq=False, repr=False, kw_only=True)
class ProgressiveGAN(Adversarial):
    """A convolutional GAN of pictures that grows: half as many pixels a side are learned first (Karras et al. 2018).

    Each side is a stage of its own, named and resumable. New layers are faded in over the first part of it.

    Parameters
    ----------
    n_stages : int or "auto"
        Sides that are learned: h, h/2, ..., h/2^(n_stages - 1); "auto" halves as long as both sides stay even and 4 or
        more.
    fade : float
        Share of a stage in which the new layers are faded in.
    hidden_sizes : tuple of int or "auto"
        Channels at each side, the finest first.
    epochs : int or "auto"
        Over all stages, of which each gets the same number; "auto" makes about 10,000 steps.

    The others, and what is learned, are those of ``GAN``; ``history_`` has the side too.

    Raises ``InputError`` for pictures whose sides cannot be halved so often.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).random((20, 1, 8, 8))
    >>> model = ProgressiveGAN(4, hidden_sizes=(4, 8), epochs=2, random_state=0).fit(X)
    >>> model.sample(3).shape, [h["side"] for h in model.history_]
    ((3, 1, 8, 8), [4, 8])
    """

    n_stages: int | str = "auto"
    fade: float = 0.5

    def fit(self, X: object, y: object = None, sample_weight: object = None, *, checkpoint: Any = None) -> Self:
        """Learn from pictures X [n, c, h, w]; ``y`` is ignored. The rest is as in ``GAN.fit``."""
        return self._fit(X, sample_weight, None, checkpoint)

    def _check(self) -> None:
        super()._check()
        check_number(self, "n_stages", integer=True, low=1, choices=["auto"])
        check_number(self, "fade", low=0, high=1)
        sizes = self.hidden_sizes
        if not isinstance(sizes, str) and not isinstance(self.n_stages, str) and len(sizes) != self.n_stages:
            raise ArgumentError(f"hidden_sizes = {sizes!r} has {len(sizes)} widths for n_stages = {self.n_stages}")

    def _stages(self) -> int:
        """How many sides there are."""
        shape = self.layout_.shape
        if shape is None:
            raise InputError(f"{type(self).__name__} is for pictures [n, c, h, w]; X holds rows")
        asked = len(self.hidden_sizes) if not isinstance(self.hidden_sizes, str) else self.n_stages
        sides = shape[1:]
        fits = 1
        while all(side % 2**fits == 0 and side >> fits >= 4 for side in sides):
            fits += 1
        if isinstance(asked, str):
            return fits
        if any(side % 2 ** (asked - 1) or side >> (asked - 1) < 2 for side in sides):
            step = 2 ** (asked - 1)
            raise InputError(
                f"pictures of {sides[0]} x {sides[1]} cannot be halved {asked - 1} times: n_stages = {fits} at most, "
                f"or pad them to {' x '.join(str(-(-side // step) * step) for side in sides)}"
            )
        return int(asked)

    def _untrained(self) -> tuple[nn.Module, nn.Module]:
        stages, game, shape = self._stages(), self._game(), self.layout_.shape
        assert shape is not None
        channels = (32, *[64] * (stages - 1)) if isinstance(self.hidden_sizes, str) else self.hidden_sizes
        d: nn.Module = GrowingDiscriminator(shape, channels, game.pack, game.spectral_norm)
        return GrowingGenerator(shape, self.latent_dim_, channels), d if game.pack == 1 else Packed(d, game.pack)

    def _train(self, rows: Batches, plan: Plan) -> Run:
        stages = self._stages()
        whole = self._epochs(rows.n, self._batch_size(rows.n))
        history: list[dict[str, float]] = []
        full = self._reader()
        for stage in range(stages - 1, -1, -1):
            side = self.layout_.shape[1] >> stage  # type: ignore[index]
            share = whole // stages + (stages - 1 - stage < whole % stages)
            if not share:
                continue
            self._set(stage, 1.0, self.generator_, self.discriminator_)
            fade = self.fade if stage < stages - 1 else 0.0

            def read(batch: Batch, stage: int = stage) -> tuple[Tensor, tuple[Tensor, ...]]:
                x, label = full(batch)
                return F.avg_pool2d(x, 2**stage), label

            def grow(done: float, *modules: nn.Module, stage: int = stage, fade: float = fade) -> None:
                self._set(stage, min(1.0, done / fade) if fade else 1.0, *modules)

            run = self._stage(f"side {side}", rows, plan, read, share, grow, fade)
            history += [h | {"side": side} for h in run.history]
            if run.stopped != "epochs":
                break
        self._set(0, 1.0, self.generator_, self.discriminator_)
        return Run(run.step, history, len(history), run.stopped)

    @staticmethod
    def _set(stage: int, alpha: float, *modules: nn.Module) -> None:
        """The stage of players that grow, and how far their new layers are in."""
        for module in modules:
            for part in module.modules():
                if isinstance(part, Growing):
                    part.stage = stage
                    part.alpha.fill_(alpha)
