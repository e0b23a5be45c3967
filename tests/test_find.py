"""Find: few keyframes are looked at, more only where none shows it, and the best come first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sightloop.errors import InputError
from sightloop.memory import Frame, Still
from sightloop.memory.store import VisualMemory
from sightloop.tools.captions import READ, SIGN, Captions, Readings
from sightloop.tools.find import ANY_TEXT, FIRST, IS_WRITTEN, MORE, SHOWN, Candidate, Findings, find, moments
from sightloop.tools.llava_next.checkpoints import find as checkpoint
from sightloop.tools.llava_next.prompts import Prompt

from .clips import clip
from .scripted import ScriptedEyes

COLOURS = {
    "red": (200, 30, 30),
    "green": (30, 160, 40),
    "blue": (30, 50, 200),
    "yellow": (220, 210, 40),
    "purple": (150, 30, 170),
    "grey": (110, 110, 110),
    "white": (240, 240, 240),
    "black": (15, 15, 15),
}
EACH = 12
"""Frames of a shot, at ten a second."""
LONG = ["grey", "red", "blue", "grey", "green", "blue", "white", "yellow", "black", "blue", "purple", "grey"]
SHORT = ["white", "green", "black"]


class Hues:
    """An embedder: of a still its mean colour, of words the colours that they name."""

    name = "hues"

    def embed(self, items: Sequence[Still | str]) -> np.ndarray:
        vectors = np.stack([self._one(item) for item in items])
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)

    @staticmethod
    def _one(item: Still | str) -> np.ndarray:
        if isinstance(item, Still):
            pixels = item.pixels.reshape(-1, 3).mean(axis=0)
        else:
            named = [colour for name, colour in COLOURS.items() if name in item.casefold().split()]
            pixels = np.mean(named or [(128, 128, 128)], axis=0)
        return np.append(pixels - 128, 30.0)  # grey has a direction too


def reel(path: Path, colours: Sequence[str]) -> Path:
    """A clip of shots of one colour each, in which a small bar moves."""

    def paint(number: int) -> np.ndarray:
        shot, at = divmod(number, EACH)
        frame = np.full((64, 96, 3), COLOURS[colours[shot]], np.uint8)
        frame[58:, at * 6 : at * 6 + 12] = 128
        return frame

    return clip(path, len(colours) * EACH, paint=paint, fps=10)


def colour_of(still: Still) -> str:
    pixels = still.pixels[:50].reshape(-1, 3).mean(axis=0)
    return min(COLOURS, key=lambda name: float(np.abs(pixels - COLOURS[name]).sum()))


def seeing(sure: Callable[[str, str], float], says: str = "none", name: str = "pocket") -> ScriptedEyes:
    """Eyes that are given the colour of a still and a question, and give the probability of yes."""

    def weigh(prompt: Prompt, options: Sequence[str]) -> Sequence[float]:
        still, question = prompt
        assert isinstance(still, Still)
        assert isinstance(question, str)
        yes = sure(colour_of(still), question)
        return [yes, 1 - yes]

    return ScriptedEyes(lambda prompt: (says, 0.8), weigh, checkpoint(name))


def right(colour: str, question: str) -> float:
    """What a model that knows its colours says."""
    return 0.9 if colour in question else 0.1


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("reels")
    photo = folder / "photo.png"
    Image.new("RGB", (90, 60), COLOURS["purple"]).save(photo)
    return {
        "long": reel(folder / "long.mp4", LONG),
        "short": reel(folder / "short.mp4", SHORT),
        "photo": photo,
    }


@pytest.fixture(scope="module")
def memory(files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[VisualMemory]:
    with VisualMemory(tmp_path_factory.mktemp("memory"), embedder=Hues()) as memory:
        for file in files.values():
            memory.add(file)
        yield memory


def shot_of(one: Candidate) -> str:
    """The colour of the shot that a candidate of the long film lies in."""
    assert isinstance(one.still.origin, Frame)
    return LONG[one.still.origin.index // EACH]


def ordered(found: Findings) -> bool:
    sure = [one.there or 0.0 for one in found.candidates]
    return sure == sorted(sure, reverse=True)


# ---------------------------------------------------------------- looks


def test_what_is_found_at_once_needs_no_more_looks(memory: VisualMemory, files: dict[str, Path]) -> None:
    eyes = seeing(right)
    found = find(eyes, memory, "When does the blue ring appear?", sources=[str(files["long"])])
    assert found.query == "a blue ring"
    assert len(eyes.asked) == len(found.parts) == len(found.candidates) == FIRST
    assert {part.question for part in found.parts} == {"Is there a blue ring?"}
    assert {shot_of(one) for one in found.shown} == {"blue"}
    assert all(one.there == pytest.approx(0.9) for one in found.shown)
    assert found.surest == pytest.approx(0.9)
    assert ordered(found)
    for one in found.shown:
        assert one.span is not None
        assert isinstance(one.still.origin, Frame)
        assert one.span.start <= one.still.origin.t <= one.span.end
        assert Path(one.thumbnail).is_file()


def test_more_are_looked_at_where_none_shows_it(memory: VisualMemory) -> None:
    eyes = seeing(lambda colour, question: 0.2)
    found = find(eyes, memory, "Is there a blue ring?")
    assert len(eyes.asked) == len(found.candidates) == FIRST + MORE
    assert found.shown == ()
    assert found.surest == pytest.approx(0.2)
    assert len({one.still.ref for one in found.candidates}) == FIRST + MORE


def test_what_only_the_later_looks_show_is_found(memory: VisualMemory) -> None:
    order: list[str] = []

    def late(colour: str, question: str) -> float:
        order.append(colour)
        return 0.7 if len(order) == FIRST + 2 else 0.3

    found = find(seeing(late), memory, "Is there a blue ring?")
    assert (len(order), len(found.shown)) == (FIRST + MORE, 1)
    assert found.candidates[0].there == pytest.approx(0.7)
    assert found.parts[FIRST + 1].still == FIRST + 1
    assert ordered(found)


def test_a_small_memory_is_looked_at_once(files: dict[str, Path]) -> None:
    with VisualMemory(embedder=Hues()) as memory:
        memory.add(files["short"])
        memory.add(files["photo"])
        eyes = seeing(lambda colour, question: 0.1)
        found = find(eyes, memory, "Is there an orange ring?")
        stills = memory.size()["stills"]
        assert len(eyes.asked) == len(found.candidates) == stills < FIRST
        listed = moments(eyes, memory, "an orange ring", top=50)
        assert len(listed.parts) == stills


def test_nothing_to_look_at(memory: VisualMemory) -> None:
    eyes = seeing(right)
    with VisualMemory(embedder=Hues()) as empty:
        for found in (find(eyes, empty, "a red ring"), moments(eyes, empty, "a red ring", top=3)):
            assert (found.candidates, found.shown, found.surest) == ((), (), 0.0)
    late = find(eyes, memory, "a red ring", start=1000.0)
    assert late.candidates == ()
    assert eyes.asked == []


@given(most=st.integers(1, 12), sure=st.sampled_from([0.1, SHOWN, 0.9]))
def test_looks_are_bounded(memory: VisualMemory, most: int, sure: float) -> None:
    eyes = seeing(lambda colour, question: sure)
    found = find(eyes, memory, "a red ring and a blue square", most=most)
    looked = most if sure < SHOWN else min(most, FIRST)
    assert len(found.candidates) == looked
    assert len(eyes.asked) == len(found.parts) == 2 * looked
    assert [part.still for part in found.parts] == [k // 2 for k in range(2 * looked)]


@given(doubts=st.dictionaries(st.sampled_from(sorted(COLOURS)), st.floats(0.01, 0.99)))
def test_the_surest_come_first_whatever_is_said(memory: VisualMemory, doubts: dict[str, float]) -> None:
    eyes = seeing(lambda colour, question: doubts.get(colour, 0.3))
    found = find(eyes, memory, "Is there a green ring?")
    assert ordered(found)
    assert found.shown == found.candidates[: len(found.shown)]
    assert all((one.there or 0) >= SHOWN for one in found.shown)
    assert found.surest == max(one.there or 0 for one in found.candidates)


def test_all_things_must_be_there(memory: VisualMemory) -> None:
    eyes = seeing(right)
    found = find(eyes, memory, "Is the red ring left of the blue square?")
    assert found.query == "a red ring and a blue square"
    assert {part.question for part in found.parts} == {"Is there a red ring?", "Is there a blue square?"}
    assert found.shown == ()  # no shot has both colours
    assert all(one.there == pytest.approx(0.1) for one in found.candidates)
    assert {shot_of(one) for one in moments(seeing(right), memory, "a red ring", top=1).candidates} == {"red"}


def test_a_question_that_names_no_thing_is_only_searched(memory: VisualMemory) -> None:
    eyes = seeing(right)
    found = find(eyes, memory, "Is it raining?")
    assert eyes.asked == []
    assert (found.query, found.parts) == ("is it raining", ())
    assert len(found.candidates) == len(found.shown) == FIRST
    assert all(one.there is None for one in found.candidates)
    assert found.surest == 0


# ---------------------------------------------------------------- where


def test_only_the_named_files(memory: VisualMemory, files: dict[str, Path]) -> None:
    for names in (["short"], ["photo"], ["short", "photo"]):
        wanted = {str(files[name]) for name in names}
        found = find(seeing(right), memory, "a purple ring", sources=wanted)
        assert {one.source for one in found.candidates} == wanted
    with pytest.raises(InputError, match=r"shorts\.mp4.*short\.mp4"):
        find(seeing(right), memory, "a ring", sources=[str(files["short"].with_name("shorts.mp4"))])


@given(start=st.floats(0, 14), length=st.floats(0, 8))
def test_only_in_the_time_that_is_given(memory: VisualMemory, start: float, length: float) -> None:
    for found in (
        find(seeing(right), memory, "a blue ring", start=start, end=start + length),
        moments(seeing(right), memory, "a blue ring", top=4, start=start, end=start + length),
    ):
        for one in found.candidates:
            assert isinstance(one.still.origin, Frame)
            assert start <= one.still.origin.t <= start + length


# ---------------------------------------------------------------- words


class Labels:
    """Says what colour a still has; reads a word on white ones."""

    def captions(self, stills: Sequence[Still]) -> list[str]:
        return [f"a {colour_of(still)} wall" for still in stills]

    def texts(self, stills: Sequence[Still]) -> list[str]:
        return ['the text "EXIT"' if colour_of(still) == "white" else "" for still in stills]


def test_text_is_read_where_there_is_some(files: dict[str, Path]) -> None:
    with VisualMemory(embedder=Hues(), captioner=Labels(), reader=Labels()) as memory:
        memory.add(files["long"])
        eyes = seeing(right, says="EXIT")
        found = find(eyes, memory, "In which clip is there a word on a sign?")
        first = found.candidates[0]
        assert (shot_of(first), first.there) == ("white", pytest.approx(0.8))
        assert ANY_TEXT in first.text
        assert {part.question for part in found.parts} == {IS_WRITTEN}
        assert {prompt[1] for prompt in eyes.asked} == {SIGN}
        blind = seeing(right, says="None.")
        nothing = find(blind, memory, "Is there any text?")
        assert nothing.shown == ()
        assert nothing.surest == pytest.approx(0.2)
        assert len(nothing.candidates) == FIRST + MORE


def test_a_model_that_knows_what_text_is_is_asked_whether_there_is_some(memory: VisualMemory) -> None:
    eyes = seeing(lambda colour, question: 0.7 if colour == "white" else 0.1, name="llava-v1.6-mistral-7b-hf")
    found = find(eyes, memory, "Is there a man with a white sign?")
    assert {part.question for part in found.parts} == {"Is there a man?", "Is there a white sign?"}
    assert {colour_of(one.still) for one in found.shown} == {"white"}


def test_captions_are_told_with_what_was_found(files: dict[str, Path]) -> None:
    with VisualMemory(embedder=Hues(), captioner=Labels()) as memory:
        memory.add(files["long"])
        best = find(seeing(right), memory, "a yellow wall").candidates[0]
        assert (shot_of(best), best.text) == ("yellow", "a yellow wall")


def test_eyes_describe_and_read_for_a_memory(files: dict[str, Path]) -> None:
    eyes = seeing(right, says="  EXIT\n here ")
    stills = [Still.from_array(np.zeros((20, 30, 3), np.uint8)) for _ in range(3)]
    assert Captions(eyes).captions(stills) == ["EXIT here"] * 3
    assert Readings(eyes).texts(stills) == [f'{ANY_TEXT} "EXIT here"'] * 3
    assert {prompt[1] for prompt in eyes.asked} >= {SIGN}
    other = seeing(right, says="EXIT", name="llava-v1.6-mistral-7b-hf")
    assert Readings(other).texts(stills[:1]) == [f'{ANY_TEXT} "EXIT"']
    assert {prompt[1] for prompt in other.asked} == {READ}
    for nothing in ("", "None.", "no text", "There is no text.", " nothing "):
        assert Readings(seeing(right, says=nothing)).texts(stills) == [""] * 3
    assert Captions(eyes).captions([]) == Readings(eyes).texts([]) == []


# ---------------------------------------------------------------- moments


def apart(found: Findings) -> bool:
    """Whether no two moments of one video overlap in time."""
    spans: dict[str, list[tuple[float, float]]] = {}
    for one in found.candidates:
        if one.span is not None:
            spans.setdefault(one.source, []).append((one.span.start, one.span.end))
    return all(
        one[1] < other[0]
        for mine in spans.values()
        for one, other in zip(sorted(mine), sorted(mine)[1:], strict=False)
    )


@given(
    top=st.integers(1, 9),
    look=st.booleans(),
    words=st.sampled_from(["a blue ring", "red", "Is it dark?", "purple and green walls", "a wall"]),
    doubts=st.dictionaries(st.sampled_from(sorted(COLOURS)), st.floats(0.01, 0.99)),
)
def test_no_two_moments_overlap(
    memory: VisualMemory, top: int, look: bool, words: str, doubts: dict[str, float]
) -> None:
    eyes = seeing(lambda colour, question: doubts.get(colour, 0.3))
    found = moments(eyes, memory, words, top=top, look=look)
    assert 1 <= len(found.candidates) <= top
    assert apart(found)
    assert ordered(found)
    assert len({one.still.ref for one in found.candidates}) == len(found.candidates)
    assert len(found.parts) == len(eyes.asked)
    assert len(eyes.asked) <= (2 * top * 2 if look else 0)


def test_moments_are_told_with_times_and_pictures(memory: VisualMemory, files: dict[str, Path]) -> None:
    found = moments(seeing(right), memory, "a blue ring", top=3)
    assert [shot_of(one) for one in found.candidates] == ["blue"] * 3
    for one in found.candidates:
        told = one.to_json()
        assert told["source"] == str(files["long"]) == one.source
        assert told["start"] <= told["t"] <= told["end"]
        assert (told["there"], told["thumbnail"]) == (one.there, one.thumbnail)
    (photo,) = moments(
        seeing(right), memory, "a purple ring", top=1, sources=[str(files["photo"])]
    ).candidates
    assert (photo.span, photo.to_json()["start"], photo.to_json()["end"]) == (None, None, None)
