"""Meshes and sidecars that cannot be used as they are: typed errors, or views that are left out and named."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sightloop.errors import SceneError
from sightloop.memory.sources.scenes import is_scene, open_scene
from tests.models import camera_at, poster, said

CORNERLESS = (
    b"ply\nformat ascii 1.0\nelement vertex 3\nproperty float x\nproperty float y\nproperty float z\n"
    b"element face 1\nproperty list uchar int vertex_indices\nend_header\n0 0 0\n1 0 0\n0 1 0\n3 0 1 77\n"
)
"""A file whose face has a corner that is not there."""


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"world_to_camera": np.full((4, 4), np.nan).tolist()}, "not finite"),
        ({"world_to_camera": np.diag([1, 1, -1, 1]).tolist()}, "left-handed"),
        ({"intrinsics": [[0, 0, 1], [0, 1, 1], [0, 0, 1]]}, "positive focal"),
        ({"intrinsics": [1, 2]}, "3x3"),
        ({"width": 10**6}, "not rendered"),
        ({"width": 0}, "not rendered"),
        ({"name": "view-01"}, "that of another"),
        ({"t": "soon"}, "left out"),
        ({"t": float("inf")}, "not a time"),
        ({"height": None}, "left out"),
    ],
)
def test_a_bad_view_is_left_out(tmp_path: Path, change: dict[str, object], words: str) -> None:
    path = said(poster(tmp_path, "glb"), [camera_at((0, -4, 0)), camera_at((0, -3, 0))])
    sidecar = tmp_path / "poster.glb.views.json"
    data = json.loads(sidecar.read_text())
    data["views"][1].update(change)
    sidecar.write_text(json.dumps(data))
    scene = open_scene(path)
    assert scene.names == ("view-01",)
    assert words in scene.warnings[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "cannot be read"),
        ("[]", "not an object"),
        ('{"views": 3}', "not an object"),
        ('{"views": []}', "names no view"),
        ('{"views": [{}]}', "is missing"),
        ('{"scale": 0}', "scale 0"),
        ('{"scale": "mm"}', "scale 'mm'"),
        ('{"up": [0, 0, 0]}', "up"),
        ('{"up": "z"}', "up 'z'"),
    ],
)
def test_a_bad_sidecar_is_an_error(tmp_path: Path, text: str, words: str) -> None:
    path = poster(tmp_path, "glb")
    (tmp_path / "poster.glb.views.json").write_text(text)
    with pytest.raises(SceneError, match=words):
        open_scene(path)


def test_a_texture_that_is_missing_is_said(tmp_path: Path) -> None:
    path = poster(tmp_path, "obj")
    (tmp_path / "quadrants.png").unlink()
    assert "no texture" in " ".join(open_scene(path).warnings)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("empty.obj", b"# nothing\n"),
        ("cut.glb", b"glTF\x02\x00\x00\x00\xff\xff\x00\x00"),
        ("noise.ply", b"\x00\x01\x02" * 50),
        ("cut.ply", b"ply\nformat ascii 1.0\nelement vertex 9\nproperty float x\nend_header\n1\n"),
        ("noise.stl", bytes(range(200))),
        ("words.xyz", b"these are no points\n"),
        ("two.xyz", b"1 2\n3 4\n"),
        ("nan.xyz", b"nan nan nan\n"),
        ("short.pcd", b"VERSION 0.7\nFIELDS x y z\n"),
        ("none.pcd", b"FIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nPOINTS 9\nDATA ascii\n1 2 3\n"),
        ("packed.pcd", b"FIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nPOINTS 9\nDATA binary_compressed\n\x00"),
        ("flat.pcd", b"FIELDS x y\nSIZE 4 4\nTYPE F F\nPOINTS 1\nDATA ascii\n1 2\n"),
        ("bare.ply", CORNERLESS),
        ("nan.obj", b"v nan 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n"),
    ],
)
def test_what_is_no_mesh_is_a_typed_error(tmp_path: Path, name: str, data: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    assert is_scene(path)
    with pytest.raises(SceneError, match=name.replace(".", r"\.")):
        open_scene(path)
