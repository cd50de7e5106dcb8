"""Evidence as an object: p(all columns | evidence), to be asked and drawn from."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from ..data.table import Table
from ..errors import ArgumentError, QueryError
from ..rng import generator
from ..typing import Array, Doubles, Seed
from .answer import Answer, Answers
from .box import Draws
from .conditional import Conditional, Given
from .conditional_tree import TreeConditional
from .evidence import Said, Variable, intersect, possible
from .families.column import Interval, Levels
from .grammar import Grammar, Question, Term, shown
from .query import many, one
from .rounds import joined, rounds
from .rows import Cells, cells_of, distinct
from .variables import Columns

_KNOWN: WeakKeyDictionary[Any, tuple[Any, Grammar]] = WeakKeyDictionary()  # model -> its arrays, what to say of them


def grammar_of(model: Any) -> Grammar:
    """What can be said of a fitted model; made once for each fit."""
    made_for, grammar = _KNOWN.get(model, (None, None))
    if grammar is None or made_for is not model.part_weights_:
        grammar = Grammar(Columns(model))
        _KNOWN[model] = (model.part_weights_, grammar)
    return grammar


class ConditionalMixture:
    """The distribution of all columns given evidence: a mixture again, with other weights.

    Made by ``JointMixture.given``. With a table as evidence it is one such distribution for each row.

    Attributes
    ----------
    log_evidence : float, or array [n]
        log p(evidence): a density in the units of its columns where a number has no recorded step.
    weights : array [K], or [n, K]
        p(component | evidence).
    """

    def __init__(self, model: Any, terms: Sequence[Term] = (), table: Table | None = None, text: str = "") -> None:
        self._model, self._grammar, self._terms, self._table = model, grammar_of(model), tuple(terms), table
        self._said = collect({}, terms, text)

    @property
    def log_evidence(self) -> Any:
        log_p = self._all().log_evidence
        return float(log_p[0]) if self._table is None else log_p

    @property
    def weights(self) -> Doubles:
        of_part = self._all().weights
        out: Doubles = of_part @ np.eye(self._model.n_components_)[self._model.part_component_]
        return out[0] if self._table is None else out

    def query(self, question: str) -> Answer | Answers:
        """The answer to a question, given this evidence and what stands after its own bar; one a row for a table."""
        asked = self._grammar.question(question)
        bare = {t.variable.name for t in asked.given if t.said is None and not t.missing}
        for term in asked.given:
            name = term.variable.name
            if name in bare and self._table is None:
                hint = f"say {name}=..., or {name} missing; or give a table of evidence"
                raise QueryError(f"what is {name}? {hint}", asked.text, term.at)
            if name in bare and self._table is not None and name not in self._table.schema.names:
                raise QueryError(f"the table of evidence has no column {name!r}", asked.text, term.at)
        said = collect(self._said, asked.given, asked.text)
        try:
            return self._answer(asked._replace(given=(*self._terms, *asked.given)), said, bare)
        except QueryError as error:
            if error.at is None:
                self._refuse_impossible(asked)
            raise

    def _answer(self, asked: Question, said: Mapping[str, Said], bare: Collection[str]) -> Answer | Answers:
        if self._table is None:
            return rounds(lambda draws: one(asked, self._conditional(said, draws=draws)))
        targets = {t.variable.name for t in asked.targets}
        names = self._names(said, bare, targets)
        block = self._in_block(names, {*targets, *said})
        if block:
            return self._by_group(asked, said, names, block)
        return rounds(lambda draws: many(asked, self._conditional(said, names, draws)))

    def _refuse_impossible(self, asked: Question) -> None:
        """Point at what the model says can never be."""
        for term in asked.given:
            if term.said is not None and np.isneginf(term.variable.log_prob(term.said)).all():
                raise QueryError(
                    f"this model has probability zero for it: nothing follows from {term.words!r}", asked.text, term.at
                )

    def _by_group(self, asked: Question, said: Mapping[str, Said], names: Collection[str], block: list[str]) -> Answers:
        """Rows that have evidence in a block that is asked about: those that are alike there, together."""
        assert self._table is not None
        columns, known = self._grammar.columns, self._cells()
        cells = cells_of(columns, self._table, [name for name in names if name not in block])
        values, which = distinct(np.column_stack([known[name] for name in block]))
        parts, order = [], []
        for i, value in enumerate(values):
            rows = np.flatnonzero(which == i)
            here = dict(said)
            for name, x in zip(block, value.tolist(), strict=True):
                if x == x:
                    here[name] = columns.variables[name].equal(x)
            mine = [Cells(c.log_p, c.which[rows]) for c in cells], len(rows)
            parts.append(rounds(lambda draws, h=here, m=mine: many(asked, Conditional(columns, h, m, draws))))  # type: ignore[misc]
            order.append(rows)
        return joined(parts, np.argsort(np.concatenate(order)))

    def _names(self, said: Collection[str], only: Collection[str] = (), but: Collection[str] = ()) -> list[str]:
        """The columns of the table that are evidence."""
        assert self._table is not None
        usable = [c.name for c in (*self._table.schema.numeric, *self._table.schema.categorical)]
        names = [n for n in usable if (not only or n in only) and n not in but and n not in said]
        if not names:
            raise QueryError("the table of evidence has no column that is evidence for this question")
        return names

    def _in_block(self, names: Collection[str], others: Collection[str]) -> list[str]:
        """Those of ``names`` that share a block with one of the others."""
        boxes = self._grammar.columns.boxes
        return [n for n in names if n in boxes and any(boxes[n] is boxes.get(other) for other in others)]

    def sample(self, n_samples: int = 1, random_state: Seed = None) -> Any:
        """New rows as the evidence has them: a ``pyarrow.Table``, or an array where ``fit`` was given one.

        For a table of evidence, ``n_samples`` for each of its rows, one after the other.
        """
        if n_samples < 1:
            raise ArgumentError(f"Invalid value for 'n_samples': {n_samples}. At least one sample is needed.")
        rng = generator(self._model.random_state if random_state is None else random_state)
        each = 1 if self._table is None else n_samples
        w = np.repeat(self._all().weights, each, axis=0)  # [1 or n, M]
        cumulative = np.cumsum(w, axis=1)
        u = rng.random(n_samples if self._table is None else len(w)) * cumulative[:, -1]
        z = (u[:, None] > cumulative).sum(axis=1)
        known = {name: np.repeat(cells, each) for name, cells in self._cells().items()}
        cells = self._draw(z, np.zeros(len(z), int) if self._table is None else np.arange(len(z)) // each, known, rng)
        schema = self._model.schema_
        x = np.column_stack([np.empty((len(z), 0)), *(cells[c.name] for c in schema.numeric)])
        codes = np.column_stack([np.empty((len(z), 0)), *(cells[c.name] for c in schema.categorical)])
        return x if self._model.array_ else schema.decode(x, codes.astype(np.int32))

    def _draw(self, z: Array, row: Array, known: Mapping[str, Array], rng: np.random.Generator) -> dict[str, Array]:
        """The cells of every column for components z [n] of rows of evidence, and those that are known."""
        columns, cells = self._grammar.columns, dict[str, Array]()
        if columns.wood is not None:
            all_ = self._all()
            assert isinstance(all_, TreeConditional)
            codes = all_.codes(z, row, rng)
            for name, variable in columns.wood.codes.items():
                cells[name] = _draw(variable, self._said.get(name), codes[:, columns.wood.at(name)], rng)
            return cells | {name: np.where(np.isnan(x), cells[name], x) for name, x in known.items()}
        for name, variable in columns.variables.items():
            if name not in columns.boxes:
                cells[name] = _draw(variable, self._said.get(name), z, rng)
        for box in dict.fromkeys(columns.boxes.values()):
            names, drawn = box.block.names, np.empty((len(z), len(box.block.names)))
            x = np.column_stack([known.get(name, np.full(len(z), np.nan)) for name in names])
            values, which = distinct(x)
            for i, value in enumerate(values):
                rows = np.flatnonzero(which == i)
                said = {name: self._said[name] for name in names if name in self._said}
                seen = {n: columns.variables[n].equal(v) for n, v in zip(names, value.tolist(), strict=True) if v == v}
                found = box.sample(said | seen, z[rows], rng)
                drawn[rows] = np.column_stack([found[name] for name in names])
            cells |= dict(zip(names, drawn.T, strict=True))
        return cells | {name: np.where(np.isnan(x), cells[name], x) for name, x in known.items()}

    def _cells(self) -> dict[str, Array]:
        """What the rows of a table of evidence hold, codes for categories, NaN for a gap."""
        if self._table is None:
            return {}
        block, schema = self._table.block, self._table.schema
        out = {c.name: np.asarray(block.x[:, j], np.float64) for j, c in enumerate(schema.numeric)}
        for j, c in enumerate(schema.categorical):
            assert block.codes is not None
            out[c.name] = np.where(block.codes[:, j] < 0, np.nan, block.codes[:, j])
        return {name: x for name, x in out.items() if name not in self._said}

    def _all(self) -> Given:
        """Given everything."""
        return self._conditional(self._said, () if self._table is None else self._names(self._said))

    def _conditional(self, said: Mapping[str, Said], names: Collection[str] = (), draws: Draws | None = None) -> Given:
        columns = self._grammar.columns
        if columns.wood is not None:
            cells = None if self._table is None else columns.wood.cells(self._table, names)
            return TreeConditional(columns, said, cells)
        if self._table is None:
            return Conditional(columns, said, None, draws)
        return Conditional(columns, said, (cells_of(columns, self._table, names), self._table.n), draws)


def given(model: Any, evidence: object) -> ConditionalMixture:
    """Evidence in any form: words, a mapping of single values, or a table."""
    if evidence is None:
        return ConditionalMixture(model)
    if isinstance(evidence, str):
        return ConditionalMixture(model, grammar_of(model).terms(evidence), text=evidence)
    if isinstance(evidence, Mapping):
        many_cells = [not isinstance(v, str | set | frozenset | slice) and np.ndim(v) > 0 for v in evidence.values()]
        if not any(many_cells):
            return ConditionalMixture(model, [_term(model, str(k), v) for k, v in evidence.items()])
        if not all(many_cells):
            raise ArgumentError("evidence holds one value of each column, or a list of them for each column: not both")
    table = model._conform(evidence) if model.array_ else Table.conform(evidence, model.schema_, partial=True)
    return ConditionalMixture(model, table=table)


def _term(model: Any, name: str, value: Any) -> Term:
    """One entry of a mapping: a value, a set of values, slice(low, high) for low <= x < high, None for a gap."""
    variable = grammar_of(model).columns.find(name)
    if value is None or (isinstance(value, float) and value != value):
        return Term(variable, None, f"{variable.name} is not known", 0, missing=True)
    if isinstance(value, slice):
        said: Said | None = None
        for op, end in ((">=", value.start), ("<", value.stop)):
            if end is not None:
                said = intersect(said, variable.compare(op, end))
        if said is None:
            return Term(variable, None, f"{variable.name} is not known", 0, missing=True)
    else:
        said = variable.among(value) if isinstance(value, set | frozenset) else variable.equal(value)
    return Term(variable, said, f"{variable.name} is {shown(variable, said)}", 0)


def collect(before: Mapping[str, Said], terms: Iterable[Term], text: str) -> dict[str, Said]:
    """What the terms say of each column, all at once."""
    said = dict(before)
    for term in terms:
        if term.said is not None:
            name = term.variable.name
            said[name] = intersect(said.get(name), term.said)
            if not possible(said[name]):
                at = term.at if text else None
                raise QueryError(f"the evidence contradicts itself: no {name} is all of that", text, at)
    return said


def _draw(variable: Variable, said: Said | None, z: Array, rng: np.random.Generator) -> Array:
    """One draw from component z_i for each i, within what is said [n]."""
    if said is None or isinstance(said, Levels):
        return variable.dist.sample(z, rng, said)
    log_p = np.array([variable.log_prob((piece,)) for piece in said])[:, z]  # [P, n]
    cumulative = np.cumsum(np.exp(log_p - log_p.max(axis=0)), axis=0)
    which = (rng.random(len(z)) * cumulative[-1] > cumulative).sum(axis=0)
    out = np.empty(len(z))
    for i, piece in enumerate(said):
        rows = np.flatnonzero(which == i)
        out[rows] = variable.dist.sample(z[rows], rng, piece) if isinstance(piece, Interval) else piece.x
    return out
