"""Vectors of words from the shell."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from tacit.cli.app import app
from tacit.embedding.formats import read


def run(*args: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, args, catch_exceptions=False)
    return result.exit_code, result.stdout, " ".join(result.stderr.split())


@pytest.fixture(autouse=True)
def text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    lines = [" ".join(rng.choice([f"{'xy'[i % 2]}{j}" for j in range(5)], 8)) for i in range(600)]
    Path("text.txt").write_text("\n".join(lines))


def test_words_are_fitted_and_asked() -> None:
    code, said, _ = run("fit", "words", "text.txt", "-o", "w.tacit", "--vectors", "v.bin", "--n-components", "10")
    assert code == 0
    assert "10 words, which come 4800 times" in said
    assert len(read("v.bin")[0]) == 10
    code, said, _ = run("similar", "w.tacit", "x0", "-n", "4")
    assert code == 0
    assert {line.split()[1][0] for line in said.splitlines()} == {"x"}
    code, said, _ = run("similar", "w.tacit", "x0", "x1", "-n", "2", "--json")
    assert [word[0] for word in json.loads(said)] == ["x", "x"]
    code, said, _ = run("info", "w.tacit", "--json")
    assert json.loads(said)["parameters"]["n_components"] == 10


def test_bad_input_is_one_line() -> None:
    assert run("fit", "words", "none.txt")[0::2] == (2, "Error: no text file 'none.txt'; sentences are given as a list")
    code, _, error = run("fit", "words", "text.txt", "--min-count", "100000")
    assert code == 2
    assert "no word comes min_count=100000 times" in error
    run("fit", "words", "text.txt", "-o", "w.tacit", "--epochs", "0", "--json")
    code, _, error = run("similar", "w.tacit", "x9")
    assert code == 2
    assert "'x9' is not in the vocabulary" in error
