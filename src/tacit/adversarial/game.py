"""How the game is played: the small object that holds what most fits never touch."""

from __future__ import annotations

from dataclasses import dataclass

from ..base import check_number
from ..errors import ArgumentError
from .losses import LOSSES, Loss, Penalty, one_centred, zero_centred

PENALTIES: dict[str, Penalty] = {"zero_centred": zero_centred, "one_centred": one_centred}


@dataclass(frozen=True)
class Game:
    """The rules between G and D.

    ``loss`` is "non_saturating", "minimax", "hinge", "wasserstein" or "relativistic", or a callable as in
    ``tacit.adversarial.losses``. ``penalty`` on the slopes of D is "zero_centred", "one_centred", None or a callable;
    "auto" is "one_centred" for "wasserstein", else "zero_centred". It counts ``weight`` times, by default 10 for
    "wasserstein" and else 0.1, is worked out in every ``penalty_every``-th step (1 for "one_centred", else 4), and its
    weight falls to ``anneal`` times that by the end. ``pack`` rows are shown to D at once (Lin et al. 2018),
    ``d_steps`` steps of D are made for one of G, each on rows of its own, ``spectral_norm`` divides each map in D by
    its largest singular value (Miyato et al. 2018), and samples come from an average of G's weights of which each step
    keeps the share ``average``.
    Raises ``ArgumentError`` for a value out of its range.

    >>> Game(loss="wasserstein", d_steps=5).penalised
    ('one_centred', 10.0)
    """

    loss: str | Loss = "non_saturating"
    penalty: str | Penalty | None = "auto"
    weight: float | str = "auto"
    penalty_every: int | str = "auto"
    anneal: float = 1.0
    pack: int = 1
    d_steps: int = 1
    spectral_norm: bool = False
    average: float = 0.999

    def __post_init__(self) -> None:
        if not callable(self.loss) and self.loss not in LOSSES:
            raise ArgumentError(f"loss must be one of {', '.join(map(repr, LOSSES))} or a callable. Got {self.loss!r}")
        if not (callable(self.penalty) or self.penalty in (None, "auto", *PENALTIES)):
            raise ArgumentError(
                f"penalty must be 'auto', {', '.join(map(repr, PENALTIES))}, None or a callable. Got {self.penalty!r}"
            )
        check_number(self, "weight", low=0, choices=["auto"])
        check_number(self, "penalty_every", integer=True, low=1, choices=["auto"])
        for name in ("pack", "d_steps"):
            check_number(self, name, integer=True, low=1)
        check_number(self, "anneal", low=0, open_low=True, high=1)
        check_number(self, "average", low=0, high=1)

    @property
    def penalised(self) -> tuple[str | Penalty | None, float]:
        """The penalty and its weight, with what was left to us filled in."""
        lipschitz = self.loss == "wasserstein"
        penalty = self.penalty
        if penalty == "auto":
            penalty = "one_centred" if lipschitz else "zero_centred"
        weight = (10.0 if penalty == "one_centred" else 0.1) if isinstance(self.weight, str) else float(self.weight)
        return (penalty, weight) if weight else (None, 0.0)

    @property
    def every(self) -> int:
        """``penalty_every``, with what was left to us filled in."""
        if isinstance(self.penalty_every, str):
            return 1 if self.penalised[0] == "one_centred" else 4
        return int(self.penalty_every)

    @property
    def probabilities(self) -> bool:
        """Whether the best D says p(real | x)."""
        return self.loss in ("minimax", "non_saturating")
