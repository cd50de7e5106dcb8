"""What the scripts share: the text, the tests of word vectors, results with seed, machine and commit."""

from __future__ import annotations

import argparse
import lzma
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from ..autoencoders.common import Array, Results, Unfinished, run
from ..autoencoders.common import arguments as _arguments

__all__ = ["Array", "Results", "Unfinished", "arguments", "corpus", "evaluate", "run"]

HERE = Path(__file__).parent
PAIRS = {"WordSim-353": "EN-WS-353-ALL", "SimLex-999": "EN-SIMLEX-999", "MEN": "EN-MEN-TR-3k"}


def arguments(
    name: str, doc: str | None, words: Sequence[str] | None, seeds: int = 1, **more: Any
) -> argparse.Namespace:
    """The arguments that every script takes, and its own; results go to ``results/<name>.json``."""
    options = _arguments(doc, words, seeds, **more)
    if options.out is None:
        options.out = HERE / "results" / f"{name}.json"
    return options


def corpus(options: argparse.Namespace) -> Path:
    """10M words of Wikipedia, an article in each line, unpacked; ``--quick``: the first 200 articles."""
    text: Path = options.work / ("enwiki_quick.txt" if options.quick else "enwiki_10m.txt")
    if not text.exists():
        text.parent.mkdir(parents=True, exist_ok=True)
        part = text.with_suffix(".part")
        with lzma.open(options.data / "text_corpora" / "enwiki_10m.txt.xz") as packed, open(part, "wb") as out:
            if options.quick:
                out.writelines(next(packed) for _ in range(200))
            else:
                shutil.copyfileobj(packed, out)
        part.rename(text)
    return text


def evaluate(words: Sequence[str], vectors: Array, folder: Path) -> dict[str, float]:
    """Spearman's ρ of cosines with people's judgements, and the share of Google's analogies answered by b - a + c.

    Of the pairs and questions whose words are all in the vocabulary; the three words of a question are no answers.
    """
    place = {word: i for i, word in enumerate(words)}
    x = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    found: dict[str, float] = {}
    for name, file in PAIRS.items():
        pairs = [line.lower().split() for line in (folder / f"{file}.txt").read_text().splitlines()]
        known = [(place[a], place[b], float(s)) for a, b, s in pairs if a in place and b in place]
        a, b, told = map(np.array, zip(*known, strict=True))
        found[name] = round(float(spearmanr((x[a] * x[b]).sum(axis=1), told).statistic), 4)
        found[f"{name}, pairs"] = len(known)
    lines = (folder / "questions-words.txt").read_text().lower().splitlines()
    asked = [line.split() for line in lines if not line.startswith(":")]
    asked = [q for q in asked if all(word in place for word in q)]
    q = np.array([[place[word] for word in each] for each in asked])
    right = 0
    for block in np.array_split(q, max(1, len(q) // 500)):
        score = (x[block[:, 1]] - x[block[:, 0]] + x[block[:, 2]]) @ x.T
        np.put_along_axis(score, block[:, :3], -np.inf, axis=1)
        right += int((score.argmax(axis=1) == block[:, 3]).sum())
    found["analogies"] = round(right / len(q), 4)
    found["analogies, questions"] = len(q)
    return found
