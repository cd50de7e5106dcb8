"""The package as a user meets it: lazy names, one list of them, layers that only look down, what a wheel holds."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
import tomllib
from itertools import chain
from pathlib import Path

import pytest

import tacit

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "tacit"
HEAVY = ("torch", "plotly", "pandas", "polars", "pyarrow", "sklearn", "scipy", "numpy", "jinja2", "typer", "rich")


def python(code: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_import_is_lazy() -> None:
    code = f"import sys, tacit; tacit.__version__, dir(tacit); print([m for m in {HEAVY} if m in sys.modules])"
    assert python(code) == "[]"


def test_an_estimator_brings_no_plots_and_no_page() -> None:
    code = "import sys; from tacit import KMeans, PCA, GaussianMixture, JointMixture; KMeans()"
    found = python(f"{code}\nprint([m for m in ('torch', 'plotly', 'jinja2', 'typer') if m in sys.modules])")
    assert found == "[]"


def test_the_help_needs_no_numbers() -> None:
    code = """
import sys
from tacit.cli import main
sys.argv = ["tacit", "--help"]
try:
    main()
except SystemExit as end:
    assert end.code == 0
print([m for m in ("numpy", "pyarrow", "sklearn", "torch", "plotly", "pandas", "jinja2") if m in sys.modules])"""
    assert python(code).endswith("[]")


def test_every_public_name_can_be_had() -> None:
    for name in tacit.__all__:
        assert getattr(tacit, name).__name__ == name
    assert set(tacit.__all__) <= set(dir(tacit))
    with pytest.raises(AttributeError, match="no attribute 'KMean'"):
        tacit.KMean  # noqa: B018


def test_the_list_for_type_checkers_is_the_table() -> None:
    for path, table in ((SOURCE / "__init__.py", tacit._WHERE),):
        block = next(node for node in ast.parse(path.read_text()).body if isinstance(node, ast.If))
        seen = {
            alias.asname: statement.module
            for statement in block.body
            if isinstance(statement, ast.ImportFrom)
            for alias in statement.names
        }
        assert seen == table


def test_names_of_absent_extras_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(tacit._WHERE, "Net", "neural.nets")
    monkeypatch.setitem(tacit._NEEDS, "Net", ("no_such_module", "deep"))
    assert not tacit._present("Net")
    with pytest.raises(tacit.errors.MissingExtraError, match=r"pip install 'tacit\[deep\]'"):
        tacit.Net  # noqa: B018


@pytest.mark.parametrize("module", ["cluster", "decomposition", "mixture"])
def test_modules_export_as_those_of_scikit_learn_do(module: str) -> None:
    ours = importlib.import_module(f"tacit.{module}")
    theirs = importlib.import_module(f"sklearn.{module}")
    names = [n for n in tacit.__all__ if getattr(tacit, n).__module__.startswith(f"tacit.{module}.")]
    assert names
    for name in names:
        assert getattr(ours, name) is getattr(tacit, name)
    assert {"cluster": "KMeans", "decomposition": "PCA", "mixture": "GaussianMixture"}[module] in set(names) & set(
        theirs.__all__
    )


LAYERS = (
    {"typing", "errors", "persist", "checkpoint", "rng", "stats", "linalg", "base"},
    {"data", "kernels"},
    {"em", "train"},
    {"cluster", "decomposition", "mixture", "neural", "energy", "language", "adversarial", "embedding"},
    {"findings", "exploration", "plot", "evaluate", "testing"},
    {"report", "cli"},
)
# in L3 an arrow may run to the left
LEFT = ("cluster", "decomposition", "mixture", "neural", "energy", "language", "adversarial", "embedding")


def test_imports_point_down() -> None:
    """At module level; a function may import from above when it is called (a door to the layer above it)."""
    height = {name: i for i, layer in enumerate(LAYERS) for name in layer}
    wrong = []
    for path in sorted(SOURCE.rglob("*.py")):
        here = path.relative_to(SOURCE).with_suffix("").parts
        if here in {("__init__",), ("__main__",)}:
            continue
        assert here[0] in height, f"{here[0]} belongs to no layer"
        for target in _imports(path, here):
            if target == here[0] or target not in height:
                continue
            both = here[0] in LEFT and target in LEFT
            allowed = LEFT.index(target) < LEFT.index(here[0]) if both else height[target] <= height[here[0]]
            if (here[0], target) in {("kernels", "data"), ("base", "data")}:  # types of a block; the door
                continue
            if not allowed:
                wrong.append(f"{'.'.join(here)} -> {target}")
    assert not wrong


def _imports(path: Path, here: tuple[str, ...]) -> set[str]:
    """The first-level names of tacit that a module imports when it is loaded."""
    package = here[:-1]
    found = set()
    for node in _loaded(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = (*package[: len(package) - node.level + 1], *(node.module.split(".") if node.module else ()))
            found |= {base[0]} if base else {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tacit."):
            found.add(str(node.module).split(".")[1])
    return found


def _loaded(tree: ast.AST) -> list[ast.AST]:
    """Nodes outside functions and outside ``if TYPE_CHECKING``."""
    found: list[ast.AST] = []
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            continue
        found += [node, *_loaded(node)]
    return found


def test_what_is_pinned_lies_in_the_stated_ranges() -> None:
    from packaging.requirements import Requirement

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = project["project"]["optional-dependencies"]
    wanted = [*project["build-system"]["requires"], *project["project"]["dependencies"], *chain(*extras.values())]
    pins = [Requirement(line) for line in (ROOT / "constraints.txt").read_text().splitlines() if line[0] != "#"]
    pinned = {pin.name.lower().replace("_", "-"): str(pin.specifier).removeprefix("==") for pin in pins}
    for text in wanted:
        requirement = Requirement(text)
        if requirement.name == "tacit":
            continue
        assert requirement.specifier.contains(pinned[requirement.name.lower()]), text


def test_the_package_says_that_it_is_typed_and_carries_its_page() -> None:
    assert (SOURCE / "py.typed").exists()
    assert list((SOURCE / "report").rglob("*.html*"))
