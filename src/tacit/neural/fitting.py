"""A stage of training: sizes that were left to us, the step, the loss of rows held out, the loop."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from ..errors import ArgumentError
from ..rng import generator
from ..train import Batches, GradientStep, Run, Training, train
from ..train.device import processes

HOW = ("epochs", "pretrain_epochs", "batch_size", "training", "device", "random_state")  # may change, or kept apart


class Plan(NamedTuple):
    """How every stage of a fit is run."""

    batch_size: int | str
    learning_rate: float
    training: Training
    seed: int
    checkpoint: Any
    about: Mapping[str, Any]
    fabric: Any


def make_plan(estimator: Any, checkpoint: Any, device: torch.device, **about: Any) -> Plan:
    """The plan that an estimator's parameters make.

    ``about``, and the parameters that say what is learned, must be the same when a checkpoint is taken up.
    """
    training = Training() if estimator.training is None else estimator.training
    seed = int(generator(estimator.random_state).integers(2**31))
    about |= {"model": type(estimator).__name__}
    about |= {name: _word(value) for name, value in estimator.get_params(deep=False).items() if name not in HOW}
    return Plan(
        estimator.batch_size, float(estimator.learning_rate), training, seed, checkpoint, about, processes(device)
    )


def _word(value: Any) -> str:
    """A parameter in a word that is the same in another process."""
    plain = value is None or isinstance(value, bool | int | float | str | tuple | list)
    return repr(value) if plain else str(getattr(value, "__qualname__", type(value).__qualname__))


def batch_size(asked: int | str, n: int) -> int:
    """ "auto": about a tenth of the rows as a power of two, 32 to 256.

    >>> [batch_size("auto", n) for n in (10, 150, 1797, 60000)]
    [10, 32, 128, 256]
    """
    if isinstance(asked, str):
        return min(n, int(2 ** max(5, min(8, math.floor(math.log2(max(n, 10) / 10))))))
    if asked > n:
        raise ArgumentError(f"batch_size = {asked} is more than the {n} rows there are: make it smaller")
    return int(asked)


def epochs(asked: int | str, n: int, size: int) -> int:
    """ "auto": about 3,000 steps, 5 to 50 epochs.

    >>> [epochs("auto", n, batch_size("auto", n)) for n in (150, 1797, 60000, 600000)]
    [50, 50, 13, 5]
    """
    return min(50, max(5, round(3000 / math.ceil(n / size)))) if isinstance(asked, str) else int(asked)


def run_stage(
    name: str, objective: nn.Module, rows: Batches, held: Batches | None, asked: int | str, plan: Plan
) -> Run:
    """Train ``objective`` for ``asked`` epochs."""
    size = batch_size(plan.batch_size, rows.n)
    count = epochs(asked, rows.n, size)
    objective.train()

    def step(fabric: Any) -> GradientStep:
        steps = count * math.ceil(rows.n / size)
        return GradientStep(
            objective, learning_rate=plan.learning_rate, steps=steps, training=plan.training, fabric=fabric
        )

    def evaluate() -> dict[str, float]:
        assert held is not None
        total = 0.0
        objective.eval()
        with torch.no_grad():
            for batch in held.batches(min(max(size, 1024), held.n), plan.seed, 0):
                total += float(objective(batch)["loss"]) * len(batch.x)
        objective.train()
        return {"validation_loss": total / held.n}

    try:
        run = train(
            step,
            rows,
            epochs=count,
            batch_size=size,
            seed=plan.seed,
            stage=name,
            training=plan.training,
            evaluate=None if held is None else evaluate,
            checkpoint=None if plan.checkpoint is None else Path(plan.checkpoint),
            about=plan.about,
            fabric=plan.fabric,
        )
    except torch.OutOfMemoryError as error:
        raise ArgumentError(
            f"not enough memory for batches of {size} rows: make batch_size smaller ({error})"
        ) from None
    finally:
        objective.eval()
    return run
