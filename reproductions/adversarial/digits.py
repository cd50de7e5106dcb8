"""MNIST by GAN, VAE, RBM and Gaussian mixture: Fréchet distance as a multiple of the floor, and the other measures.

    python -m reproductions.adversarial.digits [--models gan,vae,rbm,gmm] [--steps 10000] [--minutes 20] [--quick]

10,000 samples of each against the 10,000 test digits, in the last layer but one of the classifier of
``classifier.py``; the floor is that distance of as many training digits. Precision, recall, density and coverage
(k = 5) are of the first 5,000 of each there; the two-sample tests of the first 2,000 on pixels made 16 principal
coordinates; "nearer" is the share of samples nearer to learned digits than to as many held out. E_p[log q] is in nats
of grey pixels where a density is there to ask; the binary likelihoods of VAE and RBM are of pixels as probabilities and
not comparable with the mixture's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import tacit
from tacit import evaluate

from .classifier import Judge, judge
from .common import Array, Results, arguments, fitted, mnist, run, training


def models(options: Any, side: int) -> dict[str, Callable[[Array], tuple[Any, Array]]]:
    """By name: fit to rows X [n, d], and give the model with its 10,000 samples."""
    quick = options.quick
    n = 500 if quick else 10_000

    def gan(X: Array) -> tuple[Any, Array]:
        steps = 300 if quick else options.steps
        widths = (8, 16) if quick else (options.width, 2 * options.width)
        model = tacit.GAN(
            64,
            hidden_sizes=widths,
            epochs=max(1, round(steps * 64 / len(X))),
            batch_size=64,
            learning_rate=options.rate,
            training=training(options),
            device=options.device,
            random_state=0,
        )
        fitted(model, options, f"digits/gan-{steps}-{options.width}-{options.rate}", X.reshape(-1, 1, side, side))
        return model, model.sample(n).reshape(n, -1)

    def vae(X: Array) -> tuple[Any, Array]:
        model = tacit.VAE(epochs=20 if quick else 12, training=training(options), device=options.device, random_state=0)
        fitted(model, options, "digits/vae", X)
        return model, model.sample(n)

    def rbm(X: Array) -> tuple[Any, Array]:
        model = tacit.RBM(
            64 if quick else 400,
            n_iter=60 if quick else 12,
            batch_size=32 if quick else 100,
            training=training(options),
            device=options.device,
            method="pcd",
            random_state=0,
        )
        fitted(model, options, "digits/rbm", X)
        return model, model.sample(n, n_steps=50 if quick else 300, mean=True)

    def gmm(X: Array) -> tuple[Any, Array]:
        rows = X[: 15_000 if not quick else None]
        model = tacit.GaussianMixture(10, reg_covar=1e-3, max_iter=10, random_state=0).fit(rows.astype(np.float32))
        drawn = np.random.default_rng(0).permutation(model.sample(n)[0])  # they come sorted by component
        return model, np.clip(drawn, 0, 1)

    return {"gan": gan, "vae": vae, "rbm": rbm, "gmm": gmm}


def measures(asked: Judge, X: Array, test: Array, drawn: Array) -> dict[str, Any]:
    """Of samples, in the space of the classifier and on pixels."""
    n = min(len(test), len(drawn))
    real, fake = asked.features(test[:n]), asked.features(drawn[:n])
    found: dict[str, Any] = {"frechet": round(evaluate.frechet(real, fake), 3)}
    shape = evaluate.manifold(real[:5000], fake[:5000])
    found |= {name: round(value, 4) for name, value in shape._asdict().items()}
    frame = tacit.PCA(16, random_state=0).fit(X)
    a, b = frame.transform(test[:2000]), frame.transform(drawn[:2000])
    found["classifier test"] = round(evaluate.classifier_test(a, b, random_state=0).statistic, 4)
    kernel = evaluate.kernel_test(a[:1000], b[:1000], random_state=0)
    found |= {"mmd": round(kernel.statistic, 6), "mmd, p": round(kernel.p_value, 4)}
    found["nearer"] = round(evaluate.copies(X, test, drawn[:1000], random_state=0).nearer, 4)
    share = np.bincount(asked.labels(drawn), minlength=10) / len(drawn)
    found["rarest digit"] = round(float(share.min()), 4)
    return found


def main(words: Sequence[str] | None = None) -> dict[str, Any]:
    """Each model, and the floor."""
    options = arguments(
        "digits",
        __doc__,
        words,
        models={"default": "gan,vae,rbm,gmm"},
        steps={"type": int, "default": 10_000},
        width={"type": int, "default": 32},
        rate={"type": float, "default": 3e-3},
    )
    X, _, test, _ = mnist(options)
    side = round(X.shape[1] ** 0.5)
    results = Results("digits", options)
    asked = judge(options)

    def floor() -> dict[str, Any]:
        some = X[np.random.default_rng(0).permutation(len(X))[: len(test)]]
        return measures(asked, X, test, some)

    found = {"floor": results.get("floor", floor)}
    every = models(options, side)
    for name in options.models.split(","):

        def work(name: str = name) -> dict[str, Any]:
            model, drawn = every[name](X)
            if not options.quick:
                np.save(options.work / f"digits-{name}.npy", drawn[:400].astype(np.float16))
            density = evaluate.directions(model, test[:1000])
            forward = density.forward
            return measures(asked, X, test, drawn) | {
                "density": density.density,
                "E_p[log q]": evaluate.IMPLICIT if forward is None else round(forward.mean, 2),
            }

        key = f"gan, {options.steps} steps, width {options.width}, rate {options.rate:g}" if name == "gan" else name
        found[key] = results.get(key, work)
        found[key] |= {"multiple of the floor": round(found[key]["frechet"] / max(found["floor"]["frechet"], 1e-9), 2)}
    return found


if __name__ == "__main__":
    run(main)
