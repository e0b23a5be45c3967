from __future__ import annotations

import sqlite3
import struct
import tracemalloc
from contextlib import closing
from dataclasses import replace

import cv2
import numpy as np
import pytest
from bagging import (
    DEPTH,
    FORMATS,
    FRAME,
    HALF,
    INFO,
    MOUNT,
    START,
    STEP,
    TOPIC,
    Ros,
    changed,
    odometry,
    pixels,
    robot,
    shifted,
    without,
)
from posed import room
from rosbags.rosbag2 import CompressionMode
from scipy.spatial.transform import Rotation, Slerp

from sightloop import Box, Evidence
from sightloop.errors import SceneError
from sightloop.memory.geometry import Camera
from sightloop.memory.sources.bag_messages import depth_of, lens_of
from sightloop.memory.sources.bags import is_bag, read_bag
from sightloop.memory.sources.scenes import open_scene
from sightloop.memory.still import Size


@pytest.mark.parametrize("form", FORMATS)
def test_a_robots_bag_is_the_scene_it_drove_through(tmp_path, form):
    ros, scene = Ros(form), room(3)
    path = ros.write(tmp_path / "drive", robot(ros, scene))
    assert is_bag(path)
    read = read_bag(path)
    assert read.names == tuple(f"{number:06d}" for number in range(len(scene)))
    assert not read.warnings
    np.testing.assert_array_equal(read.up, (0, 0, 1))
    for number, (view, true) in enumerate(zip(read.views, scene.views, strict=True)):
        np.testing.assert_allclose(view.camera.world_to_camera, true.camera.world_to_camera, atol=1e-6)
        np.testing.assert_allclose(view.camera.intrinsics, true.camera.intrinsics)
        assert view.t == pytest.approx(number * 0.1)
        np.testing.assert_array_equal(read.still(view.name).pixels, true.color())
        np.testing.assert_allclose(read.depth(view.name), true.depth(), atol=0.0006)


def test_poses_are_interpolated_between_transforms(tmp_path):
    ros, scene = Ros("mcap"), room(3)
    one, other = scene.views[0].camera, scene.views[1].camera
    half = Slerp([0, 1], Rotation.from_matrix([c.camera_to_world[:3, :3] for c in (one, other)]))([0.25])
    items = [item for item in robot(ros, scene, depth=False) if item[0] != TOPIC]
    picture = ros.image(START + STEP // 4, FRAME, "rgb8", scene.views[0].color())
    (view,) = read_bag(ros.write(tmp_path / "bag", [*items, (TOPIC, START + STEP // 4, picture)])).views
    np.testing.assert_allclose(view.camera.camera_to_world[:3, :3], half.as_matrix()[0], atol=1e-6)
    # The base moves on a straight line, and the camera is a little ahead of it.
    bases = [c.camera_to_world @ np.linalg.inv(MOUNT) for c in (one, other)]
    straight = 0.75 * bases[0][:3, 3] + 0.25 * bases[1][:3, 3]
    base = view.camera.camera_to_world @ np.linalg.inv(MOUNT)
    np.testing.assert_allclose(base[:3, 3], straight, atol=1e-6)


@pytest.mark.parametrize(
    ("encoding", "order"),
    [("bgr8", [2, 1, 0]), ("rgba8", [0, 1, 2, 0]), ("bgra8", [2, 1, 0, 0])],
)
def test_channels_are_put_in_order(tmp_path, encoding, order):
    ros, scene = Ros("sqlite3"), room(3)
    items = changed(
        robot(ros, scene, depth=False),
        TOPIC,
        lambda now, message: ros.image(now, FRAME, encoding, np.array(pixels(message)[:, :, order]), pad=3),
    )
    read = read_bag(ros.write(tmp_path / "bag", items))
    np.testing.assert_array_equal(read.still("000002").pixels, scene.views[2].color())


@pytest.mark.parametrize(("encoding", "cells"), [("bayer_rggb8", "RGGB"), ("bayer_gbrg8", "GBRG")])
def test_mosaics_are_coloured(tmp_path, encoding, cells):
    ros, scene = Ros("mcap"), room(3)
    paint = np.empty_like(scene.views[0].color())
    paint[:] = 200, 120, 40

    def mosaic(now, message):
        out = np.empty(paint.shape[:2], np.uint8)
        for place, cell in enumerate(cells):
            out[place // 2 :: 2, place % 2 :: 2] = paint[0, 0, "RGB".index(cell)]
        return ros.image(now, FRAME, encoding, out[:, :, None])

    read = read_bag(ros.write(tmp_path / "bag", changed(robot(ros, scene, depth=False), TOPIC, mosaic)))
    np.testing.assert_array_equal(read.still("000000").pixels[2:-2, 2:-2], paint[2:-2, 2:-2])


def test_compressed_pictures_and_depths(tmp_path):
    ros, scene, items = Ros("rosbag1"), room(3), []
    for topic, now, message in robot(ros, scene):
        if topic == TOPIC:
            png = cv2.imencode(".png", pixels(message)[:, :, ::-1])[1].tobytes()
            message = ros.compressed(now, FRAME, "rgb8; png compressed bgr8", png)
        elif topic == DEPTH:
            far = pixels(message).view(np.uint16)[:, :, 0]
            data = struct.pack("<iff", 0, 0, 0) + cv2.imencode(".png", far)[1].tobytes()
            message = ros.compressed(now, FRAME, "16UC1; compressedDepth", data)
        suffix = {TOPIC: "/compressed", DEPTH: "/compressedDepth"}.get(topic, "")
        items.append((topic + suffix, now, message))
    read = read_bag(ros.write(tmp_path / "bag", items))
    np.testing.assert_array_equal(read.still("000001").pixels, scene.views[1].color())
    np.testing.assert_allclose(read.depth("000001"), scene.views[1].depth(), atol=0.0006)


def test_float_depths_are_metres_and_their_holes_are_unknown(tmp_path):
    ros, scene = Ros("sqlite3"), room(3)

    def metres(now, message):
        far = pixels(message).view(np.uint16)[:, :, 0].astype(np.float32) / 1000
        far[:10], far[10:20], far[20:30] = np.nan, np.inf, -1
        return ros.image(now, FRAME, "32FC1", far)

    read = read_bag(ros.write(tmp_path / "bag", changed(robot(ros, scene), DEPTH, metres)))
    depth = read.depth("000000")
    assert not depth[:30].any()
    np.testing.assert_allclose(depth[30:], scene.views[0].depth()[30:], atol=0.0006)


def test_quantised_float_depths():
    far = np.linspace(0.5, 8, 400, dtype=np.float32).reshape(20, 20)
    a, b = 100.0 * 101, 1 - 100.0 * 101 / 10  # compressed_depth_image_transport's, of 100 quanta and 10 m
    stored = np.round(a / far + b).astype(np.uint16)
    stored[0, 0] = 0
    data = struct.pack("<iff", 1, a, b) + cv2.imencode(".png", stored)[1].tobytes()
    message = Ros("mcap").compressed(0, FRAME, "32FC1; compressedDepth png", data)
    depth = depth_of(message)
    assert depth[0, 0] == 0
    np.testing.assert_allclose(depth.ravel()[1:], far.ravel()[1:], rtol=0.001)


def test_a_depth_of_its_own_camera_is_put_into_the_picture(tmp_path):
    ros, scene, size = Ros("mcap"), room(3), (120, 90)
    items, moved = [], np.eye(4)
    moved[:3, 3] = 0.05, 0, 0  # the depth camera stands 5 cm to the right
    k = np.array([[100.0, 0, 59.5], [0, 100.0, 44.5], [0, 0, 1]])
    wall = np.full((90, 120), 2000, np.uint16)
    for topic, now, message in robot(ros, scene, depth=False):
        items.append((topic, now, message))
        if topic == TOPIC:
            items.append(("/camera/depth/image_rect_raw", now, ros.image(now, "depth_frame", "16UC1", wall)))
            items.append(("/camera/depth/camera_info", now, ros.info(now, "depth_frame", size, k)))
    items.append(("/tf_static", START, ros.tf(ros.transform(START, FRAME, "depth_frame", moved))))
    read = read_bag(ros.write(tmp_path / "bag", items))
    depth, camera = read.depth("000001"), read.views[1].camera
    assert depth.shape == (camera.size.height, camera.size.width)
    own = Camera(k + HALF, np.eye(4), Size(*size))
    corners = own.unproject(np.array([[2.0, 45], [118, 45]]), 2.0) + moved[:3, 3]
    edges = (camera.intrinsics @ corners.T / 2.0)[0]
    row = np.flatnonzero(depth[depth.shape[0] // 2])
    assert row[0] == pytest.approx(max(edges[0], 0), abs=8)
    assert row[-1] == pytest.approx(min(edges[1], depth.shape[1]), abs=8)
    np.testing.assert_allclose(depth[depth > 0], 2.0, atol=1e-5)


@pytest.mark.parametrize(
    ("model", "d"),
    [("plumb_bob", [-0.1, 0.02, 0.001, -0.001, 0]), ("rational_polynomial", [0.1, 0.02, 0, 0, 0, 0.1, 0, 0])],
)
def test_lenses_are_opencvs(model, d):
    k = np.array([[100.0, 0, 63.5], [0, 100.0, 47.5], [0, 0, 1]])
    camera = lens_of(Ros("rosbag1").info(0, FRAME, (128, 96), k, d, model), Size(128, 96), False)
    points = np.array([[0.2, -0.3, 1], [-0.4, 0.1, 1.0], [0, 0, 1]])
    truth = cv2.projectPoints(points, np.zeros(3), np.zeros(3), k, np.array(d))[0].reshape(-1, 2)
    np.testing.assert_allclose(camera.project(points)[0], truth + 0.5, atol=1e-9)


def test_fisheye_lenses_rectified_and_binned_pictures():
    ros, k, size = Ros("mcap"), np.array([[100.0, 0, 63.5], [0, 100.0, 47.5], [0, 0, 1]]), Size(128, 96)
    d, points = [0.1, -0.02, 0.003, 0], np.array([[0.9, -0.3, 1]])
    wide = lens_of(ros.info(0, FRAME, size, k, d, "equidistant"), size, False)
    truth = cv2.fisheye.projectPoints(points[:, None], np.zeros(3), np.zeros(3), k, np.array(d))[0]
    np.testing.assert_allclose(wide.project(points)[0], truth.reshape(-1, 2) + 0.5, atol=1e-9)
    p = np.array([[90.0, 0, 60], [0, 90.0, 50], [0, 0, 1]])
    flat = lens_of(ros.info(0, FRAME, size, k, d, "equidistant", p=p), size, True)
    np.testing.assert_allclose(flat.project(points)[0], points[:, :2] * 90 + (60.5, 50.5))
    binned = lens_of(ros.info(0, FRAME, size, k, binning=2), Size(64, 48), False)
    np.testing.assert_allclose(binned.project(points)[0], points[:, :2] * 50 + (32, 24))
    with pytest.raises(SceneError, match="model 'omni'"):
        lens_of(ros.info(0, FRAME, size, k, d, "omni"), size, False)
    with pytest.raises(SceneError, match="another shape"):
        lens_of(ros.info(0, FRAME, size, k), Size(128, 128), False)
    with pytest.raises(SceneError, match="not calibrated"):
        lens_of(ros.info(0, FRAME, size, np.zeros((3, 3))), size, False)


@pytest.mark.parametrize("static", [True, False])
def test_odometry_poses_the_camera_where_tf_does_not(tmp_path, static):
    ros, scene = Ros("rosbag1"), room(3)
    left = ("/tf",) if static else ("/tf", "/tf_static")
    items = [item for item in robot(ros, scene, depth=False) if item[0] not in left]
    items += odometry(ros, scene, "base_link" if static else FRAME)
    read = read_bag(ros.write(tmp_path / "bag", items))
    for view, true in zip(read.views, scene.views, strict=True):
        np.testing.assert_allclose(view.camera.world_to_camera, true.camera.world_to_camera, atol=1e-6)
    assert "'odom'" in read.convention


def test_poses_without_a_frame_are_the_cameras_and_said_to_be(tmp_path):
    ros, scene = Ros("mcap"), room(3)
    items = [item for item in robot(ros, scene, depth=False) if "tf" not in item[0]]
    for number, view in enumerate(scene.views):
        now = START + number * STEP
        items.append(("/pose", now, ros.pose(now, "map", view.camera.camera_to_world)))
    read = read_bag(ros.write(tmp_path / "bag", items))
    np.testing.assert_allclose(
        read.views[2].camera.world_to_camera, scene.views[2].camera.world_to_camera, atol=1e-6
    )
    assert read.up is None
    assert "name no frame" in read.warnings[0]


def test_pictures_are_read_when_asked_for_not_kept(tmp_path):
    ros, items = without()
    many = []
    for lap in range(40):
        for topic, now, message in items:
            at = now + lap * 10**9
            if topic == "/tf":
                message = shifted(ros, message, lap * 10**9)
            elif topic != "/tf_static":
                message = replace(message, header=ros.header(at, message.header.frame_id))
            many.append((topic, at, message))
    path = ros.write(tmp_path / "bag", sorted(many, key=lambda item: item[1]))
    tracemalloc.start()
    read = read_bag(path)
    for view in read.views[::20]:
        view.color()
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(read) == 239  # the last one was taken a little after the last transform
    assert kept < 10 * 240 * 180 * 3


@pytest.mark.parametrize("mode", [CompressionMode.MESSAGE, CompressionMode.FILE])
def test_bags_packed_by_message_or_by_file(tmp_path, mode):
    ros = Ros("sqlite3")
    path = ros.write(tmp_path / "packed", robot(ros, room(3)), mode)
    read = read_bag(path)
    np.testing.assert_array_equal(read.still("000004").pixels, room(3).views[4].color())
    np.testing.assert_allclose(read.depth("000004"), room(3).views[4].depth(), atol=0.0006)


def test_bags_of_before_they_held_the_definitions_of_their_messages(tmp_path):
    ros = Ros("sqlite3")
    file = next(ros.write(tmp_path / "old", robot(ros, room(3))).glob("*.db3"))
    with closing(sqlite3.connect(file)) as database:
        database.execute("DELETE FROM message_definitions")
        database.commit()
    assert is_bag(file)
    assert len(read_bag(file)) == len(room(3))


def test_evidence_of_a_bag_reopens(tmp_path):
    ros, items = without()
    scene = open_scene(ros.write(tmp_path / "bag", items))
    evidence = Evidence.of(scene.still("000002"), "a block", 0.5, Box(x0=10, y0=10, x1=50, y1=60))
    np.testing.assert_array_equal(evidence.reopen().pixels, room(3).views[2].color()[10:60, 10:50])


def test_static_transforms_said_anew_hold_always_and_seldom_corrections_of_a_map_are_interpolated(tmp_path):
    ros, items = without()
    fixed = next(message for topic, _, message in items if topic == "/tf_static")
    (mount,) = fixed.transforms
    wrong = replace(mount, transform=replace(mount.transform, translation=ros.xyz("Vector3", np.ones(3))))
    for number, ns in enumerate((-50 * STEP, 50 * STEP)):
        correction = np.eye(4)
        correction[:3, 3] = 0.01 * number, 0, 0
        items.append(("/tf", START, ros.tf(ros.transform(START + ns, "world", "map", correction))))
    read = read_bag(ros.write(tmp_path / "bag", [("/tf_static", START - 1, ros.tf(wrong)), *items]))
    assert len(read) == len(room(3))
    for view, true in zip(read.views, room(3).views, strict=True):
        shift = view.camera.centre - true.camera.centre
        np.testing.assert_allclose(shift, (0.005 + 0.0001 * view.t * 10, 0, 0), atol=1e-6)


def test_a_depth_taken_while_the_camera_moved_on_is_put_where_it_was(tmp_path):
    ros, size = Ros("mcap"), (120, 90)
    k = np.array([[100.0, 0, 59.5], [0, 100.0, 44.5], [0, 0, 1]])
    ahead, items = np.eye(4), []
    wall = np.full((90, 120), 2000, np.uint16)
    for number in range(5):  # it comes 10 cm nearer to the wall every tenth of a second
        now, ahead[2, 3] = START + number * STEP, 0.1 * number
        items.append(("/tf", now, ros.tf(ros.transform(now, "map", FRAME, ahead))))
        items.append((INFO, now, ros.info(now, FRAME, size, k)))
        items.append((TOPIC, now, ros.image(now, FRAME, "rgb8", np.zeros((90, 120, 3), np.uint8))))
        later = now + 4 * 10**7
        items.append((DEPTH, later, ros.image(later, FRAME, "16UC1", wall)))
    depth = read_bag(ros.write(tmp_path / "bag", items)).depth("000001")
    np.testing.assert_allclose(depth[depth > 0], 2.04, atol=1e-4)
    assert np.mean(depth > 0) > 0.9


def test_a_lens_that_zooms_has_each_pictures_focal_length(tmp_path):
    ros, items = without()
    for number, (topic, now, message) in enumerate(items):
        if topic == INFO:
            k = message.k.copy()
            k[[0, 4]] *= 1 + (now - START) / STEP
            items[number] = topic, now, replace(message, k=k)
    read = read_bag(ros.write(tmp_path / "bag", items))
    for factor, (view, true) in enumerate(zip(read.views, room(3).views, strict=True), start=1):
        assert view.camera.intrinsics[0, 0] == pytest.approx(true.camera.intrinsics[0, 0] * factor)


def test_a_depth_of_another_size_without_camera_info_is_left_out(tmp_path):
    ros, scene = Ros("rosbag1"), room(3)
    info = "/camera/aligned_depth/camera_info"
    items = [item for item in robot(ros, scene) if item[0] != info]
    small = [
        (
            topic,
            now,
            ros.image(now, "elsewhere", "16UC1", np.ones((9, 12), np.uint16)) if topic == DEPTH else one,
        )
        for topic, now, one in items
    ]
    whole = read_bag(ros.write(tmp_path / "whole", items))
    np.testing.assert_allclose(whole.depth("000001"), scene.views[1].depth(), atol=0.0006)
    read = read_bag(ros.write(tmp_path / "small", small))
    assert read.depth("000001") is None
    assert "no camera_info" in read.warnings[0]
