"""The agent and videos: found by the pocket model's own means, pinned, cited, and checked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sightloop import LlavaNext, VisualAgent
from sightloop.agent import Limits, Result
from sightloop.agent.steps import ObservationStep, PlanStep
from sightloop.agent.trace import diff, replay
from sightloop.errors import InputError
from sightloop.memory import Frame, Span
from sightloop.memory.store import VisualMemory
from sightloop.tools.captions import Captions, Readings
from sightloop.tools.video_questions import things
from sightloop.tools.video_worlds import Asked, Film, films, write

from .clips import real_clips
from .command import Sightloop, in_process

MOST_FRAMES = 16


@pytest.fixture(scope="module")
def film() -> Film:
    return next(films(5, 1, 60.0))


@pytest.fixture(scope="module")
def file(film: Film, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("films") / "long.mp4"
    write(film, path)
    return path


@pytest.fixture(scope="module")
def eyes() -> LlavaNext:
    return LlavaNext()


@pytest.fixture(scope="module")
def memory(eyes: LlavaNext, file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VisualMemory]:
    folder = tmp_path_factory.mktemp("memory")
    with VisualMemory(folder, embedder=eyes, captioner=Captions(eyes), reader=Readings(eyes)) as memory:
        memory.add(file)
        yield memory


@pytest.fixture(scope="module")
def agent(eyes: LlavaNext, memory: VisualMemory) -> VisualAgent:
    return VisualAgent(eyes, memory=memory)


@pytest.fixture
def sightloop(capsys: pytest.CaptureFixture[str]) -> Sightloop:
    return in_process(capsys)


def asked(film: Film, kind: str, answer: str | None = None) -> Asked:
    return next(a for a in film.asked if a.kind == kind and answer in (None, a.answer))


def tools(result: Result) -> list[str]:
    return [step.tool for step in result.steps if isinstance(step, ObservationStep)]


# ---------------------------------------------------------------- answers


def test_two_seconds_of_a_video_answer_the_question(agent: VisualAgent, film: Film, file: Path) -> None:
    right = []
    for one in film.asked:
        if one.kind == "when":
            continue
        result = agent.run(one.question, file)
        right.append(result.answer.casefold() == one.answer)
        assert result.usage.stills <= MOST_FRAMES
        if right[-1] and one.event is not None:
            cited = result.evidence[0]
            assert isinstance(cited.still.origin, Frame)
            assert isinstance(cited.region, Span)
            assert one.event.start <= cited.still.origin.t < one.event.end
            assert cited.region.start <= cited.still.origin.t <= cited.region.end
            assert cited.reopen().sha256 == cited.still.sha256
    assert len(right) == 6
    assert sum(right) >= 5


def test_a_moment_is_pinned_down_to_half_a_second_and_confirmed(
    agent: VisualAgent, film: Film, file: Path
) -> None:
    when = asked(film, "when")
    assert when.event is not None
    result = agent.run(when.question, file)
    assert tools(result) == ["find", "pin"]
    (cited,) = result.evidence
    assert isinstance(cited.region, Span)
    assert abs(cited.region.start - when.event.start) <= 0.5
    assert cited.verdict == "confirmed"
    assert result.usage.stills <= MOST_FRAMES
    minutes, seconds = result.answer.split(":")[1:]
    assert 60 * int(minutes) + float(seconds) == pytest.approx(cited.region.start, abs=0.06)


def test_its_end_is_pinned_down_too(agent: VisualAgent, film: Film, file: Path) -> None:
    when = asked(film, "when")
    assert when.event is not None
    assert when.event.thing is not None
    result = agent.run(f"When does the {when.event.thing.name} disappear?", file)
    (cited,) = result.evidence
    assert isinstance(cited.region, Span)
    assert abs(cited.region.end - when.event.end) <= 0.5


def test_a_question_for_two_things_gets_two_answers(agent: VisualAgent, film: Film, file: Path) -> None:
    going = asked(film, "direction")
    assert going.event is not None
    assert going.event.thing is not None
    question = f"When does the {going.event.thing.name} appear, and where does it go?"
    result = agent.run(question, file)
    first, second = result.answer.split("; ")
    assert abs(60 * int(first.split(":")[1]) + float(first.split(":")[2]) - going.event.start) <= 0.5
    assert second == going.answer
    assert result.question == question
    (planned,) = [step for step in result.steps if isinstance(step, PlanStep)]
    assert planned.parts == (
        f"When does the {going.event.thing.name} appear?",
        f"where does the {going.event.thing.name} go?",
    )
    assert diff(result, replay(agent, result)) == ()


def test_what_is_nowhere_is_said_to_be_nowhere(agent: VisualAgent, film: Film, file: Path) -> None:
    question = asked(film, "exists", "no").question
    result = agent.run(question, file)
    assert (result.answer, result.evidence[0].verdict) == ("no", "confirmed")
    (thing,) = things(question)
    assert agent.run(f"When does the {thing} appear?", file).answer == "there is none"


def test_a_memory_is_asked_without_inputs(agent: VisualAgent, film: Film, file: Path) -> None:
    sign = asked(film, "read")
    assert sign.event is not None
    result = agent.run("In which clip is there a word on a sign?")
    name, _, at = result.answer.partition(" at ")
    assert name == file.name
    assert sign.event.start <= 60 * int(at.split(":")[1]) + float(at.split(":")[2]) < sign.event.end


def test_a_follow_up_is_about_the_same_video(agent: VisualAgent, film: Film, file: Path) -> None:
    there, never = asked(film, "exists", "yes"), asked(film, "exists", "no")
    assert there.event is not None
    assert there.event.thing is not None
    first = agent.run(f"Is there a {there.event.thing.name}?", file, thread="film")
    second = agent.run(never.question, thread="film")
    assert (first.answer, second.answer) == ("yes", "no")


def test_without_a_memory_one_is_made_for_the_run(eyes: LlavaNext, film: Film, file: Path) -> None:
    there = asked(film, "exists", "yes")
    assert VisualAgent(eyes).run(there.question, file).answer == "yes"


def test_the_steps_say_what_of_the_video_was_looked_at(agent: VisualAgent, film: Film, file: Path) -> None:
    result = agent.run(asked(film, "exists", "yes").question, file)
    found = next(step for step in result.steps if isinstance(step, ObservationStep) and step.tool == "find")
    (timeline,) = found.timeline
    assert timeline.source == str(file)
    assert timeline.duration == pytest.approx(60.0, abs=0.2)
    assert len(timeline.shots) == len(film.takes)
    assert timeline.hits
    assert Result.model_validate_json(result.model_dump_json()) == result


def test_limits_hold_for_videos(eyes: LlavaNext, memory: VisualMemory, film: Film, file: Path) -> None:
    agent = VisualAgent(eyes, memory=memory, limits=Limits(steps=1))
    result = agent.run(asked(film, "color").question, file)
    assert result.stopped_because == "limit:steps"
    assert result.answer
    with pytest.raises(InputError, match="visual tokens"):
        VisualAgent(eyes, memory=memory, limits=Limits(visual_tokens=10)).run("Is there a red ring?", file)


# ---------------------------------------------------------------- inputs


def test_one_bad_video_does_not_stop_the_others(
    agent: VisualAgent, film: Film, file: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.mp4"
    bad.write_text("no video")
    result = agent.run(asked(film, "exists", "yes").question, [str(bad), str(file)])
    assert result.answer == "yes"
    (skipped,) = result.skipped
    assert str(bad) in skipped
    with pytest.raises(InputError, match=r"bad\.mp4"):
        agent.run("Is there a red ring?", bad)


def test_a_folder_stands_for_its_videos_and_pictures(agent: VisualAgent, film: Film, file: Path) -> None:
    assert agent.run(asked(film, "exists", "yes").question, file.parent).answer == "yes"


def test_photographs_are_not_claimed_to_be_known(eyes: LlavaNext, tmp_path: Path) -> None:
    result = VisualAgent(eyes).run("When does the red van arrive?", real_clips()["bikes.mp4"])
    assert any("unlike the rendered worlds" in note for note in result.notes)


# ---------------------------------------------------------------- the command line


def test_index_find_and_ask(sightloop: Sightloop, film: Film, file: Path, tmp_path: Path) -> None:
    mem, page = tmp_path / "mem", tmp_path / "out.html"
    there = asked(film, "exists", "yes")
    assert there.event is not None
    assert there.event.thing is not None
    bad = tmp_path / "empty.mp4"
    bad.touch()
    indexed = sightloop("index", file, bad, "--memory", mem, "--json")
    assert indexed.code == 0
    assert indexed.json["sources"] == [str(file)]
    assert indexed.json["skipped"][0]["input"] == str(bad)
    again = sightloop("index", file, "--memory", mem, "--json").json
    assert (again["unchanged"], again["stills"]) == ([str(file)], 0)
    found = sightloop("find", f"a {there.event.thing.name}", "--memory", mem, "--top", 3, "--json").json
    assert len(found["moments"]) <= 3
    best = found["moments"][0]
    assert there.event.start <= best["t"] < there.event.end
    assert best["start"] <= best["t"] <= best["end"]
    assert Path(best["thumbnail"]).is_file()
    told = sightloop("ask", there.question, "--memory", mem, "--json", "--report", page)
    assert told.json["answer"] == "yes"
    assert page.stat().st_size > 0
    held = sightloop("memory", "ls", "--memory", mem, "--json").json
    assert (held["sources"], held["held"][0]["path"]) == (1, str(file))
    assert sightloop("memory", "forget", file, "--memory", mem, "--json").json["forgotten"][str(file)] > 0
    assert sightloop("memory", "compact", "--memory", mem, "--json").json["freed"] >= 0
    assert sightloop("find", "a ring", "--memory", mem, "--json").json["moments"] == []
    assert sightloop("ask", "Is there a ring?", "--memory", mem, "--json").error["type"] == "InputError"


def test_export(sightloop: Sightloop, memory: VisualMemory, file: Path, tmp_path: Path) -> None:
    mem = tmp_path / "mem"
    assert sightloop("index", file, "--memory", mem, "--no-captions").code == 0
    told = sightloop("memory", "export", tmp_path / "out", "--memory", mem, "--json")
    assert Path(told.json["file"]).is_file()


def test_shots(sightloop: Sightloop) -> None:
    told = sightloop("shots", real_clips()["bikes.mp4"], "--json").json
    assert [shot["first_frame"] for shot in told["shots"]] == [0, 30, 76, 137, 187, 242]
    assert (told["fps"], told["frames"]) == (25.0, 250)
    for shot in told["shots"]:
        assert shot["keyframes"]
        assert all(shot["first_frame"] <= one["frame"] <= shot["last_frame"] for one in shot["keyframes"])
        assert all(shot["start"] <= one["t"] <= shot["end"] for one in shot["keyframes"])
    assert sightloop("shots", "missing.mp4", "--json").error["input"] == "missing.mp4"
    assert "shot   1" in sightloop("shots", real_clips()["bikes.mp4"]).out


def test_watch_plays_a_file_as_if_it_were_live(sightloop: Sightloop, tmp_path: Path) -> None:
    mem = tmp_path / "mem"
    told = sightloop(
        "watch", real_clips()["bikes.mp4"], "--memory", mem, "--seconds", 4, "--no-captions", "--json"
    )
    assert told.code == 0
    (held,) = sightloop("memory", "ls", "--memory", mem, "--json").json["held"]
    assert held["kind"] == "stream"
    assert held["stills"] >= 1


def test_a_memory_that_is_open_elsewhere_is_refused_at_once(
    sightloop: Sightloop, memory: VisualMemory, file: Path
) -> None:
    refused = sightloop("find", "a ring", "--memory", memory.folder, "--json")
    assert refused.code == 2
    assert refused.error["type"] == "MemoryLockedError"


def test_what_is_seen_twice_is_told_of_the_first_time(eyes: LlavaNext, film: Film, tmp_path: Path) -> None:
    length = sum(take.frames for take in film.takes)
    later = tuple(
        replace(
            take,
            first=take.first + length,
            event=take.event and replace(take.event, start=take.event.start + 60, end=take.event.end + 60),
        )
        for take in film.takes
    )
    file = tmp_path / "twice.mp4"
    write(replace(film, takes=(*film.takes, *later)), file)
    when = asked(film, "when")
    assert when.event is not None
    result = VisualAgent(eyes).run(when.question, file)
    (cited,) = result.evidence
    assert isinstance(cited.region, Span)
    assert abs(cited.region.start - when.event.start) <= 0.5
    (also,) = [note for note in result.notes if "also seen at" in note]
    assert "0:01:2" in also
