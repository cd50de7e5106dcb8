"""Encoder and decoder about one code, and what is asked of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ..train import Batch
from .corruption import Corrupt
from .inputs import Cells, Inputs, Judge


class Coder(nn.Module):
    """z = encoder(inputs(x)), output = decoder(z)."""

    def __init__(self, inputs: Inputs, encoder: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.inputs = inputs
        self.encoder = encoder
        self.decoder = decoder

    def encode(self, cells: Cells) -> Tensor:
        """Codes [b, k]."""
        z: Tensor = self.encoder(self.inputs(cells))
        return z

    def decode(self, z: Tensor) -> Tensor:
        """What the decoder writes, pictures as rows: [b, written]."""
        out: Tensor = self.decoder(z)
        return out.flatten(1)


class Reconstruction(nn.Module):
    """The mean over a batch of L(decode(encode(corrupted x)), x), weighted."""

    def __init__(self, coder: Coder, judge: Judge, gaps: bool, corrupt: Corrupt | None = None) -> None:
        super().__init__()
        self.coder = coder
        self.judge = judge
        self.gaps = gaps
        self.corrupt = corrupt
        self.dtype = dtype_of(coder)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        clean = self.coder.inputs.cells(batch, self.dtype, self.gaps)
        given = clean if self.corrupt is None else self.corrupt(clean)
        loss = self.judge(self.coder.decode(self.coder.encode(given)), clean)
        return {"loss": weighted_mean(loss, batch.weight)}


def weighted_mean(loss: Tensor, weight: Tensor | None) -> Tensor:
    """Σ w_i L_i / b; the weights have mean 1 over all rows."""
    return loss.mean() if weight is None else (loss * weight).mean()


def dtype_of(module: nn.Module) -> torch.dtype:
    """The precision of a module's weights."""
    return next((p.dtype for p in module.parameters()), torch.float32)


def parameter_bytes(build: Callable[[], Any]) -> int:
    """What the weights, gradients and Adam's two averages of ``build()`` take, without building it."""
    with torch.device("meta"):
        module = build()
    return sum(4 * p.numel() * p.element_size() for p in module.parameters())
