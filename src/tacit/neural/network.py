"""What all networks share: how they are trained, as parameters of the constructor."""

from __future__ import annotations

from dataclasses import dataclass

from ..base import Estimator, check_number
from ..errors import ArgumentError
from ..train import Training
from ..typing import Seed


@dataclass(eq=False, repr=False, kw_only=True)
class Network(Estimator):
    """An abstract estimator that the gradient loop trains.

    The parameters of an estimator are the fields of its class and of those above, each written once; what these mean
    stands at ``Autoencoder``.
    """

    epochs: int | str = "auto"
    batch_size: int | str = "auto"
    learning_rate: float = 1e-3
    training: Training | None = None
    device: str = "auto"
    random_state: Seed = None

    def _check(self) -> None:
        """The parameters."""
        check_number(self, "epochs", integer=True, low=1, choices=["auto"])
        check_number(self, "batch_size", integer=True, low=1, choices=["auto"])
        check_number(self, "learning_rate", low=0, open_low=True)
        if self.training is not None and not isinstance(self.training, Training):
            raise ArgumentError(f"training must be a tacit.Training. Got {self.training!r} instead.")
