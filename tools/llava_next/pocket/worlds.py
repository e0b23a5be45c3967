"""Rendered worlds with exact answers: in memory to train on, or written to files for anybody to test with.

``python -m sightloop.tools.llava_next.pocket.worlds --kind photos --seed 7 --count 20 --out DIR`` writes
pictures (PNG), videos (MP4) or posed RGB-D folders, and ``questions.jsonl`` with one object a line:
``{"inputs": [...], "question": ..., "answer": ..., "kind": ...}``. Everything here is synthetic.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import cv2
import numpy as np
import typer

from . import several
from .blocks import ray_cast
from .one_view import one_view
from .questions import PHOTO_KINDS, Question, about
from .several import World
from .things import UNITS, random_sheet

Kind = Literal["photos", "pairs", "sets", "videos", "scenes", "crops", "views"]
KINDS: tuple[Kind, ...] = ("photos", "pairs", "sets", "videos", "scenes", "crops", "views")
ASPECTS = ((128, 128), (128, 96), (96, 128), (128, 72), (72, 128))
"""Sizes of photos, in units."""
PIXELS_PER_UNIT = 3.0
"""Resolution of written files: the longer side has 384 pixels."""


def draw_world(
    kind: Kind,
    rng: random.Random,
    *,
    stills: int | None = None,
    size: tuple[int, int] = (UNITS, UNITS),
    writing: float = 0.45,
    held_out: bool = False,
) -> World:
    """Draw one world of a kind.

    Parameters
    ----------
    kind : which
    rng : the only source of chance
    stills : images of a set, frames of a video, views of a scene; drawn if not given
    size : width and height in units; scenes and crops are always square
    writing : chance that a photo has a text
    held_out : word questions by the held-out patterns

    Returns
    -------
    World
        Photos come without questions: ask for them by kind, with :func:`questions_of`.
    """
    if kind == "photos":
        return World(kind, [random_sheet(rng, width=size[0], height=size[1], writing=writing)], [""])
    if kind == "pairs":
        return (
            several.changed_pair(rng, held_out, size)
            if rng.random() < 0.6
            else several.several_sheets(rng, 2, held_out, size)
        )
    if kind == "sets":
        return several.several_sheets(rng, stills or rng.choice((3, 4)), held_out, size)
    if kind == "videos":
        return several.video(rng, stills or rng.choice((4, 5)), held_out, size)
    if kind == "scenes":
        return several.scene(rng, stills or rng.choice((3, 4)), held_out)
    if kind == "views":
        return one_view(rng, held_out, size)
    return several.crop(rng, held_out)


def questions_of(world: World, rng: random.Random, held_out: bool = False) -> list[Question]:
    """Ask about a world.

    Parameters
    ----------
    world : what :func:`draw_world` drew
    rng : the only source of chance
    held_out : word the questions about a photo by the held-out patterns; other worlds were worded as drawn

    Returns
    -------
    list of Question
        About a photo one of every kind that it answers clearly, else all that the world came with.
    """
    if world.kind != "photos":
        return world.questions
    asked = (about(world.sheets[0], kind, rng, held_out) for kind in PHOTO_KINDS)
    return [q for q in asked if q]


def worlds(
    kind: Kind, seed: int, count: int, held_out: bool = True
) -> Iterator[tuple[World, list[Question]]]:
    """Draw worlds with their questions, the same for the same seed on every machine.

    Parameters
    ----------
    kind : of all of them
    seed, count : which worlds; those of a smaller count are the first of a larger one
    held_out : word questions by the held-out patterns
    """
    for index in range(count):
        rng = random.Random(f"{kind}/{seed}/{index}")
        world = draw_world(
            kind, rng, size=rng.choices(ASPECTS, (0.5, 0.16, 0.16, 0.09, 0.09))[0], held_out=held_out
        )
        yield world, questions_of(world, rng, held_out)


# --- files --------------------------------------------------------------------------------------------


def _write_png(path: Path, rgb: np.ndarray) -> None:
    if not cv2.imwrite(str(path), cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR) if rgb.ndim == 3 else rgb):
        raise OSError(f"{path} could not be written.")


def _write_video(path: Path, frames: list[np.ndarray], fps: float) -> None:
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=round(fps), options={"crf": "12"})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))


def _write_scene(folder: Path, world: World, scale: float) -> None:
    """Write colour (PNG), depth (16-bit PNG, millimetres, 0 = none) and ``scene.json``.

    The latter holds intrinsics in pixels, world-to-camera poses in metres, and what stands on the table.
    """
    assert world.table is not None
    folder.mkdir(exist_ok=True)
    size = round(UNITS * scale)
    views = []
    for i, view in enumerate(world.table.views):
        rgb, depth, _ = ray_cast(world.table, view, size, size)
        _write_png(folder / f"view{i + 1}.png", rgb)
        _write_png(folder / f"view{i + 1}.depth.png", np.round(depth * 1000).astype(np.uint16))
        views.append(
            {
                "color": f"view{i + 1}.png",
                "depth": f"view{i + 1}.depth.png",
                "width": size,
                "height": size,
                "intrinsics": view.in_pixels(size, size).tolist(),
                "world_to_camera": view.world_to_camera.tolist(),
            }
        )
    truth = [{"name": s.name, "centre": s.centre.tolist(), "half": list(s.half)} for s in world.table.solids]
    (folder / "scene.json").write_text(
        json.dumps({"metric": True, "depth_scale": 1000, "views": views, "truth": truth}, indent=1)
    )


def write(world: World, folder: Path, name: str, scale: float = PIXELS_PER_UNIT) -> list[str]:
    """Write the files of one world.

    Parameters
    ----------
    world : what to write
    folder : must be there
    name : how the names of its files begin
    scale : pixels per unit

    Returns
    -------
    list of str
        What a question about the world names as inputs, relative to ``folder``, in the order of its stills.

    Raises
    ------
    OSError
        If the folder is not there or cannot be written to.
    """
    if world.kind == "scenes":
        _write_scene(folder / name, world, scale)
        return [name]
    images, _ = world.render(scale)
    if world.kind == "videos":
        _write_video(folder / f"{name}.mp4", images, world.fps)
        return [f"{name}.mp4"]
    names = [f"{name}.png"] if len(images) == 1 else [f"{name}-{i + 1}.png" for i in range(len(images))]
    for file, image in zip(names, images, strict=True):
        _write_png(folder / file, image)
    return names


def main(
    kind: Annotated[Kind, typer.Option(help="what to draw")],
    out: Annotated[Path, typer.Option(help="folder to write to")],
    seed: Annotated[int, typer.Option(help="the same seed gives the same worlds")] = 0,
    count: Annotated[int, typer.Option(min=1, help="how many worlds")] = 10,
) -> None:
    """Write rendered worlds and their questions, in held-out wordings, to a folder."""
    out.mkdir(parents=True, exist_ok=True)
    with (out / "questions.jsonl").open("w") as lines:
        for index, (world, asked) in enumerate(worlds(kind, seed, count)):
            inputs = write(world, out, f"{kind}-{seed}-{index:04d}")
            for q in asked:
                lines.write(
                    json.dumps({"inputs": inputs, "question": q.text, "answer": q.answer, "kind": q.kind})
                    + "\n"
                )


if __name__ == "__main__":
    typer.run(main)
