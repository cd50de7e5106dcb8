"""Models of texts: n-grams, a transformer, and classifiers on it."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .ngram import NGramModel as NGramModel

if TYPE_CHECKING:
    from .classifier import TextClassifier as TextClassifier
    from .generative import GenerativeClassifier as GenerativeClassifier
    from .model import LanguageModel as LanguageModel

# What needs torch, imported when first used.
_DEEP = {"LanguageModel": "model", "TextClassifier": "classifier", "GenerativeClassifier": "generative"}


def __getattr__(name: str) -> Any:
    if name not in _DEEP:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_DEEP[name]}", __name__), name)
