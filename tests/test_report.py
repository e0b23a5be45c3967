"""Reports: a page says what the result says, and reads back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import skimage.data
from hypothesis import example, given
from hypothesis import strategies as st
from pages import Element, box, of_two, opened_url, places, resulting, tree, two_stills

from sightloop import Evidence, Still, read_photo
from sightloop.agent.result import Result
from sightloop.errors import InputError
from sightloop.integrations.report import read_report, report, write_report
from sightloop.memory.still import Frame, Photo, Point, Span
from sightloop.tools.differences import Comparison, Difference


@pytest.fixture(scope="module")
def pair() -> list[Still]:
    return two_stills()


@pytest.fixture(scope="module")
def compared(pair: list[Still]) -> Result:
    return of_two(pair)


@pytest.fixture(scope="module")
def page(compared: Result) -> Element:
    return tree(report(compared))


def test_boxes_stand_where_the_regions_are(page: Element) -> None:
    before, after = page.all("section", "pair")[0].all("figure")
    assert places(before.all("span", "mark")) == {
        ("2", "text-changed"): pytest.approx([60 / 6, 40 / 4, 120 / 6, 60 / 4])
    }
    wide, high = 580 / 100, 384 / 100
    assert places(after.all("span", "mark")) == {
        ("1", "added"): pytest.approx([470 / wide, 300 / high, 60 / wide, 50 / high], abs=1e-3),
        ("2", "text-changed"): pytest.approx([50 / wide, 32 / high, 120 / wide, 60 / high], abs=1e-3),
    }
    assert [mark.text for mark in after.all("span", "mark")] == ["1 added", "2 text changed"]


def test_each_difference_is_a_row_with_its_verdict(page: Element) -> None:
    first, second = page.all("section", "pair")[0].all("tbody")[0].all("tr")
    cells = [[cell.text for cell in row.all() if cell.tag in ("td", "th")] for row in (first, second)]
    assert cells == [
        ["1", "a square was added", "added", "not there", "470, 300 to 530, 350", "95%", "✓ confirmed 95%"],
        [
            "2",
            "the text changed",
            "text changed",
            "60, 40 to 180, 100",
            "50, 32 to 170, 92",
            "50%",
            "✗ rejected 50%",
        ],
    ]
    assert [row.attrs["data-mark"] for row in (first, second)] == ["1", "2"]
    assert [len(row.all("svg", "zoom")) for row in (first, second)] == [1, 2]
    assert page.all("header")[0].all("span", "verdict")[0].text == "✗ rejected"
    assert not [
        section for section in page.all("section") if section.attrs.get("aria-labelledby") == "evidence"
    ]


def test_the_slider_lays_one_picture_over_the_other(page: Element) -> None:
    (slider,) = page.all("div", "slider")
    (control,) = slider.all("input", type="range")
    assert slider.all("label")[0].attrs["for"] == control.attrs["id"]
    assert "hidden" in slider.attrs  # until the script shows it
    under, over = slider.all("svg")
    assert under.attrs["viewbox"] == over.attrs["viewbox"] == "0 0 600 400"
    (laid,) = over.all("use")
    numbers = [float(number) for number in laid.attrs["transform"][len("matrix(") : -1].split()]
    # The second picture was cut out of the first, 10 pixels from its left and 8 from its top.
    assert numbers[:4] == pytest.approx([1, 0, 0, 1], abs=0.005)
    assert numbers[4:] == pytest.approx([10, 8], abs=1.0)


def test_steps_and_cost_are_told(page: Element) -> None:
    steps = page.all("ol", "steps")[0].all("span", "kind")
    assert [step.text for step in steps] == ["plan", "call", "observation", "verify", "answer"]
    said = page.all("ol", "steps")[0].text
    for words in (
        "1.50 s, 1,200 visual tokens",
        "Is there a square?",
        "62%",
        "another look",
        "gone.png",
        "I think",
    ):
        assert words in said
    cost = page.all("section", aria_labelledby="cost")[0]
    rows = {row.all("th")[0].text: row.all("td")[0].text for row in cost.all("table")[0].all("tr")}
    assert rows["Visual tokens read"] == "1,200"
    assert rows["Tokens of the language model that planned"] == "41"
    assert rows["Seconds of the run"] == "2.26"
    bars = [bar.attrs["style"] for bar in cost.all("span", "bar")]
    assert bars == ["width: 16.67%", "width: 0.67%", "width: 100.00%", "width: 33.33%", "width: 0.00%"]
    notices = [notice.text for notice in page.all("header")[0].all("p", "notice")]
    assert notices == ["Not read: gone.png does not exist", "Note: note: a square was added"]


@pytest.mark.parametrize(
    "ended", ["cancelled", "limit:steps", "limit:visual_tokens", "limit:seconds", "limit:gpu_bytes"]
)
def test_a_run_that_was_cut_short_says_so(pair: list[Still], ended: str) -> None:
    page = tree(report(resulting(pair, ended=ended)))
    assert page.all("header")[0].all("p", "notice")[0].text.endswith("this is the best answer so far.")


def test_no_difference(pair: list[Still]) -> None:
    one = Comparison(before=1, after=2, same_scene=True, differences=(), correlation=1)
    checked = Evidence.of(pair[1], one.words, 0.9).model_copy(update={"verdict": "confirmed"})
    section = tree(report(resulting(pair, [one], [checked]))).all("section", "pair")[0]
    assert "No difference beyond noise was found." in section.text
    assert [verdict.text for verdict in section.all("span", "verdict")] == ["✓ confirmed 90%"]
    assert section.all("div", "slider")
    assert not section.all("table")
    assert not section.all("span", "mark")


def test_different_scenes() -> None:
    stills = [Still.from_array(skimage.data.chelsea()), Still.from_array(skimage.data.coins())]
    one = Comparison(
        before=1,
        after=2,
        same_scene=False,
        differences=(),
        correlation=0.02,
        shared=("round thing",),
        only_before=("cat", "whisker"),
        only_after=("coin",),
    )
    section = tree(report(resulting(stills, [one]))).all("section", "pair")[0]
    assert "pictures of different scenes" in section.text
    shown = {
        part.all("h4")[0].text: [item.text for item in part.all("li")]
        for part in section.all("div", "shows")[0].children
    }
    assert shown == {
        "Both show": ["round thing"],
        "Only the first shows": ["cat", "whisker"],
        "Only the second shows": ["coin"],
    }
    assert not section.all("div", "slider")


def test_other_evidence_and_what_tools_made(pair: list[Still]) -> None:
    crop = pair[0].crop(box(100, 100, 220, 180))
    frame = Still.from_array(pair[1].pixels[:80, :90], Frame(source="clip.mp4", t=1.5, index=36))
    evidence = [
        Evidence.of(pair[0], "all of it", 0.5),
        Evidence.of(crop, "the handle", 0.25, box(10, 10, 50, 50)),
        Evidence.of(frame, "for a while", 0.5, Span(start=1, end=2.5)),
        Evidence.of(frame, "at a place", 0.5, Point(x=1, y=2, z=3, sigma=0.1)),
    ]
    page = tree(report(resulting([pair[0], frame], evidence=evidence, made=[crop])))
    one, two = page.all("div", "proof")
    assert places(one.all("span", "mark")) == {
        ("2", "unverified"): pytest.approx([110 / 6, 110 / 4, 40 / 6, 40 / 4], abs=1e-3)
    }
    assert [item.text for item in one.all("li")] == [
        "all of it? unverified 50% all of it",
        "the handle? unverified 25% 110, 110 to 150, 150",
    ]
    assert "clip.mp4, frame 36 at 0:00:01.5" in two.text
    assert "0:00:01.0 to 0:00:02.5" in two.text
    assert "at 1.00, 2.00, 3.00 m, give or take 0.10 m" in two.text
    (section,) = [part for part in page.all("section") if "Pictures that tools made" in part.text]
    assert "image 3, 120 \u00d7 80, the part 100, 100 to 220, 180" in section.text
    assert section.all("svg")[0].attrs["viewbox"] == "0 0 120 80"


def test_crops_that_are_compared(pair: list[Still]) -> None:
    """Boxes of a comparison are in pixels of the crops, those of evidence in pixels of the whole stills."""
    crops = [still.crop(box(400, 200, 580, 380)) for still in pair]
    where = box(45, 90, 135, 180)
    one = Comparison(
        before=1,
        after=2,
        same_scene=True,
        correlation=0.9,
        differences=(Difference(kind="added", before=None, after=where, words="it came", probability=1),),
    )
    checked = Evidence.of(crops[1], "it came", 0.8, where).model_copy(update={"verdict": "confirmed"})
    page = tree(report(resulting(crops, [one], [checked])))
    (row,) = page.all("section", "pair")[0].all("tbody")[0].all("tr")
    assert row.all("span", "verdict")[0].text == "✓ confirmed 80%"
    assert not page.all("div", "proof")
    assert places(page.all("span", "mark")) == {("1", "added"): pytest.approx([25, 50, 50, 50])}
    assert [opened_url(image.attrs["href"]).size for image in page.all("image")] == [(180, 180)] * 2


def test_a_picture_that_is_gone(tmp_path: Path, pair: list[Still]) -> None:
    path = tmp_path / "gone.png"
    pair[0].to_pil().save(path)
    lost = read_photo(path)
    path.unlink()
    one = Comparison(
        before=1,
        after=2,
        same_scene=True,
        correlation=1,
        differences=(
            Difference(
                kind="moved",
                before=box(6, 4, 66, 44),
                after=box(9, 9, 20, 20),
                words="it moved",
                probability=1,
            ),
        ),
    )
    whole = resulting([lost, pair[1]], [one])
    result = Result.model_validate(whole.model_dump()).with_stills([pair[1]])
    page = tree(report(result))
    before, after = page.all("section", "pair")[0].all("figure")
    assert "This picture cannot be shown: " in before.text
    assert "gone.png" in before.all("p", "gone")[0].text
    assert not before.all("svg")
    assert places(before.all("span", "mark")) == {("1", "moved"): pytest.approx([1, 1, 10, 10])}
    assert after.all("svg")
    assert len(page.all("image")) == 1
    assert not page.all("div", "slider")


def test_sixteen_stills(pair: list[Still]) -> None:
    cut = [pair[0].pixels[:200, side : side + 300] for side in range(0, 160, 10)]
    stills = [Still.from_array(pixels) for pixels in cut]
    page = tree(report(resulting(stills, evidence=[Evidence.of(still, "seen", 0.5) for still in stills])))
    names = [proof.all("figcaption")[0].all("bdi")[0].text for proof in page.all("div", "proof")]
    assert names == [f"image {number}" for number in range(1, 17)]
    assert len(page.all("image")) == 16


# Files


def test_a_page_reads_back(tmp_path: Path, compared: Result) -> None:
    path = write_report(compared, tmp_path / "out.html")
    assert path == tmp_path / "out.html"
    assert read_report(path) == compared


@given(words=st.text(max_size=30))
@example(words="</script>\u2028<!--<script>")
def test_any_answer_reads_back(tmp_path_factory: pytest.TempPathFactory, words: str) -> None:
    still = Still(np.zeros((2, 2, 3), np.uint8), Photo(source="memory:0"))
    result = resulting([still], evidence=[Evidence.of(still, words, 1)], words=words)
    path = tmp_path_factory.mktemp("page") / "out.html"
    assert read_report(write_report(result, path)) == result


def test_files_that_cannot_be_used(tmp_path: Path, compared: Result) -> None:
    with pytest.raises(InputError, match=r"cannot be written to .*nowhere"):
        write_report(compared, tmp_path / "nowhere" / "out.html")
    with pytest.raises(InputError, match="cannot be read"):
        read_report(tmp_path / "out.html")
    other = tmp_path / "other.html"
    other.write_text("<p>hello</p>", encoding="utf-8")
    with pytest.raises(InputError, match="is no report of sightloop"):
        read_report(other)
    other.write_text('<script id="result">{"answer": 1}</script>', encoding="utf-8")
    with pytest.raises(InputError, match="holds no result that can be read"):
        read_report(other)
