"""A stage of the game: so many epochs of the loop, what went wrong in them, and the best average of G."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import CollapseWarning
from ..neural.fitting import Plan
from ..train import Batch, Batches, Report, Run, train
from .game import Game
from .losses import divergence
from .step import AdversarialStep, Rows
from .watch import ADVICE, Watch

LOOK = 50  # steps between looks at how the game goes, at least


def play(
    name: str,
    players: tuple[nn.Module, nn.Module],
    game: Game,
    latent_dim: int,
    rows: Batches,
    plan: Plan,
    *,
    read: Callable[[Batch], Rows],
    epochs: int,
    batch_size: int,
    before: Callable[..., None] | None = None,
    settled: float = 0.0,
) -> Run:
    """Train G and D, the ``players``, in place; G becomes the average of its weights.

    ``read`` and ``before`` are those of ``AdversarialStep``; ``settled`` is the share of the steps after which both
    players are whole. Where there is trouble the run ends, ``CollapseWarning`` says why, and G takes its weights of the
    best coverage.
    """
    generator, discriminator = players
    steps = epochs * math.ceil(rows.n / batch_size)
    device = next(generator.parameters()).device
    watch = Watch(max(LOOK, min(1000, steps // 20)), math.ceil(settled * steps))

    def draw(m: int) -> Tensor:
        return torch.randn(m, latent_dim, device=device)

    def make(fabric: Any) -> AdversarialStep:
        return AdversarialStep(
            generator,
            discriminator,
            game,
            read,
            draw,
            watch,
            learning_rate=plan.learning_rate,
            steps=steps,
            training=plan.training,
            before=before,
            fabric=fabric,
        )

    def troubled(report: Report) -> bool:
        return bool(watch.trouble)

    run = train(
        make,
        rows,
        epochs=epochs,
        batch_size=batch_size,
        seed=plan.seed,
        stage=name,
        training=replace(plan.training, callbacks=(*plan.training.callbacks, troubled)),
        checkpoint=None if plan.checkpoint is None else Path(plan.checkpoint),
        about=plan.about,
        fabric=plan.fabric,
    )
    better = watch.better()
    if better is not None:
        generator.load_state_dict(better)
    if watch.trouble:
        kept = f" G's weights of the best coverage, {watch.best:.2f}, are kept." if better is not None else ""
        warnings.warn(f"{name}: {ADVICE[watch.trouble]}.{kept}", CollapseWarning, stacklevel=6)
    if isinstance(game.loss, str):
        for told in run.history:
            told["divergence"] = divergence(game.loss, told["J"])
    return run._replace(stopped=watch.trouble or run.stopped)
