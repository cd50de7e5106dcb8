"""Bits a character of held-out articles of Wikipedia: a transformer, n-grams by Kneser-Ney, and xz -9.

    python -m reproductions.language.text [--only transformer] [--share 1] [--width 256] [--minutes 24] [--quick]

58 million characters (a to z and blanks), every hundredth article held out. The transformer reads 2,048 byte pairs, 3.7
million weights, in one pass: made for half an hour on two cores that have bf16; bits are counted by the character.
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
    more = {"share": {"type": float, "default": 1.0}, "width": {"type": int, "default": 256}}
    options = arguments("text", __doc__, words, only={"nargs": "*"}, layers={"type": int, "default": 4}, **more)
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

    name = f"text-{options.width}-{options.layers}-{options.share:g}"

    def transformer() -> dict[str, float]:
        training, told = timed(options, name)
        model = tacit.LanguageModel(
            vocabulary=290 if quick else 2048,
            width=32 if quick else options.width,
            layers=2 if quick else options.layers,
            heads=2 if quick else options.width // 64,
            context=64 if quick else 256,
            epochs=8 if quick else 1,
            batch_size=8 if quick else 16,
            learning_rate=0.02 if quick else 8e-3,
            training=training,
            device=options.device,
            random_state=0,
        )
        try:
            fitted(model, options, f"text/{name}", train[: int(options.share * len(train))])
        except Unfinished:
            print(told())
            raise
        if not quick:
            model.set_params(training=None).save(options.work / f"{name}.tacit")
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
    for one in options.only or PREDICTORS:
        key = one
        if one == "transformer":
            key += f", {options.width} wide, {options.layers} layers, {options.share:.0%} of the text"
        found[one] = results.get(key, works[one])
    return found


if __name__ == "__main__":
    run(main)
