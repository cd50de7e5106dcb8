"""The figures that ``results`` holds, as the table of docs/autoencoders.md.

    python -m reproductions.autoencoders.table

Writes the table between the two marks on the page. What has not been run yet is left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from .common import HERE, ROOT

PAGE = ROOT / "docs" / "autoencoders.md"
HEAD = ("what", "ours", "beside it", "seeds")
MARKS = "<!-- figures -->\n", "<!-- end of figures -->\n"


def found(name: str, folder: Path = HERE) -> dict[str, Any]:
    """The values of one script by key, none where it has not been run."""
    path = folder / "results" / f"{name}.json"
    return {key: v["found"] for key, v in json.loads(path.read_text())["values"].items()} if path.exists() else {}


def mean(values: dict[str, Any], start: str) -> tuple[float, int]:
    """The mean over the keys that begin so, and how many there are."""
    some = [v for key, v in values.items() if key.startswith(start)]
    return (float(np.mean(some)) if some else np.nan), len(some)


def rows() -> Iterator[tuple[str, str, str, str]]:
    """What, ours, beside it, seeds."""
    r = found("reconstruction")
    if "PCA" in r:
        yield "PCA with 30 components, squared error a test picture", f"{r['PCA']:.2f}", "13.87 published", ""
    error, n = mean(r, "network")
    if n:
        yield "784-1000-500-250-30, the same", f"{error:.2f}", "3.00 (2006), 2.46 (2010)", str(n)
    c = {key: v for key, v in found("clustering").items() if key.startswith("codes")}
    if c:
        accuracy, nmi = (float(np.mean([v[name] for v in c.values()])) for name in ("accuracy", "nmi"))
        what = "784-500-500-2000-10, k-means of codes: accuracy, NMI"
        yield what, f"{accuracy:.3f}, {nmi:.3f}", "0.88, 0.81", str(len(c))
    labels = found("labels")
    for count in (100, 1_000, 10_000, 60_000):
        (pre, n), (start, m) = (mean(labels, f"{count} labels, {s}") for s in ("pre-trained", "random"))
        if n and m:
            what = f"stacked denoising 3 x 1000 and softmax, {count:,} labels: right"
            beside = {100: "81.7 against 76.0", 1_000: "93.7 against 88.7", 10_000: "97.3 against 94.7"}
            yield (
                what,
                f"{pre:.2%} against {start:.2%} from a random start",
                beside.get(count, "98.7 against 98.2"),
                str(n),
            )
    d = found("denoising")
    for kind, said in (("masked", "a quarter masked"), ("gaussian", "noise of 0.5")):
        ours, n = mean(d, f"{kind}, autoencoder")
        if n:
            beside = f"PCA {d[f'{kind}, PCA']:.1f}, median filter {d[f'{kind}, median filter']:.1f}"
            yield f"digits mended, {said}: PSNR", f"{ours:.1f} dB", beside, str(n)
    for path in sorted((HERE / "results").glob("likelihood-*.json")):
        values = found(path.stem)
        epochs, more = path.stem.split("-")[1:]
        for name, best in (("VAE", "86.76"), ("IWAE", "84.78")):
            some = [v["5000 samples"] for key, v in values.items() if key.startswith(f"{name},")]
            if some:
                what = f"{name} 784-200-200-50, -log p by 5,000 samples, {epochs}" + f" + {more}" * (name == "IWAE")
                yield f"{what} epochs", f"{np.mean(some):.2f}", f"{best} after 3,280", str(len(some))
    o = found("outliers")
    linear, m = mean({k: v for k, v in o.items() if k.endswith("PCA")}, "")
    if m:
        seeds = [v for k, v in o.items() if not k.endswith("PCA")]
        yield (
            "outliers in 22 tables, default VAE: AUC",
            f"{np.mean(seeds):.3f}",
            (f"VAE 0.775, PCA 0.779 published; our PCA {linear:.3f}"),
            str(len(seeds) // m),
        )
    a = [v for key, v in found("adult").items() if key.startswith("seed")]
    if a:
        for model in ("VAE", "JointMixture"):
            right, rmse, accuracy, f1 = (
                float(np.mean([v[model][key] for v in a])) for key in ("right", "rmse", "accuracy", "f1")
            )
            yield (
                f"Adult, {model}: categories imputed right, error of numbers; accuracy, F1 from drawn rows",
                f"{right:.3f}, {rmse:.3f}; {accuracy:.3f}, {f1:.3f}",
                "TVAE 0.803, 0.619",
                str(len(a)),
            )
    w = found("newsgroups")
    votes, n = mean(w, "codes")
    if n:
        yield (
            "two numbers a post of 20 newsgroups, 15 neighbours vote: right",
            f"{votes:.3f}",
            f"LSA {w['LSA']:.3f}",
            str(n),
        )
    compressed = found("compression")
    for key in sorted(compressed, key=lambda key: int(key.split()[0])):
        rate, way = key.rsplit(", ", 1)
        if way == "autoencoder":
            value = compressed[key]
            others = {k.rsplit(", ", 1)[1]: v for k, v in compressed.items() if k.startswith(f"{rate}, ")}
            beside = ", ".join(f"{name} {v:.1f}" for name, v in others.items() if name != way)
            yield f"digits in {rate}: PSNR", f"{value:.1f} dB", beside, "1"


def markdown(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A table of Markdown."""
    return "".join(f"| {' | '.join(row)} |\n" for row in (head, ("---",) * len(head), *rows))


def write(page: Path, table: str) -> None:
    """Put a table between the two marks on a page."""
    before, rest = page.read_text(encoding="utf-8").split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    page.write_text(before + MARKS[0] + table + MARKS[1] + after, encoding="utf-8")


def table() -> str:
    """The rows as Markdown."""
    return markdown(HEAD, rows())


if __name__ == "__main__":
    write(PAGE, table())
