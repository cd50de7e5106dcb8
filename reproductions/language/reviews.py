"""Film reviews, 100, 400 and 1,600 labels: a language model fine-tuned, against TF-IDF with a logistic regression.

    python -m reproductions.language.reviews [--minutes 24] [--draws 3] [--rules Bayes,softmax] [--sizes 100,400]

Accuracy on 400 reviews that nothing was learned from. The language model is pre-trained on the 1,600 others without
their labels, from the model of articles of Wikipedia (``reproductions.language.text``) where it is there; then it is
fine-tuned under a softmax, or once for each class and asked by Bayes' rule, whose bound and tempering were chosen on
200 reviews of the 1,600. The peer's words and their weights come from the same 1,600 texts; its penalty is chosen on
the labels by five folds. One core: 16 minutes of pre-training, 1 to 6 minutes a draw.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegressionCV

import tacit

from .common import Results, arguments, fitted, reviews, run, timed


def balanced(y: np.ndarray, n: int, seed: int) -> np.ndarray:
    """n row numbers, half of them of each kind."""
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.permutation(np.flatnonzero(y == c))[: n // 2] for c in (0, 1)])


def main(words: Sequence[str] | None = None) -> dict[str, Any]:
    """Pre-training once, then labels."""
    options = arguments(
        "reviews",
        __doc__,
        words,
        draws={"type": int, "default": 3},
        of={"default": "256-4-1", "help": "the model of Wikipedia: width, layers, share of the text"},
        tuned={"type": int, "default": 4, "help": "passes over the labelled texts"},
        rules={"default": "Bayes,softmax"},
        sizes={"default": "100,400,1600", "help": "numbers of labels"},
    )
    (texts, y), (test, y_test) = reviews(options)
    quick = options.quick
    results = Results("reviews", options)
    sizes = (16, 200) if quick else map(int, options.sizes.split(","))
    models: dict[str, Any] = {}

    def pretrained() -> Any:
        if not models:
            first = options.work / f"text-{options.of}.tacit"
            shape = {"width": 32, "layers": 2, "heads": 2, "context": 64, "vocabulary": 290}
            start = None if quick or not first.exists() else tacit.load(first)
            training, told = timed(options, "reviews")
            model = tacit.LanguageModel(
                **(shape if quick else {"context": 256}),
                init=start,
                epochs=6 if quick else 2,
                batch_size=8,
                learning_rate=0.02 if quick else 3e-3,
                training=training,
                device=options.device,
                random_state=0,
            )
            models["start"] = fitted(model, options, "reviews/pre-trained", texts)
            results.get("bits a character", lambda: told() | {"bits": round(model.bits_per_character(test), 4)})
        return models["start"]

    def tuned(rule: str, n: int, draw: int) -> float:
        few = balanced(y, n, draw)
        training, _ = timed(options, f"reviews-{rule}-{n}-{draw}")
        model = pretrained().to_classifier(
            generative=rule == "Bayes",
            epochs=2 if quick else options.tuned,
            learning_rate=0.01 if quick and rule == "Bayes" else 3e-4,
            training=training,
            device=options.device,
            random_state=draw,
        )
        fitted(model, options, f"reviews/{rule}-{n}-{draw}", [texts[i] for i in few], y[few])
        return round(float((model.predict(test) == y_test).mean()), 4)

    def linear(n: int, draw: int) -> float:
        few = balanced(y, n, draw)
        found = TfidfVectorizer(sublinear_tf=True, min_df=2).fit(texts)
        model = LogisticRegressionCV(
            Cs=7, cv=5, l1_ratios=(0,), scoring="accuracy", max_iter=1000, use_legacy_attributes=False
        )
        model.fit(found.transform([texts[i] for i in few]), y[few])
        return round(float((model.predict(found.transform(test)) == y_test).mean()), 4)

    found: dict[str, Any] = {}
    for n in sizes:
        for name in ("TF-IDF", *options.rules.split(",")):
            work = linear if name == "TF-IDF" else partial(tuned, name)
            keys = []
            for draw in range(1 if n == len(texts) else options.draws):
                keys.append(f"{n} labels, {name}, draw {draw}")
                results.get(keys[-1], partial(work, n, draw))
            found[f"{n} labels, {name}"] = results.summary(keys)
    return found


if __name__ == "__main__":
    run(main)
