"""Which layers an encoder and its decoder are made of, and whether they fit the rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import ArgumentError
from ..train import Batch
from .coder import Coder, dtype_of
from .inputs import Layout
from .nets import Activation, ConvDecoder, ConvEncoder, Dense, Tied


def check_widths(owner: Any, order: str = "the code last, such as (512, 256, 32)") -> None:
    """``owner.hidden_sizes`` must be "auto" or some widths, in an order that the error says."""
    sizes = owner.hidden_sizes
    if isinstance(sizes, str) and sizes == "auto":
        return
    whole = isinstance(sizes, list | tuple) and len(sizes) > 0
    if not (whole and all(isinstance(w, int | np.integer) and not isinstance(w, bool) and w >= 1 for w in sizes)):
        raise ArgumentError(
            f"The 'hidden_sizes' parameter of {type(owner).__name__} must be 'auto' or a tuple of widths >= 1, "
            f"{order}. Got {sizes!r} instead."
        )


def widths(asked: Sequence[int] | str, layout: Layout, convolves: bool) -> tuple[int, ...]:
    """The widths of the hidden layers, the code last.

    >>> widths("auto", Layout(d=4), False), widths("auto", Layout(d=784), False)
    ((32, 16, 1), (512, 256, 32))
    """
    if not isinstance(asked, str):
        return tuple(int(w) for w in asked)
    d = layout.read
    if convolves:
        return 32, 64, 32
    return (512, 256, 32) if d >= 64 else (max(16, 8 * d), max(8, 4 * d), max(1, math.ceil(d / 4)))


def mirrored(
    layout: Layout,
    sizes: Sequence[int],
    written: int,
    activation: Activation,
    *,
    last: Activation = "identity",
    convolves: bool = False,
    tied: bool = False,
) -> tuple[nn.Module, nn.Module]:
    """An encoder through widths ``sizes`` that writes ``written`` numbers, and the decoder that mirrors it."""
    if convolves and layout.shape is not None:
        *channels, k = sizes
        return (
            ConvEncoder(layout.shape, channels, written, activation),
            ConvDecoder(layout.shape, channels, k, activation),
        )
    encoder = Dense((layout.read, *sizes[:-1], written), activation, last)
    decoder = Tied(encoder, activation) if tied else Dense((*sizes[::-1], layout.written), activation)
    return (encoder if layout.shape is None else nn.Sequential(nn.Flatten(), encoder)), decoder


def start_at(decoder: nn.Module, layout: Layout, mean: Tensor) -> None:
    """The last bias, so that an untrained decoder writes ``mean`` [d] for the numbers."""
    bias = list(decoder.parameters())[-1]
    with torch.no_grad():
        if len(bias) == layout.written:
            bias[: layout.d] = mean.to(bias)
        elif layout.shape is not None and len(bias) == layout.shape[0]:  # one for each channel
            bias.copy_(mean.view(len(bias), -1).mean(1))


def check_coder(coder: Coder, layout: Layout) -> int:
    """How long a code is: the coder is asked about two rows of nothing, which also shows whether its widths fit."""
    device = coder.inputs.shift.device
    codes = torch.zeros(2, len(layout.levels), dtype=torch.long, device=device) if layout.levels else None
    nothing = Batch(torch.zeros(2, layout.d, device=device), codes)
    try:
        with torch.no_grad():
            z = coder.eval().encode(coder.inputs.cells(nothing, dtype_of(coder), False))
            out = coder.decode(z)
    except (RuntimeError, ValueError) as error:
        raise ArgumentError(f"encoder and decoder do not fit rows of {layout.read} numbers: {error}") from None
    if z.ndim != 2 or out.shape != (2, layout.written):
        raise ArgumentError(
            f"encoder must give codes [b, k] and decoder {layout.written} numbers a row; for 2 rows they give "
            f"{tuple(z.shape)} and {tuple(out.shape)}"
        )
    return int(z.shape[1])
