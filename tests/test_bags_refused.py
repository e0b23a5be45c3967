from __future__ import annotations

import numpy as np
import pytest
from bagging import (
    DEPTH,
    FORMATS,
    FRAME,
    INFO,
    MOUNT,
    START,
    STEP,
    TOPIC,
    Ros,
    changed,
    odometry,
    robot,
    shifted,
    without,
)
from posed import room

from sightloop.errors import SceneError
from sightloop.memory.sources.bags import is_bag, read_bag


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
    told = tmp_path / "b.topics.json"
    told.write_text('{"color": "/camera/rear/image_raw"}')
    np.testing.assert_array_equal(read_bag(tmp_path / "b").still("000000").pixels, room(4).views[0].color())
    told.write_text('{"color": "/camera/raer/image_raw"}')
    with pytest.raises(SceneError, match=r"color of .*Did you mean /camera/rear/image_raw"):
        read_bag(tmp_path / "b")


def test_two_odometries_are_told_apart_by_a_sidecar(tmp_path):
    ros, items = without("/tf")
    items += [*odometry(ros, room(3), "base_link"), *odometry(ros, room(4), "base_link", "/visual")]
    path = ros.write(tmp_path / "bag", items)
    with pytest.raises(SceneError, match=r"2 topics .*/odom .*/visual .*topics.json: .*pose"):
        read_bag(path)
    (tmp_path / "bag.topics.json").write_text('{"pose": "/visual"}')
    camera = read_bag(path).views[1].camera
    np.testing.assert_allclose(camera.world_to_camera, room(4).views[1].camera.world_to_camera, atol=1e-6)


def test_pictures_beyond_the_transforms_are_left_out_and_other_clocks_refused(tmp_path):
    ros, items = without()
    late = [item for item in items if not (item[0] == "/tf" and item[1] > START + 3 * STEP)]
    read = read_bag(ros.write(tmp_path / "a", late))
    assert read.names == ("000000", "000001", "000002", "000003")
    assert "2 of 6 pictures" in read.warnings[0]
    off = changed(items, "/tf", lambda now, message: shifted(ros, message, 10**12))
    with pytest.raises(SceneError, match=r"The clocks differ"):
        read_bag(ros.write(tmp_path / "b", off))


def test_depths_of_other_times_are_left_out(tmp_path):
    ros, items = without()
    off = [(topic, now, message) for topic, now, message in items if topic != DEPTH]
    far = ros.image(START + 60 * STEP, FRAME, "16UC1", np.full((180, 240), 900, np.uint16))
    read = read_bag(ros.write(tmp_path / "bag", [*off, (DEPTH, START + 60 * STEP, far)]))
    assert read.depth("000000") is None
    assert "of the time of a picture" in read.warnings[0]


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


def test_a_folder_that_lost_its_file_is_an_error_and_others_are_no_bags(tmp_path):
    ros, items = without()
    path = ros.write(tmp_path / "bag", items)
    next(path.glob("*.mcap")).unlink()
    assert is_bag(path)
    with pytest.raises(SceneError, match="missing"):
        read_bag(path)
    (path / "metadata.yaml").write_text("a: b")
    assert not is_bag(path)
    assert not is_bag(tmp_path / "none.bag")


def test_frames_in_a_circle_are_an_error(tmp_path):
    ros, items = without()
    items.append(("/tf", START, ros.tf(ros.transform(START, FRAME, "map", np.eye(4)))))
    with pytest.raises(SceneError, match="circle"):
        read_bag(ros.write(tmp_path / "bag", items))
