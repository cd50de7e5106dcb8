"""What autoencoders share whose decoder gives the row back: an output, a loss, perhaps tied weights."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from ..base import check_choice
from ..errors import ArgumentError
from .architecture import mirrored
from .classifier import Classifiable
from .coder import Coder, Reconstruction
from .estimator import CoderEstimator
from .inputs import Judge, losses
from .nets import Activation, check_activation


@dataclass(eq=False, repr=False, kw_only=True)
class Reconstructing(Classifiable, CoderEstimator):
    """An abstract autoencoder that learns to make L(x̃, x) small, x̃ = decoder(encoder(x))."""

    code_activation: Activation | None = None
    output: str = "auto"
    loss: str | Callable[[Tensor, Tensor], Tensor] = "squared_error"
    tied: bool = False
    _free = "loss='squared_error'"

    def _check(self) -> None:
        super()._check()
        if self.code_activation is not None:
            check_activation(self, "code_activation")
        if not callable(self.loss):
            check_choice(self, "loss", ["squared_error", "cross_entropy"])
        check_choice(self, "output", ["auto", "identity", "sigmoid"])
        if self.loss == "cross_entropy" and self.output == "identity":
            raise ArgumentError("cross-entropy needs output='sigmoid': an identity output is no probability")
        check_choice(self, "tied", [True, False])
        if self.tied and self.encoder is not None:
            raise ArgumentError("tied=True is for layers that are made here, not for your own encoder and decoder")

    def _build(self) -> Coder:
        if self.encoder is not None and self.decoder is not None:
            return Coder(self._inputs(), copy.deepcopy(self.encoder), copy.deepcopy(self.decoder))
        if self.tied and self._convolves():
            raise ArgumentError("tied=True is for dense layers: give convolutional=False, which flattens pictures")
        sizes = self._widths()
        nets = mirrored(
            self.layout_,
            sizes,
            sizes[-1],
            self.activation,
            last=self.code_activation or (self.activation if len(sizes) == 1 else "identity"),
            convolves=self._convolves(),
            tied=self.tied,
        )
        return Coder(self._inputs(), *nets)

    def _judge(self) -> Judge:
        return Judge(self.layout_, losses(self.loss, self._link()))

    def _link(self) -> str:
        if self.output != "auto":
            return self.output
        return "sigmoid" if self.loss == "cross_entropy" else "identity"

    def _objective(self) -> nn.Module:
        return Reconstruction(self.coder_, self._judge(), self.gaps_)
