"""A robot's memory, asked "where did I last see my mug?".

Run ``python examples/robot_memory.py``. The robot goes from room to room, its camera is watched into a
memory, and its log says in which room it was when. Asked where something was last seen, a LangChain tool
finds the moments that show it, takes the last one, and names the room.

The embedded model knows rendered worlds: balls, blocks and pillars of eight colours, and no mugs. So the
rooms are rendered, and what is looked for is a red ball, which somebody carries about. Of a real camera it
would only guess; there, give a checkpoint, such as ``--model llava-hf/llava-interleave-qwen-7b-hf``, and ask
for the mug.
"""

from __future__ import annotations

import argparse
import math
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
from langchain_core.tools import BaseTool, tool

from sightloop import LlavaNext, VisualMemory
from sightloop.integrations.langchain import sightloop_tools
from sightloop.memory.sources.videos import Video
from sightloop.tools.llava_next.pocket.blocks import Room, Solid, Table, View, look_at, ray_cast
from sightloop.tools.llava_next.pocket.things import COLORS
from sightloop.tools.moments import clock
from sightloop.tools.remember import memory_of

FPS, SECONDS, SIDE = 5, 4, 256
"""Frames a second, seconds in each room, and pixels of a frame's sides."""
LENS = np.array([[0.9, 0, 0.5], [0, 0.9, 0.5], [0, 0, 1.0]])
SHOWN = 0.5
"""Probability from which a moment is taken to show what was asked for."""


def solid(color: str, shape: str, x: float, y: float) -> Solid:
    """Return a solid that stands on the floor at (x, y), in metres."""
    half = {"ball": (0.35,) * 3, "block": (0.33,) * 3, "pillar": (0.24, 0.24, 0.72)}[shape]
    return Solid(shape, color, x, y, half, COLORS[color])


MINE = solid("red", "ball", 0.3, -0.2)
"""What somebody carries about."""
ROOMS = {
    "kitchen": (solid("blue", "block", -1.2, 0.8), solid("yellow", "pillar", 1.2, 0.9)),
    "hall": (solid("green", "pillar", -1.0, -0.9), solid("blue", "ball", 0.9, 0.7)),
    "study": (solid("green", "block", -1.2, 0.9), solid("yellow", "block", -0.9, -0.9)),
}
ROUND = (("kitchen", True), ("hall", False), ("study", True), ("kitchen", False), ("hall", False))
"""Where the robot goes, and whether the thing is there at the time."""


def patrol() -> Iterator[tuple[str, np.ndarray]]:
    """Yield the room and the picture of each frame of the robot's round."""
    for name, there in ROUND:
        solids = (*ROOMS[name], MINE) if there else ROOMS[name]
        room = Room((2.6, 2.6), 2.6, (196, 190, 180), ((226, 224, 218),) * 4)
        for step in range(SECONDS * FPS):
            angle = 0.6 * step / (SECONDS * FPS)  # it turns a little while it stands there
            eye = np.array([2.3 * math.cos(angle), -2.3 * math.sin(angle), 1.5])
            view = View(LENS, look_at(eye, np.array([0.0, 0.0, 0.3])))
            color, _, _ = ray_cast(Table(solids, (view,), (235, 232, 225), room), view, SIDE, SIDE)
            yield name, color


def filmed(path: Path) -> list[tuple[float, str]]:
    """Write what the robot's camera sees, and return its log: from when on it was in which room."""
    log: list[tuple[float, str]] = []
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"preset": "ultrafast", "crf": "16"})
        stream.width = stream.height = SIDE
        stream.pix_fmt = "yuv420p"
        for number, (room, picture) in enumerate(patrol()):
            if not log or log[-1][1] != room:
                log.append((number / FPS, room))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return log


def last_seen(memory: VisualMemory, eyes: LlavaNext, log: list[tuple[float, str]]) -> BaseTool:
    """Return a tool that an agent of the robot can call."""
    find = next(one for one in sightloop_tools(memory, eyes) if one.name == "find")

    @tool(response_format="content_and_artifact")
    def where_last_seen(thing: str) -> tuple[str, dict[str, Any] | None]:
        """Say in which room a thing was last seen, and when."""
        call = {"type": "tool_call", "id": "find", "name": "find", "args": {"query": thing, "top": 20}}
        moments = find.invoke(call).artifact["moments"]
        shown = [one for one in moments if (one["there"] or 0) >= SHOWN]
        if not shown:
            return f"I have not seen {thing}.", None
        last = max(shown, key=lambda one: one["end"])
        room = next(name for begun, name in reversed(log) if begun <= last["t"])
        ago = memory.sources()[0].seconds - last["end"]
        return f"I last saw {thing} {ago:.0f} s ago, at {clock(last['end'])}, in the {room}.", last

    return where_last_seen


def main() -> None:
    """Watch the robot's round into a memory, then ask."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("thing", nargs="?", default="the red ball")
    parser.add_argument("--model", help="a checkpoint; the embedded model by default")
    parser.add_argument("--picture", type=Path, help="where to write the picture of that moment")
    options = parser.parse_args()
    eyes = LlavaNext(options.model)
    with tempfile.TemporaryDirectory() as folder, memory_of(eyes) as memory:
        film = Path(folder) / "round.mp4"
        log = filmed(film)
        with Video(film) as camera:  # a real one: Stream("rtsp://...") or Stream("/dev/video0")
            memory.add_stream(camera.frames(), "robot")
        ask = last_seen(memory, eyes, log)
        message = ask.invoke(
            {"type": "tool_call", "id": "1", "name": ask.name, "args": {"thing": options.thing}}
        )
        print(message.content)
        if options.picture and message.artifact:
            memory.still(memory.held(message.artifact["handle"])).to_pil().save(options.picture)


if __name__ == "__main__":
    main()
