"""Fusing depths: seconds and memory for 200 views of 640x480, decoding told apart, beside a plain baseline.

A synthetic room is cast with exact depth and written to a temporary folder in our own format: 16-bit PNG of
millimetres, and colour as PNG. Each way runs in a process of its own, so that its peak of resident memory is
its own. The baseline does with numpy what is simplest: it lifts every pixel of every view, keeps all points,
and averages those of one voxel at the end; it has neither normals nor which view saw what. If Open3D can be
imported, its point clouds are downsampled by voxels view by view, and once more at the end.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sightloop.memory.depths import surface
from sightloop.memory.fusion import fuse
from sightloop.memory.geometry import grid
from sightloop.memory.sources.scenes import open_scene
from sightloop.tools.llava_next.pocket.blocks import Table, View, look_at, random_room, ray_cast

WIDTH, HEIGHT = 640, 480
FLOOR = 0.0
"""Where the room's floor is, metres: how far points of the floor are off it is the error that is printed."""


def write(folder: Path, count: int, seed: int) -> None:
    """Cast a room from a walk around it, and write it as a scene."""
    room = random_room(random.Random(seed), 1, aspect=WIDTH / HEIGHT)
    half = room.room.half if room.room else (2.5, 2.5)
    views = []
    for number in range(count):
        angle = 2 * math.pi * number / count
        eye = np.array([0.8 * half[0] * math.cos(angle), 0.8 * half[1] * math.sin(angle), 1.5])
        target = np.array([0.5 * math.cos(angle * 3 + 2), 0.5 * math.sin(angle * 3 + 2), 0.4])
        views.append(_written(folder, room, View(room.views[0].intrinsics, look_at(eye, target)), number))
    scene = {"metric": True, "depth_scale": 1000, "up": [0, 0, 1], "views": views}
    (folder / "scene.json").write_text(json.dumps(scene))


def _written(folder: Path, room: Table, view: View, number: int) -> dict[str, Any]:
    rgb, depth, _ = ray_cast(room, view, WIDTH, HEIGHT)
    color, far = f"{number:04}.png", f"{number:04}.depth.png"
    cv2.imwrite(str(folder / color), rgb[..., ::-1])
    cv2.imwrite(str(folder / far), np.round(depth * 1000).astype(np.uint16))
    return {
        "color": color,
        "depth": far,
        "width": WIDTH,
        "height": HEIGHT,
        "intrinsics": view.in_pixels(WIDTH, HEIGHT).tolist(),
        "world_to_camera": view.world_to_camera.tolist(),
    }


def ours(folder: Path, voxel: float) -> NDArray[np.float32]:
    """Fuse as the package does."""
    return fuse(open_scene(folder), voxel=voxel).points


def decoded(folder: Path, voxel: float) -> NDArray[np.float32]:
    """Only read what is fused."""
    for view in open_scene(folder).views:
        view.color()
        if view.depth is not None:
            view.depth()
    return np.zeros((0, 3), dtype=np.float32)


def prepared(folder: Path, voxel: float) -> NDArray[np.float32]:
    """Read, clean and lift, and keep nothing: what fusing costs beside is the difference."""
    for view in open_scene(folder).views:
        view.color()
        if view.depth is not None:
            surface(view.camera, view.depth(), 2)
    return np.zeros((0, 3), dtype=np.float32)


def plain(folder: Path, voxel: float) -> NDArray[np.float32]:
    """Lift every pixel, keep all, average the points of each voxel."""
    every = []
    for view in open_scene(folder).views:
        view.color()
        if view.depth is None:
            continue
        depth = view.depth()
        at = depth > 0
        local = grid(view.camera.lens)[at] * depth[at][:, None]
        every.append(view.camera.to_world(local).astype(np.float32))
    points = np.concatenate(every)
    whole = np.floor(points / voxel).astype(np.int64) + (1 << 20)
    keys = (whole[:, 0] << 42) | (whole[:, 1] << 21) | whole[:, 2]
    order = np.argsort(keys)
    starts = np.flatnonzero(np.diff(keys[order], prepend=-1))
    counts = np.diff(np.append(starts, len(keys)))
    return np.add.reduceat(points[order], starts, axis=0) / counts[:, None].astype(np.float32)


def open3d(folder: Path, voxel: float) -> NDArray[np.float32]:
    """Downsample each view's cloud by voxels with Open3D, and the sum of them at the end."""
    import open3d as o3d

    every = o3d.geometry.PointCloud()
    for view in open_scene(folder).views:
        color = o3d.geometry.Image(np.ascontiguousarray(view.color()))
        depth = o3d.geometry.Image(view.depth() if view.depth is not None else np.zeros((1, 1), np.float32))
        both = o3d.geometry.RGBDImage.create_from_color_and_depth(
            color, depth, depth_scale=1.0, depth_trunc=100.0, convert_rgb_to_intensity=False
        )
        k = view.camera.intrinsics
        lens = o3d.camera.PinholeCameraIntrinsic(
            WIDTH, HEIGHT, k[0, 0], k[1, 1], k[0, 2] - 0.5, k[1, 2] - 0.5
        )
        cloud = o3d.geometry.PointCloud.create_from_rgbd_image(both, lens, view.camera.world_to_camera)
        every += cloud.voxel_down_sample(voxel)
    return np.asarray(every.voxel_down_sample(voxel).points, dtype=np.float32)


WAYS = {
    "ours": ours,
    "decoding": decoded,
    "decoding and lifting": prepared,
    "plain numpy": plain,
    "open3d": open3d,
}


def peak() -> int:
    """Return the most memory that was resident, KiB: of this program, where the system tells it so."""
    status = Path("/proc/self/status")
    if status.is_file():
        return int(status.read_text().split("VmHWM:")[1].split()[0])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def measure(way: str, folder: Path, voxel: float) -> dict[str, Any]:
    """Run one way, here, and tell what it took."""
    before, worked = peak(), time.process_time()
    began = time.perf_counter()
    try:
        points = WAYS[way](folder, voxel)
    except ImportError as error:
        return {"way": way, "missing": error.name}
    seconds = time.perf_counter() - began
    floor = points[np.abs(points[:, 2] - FLOOR) < 1.5 * voxel, 2] - FLOOR if len(points) else points
    return {
        "way": way,
        "seconds": round(seconds, 2),
        "processor_seconds": round(time.process_time() - worked, 2),
        "peak_mb": round(peak() / 1024),
        "before_mb": round(before / 1024),
        "points": len(points),
        "floor_error_mm": round(1000 * float(np.median(np.abs(floor))), 2) if len(floor) else None,
    }


def main() -> None:
    """Cast, fuse in each way, and print a table, or one object with --json."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--views", type=int, default=200, help="views of 640x480 (default: 200)")
    parser.add_argument(
        "--voxel", type=float, help="side of a voxel, metres (default: what the package takes)"
    )
    parser.add_argument("--runs", type=int, default=3, help="times that each way runs (default: 3)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.way:
        print(json.dumps(measure(args.way, args.folder, args.voxel)))
        return
    rows = []
    with tempfile.TemporaryDirectory() as name:
        write(Path(name), args.views, args.seed)
        voxel = args.voxel or fuse(open_scene(name)).voxel
        for way in WAYS:
            command = [sys.executable, __file__, "--way", way, "--folder", name, "--voxel", str(voxel)]
            runs = [
                json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
                for _ in range(args.runs)
            ]
            rows.append(min(runs, key=lambda row: row.get("seconds", 0)))
    if args.json:
        cores, load = len(os.sched_getaffinity(0)), round(os.getloadavg()[0], 1)
        told = {
            "cores": cores,
            "load": load,
            "views": args.views,
            "voxel": round(voxel, 4),
            "runs": args.runs,
        }
        print(json.dumps({**told, "ways": rows}, indent=1))
        return
    print(f"{'way':22} {'s':>6} {'cpu s':>6} {'peak MB':>8} {'points':>9}  floor off by")
    for row in rows:
        if "missing" in row:
            print(f"{row['way']:22} not installed here")
            continue
        print(
            f"{row['way']:22} {row['seconds']:6.2f} {row['processor_seconds']:6.2f} {row['peak_mb']:8} "
            f"{row['points']:9}  {row['floor_error_mm']} mm"
        )


if __name__ == "__main__":
    main()
