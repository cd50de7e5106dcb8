"""What the scripts share with those of the autoencoders, and the texts."""

from __future__ import annotations

import argparse
import json
import lzma
import time
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import tacit

from ..autoencoders.common import Results, Unfinished, fitted, run
from ..autoencoders.common import arguments as _arguments

__all__ = ["Results", "Unfinished", "arguments", "articles", "fitted", "reviews", "run", "timed"]

HERE = Path(__file__).parent
Labelled = tuple[list[str], np.ndarray]


def arguments(
    name: str, doc: str | None, words: Sequence[str] | None, seeds: int = 1, **more: Any
) -> argparse.Namespace:
    """The arguments that every script takes, and its own; results go to ``results/<name>.json``."""
    options = _arguments(doc, words, seeds, precision="bf16", **more)
    if options.out is None:
        options.out = HERE / "results" / f"{name}.json"
    return options


def articles(options: argparse.Namespace) -> tuple[list[str], list[str]]:
    """Articles of Wikipedia to learn from, and every hundredth, to report on: words of a to z and blanks.

    ``--quick``: texts of a small grammar.
    """
    if options.quick:
        texts, _ = grammar(240, 0)
        return texts[:216], texts[216:]
    with lzma.open(options.data / "text_corpora" / "enwiki_10m.txt.xz", "rt", encoding="utf-8") as file:
        lines = [line.rstrip("\n") for line in file]
    return [line for i, line in enumerate(lines) if i % 100], lines[::100]


def reviews(options: argparse.Namespace) -> tuple[Labelled, Labelled]:
    """Reviews of films and whether they praise: 1,600 to learn from, 400 to report on (the last fifth of each kind)."""
    if options.quick:
        texts, y = grammar(300, 1)
        return (texts[:200], y[:200]), (texts[200:], y[200:])
    sets: tuple[list[tuple[str, int]], list[tuple[str, int]]] = ([], [])
    with zipfile.ZipFile(options.data / "text_corpora" / "movie_reviews.zip") as file:
        for name in sorted(file.namelist()):
            if name.endswith(".txt") and "/cv" in name:
                number = int(name.split("/cv")[1][:3])
                sets[number >= 800].append((file.read(name).decode(), int("/pos/" in name)))
    first, last = (([text for text, _ in part], np.array([y for _, y in part])) for part in sets)
    return first, last


def grammar(n: int, seed: int) -> tuple[list[str], np.ndarray]:
    """Texts of four sentences, each with an adjective; in half of the texts most of these are kind."""
    rng = np.random.default_rng(seed)
    nouns = ["film", "story", "actor", "scene", "music", "plot"]
    words = (["dull", "silly", "weak", "tired"], ["bright", "moving", "witty", "fresh"])
    y = rng.integers(0, 2, n)
    texts = []
    for label in y:
        parts = []
        for _ in range(4):
            kind = words[label if rng.random() < 0.85 else 1 - label]
            parts.append(
                f"the {rng.choice(nouns)} is {rng.choice(kind)} and the {rng.choice(nouns)} {rng.choice(kind)}"
            )
        texts.append(" . ".join(parts))
    return texts, y


def timed(options: argparse.Namespace, name: str, **more: Any) -> tuple[tacit.Training, Callable[[], dict[str, float]]]:
    """A ``Training`` that stops when the minutes are up, and a function that tells the time it took in all its parts:
    minutes by the clock, and of all cores together."""
    path = options.work / f"{name}.time.json"
    before = json.loads(path.read_text()) if path.exists() and not options.quick else 0.0
    start, clock = time.process_time(), [0.0]

    def hear(report: Any) -> bool:
        clock[0] = report.seconds
        return options.minutes is not None and time.monotonic() - options.began > 60 * options.minutes

    def told() -> dict[str, float]:
        used = before + time.process_time() - start
        if not options.quick:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(used))
        return {"minutes": round(clock[0] / 60, 1), "minutes of all cores": round(used / 60, 1)}

    return tacit.Training(callbacks=(hear,), precision=options.precision, **more), told
