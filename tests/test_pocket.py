"""The embedded model as a user meets it: right answers on fresh worlds, and an honest face to photographs."""

from __future__ import annotations

import numpy as np
import pytest

from sightloop import LlavaNext, Still
from sightloop.errors import InputError
from sightloop.tests.test_local import watching
from sightloop.tools.llava_next import Prompt, Said
from sightloop.tools.llava_next.pocket.bench import calibration_error, run
from sightloop.tools.llava_next.pocket.familiar import UNFAMILIAR, UNFAMILIAR_CONFIDENCE, Familiar
from sightloop.tools.llava_next.pocket.untaught import untaught
from sightloop.tools.llava_next.pocket.worlds import worlds

SEED = 77
EASY = {"shape", "color", "size", "where", "point", "exists", "match", "which"}


@pytest.fixture(scope="module")
def eyes() -> LlavaNext:
    return LlavaNext()


def test_the_benchmark_measures_what_the_readme_promises(eyes: LlavaNext) -> None:
    """On another seed than the table's, few worlds, with room for chance: broken weights do not pass."""
    table = run(SEED, 12, eyes)
    rows = {row["kind"]: row for row in table["rows"]}
    looked_up = [rows[kind]["accuracy"] for kind in EASY]
    assert np.mean(looked_up) > 85
    assert all(row["accuracy"] >= row["blind"] for kind, row in rows.items() if kind in EASY)
    assert table["calibration"]["ece"] < 0.12
    assert table["retrieval"]["hit@5"] > 3 * table["retrieval"]["chance@5"]


def test_photographs_are_flagged_with_the_way_out(eyes: LlavaNext) -> None:
    data = pytest.importorskip("skimage.data", reason="needs the photographs of scikit-image (extra dev)")
    for picture in (data.chelsea(), data.coffee(), data.astronaut()):
        answer = eyes.answer([Still.from_array(picture), "how many things are there ?"])
        assert UNFAMILIAR in answer.notes
        assert "hf download llava-hf/" in UNFAMILIAR
        assert answer.confidence <= UNFAMILIAR_CONFIDENCE
        choice = eyes.choose([Still.from_array(picture), "is there a red circle ?"], ["yes", "no"])
        assert UNFAMILIAR in choice.notes
        assert choice.confidence <= (1 + UNFAMILIAR_CONFIDENCE) / 2
        assert sum(choice.probabilities) == pytest.approx(1)


def test_a_still_is_as_familiar_among_others_as_alone(eyes: LlavaNext) -> None:
    """Of several stills each is fed as one tile, alone with its grid."""
    noted = []
    for world, asked in worlds("sets", SEED, 8):
        stills = [Still.from_array(image) for image in world.render(2.0)[0]]
        noted.append(UNFAMILIAR in eyes.answer([*stills, asked[0].text]).notes)
    assert sum(noted) <= 1


def test_it_knows_one_turn(eyes: LlavaNext) -> None:
    still = Still.from_array(np.zeros((60, 90, 3), np.uint8))
    prompt: Prompt = [still, "what is it ?", Said("a circle"), "which colour ?"]
    for ask in (eyes.plan, eyes.answer, lambda prompt: list(eyes.stream(prompt))):
        with watching("LlamaModel") as reading, pytest.raises(InputError, match="one turn"):
            ask(prompt)
        assert reading == []


def test_familiarity_keeps_the_share_it_was_fitted_to() -> None:
    rng = np.random.default_rng(0)
    mix = rng.normal(size=(8, 8))
    known, other, held_out, strange = (
        (rng.normal(size=(4000, 8)) @ mix + offset).astype(np.float32) for offset in (1, 80, 1, 40)
    )
    held_out[::2] += 79  # of both classes, between which lies what is strange
    fitted = Familiar.fit([known, other], held_out, share=0.99)
    assert np.mean(fitted.distance(held_out) <= fitted.threshold) == pytest.approx(0.99, abs=0.002)
    assert not any(fitted.knows(features) for features in strange[:50])


def test_familiarity_survives_a_file(tmp_path) -> None:  # type: ignore[no-untyped-def]
    features = np.random.default_rng(1).normal(size=(500, 4)).astype(np.float32)
    fitted = Familiar.fit([features, features + 1], features)
    assert Familiar.load(tmp_path) is None
    fitted.save(tmp_path)
    loaded = Familiar.load(tmp_path)
    assert loaded is not None
    assert loaded.threshold == pytest.approx(fitted.threshold)
    np.testing.assert_array_equal(loaded.distance(features), fitted.distance(features))


def test_calibration_error_of_known_cases() -> None:
    assert calibration_error([1.0] * 10, [True] * 10) == pytest.approx(0)
    assert calibration_error([1.0] * 10, [False] * 10) == pytest.approx(1)
    assert calibration_error([0.5] * 10, [True, False] * 5) == pytest.approx(0)
    assert calibration_error([0.9] * 4 + [0.1] * 4, [True] * 2 + [False] * 2 + [False] * 4) == pytest.approx(
        0.25
    )


def test_words_that_it_was_never_taught_make_an_answer_a_guess(eyes: LlavaNext) -> None:
    still = Still.from_array(np.full((96, 96, 3), 255, np.uint8))
    answer = eyes.answer([still, "How many hospitals took part in the study?"])
    assert answer.confidence <= UNFAMILIAR_CONFIDENCE
    assert any("hospitals" in note and "study" in note for note in answer.notes)
    choice = eyes.choose([still, "Is the invoice overdue?"], ["yes", "no"])
    assert choice.confidence <= (1 + UNFAMILIAR_CONFIDENCE) / 2
    assert not any("never taught" in note for note in eyes.answer([still, "Is there a red XKCD?"]).notes)
    for other in ("the EXIT sign", "the word exit", 'the "exit" there', "the red star in the video"):
        assert not any("never taught" in n for n in eyes.answer([still, f"Where is {other}?"]).notes), other
    for thing in ("Is there a mug?", "Is there a large red mug?", "How many people are there?"):
        assert eyes.answer([still, thing]).confidence <= UNFAMILIAR_CONFIDENCE, thing
    greeted = eyes.answer([still, "Hello"])
    assert greeted.confidence <= UNFAMILIAR_CONFIDENCE
    assert any("hello" in note for note in greeted.notes)


@pytest.mark.parametrize("kind", ["photos", "pairs", "sets", "videos", "views"])
def test_it_was_taught_all_the_words_that_its_worlds_are_asked_about_in(eyes: LlavaNext, kind: str) -> None:
    tokenizer = eyes._loaded.tokenizer
    asked = {question.text for _, questions in worlds(kind, 5, 12) for question in questions}
    assert asked
    assert not [text for text in asked if untaught(tokenizer, text)]
