from __future__ import annotations

import struct
import tracemalloc
from dataclasses import replace

import cv2
import numpy as np
import pytest
from bagging import FORMATS, START, Ros
from posed import room
from scipy.spatial.transform import Rotation, Slerp

from sightloop.errors import SceneError
from sightloop.memory.geometry import Camera
from sightloop.memory.sources.bag_messages import depth_of, lens_of
from sightloop.memory.sources.bags import is_bag, read_bag
from sightloop.memory.still import Size

OPTICAL = np.array([[0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1.0]])
"""From a camera's axes to those of a robot: x forward, y left, z up."""
MOUNT = OPTICAL.copy()
MOUNT[:3, 3] = 0.1, 0.02, 0.4
TOPIC, DEPTH, INFO = "/camera/color/image_raw", "/camera/aligned_depth/image_raw", "/camera/color/camera_info"
FRAME = "camera_color_optical_frame"
STEP = 10**8
HALF = np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])
"""Messages count from the centre of the first pixel, cameras from its corner."""


def pixels(message):
    """The bytes of a raw picture, (H, W, bytes a pixel)."""
    rows = message.data.reshape(message.height, message.step)
    wide = message.width * (message.step // message.width)
    return rows[:, :wide].reshape(message.height, message.width, -1)


def robot(ros: Ros, scene, depth=True, frame=FRAME):
    """All messages of a robot that drives through the scene, a picture every tenth of a second."""
    prefix = "/" if ros.form == "rosbag1" else ""
    at = ros.transform(START, prefix + "base_link", prefix + frame, MOUNT)
    yield "/tf_static", START, ros.tf(at)
    for number, view in enumerate(scene.views):
        now = START + number * STEP
        base = view.camera.camera_to_world @ np.linalg.inv(MOUNT)
        yield "/tf", now, ros.tf(ros.transform(now, prefix + "map", prefix + "base_link", base))
        k = view.camera.intrinsics - HALF
        yield INFO, now, ros.info(now, prefix + frame, tuple(view.camera.size), k)
        yield TOPIC, now + 5, ros.image(now, prefix + frame, "rgb8", view.color(), pad=6)
        if depth:
            far = np.round(view.depth() * 1000).astype(np.uint16)
            yield DEPTH, now + 9, ros.image(now + 10**7, prefix + frame, "16UC1", far)
            yield (
                "/camera/aligned_depth/camera_info",
                now,
                ros.info(now, prefix + frame, tuple(view.camera.size), k),
            )


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


def changed(items, topic, change):
    """The messages with those of a topic changed."""
    return [(name, now, change(now, message) if name == topic else message) for name, now, message in items]


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


def odometry(ros, scene, child, topic="/odom"):
    for number, view in enumerate(scene.views):
        now, pose = START + number * STEP, view.camera.camera_to_world
        pose = pose @ np.linalg.inv(MOUNT) if child == "base_link" else pose
        yield topic, now, ros.odometry(now, "odom", child, pose)


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


def without(*topics):
    ros = Ros("mcap")
    return ros, [item for item in robot(ros, room(3)) if item[0] not in topics]


def test_a_bag_without_camera_info_or_pose_says_what_there_is(tmp_path):
    ros, items = without(INFO)
    items = [
        (topic, now, ros.info(now, "other", (240, 180), np.eye(3)) if "info" in topic else message)
        for topic, now, message in items
    ]
    with pytest.raises(
        SceneError, match=r"no camera_info for /camera/color/image_raw.*aligned_depth/camera_info"
    ):
        read_bag(ros.write(tmp_path / "a", items))
    ros, items = without("/tf", "/tf_static")
    with pytest.raises(SceneError, match=r"does not say where its camera was.*'camera_color_optical_frame'"):
        read_bag(ros.write(tmp_path / "b", items))
    items += odometry(ros, room(3), "base_link")
    with pytest.raises(SceneError, match=r"poses /odom \(of base_link\)"):
        read_bag(ros.write(tmp_path / "c", items))
    ros, items = without(TOPIC)
    with pytest.raises(SceneError, match=r"no colour picture.*aligned_depth"):
        read_bag(ros.write(tmp_path / "d", items))


def test_of_two_cameras_the_one_with_depth_is_read(tmp_path):
    ros, items = without()
    rear = [item for item in robot(ros, room(4), depth=False, frame="rear") if "tf" not in item[0]]
    items += [(topic.replace("color", "rear"), now, message) for topic, now, message in rear]
    items.append(("/tf_static", START, ros.tf(ros.transform(START, "base_link", "rear", MOUNT))))
    read = read_bag(ros.write(tmp_path / "a", items))
    np.testing.assert_array_equal(read.still("000000").pixels, room(3).views[0].color())
    bare = [item for item in items if "depth" not in item[0]]
    with pytest.raises(SceneError, match=r"2 cameras.*/camera/color/image_raw, /camera/rear/image_raw"):
        read_bag(ros.write(tmp_path / "b", bare))


def test_pictures_beyond_the_transforms_are_left_out_and_other_clocks_refused(tmp_path):
    ros, items = without()
    late = [item for item in items if not (item[0] == "/tf" and item[1] > START + 3 * STEP)]
    read = read_bag(ros.write(tmp_path / "a", late))
    assert read.names == ("000000", "000001", "000002", "000003")
    assert "2 of 6 pictures" in read.warnings[0]
    off = changed(items, "/tf", lambda now, message: shifted(ros, message, 10**12))
    with pytest.raises(SceneError, match=r"The clocks differ"):
        read_bag(ros.write(tmp_path / "b", off))


def shifted(ros, message, ns):
    (one,) = message.transforms
    stamp = one.header.stamp
    return ros.tf(
        replace(one, header=ros.header(stamp.sec * 10**9 + stamp.nanosec + ns, one.header.frame_id))
    )


def test_depths_of_other_times_are_left_out(tmp_path):
    ros, items = without()
    off = [(topic, now, message) for topic, now, message in items if topic != DEPTH]
    far = ros.image(START + 60 * STEP, FRAME, "16UC1", np.full((180, 240), 900, np.uint16))
    read = read_bag(ros.write(tmp_path / "bag", [*off, (DEPTH, START + 60 * STEP, far)]))
    assert read.depth("000000") is None
    assert "other times" in read.warnings[0]


@pytest.mark.parametrize("form", FORMATS)
def test_a_bag_that_is_cut_off_is_an_error_and_never_a_scene_with_less(tmp_path, form):
    ros = Ros(form)
    path = ros.write(tmp_path / "drive", robot(ros, room(3)))
    file = path if path.is_file() else next(path.glob("*.db3"), None) or next(path.glob("*.mcap"))
    whole = file.read_bytes()
    for share in (0, 0.001, 0.1, 0.5, 0.9, 0.999):
        file.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(SceneError, match="cut off"):
            read_bag(path)


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
