"""Similarities and analogies of word vectors after five passes over 10M words, beside gensim with the same settings.

    python -m reproductions.embedding.words [--seeds 3] [--models skip-gram cbow] [--quick]

d = 100, window 5, 5 negatives, words that come 5 times, t = 1e-3, rate 0.025 to 0.0001. gensim is run where it is
installed (``pip install gensim``).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

import tacit

from .common import Results, arguments, corpus, evaluate, run


def main(words: Sequence[str] | None = None) -> dict[str, Any]:
    """Ours, then gensim's."""
    choice = {"nargs": "+", "default": ["skip-gram"], "choices": ["skip-gram", "cbow", "n-grams"]}
    options = arguments("words", __doc__, words, models=choice, tag={"default": ""})
    text, tests = corpus(options), options.data / "word_similarity"
    results = Results("words", options)

    def ours(model: str, seed: int) -> dict[str, Any]:
        kind, ngrams = ("cbow", None) if model == "cbow" else ("skip-gram", (3, 6) if model == "n-grams" else None)
        fit = tacit.WordEmbedding(100, model=kind, ngrams=ngrams, random_state=seed)
        began = time.perf_counter()
        fit.fit(text)
        seconds = time.perf_counter() - began
        return evaluate(fit.words_, fit.vectors_, tests) | {
            "seconds of fit": round(seconds, 1),
            "loss": fit.history_[-1],
        }

    def theirs(model: str, seed: int) -> dict[str, Any]:
        from gensim.models import FastText, Word2Vec
        from gensim.models.word2vec import LineSentence

        kind, more = (FastText, {"bucket": 200_000}) if model == "n-grams" else (Word2Vec, {})
        began = time.perf_counter()
        fit = kind(
            LineSentence(str(text)), vector_size=100, window=5, negative=5, min_count=5, sg=int(model != "cbow"),
            sample=1e-3, alpha=0.025, min_alpha=1e-4, epochs=5, workers=2, seed=seed, **more,
        )  # fmt: skip
        seconds = time.perf_counter() - began
        vectors = np.array([fit.wv[word] for word in fit.wv.index_to_key])
        return evaluate(fit.wv.index_to_key, vectors, tests) | {"seconds of fit": round(seconds, 1)}

    found: dict[str, Any] = {}
    with threadpool_limits(2):
        for seed in range(options.seeds):
            for model in options.models:
                for name, work in (("tacit", ours), ("gensim", theirs)):
                    key = f"{name}{options.tag}, {model}, seed {seed}"
                    try:
                        found[key] = results.get(key, lambda work=work, model=model, seed=seed: work(model, seed))
                    except ImportError:
                        print("gensim is not installed: no comparison")
    return found


if __name__ == "__main__":
    run(main)
