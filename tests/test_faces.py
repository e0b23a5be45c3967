"""The doctor's list of faces: what can be used here, and the line that installs what is missing."""

from __future__ import annotations

import json

import pytest
from command import Sightloop, in_process

from sightloop.integrations.faces import FACES, faces
from sightloop.tools.llava_next.machine import extras


@pytest.fixture
def sightloop(capsys: pytest.CaptureFixture[str]) -> Sightloop:
    return in_process(capsys)


def test_every_face_is_listed_and_those_of_the_package_itself_run(sightloop: Sightloop) -> None:
    rows = json.loads(sightloop("doctor", "--json").out)["faces"]
    assert [row["face"] for row in rows] == [face.name for face in FACES]
    by_name = {row["face"]: row for row in rows}
    assert by_name["command line"]["runs"]
    assert all(row["install"] is None for row in rows if row["runs"])


def test_a_face_without_its_extra_says_the_line_that_installs_it() -> None:
    lacking = [{**row, "missing": ["x"] if row["extra"] == "server" else row["missing"]} for row in extras()]
    rows = {row["face"]: row for row in faces(lacking)}
    assert not rows["server"]["runs"]
    assert rows["server"]["install"] == 'pip install "sightloop[server]"'
    assert not rows["web page"]["runs"]
    assert rows["python"]["runs"]


def test_a_package_that_was_never_installed_promises_no_face_with_an_extra() -> None:
    rows = {row["face"]: row for row in faces([])}
    assert [name for name, row in rows.items() if not row["runs"]] == [
        face.name for face in FACES if face.extra is not None
    ]


@pytest.mark.parametrize("face", [face for face in FACES if face.begins.startswith("sightloop ")])
def test_the_command_of_a_face_exists(sightloop: Sightloop, face) -> None:
    assert sightloop(*face.begins.split()[1:], "--help").code == 0


@pytest.mark.parametrize("face", [face for face in FACES if face.begins.startswith("from ")])
def test_the_import_of_a_face_works(face) -> None:
    exec(face.begins, {})  # what the doctor tells people to write
