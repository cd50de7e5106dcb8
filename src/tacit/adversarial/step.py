"""One adversarial step: D on real and generated rows, G against D, and the average of G."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from ..train import Batch, Training
from ..train.steps import cosine
from .game import PENALTIES, Game
from .losses import LOSSES
from .packs import whole_packs
from .watch import Watch

TELL = 5  # steps between answers of D that are told
Rows = tuple[Tensor, tuple[Tensor, ...]]  # rows [b, ...] on the networks' scale; () or (labels [b],)


def adam(parameters: Iterable[nn.Parameter], learning_rate: float) -> torch.optim.Optimizer:
    """Adam without momentum: a player that goes on where the other was circles around the equilibrium."""
    return torch.optim.Adam(parameters, lr=learning_rate, betas=(0.0, 0.99), fused=True)


class AdversarialStep:
    """One step of D, and after every ``d_steps`` of them one of G, against the same generated rows.

    ``average`` is the module that follows G; G itself starts as a copy of it. ``read(batch)`` gives the rows,
    ``noise(m)`` codes, and ``before(share done, *modules)`` is called ahead of each step. ``state`` holds both players,
    their optimisers, the average and the watch.
    """

    def __init__(
        self,
        average: nn.Module,
        discriminator: nn.Module,
        game: Game,
        read: Callable[[Batch], Rows],
        noise: Callable[[int], Tensor],
        watch: Watch,
        *,
        learning_rate: float,
        steps: int,
        training: Training,
        before: Callable[..., None] | None = None,
        fabric: Any = None,
    ) -> None:
        self.average, self.d, self.game = average, discriminator, game
        self.g = copy.deepcopy(average)
        self.read, self.noise, self.watch, self.before, self.fabric = read, noise, watch, before, fabric
        self.steps = max(steps, 1)
        self.loss = LOSSES[game.loss] if isinstance(game.loss, str) else game.loss
        penalty, self.weight = game.penalised
        self.penalty = PENALTIES[penalty] if isinstance(penalty, str) else penalty
        make = training.optimizer or adam
        self.optimizers = [make(module.parameters(), learning_rate) for module in (self.g, self.d)]
        schedule = cosine if training.schedule == "cosine" else training.schedule
        each = [math.ceil(steps / game.d_steps), steps]
        self.schedules = [schedule(o, n) for o, n in zip(self.optimizers, each)] if callable(schedule) else []
        self.clip = training.clip
        self.run_g, self.run_d = (torch.compile(m) if training.compile else m for m in (self.g, self.d))
        self.autocast: Callable[[], AbstractContextManager[Any]] = nullcontext
        if training.precision == "bf16":
            kind = next(average.parameters()).device.type
            self.autocast = lambda: torch.autocast(kind, dtype=torch.bfloat16)
        self.done = 0
        self.told: dict[str, Tensor] = {}
        pairs = list(zip(average.state_dict().values(), self.g.state_dict().values()))
        self.followed = [list(side) for side in zip(*(pair for pair in pairs if pair[0].is_floating_point()))]
        self.counters = [pair for pair in pairs if not pair[0].is_floating_point()]
        self.parameters = [list(module.parameters()) for module in (self.g, self.d)]
        if fabric and fabric.global_rank:  # the weights are the same everywhere, what is drawn from now on is not
            torch.manual_seed(torch.initial_seed() + fabric.global_rank)

    def __call__(self, batch: Batch) -> Mapping[str, Tensor]:
        if self.before is not None:
            self.before(self.done / self.steps, self.g, self.d, self.average)
        x, label = self.read(batch)
        x = whole_packs(x, self.game.pack)
        both = (self.done + 1) % self.game.d_steps == 0
        with self.autocast(), nullcontext() if both else torch.no_grad():
            y = self.run_g(self.noise(len(x)), *label)
        said = self._discriminate(x, y.detach(), label)
        if both:
            self._generate(y, label)
        self.done += 1
        self.watch(self.done, said, self.average, x, self.noise, label)
        return said

    def _discriminate(self, x: Tensor, y: Tensor, label: tuple[Tensor, ...]) -> dict[str, Tensor]:
        """D down the slope of its loss and of the penalty."""
        labels = tuple(torch.cat([c, c]) for c in label)
        with self.autocast():
            real, fake = self.run_d(torch.cat([x, y]), *labels).chunk(2)
            loss = self.loss(real, fake).discriminator
            value = -loss.detach()
            if self.penalty is not None and self.done % self.game.every == 0:
                # x and y come with labels of their own order: a critic of either, or of both after one another
                critic = lambda rows: self.d(rows, *(labels if len(rows) > len(x) else label))  # noqa: E731
                faded = self.weight * self.game.anneal ** (self.done / self.steps)
                loss = loss + faded * self.game.every * self.penalty(critic, x, y)
        self._descend(loss, 1)
        self.real = real.detach()
        if self.done % TELL == 0:
            p, q = self.real, fake.detach()
            if self.game.loss != "wasserstein":
                p, q = p.sigmoid(), q.sigmoid()
            self.told = {"d_real": p.mean(), "d_generated": q.mean()}
        return {"J": value, **self.told, "coverage": self.watch.coverage}

    def _generate(self, y: Tensor, label: tuple[Tensor, ...]) -> None:
        """G down the slope of its loss, D as it now is; then the average."""
        for p in self.parameters[1]:
            p.requires_grad_(False)
        with self.autocast():
            loss = self.loss(self.real, self.run_d(y, *label)).generator
        self._descend(loss, 0)
        for p in self.parameters[1]:
            p.requires_grad_(True)
        keep = min(self.game.average, (1 + self.done) / (10 + self.done))
        with torch.no_grad():
            mean, now = self.followed
            torch._foreach_lerp_(mean, now, 1 - keep)
            for held, new in self.counters:
                held.copy_(new)

    def _descend(self, loss: Tensor, player: int) -> None:
        parameters = self.parameters[player]
        for p in parameters:
            p.grad = None
        loss.backward()
        if self.fabric:
            for p in parameters:
                if p.grad is not None:
                    p.grad = self.fabric.all_reduce(p.grad, reduce_op="mean")
        if self.clip is not None:
            nn.utils.clip_grad_norm_(parameters, self.clip)
        self.optimizers[player].step()
        if self.schedules:
            self.schedules[player].step()

    def state(self) -> Any:
        """Both players, their optimisers, the average, what the watch has seen."""
        return {
            "modules": [m.state_dict() for m in (self.g, self.d, self.average)],
            "optimizers": [o.state_dict() for o in self.optimizers],
            "schedules": [s.state_dict() for s in self.schedules],
            "done": self.done,
            "told": self.told,
            "watch": self.watch.state(),
        }

    def restore(self, tree: Any) -> None:
        """Take up what ``state`` gave."""
        for module, weights in zip((self.g, self.d, self.average), tree["modules"]):
            module.load_state_dict(weights)
        for o, kept in zip(self.optimizers, tree["optimizers"]):
            o.load_state_dict(kept)
        for s, kept in zip(self.schedules, tree["schedules"]):
            s.load_state_dict(kept)
        self.done, self.told = tree["done"], tree["told"]
        self.watch.restore(tree["watch"])
