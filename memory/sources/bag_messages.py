"""ROS messages: pictures, depths and lenses, as ``sensor_msgs`` defines them (REP 118 for depths).

``header`` reads the raw bytes, since a bag of thousands of pictures is indexed without decoding one.
"""

from __future__ import annotations

import struct
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...errors import SceneError
from ..geometry import Camera
from ..still import Size

IMAGE = "sensor_msgs/msg/Image"
COMPRESSED = "sensor_msgs/msg/CompressedImage"
CAMERA_INFO = "sensor_msgs/msg/CameraInfo"

CHANNELS: dict[str, tuple[int, tuple[int, ...]]] = {
    "rgb8": (3, (0, 1, 2)),
    "bgr8": (3, (2, 1, 0)),
    "8UC3": (3, (2, 1, 0)),  # cv_bridge's pictures without a name are OpenCV's
    "rgba8": (4, (0, 1, 2)),
    "bgra8": (4, (2, 1, 0)),
    "8UC4": (4, (2, 1, 0)),
    "mono8": (1, (0, 0, 0)),
    "8UC1": (1, (0, 0, 0)),
}
"""Encodings of 8 bits a channel: how many channels, and which are red, green and blue."""
BAYER = {"bayer_rggb8": "RGGB", "bayer_bggr8": "BGGR", "bayer_gbrg8": "GBRG", "bayer_grbg8": "GRBG"}
DEPTHS = {"16UC1": "u2", "mono16": "u2", "32FC1": "f4"}
"""Encodings of a depth: integers are millimetres, floats metres (REP 118)."""

_MODELS: dict[str, Literal["pinhole", "fisheye"]] = {
    "plumb_bob": "pinhole",
    "rational_polynomial": "pinhole",
    "equidistant": "fisheye",
    "fisheye": "fisheye",
}
_MILLIMETRES = 1000
_QUANTISED = struct.Struct("<iff")  # what compressed_depth_image_transport puts before its PNG

Depth = NDArray[np.float32]


class Header(NamedTuple):
    """Of a message: nanoseconds, and the frame it is about, without the slash of ROS 1."""

    stamp: int
    frame: str


def header(data: bytes | memoryview, cdr: bool) -> Header:
    """Read the header that a message begins with.

    ROS 1 writes a counter before it and CDR four bytes of its own, so that both have it at the same place.

    Raises
    ------
    SceneError
        If the message is shorter than that.
    """
    order = ">" if cdr and len(data) > 1 and not data[1] & 1 else "<"
    try:
        seconds, nanoseconds, length = struct.unpack_from(f"{order}III", data, 4)
    except struct.error:
        raise SceneError(f"a message of {len(data)} bytes is too short to have a header.") from None
    text = bytes(data[16 : 16 + length]).rstrip(b"\0")
    return Header(seconds * 1_000_000_000 + nanoseconds, frame_name(text.decode("utf-8", "replace")))


def frame_name(name: str) -> str:
    """Return a frame's name as ROS 2 writes it: without the slash that ROS 1 put before it."""
    return name.lstrip("/")


def shows_depth(message: Any, topic: str) -> bool:
    """Tell whether a picture is a depth, by its encoding or its transport."""
    if hasattr(message, "encoding"):
        return message.encoding in ("16UC1", "32FC1") or (message.encoding == "mono16" and "depth" in topic)
    stored = message.format.partition(";")[0].strip()
    return "compressedDepth" in message.format or (stored in DEPTHS and "depth" in topic)


def grey(message: Any) -> bool:
    """Tell whether a picture has one channel only, as those of infrared cameras have."""
    named = message.encoding if hasattr(message, "encoding") else message.format.partition(";")[0].strip()
    return named in ("mono8", "8UC1", "mono16", "8uc1")


def size_of(message: Any) -> Size:
    """Return the size of a picture in pixels; errors as of :func:`color_of`."""
    if hasattr(message, "encoding"):
        return Size(int(message.width), int(message.height))
    skip = _QUANTISED.size if "compressedDepth" in message.format else 0
    stored = _decoded(bytes(message.data)[skip:], -1)
    return Size(stored.shape[1], stored.shape[0])


def color_of(message: Any) -> NDArray[np.uint8]:
    """Decode a picture.

    Returns
    -------
    (H, W, 3) uint8, RGB

    Raises
    ------
    SceneError
        If it cannot be decoded, is cut off, or has an encoding that is not known.
    """
    import cv2

    if not hasattr(message, "encoding"):
        stored = _decoded(bytes(message.data), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
        return np.ascontiguousarray(stored[:, :, ::-1])
    if message.encoding in BAYER:
        code = getattr(cv2, f"COLOR_Bayer{BAYER[message.encoding]}2RGB")
        return np.asarray(cv2.cvtColor(_rows(message, "u1", 1)[:, :, 0], code), dtype=np.uint8)
    if message.encoding not in CHANNELS:
        known = ", ".join([*CHANNELS, *BAYER])
        raise SceneError(f"its encoding {message.encoding!r} is none of those that are read: {known}.")
    channels, order = CHANNELS[message.encoding]
    return np.ascontiguousarray(_rows(message, "u1", channels)[:, :, order])


def depth_of(message: Any) -> Depth:
    """Decode a depth.

    Returns
    -------
    (H, W) float32, metres; 0 where unknown

    Raises
    ------
    SceneError
        As :func:`color_of`.
    """
    if hasattr(message, "encoding"):
        if message.encoding not in DEPTHS:
            raise SceneError(f"{message.encoding!r} is no encoding of a depth: {', '.join(DEPTHS)}.")
        return _metres(_rows(message, DEPTHS[message.encoding], 1)[:, :, 0])
    data = bytes(message.data)
    if "compressedDepth" not in message.format:
        return _metres(_decoded(data, -1))
    if "rvl" in message.format:
        raise SceneError(f"its format {message.format!r} is not read: RVL; publish it as PNG.")
    if len(data) <= _QUANTISED.size:
        raise SceneError("it is cut off.")
    _, a, b = _QUANTISED.unpack_from(data)
    stored = _decoded(data[_QUANTISED.size :], -1)
    if message.format.startswith("32FC1"):  # stored is a / depth + b
        far = stored.astype(np.float32)
        with np.errstate(divide="ignore", invalid="ignore"):
            return _metres(np.where(stored > 0, np.float32(a) / (far - np.float32(b)), 0).astype(np.float32))
    return _metres(stored)


def lens_of(info: Any, size: Size, rectified: bool) -> Camera:
    """Return the camera of a ``CameraInfo``, for pictures of a size.

    Parameters
    ----------
    info : sensor_msgs/CameraInfo
    size : Size
        Of the pictures: binned and cut as the message says, or else scaled.
    rectified : bool
        Whether the pictures were rectified: they then have the camera matrix of P, and no distortion.

    Returns
    -------
    Camera
        Its ``world_to_camera`` leads from the frame of the message into the picture's axes: a rectified
        picture of a stereo pair is turned.

    Raises
    ------
    SceneError
        If the camera is not calibrated, of a model that is not known, or of another shape than the pictures.
    """
    k, d, r, p = (np.asarray(_either(info, name), dtype=np.float64) for name in "KDRP")
    matrix, turned = k.reshape(3, 3), np.eye(4)
    model: Literal["pinhole", "fisheye"] = "pinhole"
    if rectified:
        matrix, d = p.reshape(3, 4)[:, :3], np.zeros(0)
        turned[:3, :3] = r.reshape(3, 3) if r.any() else np.eye(3)
    elif d.any():
        if info.distortion_model not in _MODELS:
            known = ", ".join(_MODELS)
            raise SceneError(f"distortion_model {info.distortion_model!r} is none that is read: {known}.")
        model = _MODELS[info.distortion_model]
    if not matrix[0, 0] or not matrix[1, 1]:
        raise SceneError("camera_info holds no focal length (K is zero): the camera was not calibrated.")
    matrix = matrix.copy()
    matrix[:2, 2] += 0.5
    full = Size(int(info.width) or size.width, int(info.height) or size.height)
    if size != full:
        matrix, full = _cut(info, matrix, full, size)
    camera = Camera(matrix, turned, full, d, model)
    if abs(full.width * size.height / (full.height * size.width) - 1) > 0.01:
        raise SceneError(
            f"camera_info is of {full.width}x{full.height} pixels, the pictures have "
            f"{size.width}x{size.height}, which is another shape."
        )
    return camera if full == size else camera.scaled(size)


def _cut(info: Any, matrix: NDArray[np.float64], full: Size, size: Size) -> tuple[NDArray[np.float64], Size]:
    """Apply the region and the binning of a camera_info, where these make up the difference."""
    x, y = max(1, int(info.binning_x)), max(1, int(info.binning_y))
    roi = info.roi
    region = Size(int(roi.width) or full.width, int(roi.height) or full.height)
    if (region.width // x, region.height // y) != size:
        return matrix, full
    matrix[:2, 2] -= (int(roi.x_offset), int(roi.y_offset)) if roi.width else (0, 0)
    matrix[:2] /= np.array([[x], [y]])
    return matrix, size


def _either(info: Any, name: str) -> Any:
    return getattr(info, name) if hasattr(info, name) else getattr(info, name.lower())


def _rows(message: Any, kind: str, channels: int) -> NDArray[Any]:
    """Return the pixels of a raw picture, (H, W, channels), without what pads its rows."""
    dtype = np.dtype(kind).newbyteorder(">" if message.is_bigendian else "<")
    height, width, step = int(message.height), int(message.width), int(message.step)
    row, data = width * channels * dtype.itemsize, np.asarray(message.data, dtype=np.uint8)
    if not height or not width or step < row or data.size < step * (height - 1) + row:
        raise SceneError(
            f"it says {width}x{height} pixels of {message.encoding} in rows of {step} bytes, and holds "
            f"{data.size} bytes."
        )
    missing = step * height - data.size  # some drivers do not pad the last row
    data = np.pad(data, (0, max(0, missing)))[: step * height]
    rows = np.ascontiguousarray(data.reshape(height, step)[:, :row])
    return rows.view(dtype).reshape(height, width, channels)


def _decoded(data: bytes, flags: int) -> NDArray[Any]:
    import cv2

    try:
        stored = cv2.imdecode(np.frombuffer(data, np.uint8), flags) if data else None
    except cv2.error:
        stored = None
    if stored is None:
        raise SceneError("its compressed picture cannot be decoded: it is cut off or damaged.")
    return stored


def _metres(stored: NDArray[Any]) -> Depth:
    """Return a depth in metres: integers are millimetres."""
    if stored.ndim != 2 or stored.dtype == np.uint8:
        raise SceneError(f"its picture of {stored.dtype} in the shape {stored.shape} is no depth.")
    if np.issubdtype(stored.dtype, np.integer):
        return stored.astype(np.float32) / np.float32(_MILLIMETRES)
    with np.errstate(invalid="ignore"):
        return np.where(np.isfinite(stored) & (stored > 0), stored, 0).astype(np.float32)
