"""What can go wrong, said so that it can be mended.

::

    TacitError
    ├── InputError (ValueError)          the data: names the column, row or file
    │   ├── SchemaError                  a table that differs from the one the model was fitted to
    │   └── QueryError                   a question that a model cannot answer: points at the character
    ├── ArgumentError (ValueError, TypeError)   an argument of a constructor or a method
    ├── ModelFileError (ValueError)      a saved model that is damaged, truncated, newer, or asks for a missing class
    ├── CheckpointError (OSError)        the state of a fit cannot be written; what was written before is whole
    ├── TrainingError (RuntimeError)     training broke down: the epoch, the batch, the likely cause
    └── MissingExtraError (ImportError)  an optional dependency, with the line that installs it

    TacitWarning (UserWarning)
    ├── DataNotice                       something about the data was decided for the user, and can be overruled
    ├── RepairWarning                    a component or cluster was empty or collapsed and was placed anew
    └── CollapseWarning                  a generator lost modes, or its adversary was never wrong: the best is kept

scikit-learn's own ``NotFittedError`` and ``ConvergenceWarning`` are raised where it raises them.
"""

from __future__ import annotations


class TacitError(Exception):
    """The base of every error that tacit raises itself."""


class InputError(TacitError, ValueError):
    """The data cannot be used; the message names the column, row or file and says what to do."""


class SchemaError(InputError):
    """A table's columns, order or types differ from those of ``fit``."""


class QueryError(InputError):
    """A question that cannot be read or answered; ``at`` is the place in ``text`` that is to be mended.

    >>> print(QueryError("no column 'agee'; did you mean 'age'?", "E(agee)", 2))
    no column 'agee'; did you mean 'age'?
      E(agee)
        ^
    """

    def __init__(self, message: str, text: str = "", at: int | None = None) -> None:
        self.message, self.text, self.at = message, text, at
        super().__init__(message if at is None else f"{message}\n  {text}\n  {' ' * at}^")


class ArgumentError(TacitError, ValueError, TypeError):
    """An argument has a value outside its range."""


class ModelFileError(TacitError, ValueError):
    """A file is not a whole tacit model that this version can read."""


class CheckpointError(TacitError, OSError):
    """The state of a fit cannot be written: a full disk, a folder that is gone. The last one written is whole."""


class TrainingError(TacitError, RuntimeError):
    """Training broke down; the message says where and why, and the last good state is kept."""


class MissingExtraError(TacitError, ImportError):
    """A name needs an optional dependency that is not installed."""


class TacitWarning(UserWarning):
    """The base of every warning that tacit issues itself."""


class DataNotice(TacitWarning):
    """A decision about the data that the user may want to overrule."""


class RepairWarning(TacitWarning):
    """An empty or collapsed component was placed anew."""


class CollapseWarning(TacitWarning):
    """A generator lost modes, or the discriminator was never wrong for long; the best state is kept."""
