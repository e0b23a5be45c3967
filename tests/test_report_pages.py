"""Pages of documents in reports: each page itself, what is cited of it on it, and its words beside it."""

from __future__ import annotations

import base64
import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pages import Element, box, resulting, shown_by_chromium, tree
from PIL import Image

from sightloop import Evidence, Still
from sightloop.agent.result import Result
from sightloop.integrations import report_pages
from sightloop.integrations.report import read_report, report, write_report
from sightloop.integrations.report_marks import marks_on
from sightloop.integrations.report_pages import page_url
from sightloop.memory import Box, Page, Size
from sightloop.memory.sources.documents import Document
from sightloop.tools.report_worlds import draw, write

HOSTILE = "</script><script>alert(1)</script> \"' onload='x' <img src=http://evil.example/x.png> & <!--"
LONG = "word for word " * 60 + "unbroken" * 80


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("papers")
    write(draw(1), folder / "one.pdf")
    write(draw(2), folder / "two.pdf")
    return folder


@pytest.fixture(scope="module")
def stills(folder: Path) -> list[Still]:
    """Three pages of the one document, and three of the other."""
    pages = []
    for name in ("one.pdf", "two.pdf"):
        with Document(folder / name) as document:
            pages += [document.page(number).still for number in (1, 2, 3)]
    return pages


def said(still: Still, claim: str, region: Box | None = None, verdict: str = "confirmed") -> Evidence:
    return Evidence.of(still, claim, 0.75, region).model_copy(update={"verdict": verdict})


def reading(read: list[Still], evidence: list[Evidence]) -> Result:
    """A result of a run that read pages."""
    return resulting([], evidence=evidence, made=read, words="14")


@pytest.fixture(scope="module")
def cited(stills: list[Still]) -> Result:
    return reading(
        stills,
        [
            said(stills[1], "placebo 120", box(144, 300, 500, 330)),
            said(stills[0], "Patients came from 14 hospitals", box(144, 180, 900, 240), "rejected"),
            said(stills[1], "Table 1", box(144, 600, 500, 630), "unverified"),
            said(stills[4], "Results", box(144, 150, 300, 180)),
            said(stills[4], "all of this page"),
        ],
    )


@pytest.fixture(scope="module")
def page(cited: Result) -> Element:
    return tree(report(cited))


def url_of(image: Element) -> Image.Image:
    kind, _, data = image.attrs["src"].partition(";base64,")
    assert kind == "data:image/webp"
    return Image.open(io.BytesIO(base64.b64decode(data, validate=True)))


def one(element: Element, tag: str, *classes: str, **attrs: str) -> Element:
    (found,) = element.all(tag, *classes, **attrs)
    return found


# What is shown


def test_cited_pages_are_shown_with_their_own_pixels(page: Element, stills: list[Still]) -> None:
    images = page.all("img")
    for image, still in zip(images, (stills[1], stills[0], stills[4]), strict=True):
        assert np.array_equal(np.asarray(url_of(image).convert("RGB")), still.pixels)
        assert (int(image.attrs["width"]), int(image.attrs["height"])) == still.size
        assert image.attrs["loading"] == "lazy"
        assert image.attrs["alt"].startswith("Page ")


def test_quotes_stand_beside_their_page_word_for_word(page: Element, cited: Result) -> None:
    quotes = {quote.attrs["data-mark"]: quote for quote in page.all("li", "quote")}
    assert sorted(quotes) == ["1", "2", "3", "4", "5"]
    for number, item in enumerate(cited.evidence, start=1):
        quote = quotes[str(number)]
        assert one(quote, "blockquote").text == item.claim
        assert quote.has(item.verdict)
        assert f"{item.verdict} 75%" in one(quote, "span", "verdict").text
        origin = item.still.origin
        assert isinstance(origin, Page)
        assert f"page {origin.number} of {Path(origin.source).name}" in one(quote, "span", "where").text


def test_boxes_lie_on_their_page_with_the_number_and_the_verdict_of_their_quote(
    page: Element, cited: Result
) -> None:
    drawn = {mark.attrs["data-mark"]: mark for mark in page.all("a", "mark")}
    assert sorted(drawn) == ["1", "2", "3", "4"]
    for number, item in enumerate(cited.evidence[:4], start=1):
        mark, (width, height) = drawn[str(number)], (item.still.width, item.still.height)
        assert mark.has(item.verdict)
        assert one(mark, "span", "plate").text == str(number)
        region = item.region
        assert isinstance(region, Box)
        style = dict(part.split(": ") for part in mark.attrs["style"].split("; "))
        shares = [float(style[name].removesuffix("%")) for name in ("left", "top", "width", "height")]
        sides = [region.x0 / width, region.y0 / height]
        sides += [(region.x1 - region.x0) / width, (region.y1 - region.y0) / height]
        assert shares == pytest.approx([100 * side for side in sides], abs=1e-3)


def test_quotes_lead_to_their_boxes_and_boxes_back(page: Element) -> None:
    ids = {element.attrs["id"]: element for element in page.all() if "id" in element.attrs}
    for number in "1234":
        there = one(ids[f"quote-{number}"], "a", "number").attrs["href"]
        assert there == f"#box-{number}"
        assert ids[f"box-{number}"].attrs["href"] == f"#quote-{number}"
    # A quote without a box leads to its page.
    sheet = ids[one(ids["quote-5"], "a", "number").attrs["href"][1:]]
    assert sheet.all("a", "mark", data_mark="4")
    assert not ids["quote-5"].all("button", "closer")


def test_small_boxes_lie_in_front_of_those_around_them(stills: list[Still]) -> None:
    within = [box(300, 300, 400, 330), box(100, 100, 900, 900), box(250, 250, 600, 600)]
    evidence = [said(stills[0], f"words {number}", region) for number, region in enumerate(within)]
    marks = tree(report(reading(stills[:1], evidence))).all("a", "mark")
    front = [int(mark.attrs["style"].rpartition("z-index: ")[2]) for mark in marks]
    assert front == [3, 1, 2]


def test_pages_that_were_only_read_are_small_with_their_numbers(page: Element, stills: list[Still]) -> None:
    lists = page.all("ul", "small")
    assert [[item.text for item in row.all("li")] for row in lists] == [["page 3"], ["page 1", "page 3"]]
    embedded = {image.attrs["id"] for image in page.all("image")}
    used = {use.attrs["href"].removeprefix("#") for row in lists for use in row.all("use")}
    assert used == embedded
    assert [heading.text for heading in page.all("h3")] == ["one.pdf", "two.pdf"]


def test_pages_are_shown_nowhere_else(page: Element) -> None:
    headings = [heading.text for heading in page.all("h2")]
    assert headings == ["What the answer rests on", "Steps", "Cost"]


def test_photos_beside_pages_are_other_evidence(stills: list[Still]) -> None:
    photo = Still.from_array(np.full((40, 60, 3), 90, np.uint8))
    evidence = [said(stills[0], "14", box(10, 10, 90, 90)), said(photo, "a grey picture")]
    page = tree(report(resulting([photo], evidence=evidence, made=stills[:1])))
    headings = [heading.text for heading in page.all("h2")]
    assert headings == ["What the answer rests on", "Other evidence", "Steps", "Cost"]
    assert one(page, "ol", "claims").text.startswith("a grey picture")
    assert "asked again of the pictures" in one(page, "p", "sure").text


def test_what_was_checked_of_quotes_is_said(page: Element, stills: list[Still]) -> None:
    assert "do not hold the quoted words" in one(page, "p", "sure").text
    right = reading(stills[:1], [said(stills[0], "14", box(10, 10, 90, 90))])
    assert "quoted words were read again" in one(tree(report(right)), "p", "sure").text


def test_a_part_of_a_page_that_a_tool_made_is_a_picture(stills: list[Still]) -> None:
    part = stills[0].crop(box(100, 100, 700, 400))
    page = tree(report(reading([stills[0], part], [said(stills[0], "14", box(110, 110, 300, 300))])))
    assert "Pictures that tools made" in [heading.text for heading in page.all("h2")]


def test_without_citations_the_pages_that_were_read_are_shown(stills: list[Still]) -> None:
    page = tree(report(reading(stills[:2], [])))
    assert page.all("h2")[0].text == "Pages that were read"
    assert one(page, "ul", "small").text.split() == ["page", "1", "page", "2"]
    assert not page.all("img")


def test_a_result_without_pages_has_nothing_of_them() -> None:
    page = report(resulting([Still.from_array(np.zeros((9, 9, 3), np.uint8))]))
    assert not tree(page).all("section", "documents")
    assert "data-leaf" not in page


# It stands alone, and what is quoted is text


def test_the_page_is_whole_and_asks_no_network(page: Element) -> None:
    ids = [element.attrs["id"] for element in page.all() if "id" in element.attrs]
    assert len(ids) == len(set(ids))
    links = [each.attrs[name] for each in page.all() for name in ("href", "src") if name in each.attrs]
    assert all(link.startswith("data:") or (link[0] == "#" and link[1:] in ids) for link in links)
    policy = page.all("meta", http_equiv="Content-Security-Policy")[0].attrs["content"]
    program = "".join(page.all("script")[-1].own)
    assert base64.b64encode(hashlib.sha256(program.encode()).digest()).decode() in policy
    assert "popstate" in program


def test_what_is_quoted_is_text(tmp_path: Path) -> None:
    path = tmp_path / "<b onload='x'>\"q\" & <script>.pdf"
    write(draw(3), path)
    with Document(path) as document:
        still = document.page(1).still

    def made(words: str) -> Result:
        return reading([still], [said(still, words, box(10, 10, 200, 40)), said(still, f"{words}\n{LONG}")])

    result = made(HOSTILE)
    hostile, harmless = tree(report(result)), tree(report(made("words")))
    assert [element.tag for element in hostile.all()] == [element.tag for element in harmless.all()]
    assert hostile.all("blockquote")[0].text == " ".join(HOSTILE.split())
    assert any(path.name in name.text for name in hostile.all("h3"))
    assert read_report(write_report(result, tmp_path / "out.html")) == result


# How large it is


def test_a_page_of_text_is_small_and_keeps_its_pixels(stills: list[Still]) -> None:
    for still in stills:
        assert len(page_url(still.to_pil())) < 100_000


@pytest.mark.parametrize("most", [2**20, 2**16, 2**12])
def test_a_page_that_is_too_large_is_made_smaller(most: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (1584, 1224, 3), dtype=np.uint8)
    data = base64.b64decode(page_url(Image.fromarray(noise), most).partition(",")[2])
    assert len(data) <= most
    width, height = Image.open(io.BytesIO(data)).size
    assert width / height == pytest.approx(1224 / 1584, rel=0.05)


def test_many_pages_make_no_large_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_pages, "MOST_PAGES", 3)
    monkeypatch.setattr(report_pages, "MOST_PREVIEWS", 2)
    monkeypatch.setattr(report_pages, "PAGES_BYTES", 60_000)
    chance = np.random.default_rng(0)
    scans = [
        Still(
            np.repeat(np.repeat(chance.integers(0, 256, (198, 153, 3), dtype=np.uint8), 4, 0), 4, 1),
            Page(source=str(tmp_path / "scan.pdf"), number=number),
        )
        for number in range(1, 10)
    ]
    page = tree(report(reading(scans, [said(scan, f"number {i}") for i, scan in enumerate(scans[:5])])))
    assert len(page.all("blockquote")) == 5
    images = page.all("img")
    assert len(images) == 3
    assert sum(len(image.attrs["src"]) for image in images) * 3 / 4 < 60_100
    gone = [line.text for line in page.all("p", "gone")]
    assert len(gone) == 2
    assert all("a report shows 3 pages" in line for line in gone)
    assert len(one(page, "ul", "small").all("li")) == 2
    assert "pages 8, 9" in one(page, "div", "document").all("p", "faint")[-1].text


# What is lost


def test_a_page_whose_file_is_gone_is_told_and_its_quotes_stay(tmp_path: Path) -> None:
    write(draw(4), tmp_path / "gone.pdf")
    with Document(tmp_path / "gone.pdf") as document:
        first, second = (document.page(number).still for number in (1, 2))
    evidence = [said(first, "14 hospitals", box(10, 10, 200, 40))]
    written = reading([first, second], evidence).model_dump_json()
    (tmp_path / "gone.pdf").unlink()
    page = tree(report(Result.model_validate_json(written)))
    assert "gone.pdf" in one(page, "p", "gone").text
    assert one(page, "blockquote").text == "14 hospitals"
    assert [mark.attrs["data-mark"] for mark in page.all("a", "mark")] == ["1"]
    assert not page.all("img")
    assert "page 2" in one(page, "div", "document").all("p", "faint")[-1].text


# In a browser


def zoom_of(leaf: Element) -> float:
    style = dict(part.split(": ") for part in leaf.attrs["style"].removesuffix(";").split("; "))
    return float(style.get("--zoom", "1"))


@pytest.mark.parametrize(("size", "zoomed"), [("1280,900", False), ("500,900", True)])
def test_a_box_is_lit_with_its_quote_and_comes_close_where_pages_are_small(
    cited: Result, tmp_path: Path, size: str, zoomed: bool
) -> None:
    page = shown_by_chromium(report(cited), tmp_path, size, at="box-2")
    assert {each.attrs["id"] for each in page.all("", "chosen")} == {"quote-2", "box-2"}
    assert all("hidden" not in button.attrs for button in page.all("button", "closer"))
    leaves = {leaf.attrs["id"]: leaf for leaf in page.all("figure", "leaf")}
    assert leaves.pop("page-2").has("zoomed") == zoomed
    assert not any(leaf.has("zoomed") for leaf in leaves.values())
    for leaf in page.all("figure", "leaf"):
        assert (zoom_of(leaf) > 1) == leaf.has("zoomed")
        buttons = {button.attrs["data-lens"]: button for button in leaf.all("button")}
        assert all(("disabled" in buttons[way].attrs) != leaf.has("zoomed") for way in ("out", "whole"))


def test_a_box_leads_a_browser_back_to_its_quote(cited: Result, tmp_path: Path) -> None:
    page = shown_by_chromium(report(cited), tmp_path, "500,900", at="quote-3")
    assert {each.attrs["id"] for each in page.all("", "chosen")} == {"quote-3", "box-3"}
    assert not page.all("figure", "zoomed")


# Plates


sides = st.tuples(st.floats(-0.5, 1.4), st.floats(-0.5, 1.4), st.floats(0.001, 2), st.floats(0.001, 2))


@given(sides)
def test_a_plate_lies_on_the_page(drawn: tuple[float, float, float, float]) -> None:
    x, y, w, h = drawn
    one = box(1224 * x, 1584 * y, 1224 * (x + w), 1584 * (y + h))
    marks = marks_on(Size(1224, 1584), [(1, "confirmed", one)], beside=True)
    assert len(marks) == (x + w > 0 and y + h > 0 and x < 1 and y < 1)
    for mark in marks:
        # Beside a box at the edge of the page there is no room.
        assert mark.place != "before" or mark.left > 5
        assert mark.place != "after" or mark.left + mark.width < 95


def test_plates_stand_beside_boxes_where_there_is_room() -> None:
    size = Size(1224, 1584)
    (mark,) = marks_on(size, [(1, "confirmed", box(144, 300, 900, 330))], beside=True)
    assert mark.place == "before"
    (mark,) = marks_on(size, [(1, "confirmed", box(2, 300, 900, 330))], beside=True)
    assert mark.place == "after"
    both = marks_on(size, [(n, "confirmed", box(144, 300, 900, 330)) for n in (1, 2)], beside=True)
    assert {mark.place for mark in both} == {"before", "after"}


def test_steps_tell_the_pages(page: Element, cited: Result) -> None:
    steps = one(page, "ol", "steps").text
    assert all(picture.name in steps for picture in cited.pictures)
