"""What every reproduction shares: the Adult table, the machine, and the file that a result goes to."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv

HERE = Path(__file__).parent
DATA = HERE.parents[1] / "shared" / "data"


def adult(folder: Path) -> tuple[pa.Table, pa.Table]:
    """The training (32,561) and test rows (16,281) of UCI Adult; an empty cell is null."""
    empty = csv.ConvertOptions(strings_can_be_null=True, null_values=[""])
    table = csv.read_csv(folder / "mixed" / "adult.csv.gz", convert_options=empty)
    train = np.array(table["split"].to_pylist()) == "train"
    table = table.drop_columns(["split"])
    return table.filter(pa.array(train)), table.filter(pa.array(~train))


def at_hand(folder: Path) -> bool:
    """Whether the data is there; says so where it is not."""
    there = (folder / "mixed" / "adult.csv.gz").is_file()
    if not there:
        print(f"the Adult table is not at hand (looked for {folder}/mixed/adult.csv.gz): nothing is measured")
    return there


def machine() -> dict[str, Any]:
    """Where the numbers come from."""
    name = platform.processor() or platform.machine()
    if (info := Path("/proc/cpuinfo")).is_file():
        names = [v.split(":", 1)[1].strip() for v in info.read_text().splitlines() if v.startswith("model name")]
        name = names[0] if names else name
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=HERE, capture_output=True, text=True)
    return {"processor": name, "cores": os.cpu_count(), "commit": commit.stdout.strip()}


def write(out: Path, result: dict[str, Any], **made: Any) -> None:
    """One JSON file: how it was made, and what came out."""
    out.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"made": made | {"machine": machine()}} | result, indent=1, ensure_ascii=False)
    out.write_text(text + "\n")


def rest(out: Path, key: str, only: str | None) -> dict[str, Any]:
    """With ``only``, what the file at ``out`` already tells of the others."""
    if only is None or not out.is_file():
        return {}
    found: dict[str, Any] = json.loads(out.read_text())[key]
    return {name: row for name, row in found.items() if name != only}
