"""One thread a test process: networks this small only wait for a second one."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    torch = pytest.importorskip("torch", reason="the deep part needs torch")
    torch.set_num_threads(1)
