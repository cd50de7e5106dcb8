"""The commands as somebody types them."""

from __future__ import annotations

import csv
import inspect
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from typer.testing import CliRunner, Result

import tacit
from tacit.cli import fit, joint
from tacit.cli.app import app

PEOPLE = {"fit": "gmm", "table": "people.csv"}


def run(*args: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in args], catch_exceptions=False)


def ok(*args: object) -> str:
    result = run(*args)
    assert result.exit_code == 0, result.stderr
    return result.stdout


def bad(*args: object) -> str:
    """The message of a command that refuses; never a traceback."""
    result = run(*args)
    assert result.exit_code == 2, (result.exit_code, result.output)
    assert "Traceback" not in result.output
    assert not result.stdout
    return " ".join(result.stderr.split())


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a table of two far groups, a category, names and a gap."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    side = rng.integers(0, 2, 200)
    columns: dict[str, Any] = {
        "height": np.round(150 + 30 * side + rng.normal(0, 3, 200), 2),
        "weight": np.round(50 + 40 * side + rng.normal(0, 3, 200), 2),
        "sport": np.where(side == 1, "rowing", "running"),
    }
    pa.csv.write_csv(pa.table(columns), "people.csv")
    columns["weight"] = pa.array(columns["weight"], mask=np.arange(200) % 10 == 0)
    pa.csv.write_csv(pa.table(columns), "gaps.csv")
    return tmp_path


@pytest.mark.parametrize("model", ["kmeans", "gmm"])
def test_fit_and_predict(model: str) -> None:
    option = "--n-clusters" if model == "kmeans" else "--n-components"
    said = ok("fit", model, "people.csv", "-o", "m.tacit", option, 2)
    assert "height, weight" in said
    assert "m.tacit" in said
    rows = table(ok("predict", "m.tacit", "people.csv", "--append"))
    assert list(rows[0]) == ["height", "weight", "sport", "group"]
    assert {(r["sport"], r["group"]) for r in rows} in (
        {("rowing", "0"), ("running", "1")},
        {("rowing", "1"), ("running", "0")},
    )


def test_what_numbers_leave_out_is_said() -> None:
    result = run("fit", "kmeans", "people.csv", "--n-clusters", 2)
    assert result.exit_code == 0
    assert "Notice" in result.stderr
    assert "sport (binary)" in result.stderr


def test_predict_finds_columns_by_name() -> None:
    ok("fit", "gmm", "people.csv", "-o", "m.tacit", "--n-components", 2)
    before = ok("predict", "m.tacit", "people.csv")
    people = pa.csv.read_csv("people.csv").select(["sport", "weight", "height"])
    pa.csv.write_csv(people.add_column(0, "shoe", pa.array(np.arange(200.0))), "other.csv")
    assert ok("predict", "m.tacit", "other.csv") == before
    pa.csv.write_csv(people.slice(0, 2), "short.csv")  # two rows: each column might be two categories
    assert ok("predict", "m.tacit", "short.csv").splitlines() == before.splitlines()[:3]


def test_a_model_saved_in_python_answers_too() -> None:
    frame = pa.csv.read_csv("people.csv").select(["height", "weight"])
    model = tacit.GaussianMixture(2, random_state=0).fit(frame)
    model.save("m.tacit")
    found = [int(r["group"]) for r in table(ok("predict", "m.tacit", "people.csv"))]
    assert found == model.predict(frame).tolist()
    assert "lacks" in bad("predict", "m.tacit", "sample:wine")
    nameless = tacit.GaussianMixture(2, random_state=0).fit(np.column_stack([frame["height"], frame["weight"]]))
    nameless.save("n.tacit")
    assert [int(r["group"]) for r in table(ok("predict", "n.tacit", "people.csv"))] == found
    assert list(table(ok("sample", "n.tacit", "-n", 2))[0]) == ["x0", "x1", "group"]


def test_pca_transforms_and_scores() -> None:
    ok("fit", "pca", "people.csv", "-o", "p.tacit", "--n-components", "0.9", "--scale")
    coordinates = table(ok("transform", "p.tacit", "people.csv"))
    assert len(coordinates) == 200
    assert list(coordinates[0]) == ["pca0"]
    each = [float(r["score"]) for r in table(ok("score", "p.tacit", "people.csv", "--rows"))]
    assert float(ok("score", "p.tacit", "people.csv")) == pytest.approx(np.mean(each))
    assert json.loads(ok("score", "p.tacit", "people.csv", "--json"))["score"] == pytest.approx(np.mean(each))


def test_probabilities_sum_to_one() -> None:
    ok("fit", "gmm", "people.csv", "-o", "m.tacit", "--n-components", 3, "--covariance-type", "diag")
    for row in table(ok("predict", "m.tacit", "people.csv", "--proba")):
        p = [float(row[f"group_{k}"]) for k in range(3)]
        assert sum(p) == pytest.approx(1)
        assert p[int(row["group"])] == max(p)


def test_joint_takes_the_whole_table() -> None:
    ok("fit", "joint", "gaps.csv", "-o", "j.tacit", "--n-components", 2)
    truth = pa.csv.read_csv("people.csv").to_pylist()
    rows = table(ok("predict", "j.tacit", "gaps.csv", "--append"))
    assert len({(r["sport"], r["group"]) for r in rows}) == 2
    filled = table(ok("impute", "j.tacit", "gaps.csv"))
    assert list(filled[0]) == ["height", "weight", "sport"]
    for before, after in zip(truth, filled, strict=True):
        assert float(after["weight"]) == pytest.approx(before["weight"], abs=12)
        assert after["sport"] == before["sport"]
    drawn = table(ok("sample", "j.tacit", "-n", 50))
    assert {r["sport"] for r in drawn} == {"rowing", "running"}
    assert all((float(r["height"]) > 165) == (r["sport"] == "rowing") for r in drawn)


def test_sampling_follows_the_seed() -> None:
    ok("fit", "gmm", "people.csv", "-o", "m.tacit", "--n-components", 2)
    first, second, other = (ok("sample", "m.tacit", "-n", 5, "--seed", s) for s in (1, 1, 2))
    assert first == second != other
    assert list(table(first)[0]) == ["height", "weight", "group"]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_answers_go_to_files(folder: Path, suffix: str) -> None:
    ok("fit", "kmeans", "people.csv", "-o", "m.tacit", "--n-clusters", 2)
    assert ok("predict", "m.tacit", "people.csv", "-o", f"out.{suffix}") == ""
    read = pa.csv.read_csv if suffix == "csv" else pa.parquet.read_table
    assert read(f"out.{suffix}").column_names == ["group"]
    assert not list(folder.glob(".*"))


def test_json_is_json() -> None:
    facts = json.loads(ok("fit", "kmeans", "people.csv", "-o", "m.tacit", "--n-clusters", 2, "--json"))
    assert facts["model"] == "KMeans"
    assert facts["columns"] == ["height", "weight"]
    assert facts["learned"]["n_iter_"] >= 1
    assert len(json.loads(ok("predict", "m.tacit", "people.csv", "--json"))) == 200
    assert json.loads(ok("info", "m.tacit", "--json"))["answers"] == ["predict", "transform", "score"]
    assert "KMeans" in ok("info", "m.tacit")


def test_types_and_columns_overrule() -> None:
    facts = json.loads(ok("fit", "gmm", "people.csv", "--columns", "weight", "--json"))
    assert facts["columns"] == ["weight"]
    facts = json.loads(ok("fit", "gmm", "sample:tips", "--types", "size=category", "--json"))
    assert facts["columns"] == ["total_bill", "tip"]


def test_explore_writes_a_page(folder: Path) -> None:
    said = run("explore", "people.csv", "-o", "page.html", "--max-groups", 4)
    assert said.exit_code == 0, said.stderr
    assert str(folder / "page.html") in said.stdout.replace("\n", "")
    assert "2 groups" in said.stdout
    page = Path("page.html").read_text()
    assert page.lstrip().lower().startswith("<!doctype html>")
    assert not list(folder.glob(".*"))


def test_explore_prints_json() -> None:
    found = json.loads(ok("explore", "people.csv", "-o", "page.html", "--json", "--no-rows", "--seed", 1))
    assert found["groups"]["count"] == 2
    assert found["made"]["rows_shown"] is False
    assert Path("page.html").exists()


def test_samples_can_all_be_read() -> None:
    names = ok("samples").split()
    assert {"sample:wine", "sample:digits", "sample:breast_cancer", "sample:gapminder", "sample:tips"} <= set(names)


# ---- what goes wrong ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("fit", "gmm", "nowhere.csv"), "nowhere.csv"),
        (("fit", "gmm", "sample:whine"), "wine"),
        (("fit", "gmm", "people.csv", "--columns", "height,age"), "no column 'age'"),
        (("fit", "gmm", "people.csv", "--columns", "sport"), "sport (binary)"),
        (("fit", "gmm", "people.csv", "--types", "age=number"), "age"),
        (("fit", "gmm", "people.csv", "--types", "height=length"), "length"),
        (("fit", "gmm", "people.csv", "--types", "height"), "height"),
        (("fit", "gmm", "people.csv", "-o", "no/such/m.tacit"), "no/such"),
        (("fit", "gmm", "people.csv", "--n-components", "many"), "n-components"),
        (("fit", "gmm", "people.csv", "--n-components", "1000"), "1000"),
        (("fit", "gmm", "people.csv", "--covariance-type", "round"), "round"),
        (("fit", "kmeans", "gaps.csv"), "weight"),
        (("fit", "kmeans", "people.csv", "--n-init", "some"), "some"),
        (("fit", "pca", "people.csv", "--n-components", "x"), "x"),
        (("fit", "pca", "people.csv", "--n-components", "7"), "n_components"),
        (("fit", "joint", "people.csv", "--n-components", "x"), "x"),
        (("fit", "som", "people.csv"), "som"),
        (("explore", "nowhere.csv"), "nowhere.csv"),
        (("explore", "people.csv", "-o", "no/such/page.html"), "no/such"),
        (("explore", "people.csv", "--max-groups", "0"), "max-groups"),
        (("explore", "people.csv", "--types", "age=number"), "age"),
        (("predict", "nowhere.tacit", "people.csv"), "nowhere.tacit"),
        (("info", "people.csv"), "people.csv"),
    ],
)
def test_bad_input_is_one_line(folder: Path, args: tuple[str, ...], says: str) -> None:
    before = {p.name for p in folder.iterdir()}
    assert says in bad(*args)
    assert {p.name for p in folder.iterdir()} == before


def test_errors_of_a_fitted_model() -> None:
    ok("fit", "pca", "people.csv", "-o", "p.tacit")
    message = bad("predict", "p.tacit", "people.csv")
    assert "PCA" in message
    assert "transform" in message
    assert "'height'" in bad("transform", "p.tacit", "sample:wine")
    assert ".csv or .parquet" in bad("transform", "p.tacit", "people.csv", "-o", "out.txt")
    Path("dir.csv").mkdir()
    assert "directory" in bad("transform", "p.tacit", "people.csv", "-o", "dir.csv")
    whole = Path("p.tacit").read_bytes()
    Path("half.tacit").write_bytes(whole[: len(whole) // 2])
    assert "half.tacit" in bad("info", "half.tacit")


def test_a_failed_write_leaves_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ok("fit", "kmeans", "people.csv", "-o", "m.tacit", "--n-clusters", 2)
    Path("out.csv").write_text("before")

    def full(answer: object, path: Path) -> None:
        Path(path).write_text("half")
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr("pyarrow.csv.write_csv", full)
    assert "No space left" in bad("predict", "m.tacit", "people.csv", "-o", "out.csv")
    assert Path("out.csv").read_text() == "before"
    assert not list(folder.glob(".*"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_to(folder: Path) -> None:
    (folder / "closed").mkdir(mode=0o500)
    assert "closed" in bad("fit", "gmm", "people.csv", "-o", "closed/m.tacit")


def test_a_bug_shows_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(tacit.GaussianMixture, "fit", broken)
    with pytest.raises(RuntimeError, match="a bug"):
        run("fit", "gmm", "people.csv")


# ---- the process ----------------------------------------------------------------------------------------------------

TACIT = (sys.executable, "-m", "tacit")


def test_as_a_process() -> None:
    done = subprocess.run([*TACIT, "--version"], capture_output=True, text=True, timeout=30)
    assert done.stdout.split() == ["tacit", tacit.__version__]
    done = subprocess.run([*TACIT, "fit", "gmm", "nowhere.csv"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1


def test_interruption_is_quiet() -> None:
    code = """
import os, signal, sys
from tacit.cli import main
from tacit.data.table import Table
Table.read = lambda *args, **kwargs: os.kill(os.getpid(), signal.SIGINT)
sys.argv = ["tacit", "fit", "gmm", "people.csv"]
main()"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 130
    assert "Traceback" not in done.stdout + done.stderr


def test_a_closed_pipe_is_quiet() -> None:
    ok("fit", "gmm", "people.csv", "-o", "m.tacit")
    command = f"set -o pipefail; {sys.executable} -m tacit sample m.tacit -n 200000 | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60)
    assert done.stdout.count("\n") == 1
    assert "Traceback" not in done.stderr


# ---- the options ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "estimator"),
    [
        (fit.kmeans, "KMeans"),
        (fit.pca, "PCA"),
        (fit.gmm, "GaussianMixture"),
        (joint.joint, "JointMixture"),
    ],
)
def test_options_are_parameters_with_the_same_defaults(command: Any, estimator: str) -> None:
    ours = inspect.signature(command).parameters
    theirs = inspect.signature(getattr(tacit, estimator).__init__).parameters
    for name in set(ours) - {"table", "output", "columns", "types", "scheduler", "seed", "as_json"}:
        default = ours[name].default
        assert name in theirs, name
        assert str(getattr(default, "value", default)) == str(theirs[name].default), name


@pytest.mark.parametrize("args", [(), ("fit",), *(("fit", m) for m in ("kmeans", "pca", "gmm", "joint")), ("explore",)])
def test_help_has_an_example(args: tuple[str, ...]) -> None:
    said = ok(*args, "--help")
    assert "Usage" in said
    if args not in ((), ("fit",)):
        assert f"tacit {' '.join(args)} " in " ".join(said.split())


def test_a_boltzmann_machine_of_a_mixed_table():
    pytest.importorskip("torch", reason="the deep part needs torch")
    said = json.loads(
        ok("fit", "rbm", "sample:tips", "-o", "t.tacit", "--n-components", 3, "--n-iter", 2, "--method", "cd", "--json")
    )
    assert said["model"] == "RBM"
    assert said["learned"]["n_iter_"] == 2
    model = tacit.load("t.tacit")
    assert model.method == "cd"
    assert model.sample(2).column_names == said["columns"]


def test_a_generator_of_a_table_of_numbers():
    pytest.importorskip("torch", reason="the deep part needs torch")
    words = ("sample:digits", "-o", "g.tacit", "--epochs", 1, "--latent-dim", 4, "--hidden-sizes", "16,8", "--pack", 2)
    said = json.loads(ok("fit", "gan", *words, "--json"))
    assert said["model"] == "GAN"
    assert said["learned"]["latent_dim_"] == 4
    model = tacit.load("g.tacit")
    assert model.game.pack == 2
    assert len(ok("sample", "g.tacit", "-n", 3).splitlines()) == 4
    assert "categor" in bad("fit", "gan", "sample:tips", "-o", "t.tacit")
