"""How many groups and why, and the sentences that open the page."""

from __future__ import annotations

from typing import Any

from ..mixture.joint import JointMixture
from . import words

CLEAR = ((0.97, "clearly apart"), (0.9, "mostly apart"), (0.75, "overlapping"), (0.0, "running into each other"))


def clarity(certainty: float) -> str:
    """How far apart groups are, from the mean probability of a row's own group."""
    return next(word for least, word in CLEAR if certainty >= least)


def decision(model: JointMixture, K: int, certainty: float) -> dict[str, Any]:
    """Whether there are groups, K of them, and how clear: the numbers that decided it, and the reason in words.

    ``curve`` has the criteria for each number of parts tried; ``evidence`` the gain by several parts over one, of these
    rows and of tables drawn as one cloud (``JointMixture.evidence_``).
    """
    curve = [{"parts": int(c["n_components"]), "bic": c["bic"], "icl": c["icl"]} for c in model.selection_]
    parts, evidence = int(min(curve, key=lambda c: float(c["bic"]))["parts"]), model.evidence_
    clear = clarity(certainty) if K > 1 else None
    said = [_why(evidence, K, parts)]
    if K > 1:
        said.append(
            f"On average a row belongs to its group with probability {words.share(certainty)}: the groups are {clear}."
        )
    alone = model.n_components_ - K
    if alone:
        verb = "is" if alone == 1 else "are"
        said.append(f"{words.count(alone, 'more group')} would hold one odd row alone or none, and {verb} not counted.")
    if 1 < parts == model.max_components:
        said.append(f"No more than {parts} parts were tried; with more of them, groups might be divided further.")
    return {
        "count": K,
        "found": K > 1,
        "clear": clear,
        "certainty": certainty,
        "parts": parts,
        "curve": curve,
        "evidence": evidence,
        "words": said,
    }


def _why(evidence: dict[str, Any] | None, K: int, parts: int) -> str:
    if evidence is None:
        if parts > 1:
            return "There are too few rows to look for groups."
        return "The rows form one cloud: describing them in two parts is not worth the numbers that it takes."
    gain, cloud, sd, z = (float(evidence[name]) for name in ("gain", "cloud", "sd", "z"))
    drawn = f"In {evidence['draws']} tables drawn as one cloud with the same columns and correlations"
    fact = (
        f"Describing the rows in several parts instead of one gains {gain:.0f} nats of log-likelihood, once the extra "
        f"numbers are paid for. {drawn} the gain was {cloud:.0f} ± {sd:.0f}"
    )
    if K == 1 and z <= 3:
        return f"The rows form one cloud. {fact}: this table gains no more than one without groups would."
    far = f"{z:.0f}" if z < 100 else "over 100"
    if K == 1:
        return f"{fact}, {far} standard deviations lower; but no two parts lie in different places: one cloud."
    unite = f" The {parts} parts of the density make {K} groups: parts that together are one cloud are one group."
    return f"{fact}, {far} standard deviations lower: there are groups.{unite if parts > K else ''}"


def opening(found: dict[str, Any]) -> dict[str, Any]:
    """The headline, and a summary of two to four sentences."""
    table, groups = found["table"], found["groups"]
    headline = (
        "No groups: one cloud" if groups["evidence"] or groups["parts"] == 1 else "Too few rows to look for groups"
    )
    if groups["found"]:
        headline = f"{words.count(groups['count'], 'group')}, {groups['clear']}"
    left = table["columns"] - table["used"]
    of_which = f", of which {left} {'was' if left == 1 else 'were'} left out" if left else ""
    gaps = "no cell is missing" if not table["missing"] else f"{words.share(table['missing'])} of the cells are missing"
    rows = words.count(table["rows"], "row")
    if table["drawn_from"]:
        some = words.count(table["rows"])
        rows = f"{words.count(table['drawn_from'], 'row')}, of which {some} drawn at random are looked at,"
    said = [f"{words.clip(table['name'])} has {rows} and {words.count(table['columns'], 'column')}{of_which}; {gaps}."]
    if groups["found"]:
        big = groups["list"][0]
        said.append(f"The largest group holds {words.share(big['share'])} of the rows: {words.clip(big['name'], 80)}.")
    if found["relations"]["pairs"]:
        said.append(f"The closest tie between columns: {found['relations']['pairs'][0]['words']}")
    first = next(iter(found["unlikely"]["rows"]), None)
    if first and first["cells"] and found["unlikely"]["striking"]:
        odd = words.listing([words.clip(c["column"], 40) for c in first["cells"]])
        said.append(f"Row {first['row']} fits least, by its {odd}.")
    return {"headline": headline, "summary": said}
