"""The bench of films: scores are strict, the model alone gets its chances, an agent is measured whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightloop.memory import Frame, Still
from sightloop.memory.store import VisualMemory
from sightloop.tools.llava_next import LlavaNext
from sightloop.tools.llava_next.answers import Usage
from sightloop.tools.llava_next.pocket.things import draw
from sightloop.tools.llava_next.prompts import Prompt
from sightloop.tools.moments import clock
from sightloop.tools.video_bare import bare_answer, time_told, uniform_times
from sightloop.tools.video_bench import majority, right, run
from sightloop.tools.video_retrieval import Pool, first, scenes, sought, spread
from sightloop.tools.video_worlds import FPS, SCALE, Asked, films, write

from .scripted import ScriptedEyes

TIMES = st.floats(0, 7200, allow_nan=False)
SECONDS = 60


def frames(count: int, every: float = 10.0) -> list[Still]:
    grey = np.full((32, 32, 3), 200, np.uint8)
    return [Still(grey, Frame(source="/film.mp4", t=i * every, index=i)) for i in range(count)]


def asked(kind: str, answer: str) -> Asked:
    return Asked(kind, "?", answer, None)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0:07:51.9", 471.9),
        ("0:07:51.9 in film.mp4", 471.9),
        ("7:51", 471.0),
        ("at 12.5 s", 12.5),
        ("12 seconds", 12.0),
        ("471.8", 471.8),
        ("Frame 3.", 20.0),
        ("frame 9", None),
        ("frame 0", None),
        ("frame 1 or frame 2", None),
        ("0:01:02 or 0:02:03", None),
        ("there is none", None),
        ("2 red rings", None),
        ("", None),
    ],
)
def test_the_one_time_that_an_answer_tells_is_read(text: str, seconds: float | None) -> None:
    told = time_told(text, frames(5))
    assert told == (None if seconds is None else pytest.approx(seconds))


@given(TIMES)
def test_a_time_told_as_answers_tell_it_is_read_back(t: float) -> None:
    told = time_told(clock(t))
    assert told is not None
    assert abs(told - t) <= 0.051


@given(TIMES, st.floats(-2, 2))
def test_a_time_is_right_within_half_a_second_and_no_further(t: float, off: float) -> None:
    said = max(0.0, round(t, 1) + round(off, 1))
    question = asked("when", f"{t:.1f}")
    assert right(question, f"{said:.1f} s") == (abs(round(said * 10) - round(float(f"{t:.1f}") * 10)) <= 5)


def test_other_answers_are_right_word_for_word() -> None:
    assert right(asked("shape", "ring"), "Ring.")
    assert right(asked("read", "st op"), "stop")
    assert not right(asked("shape", "ring"), "a ring")
    assert not right(asked("exists", "no"), "none")
    assert not right(asked("when", "3"), "there is none")


def test_the_majority_answer_is_the_one_that_is_right_most_often() -> None:
    assert majority([asked("exists", one) for one in ("yes", "no", "yes", "yes")]) == 0.75
    assert majority([asked("when", one) for one in ("10", "10.5", "11", "30")]) == 0.75


@given(st.floats(1, 1000), st.integers(1, 200))
def test_uniform_times_are_the_middles_of_equal_parts(seconds: float, count: int) -> None:
    times = uniform_times(seconds, count)
    assert len(times) == count
    assert np.allclose(np.diff([-times[0], *times, 2 * seconds - times[-1]]), seconds / count)


@given(st.lists(st.floats(0.1, 20), min_size=1, max_size=40), st.integers(1, 100))
def test_times_are_spread_over_scenes_one_each_before_any_has_two(lengths: list[float], count: int) -> None:
    ends = np.cumsum(lengths).tolist()
    found = list(zip([0.0, *ends[:-1]], ends, strict=True))
    times = spread(found, count)
    assert len(times) == count
    held = [sum(start <= t < end for t in times) for start, end in found]
    assert max(held) - min(held) <= 1


@pytest.fixture(scope="module")
def eyes() -> LlavaNext:
    return LlavaNext()


def test_frames_that_do_not_fit_one_prompt_are_shown_in_halves(eyes: LlavaNext) -> None:
    few, many = frames(16), frames(32)
    assert bare_answer(eyes, "Is there a red ring?", few).prompts == 1
    said = bare_answer(eyes, "Is there a red ring?", many, ("yes", "no"))
    assert said.prompts == 2
    assert said.text in ("yes", "no")
    assert list(said.stills) in (many[:16], many[16:])


def test_what_one_half_shows_counts_against_the_other_that_shows_nothing() -> None:
    stills = frames(32)

    def telling(prompt: Prompt) -> float:
        return 0.6 if stills[20] in prompt else 0.1

    def say(prompt: Prompt) -> tuple[str, float]:
        return ("frame 5", 0.3) if stills[20] in prompt else ("there is none", 0.9)

    eyes = ScriptedEyes(say, lambda prompt, _: (telling(prompt), 1 - telling(prompt)))
    assert bare_answer(eyes, "Is there a red ring?", stills[:16], ("yes", "no")).text == "no"
    assert bare_answer(eyes, "Is there a red ring?", stills, ("yes", "no")).text == "yes"
    said = bare_answer(eyes, "When does the red ring appear?", stills)
    assert time_told(said.text, said.stills) == 200.0  # the fifth frame of the second half


def test_a_thing_is_ranked_by_similarity_and_then_by_yes_or_no(eyes: LlavaNext) -> None:
    (film,) = films(101, 1, SECONDS)
    pool = Pool()
    times = [take.first / FPS + 0.5 for take in film.takes]
    times += [one.event.start + 1 for one in film.asked if one.event is not None]
    stills = [
        Still(draw(film.at(t), SCALE), Frame(source="/film.mp4", t=t, index=round(t * FPS))) for t in times
    ]
    pool.add(eyes, 0, stills)
    wanted = sought(0, film)
    assert [one.asked.kind for one in wanted if one.name.endswith(" thing")] == ["shape"]
    for one in wanted:
        best = first(eyes, pool, one, range(len(stills)))
        assert len(best) == 5
        assert one.inside(stills[best[0]]), one.asked.question


@dataclass(frozen=True)
class Heard:
    answer: str
    usage: Usage


class Knowing:
    """An agent that knows the films, but says that it saw one frame more with each question."""

    def __init__(self, known: Sequence[Asked]) -> None:
        self.known = {one.question: one.answer for one in known}
        self.asked = 0

    def run(self, question: str, inputs: str, /) -> Heard:
        self.asked += 1
        return Heard(self.known[question], Usage(stills=self.asked))


def test_an_agent_that_knows_is_right_and_the_model_alone_is_not(eyes: LlavaNext) -> None:
    (film,) = films(102, 1, SECONDS)

    def agent(_: LlavaNext, memory: VisualMemory) -> Knowing:
        return Knowing(film.asked)

    found = run(102, 1, agent=agent, eyes=eyes, seconds=SECONDS)
    rows: dict[str, dict[str, Any]] = {row["row"]: row for row in found["rows"]}
    assert rows["all"]["agent"] == 1
    assert rows["all"]["met"]
    assert rows["all"]["n"] == sum(row["n"] for name, row in rows.items() if name != "all") == 7
    assert max(rows["all"][key] for key in ("bare 16", "blind")) < 0.7
    assert found["frames"]["most"] == 7
    assert found["frames"]["prompts of the model alone"] == {"bare 16": 1, "bare 32": 2}
    recall = {row["row"]: row["recall@5"] for row in found["retrieval"]}
    assert all(0 <= share <= 1 for share in recall.values())
    assert recall["embedding, yes/no about 8; keyframes: ours"] > 0.5


def test_scenes_of_a_peer_follow_each_other(tmp_path: Any) -> None:
    pytest.importorskip("scenedetect")
    (film,) = films(103, 1, 60)
    write(film, tmp_path / "film.mp4")
    found = scenes(tmp_path / "film.mp4", "ContentDetector")
    assert found[0][0] == 0
    assert [end for _, end in found[:-1]] == [start for start, _ in found[1:]]
    assert found[-1][1] == pytest.approx(60, abs=0.2)
