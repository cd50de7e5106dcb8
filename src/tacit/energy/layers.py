"""The directed layers of a deep belief network: what one tells of another, and how all learn from each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..train import Batch
from .columns import States
from .draws import Draws, product
from .machine import Machine
from .step import momentum_step
from .units import Layer


class Direction(NamedTuple):
    """One layer told by another: units with η = a W + bias for states a [n, in]."""

    layer: Layer
    W: Tensor  # [in, out]
    bias: Tensor  # [out]

    def natural(self, a: Tensor) -> Tensor:
        """η without the bias."""
        return product(a, self.W)

    def log_prob(self, a: Tensor, u: Tensor) -> Tensor:
        """log p(u | a) = log r(u) + ηᵀu - A(η) [n]."""
        eta = self.natural(a) + self.bias
        return self.layer.log_base(u) + (eta.double() * u.double()).sum(1) - self.layer.log_partition(eta)

    def learn(self, a: Tensor, u: Tensor, rate: float) -> None:
        """Up the slope of the mean log p(u | a): Δη = u - E[u | a]."""
        miss = (u - self.layer.mean(self.natural(a), self.bias)) / len(u)
        momentum_step(self.W, None, product(a.T, miss), 0.0, rate, 0.0)
        momentum_step(self.bias, None, miss.sum(0), 0.0, rate, 0.0)


class Told:
    """Batches of what the layers ``ups`` tell of rows: h₁ ~ p(h₁ | v), ..., and of the last one the means."""

    whole = True

    def __init__(self, rows: States, read: Callable[[Batch, Draws], Tensor], ups: Sequence[Direction]) -> None:
        self.rows, self.read, self.ups = rows, read, ups

    @property
    def n(self) -> int:
        """Rows in an epoch."""
        return self.rows.n

    def batches(
        self, size: int, seed: int, epoch: int, start: int = 0, rank: int = 0, world: int = 1
    ) -> Iterator[Batch]:
        """Those of the rows; their draws are named by the place of a batch."""
        for i, batch in enumerate(self.rows.batches(size, seed, epoch, start, rank, world), start):
            draws = Draws(int(np.random.SeedSequence((seed, epoch, i, rank)).generate_state(1)[0]))
            v, (*below, last) = self.read(batch, draws), self.ups
            for up in below:
                v = up.layer.sample(draws, up.natural(v), up.bias)
            yield Batch(last.layer.mean(last.natural(v), last.bias), None, batch.weight)


class UpDownStep:
    """One update of the up-down algorithm (Hinton, Osindero and Teh 2006, appendix B).

    Up: states are drawn by the recognition weights, each generative layer learns to give the layer below. At the top
    the RBM learns from them, against persistent chains. Down: states are drawn from the chains by the generative
    weights, each recognition layer learns to give the layer above.
    """

    def __init__(
        self, directions: tuple[list[Direction], list[Direction]], top: Machine, read: Any, k: int, rate: Any,
        seed: int, chains: int,
    ) -> None:  # fmt: skip
        self.directions, self.top, self.read, self.k, self.rate = directions, top, read, k, rate
        self.draws, self.updates = Draws(seed), 0
        self.chains = top.visible.sample(self.draws, top.at_rest(chains), top.b)

    def __call__(self, batch: Batch) -> Mapping[str, Tensor]:
        ups, downs = self.directions
        top, draws, rate = self.top, self.draws, self.rate(self.updates)
        states = [self.read(batch, draws)]
        for up in ups:
            states.append(up.layer.sample(draws, up.natural(states[-1]), up.bias))
        miss = states[0] - downs[0].layer.mean(downs[0].natural(states[1]), downs[0].bias)
        for i, down in enumerate(downs):
            down.learn(states[i + 1], states[i], rate)
        v, w = states[-1], self.chains
        h = top.mean_hidden(v)
        w = top.chain(draws, w, self.k)
        g = top.mean_hidden(w)
        n, s = len(v), len(w)
        momentum_step(top.W, None, product(torch.cat([v, w]).T, torch.cat([h / n, -g / s])).T, 0.0, rate, 0.0)
        momentum_step(top.b, None, v.mean(0) - w.mean(0), 0.0, rate, 0.0)
        momentum_step(top.c, None, h.mean(0) - g.mean(0), 0.0, rate, 0.0)
        self.chains = below = w
        for up, down in reversed(list(zip(ups, downs))):
            drawn = down.layer.sample(draws, down.natural(below), down.bias)
            up.learn(drawn, below, rate)
            below = drawn
        self.updates += 1
        return {"squared_error": miss.square().sum(1).mean()}

    def state(self) -> Any:
        """Weights, chains, counters."""
        ups, downs = self.directions
        weights = [p for d in (*ups, *downs) for p in d[1:]] + list(self.top[2:])
        return {"weights": weights, "chains": self.chains, "counters": [self.updates, self.draws.call]}

    def restore(self, tree: Any) -> None:
        """Take up what ``state`` gave."""
        for to, value in zip(self.state()["weights"], tree["weights"], strict=True):
            to.copy_(value)
        self.chains = tree["chains"].to(self.chains)
        self.updates, self.draws.call = tree["counters"]
