"""Bags of synthetic rooms, written by rosbags' own writers in all three formats."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from posed import room
from rosbags.rosbag1 import Writer as Writer1
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin
from rosbags.rosbag2 import Writer as Writer2
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from scipy.spatial.transform import Rotation

FORMATS = ("rosbag1", "sqlite3", "mcap")
START = 1_700_000_000 * 10**9
"""Nanoseconds: bags count from 1970."""
OPTICAL = np.array([[0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1.0]])
"""From a camera's axes to those of a robot: x forward, y left, z up."""
MOUNT = OPTICAL.copy()
MOUNT[:3, 3] = 0.1, 0.02, 0.4
TOPIC, DEPTH, INFO = "/camera/color/image_raw", "/camera/aligned_depth/image_raw", "/camera/color/camera_info"
FRAME = "camera_color_optical_frame"
STEP = 10**8
HALF = np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])
"""Messages count from the centre of the first pixel, cameras from its corner."""


class Ros:
    """The message types of one generation of ROS."""

    def __init__(self, form: str) -> None:
        self.form = form
        self.store = get_typestore(Stores.ROS1_NOETIC if form == "rosbag1" else Stores.ROS2_HUMBLE)
        if form == "rosbag1":
            tf = "geometry_msgs/TransformStamped[] transforms"
            self.store.register(get_types_from_msg(tf, "tf2_msgs/msg/TFMessage"))

    def make(self, name: str, **fields: Any) -> Any:
        return self.store.types[name](**fields)

    def stamp(self, ns: int) -> Any:
        return self.make("builtin_interfaces/msg/Time", sec=ns // 10**9, nanosec=ns % 10**9)

    def header(self, ns: int, frame: str) -> Any:
        counter = {"seq": 0} if self.form == "rosbag1" else {}
        return self.make("std_msgs/msg/Header", stamp=self.stamp(ns), frame_id=frame, **counter)

    def image(self, ns: int, frame: str, encoding: str, pixels: np.ndarray, pad: int = 0) -> Any:
        rows = np.ascontiguousarray(pixels).view(np.uint8).reshape(len(pixels), -1)
        rows = np.pad(rows, ((0, 0), (0, pad)), constant_values=77)
        return self.make(
            "sensor_msgs/msg/Image",
            header=self.header(ns, frame),
            height=pixels.shape[0],
            width=pixels.shape[1],
            encoding=encoding,
            is_bigendian=0,
            step=rows.shape[1],
            data=rows.ravel(),
        )

    def compressed(self, ns: int, frame: str, form: str, data: bytes) -> Any:
        return self.make(
            "sensor_msgs/msg/CompressedImage",
            header=self.header(ns, frame),
            format=form,
            data=np.frombuffer(data, np.uint8),
        )

    def info(
        self,
        ns: int,
        frame: str,
        size: tuple[int, int],
        k: np.ndarray,
        d: Sequence[float] = (),
        model: str = "plumb_bob",
        p: np.ndarray | None = None,
        binning: int = 0,
    ) -> Any:
        matrices = {
            "d": np.array(d, dtype=np.float64),
            "k": np.asarray(k, dtype=np.float64).ravel(),
            "r": np.eye(3).ravel(),
            "p": np.hstack([k if p is None else p, np.zeros((3, 1))]).ravel(),
        }
        if self.form == "rosbag1":
            matrices = {name.upper(): value for name, value in matrices.items()}
        roi = self.make(
            "sensor_msgs/msg/RegionOfInterest", x_offset=0, y_offset=0, height=0, width=0, do_rectify=False
        )
        return self.make(
            "sensor_msgs/msg/CameraInfo",
            header=self.header(ns, frame),
            height=size[1],
            width=size[0],
            distortion_model=model,
            binning_x=binning,
            binning_y=binning,
            roi=roi,
            **matrices,
        )

    def transform(self, ns: int, parent: str, child: str, pose: np.ndarray) -> Any:
        """``pose`` leads from the child to the parent."""
        x, y, z, w = Rotation.from_matrix(pose[:3, :3]).as_quat()
        return self.make(
            "geometry_msgs/msg/TransformStamped",
            header=self.header(ns, parent),
            child_frame_id=child,
            transform=self.make(
                "geometry_msgs/msg/Transform",
                translation=self.xyz("Vector3", pose[:3, 3]),
                rotation=self.make("geometry_msgs/msg/Quaternion", x=x, y=y, z=z, w=w),
            ),
        )

    def tf(self, *transforms: Any) -> Any:
        return self.make("tf2_msgs/msg/TFMessage", transforms=list(transforms))

    def pose(self, ns: int, parent: str, pose: np.ndarray) -> Any:
        x, y, z, w = Rotation.from_matrix(pose[:3, :3]).as_quat()
        return self.make(
            "geometry_msgs/msg/PoseStamped",
            header=self.header(ns, parent),
            pose=self.make(
                "geometry_msgs/msg/Pose",
                position=self.xyz("Point", pose[:3, 3]),
                orientation=self.make("geometry_msgs/msg/Quaternion", x=x, y=y, z=z, w=w),
            ),
        )

    def odometry(self, ns: int, parent: str, child: str, pose: np.ndarray) -> Any:
        zero = self.xyz("Vector3", np.zeros(3))
        return self.make(
            "nav_msgs/msg/Odometry",
            header=self.header(ns, parent),
            child_frame_id=child,
            pose=self.make(
                "geometry_msgs/msg/PoseWithCovariance",
                pose=self.pose(ns, parent, pose).pose,
                covariance=np.zeros(36),
            ),
            twist=self.make(
                "geometry_msgs/msg/TwistWithCovariance",
                twist=self.make("geometry_msgs/msg/Twist", linear=zero, angular=zero),
                covariance=np.zeros(36),
            ),
        )

    def xyz(self, name: str, values: np.ndarray) -> Any:
        x, y, z = (float(value) for value in values)
        return self.make(f"geometry_msgs/msg/{name}", x=x, y=y, z=z)

    def write(
        self,
        path: Path,
        messages: Iterable[tuple[str, int, Any]],
        packed: CompressionMode = CompressionMode.NONE,
    ) -> Path:
        """Write messages, (topic, nanoseconds, message), and return the bag's path."""
        if self.form == "rosbag1":
            path = path.with_suffix(".bag")
            writer: Any = Writer1(path)
            pack: Callable[..., Any] = self.store.serialize_ros1
        else:
            plugin = StoragePlugin.SQLITE3 if self.form == "sqlite3" else StoragePlugin.MCAP
            writer, pack = Writer2(path, version=9, storage_plugin=plugin), self.store.serialize_cdr
            writer.set_compression(packed, CompressionFormat.ZSTD)
        connections: dict[str, Any] = {}
        with writer:
            for topic, ns, message in messages:
                kind = message.__msgtype__
                if topic not in connections:
                    connections[topic] = writer.add_connection(topic, kind, typestore=self.store)
                writer.write(connections[topic], ns, pack(message, kind))
        return path


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


def changed(items, topic, change):
    """The messages with those of a topic changed."""
    return [(name, now, change(now, message) if name == topic else message) for name, now, message in items]


def odometry(ros, scene, child, topic="/odom"):
    for number, view in enumerate(scene.views):
        now, pose = START + number * STEP, view.camera.camera_to_world
        pose = pose @ np.linalg.inv(MOUNT) if child == "base_link" else pose
        yield topic, now, ros.odometry(now, "odom", child, pose)


def without(*topics):
    ros = Ros("mcap")
    return ros, [item for item in robot(ros, room(3)) if item[0] not in topics]


def shifted(ros, message, ns):
    (one,) = message.transforms
    stamp = one.header.stamp
    return ros.tf(
        replace(one, header=ros.header(stamp.sec * 10**9 + stamp.nanosec + ns, one.header.frame_id))
    )
