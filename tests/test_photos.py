"""Photos: every mode and orientation comes through; what is no photo is refused with a reason."""

from __future__ import annotations

import struct
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pictures import noise, saved
from PIL import Image, ImageOps

from sightloop import Evidence, Photo, Size, Still, photos, read_photo

pictures = arrays(np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 12), st.just(3)))
ORIENTATION = 0x0112

# How a camera stores an upright picture for each EXIF orientation: the definition, in numpy terms.
STORED: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.transpose(1, 0, 2),
    6: lambda upright: upright.transpose(1, 0, 2)[::-1],
    7: lambda upright: upright[::-1, ::-1].transpose(1, 0, 2),
    8: lambda upright: upright.transpose(1, 0, 2)[:, ::-1],
}


# Orientation


@given(pictures, st.sampled_from(sorted(STORED)), st.sampled_from(["PNG", "TIFF", "WEBP"]))
def test_every_orientation_is_turned_upright(
    tmp_path_factory: pytest.TempPathFactory, upright: np.ndarray, orientation: int, kind: str
) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    image = Image.fromarray(np.ascontiguousarray(STORED[orientation](upright)))
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    path = tmp_path_factory.mktemp("turned") / f"a.{kind.lower()}"
    still = read_photo(saved(image, path, exif=exif, **options))
    assert np.array_equal(still.pixels, upright)


@pytest.mark.parametrize("orientation", sorted(STORED))
def test_jpeg_orientation(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    path = saved(noise(), tmp_path / "a.jpg", exif=exif, quality=95)
    with Image.open(path) as stored:
        flat = np.asarray(stored)
        expected = np.asarray(ImageOps.exif_transpose(stored))
    assert np.array_equal(read_photo(path).pixels, expected)
    assert np.array_equal(STORED[orientation](expected), flat)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_changes_nothing(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    path = saved(noise(), tmp_path / "a.png", exif=exif)
    assert np.array_equal(read_photo(path).pixels, np.asarray(noise()))


@given(st.binary(max_size=80), st.sampled_from(["PNG", "WEBP", "JPEG"]))
@example(b"II*\0\x08\0\0\0\x02\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0", "PNG")
def test_malformed_exif_never_costs_the_photo(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, kind: str
) -> None:
    path = tmp_path_factory.mktemp("exif") / f"a.{kind.lower()}"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        still = read_photo(saved(noise(), path, exif=b"Exif\0\0" + data))
    assert sorted(still.size) == [24, 30]


def test_a_malformed_tag_beside_the_orientation_does_not_lose_it(tmp_path: Path) -> None:
    entries = struct.pack("<HHII", ORIENTATION, 3, 1, 6) + struct.pack("<HHII", 0x0132, 2, 90, 9999)
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 2) + entries + struct.pack("<I", 0)
    still = read_photo(saved(noise(30, 24), tmp_path / "a.png", exif=exif))
    assert still.size == Size(24, 30)
    assert still.notes == ()


def test_exif_that_cannot_be_read_is_noted(tmp_path: Path) -> None:
    path = saved(noise(), tmp_path / "a.png", exif=b"Exif\0\0MM\0\xff" + b"\0" * 20)
    assert read_photo(path).notes == ("its EXIF data is malformed, so it is taken to be upright",)


# Modes


def grey(values: Any, dtype: Any) -> Image.Image:
    return Image.fromarray(np.array([values], dtype))


def palette(transparent: bool) -> Image.Image:
    image = Image.new("P", (3, 1))
    image.putpalette([200, 0, 0, 0, 200, 0, 0, 0, 200])
    image.putdata([0, 1, 2])
    if transparent:
        image.info["transparency"] = 1
    return image


RED, GREEN, BLUE, WHITE = [200, 0, 0], [0, 200, 0], [0, 0, 200], [255, 255, 255]
MODES: dict[str, tuple[Image.Image, str, list[Any]]] = {
    "1": (Image.fromarray(np.array([[True, False]])), "png", [255, 0]),
    "L": (grey([0, 7, 255], np.uint8), "png", [0, 7, 255]),
    "LA": (Image.fromarray(np.array([[[9, 255], [9, 0], [0, 51]]], np.uint8), "LA"), "png", [9, 255, 204]),
    "P": (palette(False), "png", [RED, GREEN, BLUE]),
    "P transparent png": (palette(True), "png", [RED, WHITE, BLUE]),
    "P transparent gif": (palette(True), "gif", [RED, WHITE, BLUE]),
    "RGBA": (
        Image.fromarray(np.array([[[200, 0, 0, 255], [1, 2, 3, 0], [0, 0, 0, 51]]], np.uint8)),
        "png",
        [RED, WHITE, [204, 204, 204]],
    ),
    "I;16 png": (grey([0, 257, 32896, 65535], np.uint16), "png", [0, 1, 128, 255]),
    "I;16 tiff": (grey([0, 257, 32896, 65535], np.uint16), "tif", [0, 1, 128, 255]),
    "I;16 pgm": (grey([0, 257, 32896, 65535], np.uint16), "pgm", [0, 1, 128, 255]),
    "I;16 dark pgm": (grey([0, 255], np.uint16), "pgm", [0, 1]),
    "I of 8 bit": (grey([0, 7, 255], np.int32), "tif", [0, 7, 255]),
    "I of 16 bit": (grey([0, 257, 65535], np.int32), "tif", [0, 1, 255]),
    "I stretched": (grey([-1000, 0, 1000], np.int32), "tif", [0, 128, 255]),
    "I constant": (grey([100_000, 100_000], np.int32), "tif", [0, 0]),
    "F of 0..1": (grey([0, 0.2, 1], np.float32), "tif", [0, 51, 255]),
    "F of 0..255": (grey([0, 51, 255], np.float32), "tif", [0, 51, 255]),
    "F stretched": (grey([-1, 0, 1], np.float32), "tif", [0, 128, 255]),
    "F with holes": (grey([0, np.nan, np.inf, 1], np.float32), "tif", [0, 0, 0, 255]),
    "CMYK": (Image.new("CMYK", (2, 1), (0, 255, 255, 0)), "tif", [[255, 0, 0], [255, 0, 0]]),
    "YCbCr": (Image.new("YCbCr", (2, 1), (128, 128, 128)), "tif", [128, 128]),
}  # fmt: skip


@pytest.mark.parametrize("name", MODES)
def test_every_mode_becomes_rgb(tmp_path: Path, name: str) -> None:
    image, suffix, expected = MODES[name]
    still = read_photo(saved(image, tmp_path / f"a.{suffix}"))
    wanted = [value if isinstance(value, list) else [value] * 3 for value in expected]
    assert still.pixels.tolist() == [wanted]
    assert bool(still.notes) == ("stretched" in name or "constant" in name or "holes" in name)


PILLOW = "1 L P RGB RGBA CMYK YCbCr LAB HSV I F LA PA RGBX RGBa La I;16 I;16L I;16B"


@pytest.mark.parametrize("mode", PILLOW.split())
def test_every_mode_that_pillow_has_can_be_a_still(mode: str) -> None:
    still = Still.from_array(Image.new(mode, (5, 4)))
    assert still.pixels.shape == (4, 5, 3)


@given(arrays(np.uint16, (3, 4)))
def test_16_bits_are_rounded_to_8(values: np.ndarray) -> None:
    pixels = Still.from_array(Image.fromarray(values)).pixels
    assert np.abs(pixels[:, :, 0] - values / 257).max() <= 0.5
    assert np.array_equal(Still.from_array(values).pixels, pixels)


def test_lab_keeps_its_colours(tmp_path: Path) -> None:
    lab = Image.new("LAB", (2, 2), (135, 208, 195))  # L 53, a 80, b 67: sRGB red
    pixel = read_photo(saved(lab, tmp_path / "a.tif")).pixels[0, 0]
    assert np.abs(pixel.astype(int) - [255, 0, 0]).max() < 12


def test_inverted_cmyk_jpeg_of_adobe(tmp_path: Path) -> None:
    cmyk = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    pixels = read_photo(saved(cmyk, tmp_path / "a.jpg", quality=100)).pixels
    assert np.abs(pixels.astype(int) - [255, 0, 0]).max() < 6


def test_a_key_colour_is_transparent(tmp_path: Path) -> None:
    rgb = Image.fromarray(np.array([[RED, GREEN]], np.uint8))
    path = saved(rgb, tmp_path / "a.png", transparency=(0, 200, 0))
    assert read_photo(path).pixels.tolist() == [[RED, WHITE]]


@given(pictures, st.sampled_from(["png", "tif", "bmp", "ppm", "webp", "jp2"]))
def test_lossless_formats_lose_nothing(
    tmp_path_factory: pytest.TempPathFactory, pixels: np.ndarray, suffix: str
) -> None:
    options = {"webp": {"lossless": True, "exact": True}, "jp2": {"irreversible": False}}.get(suffix, {})
    path = tmp_path_factory.mktemp("lossless") / f"a.{suffix}"
    still = read_photo(saved(Image.fromarray(pixels), path, **options))
    assert np.array_equal(still.pixels, pixels)
    assert still.origin == Photo(source=str(path))
    assert still.notes == ()


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "AVIF", "GIF"])
def test_lossy_formats_open(tmp_path: Path, kind: str) -> None:
    smooth = Image.linear_gradient("L").resize((64, 48)).convert("RGB")
    pixels = read_photo(saved(smooth, tmp_path / f"a.{kind.lower()}", quality=95)).pixels
    assert np.abs(pixels.astype(int) - np.asarray(smooth)).mean() < 3


@pytest.mark.parametrize("suffix", ["gif", "png", "webp", "tif"])
def test_of_several_frames_the_first_is_read_and_noted(tmp_path: Path, suffix: str) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    path = saved(frames[0], tmp_path / f"a.{suffix}", save_all=True, append_images=frames[1:], lossless=True)
    still = read_photo(path)
    assert (still.pixels == [255, 0, 0]).all()
    assert still.notes == ("it holds several frames; only the first was read",)


def test_of_an_mpo_the_photo_is_read_without_ado(tmp_path: Path) -> None:
    photo, preview = noise(), Image.new("RGB", (8, 8), "blue")
    path = saved(photo, tmp_path / "a.jpg", format="MPO", save_all=True, append_images=[preview])
    still = read_photo(path)
    assert still.size == Size(30, 24)
    assert still.notes == ()


REAL = "astronaut.png camera.png chelsea.png coffee.png coins.png rocket.jpg retina.jpg multipage.tif"


@pytest.mark.parametrize("name", REAL.split())
def test_real_photos(name: str) -> None:
    path = Path(skimage.__file__).parent / "data" / name
    with Image.open(path) as image:
        expected = np.asarray(image.convert("RGB"))
    still = read_photo(path)
    assert np.array_equal(still.pixels, expected)
    assert Evidence.of(still, "a photo", 1).reopen() == still


@pytest.mark.parametrize("size", [(1, 1), (20_000, 4), (4, 20_000)])
def test_odd_shapes_come_through(tmp_path: Path, size: tuple[int, int]) -> None:
    assert read_photo(saved(Image.new("RGB", size), tmp_path / "a.png")).size == size


# Many at once


def test_folders_expand_to_their_pictures_sorted(tmp_path: Path) -> None:
    for name in ("b.JPG", "a.png", "c.webp"):
        saved(noise(), tmp_path / name)
    for name in ("notes.txt", ".hidden.png", "d.heic"):
        (tmp_path / name).write_text("no picture")
    (tmp_path / "inner.png").mkdir()
    stills, errors = photos([tmp_path])
    assert [Path(still.origin.source).name for still in stills] == ["a.png", "b.JPG", "c.webp"]
    assert [Path(error.input or "").name for error in errors] == ["d.heic"]


def test_a_folder_without_pictures_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no picture")
    stills, errors = photos([tmp_path])
    assert stills == []
    assert [error.input for error in errors] == [str(tmp_path)]
    assert "no pictures" in errors[0].message


def test_one_bad_file_never_costs_the_batch(tmp_path: Path) -> None:
    paths: list[Path] = []
    for number in range(200):
        path = saved(Image.new("RGB", (40, 30), (number, 0, 0)), tmp_path / f"{number:03}.png")
        if number % 50 == 7:
            path.write_bytes(path.read_bytes()[:50])
        paths.append(path)
    paths.insert(0, tmp_path / "missing.png")
    stills, errors = photos(paths)
    assert [int(still.pixels[0, 0, 0]) for still in stills] == [n for n in range(200) if n % 50 != 7]
    assert len(errors) == 5


def test_one_path_may_come_alone(picture: Path) -> None:
    for path in (picture, str(picture)):
        stills, errors = photos(path)  # type: ignore[arg-type]
        assert [still.origin.source for still in stills] == [str(picture)]
        assert errors == []


def test_a_batch_has_a_limit_of_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [saved(noise(100, 100), tmp_path / f"{number}.png") for number in range(5)]
    small = saved(noise(10, 10), tmp_path / "small.png")
    monkeypatch.setattr("sightloop.memory.sources.photos.MAX_BATCH_PIXELS", 30_500)
    stills, errors = photos([*paths, small])
    assert [still.size.width for still in stills] == [100, 100, 100, 10]
    assert [error.input for error in errors] == [str(path) for path in paths[3:]]
    assert all("fewer at once" in error.message for error in errors)


def test_photos_are_read_by_many_threads(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    paths = [saved(noise(20 + n, 10), tmp_path / f"{n}.png", exif=exif) for n in range(16)]
    before = list(warnings.filters)
    with ThreadPoolExecutor(8) as pool:
        stills = list(pool.map(read_photo, paths * 4))
    assert [still.size for still in stills] == [(10, 20 + n) for n in range(16)] * 4
    assert list(warnings.filters) == before
