"""What the scripts share with those of the autoencoders, and MNIST made black and white."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..autoencoders.common import Array, Results, Unfinished, fitted, mnist, run, training
from ..autoencoders.common import arguments as _arguments

__all__ = ["Array", "Results", "Unfinished", "arguments", "black_and_white", "fitted", "mnist", "run", "training"]

HERE = Path(__file__).parent


def arguments(name: str, doc: str, words: Sequence[str] | None, seeds: int = 1, **more: Any) -> argparse.Namespace:
    """The arguments that every script takes, and its own; results go to ``results/<name>.json``."""
    options = _arguments(doc, words, seeds, **more)
    if options.out is None:
        options.out = HERE / "results" / f"{name}{'-validation' if options.validate else ''}.json"
    return options


def black_and_white(x: Array, way: str, seed: int) -> Array:
    """Grey values in [0, 1] as 0 and 1: "sampled" once with these probabilities, or "thresholded" at 1/2."""
    if way == "thresholded":
        return (x > 0.5).astype(np.float32)
    return (np.random.default_rng(seed).random(x.shape, dtype=np.float32) < x).astype(np.float32)
