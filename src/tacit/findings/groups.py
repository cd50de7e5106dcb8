"""What sets each group apart from the other rows: how much, in which columns, in words."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp

from ..data.table import ColumnSchema, Kind
from ..typing import Array, Doubles, Floats
from . import words
from .columns import Bins, View, bins, unit

TRAITS = 6  # at most, told of a group
TELLING = 0.1  # the least effect worth telling
FAINT = 0.04  # the least where nothing better has been told

_MORE = {  # what people say for "higher" and "lower" of a column whose name ends in this word
    "age": ("older", "younger"),
    "year": ("later", "earlier"),
    "price": ("dearer", "cheaper"),
    "cost": ("dearer", "cheaper"),
    "fare": ("dearer", "cheaper"),
    "weight": ("heavier", "lighter"),
    "height": ("taller", "shorter"),
    "length": ("longer", "shorter"),
    "duration": ("longer", "shorter"),
    "temperature": ("warmer", "colder"),
}


class Mass(NamedTuple):
    """Posterior-weighted counts of one column's bins."""

    here: Doubles  # [B, K], rows of the group
    rest: Doubles  # [B, K], all other rows


def describe(
    views: Sequence[View],
    resp: Floats,
    share: Doubles,
    rows: Array,
    twins: Collection[frozenset[str]] = (),
    least: int = 1,
) -> tuple[list[dict[str, Any]], Doubles]:
    """One entry a group, and the effects [columns, K].

    The effect of a column on a group is the total variation distance between the group's distribution over the
    column's bins and that of all other rows, D = ½ Σ_b |p_b - q_b| with rows weighted by p(k | x), less the distance
    that chance alone would bring: the share of the group's rows that would have to change to look like the rest. Of
    two columns in ``twins``, which say nearly the same, one is told.
    """
    K = resp.shape[1]
    cut = [bins(view, least) for view in views]
    mass = [_mass(b, resp) for b in cut]
    effect = np.array([_effect(m) for m in mass]).reshape(len(views), K)
    entries: list[dict[str, Any]] = []
    for k in range(K):
        enough = rows[k] >= least
        order = np.argsort(-effect[:, k], kind="stable").tolist() if enough and K > 1 else []
        traits: list[dict[str, Any]] = []
        for j in order:
            said_already = any(frozenset((t["column"], views[j].schema.name)) in twins for t in traits)
            telling = effect[j, k] >= (TELLING if len(traits) > 1 else FAINT)
            if not telling or len(traits) == TRAITS:
                break
            if not said_already and (trait := _trait(views[j], cut[j], mass[j], resp, k, float(effect[j, k]), least)):
                traits.append(trait)
        gaps = [t for view in views if (t := _gap_trait(view, resp, k, least))] if enough and K > 1 else []
        gaps.sort(key=lambda t: -t["effect"])
        traits += gaps[:2]
        entries.append(
            {
                "number": k + 1,
                "rows": int(rows[k]),
                "share": float(share[k]),
                "certainty": float((resp[:, k] ** 2).sum() / max(resp[:, k].sum(), 1e-300)),
                "traits": traits,
                "words": _sentence(traits, enough, K),
            }
        )
    for entry, name in zip(entries, _names(entries), strict=True):
        entry["name"] = name
    return entries, effect


def _mass(b: Bins, resp: Floats) -> Mass:
    n, seen = len(b.code), b.code >= 0
    at = np.flatnonzero(seen)
    onehot = sp.csr_matrix((np.ones(len(at)), (b.code[at], at)), shape=(max(len(b.labels), 1), n))
    here = np.asarray(onehot @ np.asarray(resp, np.float64))
    return Mass(here, np.asarray(onehot.sum(axis=1)).reshape(-1, 1) - here)


def _effect(m: Mass) -> Doubles:
    n, other = m.here.sum(axis=0), m.rest.sum(axis=0)  # [K]
    with np.errstate(invalid="ignore", divide="ignore"):
        p, q = m.here / n, m.rest / other
        both = (m.here + m.rest) / (n + other)
        # E|p_b - q_b| ≈ √(2/π · s_b(1 - s_b)(1/n + 1/n')) when both are drawn from s
        chance = 0.5 * np.sqrt(2 / np.pi * both * (1 - both) * (1 / n + 1 / other)).sum(axis=0)
        effect: Doubles = np.nan_to_num(0.5 * np.abs(p - q).sum(axis=0) - 2 * chance)
    return np.clip(effect, 0.0, 1.0)


def _trait(view: View, b: Bins, m: Mass, resp: Floats, k: int, effect: float, least: int) -> dict[str, Any] | None:
    here, rest = m.here[:, k] / m.here[:, k].sum(), m.rest[:, k] / m.rest[:, k].sum()
    trait = {"column": view.schema.name, "kind": str(view.schema.kind), "effect": effect}
    said = _number_trait(view, here, rest, b, resp[:, k], least) if view.schema.kind.numeric else None
    said = said or _level_trait(view.schema, here, rest, b)
    if said is None:
        return None
    bars = {"labels": b.labels, "here": here.tolist(), "rest": rest.tolist()}
    return trait | said | {"bars": bars}


def _number_trait(view: View, here: Doubles, rest: Doubles, b: Bins, r: Floats, least: int) -> dict[str, Any] | None:
    """Higher or lower in the middle, or more alike or more spread out; None where single values tell it better."""
    c, seen = view.schema, view.seen
    x, w = view.values[seen], np.asarray(r, np.float64)[seen]
    step = unit(c, x)
    if len(b.labels) <= 3 or np.abs(here - rest).max() > 0.8 * (0.5 * np.abs(here - rest).sum()):
        return None  # nearly all of the difference is in one bin
    order = np.argsort(x)
    mine, others = (_quantiles(x[order], v[order]) for v in (w, 1 - w))
    if least > 1:
        mine, others = np.round(mine / step) * step, np.round(others / step) * step
    sd = float(x.std()) or 1.0
    shift = float((np.average(x, weights=w) - np.average(x, weights=np.maximum(1 - w, 0))) / sd)
    name = words.clip(c.name, 40)

    def show(v: float) -> str:
        return words.value(c, v, step)

    numbers = {
        "shift": shift,
        "quartiles": dict(zip(("q25", "median", "q75"), mine.tolist(), strict=True)),
        "others": dict(zip(("q25", "median", "q75"), others.tolist(), strict=True)),
    }
    wide_, gap = max(mine[2] - mine[0], others[2] - others[0]), abs(mine[1] - others[1])
    if gap >= 0.25 * wide_ and show(mine[1]) != show(others[1]):
        up = mine[1] > others[1]
        word, tag = _comparative(c, up)
        said = f"{word} (median {show(mine[1])} against {show(others[1])})"
        return numbers | {"direction": "high" if up else "low", "tag": tag, "words": said}
    narrow = (mine[2] - mine[0]) < 0.7 * (others[2] - others[0])
    wide = (others[2] - others[0]) < 0.7 * (mine[2] - mine[0])
    if not (narrow or wide):
        return None
    said = (
        f"{'more alike' if narrow else 'more spread out'} in {name} (half of them between {show(mine[0])} and "
        f"{show(mine[2])}, of the others between {show(others[0])} and {show(others[2])})"
    )
    tag = f"{'middling' if narrow else 'spread-out'} {name}"
    return numbers | {"direction": "narrow" if narrow else "wide", "tag": tag, "words": said}


def _comparative(c: ColumnSchema, up: bool) -> tuple[str, str]:
    name = words.clip(c.name, 40)
    if c.kind is Kind.DATETIME:
        return f"{'later' if up else 'earlier'} {name}", f"{'later' if up else 'earlier'} {name}"
    last = c.name.lower().replace("_", " ").replace("-", " ").split()[-1:] or [""]
    plain = f"{'higher' if up else 'lower'} {name}", f"{'high' if up else 'low'} {name}"
    if last[0] not in _MORE:
        return plain
    word = _MORE[last[0]][0 if up else 1]
    return (f"{word}: {name}", word) if c.name.lower() == last[0] else plain


def _quantiles(x: Doubles, w: Doubles) -> Doubles:
    """The weighted quartiles of sorted values."""
    mass = np.cumsum(w)
    at = np.searchsorted(mass, np.array([0.25, 0.5, 0.75]) * mass[-1])
    quartiles: Doubles = x[np.minimum(at, len(x) - 1)]
    return quartiles


def _level_trait(c: ColumnSchema, here: Doubles, rest: Doubles, b: Bins) -> dict[str, Any] | None:
    """The bins over-represented most, or one that the group hardly has."""
    gain = here - rest
    named = [j for j in range(len(b.labels)) if c.kind.numeric or b.level[j] >= 0]
    up = sorted((j for j in named if gain[j] > 0.03), key=lambda j: -gain[j])
    never = max((j for j in named if here[j] < 0.005 and rest[j] >= 0.1), key=lambda j: rest[j], default=None)
    if up and (never is None or here[up[0]] >= 0.5 or gain[up[0]] >= rest[never]):
        several = up[:3] if here[up[0]] < 0.5 else up[:1]  # together they tell it
        chosen = sorted(j for j in several if gain[j] >= 0.3 * gain[up[0]])
        return _often(
            c, b.labels[up[0]], [b.labels[j] for j in chosen], float(here[chosen].sum()), float(rest[chosen].sum())
        )
    if never is not None:
        return _never(c, b.labels[never], float(here[never]), float(rest[never]))
    return None


def _often(c: ColumnSchema, most: str, labels: list[str], here: float, rest: float) -> dict[str, Any]:
    told = f"{words.clip(c.name, 40)}{_is(c)}{words.listing([words.clip(v, 40) for v in labels], 'or')}"
    if here > 0.999:
        said = f"always {told} (against {words.share(rest)})"
    else:
        how = "nearly always" if here > 0.95 else "mostly" if here > 0.5 else "more often"
        said = f"{how} {told} ({words.share(here)} against {words.share(rest)})"
    tag = _tag(c, most)
    return {"direction": "level", "level": most, "share": here, "others": rest, "tag": tag, "words": said}


def _never(c: ColumnSchema, label: str, here: float, rest: float) -> dict[str, Any]:
    how = "never" if here < 0.0005 else "hardly ever"
    said = f"{how} {words.clip(c.name, 40)}{_is(c)}{words.clip(label, 40)} (against {words.share(rest)})"
    tag = f"not {_tag(c, label)}"
    return {"direction": "never", "level": label, "share": here, "others": rest, "tag": tag, "words": said}


def _is(c: ColumnSchema) -> str:
    return " " if c.kind.numeric else " = "


def _tag(c: ColumnSchema, label: str) -> str:
    """A level as a name: the level alone where it speaks for itself."""
    plain = sum(ch.isalpha() for ch in label) >= 3 and label.lower() not in {
        "yes",
        "true",
        "false",
        "none",
        "other",
        "unknown",
    }
    return (
        words.clip(label, 28) if plain and not c.kind.numeric else f"{words.clip(c.name, 24)} {words.clip(label, 20)}"
    )


def _gap_trait(view: View, resp: Floats, k: int, least: int) -> dict[str, Any] | None:
    gap = ~view.seen
    if gap.sum() < max(least, 5):
        return None
    r = np.asarray(resp[:, k], np.float64)
    here, rest = float(r @ gap / r.sum()), float((1 - r) @ gap / max((1 - r).sum(), 1e-300))
    if abs(here - rest) < 0.2:
        return None
    name = words.clip(view.schema.name, 40)
    how = "more" if here > rest else "less"
    said = f"{how} often without {name} ({words.share(here)} against {words.share(rest)})"
    return {
        "column": view.schema.name,
        "kind": str(view.schema.kind),
        "effect": abs(here - rest),
        "direction": "missing",
        "share": here,
        "others": rest,
        "tag": f"{'no' if here > rest else 'with'} {name}",
        "words": said,
    }


def _sentence(traits: list[dict[str, Any]], enough: bool, K: int) -> str:
    if K == 1:
        return "All rows."
    if not enough:
        return "Too few rows to describe without showing them."
    if not traits:
        return "No single column sets it apart; it differs in combinations of columns."
    return words.capital("; ".join(t["words"] for t in traits[:4])) + "."


def _names(entries: list[dict[str, Any]]) -> list[str]:
    """Two tags each, a third where two groups would share a name, at last a number."""
    if len(entries) == 1:
        return ["All rows"]
    tags = [list(dict.fromkeys(words.clip(t["tag"], 40) for t in e["traits"])) for e in entries]
    names = [", ".join(t[:2]) for t in tags]
    names = [", ".join(t[:3]) if names.count(name) > 1 else name for t, name in zip(tags, names, strict=True)]
    final = []
    for k, name in enumerate(names):
        told_level = bool(name) and entries[k]["traits"][0]["direction"] == "level"  # a level is told as it is written
        plain = name if told_level else words.capital(name)
        final.append((f"{plain} ({k + 1})" if names.count(name) > 1 else plain) if name else f"Group {k + 1}")
    return final
