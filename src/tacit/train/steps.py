"""The step of most networks: one module, one optimiser, one loss."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from .loop import Training


def adam(parameters: Iterable[nn.Parameter], learning_rate: float) -> torch.optim.Optimizer:
    """Adam (Kingma and Ba 2015) in one kernel a step."""
    return torch.optim.Adam(parameters, lr=learning_rate, fused=True)


def cosine(optimizer: torch.optim.Optimizer, steps: int) -> torch.optim.lr_scheduler.LRScheduler:
    """η_t = η ½ (1 + cos(π t / T)) (Loshchilov and Hutter 2017, equation 5, without restarts)."""
    return torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=max(steps, 1))


class GradientStep:
    """One step down the gradient of ``module(batch)["loss"]``.

    The module returns its scalars by name, the loss first. ``steps`` is how many there will be, for the schedule.
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        learning_rate: float,
        steps: int,
        training: Training,
        fabric: Any = None,
    ) -> None:
        self.module = module
        self.parameters = [p for p in module.parameters() if p.requires_grad]
        self.optimizer = (training.optimizer or adam)(self.parameters, learning_rate)
        schedule = cosine if training.schedule == "cosine" else training.schedule
        self.schedule = schedule(self.optimizer, steps) if callable(schedule) else None
        self.clip = training.clip
        self.fabric = fabric
        run: Any = torch.compile(module) if training.compile else module
        self.run = fabric.setup_module(run) if fabric else run
        self.autocast: Callable[[], AbstractContextManager[Any]] = nullcontext
        if training.precision == "bf16":
            kind = next(module.parameters()).device.type
            self.autocast = lambda: torch.autocast(kind, dtype=torch.bfloat16)

    def __call__(self, batch: Any) -> Mapping[str, Tensor]:
        with self.autocast():
            said: dict[str, Tensor] = self.run(batch)
        for p in self.parameters:
            p.grad = None
        if self.fabric:
            self.fabric.backward(said["loss"])
        else:
            said["loss"].backward()
        if self.clip is not None:
            nn.utils.clip_grad_norm_(self.parameters, self.clip)
        self.optimizer.step()
        if self.schedule is not None:
            self.schedule.step()
        return {name: value.detach() for name, value in said.items()}

    def state(self) -> Any:
        """Weights, optimiser and schedule."""
        schedule = self.schedule.state_dict() if self.schedule is not None else None
        return {"module": self.module.state_dict(), "optimizer": self.optimizer.state_dict(), "schedule": schedule}

    def restore(self, tree: Any) -> None:
        """Take up what ``state`` gave."""
        self.module.load_state_dict(tree["module"])
        self.optimizer.load_state_dict(tree["optimizer"])
        if self.schedule is not None:
            self.schedule.load_state_dict(tree["schedule"])
