"""What all networks share: how they are trained, as parameters of the constructor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import nn

from ..base import Estimator, check_number
from ..errors import ArgumentError
from ..train import Training
from ..train.device import find_device
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
    _modules: ClassVar[tuple[str, ...]] = ()  # the attributes whose weights ``fit`` learns

    def _check(self) -> None:
        """The parameters."""
        check_number(self, "epochs", integer=True, low=1, choices=["auto"])
        check_number(self, "batch_size", integer=True, low=1, choices=["auto"])
        check_number(self, "learning_rate", low=0, open_low=True)
        if self.training is not None and not isinstance(self.training, Training):
            raise ArgumentError(f"training must be a tacit.Training. Got {self.training!r} instead.")

    # Saving: the weights by name; the modules are built anew.

    def _untrained(self) -> tuple[nn.Module, ...]:
        """One module for each name in ``_modules``, as ``fit`` builds them."""
        raise NotImplementedError

    def _learned(self) -> dict[str, Any]:
        learned = super()._learned()
        return learned | {name: dict(learned[name].state_dict()) for name in self._modules if name in learned}

    def _restore(self, learned: dict[str, Any]) -> None:
        weights = {name: learned.pop(name) for name in self._modules if name in learned}
        super()._restore(learned)
        if not weights:
            return
        device = find_device(self.device, else_cpu=True)
        for name, module in zip(self._modules, self._untrained(), strict=True):
            module.load_state_dict(weights[name])
            setattr(self, name, module.to(device).eval())
