"""Words a second in training, beside gensim in the same run.

    python -m reproductions.embedding.speed [--rounds 3] [--threads 2] [--quick]

Skip-gram, d = 100, window 5, 5 negatives, vocabulary of 10M words of Wikipedia. Contenders take turns: we train on the
whole text (a fit of one epoch less a fit of none), gensim on its first fifth, given as sentences, which was the faster
way, and once read by itself (``corpus_file``). Told are words by the clock and by the seconds that processors worked,
which other programs on the machine disturb less; ratios are medians over the rounds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

import tacit

from .common import Array, Results, arguments, corpus, run

KINDS = ("by the clock", "by processor seconds")


def seconds(work: Callable[[], Any]) -> Array:
    """How long it takes by the clock, and the time that processors worked on it."""
    began = time.perf_counter(), time.process_time()
    work()
    return np.subtract((time.perf_counter(), time.process_time()), began)


def main(words: Sequence[str] | None = None) -> dict[str, Any]:
    """Rounds of each, and what they say together."""
    options = arguments(
        "speed", __doc__, words, rounds={"type": int, "default": 3}, threads={"type": int, "default": 2}
    )
    text, results = corpus(options), Results("speed", options)
    part = first_fifth(text)
    found: dict[str, Any] = {name: [] for name in ("tacit", "tacit, whole fit", "gensim")}

    def rate(file: Path, took: Array) -> dict[str, int]:
        count = len(file.read_bytes().split())
        return dict(zip(KINDS, (round(count / t) for t in took), strict=True))

    def fit(epochs: int) -> Array:
        return seconds(lambda: tacit.WordEmbedding(100, epochs=epochs, random_state=0).fit(text))

    def all_of_them() -> dict[str, Any]:
        try:
            from gensim.models import Word2Vec
            from gensim.models.word2vec import LineSentence
        except ImportError:
            print("gensim is not installed: no comparison")
            Word2Vec = None
        else:
            model = Word2Vec(
                vector_size=100, window=5, negative=5, min_count=5, sg=1, sample=1e-3, workers=options.threads
            )
            model.build_vocab(corpus_file=str(text))
            data, lines = part.read_bytes(), LineSentence(str(part))
            how = {"total_examples": data.count(b"\n"), "total_words": len(data.split()), "epochs": 1}
        fit(0)
        for turn in range(1 if options.quick else options.rounds):
            none, one = fit(0), fit(1)
            found["tacit"].append(rate(text, np.maximum(one - none, 1e-3)))
            found["tacit, whole fit"].append(rate(text, one))
            if Word2Vec is None:
                continue
            found["gensim"].append(rate(part, seconds(lambda: model.train(lines, **how))))
            if turn == 0:
                found["gensim, corpus_file"] = rate(part, seconds(lambda: model.train(corpus_file=str(part), **how)))
        for kind in KINDS if found["gensim"] else ():
            ratios = [a[kind] / b[kind] for a, b in zip(found["tacit"], found["gensim"], strict=True)]
            found[f"times gensim, {kind}"] = round(float(np.median(ratios)), 2)
        return found

    with threadpool_limits(options.threads):
        return results.get(f"{options.threads} threads", all_of_them)


def first_fifth(text: Path) -> Path:
    """Its first lines, in a file beside it."""
    part = text.with_suffix(".fifth.txt")
    data = text.read_bytes()
    part.write_bytes(data[: data.find(b"\n", len(data) // 5) + 1])
    return part


if __name__ == "__main__":
    run(main)
