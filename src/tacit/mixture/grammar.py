"""The language of questions, read by recursive descent.

::

    question  = verb "(" terms [ "|" terms ] ")"
    verb      = p | E | Var | sd | median | quantile | argmax | MI        in any case
    terms     = term { "," term }           "quantile" has its levels after its column, "MI" a ";" between its two
    term      = column                                     what is asked for; in the evidence: as the row has it
              | column ( "=" | "!=" ) value
              | column ( "<" | "<=" | ">" | ">=" ) value
              | value ( "<" | "<=" ) column [ ( "<" | "<=" ) value ]              the same with > and >=
              | column [ "not" ] "in" "{" value { "," value } "}"
              | column [ "not" ] "in" ( "[" | "(" ) [ value ] "," [ value ] ( "]" | ")" )
              | column [ "is" | "=" ] "missing"

Names and categories are found among those that the model has, the longest first, so that they may hold blanks, brackets
and signs; case does not count, nor whether words are joined by a blank, - or _. Quotes of any kind go around odd ones.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property
from typing import Any, NamedTuple, NoReturn

from ..errors import QueryError
from .evidence import FLIPPED, ORDER, Piece, Said, Value, Variable, ends, fold, intersect, loosely, possible, union
from .families.column import Levels
from .variables import Columns

VERBS = {
    "p": ("p", "pr", "prob", "probability"),
    "E": ("e", "mean", "expectation", "average"),
    "Var": ("var", "variance"),
    "sd": ("sd", "std"),
    "median": ("median",),
    "quantile": ("quantile", "quantiles"),
    "argmax": ("argmax", "mode"),
    "MI": ("mi",),
}
_VERB = {alias: verb for verb, aliases in VERBS.items() for alias in aliases}
_SIGNS = {"≤": "<=", "≥": ">=", "≠": "!=", "==": "=", "∈": "in", "<>": "!="}
_OPERATOR = re.compile(r"\s*(<=|>=|!=|<>|==|[=<>≤≥≠∈])\s*")
_WORD = re.compile(r"\s+(not\s+in|in|is\s+missing|is\s+not\s+missing|missing|is\s+not|is)(?![\w-])\s*", re.IGNORECASE)
_QUOTED = re.compile(r"(['\"`])(.*?)\1")
_AFTER_NAME = r"(?=\s*(?:[=<>!≤≥≠∈|,;)]|$)|\s+(?:not\s+in|in|is|missing)(?![\w-]))"
_AFTER_VALUE = r"(?=\s*(?:[|,;)}\]]|$))"
_RAW_NAME = re.compile(r"[^=<>!≤≥≠∈|,;()]*")
_RAW_VALUE = re.compile(r"[^|,;)}\]<>≤≥]*")
_LITERAL = re.compile(r"[-+−]?[\d.][\w.:+-]*(?=\s*[<>≤≥])")


class Term(NamedTuple):
    """A column, and what is said of it: None where nothing is, ``missing`` where that is said."""

    variable: Variable
    said: Said | None
    words: str
    at: int
    missing: bool = False


class Question(NamedTuple):
    """A question as it was read."""

    verb: str
    targets: tuple[Term, ...]
    given: tuple[Term, ...]
    quantiles: tuple[float, ...]
    text: str


class Grammar:
    """What the names of one model allow to be said."""

    def __init__(self, columns: Columns) -> None:
        self.columns = columns

    def question(self, text: str) -> Question:
        """The whole of a question."""
        return _Reader(self, text).question()

    def terms(self, text: str) -> tuple[Term, ...]:
        """Evidence on its own: what may stand after the bar."""
        reader = _Reader(self, text)
        terms = reader.terms("") if text.strip() else ()
        reader.end()
        return terms

    @cached_property
    def names(self) -> re.Pattern[str]:
        known = (*self.columns.variables, *self.columns.left_out)
        return re.compile(f"(?:{loosely(known)}){_AFTER_NAME}", re.IGNORECASE)

    def levels(self, variable: Variable) -> re.Pattern[str]:
        """The levels of a category."""
        if variable.name not in self._levels:
            pattern = f"(?:{loosely(variable.levels)}){_AFTER_VALUE}"
            self._levels[variable.name] = re.compile(pattern, re.IGNORECASE)
        return self._levels[variable.name]

    @cached_property
    def _levels(self) -> dict[str, re.Pattern[str]]:
        return {}


class _Reader:
    """One text, read from left to right."""

    def __init__(self, grammar: Grammar, text: str) -> None:
        self.grammar, self.columns = grammar, grammar.columns
        self.text = re.sub(r"\s", " ", text)
        self.at = 0

    def fail(self, message: str, at: int | None = None) -> NoReturn:
        raise QueryError(message, self.text, self.at if at is None else at)

    def skip(self) -> None:
        while self.text[self.at : self.at + 1] == " ":
            self.at += 1

    def sign(self, one_of: str) -> str:
        """The next character if it is one of these, and past it."""
        self.skip()
        c = self.text[self.at : self.at + 1]
        if c and c in one_of:
            self.at += 1
            return c
        return ""

    def end(self) -> None:
        self.skip()
        if self.at < len(self.text):
            self.fail(f"{self.text[self.at]!r} was not expected here")

    def question(self) -> Question:
        self.skip()
        found = re.compile(r"([^\W\d]+)\s*\(").match(self.text, self.at)
        verb = _VERB.get(found[1].casefold()) if found else None
        if found is None or verb is None:
            asked = f"{found[1]} is no question" if found else "a question begins with its verb"
            self.fail(
                f"{asked}; ask p(...), E(...), Var(...), sd(...), median(...), quantile(...), argmax(...), MI(...)"
            )
        self.at = found.end()
        levels: tuple[float, ...] = ()
        if verb == "quantile":
            targets: tuple[Term, ...] = (self.term(),)
            levels = self.quantiles()
        else:
            targets = self.terms(";" if verb == "MI" else "")
        given = self.terms("") if self.sign("|") else ()
        if not self.sign(")"):
            self.skip()
            missing = self.at == len(self.text)
            self.fail("a ) is missing here" if missing else f"{self.text[self.at]!r} was not expected here")
        self.end()
        return Question(verb, targets, given, levels, self.text.strip())

    def quantiles(self) -> tuple[float, ...]:
        out = []
        while self.sign(","):
            self.skip()
            start = self.at
            raw = self.raw()
            try:
                q = float(raw[:-1]) / 100 if raw.endswith("%") else float(raw)
            except ValueError:
                q = -1.0
            if not 0 < q < 1:
                self.fail("a quantile is asked for by numbers between 0 and 1, as in quantile(age, 0.9)", start)
            out.append(q)
        if not out:
            self.fail("which quantile? say it after a comma, as in quantile(age, 0.9)")
        return tuple(out)

    def terms(self, also: str) -> tuple[Term, ...]:
        out = [self.term()]
        while self.sign("," + also):
            out.append(self.term())
        return tuple(out)

    def term(self) -> Term:
        self.skip()
        start = self.at
        if not self.grammar.names.match(self.text, start) and _LITERAL.match(self.text, start):
            return self.flipped(start)
        variable, sign = self.name(), 0
        word = _WORD.match(self.text, self.at)
        if word:
            self.at = word.end()
            op = " ".join(word[1].casefold().split())
        else:
            operator = _OPERATOR.match(self.text, self.at)
            if not operator:
                return Term(variable, None, variable.name, start)
            self.at, sign = operator.end(), operator.start(1)
            op = _SIGNS.get(operator[1], operator[1])
        if op in ("missing", "is missing") or (op in ("=", "is") and self.missing(variable)):
            return Term(variable, None, f"{variable.name} is not known", start, missing=True)
        if op == "is not missing":
            self.fail("the model says what a value is, not whether it was recorded", start)
        if op in ("in", "not in"):
            said, words = self.collection(variable)
            return self.checked(variable, said, words, op == "not in", start)
        if op in ("=", "!=", "is", "is not"):
            at = self.at
            literal = self.value(variable)
            said = self.say(at, variable.equal, literal)
            return self.checked(variable, said, shown(variable, said) or literal, op in ("!=", "is not"), start)
        return self.compared(variable, op, sign, start)

    def compared(self, variable: Variable, op: str, sign: int, start: int) -> Term:
        """column < value; for a category with a level that is written so, as in income>50K, that level."""
        at = self.at
        level = self.grammar.levels(variable).match(self.text, sign) if variable.levels else None
        if level:
            self.at = level.end()
            said = self.say(at, variable.equal, level[0])
            return self.checked(variable, said, shown(variable, said), False, start)
        literal = self.value(variable)
        said = self.say(at, variable.compare, op, literal)
        return self.checked(variable, said, f"{ORDER[op]} {literal}", False, start)

    def flipped(self, start: int) -> Term:
        """value < column < value."""
        found = _LITERAL.match(self.text, self.at)
        assert found is not None
        self.at, first = found.end(), found[0]
        op = FLIPPED[self.order()]
        variable = self.name()
        said = self.say(start, variable.compare, op, first)
        words = f"{ORDER[op]} {first}"
        again = _OPERATOR.match(self.text, self.at)
        if again:
            place = again.start(1)
            other = self.order()
            if other[0] == op[0]:
                self.fail(f"the two signs point different ways; write 20 < {variable.name} <= 30", place)
            at, second = self.at, self.value(variable)
            said = intersect(said, self.say(at, variable.compare, other, second))
            words += f" and {ORDER[other]} {second}"
        return self.checked(variable, said, words, False, start)

    def order(self) -> str:
        operator = _OPERATOR.match(self.text, self.at)
        op = _SIGNS.get(operator[1], operator[1]) if operator else ""
        if not operator or op not in FLIPPED:
            self.fail("<, <=, > or >= was expected here")
        self.at = operator.end()
        return op

    def name(self) -> Variable:
        self.skip()
        start = self.at
        quoted = _QUOTED.match(self.text, start)
        known = None if quoted else self.grammar.names.match(self.text, start)
        if quoted or known:
            found = quoted or known
            assert found is not None
            self.at = found.end()
            name = quoted[2] if quoted else found[0]
        else:
            raw = _RAW_NAME.match(self.text, start)
            assert raw is not None
            name = re.split(r"\s+(?:not\s+in|in|is|missing)\b", raw[0])[0].strip()
            if not name:
                self.fail("the name of a column was expected here")
        return self.say(start, self.columns.find, name)  # type: ignore[no-any-return]

    def missing(self, variable: Variable) -> bool:
        """Whether the word "missing" stands here, and is no category."""
        found = re.compile(rf"(missing|\?){_AFTER_VALUE}", re.IGNORECASE).match(self.text, self.at)
        if found is None or any(fold(level) == fold(found[1]) for level in variable.levels):
            return False
        self.at = found.end()
        return True

    def value(self, variable: Variable) -> str:
        self.skip()
        quoted = _QUOTED.match(self.text, self.at)
        if quoted:
            self.at = quoted.end()
            return quoted[2]
        if variable.levels:
            level = self.grammar.levels(variable).match(self.text, self.at)
            if level:
                self.at = level.end()
                return level[0]
        raw = self.raw()
        if not raw:
            self.fail(f"a value of {variable.name} was expected here")
        return raw

    def raw(self) -> str:
        found = _RAW_VALUE.match(self.text, self.at)
        assert found is not None
        self.at = found.end()
        return found[0].strip()

    def collection(self, variable: Variable) -> tuple[Said, str]:
        """{a, b} or [low, high)."""
        opening = self.sign("{[(")
        if not opening:
            self.fail("{a, b} or [low, high) was expected here")
        if opening == "{":
            each = [self.say(self.at, variable.equal, self.value(variable))]
            while self.sign(","):
                each.append(self.say(self.at, variable.equal, self.value(variable)))
            if not self.sign("}"):
                self.fail("a } is missing here")
            return union(each), shown(variable, union(each))
        at = self.at
        ends = [self.limit(variable)]
        if not self.sign(","):
            self.fail("a range has two ends, with a comma between them")
        ends.append(self.limit(variable))
        closing = self.sign("])")
        if not closing:
            self.fail("a ] or ) is missing here: ] counts the end in, ) does not")
        said: Said | None = None
        words: list[str] = []
        for literal, op in zip(ends, (">=" if opening == "[" else ">", "<=" if closing == "]" else "<")):
            if literal is not None:
                half = self.say(at, variable.compare, op, literal)
                said = intersect(said, half)
                words.append(f"{ORDER[op]} {literal}")
        if said is None:
            self.fail("a range without ends says nothing", at)
        return said, " and ".join(words)

    def limit(self, variable: Variable) -> str | None:
        """An end of a range; None where it has none."""
        self.skip()
        if self.text[self.at : self.at + 1] in ",])":
            return None
        literal = self.value(variable)
        return None if literal.casefold() in ("inf", "-inf", "+inf", "∞", "-∞") else literal

    def checked(self, variable: Variable, said: Said, words: str, negated: bool, start: int) -> Term:
        if negated:
            said = variable.apart(said)
        if not possible(said):
            self.fail(f"no value of {variable.name} is {'anything but ' * negated}{words}", start)
        return Term(variable, said, f"{variable.name} is {'not ' * negated}{words}", start)

    def say(self, at: int, f: Callable[..., Any], *args: Any) -> Any:
        """f(*args); its complaint pointed at a place."""
        while self.text[at : at + 1] == " ":
            at += 1
        try:
            return f(*args)
        except QueryError as error:
            self.fail(error.message, at)


def shown(variable: Variable, said: Said) -> str:
    """The values of a set in words: Masters or Doctorate."""
    if isinstance(said, Levels):
        each = [variable.levels[code] for code in said.codes]
    else:
        each = [_piece(variable, piece) for piece in said]
    return " or ".join(filter(None, [", ".join(each[:-1]), *each[-1:]]))


def _piece(variable: Variable, piece: Piece) -> str:
    if isinstance(piece, Value):
        return variable.show(piece.x)
    return " to ".join(dict.fromkeys(variable.show(end) for end in ends(piece)))
