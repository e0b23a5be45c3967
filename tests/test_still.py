"""The vocabulary: sizes, crops, JSON round trips, and evidence that can be reopened."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from pydantic import ValidationError

from sightloop import Box, Evidence, Frame, Page, Photo, Point, Size, Span, Still, View, read_photo
from sightloop.errors import EvidenceError, InputError
from sightloop.memory import StillRef
from sightloop.memory.still import MIN_CROP

finite = st.floats(allow_nan=False, allow_infinity=False, width=32)
text = st.text(st.characters(exclude_categories=["Cs"]))
origins = st.one_of(
    st.builds(Photo, source=text),
    st.builds(Frame, source=text, t=finite, index=st.integers(0, 10**9)),
    st.builds(Page, source=text, number=st.integers(1, 10**6)),
    st.builds(View, source=text, camera=text),
)


@st.composite
def boxes(draw: st.DrawFn, low: float = -20, high: float = 60) -> Box:
    sides = st.lists(st.floats(low, high, width=32), min_size=2, max_size=2, unique=True).map(sorted)
    (x0, x1), (y0, y1) = draw(sides), draw(sides)
    return Box(x0=x0, y0=y0, x1=x1, y1=y1)


@st.composite
def spans(draw: st.DrawFn) -> Span:
    start, end = sorted((draw(finite), draw(finite)))
    return Span(start=start, end=end)


regions = st.one_of(
    st.none(), boxes(), spans(), st.builds(Point, x=finite, y=finite, z=finite, sigma=st.floats(0, 100))
)
refs = st.builds(
    StillRef,
    origin=origins,
    width=st.integers(1, 20_000),
    height=st.integers(1, 20_000),
    sha256=st.text("0123456789abcdef", min_size=64, max_size=64),
)
evidence = st.builds(
    Evidence,
    still=refs,
    region=regions,
    claim=text,
    confidence=st.floats(0, 1),
    verdict=st.sampled_from(["confirmed", "rejected", "unverified"]),
)


def located(size: tuple[int, int]) -> np.ndarray:
    """A picture whose every pixel tells where it is, so that a wrong crop cannot look right."""
    height, width = size
    y, x = np.mgrid[:height, :width].astype(np.uint8)
    return np.stack([x, y, x ^ y], axis=2)


maps = st.tuples(st.integers(1, 40), st.integers(1, 40)).map(located)
pictures = arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40), st.just(3)))


@given(evidence)
def test_evidence_survives_json(one: Evidence) -> None:
    assert Evidence.model_validate_json(one.model_dump_json()) == one
    assert Evidence.model_validate(json.loads(json.dumps(one.model_dump()))) == one


@given(evidence)
def test_evidence_json_is_the_contract(one: Evidence) -> None:
    data = json.loads(one.model_dump_json())
    assert list(data) == ["still", "region", "claim", "confidence", "verdict"]
    assert {"kind", "source", "width", "height", "sha256"} <= set(data["still"])
    assert data["still"]["kind"] == one.still.origin.kind
    assert "origin" not in data["still"]


@pytest.mark.parametrize(
    "broken",
    [
        {"confidence": 1.5},
        {"confidence": float("nan")},
        {"verdict": "maybe"},
        {"region": {"kind": "box", "x0": 5, "y0": 0, "x1": 5, "y1": 9}},
        {"region": {"kind": "box", "x0": 0, "y0": 0, "x1": float("inf"), "y1": 9}},
        {"region": {"kind": "span", "start": 2, "end": 1}},
        {"region": {"kind": "point", "x": 0, "y": 0, "z": 0, "sigma": -1}},
        {"region": {"kind": "circle"}},
        {"still": {"kind": "photo", "source": "a.png", "width": 3, "height": 2, "sha256": "no"}},
        {
            "still": {
                "kind": "page",
                "source": "a.pdf",
                "number": 0,
                "width": 3,
                "height": 2,
                "sha256": "0" * 64,
            }
        },
        {"still": {"kind": "photo", "sauce": "a.png", "width": 3, "height": 2, "sha256": "0" * 64}},
    ],
)
def test_malformed_evidence_is_refused(broken: dict[str, object]) -> None:
    good = {
        "still": {"kind": "photo", "source": "a.png", "width": 3, "height": 2, "sha256": "0" * 64},
        "claim": "a cat",
        "confidence": 0.5,
    }
    Evidence.model_validate(good)
    with pytest.raises(ValidationError):
        Evidence.model_validate({**good, **broken})


@given(maps, st.data())
def test_crops_of_crops_show_their_region_of_the_whole(pixels: np.ndarray, data: st.DataObject) -> None:
    whole = Still.from_array(pixels)
    crop = whole
    for _ in range(data.draw(st.integers(1, 3))):
        box = data.draw(boxes())
        width, height = crop.size
        outside = box.x1 <= 0 or box.y1 <= 0 or box.x0 >= width or box.y0 >= height
        if outside:
            with pytest.raises(InputError, match="outside"):
                crop.crop(box)
            continue
        smaller = crop.crop(box)
        assert smaller.size.width >= min(MIN_CROP, width)
        assert smaller.size.height >= min(MIN_CROP, height)
        assert smaller.ref == whole.ref
        crop = smaller
    if crop.region is not None:
        x0, y0, x1, y1 = (
            int(side) for side in (crop.region.x0, crop.region.y0, crop.region.x1, crop.region.y1)
        )
        assert np.array_equal(crop.pixels, pixels[y0:y1, x0:x1])
        assert crop.size == Size(x1 - x0, y1 - y0)


@given(pictures, st.data())
def test_a_crop_holds_all_of_its_box(pixels: np.ndarray, data: st.DataObject) -> None:
    whole = Still.from_array(pixels)
    width, height = whole.size
    sides = data.draw(boxes(low=0, high=1))
    box = Box(x0=sides.x0 * width, y0=sides.y0 * height, x1=sides.x1 * width, y1=sides.y1 * height)
    region = whole.crop(box).region
    assert region is not None
    assert region.x0 <= box.x0
    assert region.y0 <= box.y0
    assert region.x1 >= box.x1
    assert region.y1 >= box.y1


@given(pictures)
def test_pixels_cannot_change(pixels: np.ndarray) -> None:
    original = pixels.copy()
    still = Still(pixels, Photo(source="a.png"))
    pixels[:] = 255 - pixels
    assert np.array_equal(still.pixels, original)
    with pytest.raises(ValueError, match="read-only"):
        still.pixels[0, 0, 0] = 1


@given(pictures, pictures)
def test_stills_are_equal_when_pixels_are(a: np.ndarray, b: np.ndarray) -> None:
    origin = Photo(source="a.png")
    same = a.shape == b.shape and bool((a == b).all())
    assert (Still(a, origin) == Still(b, origin)) is same
    assert Still(a, origin) == Still(a.copy(), origin)
    assert hash(Still(a, origin)) == hash(Still(a.copy(), origin))
    assert Still(a, origin) != Still(a, Photo(source="b.png"))


def test_the_hash_tells_shapes_apart() -> None:
    pixels = np.zeros((4, 4, 3), np.uint8)
    assert Still.from_array(pixels).sha256 != Still.from_array(pixels.reshape(2, 8, 3)).sha256


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.array([[0, 7, 255]], np.uint8), [0, 7, 255]),
        (np.array([[[0], [7], [255]]], np.uint8), [0, 7, 255]),
        (np.array([[False, True]]), [0, 255]),
        (np.array([[0, 257, 65535]], np.uint16), [0, 1, 255]),
        (np.array([[0, 0.5, 1]]), [0, 128, 255]),
        (np.array([[0, 0.2, 1]], np.float32), [0, 51, 255]),
    ],
)
def test_grey_arrays_become_rgb(array: np.ndarray, expected: list[int]) -> None:
    pixels = Still.from_array(array).pixels
    assert pixels.dtype == np.uint8
    assert pixels.shape == (1, len(expected), 3)
    assert (pixels == np.array(expected)[None, :, None]).all()


def test_transparent_arrays_lie_on_white() -> None:
    rgba = np.array([[[200, 0, 0, 255], [200, 0, 0, 0], [0, 0, 0, 51]]], np.uint8)
    assert Still.from_array(rgba).pixels.tolist() == [[[200, 0, 0], [255, 255, 255], [204, 204, 204]]]


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (np.zeros((0, 5, 3), np.uint8), "shape"),
        (np.zeros((5, 5, 2), np.uint8), "shape"),
        (np.zeros((2, 5, 5, 3), np.uint8), "shape"),
        (np.zeros(5, np.uint8), "shape"),
        (np.zeros((5, 5), np.int64), "int64"),
        (np.full((5, 5), 255.0), "0..1"),
        (np.full((5, 5), np.nan), "0..1"),
        (np.array([["a"]]), "<U1"),
    ],
)
def test_other_arrays_are_refused(array: np.ndarray, says: str) -> None:
    with pytest.raises(InputError, match=says):
        Still.from_array(array)


def test_a_still_refuses_other_pixels() -> None:
    for pixels in (
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((4, 0, 3), np.uint8),
    ):
        with pytest.raises(InputError):
            Still(pixels, Photo(source="a.png"))


def test_evidence_reopens_what_it_was_made_on(picture: Path) -> None:
    still = read_photo(picture)
    crop = still.crop(Box(x0=10, y0=10, x1=50, y1=50))
    inner = Box(x0=2, y0=4, x1=20, y1=30)
    for made, expected in [
        (Evidence.of(still, "a picture", 0.9), still),
        (Evidence.of(crop, "a circle", 0.9), crop),
        (Evidence.of(crop, "its left side", 0.9, inner), crop.crop(inner)),
        (Evidence.of(still, "some time", 0.9, Span(start=0, end=1)), still),
    ]:
        reopened = Evidence.model_validate_json(made.model_dump_json()).reopen()
        assert reopened == expected
        assert np.array_equal(reopened.pixels, expected.pixels)


def test_evidence_notices_changed_pixels(picture: Path) -> None:
    made = Evidence.of(read_photo(picture), "a picture", 0.9)
    with Image.open(picture) as image:
        changed = image.convert("RGB")
    changed.putpixel((5, 5), (254, 255, 255))
    changed.save(picture)
    with pytest.raises(EvidenceError, match="other pixels") as caught:
        made.reopen()
    assert caught.value.input == str(picture)


def test_evidence_survives_another_encoding_of_the_same_pixels(picture: Path) -> None:
    made = Evidence.of(read_photo(picture), "a picture", 0.9)
    with Image.open(picture) as image:
        image.convert("RGBA").save(picture, compress_level=1)
    assert made.reopen() == read_photo(picture)


def test_evidence_whose_file_is_gone(picture: Path) -> None:
    made = Evidence.of(read_photo(picture), "a picture", 0.9)
    picture.unlink()
    with pytest.raises(EvidenceError, match="does not exist"):
        made.reopen()


def test_evidence_on_pixels_in_memory_says_so() -> None:
    still = Still.from_array(np.zeros((3, 3, 3), np.uint8))
    assert still.origin.source == "memory:" + still.sha256[:16]
    with pytest.raises(EvidenceError, match="memory"):
        Evidence.of(still, "black", 0.9).reopen()


def test_evidence_on_a_document_that_is_gone_says_so() -> None:
    still = Still(np.zeros((3, 3, 3), np.uint8), Page(source="book.pdf", number=3))
    with pytest.raises(EvidenceError, match=r"book\.pdf does not exist"):
        Evidence.of(still, "black", 0.9).reopen()


def test_evidence_on_a_view_of_a_scene_that_is_gone_says_so() -> None:
    still = Still(np.zeros((3, 3, 3), np.uint8), View(source="room", camera="left"))
    with pytest.raises(EvidenceError, match="room"):
        Evidence.of(still, "black", 0.9).reopen()


@pytest.mark.parametrize("source", ["rtsp://camera/1", "live:/dev/video0"])
def test_evidence_on_what_was_watched_live_says_so(source: str) -> None:
    still = Still(np.zeros((3, 3, 3), np.uint8), Frame(source=source, t=1.5, index=45))
    with pytest.raises(EvidenceError, match="live"):
        Evidence.of(still, "black", 0.9).reopen()


def test_describe_names_the_part_and_the_whole(picture: Path) -> None:
    still = read_photo(picture)
    assert still.describe() == {
        "kind": "photo",
        "source": str(picture),
        "width": 96,
        "height": 64,
        "sha256": still.sha256,
    }
    described = still.crop(Box(x0=1, y0=2, x1=30, y1=40)).describe()
    assert described["region"] == {"kind": "box", "x0": 1, "y0": 2, "x1": 30, "y1": 40}
    assert described["sha256"] == still.sha256


def test_a_still_opens_as_pil(picture: Path) -> None:
    still = read_photo(picture)
    assert np.array_equal(np.asarray(still.to_pil()), still.pixels)
    assert still.to_pil().size == still.size


def test_a_box_of_a_part_that_was_rendered_larger_is_in_pixels_of_the_whole() -> None:
    whole = Still(np.zeros((100, 80, 3), np.uint8), Page(source="report.pdf", number=3))
    part = Box(x0=20, y0=40, x1=60, y1=60)
    closer = Still(np.zeros((60, 120, 3), np.uint8), whole.origin, region=part, whole=whole)
    box = Box(x0=30, y0=15, x1=60, y1=30)
    wanted = Box(x0=30, y0=45, x1=40, y1=50)
    assert closer.crop(box).region == Evidence.of(closer, "a word", 0.9, box).region == wanted
    assert closer.crop(box).size == Size(30, 15)
    assert closer.ref == whole.ref
