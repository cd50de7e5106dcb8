"""The tables of docs/gan.md, from the committed results.

python -m reproductions.adversarial.table
"""

from __future__ import annotations

import json
import math
from typing import Any

from tacit import evaluate

from .common import HERE


def values(name: str) -> dict[str, Any]:
    """What a script has found so far, by key, with the seconds that each took."""
    path = HERE / "results" / f"{name}.json"
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["values"] if path.exists() else {}
    return found


def both_ways() -> list[str]:
    """E_p[log q] and E_q[log p] on known densities."""
    kept, lines = values("both_ways"), []
    for where in ("three Gaussians", "ring"):
        rows = {key.removeprefix(f"{where}, "): one["found"] for key, one in kept.items() if key.startswith(where)}
        if rows:
            made = {
                name: evaluate.Directions(kind, *(None if d is None else evaluate.Direction(*d) for d in both))
                for name, (kind, *both) in rows.items()
            }
            lines += ["", f"p: {where}", "", *evaluate.directions_table(made).splitlines()]
    return [*lines, ""] if lines else []


def figures() -> list[str]:
    """One line for each figure that was measured."""
    lines = ["", "| what | found | must | published | minutes |", "|---|---|---|---|---|"]

    def line(what: str, found: str, must: str, published: str, *seconds: float) -> None:
        lines.append(f"| {what} | {found} | {must} | {published} | {sum(seconds) / 60:.1f} |")

    laws = values("laws")
    for key, one in laws.items():
        v, s = one["found"], one["seconds"]
        if key == "value":
            line("J(G, D*) by quadrature: off -log 4 + 2 JS", f"{v['difference']:.0e}", "1e-6", "theory", s)
        elif key.startswith("best D"):
            line(f"G frozen: mean error of D ({key.split(', ')[1]})", f"{v}", "0.05", "theory", s)
        else:
            off = v["J"] + math.log(4)
            again = v["J, D trained anew"] + math.log(4)
            line(
                f"mixture in one dimension ({key.split(', ')[1]}): J + log 4; with a D trained anew",
                f"{abs(off):.3f}; {abs(again):.3f}", "0.05", "theory", s,
            )  # fmt: skip
    seeds = values("modes")
    for shape, must, published in (("ring", "8 / 95 %", "7.9 / 95.6 %"), ("grid", "24.5 / 90 %", "24.8 / 93.6 %")):
        for how in sorted({key.rsplit(", ", 1)[0] for key in seeds if key.startswith(shape)}):
            some = [one for key, one in seeds.items() if key.rsplit(", ", 1)[0] == how]
            mean = {k: sum(one["found"][k] for one in some) / len(some) for k in ("modes", "high quality")}
            line(
                f"{how}, {len(some)} seed{'s' * (len(some) > 1)}: modes / high quality",
                f"{mean['modes']:.1f} / {mean['high quality']:.1%}", must, published, *(one["seconds"] for one in some),
            )  # fmt: skip
    for one in values("classifier").values():
        told = f"{one['found']['accuracy']:.2%}; {one['found']['floor']:.2f}"
        line(
            "classifier of MNIST: right; Fréchet distance of real to real, the floor", told, "99 %", "", one["seconds"]
        )
    digits = values("digits")
    floor = digits.get("floor", {}).get("found", {}).get("frechet")
    for key, one in digits.items():
        v = one["found"]
        told = f"{v['frechet']:.2f}" + (f", {v['frechet'] / floor:.1f} x the floor" if key != "floor" else "")
        shares = f"; precision {v['precision']:.2f}, recall {v['recall']:.2f}"
        must = "best of the four" if key.startswith("gan") else ""
        line(f"MNIST, Fréchet distance: {key}", told + shares, must, "", one["seconds"])
    for key, one in values("conditional").items():
        line(f"digits by label ({key}): read right", f"{one['found']['accuracy']:.1%}", "95 %", "", one["seconds"])
    for key, one in values("stacked").items():
        v = one["found"]
        line(f"stacked digits ({key}): modes, KL", f"{v['modes']}, {v['kl']}", "900, 0.5", "1000, 0.06", one["seconds"])
    for key, one in values("parzen").items():
        v = one["found"]
        line(f"MNIST by windows: {key}", f"{v['mean']:.0f} ± {v['error']:.0f}", "", "225 ± 2", one["seconds"])
    for key, one in values("growing").items():
        v = one["found"]
        line(f"digits, 32 x 32: {key}", f"Fréchet {v['frechet']:.1f} in {v['seconds']:.0f} s", "", "", one["seconds"])
    for key, one in values("speed").items():
        v = one["found"]
        line(f"steps a second: {key}", f"{v['ratio']:.2f} x a bare loop", "0.97 x", "", one["seconds"])
    return [*lines, ""]


def main() -> None:
    """Put both tables into the page."""
    import re

    page = HERE.parents[1] / "docs" / "gan.md"
    text = page.read_text(encoding="utf-8")
    for name, lines in (("both ways", both_ways()), ("figures", figures())):
        block = f"<!-- {name} -->\n" + "".join(f"{line}\n" for line in lines) + f"<!-- /{name} -->"
        text = re.sub(rf"<!-- {name} -->\n.*?<!-- /{name} -->", lambda _: block, text, flags=re.DOTALL)  # noqa: B023
    page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
