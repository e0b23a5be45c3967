"""Films: exact, fair, the same for the same seed, and files that show what the truth says when it says so."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightloop.errors import InputError
from sightloop.tools.llava_next.pocket import model
from sightloop.tools.llava_next.pocket.things import COLORS, SHAPES
from sightloop.tools.video_worlds import (
    APART,
    EVENT,
    FPS,
    SCALE,
    TAKE,
    Asked,
    Film,
    films,
    main,
    write,
)

SEEDS = st.integers(0, 2**31)
MINUTES = 2


def film_of(seed: int) -> Film:
    return next(iter(films(seed, 1, 60 * MINUTES)))


def subjects(film: Film) -> list[tuple[Asked, set[str]]]:
    """Each question about a thing, with the words that single the thing out."""
    found = []
    for asked in film.asked:
        if asked.event is not None and asked.event.thing is not None:
            thing = asked.event.thing
            words = {"shape": {thing.color}, "color": {thing.shape}}.get(asked.kind, set(thing.name.split()))
            found.append((asked, words))
    return found


def told(film: Film) -> list[tuple[str, str, str]]:
    return [(asked.kind, asked.question, asked.answer) for asked in film.asked]


def test_a_seed_draws_the_same_films_and_fewer_are_the_first_of_more() -> None:
    first, second = films(5, 2, 120)
    assert told(first) == told(film_of(5))
    assert first.takes == film_of(5).takes
    assert told(second) != told(first) != told(film_of(6))


@settings(max_examples=10, deadline=None)
@given(SEEDS)
def test_takes_fill_the_film_and_events_lie_within_them(seed: int) -> None:
    film = film_of(seed)
    ends = [take.first + take.frames for take in film.takes]
    assert [0, *ends] == [*(take.first for take in film.takes), MINUTES * 60 * FPS]
    assert all(TAKE[0] * FPS <= take.frames <= TAKE[1] * FPS for take in film.takes)
    for take, end in zip(film.takes, ends, strict=True):
        if (event := take.event) is not None:
            assert event.end - event.start == pytest.approx(EVENT)
            assert take.first / FPS + APART <= event.start + 1e-9
            assert event.end + APART <= end / FPS + 1e-9


@settings(max_examples=10, deadline=None)
@given(SEEDS)
def test_only_the_event_answers_and_its_colour_and_shape_occur_apart(seed: int) -> None:
    film = film_of(seed)
    frames = range(MINUTES * 60 * FPS)
    shown = {frame: film.at(frame / FPS) for frame in frames}
    for asked, words in subjects(film):
        assert asked.event is not None
        seen = [f for f, sheet in shown.items() if any(words <= set(t.name.split()) for t in sheet.things)]
        assert seen == list(range(round(asked.event.start * FPS), round(asked.event.end * FPS)))
    (read,) = (asked for asked in film.asked if asked.kind == "read")
    assert read.event is not None
    written = {f for f, sheet in shown.items() if sheet.writing is not None}
    assert written == set(range(round(read.event.start * FPS), round(read.event.end * FPS)))


def test_of_a_whole_film_each_colour_and_shape_that_is_asked_for_by_both_is_elsewhere_too() -> None:
    (film,) = films(100, 1)
    names = {thing.name for take in film.takes for thing in take.sheet.things}
    for asked, words in subjects(film):
        if len(words) == 2:
            assert all(any(word in name.split() for name in names) for word in words), asked.question


def test_there_is_a_question_of_every_kind_and_yes_is_as_frequent_as_no() -> None:
    asked = [asked for film in films(7, 6, 120) for asked in film.asked]
    kinds = Counter(one.kind for one in asked)
    assert kinds == {"when": 6, "shape": 6, "color": 6, "read": 6, "direction": 6, "exists": 12}
    assert Counter(one.answer for one in asked if one.kind == "exists") == {"yes": 6, "no": 6}
    assert all(one.event is None for one in asked if one.answer == "no")
    assert {one.answer for one in asked if one.kind == "direction"} <= {"left", "right", "up", "down"}


@settings(max_examples=10, deadline=None)
@given(SEEDS)
def test_what_never_comes_is_made_of_a_colour_and_a_shape_that_do_come(seed: int) -> None:
    film = film_of(seed)
    question = next(asked.question for asked in film.asked if asked.answer == "no").casefold()
    words = question.replace("?", "").split()
    color = next(c for c in COLORS if c in words)
    shape = next(s for s in SHAPES if any(word in (s, s + "s", s + "es") for word in words))
    for take in film.takes:
        things = [*take.sheet.things, *([take.event.thing] if take.event and take.event.thing else [])]
        assert (color, shape) not in [(thing.color, thing.shape) for thing in things]


def test_nothing_asked_is_unknown_to_the_tokenizer() -> None:
    tokenizer = model.tokenizer()
    for film in films(3, 4, 120):
        for asked in film.asked:
            assert tokenizer.unk_token_id not in tokenizer(asked.question).input_ids


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Film, list[np.ndarray], list[float]]:
    """A film, the frames of its file, and when they are shown."""
    film = film_of(100)
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    write(film, path)
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
        return film, [frame.to_ndarray(format="rgb24") for frame in frames], [float(f.time) for f in frames]


def test_a_written_film_shows_every_frame_at_its_time(
    written: tuple[Film, list[np.ndarray], list[float]],
) -> None:
    film, frames, times = written
    assert times == pytest.approx([i / FPS for i in range(MINUTES * 60 * FPS)])
    for number, image in enumerate(film.images()):
        if number % 97 == 0:
            assert np.abs(frames[number].astype(int) - image).mean() < 4


def test_an_event_is_seen_in_its_box_from_its_start_to_its_end_and_not_a_frame_longer(
    written: tuple[Film, list[np.ndarray], list[float]],
) -> None:
    film, frames, _ = written
    for asked in film.asked:
        if (event := asked.event) is None:
            continue
        first, after = round(event.start * FPS), round(event.end * FPS)
        edge = round(SCALE) + 1  # softened, and colour at half the resolution
        box = (
            slice(max(0, int(event.box.y0) - edge), int(event.box.y1) + edge),
            slice(max(0, int(event.box.x0) - edge), int(event.box.x1) + edge),
        )
        before = frames[first - 1].astype(int)
        changed = [np.abs(frames[i] - before).max(2) > 60 for i in (first, after - 1, after)]
        assert [mask.any() for mask in changed] == [True, True, False], asked.question
        for mask in changed[:2]:
            mask[box] = False
            assert not mask.any(), asked.question


def test_a_moving_event_goes_the_way_that_its_answer_says() -> None:
    ways = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
    for film in films(11, 4, 120):
        (asked,) = (asked for asked in film.asked if asked.kind == "direction")
        event = asked.event
        assert event is not None
        assert event.thing is not None
        last = next(t for t in film.at(event.end - 1 / FPS).things if t.name == event.thing.name)
        dx, dy = ways[asked.answer]
        assert (last.x - event.thing.x) * dx + (last.y - event.thing.y) * dy > 0.3 * 128


def test_the_command_writes_files_and_their_questions(tmp_path: Path) -> None:
    main(tmp_path, seed=2, count=1)
    lines = [json.loads(line) for line in (tmp_path / "questions.jsonl").read_text().splitlines()]
    assert len(lines) == 7
    for line in lines:
        assert set(line) == {"inputs", "question", "answer", "kind", "start", "end"}
        assert all((tmp_path / name).is_file() for name in line["inputs"])
        assert (line["start"] is None) == (line["answer"] == "no")


def test_a_film_too_short_for_its_events_is_refused():
    with pytest.raises(InputError, match="at least 60 seconds"):
        next(films(1, 1, 30.0))
