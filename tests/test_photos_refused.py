"""Photos that cannot be used are refused with a reason, at once and without much memory."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import subprocess
import sys
import threading
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
import skimage
from hypothesis import given
from hypothesis import strategies as st
from pictures import encoded, noise, saved
from PIL import Image, ImageFile

from sightloop import photos, read_photo
from sightloop.errors import InputError
from sightloop.memory.sources.photos import FORMATS, MAX_PIXELS


def refusal(path: str | Path) -> InputError:
    with pytest.raises(InputError) as caught:
        read_photo(path)
    assert caught.value.input == str(path)
    assert caught.value.exit_code == 2
    return caught.value


TRUNCATED = {
    "png": encoded(noise(), "PNG"),
    "jpg": encoded(noise(), "JPEG"),
    "progressive jpg": encoded(noise(), "JPEG", progressive=True),
    "gif": encoded(noise(), "GIF"),
    "webp": encoded(noise(), "WEBP"),
    "tif": encoded(noise(), "TIFF"),
    "lzw tif": encoded(noise(), "TIFF", compression="tiff_lzw"),
    "bmp": encoded(noise(), "BMP"),
    "ppm": encoded(noise(), "PPM"),
    "jp2": encoded(noise(), "JPEG2000"),
    "avif": encoded(noise(), "AVIF"),
}


@pytest.mark.parametrize("name", TRUNCATED)
@given(st.data())
def test_a_truncated_photo_is_whole_or_refused(
    tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject
) -> None:
    whole = TRUNCATED[name]
    path = tmp_path_factory.mktemp("cut") / "a"
    path.write_bytes(whole)
    expected = read_photo(path).pixels
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    try:
        still = read_photo(path)
    except InputError:
        return
    assert np.array_equal(still.pixels, expected)  # only bytes behind the picture were missing


@pytest.mark.parametrize("name", TRUNCATED)
def test_half_a_photo_is_called_truncated(tmp_path: Path, name: str) -> None:
    path = tmp_path / "half"
    path.write_bytes(TRUNCATED[name][: len(TRUNCATED[name]) // 2])
    assert "truncated" in refusal(path).message
    assert not ImageFile.LOAD_TRUNCATED_IMAGES


@pytest.mark.parametrize("name", TRUNCATED)
@given(st.data())
def test_damage_is_an_input_error_or_a_photo(
    tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject
) -> None:
    damaged = bytearray(TRUNCATED[name])
    places = st.integers(0, len(damaged) - 1) | st.integers(0, 60)
    for place, value in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), max_size=8)):
        damaged[place] = value
    path = tmp_path_factory.mktemp("damage") / "a"
    path.write_bytes(damaged)
    with contextlib.suppress(InputError):  # any other exception is a failure
        assert read_photo(path).pixels.shape[2] == 3


def png_of_one_bit(path: Path, width: int, height: int) -> Path:
    """A real black and white PNG, whatever its size, from one row repeated."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    compress = zlib.compressobj(1)
    row = b"\0" * (1 + (width + 7) // 8)
    body = b"".join(compress.compress(row) for _ in range(height)) + compress.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    )
    return path


def test_500_megapixels_are_refused_from_the_header(tmp_path: Path) -> None:
    path = png_of_one_bit(tmp_path / "huge.png", 25_000, 20_000)
    small = png_of_one_bit(tmp_path / "small.png", 25, 20)
    program = f"""
import resource
from sightloop import read_photo
from sightloop.errors import InputError
read_photo({str(small)!r})
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    read_photo({str(path)!r})
except InputError as error:
    print(error.message)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    message, grown = done.stdout.splitlines()
    assert "500 megapixels" in message
    assert "200 megapixels" in message
    assert int(grown) * (1 if sys.platform == "darwin" else 1024) < 20e6  # decoded it would be 500 MB


def test_our_limit_counts_and_pillows_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(noise(100, 100), tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with warnings.catch_warnings(record=True) as caught:
        assert read_photo(path).size == (100, 100)
        monkeypatch.setattr("sightloop.memory.sources.photos.MAX_PIXELS", 10_000)
        assert read_photo(path).size == (100, 100)  # where Pillow, set to ours, would warn
    assert caught == []
    assert Image.MAX_IMAGE_PIXELS == 1000
    monkeypatch.setattr("sightloop.memory.sources.photos.MAX_PIXELS", 9_999)
    assert "megapixels" in refusal(path).message
    assert Image.MAX_IMAGE_PIXELS == 1000
    assert MAX_PIXELS == 200_000_000


def test_a_kind_of_tiff_that_is_not_read_is_not_only_called_truncated() -> None:
    path = Path(skimage.__file__).parent / "data" / "multipage_rgb.tif"
    assert "of a kind that is not read" in refusal(path).message


def test_an_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.touch()
    assert "empty" in refusal(path).message


@pytest.mark.parametrize("content", [b"this is not a picture\n" * 9, b"\0" * 100, b"%PDF-1.7\n", b"x"])
def test_a_file_that_is_no_picture(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    message = refusal(path).message
    assert "not a picture" in message
    assert "JPEG" in message


def test_a_picture_with_a_wrong_suffix_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(encoded(noise(), "PNG"))
    assert np.array_equal(read_photo(path).pixels, np.asarray(noise()))


def test_heic_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.heic"
    path.write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 40)
    assert "convert it to JPEG" in refusal(path).message


def test_a_postscript_file_is_not_run(tmp_path: Path) -> None:
    path = tmp_path / "a.eps"
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n")
    assert "not a picture" in refusal(path).message
    assert "EPS" not in FORMATS


def test_a_missing_file_suggests_its_neighbours(tmp_path: Path) -> None:
    saved(noise(), tmp_path / "kitchen_table.png")
    saved(noise(), tmp_path / "zebra.png")
    message = refusal(tmp_path / "Kitchen-table.png").message
    assert "does not exist" in message
    assert "kitchen_table.png" in message
    assert "zebra" not in message


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    assert str(tmp_path / "nowhere") in refusal(tmp_path / "nowhere" / "a.png").message


def test_a_folder_is_no_photo(tmp_path: Path) -> None:
    assert "folder" in refusal(tmp_path).message


def test_a_broken_link(tmp_path: Path) -> None:
    link = tmp_path / "a.png"
    link.symlink_to(tmp_path / "gone.png")
    assert "gone.png" in refusal(link).message


def test_a_link_keeps_its_own_name(tmp_path: Path, picture: Path) -> None:
    link = tmp_path / "link.png"
    link.symlink_to(picture)
    assert read_photo(link).origin.source == str(link)


@pytest.mark.parametrize(
    "path", ["", "a\0b.png", "https://example.org/cat.jpg", "x" * 5000 + ".png", "a.png/b.png"]
)
def test_a_path_that_cannot_be_one(picture: Path, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.chdir(picture.parent)
    picture.rename("a.png")
    refusal(path)
    stills, errors = photos([path, "a.png"])
    assert len(stills) == 1
    assert [error.input for error in errors] == [path]


def test_a_name_that_is_not_utf8(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/caf\xe9.png"
    try:
        Path(os.fsdecode(path)).write_bytes(encoded(noise(), "PNG"))
    except OSError:
        pytest.skip("this file system holds UTF-8 names only")
    with pytest.raises(InputError, match="UTF-8") as caught:
        read_photo(os.fsdecode(path))
    caught.value.message.encode()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs POSIX pipes and sockets")
def test_pipes_sockets_and_devices_are_refused_at_once(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.png"
    os.mkfifo(pipe)
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(tmp_path / "s.png"))
        for path in (pipe, tmp_path / "s.png", Path("/dev/zero")):
            refused: list[InputError] = []
            thread = threading.Thread(target=lambda p=path, r=refused: r.append(refusal(p)), daemon=True)
            thread.start()
            thread.join(timeout=60)
            assert refused, f"reading {path} hangs"
            assert "pipe, socket or device" in refused[0].message


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs POSIX users")
def test_a_file_that_may_not_be_read(picture: Path) -> None:
    picture.chmod(0)
    picture.parent.chmod(0o755)
    read, write = os.pipe()
    child = os.fork()
    if not child:  # root may read everything, so the child becomes nobody
        try:
            if os.getuid() == 0:
                os.setuid(65534)
            read_photo(picture)
        except InputError as error:
            os.write(write, error.message.encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        assert b"ermission" in pipe.read()
