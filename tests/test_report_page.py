"""Reports: a page stands alone, whatever it says is text on it, and it does not grow large."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pages import Element, box, of_two, opened_url, resulting, tree, two_stills
from PIL import Image

from sightloop import Evidence, Still, read_photo
from sightloop.agent.result import Result
from sightloop.integrations.report import read_report, report, write_report
from sightloop.integrations.report_marks import marks_on, zoomed
from sightloop.integrations.report_pictures import LONGEST, PICTURE_BYTES, data_url
from sightloop.memory import Size
from sightloop.tools.differences import Comparison, Difference

HOSTILE = "</script><script>alert(1)</script> \"' onload='x' <img src=http://evil.example/x.png> & <!--"
PAGE_BYTES = 33 * 2**20
"""What a page may have: 24 MiB of pictures, a third more for base64, and its words."""


@pytest.fixture(scope="module")
def pair() -> list[Still]:
    return two_stills()


@pytest.fixture(scope="module")
def compared(pair: list[Still]) -> Result:
    return of_two(pair)


@pytest.fixture(scope="module")
def page(compared: Result) -> Element:
    return tree(report(compared))


def test_the_page_is_whole(page: Element) -> None:
    (html,) = page.all("html")
    assert html.attrs["lang"] == "en"
    (title,) = page.all("title")
    assert "a square was added" in title.text
    assert [heading.text for heading in page.all("h1")] == ["a square was added"]
    assert all(cell.attrs["scope"] in ("row", "col") for cell in page.all("th"))
    ids = [element.attrs["id"] for element in page.all() if "id" in element.attrs]
    assert len(ids) == len(set(ids))
    pointed = {label.attrs["for"] for label in page.all("label")}
    pointed |= {section.attrs["aria-labelledby"] for section in page.all("section")}
    assert pointed <= set(ids)
    assert all(image.attrs["aria-label"] for image in page.all("svg", role="img"))


def test_nothing_is_asked_of_any_network(page: Element, compared: Result) -> None:
    links = [
        element.attrs[name] for element in page.all() for name in ("href", "src") if name in element.attrs
    ]
    ids = {element.attrs.get("id") for element in page.all()}
    assert links
    assert all(link.startswith("data:") or (link[0] == "#" and link[1:] in ids) for link in links)
    (style,) = page.all("style")
    assert not re.search(r"@import|url\(|https?:", style.text)
    assert not [element for element in page.all() if any(name.startswith("on") for name in element.attrs)]


def test_only_the_script_of_the_page_may_run(page: Element) -> None:
    policy = page.all("meta", http_equiv="Content-Security-Policy")[0].attrs["content"]
    data, program = page.all("script")
    assert data.attrs == {"type": "application/json", "id": "result"}
    text = "".join(program.own)
    assert f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" in policy
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert "http" not in policy


def test_every_picture_is_embedded_once(page: Element, pair: list[Still]) -> None:
    embedded = page.all("image")
    assert len(embedded) == 2
    for image, still in zip(embedded, pair, strict=True):
        opened = opened_url(image.attrs["href"])
        assert opened.size == still.size
        assert (int(image.attrs["width"]), int(image.attrs["height"])) == still.size
        off = np.abs(np.asarray(opened.convert("RGB"), float) - still.pixels)
        assert off.mean() < 4
    used = {use.attrs["href"] for use in page.all("use")}
    assert used == {f"#{image.attrs['id']}" for image in embedded}


def test_what_is_said_is_text(tmp_path: Path, pair: list[Still]) -> None:
    path = tmp_path / "<b onload='x'>\"q\" & <script>.png"
    pair[0].to_pil().save(path)
    still = read_photo(path)
    one = Comparison(
        before=1,
        after=2,
        same_scene=True,
        correlation=1,
        notes=(HOSTILE,),
        differences=(
            Difference(kind="added", before=None, after=box(1, 1, 9, 9), words=HOSTILE, probability=1),
        ),
    )
    evidence = [Evidence.of(still, HOSTILE, 0.5), Evidence.of(still, HOSTILE, 0.5, box(3, 3, 9, 9))]
    result = resulting([still, pair[1]], [one], evidence, words=HOSTILE)
    harmless = resulting(
        [still, pair[1]], [one.model_copy(update={"notes": ("n",)})], evidence, words="words"
    )
    page, same = tree(report(result)), tree(report(harmless))
    assert [element.tag for element in page.all()] == [element.tag for element in same.all()]
    assert {name for element in page.all() for name in element.attrs} == {
        name for element in same.all() for name in element.attrs
    }
    assert page.all("h1")[0].text == " ".join(HOSTILE.split())
    assert any(path.name in source.text for source in page.all("bdi", "source"))
    assert read_report(write_report(result, tmp_path / "out.html")) == result


# How large it is


def test_ten_large_photos_make_no_large_page(pair: list[Still]) -> None:
    large = np.asarray(pair[0].to_pil().resize((4000, 3000)))
    noise = np.random.default_rng(0).integers(0, 30, large.shape, dtype=np.uint8)
    stills = [Still.from_array(np.roll(large // 2 + noise, 97 * number, 1)) for number in range(10)]
    page = report(resulting(stills, evidence=[Evidence.of(still, "seen", 0.5) for still in stills]))
    assert len(page.encode()) < 10 * PICTURE_BYTES * 4 / 3 + 2**20 < PAGE_BYTES
    urls = [image.attrs["href"] for image in tree(page).all("image")]
    assert len(urls) == 10
    assert all(max(opened_url(url).size) <= LONGEST for url in urls)


def test_more_pictures_are_smaller() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (900, 900, 3), dtype=np.uint8)
    image = Image.fromarray(noise)
    for most in (2**20, 2**17, 2**13):
        data = data_url(image, most).partition(",")[2]
        assert len(base64.b64decode(data)) <= most


def test_a_drawing_is_kept_as_it_is() -> None:
    drawing = np.zeros((90, 120, 3), np.uint8)
    drawing[20:40, 30:70] = (255, 0, 0)
    assert np.array_equal(np.asarray(opened_url(data_url(Image.fromarray(drawing)))), drawing)


# Marks


sizes = st.builds(Size, st.integers(1, 5000), st.integers(1, 5000))
shares = st.tuples(st.floats(-0.5, 1.4), st.floats(-0.5, 1.4), st.floats(0.001, 2), st.floats(0.001, 2))


@given(sizes, st.lists(shares, max_size=12))
@example(Size(100, 100), [(0.0, 0.0, 1.0, 1.0)] * 3)
def test_marks_lie_on_the_picture_and_cover_what_the_box_covers(
    size: Size, drawn: list[tuple[float, float, float, float]]
) -> None:
    width, height = size
    boxes = [box(x * width, y * height, (x + w) * width, (y + h) * height) for x, y, w, h in drawn]
    marks = marks_on(size, [(number, "moved", one) for number, one in enumerate(boxes)])
    assert {mark.number for mark in marks} == {
        number
        for number, one in enumerate(boxes)
        if max(0, one.x0) < min(width, one.x1) and max(0, one.y0) < min(height, one.y1)
    }
    for mark in marks:
        one = boxes[mark.number]
        sides = [mark.left * width, mark.top * height]
        ends = [(mark.left + mark.width) * width, (mark.top + mark.height) * height]
        assert sides == pytest.approx([100 * max(0, one.x0), 100 * max(0, one.y0)], abs=1e-3)
        assert ends == pytest.approx([100 * min(width, one.x1), 100 * min(height, one.y1)], abs=1e-3)


def test_plates_of_neighbours_stand_apart() -> None:
    boxes = [(1, "added", box(100, 100, 120, 120)), (2, "added", box(104, 100, 124, 120))]
    one, two = marks_on(Size(320, 300), boxes)
    assert one.place != two.place


@given(sizes, shares)
def test_a_zoom_shows_all_of_its_box(size: Size, drawn: tuple[float, float, float, float]) -> None:
    x, y, w, h = (min(max(share, 0), 0.9) for share in drawn)
    one = box(
        x * size.width,
        y * size.height,
        min(x + max(w, 0.01), 1) * size.width,
        min(y + max(h, 0.01), 1) * size.height,
    )
    view = zoomed(one, size).view
    slack = 1e-6 * max(size)
    assert view.x0 <= one.x0 + slack
    assert view.y0 <= one.y0 + slack
    assert view.x1 >= one.x1 - slack
    assert view.y1 >= one.y1 - slack
    assert (view.x1 - view.x0) / (view.y1 - view.y0) == pytest.approx(4 / 3)


def test_colours_can_be_read(page: Element) -> None:
    """White on the colour of a kind, and words on each background, by the contrast that WCAG 2 asks for."""
    style = page.all("style")[0].text
    themes = style.split("@media screen")[:2]
    light, dark = (dict(re.findall(r"--([\w-]+): (#[0-9a-f]{3,6});", theme)) for theme in themes)
    kinds = ("added", "removed", "moved", "recoloured", "resized", "text-changed", "changed")
    assert all(contrast(light[kind], "#fff") >= 4.5 for kind in kinds)
    for theme in (light, {**light, **dark}):
        for ink in ("ink", "faint", "good", "bad", "doubt", "accent"):
            for ground in ("page", "card", "hollow", "notice"):
                assert contrast(theme[ink], theme[ground]) >= 4.5, (ink, ground)


def contrast(one: str, two: str) -> float:
    low, high = sorted(luminance(color) for color in (one, two))
    return (high + 0.05) / (low + 0.05)


def luminance(color: str) -> float:
    digits = color[1:] if len(color) == 7 else "".join(2 * digit for digit in color[1:])
    parts = np.array([int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)])
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])
