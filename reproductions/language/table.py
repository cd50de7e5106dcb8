"""The figures that ``results`` holds, as the table of docs/pretraining.md.

    python -m reproductions.language.table

Writes the table between the two marks on the page. What has not been run yet is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

from ..autoencoders.common import ROOT
from ..autoencoders.table import found as read
from ..autoencoders.table import markdown, mean, write
from .common import HERE

PAGE = ROOT / "docs" / "pretraining.md"
HEAD = ("what", "ours", "beside it")


def found(name: str) -> dict[str, Any]:
    """The values of one script by key."""
    return read(name, HERE)


def rows() -> Iterator[tuple[str, str, str]]:
    """What, ours, beside it."""
    bits = {key.split(",")[0]: v for key, v in found("text").items()}
    if {"transformer", "5-gram", "xz -9"} <= bits.keys():
        net = bits["transformer"]
        what = (
            f"held-out articles, transformer, {net['minutes of all cores']:.0f} minutes of one core: bits a character"
        )
        yield what, f"{net['bits']:.3f}", f"5-gram {bits['5-gram']['bits']:.3f}, xz -9 {bits['xz -9']['bits']:.3f}"
    right = found("reviews")
    for n, (rule, how) in product((100, 400, 1600), {"Bayes": "Bayes' rule", "softmax": "a softmax"}.items()):
        (tuned, draws), (peer, others) = (mean(right, f"{n} labels, {name}") for name in (rule, "TF-IDF"))
        if draws and others:
            what = f"film reviews, {n:,} labels, {draws} draw{'s' * (draws > 1)}: right, fine-tuned under {how}"
            yield what, f"{tuned:.1%}", f"TF-IDF and logistic regression {peer:.1%}"


def table() -> str:
    """The rows as Markdown."""
    return markdown(HEAD, rows())


if __name__ == "__main__":
    write(PAGE, table())
