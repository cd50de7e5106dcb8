"""The scripts behind the figures of joint mixtures, in their small versions: they beat what they should beat."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).parents[2] / "reproductions"


@pytest.fixture
def script(monkeypatch):
    """A script by its name, as a module."""
    import importlib

    monkeypatch.syspath_prepend(str(FOLDER))

    def load(name: str) -> ModuleType:
        for module in (name, "record"):
            sys.modules.pop(module, None)
        return importlib.import_module(name)

    yield load
    sys.modules.pop("record", None)


def run(module: ModuleType, tmp_path: Path, *args: str) -> dict:
    found = module.main(["--small", "--out", str(tmp_path / "result.json"), *args])
    made = json.loads((tmp_path / "result.json").read_text())["made"]
    assert made["machine"]["commit"]
    return found


def test_income_given_the_rest(script, tmp_path, shared_data):
    found = run(script("adult_income"), tmp_path, "--data", str(shared_data))
    ours = found["tacit, two densities averaged"]
    assert ours["log_loss"] < found["logistic regression"]["log_loss"] + 0.08
    assert ours["calibration"] < 0.04
    assert found["tacit, a mixture of trees"]["log_loss"] < found["logistic regression"]["log_loss"] + 0.08


def test_hidden_cells(script, tmp_path, shared_data):
    found = run(script("adult_imputation"), tmp_path, "--data", str(shared_data))
    trees, ours = found.pop("tacit, mixtures of trees"), found.pop("tacit")
    assert trees["accuracy"] > found["10-NN"]["accuracy"]
    assert all(ours["accuracy"] > other["accuracy"] for other in found.values())
    assert ours["rmse"] < min(found["mean and mode"]["rmse"], found["10-NN"]["rmse"])
    assert 0.8 < ours["cover"] < 0.98


def test_the_density_that_explore_grows(script, tmp_path, shared_data):
    found = run(script("explored"), tmp_path, "--data", str(shared_data))["credit_g"]
    assert found["auto"]["dependence"] in ("independent", "tree")
    assert found["auto"]["held_out"] > found["independent"]["held_out"] - 0.1


def test_synthetic_rows(script, tmp_path, shared_data):
    found = run(script("adult_synthesis"), tmp_path, "--data", str(shared_data))
    assert found["tacit"]["accuracy"] > 0.75
    assert found["tacit"]["f1"] > 0.5


def test_wrong_cells(script, tmp_path, shared_data):
    found = run(script("planted_cells"), tmp_path, "--data", str(shared_data))
    assert found["mushroom"]["first"] > 0.8


def test_speed(script, tmp_path):
    found = run(script("joint_speed"), tmp_path)
    assert found["mixed rows"]["extra_mb"] < 100


def test_without_data_nothing_is_measured(script, tmp_path):
    assert script("adult_income").main(["--data", str(tmp_path), "--out", str(tmp_path / "r.json")]) is None
    assert not (tmp_path / "r.json").exists()


def test_log_densities_of_trees(script, tmp_path, shared_data):
    found = run(script("density"), tmp_path, "--data", str(shared_data))["nltcs"]
    assert found["averaged"]["test"] > found["products"]["test"] > found["one tree"]["test"]
    assert found["averaged"]["test"] > -6.1


def test_outliers_of_small_tables(script, tmp_path, shared_data):
    found = run(script("outliers"), tmp_path, "--data", str(shared_data))
    assert all(table["auc"] > table["IForest"] - 0.05 for table in found.values())


@pytest.mark.parametrize(("name", "page"), [("density", "joint-mixture"), ("outliers", "outliers")])
def test_tables_of_pages_are_those_of_the_committed_results(script, name, page):
    text = (FOLDER.parent / "docs" / f"{page}.md").read_text(encoding="utf-8")
    shown = re.search(rf"<!-- {name} -->\n(.*?)<!-- /{name} -->", text, re.DOTALL)
    assert shown is not None
    assert shown[1] == script(name).markdown()


def test_trees_on_the_census_table_as_the_page_tells_them():
    def told(name: str, key: str, *models: str) -> list[dict]:
        rows = json.loads((FOLDER / "results" / f"adult_{name}.json").read_text())[key]
        return [rows[model] for model in models]

    income = told("income", "models", "tacit, ten densities averaged", "tacit, eight mixtures of trees averaged")
    hidden = told("imputation", "imputers", "tacit", "tacit, mixtures of trees")
    drawn = told("synthesis", "learned from", "tacit", "tacit, mixtures of trees")
    text = (FOLDER.parent / "docs" / "joint-mixture.md").read_text(encoding="utf-8")
    shown = re.search(r"<!-- adult -->\n(.*?)<!-- /adult -->", text, re.DOTALL)
    assert shown is not None
    numbers = [[cell.strip() for cell in line.split("|")[2:4]] for line in shown[1].splitlines()[2:]]
    assert numbers == [
        [f"{m['log_loss']:.3f}" for m in income],
        [f"{m['accuracy']:.3f}" for m in hidden],
        [f"{m['rmse']:.3f}" for m in hidden],
        [f"{m['accuracy']:.3f}, {m['f1']:.3f}" for m in drawn],
    ]
