"""The figures that ``results`` holds, as the table of docs/energy.md.

    python -m reproductions.energy.table

Writes the table between the two marks on the page. What has not been run yet is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..autoencoders.common import ROOT
from ..autoencoders.table import found as read
from ..autoencoders.table import markdown, mean, write
from .common import HERE
from .newsgroups import RECALLS

PAGE = ROOT / "docs" / "energy.md"
HEAD = ("what", "ours", "published or beside it")


def found(name: str) -> dict[str, Any]:
    """The values of one script by key."""
    return read(name, HERE)


def rows() -> Iterator[tuple[str, ...]]:
    """What, ours, beside it."""
    for key, v in found("patterns").items():
        name, method = key.split(", ")[:2]
        yield f"{name}, exact log-likelihood, {method}", f"{v['last']:.3f}", f"ceiling {v['last'] / (1 + v['off']):.3f}"
    default = found("defaults")
    for name in (key.removesuffix(", independent columns") for key in default if "independent" in key):
        seeds = [v["mean"] for key, v in default.items() if key.startswith(f"{name}, seed")]
        yield (
            f"RBM() on {name}, {len(seeds)} seeds: log-likelihood of a test row",
            f"{min(seeds):.2f} to {max(seeds):.2f}",
            f"independent columns {default[f'{name}, independent columns']:.2f}",
        )
    machines = found("annealing")
    if machines:
        near = sum(abs(v["off"]) <= 3 * v["error"] for v in machines.values())
        inside = sum(v["low"] <= v["exact"] <= v["high"] for v in machines.values())
        what = f"annealing against enumeration, {len(machines)} machines of 16 to 20 hidden units"
        yield what, f"within 3 standard errors {near}, inside the bracket {inside}", ""
    beside = {"500 sampled": "-86.34", "500 thresholded": "-84.86, back -96.61", "16 thresholded": "-142.56"}
    for key, v in found("likelihood").items():
        hidden, way, epochs = key.split(", ")[:3]
        hidden = hidden.split()[0]
        what = f"MNIST {way}, {hidden} hidden, {epochs}: log-likelihood of a test row"
        best = beside.get(f"{hidden} {way}", "")
        if "exact" in v:
            yield f"{what}, exact", f"{v['exact']:.2f}", best
        else:
            yield what, f"{v['annealed']:.2f}, bracket {v['low']:.2f} to {v['high']:.2f}", best
    for key, v in found("belief").items():
        yield (
            f"784-500-2000, pixels sampled, {key}",
            f"{v['mean']:.2f}, bracket {v['low']:.2f} to {v['high']:.2f}",
            "-86.2",
        )
    labels = found("labels")
    for count, best in (
        (100, "81.7 against 76.0"),
        (1_000, "93.7 against 88.7"),
        (10_000, "97.3 against 94.7"),
        (60_000, "98.8"),
    ):
        (pre, n), (start, m) = (mean(labels, f"{count} labels, {s}") for s in ("pre-trained", "random"))
        if n and m:
            yield (
                f"784-500-500-2000 and softmax, {count:,} labels: right",
                f"{pre:.2%} against {start:.2%} at random",
                best,
            )
    u = found("unrolled")
    (pre, n), (start, m) = mean(u, "pre-trained"), mean(u, "random")
    if n and m:
        yield (
            "784-1000-500-250-30 unrolled: squared error a picture",
            f"{pre:.2f} against {start:.2f} at random",
            "3.00",
        )
    for key, v in found("newsgroups").items():
        at = [f"{RECALLS[i]:g}: {v['precision'][str(RECALLS[i])]:.3f}" for i in (1, 3, 4)]
        yield (
            f"20 newsgroups, {key}: precision at recall",
            ", ".join(at),
            f"15 neighbours right {v['15 neighbours']:.3f}",
        )
    c = found("completion")
    ours, n = mean(c, "machine")
    if n:
        what = "lower halves of digits given the upper: squared error"
        yield what, f"{ours:.2f}", f"PCA {c['PCA']['error']:.2f}, ten neighbours {c['10 neighbours']:.2f}"
    for key, v in found("tables").items():
        if key.endswith("test"):
            best = "-15.15" if key.startswith("mushrooms") else "-96.74"
            yield f"{key.removesuffix(', test')}: log-likelihood of a test row", f"{v['mean']:.2f}", best
    s = found("speed")
    if s:
        seconds = s["epoch, seconds"]
        beside = f"its five products {seconds['five products']:.2f} s, scikit-learn {seconds['scikit-learn']:.2f} s"
        yield "an epoch of CD-1, 20,000 x 784, 500 hidden", f"{seconds['CD-1']:.2f} s", beside
        yield "a ladder of 14,500 for 100 chains, 500 hidden", f"{s['ladder, seconds']:.1f} s", ""


def table() -> str:
    """The rows as Markdown."""
    return markdown(HEAD, rows())


if __name__ == "__main__":
    write(PAGE, table())
