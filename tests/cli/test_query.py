"""``tacit query`` as somebody types it: the users, the census, tables of evidence, mistakes."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
from typer.testing import CliRunner, Result

import tacit
from tacit.cli.app import app

USERS = """Interest,Gender,Age,BBC Sports,PubMed,Bloomberg Business,Spotify
Finance,Male,29,Yes,No,Yes,No
Sports,Male,21,Yes,No,No,Yes
Medicine,Female,32,No,Yes,No,No
Music,Female,25,No,No,No,Yes
Medicine,Male,40,Yes,Yes,Yes,No
"""


def run(*args: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in args], catch_exceptions=False)


def ok(*args: object) -> str:
    result = run(*args)
    assert result.exit_code == 0, result.stderr
    return result.stdout


def bad(*args: object) -> str:
    result = run(*args)
    assert result.exit_code == 2, (result.exit_code, result.output)
    assert "Traceback" not in result.output
    assert not result.stdout
    return result.stderr


def value(*args: object) -> float:
    return float(json.loads(ok("query", *args, "--json"))["value"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("query")


@pytest.fixture(scope="module")
def users(folder: Path) -> Path:
    (folder / "users.csv").write_text(USERS)
    said = ok("fit", "joint", folder / "users.csv", "-o", folder / "users.tacit")
    assert "all 7 columns, learned from 5 rows" in said
    asked = said.splitlines()[-1].split('"')[1]
    assert ok("query", folder / "users.tacit", asked).startswith(asked)
    return folder / "users.tacit"


@pytest.fixture(scope="module")
def adult(folder: Path, shared_data: Path) -> Path:
    """A model of 3,000 rows of the census."""
    with gzip.open(shared_data / "mixed" / "adult.csv.gz", "rt") as file:
        lines = [file.readline() for _ in range(3001)]
    (folder / "adult.csv").write_text("".join(lines))
    options = ("--n-components", 8, "--n-init", 1, "--types", "split=text")
    ok("fit", "joint", folder / "adult.csv", "-o", folder / "adult.tacit", *options)
    return folder / "adult.tacit"


# ---- the lines that must work as they are written -------------------------------------------------------------------


def test_five_users(users: Path) -> None:
    evidence = "BBC Sports=Yes, Bloomberg Business=Yes"
    joint = ok("query", users, f"p(Interest=Finance, Gender=Male, Age=29, {evidence})")
    assert "Age = 29 is the recorded step from 28.5 to 29.5" in joint
    assert 0.35 <= value(users, f"p(Interest=Finance | {evidence})") <= 0.6
    assert value(users, f"p(Gender=Male | {evidence})") >= 0.75


def test_a_family_is_overruled(users: Path, folder: Path) -> None:
    said = ("--families", "Age=lognormal", "--n-parts", "none")
    ok("fit", "joint", folder / "users.csv", "-o", folder / "f.tacit", *said)
    assert tacit.load(folder / "f.tacit").families_["Age"] == "lognormal"
    assert "must read like" in bad("fit", "joint", folder / "users.csv", "--families", "lognormal")
    assert "'Agee'" in bad("fit", "joint", folder / "users.csv", "--families", "Agee=lognormal")
    assert "many" in bad("fit", "joint", folder / "users.csv", "--n-parts", "many")


def test_the_census(adult: Path) -> None:
    said = ok("query", adult, "p(income | age > 40, education in {Masters, Doctorate})")
    p = {line.split()[0]: float(line.split()[1]) for line in said.splitlines() if "K " in line and "█" in line}
    assert sum(p.values()) == pytest.approx(1, abs=1e-3)
    assert p[">50K"] > value(adult, "p(income = >50K)") + 0.15
    assert 35 < value(adult, "E(hours_per_week | occupation=Sales)") < 46
    assert value(adult, "E(hours-per-week | occupation=Sales)") == value(adult, "E(Hours Per Week|occupation=sales)")
    assert json.loads(ok("query", adult, "argmax(occupation | age<25)", "--json"))["value"] in {
        "Other-service",
        "Adm-clerical",
        "Sales",
        "Craft-repair",
    }
    assert 0.01 < value(adult, "MI(education; income)") < 0.2


# ---- what comes out -------------------------------------------------------------------------------------------------


def test_a_number_is_said_in_words(users: Path) -> None:
    said = ok("query", users, "p(Gender=Male | Age < 30)")
    p = value(users, "p(Gender=Male | Age < 30)")
    assert said.splitlines() == [
        f"p(Gender=Male | Age < 30) = {p:.4g}",
        "  the probability that Gender is Male, given that Age is less than 30",
        f"  log p = {np.log(p):.4g}",
    ]


def test_several_questions(users: Path) -> None:
    questions = ("p(Interest)", "median(Age | Gender=Male)")
    assert ok("query", users, *questions).count("\n\n") == 1
    found = json.loads(ok("query", users, *questions, "--json"))
    assert [a["kind"] for a in found] == ["distribution", "quantile"]
    assert sum(found[0]["table"]["p"]) == pytest.approx(1)


def test_rows_of_evidence(users: Path, folder: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(ok("query", users, "p(Interest)", "--evidence", folder / "users.csv"))))
    assert list(rows[0]) == ["Interest=Finance", "Interest=Medicine", "Interest=Music", "Interest=Sports"]
    assert [sum(map(float, row.values())) for row in rows] == pytest.approx([1] * 5)
    (folder / "some.csv").write_text("Age,Gender\n29,Male\n,Female\n")
    for suffix in ("csv", "parquet"):
        out = folder / f"answers.{suffix}"
        more = ("E(Age | Gender)", "argmax(Interest)")
        assert ok("query", users, *more, "--evidence", folder / "some.csv", "--append", "-o", out) == ""
    answers = pyarrow.parquet.read_table(folder / "answers.parquet")
    assert answers.column_names == ["Age", "Gender", "mean", "sd", "Interest", "p"]
    alone = [value(users, f"E(Age | Gender={g})") for g in ("Male", "Female")]
    assert answers["mean"].to_pylist() == pytest.approx(alone, rel=1e-12)
    first = json.loads(ok("query", users, "argmax(Interest | Age=29, Gender=Male)", "--json"))
    assert answers["Interest"][0].as_py() == first["value"]


# ---- mistakes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "says", "under"),
    [
        ("p(Intrest=Finance)", "did you mean 'Interest'?", "Intrest"),
        ("p(Interest=Finanze | Age>3)", "did you mean 'Finance'?", "Finanze"),
        ("p(Interest=Cooking)", "its categories are: Finance, Medicine, Music, Sports", "Cooking"),
        ("p(Interest=Finance", ") is missing", ""),
        ("p(Interest | Age > 30, Age < 20)", "contradicts itself", "Age < 20"),
        ("E(Gender)", "is a category", "Gender"),
    ],
)
def test_a_mistake_is_pointed_at(users: Path, question: str, says: str, under: str) -> None:
    message, text, caret = bad("query", users, question).rstrip("\n").split("\n")
    assert says in message
    assert text == f"  {question}"
    assert caret == " " * (2 + (question.index(under) if under else len(question))) + "^"


def test_what_else_is_refused(users: Path, folder: Path) -> None:
    assert "did you mean" not in bad("query", folder / "nowhere.tacit", "p(Age)")
    tacit.KMeans(2, random_state=0).fit([[0.0], [1.0]]).save(folder / "k.tacit")
    assert "has no query" in bad("query", folder / "k.tacit", "p(Age)")
    assert "give --evidence" in bad("query", users, "p(Age)", "-o", folder / "a.csv")
    (folder / "other.csv").write_text("colour,size\nred,3\nblue,4\n")
    assert "no column that is evidence" in bad("query", users, "p(Age)", "--evidence", folder / "other.csv")
    assert "no column 'Gender'" in bad("query", users, "p(Age | Gender)", "--evidence", folder / "other.csv")
    assert ".csv or .parquet" in bad("query", users, "p(Age)", "--evidence", folder / "users.csv", "-o", "a.txt")
