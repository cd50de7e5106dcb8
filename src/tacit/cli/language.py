"""``tacit fit language FILE``: models of texts."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from ..errors import InputError
from . import tables
from .console import out
from .options import DEFAULT_FILE, AsJson, Checkpoint, Device, ModelFile, Seed, TimeLimit

EXAMPLE = "tacit fit language book.txt -o book.tacit --epochs 20"


class Kind(StrEnum):
    """Models of texts."""

    transformer = "transformer"
    ngram = "ngram"


class Alphabet(StrEnum):
    """What a text is cut into."""

    pairs = "pairs"
    characters = "characters"


def language(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A text in UTF-8.")],
    output: ModelFile = DEFAULT_FILE,
    lines: Annotated[bool, typer.Option("--lines", help="Each line is a text; otherwise the file is one.")] = False,
    kind: Annotated[Kind, typer.Option(help="A transformer, or counts by Kneser-Ney.")] = Kind.transformer,
    tokens: Annotated[
        Alphabet | None, typer.Option(help="Merged pairs of bytes, or characters; n-grams take characters if absent.")
    ] = None,
    vocabulary: Annotated[int, typer.Option(min=257, help="Number of tokens for pairs.")] = 2048,
    n: Annotated[int, typer.Option("-n", min=1, help="Tokens of the longest strings that n-grams count.")] = 5,
    width: Annotated[int, typer.Option(min=1, help="Numbers that the transformer holds a token in.")] = 256,
    layers: Annotated[int, typer.Option(min=1, help="Of the transformer.")] = 4,
    heads: Annotated[int, typer.Option(min=1, help="Parts that attention is split into.")] = 4,
    context: Annotated[int, typer.Option(min=2, help="Tokens that the transformer looks back.")] = 256,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the text.")] = 5,
    learning_rate: Annotated[float, typer.Option(help="Warms up, then falls to 0 as a cosine.")] = 0.01,
    time_limit: TimeLimit = None,
    checkpoint: Checkpoint = None,
    device: Device = "auto",
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """A model of texts: how likely one is, how it goes on. `tacit sample MODEL --prompt TEXT` writes more."""
    import tacit

    from ..language.texts import read_texts

    tables.check_output(output)
    texts = read_texts(file)
    if lines:
        texts = texts[0].splitlines()
        if not texts:
            raise InputError(f"{file} holds no line")
    cut: dict[str, Any] = {} if tokens is None else {"tokens": tokens.value}
    model: Any
    if kind == Kind.ngram:
        model = tacit.NGramModel(n, **cut, vocabulary=vocabulary, random_state=seed).fit(texts)
    else:
        model = tacit.LanguageModel(
            **cut,
            vocabulary=vocabulary,
            width=width,
            layers=layers,
            heads=heads,
            context=context,
            epochs=epochs,
            learning_rate=learning_rate,
            training=tacit.Training(time_limit=time_limit, progress=not as_json),
            device=device,
            random_state=seed,
        ).fit(texts, checkpoint=checkpoint)
    model.save(output)
    facts = {
        "model": type(model).__name__,
        "texts": len(texts),
        "characters": sum(map(len, texts)),
        "tokens": model.tokens_.size,
        "file": str(output),
    }
    if as_json:
        tables.print_json(facts)
        return
    made = f"learned from {facts['characters']:,} characters in {facts['texts']:,} text{'s' * (len(texts) > 1)}"
    out.print(f"[bold]{facts['model']}[/] of {facts['tokens']} tokens, {made}", highlight=False)
    out.print(f"saved to {escape(str(output))}", highlight=False)
