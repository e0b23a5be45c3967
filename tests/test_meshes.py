"""Meshes and point clouds as scenes: exact depth, the colours of the file, the same pixels every time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pybullet
import pybullet_data
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from sightloop.errors import EvidenceError
from sightloop.memory.geometry import Camera
from sightloop.memory.sources.mesh_loading import Paint, Surface, load_model
from sightloop.memory.sources.mesh_render import BACKGROUND, Renderer
from sightloop.memory.sources.scenes import open_scene
from sightloop.memory.still import Evidence
from tests.models import BLUE, GREEN, RED, SIZE, WHITE, camera_at, poster, said

MODELS = Path(pybullet_data.getDataPath())


def only(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """The colour and depth of a scene's first view."""
    scene = open_scene(path)
    return scene.still(scene.names[0]).pixels, scene.depth(scene.names[0])


@pytest.mark.parametrize("kind", ["obj", "glb"])
def test_a_texture_lies_as_it_should(tmp_path: Path, kind: str) -> None:
    color, depth = only(said(poster(tmp_path, kind), [camera_at((0, -4, 0))]))
    for dx, dy, expected in ((-30, -30, RED), (30, -30, GREEN), (-30, 30, BLUE), (30, 30, WHITE)):
        assert np.abs(color[120 + dy, 160 + dx].astype(int) - expected).max() <= 2
    assert depth[120, 160] == pytest.approx(4, abs=1e-5)
    assert not depth[0, 0]
    assert (color[0, 0] == BACKGROUND).all()


@pytest.mark.parametrize(
    ("model", "eye"),
    [
        ("duck.obj", (2.0, 3.0, 2.5)),
        ("soccerball.obj", (1.0, 1.5, 1.2)),
        ("objects/mug.obj", (0.1, 0.2, 0.2)),
    ],
)
def test_models_look_as_another_renderer_shows_them(model: str, eye: tuple[float, ...]) -> None:
    shape = load_model(MODELS / model).shape
    middle = (shape.vertices.min(axis=0) + shape.vertices.max(axis=0)) / 2
    camera = camera_at(tuple(middle + eye), tuple(middle))
    color, depth = Renderer(shape).render(camera)
    other, far = by_pybullet(MODELS / model, camera)
    both = (depth > 0) & (far > 0)
    assert both.sum() > 3000
    assert ((depth > 0) != (far > 0)).sum() <= 0.002 * both.sum()
    assert np.percentile(np.abs(depth - far)[both], 99) < 0.001
    if model == "duck.obj":  # it is yellow there too, under its light
        assert np.corrcoef(color[both].ravel(), other[both].ravel())[0, 1] > 0.9


def by_pybullet(model: Path, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """Render a model by pybullet's TinyRenderer, whose pixels show what is at their lower left corner."""
    near, far = 0.01, 20.0
    width, height = camera.size
    focal = camera.intrinsics[0, 0]
    projection = np.array(
        [
            [2 * focal / width, 0, 1 / width, 0],  # half a pixel to the left, of a picture 2 wide
            [0, 2 * focal / height, 1 / height, 0],
            [0, 0, -(far + near) / (far - near), -2 * far * near / (far - near)],
            [0, 0, -1, 0],
        ]
    )
    view = np.diag([1, -1, -1, 1]) @ camera.world_to_camera
    client = pybullet.connect(pybullet.DIRECT)
    try:
        shape = pybullet.createVisualShape(pybullet.GEOM_MESH, fileName=str(model), physicsClientId=client)
        pybullet.createMultiBody(0, baseVisualShapeIndex=shape, physicsClientId=client)
        _, _, rgba, buffer, mask = pybullet.getCameraImage(
            width,
            height,
            view.T.ravel().tolist(),
            projection.T.ravel().tolist(),
            renderer=pybullet.ER_TINY_RENDERER,
            physicsClientId=client,
        )
    finally:
        pybullet.disconnect(client)
    color = np.reshape(rgba, (height, width, 4))[:, :, :3].astype(np.uint8)
    depth = far * near / (far - (far - near) * np.reshape(buffer, (height, width)).astype(np.float64))
    return color, np.where(np.reshape(mask, (height, width)) < 0, 0, depth)


@settings(max_examples=15, deadline=None)
@given(
    eye=st.tuples(st.floats(-3, 3), st.floats(-3, 3), st.floats(0.2, 3)).filter(
        lambda eye: np.hypot(eye[0], eye[1]) > 1.2
    ),
    distortion=st.sampled_from([(), (-0.2, 0.05, 0.001, -0.001)]),
    far_away=st.sampled_from([0.0, 5e5]),
)
def test_depths_lie_on_the_surface(
    eye: tuple[float, ...], distortion: tuple[float, ...], far_away: float
) -> None:
    box = trimesh.creation.box((1, 0.8, 0.6))
    shift = np.array([far_away, -far_away, 0.0])
    surface = Surface(
        box.vertices + shift,
        np.asarray(box.faces, np.int64),
        np.zeros((8, 2)),
        np.full((8, 3), 200, np.uint8),
        np.zeros(12, np.int64),
        [Paint()],
    )
    pose = camera_at(eye)
    camera = Camera(pose.intrinsics, pose.world_to_camera, SIZE, np.array(distortion))
    moved = camera.world_to_camera.copy()
    moved[:3, 3] -= moved[:3, :3] @ shift
    depth = Renderer(surface).render(camera.posed(moved))[1]
    rows, columns = np.nonzero(depth)
    points = camera.unproject(np.stack([columns, rows], axis=1) + 0.5, depth[rows, columns])
    off = np.abs(points) - np.array([0.5, 0.4, 0.3])
    assert len(points) > 500
    assert np.abs(off.max(axis=1)).max() < 1e-4


@pytest.mark.parametrize("kind", ["ply", "glb", "obj"])
def test_colours_of_vertices_are_shown_as_they_are(tmp_path: Path, kind: str) -> None:
    box = trimesh.creation.box((2, 2, 2))
    box.visual.vertex_colors = (*RED, 255)
    box.export(tmp_path / f"box.{kind}")
    color, depth = only(said(tmp_path / f"box.{kind}", [camera_at((0.0, -5, 0))]))
    assert depth[120, 160] == pytest.approx(4, abs=1e-5)
    assert np.abs(color[120, 160].astype(int) - RED).max() <= 2


@pytest.mark.parametrize("kind", ["stl", "off"])
def test_what_has_no_colour_is_lit(tmp_path: Path, kind: str) -> None:
    trimesh.creation.box((2, 2, 2)).export(tmp_path / f"box.{kind}")
    color, depth = only(said(tmp_path / f"box.{kind}", [camera_at((3, -4, 3))]))
    shown = np.unique(color[depth > 0].reshape(-1, 3), axis=0)
    assert len(shown) >= 3  # its three sides differ
    assert (np.ptp(shown.astype(int), axis=1) == 0).all()  # and are grey


def write_pcd(path: Path, points: np.ndarray, colors: np.ndarray, data: str) -> None:
    packed = (colors.astype(np.uint32) * np.array([1 << 16, 1 << 8, 1], np.uint32)).sum(axis=1)
    table = np.zeros(len(points), [("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("rgb", "<u4")])
    table["x"], table["y"], table["z"] = points.T
    table["rgb"] = packed
    head = (
        "# .PCD v0.7 - Point Cloud Data file format\nVERSION 0.7\nFIELDS x y z rgb\nSIZE 4 4 4 4\n"
        f"TYPE F F F U\nCOUNT 1 1 1 1\nWIDTH {len(points)}\nHEIGHT 1\nVIEWPOINT 0 0 0 1 0 0 0\n"
        f"POINTS {len(points)}\nDATA {data}\n"
    )
    lines = "\n".join(" ".join(str(value) for value in row) for row in table.tolist())
    path.write_bytes(head.encode() + (table.tobytes() if data == "binary" else lines.encode()))


@pytest.mark.parametrize("kind", ["ply", "xyz", "ascii.pcd", "binary.pcd"])
def test_points_are_drawn_without_gaps(tmp_path: Path, kind: str) -> None:
    x, z = np.meshgrid(np.linspace(-1, 1, 120), np.linspace(-1, 1, 120))
    points = np.stack([x.ravel(), np.zeros(x.size), z.ravel()], axis=1)
    colors = np.where(points[:, :1] < 0, np.uint8(RED), np.uint8(BLUE)).astype(np.uint8)
    path = tmp_path / f"wall.{kind}"
    if kind.endswith("pcd"):
        write_pcd(path, points, colors, kind.split(".")[0])
    else:
        trimesh.PointCloud(points, colors).export(path)
    color, depth = only(said(path, [camera_at((0, -3, 0))]))
    assert open_scene(path).format == "point cloud"
    assert "as coarse as the points, 0.017 m" in open_scene(path).convention
    inside = depth[25:-25, 65:-65]
    assert (inside > 0).all()
    assert np.abs(inside - 3).max() < 1e-4
    assert (color[120, 100] == RED).all()
    assert (color[120, 220] == BLUE).all()


def test_nearer_points_hide_farther_ones(tmp_path: Path) -> None:
    (tmp_path / "two.xyz").write_text("0 0 0 255 0 0\n0 2 0 0 0 255\n0.5 2 0 0 0 255\n")
    color, depth = only(said(tmp_path / "two.xyz", [camera_at((0, -2, 0))]))
    assert depth[120, 160] == pytest.approx(2)
    assert (color[120, 160] == (255, 0, 0)).all()


def test_views_are_the_same_when_they_are_reopened(tmp_path: Path) -> None:
    path = poster(tmp_path, "obj")
    scene = open_scene(path)
    for name in scene.names[:3]:
        still = scene.still(name)
        assert Evidence.of(still, "it is there", 0.9).reopen() == still
    again = Renderer(load_model(path).shape).render(scene.views[0].camera)[0]
    assert (again == scene.still(scene.names[0]).pixels).all()


def test_evidence_on_a_mesh_that_changed_is_refused(tmp_path: Path) -> None:
    path = poster(tmp_path, "obj")
    scene = open_scene(path)
    evidence = Evidence.of(scene.still(scene.names[2]), "it is there", 0.9)
    evidence.reopen()
    Image.new("RGB", (8, 8), (0, 0, 0)).save(tmp_path / "quadrants.png")
    with pytest.raises(EvidenceError, match="other pixels"):
        evidence.reopen()


def test_cameras_stand_around_an_object() -> None:
    scene = open_scene(MODELS / "duck.obj")
    assert scene.names[0] == "orbit-01"
    assert len(scene) == 12
    for name in scene.names:
        depth = scene.depth(name)
        edges = np.concatenate([depth[0], depth[-1], depth[:, 0], depth[:, -1]])
        assert (depth > 0).mean() > 0.03
        assert not edges.any()  # all of it is in sight


def test_views_agree_with_each_other() -> None:
    scene = open_scene(MODELS / "duck.obj")
    one, two = scene.views[0], scene.views[1]
    depth, other = scene.depth(one.name), scene.depth(two.name)
    rows, columns = np.nonzero(depth)
    points = one.camera.unproject(np.stack([columns, rows], axis=1) + 0.5, depth[rows, columns])
    pixels, far = two.camera.project(points)
    x, y = np.floor(pixels.T).astype(int)
    seen = np.abs(other[y, x] - far) < 0.05  # what the other view hides is nearer there
    assert seen.mean() > 0.4
    assert np.median(np.abs(other[y, x] - far)[seen]) < 0.004


@pytest.mark.parametrize("kind", ["mesh", "points"])
def test_in_a_room_cameras_stand_inside(tmp_path: Path, kind: str) -> None:
    room = trimesh.creation.box((5, 4, 2.5))
    room.invert()
    room.visual.face_colors = (200, 190, 170, 255)
    table = trimesh.creation.box((0.8, 0.8, 0.7))
    table.apply_translation((0.3, 0.2, -0.9))
    table.visual.face_colors = (*BLUE, 255)
    model = trimesh.util.concatenate([room, table])
    if kind == "points":
        points, face = trimesh.sample.sample_surface(model, 60_000, seed=1)
        model = trimesh.PointCloud(points, model.visual.face_colors[face])
    model.export(tmp_path / "room.ply")
    scene = open_scene(tmp_path / "room.ply")
    assert scene.names == tuple(f"room-{number:02d}" for number in range(1, 9))
    for view in scene.views:
        assert (np.abs(view.camera.centre) < (2.5, 2, 1.25)).all()
        depth = scene.depth(view.name)
        assert ((depth > 0.2) & (depth < 6)).mean() > (0.999 if kind == "mesh" else 0.95)
    blue = [(np.abs(scene.still(n).pixels.astype(int) - BLUE).max(axis=2) < 9).mean() for n in scene.names]
    assert np.count_nonzero(np.array(blue) > 0.01) >= 6


@pytest.mark.parametrize("kind", ["mesh", "points"])
def test_a_large_thing_is_seen_from_outside(tmp_path: Path, kind: str) -> None:
    model = trimesh.creation.icosphere(subdivisions=4, radius=2)
    if kind == "points":
        model = trimesh.PointCloud(model.vertices)
    model.export(tmp_path / "ball.ply")
    assert open_scene(tmp_path / "ball.ply").names[0] == "orbit-01"


def test_a_sidecar_says_units_up_and_names(tmp_path: Path) -> None:
    trimesh.creation.box((2000, 2000, 2000)).export(tmp_path / "box.stl")
    path = said(tmp_path / "box.stl", [camera_at((0, -5, 0))], scale=0.001, up=[0, 0, 2])
    scene = open_scene(path)
    assert scene.names == ("view-01",)
    assert scene.up.tolist() == [0, 0, 1]
    assert scene.depth("view-01")[120, 160] == pytest.approx(4)
    assert scene.warnings[:-1] == ()  # but that there is one view only
    assert "a unit is 0.001 m" in scene.convention


def test_what_is_assumed_is_said(tmp_path: Path) -> None:
    trimesh.creation.box((2000, 2000, 2000)).export(tmp_path / "box.stl")
    scene = open_scene(tmp_path / "box.stl")
    words = " ".join(scene.warnings)
    assert scene.metric
    assert scene.up is None
    assert "taken for metres" in words
    assert "2000 m wide" in words
    assert "taken for z" in words


def test_parts_of_a_model_stand_where_its_nodes_put_them(tmp_path: Path) -> None:
    scene = trimesh.Scene()
    for x, color in ((-1.0, RED), (1.0, BLUE)):
        box = trimesh.creation.box((1, 1, 1))
        box.visual.face_colors = (*color, 255)
        scene.add_geometry(box, transform=trimesh.transformations.translation_matrix((x, 0.5 * x, 0)))
    scene.export(tmp_path / "two.glb")
    color, depth = only(said(tmp_path / "two.glb", [camera_at((0, -5, 0))]))
    left, right = depth[120, 160 - 60], depth[120, 160 + 60]
    assert (left, right) == pytest.approx((4, 5))
    assert np.abs(color[120, 100].astype(int) - RED).max() <= 2
    assert np.abs(color[120, 220].astype(int) - BLUE).max() <= 2


def test_a_tint_is_laid_over_a_texture(tmp_path: Path) -> None:
    corners = np.array([[-1, 0, -1], [1, 0, -1], [1, 0, 1], [-1, 0, 1]], float)
    material = trimesh.visual.material.PBRMaterial(
        baseColorTexture=Image.new("RGB", (4, 4), (200, 200, 200)), baseColorFactor=[1.0, 0.5, 0.0, 1.0]
    )
    visual = trimesh.visual.TextureVisuals(corners[:, ::2] / 2 + 0.5, material=material)
    mesh = trimesh.Trimesh(corners, [[0, 1, 2], [0, 2, 3]], visual=visual, process=False)
    mesh.export(tmp_path / "wall.glb")
    color, _ = only(said(tmp_path / "wall.glb", [camera_at((0, -4, 0))]))
    assert np.abs(color[120, 160].astype(int) - (200, 100, 0)).max() <= 2


def test_gltf_says_its_units_and_up(tmp_path: Path) -> None:
    scene = open_scene(poster(tmp_path, "glb"))
    assert scene.up.tolist() == [0, 1, 0]
    assert scene.warnings == ()
