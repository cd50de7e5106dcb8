"""Bits a character of held-out articles of Wikipedia: a transformer, n-grams by Kneser-Ney, and xz -9.

    python -m reproductions.language.text [--only transformer] [--share 1] [--minutes 24] [--quick]

58 million characters (a to z and blanks), every hundredth article held out. The transformer reads 2,048 byte pairs, 3.6
million weights, one pass over the text: half an hour on two cores that have bf16; bits are counted by the character.
xz is given the held-out text alone, and after all that the others learned from (its dictionary of 64 MiB holds that).
``--share`` of the text is all that the transformer reads.
"""

from __future__ import annotations

import lzma
from collections.abc import Sequence
from typing import Any

import tacit

from .common import Results, Unfinished, arguments, articles, fitted, run, timed

PREDICTORS = ("xz -9", "xz -9 after the text", "5-gram", "8-gram", "transformer")


def main(words: Sequence[str] | None = None) -> dict[str, Any]:
    """Each predictor, unless its figure is there."""
    options = arguments("text", __doc__, words, only={"nargs": "*"}, share={"type": float, "default": 1.0})
    train, test = articles(options)
    quick = options.quick
    characters = sum(map(len, test))
    results = Results("text", options)

    def xz(given: str) -> dict[str, float]:
        before = len(lzma.compress(given.encode(), preset=9)) if given else 0
        after = len(lzma.compress((given + "\n".join(test)).encode(), preset=9))
        return {"bits": round(8 * (after - before) / characters, 4)}

    def ngram(n: int) -> dict[str, float]:
        return {"bits": round(tacit.NGramModel(n).fit(train).bits_per_character(test), 4)}

    def transformer() -> dict[str, float]:
        training, told = timed(options, f"text-{options.share:g}")
        model = tacit.LanguageModel(
            vocabulary=290 if quick else 2048,
            width=32 if quick else 256,
            layers=2 if quick else 4,
            heads=2 if quick else 4,
            context=64 if quick else 256,
            epochs=6 if quick else 1,
            batch_size=8 if quick else 16,
            learning_rate=0.02 if quick else 8e-3,
            training=training,
            device=options.device,
            random_state=0,
        )
        try:
            fitted(model, options, f"text/transformer-{options.share:g}", train[: int(options.share * len(train))])
        except Unfinished:
            print(told())
            raise
        if not quick:
            model.save(options.work / f"text-{options.share:g}.tacit")
        weights = sum(p.numel() for p in model.network_.parameters())
        return told() | {"bits": round(model.bits_per_character(test), 4), "weights": weights}

    works = {
        "xz -9": lambda: xz(""),
        "xz -9 after the text": lambda: xz("\n".join(train) + "\n"),
        "5-gram": lambda: ngram(5),
        "8-gram": lambda: ngram(8),
        "transformer": transformer,
    }
    found: dict[str, Any] = {}
    for name in options.only or PREDICTORS:
        key = f"{name}, {options.share:.0%} of the text" if name == "transformer" and options.share < 1 else name
        found[name] = results.get(key, works[name])
    return found


if __name__ == "__main__":
    run(main)
