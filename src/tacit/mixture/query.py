"""Questions to a fitted mixture, p(this | that): read, put to the conditional distribution, answered."""

from __future__ import annotations

import itertools
import math
from typing import Any, NoReturn

import numpy as np

from ..errors import QueryError
from ..typing import Doubles
from .answer import Answer, Answers, show
from .bins import bins
from .conditional import Cell, Given
from .evidence import Said, Value, Variable, ends, intersect
from .families.column import Levels
from .grammar import Question, Term

# One question.


def one(question: Question, conditional: Given) -> Answer:
    """The answer to one question."""
    words = _words(question)
    log_evidence = float(conditional.log_evidence[0])
    common: dict[str, Any] = {"question": question.text, "log_evidence": log_evidence, "notes": _notes(question)}
    verb, targets = question.verb, question.targets
    if verb == "p":
        fixed, free = _targets(question)
        if free:
            return _distribution(question, conditional, fixed, free, words, common)
        return _probability(question, conditional, fixed, words, common)
    if verb == "argmax":
        return _most_likely(question, conditional, words, common)
    if verb == "MI":
        return _information(question, conditional, words, common)
    variable = _only(question)
    if verb in ("E", "Var", "sd"):
        return _moment(verb, variable, conditional, words, common)
    if not variable.numeric:
        _refuse(
            question, targets[0], f"{variable.name} is a category and has no {verb}; ask p({variable.name}) or argmax"
        )
    return _quantile(question, variable, conditional, words, common)


def _probability(
    question: Question,
    conditional: Given,
    fixed: dict[str, Said],
    words: str,
    common: dict[str, Any],
) -> Answer:
    """p(what is fixed | E), or its density."""
    log_p = float(conditional.log_probability(fixed)[0])
    density = conditional.density(fixed)
    if density:
        common["notes"] += (_per_unit(question),)
    return Answer(
        words=f"the density where {words}" if density else f"the probability that {words}",
        kind="density" if density else "probability",
        value=_exp(log_p),
        log_value=log_p,
        **common,
    )


def _moment(verb: str, variable: Variable, conditional: Given, words: str, common: dict[str, Any]) -> Answer:
    """E[x | E], Var[x | E] or its root."""
    mean, variance = (float(v[0]) for v in _moments(variable, conditional))
    sd = math.sqrt(variance)
    value, name, kind = {
        "E": (mean, "mean", "expectation"),
        "Var": (variance, "variance", "variance"),
        "sd": (sd, "standard deviation", "standard deviation"),
    }[verb]
    date = variable.schema.kind == "datetime"
    shown = variable.show(mean) if date and verb == "E" else ""
    table: dict[str, list[Any]] = {"mean": [shown or mean], "sd": [f"{show(sd)} days" if date else sd]}
    return Answer(words=f"the {name} of {words}", kind=kind, value=value, table=table, shown=shown, **common)


def _quantile(
    question: Question,
    variable: Variable,
    conditional: Given,
    words: str,
    common: dict[str, Any],
) -> Answer:
    """The median of a number, or the quantiles that were asked for."""
    marginal = conditional.marginal(variable.name)
    levels = question.quantiles or (0.5,)
    found = {q: float(marginal.quantile(q)[0]) for q in levels}
    if question.verb == "median":
        shown = variable.show(found[0.5])
        return Answer(words=f"the median of {words}", kind="quantile", value=found[0.5], shown=shown, **common)
    value = found[levels[0]] if len(levels) == 1 else found
    said = ", ".join(f"{q:g}" for q in levels)
    return Answer(
        words=f"the quantile{'s' * (len(levels) > 1)} {said} of {words}",
        kind="quantile",
        value=value,
        table={"share": list(found), variable.name: [variable.show(x) for x in found.values()]},
        shown=", ".join(variable.show(x) for x in found.values()),
        **common,
    )


def _distribution(
    question: Question,
    conditional: Given,
    fixed: dict[str, Said],
    free: list[Variable],
    words: str,
    common: dict[str, Any],
) -> Answer:
    """p(every level of what is free, and what is fixed | E)."""
    cells = {v.name: _cells(v, conditional) for v in free}
    p = conditional.table(cells, fixed)[0]
    labels = list(itertools.product(*([c.label for c in each] for each in cells.values())))
    flat = p.ravel().tolist()
    order = list(range(len(flat)))
    if not any(v.numeric for v in free):
        order.sort(key=lambda i: -flat[i])
    table: dict[str, list[Any]] = {v.name: [labels[i][j] for i in order] for j, v in enumerate(free)}
    table["p"] = [flat[i] for i in order]
    value = {labels[i][0] if len(free) == 1 else labels[i]: flat[i] for i in order}
    return Answer(words=f"the distribution of {words}", kind="distribution", value=value, table=table, **common)


def _cells(variable: Variable, conditional: Given) -> list[Cell]:
    if variable.levels:
        return [Cell(level, Levels((c,))) for c, level in enumerate(variable.levels)]
    return bins(variable, conditional)


def _most_likely(question: Question, conditional: Given, words: str, common: dict[str, Any]) -> Answer:
    fixed, free = _targets(question)
    if fixed:
        term = next(t for t in question.targets if t.said is not None)
        _refuse(question, term, "argmax is of columns; what is known stands after the bar: argmax(a | b=...)")
    words = f"the most likely value of {words}"
    if len(free) == 1 and free[0].numeric:
        variable = free[0]
        mode = conditional.marginal(variable.name).mode()
        log_p = float(mode.log_p[0])
        if mode.density:
            common["notes"] += (f"the peak of a density, per unit of {variable.name}",)
        kind, best = "most likely", float(mode.value[0])
        table: dict[str, list[Any]] = {
            variable.name: [variable.show(best)],
            "density" if mode.density else "p": [_exp(log_p)],
        }
        shown = variable.show(best)
        return Answer(words=words, kind=kind, value=best, log_value=log_p, table=table, shown=shown, **common)
    for variable, term in zip(free, question.targets):
        if variable.numeric:
            _refuse(question, term, f"the most likely combination is of categories, and {variable.name} is a number")
    p = conditional.table({v.name: _cells(v, conditional) for v in free}, {})[0]
    at = np.unravel_index(int(p.argmax()), p.shape)
    best_levels = [v.levels[i] for v, i in zip(free, at)]
    value: Any = best_levels[0] if len(free) == 1 else tuple(best_levels)
    top = float(p[at])
    table = {v.name: [level] for v, level in zip(free, best_levels)} | {"p": [top]}
    return Answer(words=words, kind="most likely", value=value, log_value=math.log(top), table=table, **common)


def _information(question: Question, conditional: Given, words: str, common: dict[str, Any]) -> Answer:
    fixed, free = _targets(question)
    if fixed or len(question.targets) != 2:
        _refuse(question, question.targets[-1], "mutual information is of two columns: MI(a; b), or MI(a; b | c=...)")
    a, b = free
    found = conditional.information(a.name, b.name)
    table: dict[str, list[Any]] = {"nats": [found.nats], "bits": [found.bits]}
    for variable, entropy in zip(free, found.entropy, strict=True):
        if entropy:
            table[f"of the entropy of {variable.name}"] = [found.nats / entropy]
    given = words.split(", given that ", 1)
    said_so = (
        f"the mutual information of {words}: how much knowing one tells of the other"
        if len(given) == 1
        else (f"the mutual information of {given[0]} among rows where {given[1]}")
    )
    return Answer(words=said_so, kind="information", value=found.nats, table=table, **common)


def _moments(variable: Variable, conditional: Given) -> tuple[Doubles, Doubles]:
    if variable.numeric:
        return conditional.marginal(variable.name).moments()
    assert variable.numbers is not None
    p = conditional.levels(variable.name)
    mean = p @ variable.numbers
    return mean, p @ variable.numbers**2 - mean**2


# The same question for each row.


def many(question: Question, conditional: Given) -> Answers:
    """The answers for each row of evidence."""
    verb, words, notes = question.verb, _words(question), _notes(question)
    columns: dict[str, Any] = {}
    if verb == "p":
        fixed, free = _targets(question)
        cells = {v.name: _cells(v, conditional) for v in free}
        if free:
            p = conditional.table(cells, fixed)
            p = p.reshape(len(p), -1)
            for i, labels in enumerate(itertools.product(*([c.label for c in each] for each in cells.values()))):
                columns[", ".join(f"{v.name}={label}" for v, label in zip(free, labels))] = p[:, i]
        else:
            log_p = conditional.log_probability(fixed)
            columns = {"density" if conditional.density(fixed) else "p": np.exp(log_p), "log_p": log_p}
    elif verb == "argmax":
        _, free = _targets(question)
        if len(free) != 1:
            _refuse(question, question.targets[0], "with a table of evidence, argmax is of one column")
        (variable,) = free
        if variable.numeric:
            mode = conditional.marginal(variable.name).mode()
            columns = {variable.name: mode.value, "density" if mode.density else "p": np.exp(mode.log_p)}
        else:
            p = conditional.levels(variable.name)
            best = p.argmax(axis=1)
            columns = {variable.name: np.array(variable.levels)[best], "p": p[np.arange(len(p)), best]}
    elif verb == "MI":
        _refuse(question, question.targets[0], "MI has no evidence rows")
    else:
        variable = _only(question)
        if verb in ("E", "Var", "sd"):
            mean, variance = _moments(variable, conditional)
            columns = {
                "E": {"mean": mean, "sd": np.sqrt(variance)},
                "Var": {"variance": variance},
                "sd": {"sd": np.sqrt(variance)},
            }[verb]
        else:
            marginal = conditional.marginal(variable.name)
            columns = {f"q{q:g}": marginal.quantile(q) for q in question.quantiles or (0.5,)}
    return Answers(question.text, words, verb, columns, conditional.log_evidence, notes)


# What is asked, in words.


def _targets(question: Question) -> tuple[dict[str, Said], list[Variable]]:
    """What is fixed, and what is free, among the targets."""
    fixed: dict[str, Said] = {}
    free: list[Variable] = []
    for term in question.targets:
        name = term.variable.name
        if term.missing:
            _refuse(question, term, "the model says what a value is, not whether it was recorded")
        if term.said is not None:
            fixed[name] = intersect(fixed.get(name), term.said)
        elif term.variable in free:
            _refuse(question, term, f"{name} is asked for twice")
        else:
            free.append(term.variable)
    for term in question.targets:
        if term.said is None and term.variable.name in fixed:
            _refuse(question, term, f"{term.variable.name} is asked for and fixed at once")
    return fixed, free


def _only(question: Question) -> Variable:
    """The one number that a question is about."""
    first = question.targets[0]
    if len(question.targets) > 1:
        _refuse(question, question.targets[1], f"{question.verb} is of one column")
    if first.said is not None or first.missing:
        _refuse(question, first, f"{question.verb} is of a column, not of a condition; ask p(...) for that")
    if not first.variable.numeric and first.variable.numbers is None:
        name = first.variable.name
        _refuse(question, first, f"{name} is a category and has no {question.verb}; ask p({name}) or argmax({name})")
    return first.variable


def _refuse(question: Question, term: Term, message: str) -> NoReturn:
    raise QueryError(message, question.text, term.at)


def _words(question: Question) -> str:
    given = " and ".join(
        t.words if t.said is not None or t.missing else f"{t.words} is as in the row" for t in question.given
    )
    return " and ".join(t.words for t in question.targets) + (f", given that {given}" if given else "")


def _notes(question: Question) -> tuple[str, ...]:
    """The steps that equalities with numbers stand for."""
    out = []
    for term in (*question.targets, *question.given):
        v = term.variable
        if term.said is None or not v.numeric or isinstance(term.said, Levels):
            continue
        for piece in term.said:
            if isinstance(piece, Value) and piece.width and v.schema.kind != "datetime":
                low, high = ends(piece)
                out.append(f"{v.name} = {v.show(piece.x)} is the recorded step from {low:.15g} to {high:.15g}")
    return tuple(dict.fromkeys(out))


def _per_unit(question: Question) -> str:
    names = [t.variable.name for t in question.targets if t.variable.density(t.said)]
    return f"a density, per unit of {' and of '.join(names)}: no step is known that its values were recorded to"


def _exp(x: float) -> float:
    return math.exp(x) if x < 709 else math.inf
