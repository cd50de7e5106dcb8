"""A fitted mixture as questions see it: its parts, and its columns by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ..errors import QueryError
from ..typing import Doubles
from .box import Box, Draws
from .evidence import Said, Variable, nearest, pick
from .wood import Wood


class Columns:
    """What all questions to one model share."""

    def __init__(self, model: Any) -> None:
        with np.errstate(divide="ignore"):
            self.log_weights: Doubles = np.log(model.part_weights_)
        self.schema = model.schema_
        self.variables = {
            c.name: Variable(c, model._column(c.name))
            for c in self.schema.columns
            if c.kind.numeric or c.kind.categorical
        }
        self.left_out = {c.name: c for c in self.schema.left_out}
        self.wood: Wood | None = Wood.of(model, self.variables, self.log_weights)  # where columns are joined by trees
        self.boxes = {name: box for box in map(Box, model._blocks()) for name in box.block.names}

    def find(self, name: str) -> Variable:
        """The column that is meant by a name."""
        found = pick(name, self.variables)
        if found is None:
            raise QueryError(self.unknown(name))
        return self.variables[found]

    def unknown(self, name: str) -> str:
        """What is said of a name that is no column."""
        left = pick(name, self.left_out)
        if left is not None:
            return f"column {left!r} was left out of the model, as {self.left_out[left].kind}"
        return f"no column {name!r}{nearest(name, self.variables, 'the columns are')}"

    def log_likelihood(self, said: Mapping[str, Said], draws: Draws) -> Doubles:
        """log P(all that is said | m) [M]: a product over columns, and over blocks of dependent columns."""
        total = np.zeros(len(self.log_weights))
        for names in self.apart(said):
            if len(names) == 1:
                total = total + self.variables[names[0]].log_prob(said[names[0]])
            else:
                total = total + self.boxes[names[0]].log_prob({name: said[name] for name in names}, draws)
        return total

    def apart(self, names: Iterable[str]) -> list[list[str]]:
        """Names together that are of one block."""
        together: dict[object, list[str]] = {}
        for name in names:
            together.setdefault(self.boxes.get(name, name), []).append(name)
        return list(together.values())
