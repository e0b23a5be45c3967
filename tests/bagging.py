"""Bags of synthetic rooms, written by rosbags' own writers in all three formats."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rosbags.rosbag1 import Writer as Writer1
from rosbags.rosbag2 import StoragePlugin
from rosbags.rosbag2 import Writer as Writer2
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from scipy.spatial.transform import Rotation

FORMATS = ("rosbag1", "sqlite3", "mcap")
START = 1_700_000_000 * 10**9
"""Nanoseconds: bags count from 1970."""


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
                translation=self._xyz("Vector3", pose[:3, 3]),
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
                position=self._xyz("Point", pose[:3, 3]),
                orientation=self.make("geometry_msgs/msg/Quaternion", x=x, y=y, z=z, w=w),
            ),
        )

    def odometry(self, ns: int, parent: str, child: str, pose: np.ndarray) -> Any:
        zero = self._xyz("Vector3", np.zeros(3))
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

    def _xyz(self, name: str, values: np.ndarray) -> Any:
        x, y, z = (float(value) for value in values)
        return self.make(f"geometry_msgs/msg/{name}", x=x, y=y, z=z)

    def write(self, path: Path, messages: Iterable[tuple[str, int, Any]]) -> Path:
        """Write messages, (topic, nanoseconds, message), and return the bag's path."""
        if self.form == "rosbag1":
            path = path.with_suffix(".bag")
            writer: Any = Writer1(path)
            pack: Callable[..., Any] = self.store.serialize_ros1
        else:
            plugin = StoragePlugin.SQLITE3 if self.form == "sqlite3" else StoragePlugin.MCAP
            writer, pack = Writer2(path, version=9, storage_plugin=plugin), self.store.serialize_cdr
        connections: dict[str, Any] = {}
        with writer:
            for topic, ns, message in messages:
                kind = message.__msgtype__
                if topic not in connections:
                    connections[topic] = writer.add_connection(topic, kind, typestore=self.store)
                writer.write(connections[topic], ns, pack(message, kind))
        return path
