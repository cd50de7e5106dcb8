"""What the scripts share with those of the autoencoders, and the mixtures whose modes are known."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..autoencoders.common import Array, Results, Unfinished, fitted, mnist, run, training
from ..autoencoders.common import arguments as _arguments

__all__ = [
    "Array",
    "Results",
    "Unfinished",
    "arguments",
    "fitted",
    "grid",
    "mixture",
    "mnist",
    "ring",
    "run",
    "training",
]

HERE = Path(__file__).parent


def arguments(name: str, doc: str | None, words: Sequence[str] | None, seeds: int = 1, **more: Any) -> Any:
    """The arguments that every script takes, and its own; results go to ``results/<name>.json``."""
    options: argparse.Namespace = _arguments(doc, words, seeds, **more)
    if options.out is None:
        options.out = HERE / "results" / f"{name}{'-validation' if options.validate else ''}.json"
    return options


def ring() -> tuple[Array, float]:
    """Centres [8, 2] on a circle of radius 1, and the standard deviation 0.01 (Lin et al. 2018)."""
    at = np.arange(8) * np.pi / 4
    return np.stack([np.cos(at), np.sin(at)], axis=1), 0.01


def grid() -> tuple[Array, float]:
    """Centres [25, 2] two apart, and the standard deviation 0.05 (Lin et al. 2018)."""
    at = np.arange(-4.0, 5.0, 2.0)
    return np.stack(np.meshgrid(at, at), axis=-1).reshape(-1, 2), 0.05


def mixture(centres: Array, sd: float, n: int, seed: int) -> Array:
    """n rows of the mixture of N(centre, sd² I) with equal shares."""
    rng = np.random.default_rng(seed)
    out: Array = centres[rng.integers(len(centres), size=n)] + sd * rng.normal(size=(n, centres.shape[1]))
    return out
