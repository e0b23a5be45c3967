"""Rerun: a run over a scene as a recording for the Rerun viewer, with its points, cameras, objects and steps.

Entities, each scene under its own name::

    world                            z up
      <scene>                        the scene's own axes and unit, turned to z up
        points                       fused of the views' depths
        cameras/<view>               pose, pinhole (right, down, forward) and picture
          found                      boxes of what was found in it
        objects/<label> <name>       its extent; below it the uncertainty of its centre, and rays to its views
        measures/<number> <kind>     a line between two points, with the finding in words
    steps, answer                    what the run did, and what it found, in words

On the timelines "step" (a number) and "run" (seconds) objects and measures appear when they were found;
cameras and points are always there. A pinhole has no distortion: of a lens that has, boxes lie right on the
picture, and points only nearly.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from ..agent.result import Result
from ..agent.steps import ObservationStep
from ..errors import InputError, MissingExtraError, SightloopError
from ..memory import Still
from ..memory.placed import Placed, Shot, Survey
from ..memory.scene import Scene
from ..tools.mark import color_of
from ..tools.scene_map import Points, axes_of, stands
from .reopened import reopened, surveys
from .report_drawing import SIGMAS, bounds_of
from .report_scene import reading

if TYPE_CHECKING:
    import rerun

MOST_PICTURES = 64
"""Of a scene, those that were looked at first; the other cameras have a pose and no picture."""
QUALITY = 85
"""Of the pictures' JPEG."""
LONGEST = 1280
"""Pixels of the longer side of a recorded picture; its camera is that of the smaller picture."""
SPLAT = 0.75
"""Radius of points over the distance of neighbours: without gaps between them."""
THIN = -0.75
"""Radius of rays: negative ones are pixels of the screen, whatever the scene's size."""
EYE = (0.45, 0.95)
"""From where a scene is seen at first: radians to the right of its first view, and above the ground."""
INK = (40, 44, 52)
"""Of lines between points."""


def write_rerun(result: Result, path: str | Path) -> Path:
    """Write a run over a scene as a Rerun recording.

    Parameters
    ----------
    result : Result
        Of a run that surveyed at least one scene. Its files are read again for points and pictures; where
        they are gone, the recording says so and holds the rest.
    path : path of a file, ending in ``.rrd``

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        If the run was over no scene, or the file cannot be written.
    MissingExtraError
        If rerun-sdk is not installed.
    """
    rr = _rerun()
    target = Path(path)
    found = surveys(result)
    if not found:
        raise InputError(
            "this run surveyed no scene, so there is nothing to record; ask about one.", input=str(path)
        )
    names = _names(found)
    recording = rr.RecordingStream("sightloop")
    recording.set_log_time_enabled(False)
    try:
        target.touch()
        recording.save(target, default_blueprint=_blueprint(found, names))
    except OSError as error:
        raise InputError(f"the recording cannot be written to {path}: {error}.", input=str(path)) from error
    recording.log("world", rr.ViewCoordinates.RIGHT_HAND_Z_UP, static=True)
    notes = [note for survey in found for note in _ground(recording, survey, names[survey.source])]
    recording.log(
        "answer", rr.TextDocument(_told(result, found, notes), media_type="text/markdown"), static=True
    )
    for number, step in enumerate(result.steps, start=1):
        recording.set_time("step", sequence=number)
        recording.set_time("run", duration=step.started + step.seconds)
        recording.log("steps", rr.TextLog(f"{step.kind}: {step.summary}", level="INFO"))
        if isinstance(step, ObservationStep) and step.survey is not None:
            _found(recording, step.survey, names[step.survey.source])
    recording.flush()
    recording.disconnect()
    return target


def _rerun() -> Any:
    try:
        import rerun
    except ImportError:
        raise MissingExtraError("rerun-sdk", "rerun", "writing a Rerun recording") from None
    return rerun


def _names(found: Iterable[Survey]) -> dict[str, str]:
    """Return a name for each scene, by its source: the last part of it, with a number where two share it."""
    names: dict[str, str] = {}
    for survey in found:
        name = Path(survey.source).name or "scene"
        again = sum(Path(other).name == name for other in names)
        names[survey.source] = f"{name} {again + 1}" if again else name
    return names


# --- what does not change -------------------------------------------------------------------------------


def _ground(recording: rerun.RecordingStream, survey: Survey, name: str) -> list[str]:
    """Record a scene's points and cameras, and return what could not be had."""
    rr = _rerun()
    scene, cloud, notes = reopened(survey)
    recording.log(["world", name], rr.Transform3D(mat3x3=axes_of(survey)), static=True)
    if cloud is not None and len(cloud.points):
        dots = rr.Points3D(cloud.points, colors=cloud.colors, radii=SPLAT * float(cloud.voxel))
        recording.log(["world", name, "points"], dots, static=True)
    pictured = sorted(survey.shots, key=lambda shot: not shot.looked)[:MOST_PICTURES]
    reach = _reach(survey, cloud)
    for shot in survey.shots:
        still, problem = _still(scene, shot) if shot in pictured else (None, "")
        notes += [problem] if problem else []
        _camera(recording, ["world", name, "cameras", shot.camera], shot, still, reach)
    return notes


def _reach(survey: Survey, cloud: Points | None) -> float:
    """Return how far from a camera its picture is drawn: a twentieth of the scene."""
    eyes = np.array([stands(shot) for shot in survey.shots]).reshape(-1, 3)
    every = eyes if cloud is None else np.concatenate([eyes, cloud.points])
    extent = float(np.linalg.norm(np.ptp(every, axis=0))) if len(every) else 0.0
    return extent / 20 or 1.0


def _still(scene: Scene | None, shot: Shot) -> tuple[Still | None, str]:
    if scene is None:
        return None, ""
    try:
        return scene.still(shot.camera), ""
    except (SightloopError, OSError) as error:
        return None, f"The picture of {shot.camera} is missing: {error}"


def _camera(
    recording: rerun.RecordingStream, path: list[Any], shot: Shot, still: Still | None, reach: float
) -> None:
    rr = _rerun()
    scale = min(1.0, LONGEST / max(shot.width, shot.height))
    size = [round(shot.width * scale), round(shot.height * scale)]
    pose = np.asarray(shot.world_to_camera)
    lens = np.diag([size[0] / shot.width, size[1] / shot.height, 1.0]) @ np.asarray(shot.intrinsics)
    place = rr.Transform3D(translation=stands(shot), mat3x3=pose[:3, :3].T)
    pinhole = rr.Pinhole(
        image_from_camera=lens,
        resolution=size,
        camera_xyz=rr.ViewCoordinates.RDF,
        image_plane_distance=reach,
    )
    recording.log(path, place, pinhole, static=True)
    if still is not None:
        image = still.to_pil().resize((size[0], size[1]), Image.Resampling.BICUBIC, reducing_gap=3.0)
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=QUALITY)
        encoded = rr.EncodedImage(contents=buffer.getvalue(), media_type="image/jpeg")
        recording.log(path, encoded, static=True)


# --- what was found -------------------------------------------------------------------------------------


def _found(recording: rerun.RecordingStream, survey: Survey, name: str) -> None:
    """Record objects and measures, in place of those that an earlier step found."""
    rr = _rerun()
    root: list[Any] = ["world", name]
    for part in ("objects", "measures"):
        recording.log([*root, part], rr.Clear(recursive=True))
    turned = rr.Quaternion(xyzw=_quaternion(axes_of(survey).T))
    eyes = {shot.camera: stands(shot) for shot in survey.shots}
    for one in survey.placed:
        path = [*root, "objects", f"{one.label} {one.name}"]
        color = color_of(one.label)
        label = f"{one.label} {one.name}"
        if one.size is not None:
            box = rr.Boxes3D(
                centers=[one.centre],
                sizes=[one.size],
                quaternions=[turned],
                colors=[color],
                labels=[label],
            )
        else:
            box = rr.Points3D([one.centre], colors=[color], labels=[label])
        recording.log(path, box)
        recording.log([*path, "uncertainty"], _ellipsoid(one, color))
        rays = [[eyes[seen.camera], one.centre] for seen in one.seen if seen.camera in eyes]
        recording.log([*path, "seen from"], rr.LineStrips3D(rays, colors=color, radii=THIN))
    for shot in survey.shots:
        _boxes(recording, [*root, "cameras", shot.camera, "found"], shot, survey.placed)
    for number, measure in enumerate(survey.measures, start=1):
        path = [*root, "measures", f"{number} {measure.kind}"]
        recording.log(path, rr.TextDocument(measure.words))
        if measure.ends is not None:
            line = rr.LineStrips3D([measure.ends], colors=[INK], labels=[reading(measure)])
            recording.log(path, line)


def _ellipsoid(one: Placed, color: tuple[int, int, int]) -> Any:
    """Return the ellipsoid that holds 90 % of where an object's centre may be."""
    rr = _rerun()
    values, vectors = np.linalg.eigh(np.asarray(one.covariance))
    # Eigenvectors may mirror; a rotation may not.
    vectors[:, 0] *= np.sign(np.linalg.det(vectors))
    return rr.Ellipsoids3D(
        centers=[one.centre],
        half_sizes=[SIGMAS * np.sqrt(np.maximum(values, 0))],
        quaternions=[rr.Quaternion(xyzw=_quaternion(vectors))],
        colors=[color],
    )


def _boxes(recording: rerun.RecordingStream, path: list[Any], shot: Shot, placed: Iterable[Placed]) -> None:
    rr = _rerun()
    scale = min(1.0, LONGEST / max(shot.width, shot.height))
    found = [(one, seen.box) for one in placed for seen in one.seen if seen.camera == shot.camera]
    recording.log(path, rr.Clear(recursive=False))
    if found:
        boxes = rr.Boxes2D(
            array=[[scale * side for side in (box.x0, box.y0, box.x1, box.y1)] for _, box in found],
            array_format=rr.Box2DFormat.XYXY,
            colors=[color_of(one.label) for one, _ in found],
            labels=[f"{one.label} {one.name}" for one, _ in found],
        )
        recording.log(path, boxes)


def _quaternion(rotation: np.ndarray) -> list[float]:
    from scipy.spatial.transform import Rotation

    return [float(part) for part in Rotation.from_matrix(rotation).as_quat()]


# --- what it says, and how it is laid out ---------------------------------------------------------------


def _told(result: Result, found: Iterable[Survey], notes: Iterable[str]) -> str:
    """Return question, answer and findings as Markdown."""
    lines = [f"**{result.question}**", "", result.answer, "", f"{result.confidence:.0%} sure.", ""]
    lines += [f"- {measure.words}" for survey in found for measure in survey.measures]
    if not all(survey.metric for survey in found):
        lines += ["", "Lengths are in scene units: nothing says how long one is."]
    return "\n".join([*lines, "", *(f"> {note}" for note in notes)])


def _blueprint(found: list[Survey], names: dict[str, str]) -> Any:
    """Return the layout: the scene, the views with the most on them, the answer and the steps."""
    import rerun.blueprint as rrb

    rr = _rerun()
    pictures = []
    for survey in found:
        counts = {shot.camera: 0 for shot in survey.shots if shot.looked}
        for one in survey.placed:
            for seen in one.seen:
                counts[seen.camera] = counts.get(seen.camera, 0) + 1
        for camera in sorted(counts, key=lambda name: -counts[name])[:4]:
            origin = rr.new_entity_path(["world", names[survey.source], "cameras", camera])
            pictures.append(rrb.Spatial2DView(origin=origin, name=camera))
    words = [
        rrb.TextDocumentView(origin="answer", name="Answer"),
        rrb.TextLogView(origin="steps", name="Steps"),
    ]
    side = (
        rrb.Vertical(rrb.Grid(*pictures), rrb.Vertical(*words), row_shares=[3, 2])
        if pictures
        else rrb.Vertical(*words)
    )
    scene = rrb.Spatial3DView(origin="world", name="Scene", eye_controls=_eye(found[0]))
    return rrb.Blueprint(
        rrb.Horizontal(scene, side, column_shares=[3, 2]),
        rrb.TimePanel(timeline="step", state="collapsed"),
        collapse_panels=True,
    )


def _eye(survey: Survey) -> Any:
    """Return from where a scene is seen at first: behind its first view, so high that walls hide little."""
    import rerun.blueprint as rrb

    axes = axes_of(survey)
    low, high = bounds_of(survey, None, axes)
    middle = (low + high) / 2
    away = 1.2 * float(np.linalg.norm(high - low)) or 1.0
    turn, pitch = EYE
    back = np.array([np.sin(turn) * np.cos(pitch), -np.cos(turn) * np.cos(pitch), np.sin(pitch)])
    return rrb.EyeControls3D(position=middle + away * back, look_target=middle)
