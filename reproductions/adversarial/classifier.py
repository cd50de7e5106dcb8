"""A classifier of MNIST digits whose last layer but one is the space in which samples are compared.

    python -m reproductions.adversarial.classifier [--minutes 10] [--quick]

Two 3 x 3 convolutions, 128 features, softmax; four epochs on the 60,000 training digits, each moved by up to a pixel.
At 99 % of the test digits it may serve. Its weights are kept beside the checkpoints, so that every script asks the
same one. The floor is the Fréchet distance of the test digits to 10,000 training digits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tacit.evaluate import frechet

from .common import Array, Results, arguments, mnist, run

EPOCHS = 4
SMALL: dict[int, Judge] = {}  # of the small version, by side: learned once a process


def network(side: int) -> Any:
    """Pictures [b, 1, side, side] -> features [b, 128] and, after them, logits."""
    from torch import nn

    body = nn.Sequential(
        nn.Conv2d(1, 24, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(24, 48, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(48 * (side // 4) ** 2, 128), nn.ReLU(),
    )  # fmt: skip
    return nn.ModuleDict({"body": body, "head": nn.Linear(128, 10)})


class Judge:
    """Features and labels by a trained network, in parts."""

    def __init__(self, net: Any, side: int) -> None:
        self.net, self.side = net.eval(), side

    def features(self, x: Array) -> Array:
        """Grey values in [0, 1] [n, side²] or [n, 1, side, side] -> [n, 128]."""
        return self._ask(x, lambda h: h)

    def labels(self, x: Array) -> Array:
        """The most probable digit [n]."""
        return self._ask(x, lambda h: self.net["head"](h).argmax(1))

    def _ask(self, x: Array, answer: Any) -> Array:
        import torch

        pictures = torch.as_tensor(np.asarray(x, np.float32)).reshape(-1, 1, self.side, self.side)
        with torch.no_grad():
            out: Array = torch.cat([answer(self.net["body"](some)) for some in pictures.split(1000)]).numpy()
        return out


def judge(options: Any) -> Judge:
    """The classifier: as it was kept, or trained now."""
    import torch
    from torch.nn import functional as F

    from tacit.train import Batch, GradientStep, Tensors, Training, train

    X, y, _, _ = mnist(options)
    side = round(X.shape[1] ** 0.5)
    if options.quick and side in SMALL:
        return SMALL[side]
    kept = options.work / "classifier.pt"
    torch.manual_seed(0)
    net = network(side)
    if kept.exists() and not options.quick:
        net.load_state_dict(torch.load(kept, weights_only=True))
        return Judge(net, side)

    class Loss(torch.nn.Module):
        """-log p(y | x), the pictures moved by up to a pixel each way, half of the features left out."""

        def __init__(self) -> None:
            super().__init__()
            self.net = net

        def forward(self, batch: Batch) -> dict[str, Any]:
            x = batch.x.reshape(-1, 1, side, side)
            move = torch.randint(-1, 2, (2,)).tolist()
            h = F.dropout(self.net["body"](torch.roll(x, move, (2, 3))), 0.5)
            return {"loss": F.cross_entropy(self.net["head"](h), batch.y)}

    rows = Tensors(Batch(torch.from_numpy(X), y=torch.from_numpy(y.astype(np.int64))))
    epochs = 12 if options.quick else EPOCHS
    size = 32 if options.quick else 128
    training = Training()
    train(
        lambda fabric: GradientStep(
            Loss(), learning_rate=2e-3, steps=epochs * -(-rows.n // size), training=training, fabric=fabric
        ),
        rows,
        epochs=epochs,
        batch_size=size,
        seed=0,
        stage="classifier",
        training=training,
        checkpoint=None if options.quick else options.work / "classifier",
    )
    found = Judge(net, side)
    if options.quick:
        SMALL[side] = found
        return found
    kept.parent.mkdir(parents=True, exist_ok=True)
    torch.save(net.state_dict(), kept)
    return found


def main(words: Sequence[str] | None = None) -> dict[str, Any]:
    """Its accuracy on the test digits, and the floor."""
    options = arguments("classifier", __doc__, words)
    X, _, test, y = mnist(options)
    results = Results("classifier", options)

    def work() -> dict[str, float]:
        asked = judge(options)
        some = np.random.default_rng(0).permutation(len(X))[: len(test)]
        return {
            "accuracy": round(float((asked.labels(test) == y).mean()), 4),
            "floor": round(frechet(asked.features(test), asked.features(X[some])), 4),
        }

    return results.get("classifier", work)


if __name__ == "__main__":
    run(main)
