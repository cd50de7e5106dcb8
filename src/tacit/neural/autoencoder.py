"""Autoencoder: a code for each row from which the row can be had back."""

from __future__ import annotations

import copy
from collections.abc import Callable

from torch import Tensor, nn

from ..train import Training
from ..typing import Seed
from .coder import Coder
from .estimator import CoderEstimator
from .inputs import Judge, squared_error
from .nets import Activation, ConvDecoder, ConvEncoder, Dense, Tied, check_activation


class Autoencoder(CoderEstimator):
    """x̃ = decoder(encoder(x)), with the mean loss L(x̃, x) over the rows made small."""

    def __init__(
        self,
        hidden_sizes: tuple[int, ...] | str = "auto",
        *,
        activation: Activation = "relu",
        code_activation: Activation | None = None,
        output: str = "auto",
        loss: str | Callable[[Tensor, Tensor], Tensor] = "squared_error",
        tied: bool = False,
        convolutional: bool | str = "auto",
        encoder: nn.Module | None = None,
        decoder: nn.Module | None = None,
        scale: str | None = "auto",
        epochs: int | str = "auto",
        batch_size: int | str = "auto",
        learning_rate: float = 1e-3,
        training: Training | None = None,
        device: str = "auto",
        random_state: Seed = None,
    ) -> None:
        self.hidden_sizes = hidden_sizes
        self.activation = activation
        self.code_activation = code_activation
        self.output = output
        self.loss = loss
        self.tied = tied
        self.convolutional = convolutional
        self.encoder = encoder
        self.decoder = decoder
        self.scale = scale
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.training = training
        self.device = device
        self.random_state = random_state

    def _check(self) -> None:
        super()._check()
        self._check_widths()
        check_activation(self, "activation")

    def _build(self) -> Coder:
        if self.encoder is not None:
            return Coder(self._inputs(), copy.deepcopy(self.encoder), copy.deepcopy(self.decoder))
        layout, widths = self.layout_, self._widths()
        last = self.code_activation or (self.activation if len(widths) == 1 else "identity")
        if self._convolves() and layout.shape is not None:
            *channels, k = widths
            encoder: nn.Module = ConvEncoder(layout.shape, channels, k, self.activation)
            return Coder(self._inputs(), encoder, ConvDecoder(layout.shape, channels, k, self.activation))
        dense = Dense((layout.read, *widths), self.activation, last)
        decoder = Tied(dense, self.activation) if self.tied else Dense((*widths[::-1], layout.written), self.activation)
        if layout.shape is not None:
            return Coder(self._inputs(), nn.Sequential(nn.Flatten(), dense), decoder)
        return Coder(self._inputs(), dense, decoder)

    def _judge(self) -> Judge:
        return Judge(self.layout_, squared_error)
