"""How a transformer goes down its gradient: matrices by Muon, tables of vectors by AdamW, after a warm-up."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch

from ..train import Training
from .transformer import Transformer

WARM = 0.02  # share of the steps
DECAY = 0.1
BETAS = (0.9, 0.95)


class Together(torch.optim.Optimizer):
    """Several optimisers, each of its own weights, as one."""

    def __init__(self, *parts: torch.optim.Optimizer) -> None:
        self.parts = parts
        super().__init__([{"params": group["params"]} for part in parts for group in part.param_groups], {})
        self._share()

    def _share(self) -> None:
        """A schedule that sets the learning rate of a group here sets it there."""
        self.param_groups = [group for part in self.parts for group in part.param_groups]

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """That of each."""
        for part in self.parts:
            part.step()

    def state_dict(self) -> dict[str, Any]:
        """Those of all."""
        return {"parts": [part.state_dict() for part in self.parts]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up what ``state_dict`` gave."""
        for part, state in zip(self.parts, state_dict["parts"], strict=True):
            part.load_state_dict(state)
        self._share()


def muon(network: Transformer) -> Callable[[Any, float], torch.optim.Optimizer]:
    """Matrices of layers move along the orthogonal matrix next to their momentum (Jordan et al. 2024), by steps as
    long as Adam's (Liu et al. 2025); the embedding moves by AdamW (Loshchilov and Hutter 2019)."""

    def make(_: Any, learning_rate: float) -> torch.optim.Optimizer:
        layers = torch.optim.Muon(
            network.layers.parameters(), learning_rate, weight_decay=DECAY, adjust_lr_fn="match_rms_adamw"
        )
        table = torch.optim.AdamW([network.embedding.weight], learning_rate, betas=BETAS, weight_decay=0.0, fused=True)
        return Together(layers, table)

    return make


def adamw(parameters: Any, learning_rate: float) -> torch.optim.Optimizer:
    """Adam with decay of the weights apart from the gradient (Loshchilov and Hutter 2019)."""
    return torch.optim.AdamW(parameters, learning_rate, betas=BETAS, weight_decay=DECAY, fused=True)


def warm_cosine(optimizer: torch.optim.Optimizer, steps: int) -> torch.optim.lr_scheduler.LRScheduler:
    """η_t = η min(t / w, ½ (1 + cos(π t / T))) with w = T / 50."""
    warm = max(1, math.ceil(WARM * steps))
    return torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda t: min((t + 1) / warm, 0.5 * (1 + math.cos(math.pi * min(t / max(steps, 1), 1))))
    )


def filled(training: Training, optimizer: Callable[[Any, float], torch.optim.Optimizer]) -> Training:
    """What was left to us: the optimiser, and a warm-up before the cosine."""
    schedule = warm_cosine if training.schedule == "cosine" else training.schedule
    return replace(training, optimizer=training.optimizer or optimizer, schedule=schedule)
