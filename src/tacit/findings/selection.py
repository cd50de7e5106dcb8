"""How many groups and why, and the sentences that open the page."""

from __future__ import annotations

from typing import Any

from . import words

CLEAR = ((0.97, "clearly apart"), (0.9, "mostly apart"), (0.75, "overlapping"), (0.0, "running into each other"))


def clarity(certainty: float) -> str:
    """How far apart groups are, from the mean probability of a row's own group."""
    return next(word for least, word in CLEAR if certainty >= least)


def curve(model: Any) -> list[dict[str, Any]]:
    """The criteria at each number of groups that was tried."""
    return [{"groups": int(c["n_components"]), "bic": c["bic"], "icl": c.get("icl")} for c in model.selection_]


def story(groups: dict[str, Any], model: Any) -> dict[str, Any]:
    """Whether there are groups, how clear they are, and the reason, in words."""
    K, tried = groups["count"], len(groups["curve"])
    if K == 1:
        said = ["The rows form one cloud: no split into groups explains them better than leaving them together."]
        return {"found": False, "clear": None, "words": said}
    clear = clarity(groups["certainty"])
    said = [
        f"{words.count(K, 'group')}, the best of {words.count(tried, 'number')} tried.",
        f"On average a row belongs to its group with probability {words.share(groups['certainty'])}: "
        f"the groups are {clear}.",
    ]
    if tried == K and K > 1 and model.max_components <= K:
        said.append("That is the most that was tried: there may be more.")
    return {"found": True, "clear": clear, "words": said}


def opening(found: dict[str, Any]) -> dict[str, Any]:
    """The headline, and a summary of two to five sentences."""
    table, groups = found["table"], found["groups"]
    K = groups["count"]
    headline = f"{words.count(K, 'group')}, {groups['clear']}" if groups["found"] else "No groups: one cloud"
    left = table["columns"] - table["used"]
    gaps = "no cell is missing" if not table["missing"] else f"{words.share(table['missing'])} of the cells are missing"
    said = [
        f"{words.clip(table['name'])} has {words.count(table['rows'], 'row')} and "
        f"{words.count(table['columns'], 'column')}"
        + (f", of which {left} {'was' if left == 1 else 'were'} left out; {gaps}." if left else f"; {gaps}.")
    ]
    said += groups["words"][:1] if not groups["found"] else []
    if groups["found"]:
        big = groups["list"][0]
        said.append(f"The largest group holds {words.share(big['share'])} of the rows: {words.clip(big['name'], 80)}.")
    if found["relations"]["pairs"]:
        said.append(f"The closest tie between columns: {found['relations']['pairs'][0]['words']}")
    first = next(iter(found["unlikely"]["rows"]), None)
    if first and first["cells"] and found["unlikely"]["striking"]:
        said.append(
            f"Row {first['row']} fits least: {first['cells'][0].get('words', first['words'])}".removesuffix(".") + "."
        )
    return {"headline": headline, "summary": said}
