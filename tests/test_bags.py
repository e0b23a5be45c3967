from __future__ import annotations

import numpy as np
import pytest
from bagging import FORMATS, START, Ros
from posed import room

from sightloop.memory.sources.bags import is_bag, read_bag

OPTICAL = np.array([[0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1.0]])
"""From a camera's axes to those of a robot: x forward, y left, z up."""
MOUNT = OPTICAL.copy()
MOUNT[:3, 3] = 0.1, 0.02, 0.4
TOPIC, DEPTH, INFO = "/camera/color/image_raw", "/camera/aligned_depth/image_raw", "/camera/color/camera_info"
STEP = 10**8


def robot(ros: Ros, scene, depth=True, frame="camera_color_optical_frame"):
    """All messages of a robot that drives through the scene, a picture every tenth of a second."""
    prefix = "/" if ros.form == "rosbag1" else ""
    at = ros.transform(START, prefix + "base_link", prefix + frame, MOUNT)
    yield "/tf_static", START, ros.tf(at)
    for number, view in enumerate(scene.views):
        now = START + number * STEP
        base = view.camera.camera_to_world @ np.linalg.inv(MOUNT)
        yield "/tf", now, ros.tf(ros.transform(now, prefix + "map", prefix + "base_link", base))
        k = view.camera.intrinsics - np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])
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
