"""How long an epoch of CD-1 takes, beside its five products alone and scikit-learn; and a long ladder.

    python -m reproductions.energy.speed [--quick]

20,000 rows of MNIST, 784-500, batches of 100, float32, the best of three; every product by NumPy's BLAS. A fit's fixed
costs are taken out by the difference of three epochs and one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from sklearn.neural_network import BernoulliRBM

import tacit
from tacit.energy.draws import Draws, calm
from tacit.energy.likelihood import anneal, ladder

from ..autoencoders.common import machine
from .common import Results, arguments, mnist, run


def main(words: Sequence[str] | None = None) -> dict[str, Any]:
    """Products, epochs, ladder."""
    options = arguments("speed", __doc__, words)
    quick = options.quick
    X = mnist(options)[0][: 500 if quick else 20_000]
    n, d = X.shape
    m, b = (20, 50) if quick else (500, 100)
    results = Results("speed", options)
    repeats = 1 if quick else 3

    def products() -> float:
        W, h = (np.random.default_rng(0).random(s, dtype=np.float32) for s in ((m, d), (b, m)))
        x, y, G = np.empty((b, m), np.float32), np.empty((b, d), np.float32), np.empty((m, d), np.float32)

        def five() -> None:
            for lo in range(0, n - b + 1, b):
                v = X[lo : lo + b]
                np.matmul(v, W.T, out=x)
                np.matmul(h, W, out=y)
                np.matmul(y, W.T, out=x)
                np.matmul(h.T, v, out=G)
                np.matmul(x.T, y, out=G)

        return machine.fastest(five, 5)

    def epoch(make: Callable[[int], Any]) -> float:
        one, three = (machine.fastest(lambda k=k: make(k).fit(X), repeats) for k in (1, 3))
        return (three - one) / 2

    def ours(k: int) -> Any:
        return tacit.RBM(m, method="cd", batch_size=b, n_iter=k, learning_rate=0.05, random_state=0)

    def drop_in(k: int) -> Any:
        return tacit.BernoulliRBM(m, batch_size=b, n_iter=k, learning_rate=0.05, random_state=0)

    def theirs(k: int) -> Any:
        return BernoulliRBM(m, batch_size=b, n_iter=k, learning_rate=0.05, random_state=0)

    def all_of_them() -> dict[str, float]:
        found = {"five products": products(), "CD-1": epoch(ours), "BernoulliRBM": epoch(drop_in)}
        found["scikit-learn"] = epoch(theirs)
        return found

    def climb() -> float:
        model = ours(1).fit(X)
        machine = model._machine(torch.device("cpu"))
        began = time.perf_counter()
        with calm(float(m * d * 100)):
            anneal(machine, model._base(machine), ladder(100 if quick else 14_500), 100, Draws(0))
        return time.perf_counter() - began

    found = dict(results.get("epoch, seconds", all_of_them))
    found["share of the products' rate"] = found["five products"] / found["CD-1"]
    found["times scikit-learn"] = found["scikit-learn"] / found["CD-1"]
    found["ladder of 14,500, 100 chains, seconds"] = results.get("ladder, seconds", climb)
    return found


if __name__ == "__main__":
    run(main)
