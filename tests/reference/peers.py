"""scikit-learn's own tests, run on our classes.

The test files come from the installed scikit-learn; while one of them is imported, the class that it imports is ours.
Which failures are expected, and why, is listed in one file an estimator: ``sklearn_pca.py`` and its siblings. From the
root of the project::

    python tests/reference/peers.py pca            # a summary, and every failure that is not listed
    python tests/reference/peers.py pca -k mle -x  # anything further goes to pytest
    pytest tests/reference                         # as part of the suite: failures == the listed ones, >= 95 % pass

Deselected by rule, since they do not test the class that was swapped:

- ``other``: the test uses something else of the same scikit-learn package (MiniBatchKMeans, a private function);
- ``private``: the test uses a private attribute or method of scikit-learn's class;
- ``array-api``: the test is about the array API;
- ``named``: listed in ``Peer.not_ours`` with a reason.
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
import re
import subprocess
import sys
import tempfile
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

HERE = Path(__file__).resolve().parent
SRC = HERE.parents[1] / "src"


class Peer(NamedTuple):
    """One scikit-learn class and the tests that scikit-learn has for it. Patterns are regular expressions."""

    package: str  # where the test file imports the class from
    name: str  # of the class, there and in tacit
    tests: str  # the test module
    fails: dict[str, str]  # pattern of a test's name, parameters included -> why it cannot pass
    not_ours: dict[str, str]  # pattern -> why the test is not about the class


class Outcome(NamedTuple):
    """What happened to each test, by name."""

    passed: list[str]
    failed: dict[str, str]  # name -> the last line of the failure
    skipped: list[str]
    deselected: dict[str, str]  # name -> the rule

    @property
    def share(self) -> float:
        """Passed / (passed + failed)."""
        return len(self.passed) / max(1, len(self.passed) + len(self.failed))


def peer(key: str) -> Peer:
    """The peer that ``sklearn_<key>.py`` describes."""
    found: Peer = importlib.import_module(f"reference.sklearn_{key}").PEER
    return found


def run(key: str, *arguments: str, quiet: bool = True) -> Outcome:
    """Run the tests in a process of their own."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "outcome.json")
        path = os.pathsep.join([str(SRC), str(HERE.parent), os.environ.get("PYTHONPATH", "")])
        env = {**os.environ, "PYTHONPATH": path, "TACIT_PEER": key, "TACIT_PEER_OUT": str(out)}
        env = {k: v for k, v in env.items() if not k.startswith("PYTEST_")}
        options = ["-c", os.devnull, "--rootdir", folder, "-p", "no:cacheprovider", "-p", "no:randomly"]
        tests = importlib.util.find_spec(peer(key).tests).origin  # type: ignore[union-attr]
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "pytest",
                *options,
                "-p",
                "reference.peers",
                "-q",
                "--disable-warnings",
                *arguments,
                tests,
            ],
            env=env,
            cwd=folder,
            capture_output=quiet,
            text=True,
            check=False,
        )
        if not out.exists():
            raise RuntimeError(f"the tests of {key} did not run:\n{done.stdout}\n{done.stderr}")
        return Outcome(**json.loads(out.read_text()))


def unexpected(key: str, outcome: Outcome) -> list[str]:
    """Where the outcome and the list of expected failures differ, in words."""
    fails = peer(key).fails
    listed = {name for name in [*outcome.failed, *outcome.passed] if any(re.fullmatch(p, name) for p in fails)}
    surprises = [f"{name} fails: {why}" for name, why in outcome.failed.items() if name not in listed]
    surprises += [f"{name} passes, but is listed as failing" for name in outcome.passed if name in listed]
    ran = [*outcome.failed, *outcome.passed]
    surprises += [f"no test is called {p}" for p in fails if not any(re.fullmatch(p, name) for name in ran)]
    return surprises


# The plugin: what happens inside the process that runs the tests.

_outcome = Outcome([], {}, [], {})


def pytest_configure(config: pytest.Config) -> None:
    if "TACIT_PEER" not in os.environ:
        return
    import tacit

    package, name, tests, *_ = peer(os.environ["TACIT_PEER"])
    home = importlib.import_module(package)
    theirs = getattr(home, name)
    setattr(home, name, getattr(tacit, name))
    try:
        importlib.import_module(tests)
    finally:
        setattr(home, name, theirs)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Function]) -> None:
    if "TACIT_PEER" not in os.environ:
        return
    this = peer(os.environ["TACIT_PEER"])
    kept = []
    for item in items:
        rule = _deselect(this, item)
        if rule is None:
            kept.append(item)
        else:
            _outcome.deselected[item.name] = rule
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


def _deselect(this: Peer, item: pytest.Function) -> str | None:
    import tacit

    for pattern, reason in this.not_ours.items():
        if re.fullmatch(pattern, item.name):
            return f"named: {reason}"
    if "array_api" in item.name or "_array_api_for_tests" in item.function.__code__.co_names:
        return "array-api"
    parameters = item.callspec.params.values() if hasattr(item, "callspec") else ()
    theirs = getattr(importlib.import_module(this.package), this.name)
    ours = getattr(tacit, this.name)
    for value in [*parameters, *_globals(item.function)]:
        kind = value if isinstance(value, type | types.FunctionType | types.BuiltinFunctionType) else type(value)
        where = getattr(kind, "__module__", None) or ""
        if where.startswith(this.package) and not where.startswith(this.tests):
            return f"other: {getattr(kind, '__name__', kind)}"
    for name in _names(item.function):
        if re.match(r"_[^_]", name) and hasattr(theirs, name) and not hasattr(ours, name):
            return f"private: {name}"
    return None


def _codes(function: Any) -> Iterator[types.CodeType]:
    todo = [inspect.unwrap(function).__code__]
    while todo:
        code = todo.pop()
        yield code
        todo += [c for c in code.co_consts if isinstance(c, types.CodeType)]


def _names(function: Any) -> set[str]:
    return {name for code in _codes(function) for name in code.co_names}


def _globals(function: Any) -> list[Any]:
    """What a test uses of its module, through the module's own helpers."""
    scope = inspect.unwrap(function).__globals__
    seen: dict[str, Any] = {}
    todo = [function]
    while todo:
        for name in _names(todo.pop()) & scope.keys() - seen.keys():
            seen[name] = value = scope[name]
            if isinstance(value, types.FunctionType) and value.__module__ == scope["__name__"]:
                todo.append(value)
    return list(seen.values())


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    name = report.nodeid.split("::", 1)[-1]
    if report.failed:
        lines = str(report.longrepr).strip().splitlines()
        errors = [line[1:].strip() for line in lines if line.startswith("E ")]
        _outcome.failed.setdefault(name, (errors or lines or [""])[0])
    elif report.skipped:
        _outcome.skipped.append(name)
    elif report.when == "call":
        _outcome.passed.append(name)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if "TACIT_PEER_OUT" in os.environ:
        Path(os.environ["TACIT_PEER_OUT"]).write_text(json.dumps(_outcome._asdict()))


def main() -> None:
    """Run one peer and say what is unexpected."""
    key, *arguments = sys.argv[1:]
    outcome = run(key, *arguments, quiet=False)
    rules = sorted({rule.split(":")[0] for rule in outcome.deselected.values()})
    print(
        f"\n{key}: {len(outcome.passed)} passed, {len(outcome.failed)} failed ({100 * outcome.share:.1f} % pass), "
        f"{len(outcome.skipped)} skipped, {len(outcome.deselected)} deselected"
    )
    for rule in rules:
        names = {re.sub(r"\[.*", "", n) for n, r in outcome.deselected.items() if r.startswith(rule)}
        print(f"  {rule}: {', '.join(sorted(names))}")
    for line in unexpected(key, outcome) if not arguments else []:
        print("  unexpected:", line)


if __name__ == "__main__":
    sys.path[:0] = [str(SRC), str(HERE.parent)]
    from reference import peers  # the same module under the name that the peers' files know

    peers.main()
