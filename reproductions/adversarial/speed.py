"""Steps a second of ``GAN.fit`` against a bare PyTorch loop with the same networks, batches, losses and average.

    python -m reproductions.adversarial.speed [--seconds 10] [--quick]

The two take turns, and the ratio is that of the medians. Seconds are of the processor, on one thread, so that what else
the machine does counts less. The bare loop records nothing and looks at nothing.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

import tacit

from .common import Results, arguments, mixture, ring, run


def bare(model: Any, X: Any, steps: int) -> float:
    """Seconds of so many steps of a plain loop over tensors, with the networks of a fitted model."""
    import torch
    from torch.nn import functional as F

    mean, d = copy.deepcopy(model.generator_).train(), copy.deepcopy(model.discriminator_).train()
    g = copy.deepcopy(mean)
    for module in (g, d):
        for weight in module.parameters():
            weight.requires_grad_(True)
    first, second = (torch.optim.Adam(m.parameters(), lr=3e-3, betas=(0.0, 0.99), fused=True) for m in (g, d))
    falls = [torch.optim.lr_scheduler.CosineAnnealingLR(o, steps) for o in (first, second)]
    rows = torch.from_numpy(((X - model.shift_) * model.scale_).astype(np.float32))
    rows = rows if model.layout_.shape is None else rows.unflatten(1, model.layout_.shape)
    size = model.batch_size
    pairs = list(zip(mean.state_dict().values(), g.state_dict().values()))
    began, order, at = time.process_time(), torch.randperm(len(rows)), 0
    for step in range(steps):
        if at + size > len(rows):
            order, at = torch.randperm(len(rows)), 0
        x = rows.index_select(0, order[at : at + size])
        at += size
        y = g(torch.randn(size, model.latent_dim_))
        real, fake = d(torch.cat([x, y.detach()])).chunk(2)
        loss = F.softplus(-real).mean() + F.softplus(fake).mean()
        if step % 4 == 0:
            both = torch.cat([x, y.detach()]).requires_grad_()
            (slope,) = torch.autograd.grad(d(both).sum(), both, create_graph=True)
            loss = loss + 0.4 * slope.flatten(1).square().sum(1).mean()
        second.zero_grad(set_to_none=True)
        loss.backward()
        second.step()
        falls[1].step()
        d.requires_grad_(False)
        first.zero_grad(set_to_none=True)
        F.softplus(-d(y)).mean().backward()
        first.step()
        falls[0].step()
        d.requires_grad_(True)
        with torch.no_grad():
            for kept, now in pairs:
                kept.lerp_(now, 0.001)
    return time.process_time() - began


def main(words: Sequence[str] | None = None) -> dict[str, Any]:
    """Rows of the ring with dense networks, and pictures with convolutional ones."""
    options = arguments("speed", __doc__, words, seconds={"type": float, "default": 10.0})
    results = Results("speed", options)
    rng = np.random.default_rng(0)
    n = 10 if options.quick else 500  # batches an epoch
    pictures: dict[str, Any] = {"batch_size": 64, "hidden_sizes": (32, 64)}
    cases = {
        "dense, 128 rows": (mixture(*ring(), 128 * n, 0), {"batch_size": 128}),
        "convolutional, 64 pictures": (rng.random((64 * n // 8, 1, 28, 28)), pictures),
    }

    def work(name: str) -> dict[str, float]:
        X, more = cases[name]
        model = tacit.GAN(epochs=2 if options.quick else 1, device="cpu", random_state=0, **more).fit(X)
        flat = X.reshape(len(X), -1)
        ours, theirs = [], []
        until = time.perf_counter() + (0 if options.quick else options.seconds)
        reports: list[tuple[int, float]] = []

        def hear(report: Any) -> None:
            reports.append(((report.epoch - 1) * report.batches + report.batch, time.process_time()))

        model.set_params(training=tacit.Training(callbacks=(hear,)))
        while len(ours) < 3 or time.perf_counter() < until:
            reports.clear()
            model.fit(X)
            (first, began), (last, ended) = reports[0], reports[-1]
            ours.append((ended - began) / (last - first))
            theirs.append(bare(model, flat, last - first) / (last - first))
        a, b = float(np.median(ours)), float(np.median(theirs))
        return {"steps a second": round(1 / a, 1), "bare": round(1 / b, 1), "ratio": round(b / a, 3)}

    return {name: results.get(name, lambda name=name: work(name)) for name in cases}


if __name__ == "__main__":
    run(main)
