"""Whether the game still goes well: coverage of some rows by generated ones, and D that is never wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..train.state import copied

ROWS = 256  # real rows that are looked at, and generated ones
NEIGHBOUR = 5
LOST = 5  # looks in a row at which D was never wrong
FALLEN = 0.5  # of the best coverage, once that was 0.3: collapse, when so many looks in a row say so
LOOKS = 3
SURE = 0.995


def radii(x: Tensor, k: int = NEIGHBOUR) -> Tensor:
    """The distance of each row to its k-th neighbour [m]."""
    x = x.flatten(1)
    return torch.cdist(x, x).kthvalue(min(k, len(x) - 1) + 1, dim=1).values


def coverage(x: Tensor, radius: Tensor, y: Tensor) -> float:
    """The share of rows x with a generated row y no further than the k-th neighbour (Naeem et al. 2020).

    >>> x = torch.arange(10.0)[:, None]
    >>> round(coverage(x, radii(x, k=1), torch.zeros(3, 1)), 3)
    0.2
    """
    return float((torch.cdist(x.flatten(1), y.flatten(1)).min(dim=1).values <= radius).float().mean())


class Watch:
    """Looks at G's average every ``every`` steps, keeps the best, and says when it is no use going on.

    ``trouble`` is "" as long as there is none; the state says what the next look needs, and the best weights. Looks
    before step ``first``, while layers are faded in, are not compared.
    """

    def __init__(self, every: int, first: int = 0) -> None:
        self.every, self.first = every, first
        self.coverage = torch.tensor(0.0)
        self.reference: Tensor | None = None  # [m, ...] real rows, gathered from the first batches
        self.labels: Tensor | None = None
        self.radius: Tensor | None = None
        self.best, self.kept = -1.0, None
        self.lost = self.fallen = 0
        self.trouble = ""

    def __call__(
        self,
        step: int,
        said: Mapping[str, Tensor],
        generator: nn.Module,
        x: Tensor,
        noise: Callable[[int], Tensor],
        label: tuple[Tensor, ...],
    ) -> None:
        have = 0 if self.reference is None else len(self.reference)
        if have < ROWS:
            self._gather(x.detach()[: ROWS - have], label)
        if step % self.every:
            return
        assert self.reference is not None
        self.coverage = torch.tensor(self._coverage(generator, noise))
        now = float(self.coverage)
        if step < self.first:
            return
        if now > self.best:
            self.best, self.kept = now, copied(generator.state_dict())
        sure = float(said["d_real"]) > SURE and float(said["d_generated"]) < 1 - SURE
        self.lost = self.lost + 1 if sure else 0
        self.fallen = self.fallen + 1 if now < FALLEN * self.best and self.best > 0.3 else 0
        if self.lost >= LOST:
            self.trouble = "divergence"
        elif self.fallen >= LOOKS:
            self.trouble = "collapse"

    def better(self) -> Any:
        """The weights of the best look, where there is trouble and the last one was worse; else None."""
        return self.kept if self.trouble and self.best > float(self.coverage) else None

    def _coverage(self, generator: nn.Module, noise: Callable[[int], Tensor]) -> float:
        assert self.reference is not None
        given = () if self.labels is None else (self.labels,)
        generator.eval()
        with torch.no_grad():
            y = generator(noise(len(self.reference)), *given)
        generator.train()
        if self.radius is None or len(self.radius) < len(self.reference):
            self.radius = radii(self.reference)
        return coverage(self.reference, self.radius, y)

    def _gather(self, x: Tensor, label: tuple[Tensor, ...]) -> None:
        self.reference = x.clone() if self.reference is None else torch.cat([self.reference, x])
        if label:
            c = label[0][: len(x)]
            self.labels = c.clone() if self.labels is None else torch.cat([self.labels, c])

    def state(self) -> Any:
        """What has been seen."""
        return {
            "coverage": self.coverage,
            "reference": self.reference,
            "labels": self.labels,
            "best": self.best,
            "kept": self.kept,
            "counts": [self.lost, self.fallen],
            "trouble": self.trouble,
        }

    def restore(self, tree: Any) -> None:
        """Take up what ``state`` gave."""
        self.coverage, self.reference, self.labels = tree["coverage"], tree["reference"], tree["labels"]
        self.best, self.kept, (self.lost, self.fallen) = tree["best"], tree["kept"], tree["counts"]
        self.trouble, self.radius = tree["trouble"], None


ADVICE = {
    "divergence": (
        "D was never wrong for long: nothing is left for G to learn. Raise Game(weight=...), lower learning_rate, or "
        'take loss="non_saturating"'
    ),
    "collapse": (
        "generated rows cover ever fewer real ones: the modes collapse. Raise Game(weight=...), lower learning_rate, "
        "show D several rows at once with Game(pack=2), or give larger batches"
    ),
}
