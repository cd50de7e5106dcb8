"""``tacit fit words TEXT -o FILE`` and ``tacit similar MODEL WORD ...``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from . import tables
from .console import load, out
from .options import DEFAULT_FILE, AsJson, Checkpoint, ModelFile, ModelPath, Seed

EXAMPLES = {
    "words": "tacit fit words text.txt -o words.tacit --vectors vectors.txt",
    "similar": "tacit similar words.tacit king queen",
}


class Predicting(StrEnum):
    """What is predicted from what."""

    skip_gram = "skip-gram"
    cbow = "cbow"


def words(
    text: Annotated[Path, typer.Argument(metavar="TEXT", help="A sentence in each line; .gz, .xz, .bz2 too.")],
    output: ModelFile = DEFAULT_FILE,
    vectors: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The vectors for other tools, as word2vec's text; .bin: binary.")
    ] = None,
    n_components: Annotated[int, typer.Option(min=1, help="Numbers in a vector.")] = 100,
    model: Annotated[Predicting, typer.Option(help="What is predicted from what.")] = Predicting.skip_gram,
    window: Annotated[int, typer.Option(min=1, help="Words to either side, at most.")] = 5,
    negative: Annotated[int, typer.Option(min=1, help="Words drawn against each position.")] = 5,
    min_count: Annotated[int, typer.Option(min=1, help="Words that come less often are left out.")] = 5,
    ngrams: Annotated[bool, typer.Option("--ngrams", help="Vectors of n-grams of 3 to 6 characters too.")] = False,
    epochs: Annotated[int, typer.Option(min=0, help="Passes over the text.")] = 5,
    checkpoint: Checkpoint = None,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Vectors of words, from the words around them in a text."""
    from tacit import WordEmbedding

    tables.check_output(output)
    fitted = WordEmbedding(
        n_components, model=model.value, window=window, negative=negative, min_count=min_count,
        ngrams=(3, 6) if ngrams else None, epochs=epochs, random_state=seed,
    )  # fmt: skip
    fitted.fit(text, checkpoint=checkpoint)
    if vectors is not None:
        fitted.to_word2vec(vectors, binary=vectors.suffix == ".bin")
    fitted.save(output)
    facts = {"words": len(fitted.words_), "occurrences": int(fitted.counts_.sum()), "loss": fitted.history_[-1:]}
    if as_json:
        tables.print_json(facts | {"file": str(output)})
        return
    out.print(f"{facts['words']} words, which come {facts['occurrences']} times", highlight=False)
    out.print(f"saved to {escape(str(output))}", highlight=False)


def similar(
    model: ModelPath,
    asked: Annotated[list[str], typer.Argument(metavar="WORD...", help="Words; several are averaged.")],
    n: Annotated[int, typer.Option("-n", min=1, help="How many.")] = 10,
    as_json: AsJson = False,
) -> None:
    """The words whose vectors are nearest, and the cosines of the angles."""
    found = load(model, "most_similar").most_similar(asked if len(asked) > 1 else asked[0], n)
    if as_json:
        tables.print_json(dict(found))
        return
    for word, cosine in found:
        out.print(f"{cosine:.3f}  {word}", highlight=False, markup=False)
