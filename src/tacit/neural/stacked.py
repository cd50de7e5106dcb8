"""Stacked autoencoders: each layer learns to give back what the layer below says of the rows, then all together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..base import check_number
from ..errors import ArgumentError
from ..train import Batch, Batches, Run
from .coder import Coder, dtype_of, weighted_mean
from .corruption import Corrupt, check_corruption, corruption
from .fitting import Plan, run_stage
from .inputs import Cells, Judge
from .nets import Dense
from .reconstructing import Reconstructing


@dataclass(eq=False, repr=False, kw_only=True)
class StackedAutoencoder(Reconstructing):
    """z₁ recovers x, z₂ recovers z₁, ..., then all layers are fine-tuned so that z_L recovers x.

    Layer l is σ(W_l z_{l-1} + b_l), with a decoder of its own while it is learned (Bengio et al. 2007); with
    ``corruption`` each layer mends what it is given (Vincent et al. 2010). The decoders make up that of the whole.

    Parameters
    ----------
    hidden_sizes : tuple of int or "auto"
        Widths of the layers, the code last.
    corruption : None, {"gaussian", "masking", "salt_and_pepper"}, callable, or a tuple with one for each layer
        As in ``DenoisingAutoencoder``; None learns plain layers.
    level : float or tuple of float
        Of the corruption, for each layer.
    pretrain_epochs : int or "auto"
        For each layer.
    epochs : int or "auto"
        Of the fine-tuning.

    The rest is as in ``Autoencoder``; ``pretrain_history_`` has a list for each layer. ``to_classifier()`` gives a
    classifier that starts from the encoder.

    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(200, 2)) @ np.ones((2, 8))
    >>> model = StackedAutoencoder((6, 2), pretrain_epochs=5, epochs=5, random_state=0).fit(X)
    >>> len(model.pretrain_history_), model.transform(X).shape
    (2, (200, 2))
    """

    corruption: str | Callable[[Tensor], Tensor] | tuple[Any, ...] | None = None
    level: float | tuple[float, ...] = 0.25
    pretrain_epochs: int | str = "auto"
    # dense layers made here, each with weights of its own: no parameters
    convolutional: bool | str = field(default=False, init=False)
    encoder: nn.Module | None = field(default=None, init=False)
    decoder: nn.Module | None = field(default=None, init=False)
    tied: bool = field(default=False, init=False)

    def _check(self) -> None:
        super()._check()
        check_number(self, "pretrain_epochs", integer=True, low=1, choices=["auto"])

    def _layers(self) -> list[tuple[Any, float]]:
        """Corrupt and level of each layer."""
        depth = len(self._widths())
        kinds = self.corruption if isinstance(self.corruption, tuple) else (self.corruption,) * depth
        levels = self.level if isinstance(self.level, tuple) else (self.level,) * depth
        if len(kinds) != depth or len(levels) != depth:
            raise ArgumentError(f"corruption and level: one for each of the {depth} layers, or one for all")
        for kind, level in zip(kinds, levels):
            if kind is not None:
                check_corruption(self, kind, level)
        return list(zip(kinds, levels))

    def _train(self, rows: Batches, held: Batches | None, plan: Plan) -> Run:
        up = dense(self.coder_.encoder).pieces
        down = dense(self.coder_.decoder).pieces[::-1]
        likeness = F.binary_cross_entropy_with_logits if self._probabilities() else F.mse_loss
        self.pretrain_history_ = []
        for l, (kind, level) in enumerate(self._layers()):
            if l == 0:
                corrupt = None if kind is None else corruption(kind, float(level), self.low_, self.high_)
                layer: nn.Module = FirstLayer(self.coder_, up[0], down[0], self._judge(), self.gaps_, corrupt)
            else:
                corrupt = None if kind is None else corruption(kind, float(level))
                mirror = down[l][:1] if self._probabilities() else down[l]
                layer = NextLayer(self.coder_, nn.Sequential(*up[:l]), up[l], mirror, self.gaps_, corrupt, likeness)
            run = run_stage(f"layer {l + 1}", layer, rows, held, self.pretrain_epochs, plan)
            self.pretrain_history_.append(run.history)
        return run_stage("fine-tuning", self._objective(), rows, held, self.epochs, plan)

    def _probabilities(self) -> bool:
        """Whether what the layers say lies in [0, 1] and is judged by cross-entropy."""
        return bool(self.loss == "cross_entropy" and self.activation in ("logistic", "sigmoid"))


class FirstLayer(nn.Module):
    """x back from z₁."""

    def __init__(
        self, coder: Coder, up: nn.Module, down: nn.Module, judge: Judge, gaps: bool, corrupt: Corrupt | None
    ) -> None:
        super().__init__()
        self.up, self.down = up, down
        self._coder = [coder]  # in a list: its other layers are not trained here
        self.judge, self.gaps, self.corrupt = judge, gaps, corrupt

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        coder = self._coder[0]
        clean = coder.inputs.cells(batch, dtype_of(self), self.gaps)
        given = clean if self.corrupt is None else self.corrupt(clean)
        z = self.up(coder.inputs(given).flatten(1))
        return {"loss": weighted_mean(self.judge(self.down(z), clean), batch.weight)}


class NextLayer(nn.Module):
    """z_{l-1} back from z_l, the layers below at rest."""

    def __init__(
        self,
        coder: Coder,
        below: nn.Module,
        up: nn.Module,
        down: nn.Module,
        gaps: bool,
        corrupt: Corrupt | None,
        likeness: Callable[..., Tensor],
    ) -> None:
        super().__init__()
        self.up, self.down = up, down
        self._coder, self._below = [coder], [below]
        self.gaps, self.corrupt, self.likeness = gaps, corrupt, likeness

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        coder = self._coder[0]
        with torch.no_grad():
            h = self._below[0](coder.inputs(coder.inputs.cells(batch, dtype_of(self), self.gaps)).flatten(1))
        given = h if self.corrupt is None else self.corrupt(Cells(h, None, None)).x
        loss = self.likeness(self.down(self.up(given)), h, reduction="none").sum(1)
        return {"loss": weighted_mean(loss, batch.weight)}


def dense(module: nn.Module) -> Dense:
    """The dense layers of an encoder or decoder."""
    return next(part for part in module.modules() if isinstance(part, Dense))
