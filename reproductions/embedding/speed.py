"""Words a second in training, beside gensim in the same run.

    python -m reproductions.embedding.speed [--rounds 3] [--threads 2] [--quick]

Skip-gram, d = 100, window 5, 5 negatives, over 10M words of Wikipedia; contenders take turns, and the ratio is the
median over the rounds. Of ours, training is the difference between a fit of three epochs and a fit of none; gensim's
vocabulary is built before. gensim reads the file itself (``corpus_file``); once it is given sentences too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

import tacit

from .common import Results, arguments, corpus, run


def seconds(work: Callable[[], Any]) -> float:
    """How long it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main(words: Sequence[str] | None = None) -> dict[str, Any]:
    """Rounds of each, and what they say together."""
    options = arguments(
        "speed", __doc__, words, rounds={"type": int, "default": 3}, threads={"type": int, "default": 2}
    )
    text, results = corpus(options), Results("speed", options)
    total = len(text.read_bytes().split())
    rounds, peers = range(1 if options.quick else options.rounds), ["gensim", "gensim, sentences"]

    def ours() -> dict[str, int]:
        def fit(epochs: int) -> float:
            return seconds(lambda: tacit.WordEmbedding(100, epochs=epochs, random_state=0).fit(text))

        none, three = fit(0), fit(3)
        return {"training": round(3 * total / (three - none)), "whole fit of three epochs": round(3 * total / three)}

    def theirs(kind: str) -> dict[str, int]:
        from gensim.models import Word2Vec
        from gensim.models.word2vec import LineSentence

        model = Word2Vec(
            vector_size=100, window=5, negative=5, min_count=5, sg=1, sample=1e-3, workers=options.threads, seed=0
        )
        source = {"corpus_iterable": LineSentence(str(text))} if "sentences" in kind else {"corpus_file": str(text)}
        counting = seconds(lambda: model.build_vocab(**source))
        how = {"total_examples": model.corpus_count, "total_words": model.corpus_total_words, "epochs": 1}
        took = seconds(lambda: model.train(**source, **how))
        return {"training": round(total / took), "whole fit of three epochs": round(3 * total / (counting + 3 * took))}

    if not options.quick:
        seconds(lambda: tacit.WordEmbedding(1, epochs=0).fit([["a"] * 5]))  # imports
    found: dict[str, Any] = {"words": total, "threads": options.threads}
    with threadpool_limits(options.threads):
        for turn in rounds:
            for name in ["tacit", *(peers if turn == 0 else peers[:1])]:
                key = f"{name}, {options.threads} threads, round {turn}"
                try:
                    found[key] = results.get(key, lambda name=name: ours() if name == "tacit" else theirs(name))
                except ImportError:
                    print("gensim is not installed: no comparison")
    for what in ("training", "whole fit of three epochs"):
        rates = {
            n: [found[k][what] for k in found if k.startswith(f"{n}, {options.threads}")] for n in ("tacit", "gensim")
        }
        if rates["gensim"]:
            found[f"times gensim, {what}"] = round(float(np.median(np.divide(rates["tacit"], rates["gensim"]))), 2)
    return found


if __name__ == "__main__":
    run(main)
