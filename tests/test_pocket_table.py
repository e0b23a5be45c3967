"""The tables of the pages are what was measured, and say "can" only where they may."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sightloop.tools.llava_next.pocket.bench import TARGETS

ROOT = Path(__file__).resolve().parent.parent
RESULTS = json.loads((ROOT / "benchmarks" / "pocket.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("script", ["pocket_table.py", "tables.py"])
def test_the_pages_show_the_results_files(script: str) -> None:
    command = [sys.executable, ROOT / "benchmarks" / script, "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_kind_is_measured_on_enough_questions() -> None:
    assert [row["kind"] for row in RESULTS["rows"]] == list(TARGETS)
    assert min(row["n"] for row in RESULTS["rows"]) >= 30


@pytest.mark.parametrize("row", RESULTS["rows"], ids=lambda row: row["kind"])
def test_can_means_half_of_what_is_left(row: dict[str, float]) -> None:
    base = max(row["blind"], row["majority"])
    half_way = base + (100 - base) / 2
    if abs(row["accuracy"] - half_way) > 0.1:  # figures are rounded
        assert row["can"] == (row["accuracy"] > half_way)
