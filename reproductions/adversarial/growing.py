"""Progressive against direct growth at equal seconds of training, on digits padded to 32 x 32.

    python -m reproductions.adversarial.growing [--epochs 12] [--minutes 20] [--quick]

The same layers, losses and learning rate, 1e-3 without a schedule, 30,000 digits. The progressive model learns 4, 8, 16
and 32 pixels a side for a quarter of the epochs each; the direct one learns 32 for as many seconds as that took.
Fréchet distances are of 10,000 samples, cut back to 28 x 28, in the space of ``classifier.py``; 64 samples of each are
kept beside the checkpoints.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import tacit
from tacit.evaluate import frechet

from .classifier import judge
from .common import Array, Results, arguments, mnist, run


def main(words: Sequence[str] | None = None) -> dict[str, Any]:
    """Both, and the seconds that each had."""
    options = arguments("growing", __doc__, words, epochs={"type": int, "default": 12})
    epochs = options.epochs
    X, _, test, _ = mnist(options)
    side = round(X.shape[1] ** 0.5)
    edge = 0 if options.quick else 2
    pictures = np.pad(X.reshape(-1, 1, side, side), ((0, 0), (0, 0), (edge, edge), (edge, edge)))
    pictures = pictures[:128] if options.quick else pictures[:30_000]
    results = Results("growing", options)
    n = 200 if options.quick else 10_000
    stages = 2 if options.quick else 4
    channels = (8, 16) if options.quick else (16, 32, 64, 64)
    asked = judge(options)
    real = asked.features(test[:n])

    def judged(model: Any, name: str, seconds: float) -> dict[str, float]:
        drawn: Array = model.sample(n)
        cut = drawn[:, :, edge : edge + side, edge : edge + side]
        if not options.quick:
            options.work.mkdir(parents=True, exist_ok=True)
            np.save(options.work / f"growing-{name}.npy", drawn[:64].astype(np.float16))
        distance = frechet(real, asked.features(cut.reshape(n, -1)))
        return {"frechet": round(distance, 3), "seconds": max(round(seconds, 3), 0.001), "epochs": model.n_iter_}

    def fit(model: Any, name: str, limit: float | None) -> dict[str, float]:
        told: dict[str, float] = {}

        def hear(report: Any) -> None:
            told[report.stage] = report.seconds

        how = tacit.Training(schedule=None, time_limit=limit, callbacks=(hear,))
        folder = None if options.quick else options.work / f"growing/{name}-{epochs}"
        model.set_params(training=how, learning_rate=1e-3, batch_size=64, device=options.device, random_state=0)
        model.fit(pictures, checkpoint=folder)
        return judged(model, name, sum(told.values()))

    grown = results.get(
        f"progressive, {epochs} epochs",
        lambda: fit(tacit.ProgressiveGAN(64, hidden_sizes=channels, epochs=epochs), "progressive", None),
    )
    direct = results.get(
        f"direct, as long as {epochs} epochs",
        lambda: fit(
            # one stage of all the layers: nothing is faded in
            _Direct(64, hidden_sizes=channels, epochs=10_000),
            "direct",
            grown["seconds"],
        ),
    )
    return {"progressive": grown, "direct": direct, "stages": stages}


class _Direct(tacit.ProgressiveGAN):
    """The same networks, at their full side from the start."""

    def _train(self, rows: Any, plan: Any) -> Any:
        self._set(0, 1.0, self.generator_, self.discriminator_)
        return self._stage("direct", rows, plan, self._reader(), self._epochs(rows.n, self._batch_size(rows.n)))


if __name__ == "__main__":
    run(main)
