"""Reports of videos: timelines with shots, keyframes and moments, and clips that show the cited second."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from clips import clip, number_of, real_clips
from hypothesis import example, given
from hypothesis import strategies as st
from pages import Element, box, frames_of, opened_url, resulting, shown_at, tree
from pydantic import ValidationError

from sightloop import Evidence, Still
from sightloop.agent.result import Result
from sightloop.agent.steps import ObservationStep
from sightloop.integrations import report_clips
from sightloop.integrations.report import read_report, report, write_report
from sightloop.integrations.report_clips import AROUND
from sightloop.integrations.report_pictures import PREVIEW, PREVIEW_BYTES
from sightloop.integrations.report_timeline import MOST_KEYFRAMES, MOST_VIDEOS
from sightloop.memory.sources.videos import Video, read_frames
from sightloop.memory.still import Frame, Span
from sightloop.memory.timeline import Hit, Timeline, thinned
from sightloop.tools.moments import clock

HOSTILE = "</script><script>alert(1)</script> \"' onload='x' <img src=http://evil.example/x.png> & <!--"


def timeline_of(source: Path, at: Sequence[float], **fields: object) -> Timeline:
    with Video(source) as video:
        keyframes = tuple(still.ref for still in read_frames(source, at))
        return Timeline(source=video.source, duration=video.duration, keyframes=keyframes, **fields)


def told(
    timelines: Sequence[Timeline], evidence: Sequence[Evidence] = (), stills: Sequence[Still] = ()
) -> Result:
    """A result whose observation has timelines."""
    result = resulting(stills, evidence=evidence)
    steps = tuple(
        step.model_copy(update={"timeline": tuple(timelines)}) if isinstance(step, ObservationStep) else step
        for step in result.steps
    )
    return result.model_copy(update={"steps": steps}).with_stills(stills)


def cited(
    source: Path, start: float, end: float, claim: str = "it comes", verdict: str = "confirmed"
) -> Evidence:
    (still,) = read_frames(source, [start])
    item = Evidence.of(still, claim, 0.9, Span(start=start, end=end))
    return item.model_copy(update={"verdict": verdict})


def style(element: Element) -> dict[str, float]:
    pairs = (part.split(": ") for part in element.attrs["style"].split("; "))
    return {name: float(value.removesuffix("%")) for name, value in pairs}


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 seconds whose frames, 10 a second, carry their numbers."""
    return clip(tmp_path_factory.mktemp("film") / "film & <b>.mp4", 200, fps=10, size=(160, 96))


@pytest.fixture(scope="module")
def result(film: Path) -> Result:
    timeline = timeline_of(
        film,
        [0, 2, 5, 5.5, 10, 12.4, 19],
        shots=(Span(start=0, end=5), Span(start=5, end=20)),
        hits=(Hit(start=4, end=6, score=0.5, words="a block"), Hit(start=17, end=18, score=0.75)),
    )
    evidence = [cited(film, 12.4, 14.0), cited(film, 5.5, 5.5, "it is white", "rejected")]
    return told([timeline], evidence)


@pytest.fixture(scope="module")
def page(result: Result) -> Element:
    return tree(report(result))


# The timeline


def test_shots_keyframes_and_moments_stand_at_their_times(page: Element) -> None:
    (section,) = page.all("section", "video")
    lanes = section.all("div", "lanes")[0]
    assert [style(shot) for shot in lanes.all("span", "shot")] == [
        {"left": 0, "width": 25},
        {"left": 25, "width": 75},
    ]
    assert [style(tick)["left"] for tick in lanes.all("span", "tick")] == [0, 10, 25, 27.5, 50, 62, 95]
    marks = [(mark.attrs["class"], style(mark)) for mark in lanes.all("span", "mark-of")]
    assert marks == [
        ("mark-of confirmed", {"left": 62, "width": 8}),
        ("mark-of rejected", {"left": 27.5, "width": 0}),
        ("mark-of found", {"left": 85, "width": 5}),
        ("mark-of found", {"left": 20, "width": 10}),
    ]
    assert [span.text for span in section.all("div", "axis")[0].all("span")] == [
        "0:00:00", "0:00:05", "0:00:10", "0:00:15",
    ]  # fmt: skip


def test_thumbnails_show_their_frames_and_stand_apart(page: Element, film: Path) -> None:
    images = {image.attrs["id"]: image.attrs["href"] for image in page.all("image")}
    thumbs = page.all("button", "thumb")
    lefts = sorted(style(thumb)["left"] for thumb in thumbs)
    assert all(later - earlier >= 10 - 1e-3 for earlier, later in pairwise(lefts))
    assert {thumb.attrs["data-go"] for thumb in thumbs} >= {"12.4000", "5.5000"}  # what is cited comes first
    for thumb in thumbs:
        t = float(thumb.attrs["data-go"])
        assert thumb.all("use")[0].attrs["href"] == "#" + thumb.attrs["data-picture"]
        picture = np.asarray(opened_url(images[thumb.attrs["data-picture"]]).convert("RGB"))
        assert number_of(picture) == round(10 * t)
    options = page.all("datalist")[0].all("option")
    assert [float(option.attrs["value"]) for option in options] == [0, 2, 5, 5.5, 10, 12.4, 19]
    assert all(option.attrs["data-picture"] in images for option in options)


def test_moments_are_told_with_verdicts_times_and_links(page: Element, film: Path) -> None:
    items = page.all("ol", "moments")[0].all("li")
    assert [item.all("button")[0].text for item in items] == [
        "▶ 0:00:12.4 to 0:00:14.0", "▶ 0:00:05.5", "▶ 0:00:17.0 to 0:00:18.0", "▶ 0:00:04.0 to 0:00:06.0",
    ]  # fmt: skip
    assert "✓ confirmed 90% it comes" in items[0].text
    assert "found a block score 0.500" in items[3].text
    links = [item.all("a")[0].attrs["href"] for item in items]
    address = film.as_uri()
    assert "<" not in address
    assert links[:2] == [f"{address}#t=12.40,14.00", f"{address}#t=5.50"]
    proof = page.all("div", "proof")[0].text
    assert "frame 124 at 0:00:12.4" in proof
    assert "0:00:12.4 to 0:00:14.0" in proof


def test_every_moment_is_played_at_its_second(page: Element) -> None:
    videos = {figure.attrs["id"]: figure.all("video")[0] for figure in page.all("figure", "clip")}
    going = [item.all("button")[0].attrs for item in page.all("ol", "moments")[0].all("li")]
    assert len(videos) == 2  # neighbours share one
    for attrs in going:
        video = videos[attrs["data-clip"]]
        assert "controls" in video.attrs
        assert video.attrs["aria-label"]
        frames = frames_of(video.attrs["src"])
        start = float(video.attrs["data-from"])
        for t in (float(attrs["data-go"]), float(attrs["data-go"]) + 1.3):
            assert number_of(shown_at(frames, t - start)) == round(10 * t)


def test_a_page_with_videos_asks_no_network_either(page: Element, film: Path) -> None:
    policy = page.all("meta", http_equiv="Content-Security-Policy")[0].attrs["content"]
    assert "media-src data:;" in policy
    assert "http" not in policy
    ids = [element.attrs["id"] for element in page.all() if "id" in element.attrs]
    assert len(ids) == len(set(ids))
    for element in page.all():
        for name in ("href", "src"):
            link = element.attrs.get(name, "data:")
            to_file = element.tag == "a" and link.startswith(film.as_uri())
            assert link.startswith("data:") or link[1:] in ids or to_file
    pointed = [label.attrs["for"] for label in page.all("label")]
    pointed += [control.attrs["list"] for control in page.all("input") if "list" in control.attrs]
    assert set(pointed) <= set(ids)


def test_a_page_without_videos_has_no_timeline() -> None:
    still = Still.from_array(np.zeros((8, 8, 3), np.uint8))
    page = tree(report(resulting([still], evidence=[Evidence.of(still, "dark", 1)])))
    assert not page.all("section", "video")
    assert "media-src" not in page.all("meta", http_equiv="Content-Security-Policy")[0].attrs["content"]


def test_frames_alone_make_a_timeline(film: Path) -> None:
    stills = read_frames(film, [1, 9])
    spot = Evidence.of(stills[1], "a block", 0.5, box(0, 0, 40, 30))
    (section,) = tree(report(resulting(stills, evidence=[spot]))).all("section", "video")
    assert [style(tick)["left"] for tick in section.all("span", "tick")] == [5, 45]
    assert [style(mark)["left"] for mark in section.all("span", "mark-of")] == [45]
    assert len(section.all("video")) == 1


def test_a_timeline_reads_back(result: Result, tmp_path: Path) -> None:
    assert read_report(write_report(result, tmp_path / "out.html")) == result


def test_frames_are_kept_by_a_saved_result(film: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(film.read_bytes())
    stills = read_frames(copy, [3.0, 12.4])
    saved = told([timeline_of(copy, [0, 3.0])], [cited(copy, 12.4, 14)], stills[:1]).save(tmp_path / "saved")
    copy.unlink()
    opened = Result.open(saved)
    assert [number_of(opened.still(still.ref).pixels) for still in stills] == [30, 124]
    (section,) = tree(report(opened)).all("section", "video")
    seen = [option.attrs["value"] for option in section.all("option")]
    assert seen == ["3.0000", "12.4000"]
    notes = [note.text for note in section.all("p", "notice")]
    assert len(notes) == 2
    assert "Not all keyframes can be shown" in notes[0]
    assert "copy.mp4 does not exist" in notes[1]
    assert not section.all("video")
    button = section.all("ol", "moments")[0].all("button")[0]
    assert button.attrs["data-picture"]
    assert "disabled" not in button.attrs


# What cannot be shown


def test_a_file_that_has_changed_shows_none_of_its_frames(film: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(film.read_bytes())
    hit = Hit(start=1, end=2, score=1)
    result = told([timeline_of(copy, [1, 2], hits=(hit,))], [cited(copy, 3, 4)])
    clip(copy, 100, fps=10, paint=lambda number: np.full((96, 160, 3), number, np.uint8), size=(160, 96))
    (section,) = tree(report(result)).all("section", "video")
    assert "Not all keyframes can be shown" in section.text
    assert "it shows something else now" in section.text
    assert not section.all("button", "thumb")
    assert not section.all("video")


def test_a_live_stream_is_not_played(film: Path) -> None:
    origin = Frame(source="rtsp://camera.example/1", t=7.0, index=70)
    still = Still(read_frames(film, [7.0])[0].pixels, origin)
    timeline = Timeline(source=origin.source, keyframes=(still.ref,), hits=(Hit(start=6, end=8, score=1),))
    (section,) = tree(report(told([timeline], stills=[still]))).all("section", "video")
    assert "only keyframes are kept" in section.text
    assert not section.all("a")
    assert section.all("ol", "moments")[0].all("button")[0].attrs["data-time"] == "0:00:07.0"
    assert len(section.all("button", "thumb")) == 1


def test_without_an_encoder_the_page_says_so(result: Result, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_clips, "ENCODERS", {"no-such-encoder": {}})
    (section,) = tree(report(result)).all("section", "video")
    assert "no encoder for WebM" in section.text
    assert not section.all("video")
    assert section.all("button", "thumb")
    assert section.all("a")


def test_moments_past_the_end_and_sources_that_are_no_videos(film: Path, tmp_path: Path) -> None:
    other = tmp_path / "notes.mp4"
    other.write_text("no video")
    timelines = [
        timeline_of(film, [0], hits=(Hit(start=90, end=95, score=1),)),
        Timeline(source=str(other), hits=(Hit(start=0, end=1, score=1),)),
    ]
    one, two = tree(report(told(timelines))).all("section", "video")
    assert "shows nothing from 88.0 s on" in one.text
    assert "Not all of it can be played here" in two.text
    assert "notes.mp4" in two.all("p", "notice")[0].text


def test_what_is_said_of_a_video_is_text(film: Path) -> None:
    def page_of(words: str) -> Element:
        hits = (Hit(start=1, end=2, score=1, words=words),)
        timelines = [timeline_of(film, [0], hits=hits), Timeline(source=f"rtsp://{words}", hits=hits)]
        return tree(report(told(timelines, [cited(film, 3, 4, words)])))

    page, same = page_of(HOSTILE), page_of("words")
    assert [element.tag for element in page.all()] == [element.tag for element in same.all()]
    assert {name for element in page.all() for name in element.attrs} == {
        name for element in same.all() for name in element.attrs
    }
    assert page.all("section", "video")[0].all("ol", "moments")[0].all("bdi")[0].text == " ".join(
        HOSTILE.split()
    )


# How much a page shows


def test_a_page_has_room_for_so_many(film: Path) -> None:
    hits = tuple(Hit(start=t, end=t, score=1 - t / 100) for t in range(0, 20, 1))
    far = [Timeline(source=f"{film.parent}/{number}.mp4") for number in range(MOST_VIDEOS + 2)]
    page = tree(report(told([*far, timeline_of(film, np.arange(0, 20, 0.1), hits=hits)])))
    sections = page.all("section", "video")
    assert len(sections) == MOST_VIDEOS
    assert f"{MOST_VIDEOS + 1}.mp4" in page.text
    (section,) = tree(report(told([timeline_of(film, np.arange(0, 20, 0.1), hits=hits)]))).all(
        "section", "video"
    )
    assert len(section.all("option")) == MOST_KEYFRAMES
    assert len(section.all("span", "tick")) == 200
    assert f"{MOST_KEYFRAMES} of 200 keyframes can be seen" in section.text
    assert "8 more hits" in section.text


def test_pictures_of_a_real_video_are_small() -> None:
    source = real_clips()["bikes.mp4"]
    times = [0.4, 1.6, 2.4, 3.2, 4.4, 6.0, 7.0, 8.4]
    page = tree(report(told([timeline_of(source, times)], [cited(source, 3.2, 5.4)])))
    images = {image.attrs["id"]: image.attrs["href"] for image in page.all("image")}
    previews = [url for name, url in images.items() if name.startswith("preview")]
    assert len(previews) == len(times) - 1  # the one that is cited is there at full size
    for url in previews:
        assert max(opened_url(url).size) <= PREVIEW
        assert len(url) <= PREVIEW_BYTES * 4 / 3 + 100
    (video,) = page.all("video")
    frames = frames_of(video.attrs["src"])
    start = float(video.attrs["data-from"])
    assert start == pytest.approx(3.2 - AROUND)
    assert (video.attrs["width"], video.attrs["height"]) == ("480", "204")
    assert frames[-1][0] == pytest.approx(5.4 + AROUND - start, abs=0.05)
    (still,) = read_frames(source, [3.2])
    want = np.asarray(still.to_pil().resize((480, 204)), float)
    assert np.abs(shown_at(frames, 3.2 - start) - want).mean() < 8


# Times


@given(st.floats(0, 1e6))
@example(59.96)
@example(3599.96)
@example(312.4)
def test_a_clock_tells_the_time_to_a_tenth(seconds: float) -> None:
    hours, minutes, rest = clock(seconds).split(":")
    assert len(minutes) == 2
    assert len(rest) == 4
    assert float(rest) < 60
    assert int(minutes) < 60
    assert abs(3600 * int(hours) + 60 * int(minutes) + float(rest) - seconds) <= 0.05 + 1e-6


def test_a_timeline_is_small(film: Path) -> None:
    (still,) = read_frames(film, [0])
    refs = tuple(
        still.ref.model_copy(update={"origin": Frame(source=str(film), t=number, index=number)})
        for number in range(1001)
    )
    with pytest.raises(ValidationError):
        Timeline(source=str(film), keyframes=refs)
    few = Timeline(source=str(film), keyframes=thinned(refs))
    assert few.keyframes[0] == refs[0]
    assert len(few.keyframes) == 200
    assert Timeline.model_validate_json(few.model_dump_json()) == few
    assert thinned(refs[:7]) == refs[:7]
