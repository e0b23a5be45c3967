"""Subtitles: what was written is read, in any encoding, and what is broken costs only itself."""

from __future__ import annotations

import html
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightloop.errors import InputError
from sightloop.memory.sources.subtitles import Line, parse, read_subtitles, subtitles_of

SRT = """1
00:00:01,000 --> 00:00:02,500
The van <i>arrives</i>.

2
00:00:03,000 --> 00:00:04,000
{\\an8}<font color="red">On the board:</font>
Café & more

"""
EXPECTED = [Line(1.0, 2.5, "The van arrives."), Line(3.0, 4.0, "On the board:\nCafé & more")]

words = st.text(
    st.characters(exclude_categories=["C", "Z"], exclude_characters="<>{}&"), min_size=1, max_size=8
)
rows = st.lists(words, min_size=1, max_size=4).map(" ".join).filter(lambda row: "-->" not in row)
texts = st.lists(rows, min_size=1, max_size=3).filter(lambda rows: not rows[-1].isdigit()).map("\n".join)
spans = st.tuples(st.integers(0, 10**8), st.integers(0, 10**5)).map(lambda pair: (pair[0], sum(pair)))
cues = st.lists(st.tuples(spans, texts), max_size=8)


def clock(milliseconds: int, comma: str) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{comma}{rest:03}"


def written(cues: list[tuple[tuple[int, int], str]], kind: str, newline: str) -> str:
    comma = "," if kind == "srt" else "."
    parts = [] if kind == "srt" else ["WEBVTT - a title", "NOTE\nnot shown", "STYLE\n::cue { color: red }"]
    for number, ((start, end), text) in enumerate(cues, 1):
        times = f"{clock(start, comma)} --> {clock(end, comma)}"
        if kind == "vtt":
            times, text = f"{times} align:start position:10%", f"<v Ann>{html.escape(text)}</v>"
        parts.append(f"{number}\n{times}\n{text}")
    return "\n\n".join([*parts, ""]).replace("\n", newline)


@pytest.mark.parametrize("kind", ["srt", "vtt"])
@given(cues=cues, newline=st.sampled_from(["\n", "\r\n", "\r"]), apart=st.booleans())
def test_what_is_written_is_read(
    kind: str, cues: list[tuple[tuple[int, int], str]], newline: str, apart: bool
) -> None:
    text = written(cues, kind, newline)
    if kind == "srt" and not apart:
        text = text.replace(2 * newline, newline)  # as some files are
    lines, broken = parse(text)
    expected = [Line(start / 1000, end / 1000, text) for (start, end), text in cues]
    assert broken == []
    assert lines == sorted(expected, key=lambda line: (line.start, line.end))


@given(st.text(st.sampled_from("0123456789:,.-> \n\r\t<i>/&;{\\}x"), max_size=200))
def test_nothing_breaks_the_parser(text: str) -> None:
    lines, broken = parse(text)
    assert len(lines) + len(broken) <= text.count("-->")
    assert all(line.start <= line.end and line.text.strip() for line in lines)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "clip.srt"
    path.write_bytes(SRT.replace("\n", "\r\n").encode(encoding))
    assert read_subtitles(path) == (EXPECTED, [])


def test_utf_16_of_the_other_end(tmp_path: Path) -> None:
    path = tmp_path / "clip.srt"
    path.write_bytes(b"\xfe\xff" + SRT.encode("utf-16-be"))
    assert read_subtitles(path) == (EXPECTED, [])


def test_a_broken_part_costs_itself_and_is_named(tmp_path: Path) -> None:
    path = tmp_path / "clip.srt"
    path.write_text(
        SRT + "3\n00:00:xx --> 00:00:06,000\nlost\n\n4\n00:00:09,000 --> 00:00:08,000\nlost\n\n" + SRT
    )
    lines, warnings = read_subtitles(path)
    assert lines == sorted(2 * EXPECTED, key=lambda line: line.start)
    assert [warning.split(": ")[1] for warning in warnings] == ["line 11", "line 15"]
    assert all(str(path) in warning for warning in warnings)


def test_times_may_be_short() -> None:
    lines, broken = parse("WEBVTT\n\n00:01.5 --> 1:02:03\nyes\n")
    assert (lines, broken) == ([Line(1.5, 3723, "yes")], [])


def test_karaoke_and_entities() -> None:
    text = "WEBVTT\n\n00:01.000 --> 00:02.000\n<c.red>one</c> <00:01.500>&lt;two&gt; a < b&nbsp;c\n"
    assert parse(text)[0] == [Line(1, 2, "one <two> a < b c")]


def test_files_beside_a_video_are_found(tmp_path: Path) -> None:
    video = tmp_path / "clip.one.mp4"
    first, second = SRT.split("\n2\n")
    (tmp_path / "clip.one.srt").write_text(first)
    (tmp_path / "clip.one.en.SRT").write_text(f"2\n{second}")
    (tmp_path / "clip.one.de.vtt").write_text("WEBVTT\n\n" + first.replace(",", "."))  # once is enough
    for other in ("clip.srt", "clip.one.txt", "clip.ones.srt", "other.clip.one.srt"):
        (tmp_path / other).write_text("1\n00:00:01,000 --> 00:00:02,000\nanother\n")
    assert subtitles_of(video) == (EXPECTED, [])
    (tmp_path / "clip.mkv").touch()
    video.touch()
    assert subtitles_of(tmp_path / "clip.mkv") == ([Line(1, 2, "another")], [])  # clip.one.srt is the other's
    assert subtitles_of(tmp_path / "silent.mp4") == ([], [])
    assert subtitles_of(tmp_path / "nowhere" / "clip.mp4") == ([], [])


def test_bad_files_are_warnings_and_the_others_are_read(tmp_path: Path) -> None:
    (tmp_path / "clip.en.srt").write_text(SRT)
    (tmp_path / "clip.empty.srt").touch()
    (tmp_path / "clip.folder.srt").mkdir()
    (tmp_path / "clip.noise.srt").write_bytes(bytes(range(256)) * 20)
    os.mkfifo(tmp_path / "clip.pipe.srt")
    (tmp_path / "clip.link.srt").symlink_to("gone.srt")
    lines, warnings = subtitles_of(tmp_path / "clip.mp4")
    assert lines == EXPECTED
    said = {
        name: text
        for text in warnings
        for name in ("empty", "folder", "noise", "pipe", "link")
        if name in text
    }
    assert len(warnings) == len(said) == 5
    assert "0 bytes" in said["empty"]
    assert "no subtitles in it" in said["noise"]
    with pytest.raises(InputError, match="is a folder, not a subtitle file"):
        read_subtitles(tmp_path / "clip.folder.srt")


def test_many_broken_parts_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "clip.srt"
    path.write_text("x --> y\n\n" * 500)
    lines, warnings = read_subtitles(path)
    assert lines == []
    assert len(warnings) < 30
    assert "480 more" in warnings[-1]
