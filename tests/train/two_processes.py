"""Run under torchrun by test_steps.py, and by it in one process: the losses of a fit, and a few codes."""

from __future__ import annotations

import json
import os
import sys

import numpy as np

import tacit


def fit(checkpoint: str | None = None) -> dict[str, list[float]]:
    X = np.random.default_rng(0).normal(size=(203, 6)).astype(np.float32)
    model = tacit.Autoencoder((8, 2), epochs=4, batch_size=40, device="cpu", random_state=0)
    model.fit(X, checkpoint=checkpoint)
    return {"losses": [line["loss"] for line in model.history_], "codes": model.transform(X[:5]).tolist()}


if __name__ == "__main__":
    found = fit(*sys.argv[1:])
    if int(os.environ["RANK"]) == 0:
        print(json.dumps(found))
