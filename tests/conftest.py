"""Shared fixtures: where the real data lies, and hypothesis profiles."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("tacit", deadline=None, max_examples=40)
settings.load_profile("tacit")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets beside the clone; tests that want one say so when it is absent."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the real data sets are not beside this clone (../shared/data)")
    return folder
