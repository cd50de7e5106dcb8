"""Every example in the README and in docs/ runs: Python blocks, and the `tacit` lines of console blocks.

The blocks of a page share one folder and one namespace, from top to bottom. In a `console` block a line after `$` is a
command and what follows is its output, with `...` for what varies; in an `sh` block every line is a command.
"""

from __future__ import annotations

import doctest
import importlib
import re
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
BLOCK = re.compile(r"^```(python|console|sh)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ELSEWHERE = ("make", "git", "pip", "python -m pip", "python -m venv", "apt", ".ci/run", ".venv/bin/pre-commit", "cmake")
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


class Block(NamedTuple):
    """A fenced block and the line of the page that it starts on."""

    language: str
    text: str
    line: int


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [Block(m[1], m[2], text[: m.start()].count("\n") + 1) for m in BLOCK.finditer(text)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_examples_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "__main__"}
    for block in blocks(page):
        where = f"{page.name}:{block.line}"
        if block.language == "python":
            _python(block.text, where, names)
        else:
            for command, output in _commands(block):
                _run(command, output, where)


def _python(text: str, where: str, names: dict[str, Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a page may show what warns
        if ">>>" not in text:
            exec(compile(text, where, "exec"), names)
            return
        test = doctest.DocTestParser().get_doctest(text, names, where, where, 0)
        said: list[str] = []
        doctest.DocTestRunner(optionflags=FLAGS).run(test, out=said.append, clear_globs=False)
        names |= test.globs
        assert not said, "".join(said)


def _commands(block: Block) -> list[tuple[str, str]]:
    """Commands, and the output that the page shows for each; "" where it shows none."""
    if block.language == "sh":
        lines = block.text.replace("\\\n", " ").splitlines()
        return [(line.split(" #")[0].strip(), "") for line in lines if line.strip() and not line.startswith("#")]
    found: list[tuple[str, str]] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], ""))
        elif found:
            found[-1] = (found[-1][0], f"{found[-1][1]}{line}\n")
    return found


def _run(command: str, output: str, where: str) -> None:
    if command.startswith(ELSEWHERE):
        return
    assert command.startswith("tacit "), f"{where}: only tacit's own commands are run: {command}"
    shell = f'set -o pipefail; tacit() {{ "{sys.executable}" -m tacit "$@"; }}; {command}'
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{where}: {command}\n{done.stderr}"
    if output:
        assert doctest.OutputChecker().check_output(output, done.stdout, FLAGS), f"{where}: {command}\n{done.stdout}"


def test_links_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} -> {target}"


@pytest.mark.parametrize(
    ("page", "mark", "module", "table"),
    [
        ("README.md", "speed", "table", "markdown"),
        ("docs/scale.md", "scale", "scale", "markdown"),
        ("docs/scale.md", "peers", "peers", "markdown"),
        ("docs/scale.md", "cost", "cost", "markdown"),
        ("docs/scale.md", "constants", "cost", "constants_markdown"),
        ("docs/scale.md", "far", "cost", "far_markdown"),
    ],
)
def test_the_tables_are_those_of_the_committed_results(
    page: str, mark: str, module: str, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    made = getattr(importlib.import_module(f"benchmarks.{module}"), table)()
    text = (ROOT / page).read_text(encoding="utf-8")
    shown = re.search(rf"<!-- {mark} -->\n(.*?)\n<!-- /{mark} -->", text, re.DOTALL)
    assert shown is not None
    assert shown[1] == made
