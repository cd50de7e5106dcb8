"""Layers put together: dense and convolutional encoders, and decoders that mirror them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..errors import ArgumentError

Activation = str | Callable[[Tensor], Tensor]
_NAMES: dict[str, Callable[[Tensor], Tensor]] = {"identity": lambda x: x, "logistic": torch.sigmoid}


class Activate(nn.Module):
    """A function of one tensor as a layer: a name of ``torch.nn.functional``, scikit-learn's names, or a callable."""

    def __init__(self, activation: Activation) -> None:
        super().__init__()
        self.function = activation if callable(activation) else _NAMES.get(activation) or getattr(F, activation)

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def check_activation(owner: Any, name: str) -> None:
    """``owner.name`` must be an activation."""
    value = getattr(owner, name)
    if not (callable(value) or (isinstance(value, str) and (value in _NAMES or callable(getattr(F, value, None))))):
        raise ArgumentError(
            f"The {name!r} parameter of {type(owner).__name__} must be a function of torch.nn.functional by name, such "
            f"as 'relu', or 'identity' or 'logistic', or a callable. Got {value!r} instead."
        )


class Dense(nn.Sequential):
    """x: [b, sizes[0]] -> [b, sizes[-1]], with ``activation`` between layers and ``last`` after them."""

    def __init__(self, sizes: Sequence[int], activation: Activation, last: Activation = "identity") -> None:
        layers: list[nn.Module] = []
        for i, (fan_in, fan_out) in enumerate(pairwise(sizes)):
            layers.append(nn.Linear(fan_in, fan_out))
            end = i == len(sizes) - 2
            if not end or last != "identity":
                layers.append(Activate(last if end else activation))
        super().__init__(*layers)

    @property
    def linear(self) -> list[nn.Linear]:
        """The layers with weights."""
        return [layer for layer in self if isinstance(layer, nn.Linear)]

    @property
    def pieces(self) -> list[nn.Sequential]:
        """One for each layer: its weights, and what is applied to them."""
        at = [i for i, layer in enumerate(self) if isinstance(layer, nn.Linear)]
        layers = list(self)
        return [nn.Sequential(*layers[lo:hi]) for lo, hi in pairwise([*at, len(self)])]


class Tied(nn.Module):
    """The decoder of a dense encoder with the same weights: h_l = σ(Wₗᵀ h_{l+1} + cₗ), from the code down."""

    def __init__(self, encoder: Dense, activation: Activation) -> None:
        super().__init__()
        self._of = [encoder]  # in a list: the weights are the encoder's, and counted there
        self.biases = nn.ParameterList(nn.Parameter(torch.zeros(layer.in_features)) for layer in encoder.linear[::-1])
        self.activate = Activate(activation)

    def forward(self, z: Tensor) -> Tensor:
        layers = self._of[0].linear[::-1]
        for i, (layer, bias) in enumerate(zip(layers, self.biases)):
            z = F.linear(z, layer.weight.t(), bias)
            if i < len(layers) - 1:
                z = self.activate(z)
        return z


class ConvEncoder(nn.Module):
    """Pictures [b, c, h, w] -> [b, k]: 3 x 3 convolutions of stride 2 to so many channels, then a linear map."""

    def __init__(self, shape: tuple[int, int, int], channels: Sequence[int], k: int, activation: Activation) -> None:
        super().__init__()
        sides = halvings(shape, len(channels))
        widths = (shape[0], *channels)
        layers: list[nn.Module] = []
        for fan_in, fan_out in pairwise(widths):
            layers += [nn.Conv2d(fan_in, fan_out, 3, stride=2, padding=1), Activate(activation)]
        self.layers = nn.Sequential(*layers)
        self.code = nn.Linear(widths[-1] * sides[-1][0] * sides[-1][1], k)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.code(self.layers(x).flatten(1))
        return out


class ConvDecoder(nn.Module):
    """Codes [b, k] -> [b, c, h, w], the mirror of ``ConvEncoder``."""

    def __init__(self, shape: tuple[int, int, int], channels: Sequence[int], k: int, activation: Activation) -> None:
        super().__init__()
        sides = halvings(shape, len(channels))
        widths = (shape[0], *channels)
        self.start = (widths[-1], *sides[-1])
        self.code = nn.Linear(k, widths[-1] * sides[-1][0] * sides[-1][1])
        layers: list[nn.Module] = []
        for l in range(len(channels), 0, -1):
            back = [want - (2 * have - 1) for want, have in zip(sides[l - 1], sides[l])]  # 0 for odd sides, 1 for even
            layers.append(Activate(activation))
            layers.append(
                nn.ConvTranspose2d(widths[l], widths[l - 1], 3, stride=2, padding=1, output_padding=(back[0], back[1]))
            )
        self.layers = nn.Sequential(*layers)

    def forward(self, z: Tensor) -> Tensor:
        out: Tensor = self.layers(self.code(z).unflatten(1, self.start))
        return out


def halvings(shape: tuple[int, int, int], times: int) -> list[tuple[int, int]]:
    """Height and width after each halving, rounded up.

    >>> halvings((1, 28, 20), 2)
    [(28, 20), (14, 10), (7, 5)]
    """
    sides = [(shape[1], shape[2])]
    for _ in range(times):
        sides.append(((sides[-1][0] + 1) // 2, (sides[-1][1] + 1) // 2))
    return sides
