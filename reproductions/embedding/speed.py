"""Words a second in training, beside gensim in the same run.

    python -m reproductions.embedding.speed [--rounds 3] [--threads 2] [--quick]

Skip-gram, d = 100, window 5, 5 negatives, over 10M words of Wikipedia; contenders take turns, and the ratio is the
median over the rounds. Of ours, an epoch is the difference between a fit of three and a fit of one; gensim's vocabulary
is built before. gensim reads the file itself (``corpus_file``), its faster way; once it is given sentences too.
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
    found: dict[str, Any] = {"words": total, "threads": options.threads, "tacit": [], "gensim": []}

    def ours(epochs: int) -> float:
        return seconds(lambda: tacit.WordEmbedding(100, epochs=epochs, random_state=0).fit(text))

    def gensim() -> Any:
        from gensim.models import Word2Vec

        theirs = Word2Vec(
            vector_size=100, window=5, negative=5, min_count=5, sg=1, sample=1e-3, workers=options.threads, seed=0
        )
        theirs.build_vocab(corpus_file=str(text))
        return theirs

    def work() -> dict[str, Any]:
        try:
            theirs = gensim()
        except ImportError:
            theirs = None
            print("gensim is not installed: no comparison")
        for _ in range(1 if options.quick else options.rounds):
            one, three = ours(1), ours(3)
            found["tacit"].append(round(2 * total / (three - one)))
            found["tacit, whole fit of three epochs"] = round(3 * total / three)
            if theirs is not None:
                took = seconds(
                    lambda: theirs.train(
                        corpus_file=str(text), total_examples=theirs.corpus_count,
                        total_words=theirs.corpus_total_words, epochs=1,
                    )
                )  # fmt: skip
                found["gensim"].append(round(total / took))
        if theirs is not None:
            from gensim.models.word2vec import LineSentence

            took = seconds(lambda: theirs.train(LineSentence(str(text)), total_examples=theirs.corpus_count, epochs=1))
            found["gensim, sentences"] = round(total / took)
            found["times gensim"] = round(float(np.median(np.divide(found["tacit"], found["gensim"]))), 2)
        return found

    with threadpool_limits(options.threads):
        return results.get(f"{options.threads} threads", work)


if __name__ == "__main__":
    run(main)
