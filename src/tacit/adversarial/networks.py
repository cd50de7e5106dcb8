"""Generators and discriminators of the library's own: dense ones, convolutional ones, with labels or without."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..errors import ArgumentError
from ..neural.inputs import Layout
from ..neural.nets import ConvDecoder, ConvEncoder, Dense, halvings
from .packs import Packed


def leaky(x: Tensor) -> Tensor:
    """max(x, 0.2 x): D's slopes reach G from both sides."""
    return torch.nn.functional.leaky_relu(x, 0.2)


class Generator(nn.Module):
    """z: [b, k] -> rows [b, d] or pictures [b, c, h, w]; in (-1, 1) if ``bounded``. A label is told one-hot."""

    def __init__(self, body: nn.Module, bounded: bool, classes: int = 0) -> None:
        super().__init__()
        self.body, self.classes = body, classes
        self.last = nn.Tanh() if bounded else nn.Identity()

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        if label is not None:
            z = torch.cat([z, torch.nn.functional.one_hot(label, self.classes).to(z)], dim=1)
        x: Tensor = self.last(self.body(z))
        return x


class Discriminator(nn.Module):
    """Rows or pictures -> logits [b]: wᵀφ(x) + c, with a label (w + v_label)ᵀφ(x) + c (Miyato and Koyama 2018)."""

    def __init__(self, body: nn.Module, width: int, classes: int = 0) -> None:
        super().__init__()
        self.body, self.head = body, nn.Linear(width, 1)
        self.labels = nn.Embedding(classes, width) if classes else None
        if self.labels is not None:
            nn.init.zeros_(self.labels.weight)

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        h = self.body(x)
        out: Tensor = self.head(h)[:, 0]
        if label is not None and self.labels is not None:
            out = out + (self.labels(label) * h).sum(1)
        return out


class Flat(nn.Module):
    """A module of the user's whose answers [b, 1] are taken as [b]."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, x: Tensor, *label: Tensor) -> Tensor:
        out: Tensor = self.body(x, *label)
        return out.flatten()


def normalise(d: nn.Module) -> None:
    """Each map in D divided by its largest singular value (Miyato et al. 2018)."""
    for module in list(d.modules()):
        if isinstance(module, nn.Linear | nn.Conv2d):
            nn.utils.parametrizations.spectral_norm(module)


def generator(
    layout: Layout, latent: int, sizes: Sequence[int], convolves: bool, bounded: bool, classes: int
) -> Generator:
    """Dense through ``sizes``, or convolutional from the last of so many channels."""
    k = latent + classes
    if convolves and layout.shape is not None:
        return Generator(ConvDecoder(layout.shape, sizes, k, leaky), bounded, classes)
    body: nn.Module = Dense((k, *sizes[::-1], layout.d), leaky)
    if layout.shape is not None:
        body = nn.Sequential(body, nn.Unflatten(1, layout.shape))
    return Generator(body, bounded, classes)


def discriminator(
    layout: Layout, sizes: Sequence[int], convolves: bool, classes: int, pack: int, spectral: bool
) -> nn.Module:
    """Dense through ``sizes``, or convolutional to the last of so many channels; ``pack`` rows at once."""
    if convolves and layout.shape is not None:
        c, h, w = layout.shape
        side = halvings(layout.shape, len(sizes))[-1]
        encoder = ConvEncoder((pack * c, h, w), sizes, 1, leaky)
        d: nn.Module = Discriminator(nn.Sequential(encoder.layers, nn.Flatten()), sizes[-1] * math.prod(side), classes)
    else:
        body: list[nn.Module] = [Dense((pack * layout.d, *sizes), leaky, leaky)]
        d = Discriminator(nn.Sequential(nn.Flatten(), *body), sizes[-1], classes)
    if spectral:
        normalise(d)
    return d if pack == 1 else Packed(d, pack)


def widths(asked: Sequence[int] | str, layout: Layout, convolves: bool) -> tuple[int, ...]:
    """The widths of D from the rows on, of G towards them; channels where they are convolutional.

    >>> widths("auto", Layout(d=2), False), widths("auto", Layout(d=784), False)
    ((128, 128, 128), (512, 256))
    """
    if not isinstance(asked, str):
        return tuple(int(w) for w in asked)
    if convolves:
        return 32, 64
    return (128, 128, 128) if layout.d < 64 else (512, 256)


def check_players(g: nn.Module, d: nn.Module, layout: Layout, z: Tensor, *label: Tensor) -> None:
    """G must make rows of codes z [m, k], and D two numbers of them, m being two packs.

    Raises ``ArgumentError`` for modules of the user's that do not.
    """
    shape = layout.shape or (layout.d,)
    try:
        with torch.no_grad():
            x = g.eval()(z, *label)
            logits = d.eval()(x, *label)
    except (RuntimeError, ValueError) as error:
        raise ArgumentError(f"generator and discriminator do not fit rows of shape {shape}: {error}") from None
    finally:
        g.train()
        d.train()
    m, k = z.shape
    if x.shape != (m, *shape) or logits.shape != (2,):
        raise ArgumentError(
            f"generator must turn codes [b, {k}] into rows [b, {', '.join(map(str, shape))}], and "
            f"discriminator each pack of rows into a number; for {m} rows they give {tuple(x.shape)} and "
            f"{tuple(logits.shape)}"
        )
