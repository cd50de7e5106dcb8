"""Models of texts from the command line."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

import tacit
from tacit.cli.app import app


def tacit_(*words: object):
    return CliRunner().invoke(app, [str(w) for w in words])


@pytest.fixture
def book(tmp_path):
    (tmp_path / "book.txt").write_text("to be or not to be\nthat is the question\n" * 20)
    return tmp_path


def test_counts_and_texts_that_go_on(book) -> None:
    done = tacit_("fit", "language", book / "book.txt", "-o", book / "m.tacit", "--kind", "ngram", "-n", 4, "--lines")
    assert done.exit_code == 0, done.output
    assert "760 characters in 40 texts" in done.output.replace("\n", " ")
    assert tacit.load(book / "m.tacit").n == 4
    drawn = tacit_("sample", book / "m.tacit", "-n", 2, "--prompt", "to b", "--temperature", 0, "--json")
    assert json.loads(drawn.stdout)[0]["text"].startswith("to be or not to be")
    assert tacit_("score", book / "m.tacit", book / "book.txt").exit_code == 2


def test_a_transformer(book) -> None:
    pytest.importorskip("torch")
    small = ("--width", 8, "--layers", 1, "--heads", 2, "--context", 8, "--epochs", 1, "--vocabulary", 260, "--json")
    done = tacit_("fit", "language", book / "book.txt", "-o", book / "m.tacit", *small)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["tokens"] == 260
    assert tacit_("sample", book / "m.tacit", "-n", 1, "--prompt", "that").stdout.splitlines()[0] == '"text"'


def test_what_cannot_be_done_is_told_in_a_line(book) -> None:
    (book / "latin.txt").write_bytes(b"caf\xe9")
    done = tacit_("fit", "language", book / "latin.txt")
    assert done.exit_code == 2
    assert "not UTF-8" in done.output
    (book / "empty.txt").write_text("")
    assert tacit_("fit", "language", book / "empty.txt").exit_code == 2
    tacit.PCA(1).fit([[0.0, 1.0], [1.0, 0.0], [2.0, 2.0]]).save(book / "pca.tacit")
    assert tacit_("sample", book / "pca.tacit", "--prompt", "x").exit_code == 2
