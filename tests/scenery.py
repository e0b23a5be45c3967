"""A small synthetic scene with exact truth: its files, and what a run would have found out about it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pages import resulting
from PIL import Image

from sightloop import Box, Evidence
from sightloop.agent.result import Result
from sightloop.agent.steps import ObservationStep
from sightloop.memory.geometry import Camera
from sightloop.memory.placed import Measure, Placed, Seen, Shot, Survey
from sightloop.memory.scene import Scene
from sightloop.memory.sources.scenes import open_scene
from sightloop.memory.still import Size
from sightloop.tools.scene_map import map_axes

SIZE = Size(128, 96)
LENS = [[120.0, 0, 64], [0, 120.0, 48], [0, 0, 1]]
BLOCKS = {
    "red block": ((0.5, -0.4, 0.3), (0.3, 0.3, 0.3), (200, 30, 30)),
    "blue pillar": ((-0.7, 0.5, 0.6), (0.2, 0.2, 0.6), (30, 60, 200)),
}
"""Centre, half extents in metres and colour of each; they stand on a floor of 4 x 4 metres at z = 0."""
EYES = ((3.0, -2.5, 2.0), (3.2, 2.0, 1.8), (-1.0, -3.6, 2.2))
LABELS = (3, 8)
"""Of the blocks: as if others had been found and given up."""


def looking(eye: Sequence[float], target: Sequence[float] = (0, 0, 0.2)) -> np.ndarray:
    """A pose, (4, 4), world to camera, that looks at a target with z up."""
    forward = np.subtract(target, eye)
    forward = forward / np.linalg.norm(forward)
    right = np.cross(forward, (0, 0, 1))
    right = right / np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3, :3] = right, np.cross(forward, right), forward
    pose[:3, 3] = -pose[:3, :3] @ np.asarray(eye)
    return pose


def rendered(camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """Colour, (H, W, 3) uint8, and depth, (H, W) metres, of the floor and the blocks."""
    x, y = np.meshgrid(np.arange(SIZE.width) + 0.5, np.arange(SIZE.height) + 0.5)
    rays = camera.rays(np.stack([x.ravel(), y.ravel()], axis=1)) @ camera.world_to_camera[:3, :3]
    depth = -camera.centre[2] / rays[:, 2]
    floor = camera.centre + rays * depth[:, None]
    depth[(depth < 0) | (np.abs(floor[:, :2]) > 2).any(axis=1)] = np.inf
    color = np.full((len(rays), 3), 235)
    color[np.isfinite(depth)] = (200, 205, 195)
    for centre, half, paint in BLOCKS.values():
        sides = np.array(centre) + np.outer((-1, 1), half)
        times = np.sort((sides[:, None] - camera.centre) / rays, axis=0)
        near, far = times[0].max(axis=1), times[1].min(axis=1)
        hit = (near < far) & (near > 0) & (near < depth)
        depth[hit] = near[hit]
        color[hit] = paint
    depth[~np.isfinite(depth)] = 0
    shape = (SIZE.height, SIZE.width)
    return color.reshape(*shape, 3).astype(np.uint8), depth.reshape(shape).astype(np.float32)


def written(folder: Path, *, metric: bool = True, depths: bool = True) -> Path:
    """Write the scene in our own format, and return its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    views = []
    for number, eye in enumerate(EYES, start=1):
        camera = Camera(np.array(LENS), looking(eye), SIZE)
        color, depth = rendered(camera)
        Image.fromarray(color).save(folder / f"view {number}.png")
        np.save(folder / f"view {number}.npy", depth)
        lens = np.array(LENS)
        lens[:2, 2] -= 0.5
        views.append(
            {
                "color": f"view {number}.png",
                "width": SIZE.width,
                "height": SIZE.height,
                "intrinsics": lens.tolist(),
                "world_to_camera": camera.world_to_camera.tolist(),
                "t": 1.5 * number,
            }
            | ({"depth": f"view {number}.npy"} if depths else {})
        )
    record = {"metric": metric, "up": [0, 0, 1], "views": views}
    (folder / "scene.json").write_text(json.dumps(record), encoding="utf-8")
    return folder


def surveyed(scene: Scene, *, extents: bool = True, names: Sequence[str] = tuple(BLOCKS)) -> Survey:
    """What a run would have found out, had it made no error; with or without the extents of the blocks."""
    axes = map_axes((0, 0, 1), scene.views[0].camera.world_to_camera)
    signs = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
    placed = []
    for label, name, (centre, half, _) in zip(LABELS, names, BLOCKS.values(), strict=True):
        corners = np.array(centre) + signs * half
        seen = []
        for view in scene.views:
            pixels, _ = view.camera.project(corners)
            (x0, y0), (x1, y1) = pixels.min(0), pixels.max(0)
            seen.append(Seen(camera=view.name, box=Box(x0=x0, y0=y0, x1=x1, y1=y1), confidence=0.9))
        placed.append(
            Placed(
                label=label,
                name=name,
                centre=centre,
                covariance=((0.0004, 0.0001, 0), (0.0001, 0.0009, 0), (0, 0, 0.0001)),
                size=tuple(np.ptp(corners @ axes.T, axis=0)) if extents else None,
                size_sigma=0.01,
                confidence=0.875,
                seen=tuple(seen),
            )
        )
    unit = scene.unit
    measures = (
        Measure(
            kind="distance",
            words=f"They are 0.92 {unit} apart.",
            value=0.92,
            low=0.88,
            high=0.97,
            unit=unit,
            between=LABELS,
            ends=((0.2, -0.1, 0.3), (-0.5, 0.3, 0.3)),
            confidence=0.8,
        ),
        Measure(kind="count", words="There are 2 in all.", value=2, confidence=0.75),
    )
    shots = tuple(
        Shot(
            camera=view.name,
            world_to_camera=tuple(map(tuple, view.camera.world_to_camera)),
            intrinsics=tuple(map(tuple, view.camera.intrinsics)),
            width=view.camera.size.width,
            height=view.camera.size.height,
            t=view.t,
            looked=number < 2,
        )
        for number, view in enumerate(scene.views)
    )
    return Survey(
        source=scene.source,
        metric=scene.metric,
        up=(0, 0, 1),
        floor=0.0,
        shots=shots,
        placed=tuple(placed),
        measures=measures,
    )


def run_over(survey: Survey, scene: Scene | None = None, words: str = "They are 0.92 m apart.") -> Result:
    """A result of a run that found that out; with the first view as evidence, where the scene is given."""
    stills = [scene.still(scene.names[0])] if scene else []
    evidence = [Evidence.of(still, words, 0.8, survey.placed[0].seen[0].box) for still in stills]
    result = resulting(stills, evidence=evidence, words=words)
    steps = tuple(
        step.model_copy(update={"survey": survey}) if isinstance(step, ObservationStep) else step
        for step in result.steps
    )
    return result.model_copy(update={"steps": steps}).with_stills(stills)


def opened(folder: Path, **options: bool) -> Scene:
    """Write the scene and open it."""
    return open_scene(written(folder, **options))
