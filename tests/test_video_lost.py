"""Videos that only a memory has: streams, and files that are gone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sightloop.agent import VisualAgent
from sightloop.agent.chat_brain import ChatBrain
from sightloop.memory.sources.videos import Video
from sightloop.memory.store import VisualMemory

from .scripted_chat import calling, scripted_chat
from .test_video_tools import COMES, FPS, GOES, QUESTION, Numbers, observations, rendered, times, watching


@pytest.fixture(scope="module")
def garden(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rendered(tmp_path_factory.mktemp("garden") / "garden.mp4")


@pytest.fixture(params=["a stream", "a file that is gone"])
def lost(request: pytest.FixtureRequest, garden: Path, tmp_path: Path) -> Iterator[VisualMemory]:
    """A memory of a video that only the memory has."""
    with VisualMemory(tmp_path / "memory", embedder=Numbers()) as memory:
        if request.param == "a stream":
            with Video(garden) as video:
                memory.add_stream(video.frames(), "rtsp://garden/1")
        else:
            copy = tmp_path / "garden.mp4"
            copy.write_bytes(garden.read_bytes())
            memory.add(copy)
            copy.unlink()
        yield memory


@pytest.mark.parametrize(
    ("question", "truth"), [(QUESTION, COMES), ("When does the red ring disappear?", GOES)]
)
def test_a_moment_lies_between_the_keyframes_that_were_kept(
    lost: VisualMemory, question: str, truth: int
) -> None:
    (source,) = lost.sources()
    keyframes = [kept.t for kept in lost.stored(source.path) if kept.t is not None]
    result = VisualAgent(watching(), memory=lost).run(question)
    found, pinned = observations(result)
    assert (found.tool, pinned.tool, pinned.failed) == ("find", "pin", False)
    assert result.answer.startswith(f"0:00:{min(t for t in keyframes if t >= truth / FPS):04.1f}")
    (cited,) = result.evidence
    assert cited.verdict == "unverified"
    assert any("not verified" in note for note in result.notes)


def test_frames_are_those_that_were_kept(lost: VisualMemory) -> None:
    (source,) = lost.sources()
    keyframes = [kept.t for kept in lost.stored(source.path) if kept.t is not None]
    model = scripted_chat(
        calling(("find", {})),
        calling(("frames", {"ranges": [[0, 20]], "count": 32})),
        calling(("frames", {"video": source.path, "ranges": [[keyframes[-1], 500]]})),
        "frame 1",
    )
    _, every, last = observations(VisualAgent(watching(), memory=lost, brain=ChatBrain(model)).run(QUESTION))
    assert set(times(every)) <= set(keyframes)
    assert times(every) == sorted(set(times(every)))
    assert times(last) == [keyframes[-1]]


def test_a_stream_is_called_by_its_address(garden: Path) -> None:
    with VisualMemory(embedder=Numbers()) as memory:
        with Video(garden) as video:
            memory.add_stream(video.frames(), "rtsp://garden/1")
        result = VisualAgent(watching(), memory=memory).run("In which video is there a red ring?")
        assert result.answer.startswith("rtsp://garden/1 at 0:00:")
