"""The network: a transformer that sees the tokens so far and says which comes next (Vaswani et al. 2017)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..train import Batch
from ..train.rows import deal, permuted
from ..typing import Array


class Transformer(nn.Module):
    """ids: [b, t] -> states [b, t, w], each of the tokens up to its own; logits [b, t, V] by the embedding again.

    Layers of attention and of a network with one hidden layer, each added to what it reads after that was brought to
    length √w (Zhang and Sennrich 2019); places are told by rotations of queries and keys (Su et al. 2021).
    """

    def __init__(self, size: int, width: int, layers: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.embedding = nn.Embedding(size, width)
        self.layers = nn.ModuleList(Layer(width, heads, dropout) for _ in range(layers))
        self.dropout = dropout
        nn.init.normal_(self.embedding.weight, std=width**-0.5)

    def states(self, ids: Tensor) -> Tensor:
        """What is known after each token [b, t, w]."""
        x = unit(self.embedding(ids))
        turn = rotations(ids.shape[1], self.layers[0].head, x)  # type: ignore[arg-type]
        for layer in self.layers:
            x = layer(x, turn)
        return unit(x)

    def forward(self, ids: Tensor) -> Tensor:
        """Logits of the token after each [b, t, V]."""
        return F.linear(self.states(ids), self.embedding.weight)


class Layer(nn.Module):
    """x + attention(x), and of that y: y + W₂ max(0, W₁ y)² (So et al. 2021). It starts as x -> x."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.head, self.dropout = heads, width // heads, dropout
        self.read = nn.Linear(width, 3 * width, bias=False)
        self.write = nn.Linear(width, width, bias=False)
        self.up = nn.Linear(width, 4 * width, bias=False)
        self.down = nn.Linear(4 * width, width, bias=False)
        for start in (self.read, self.up):
            nn.init.normal_(start.weight, std=width**-0.5)
        for end in (self.write, self.down):
            nn.init.zeros_(end.weight)

    def forward(self, x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
        b, t, w = x.shape
        parts = self.read(unit(x)).view(b, t, 3, self.heads, self.head)
        q, k, v = parts.transpose(1, 3).unbind(2)  # [b, h, t, w / h]
        q, k = rotated(unit(q), turn), rotated(unit(k), turn)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self._dropped(self.write(y.transpose(1, 2).reshape(b, t, w)))
        y = self.down(F.relu(self.up(unit(x))).square())
        return x + self._dropped(y)

    def _dropped(self, y: Tensor) -> Tensor:
        return F.dropout(y, self.dropout, self.training) if self.dropout else y


def unit(x: Tensor) -> Tensor:
    """x √w / |x|."""
    return F.rms_norm(x, x.shape[-1:])


def rotations(t: int, d: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """cos and sin of place · 10000^(-2i/d) [t, d/2]."""
    rate = 10_000.0 ** (-torch.arange(0, d, 2, device=like.device, dtype=torch.float32) / d)
    angle = torch.outer(torch.arange(t, device=like.device, dtype=torch.float32), rate)
    return angle.cos(), angle.sin()


def rotated(x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
    """Pairs (x_i, x_{i + d/2}) turned by the angle of their place and i."""
    cos, sin = (part.to(x.dtype) for part in turn)
    a, b = x.chunk(2, dim=-1)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1)


def next_log_probs(network: nn.Module, ids: Tensor) -> Tensor:
    """log p(t_i | t_<i) of all tokens but the first [b, t - 1], in float64."""
    logs = torch.log_softmax(network(ids[:, :-1]), dim=-1)
    return logs.gather(-1, ids[:, 1:, None])[..., 0].double()


class NextToken(nn.Module):
    """-log p(t_i | t_<i), averaged over the tokens of a batch of windows [b, T + 1]."""

    def __init__(self, network: Transformer) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        ids = batch.x.long()
        logits = self.network(ids[:, :-1])
        return {"loss": F.cross_entropy(logits.flatten(0, 1).float(), ids[:, 1:].flatten())}


class Windows:
    """A stream of tokens in windows of T + 1 that share an end, laid anew, at another offset, for each epoch."""

    def __init__(self, stream: Array, context: int, device: torch.device) -> None:
        self.stream = torch.from_numpy(stream).to(device)
        self.context = context
        self.slack = (len(stream) - 1) % context

    @property
    def n(self) -> int:
        """Windows in an epoch."""
        return (len(self.stream) - 1) // self.context

    def batches(
        self, size: int, seed: int, epoch: int, start: int = 0, rank: int = 0, world: int = 1
    ) -> Iterator[Batch]:
        """As ``Source.batches``."""
        offset = int(np.random.default_rng((seed, epoch, 1)).integers(self.slack + 1))
        inside = torch.arange(self.context + 1, device=self.stream.device)
        for at in deal(permuted(np.arange(self.n), seed, epoch), size, start, rank, world):
            first = torch.from_numpy(at * self.context + offset).to(inside)
            yield Batch(self.stream[first[:, None] + inside])
