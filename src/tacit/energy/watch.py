"""Whether learning still goes well: free energies, weights, and figures that are looked at now and then."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from ..errors import TrainingError
from ..train import Report, Training
from ..train.state import copied, finite
from .columns import Columns
from .step import ContrastiveStep


class Watch:
    """Stops learning that has diverged, with the last good state.

    A row's probability is at most e^{F(model's state) - F(row)}, for p(model's state) ≤ 1: when the mean gap
    F(rows) - F(model's) exceeds the entropy of fair coins in place of the columns, guessing would be better.
    """

    def __init__(self, step: ContrastiveStep, columns: Columns) -> None:
        binary, gaussian, count, levels = columns.sizes
        self.most = 10 + binary * math.log(2) + sum(map(math.log, levels)) + 10.0 * (gaussian + count)
        self.step, self.good = step, copied(step.state())
        self.over = 0

    def __call__(self, report: Report) -> None:
        gap, size = report.values.get("free_energy_gap", 0.0), report.values.get("weights", 0.0)
        self.over = self.over + 1 if gap > self.most or size > 100 else 0
        broken = report.ended and not finite(self.step.state())
        if self.over >= 3 or broken:
            self.step.restore(self.good)
            raise TrainingError(
                f"learning diverged in pass {report.epoch} of {report.epochs}: the rows lie {gap:.3g} nats above the "
                f"model's own states in free energy, and weights are about {size:.3g}. Lower learning_rate, give "
                "weight_decay, or take method='pt' or a larger k. The last good state is kept."
            )
        if report.ended and not self.over:
            self.good = copied(self.step.state())


def watched(training: Training, watch: Watch) -> Training:
    """The same, heard by ``watch``."""
    return replace(training, callbacks=(*training.callbacks, watch))


def every(period: int, look: Callable[[], dict[str, float]]) -> Callable[[], dict[str, float]]:
    """What ``look`` says at the first of so many calls, and again at the others."""
    calls = 0
    said: dict[str, float] = {}

    def ask() -> dict[str, float]:
        nonlocal calls, said
        if calls % period == 0:
            said = look()
        calls += 1
        return said

    return ask
