"""The web page in a real Chromium, in front of a real server: drop, ask, watch, see the evidence, go on."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import httpx
import numpy as np
import pytest
from browsing import Visit, Visits, chromium, visits
from clips import clip, moving
from keeping import zipped
from on_a_table import write_table
from PIL import Image, ImageDraw
from playwright.sync_api import Route, expect
from serving import Serving

from sightloop.tools import report_worlds

__all__ = ["chromium", "visits"]  # fixtures

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
DESK = {"viewport": {"width": 1440, "height": 900}}
HOSTILE = "<img src=x onerror=alert(1)><b>bold</b>"


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a picture, a video, a document and a zipped scene."""
    folder = tmp_path_factory.mktemp("shelf")
    image = Image.new("RGB", (192, 128), "white")
    draw = ImageDraw.Draw(image)
    draw.ellipse((20, 30, 90, 100), fill="red")
    draw.rectangle((110, 30, 180, 100), fill=(30, 60, 220))
    image.save(folder / "shapes.png")
    clip(folder / "film.mp4", 50, paint=moving())
    report_worlds.write(report_worlds.draw(1), folder / "report.pdf")
    (folder / "scan.zip").write_bytes(zipped(write_table(folder / "scan"), "scan/"))
    (folder / "notes.txt").write_text("hello")
    (folder / "broken.png").write_bytes((folder / "shapes.png").read_bytes()[:300])
    (folder / "empty.png").write_bytes(b"")
    noise = np.random.default_rng(0).integers(0, 256, (1700, 1900, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "large.png", compress_level=0)
    return folder


def test_ask_see_the_evidence_and_go_on(visits: Visits, shelf: Path) -> None:
    visit = visits(**DESK)
    page = visit.page
    expect(page.get_by_role("heading", name="What should I look at?")).to_be_visible()
    expect(page.locator("#evidence")).to_be_hidden()
    visit.add(shelf / "shapes.png")
    turn = visit.ask("What color is the circle?")
    expect(turn.locator(".answer")).to_have_text("red")
    expect(turn.locator(".sure")).to_have_text(re.compile(r"\d+% sure"))
    expect(turn.locator(".steps li")).to_have_count(5)
    expect(turn.locator(".progress summary")).to_have_text(re.compile(r"5 steps in \d"))
    expect(turn.locator(".evidence-of").first).to_contain_text("shapes.png")
    expect(turn.locator(".cited image").first).to_have_attribute("href", re.compile("^blob:"))
    expect(visit.report.get_by_role("heading", level=1)).to_have_text("red")
    expect(visit.report.locator("svg.picture").first).to_be_visible()
    expect(page.locator("#said")).to_have_text(re.compile("Answer: red"))

    follow_up = visit.ask("And the square?")
    expect(follow_up.locator(".answer")).to_have_text("blue")
    expect(visit.report.get_by_role("heading", level=1)).to_have_text("blue")
    turn.get_by_role("button", name="See the evidence").click()
    expect(visit.report.get_by_role("heading", level=1)).to_have_text("red")
    with page.expect_download() as saved:
        page.get_by_role("link", name="Save").click()
    assert "What color is the circle?" in saved.value.path().read_text(encoding="utf-8")


def test_what_was_asked_is_there_again(visits: Visits, shelf: Path) -> None:
    visit = visits(**DESK)
    page = visit.page
    visit.add(shelf / "shapes.png")
    visit.ask("What color is the circle?")
    visit.ask("And the square?")
    address = page.url
    page.get_by_role("button", name="New conversation").click()
    expect(page.locator(".turn")).to_have_count(0)
    expect(page.locator("#welcome")).to_be_visible()
    expect(page.locator("#evidence")).to_be_hidden()

    other = visits(**PHONE)
    other.open(address.removeprefix(other.url))
    expect(other.page.locator(".answer")).to_have_text(["red", "blue"])
    expect(other.page.locator(".turn").first.locator(".about li")).to_have_text(["shapes.png"])
    expect(other.page.locator(".turn").last.locator(".about li")).to_have_count(0)

    page.get_by_role("link", name="What color is the circle?").click()
    expect(page.locator(".answer")).to_have_text(["red", "blue"])
    page.go_back()
    expect(page.locator("#welcome")).to_be_visible()

    page.get_by_role("button", name="Delete the conversation").click()
    page.get_by_role("button", name="Keep").click()
    expect(page.locator("#conversations li")).to_have_count(1)
    page.get_by_role("button", name="Delete the conversation").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.locator("#conversations li")).to_have_count(0)
    page.get_by_role("button", name="Delete shapes.png").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.locator("#files li")).to_have_count(0)


def test_a_file_that_is_kept_is_asked_about_again(visits: Visits, shelf: Path) -> None:
    visit = visits()
    visit.add(shelf / "shapes.png")
    visit.open()
    visit.page.reload()
    visit.page.locator("#files").get_by_role("button", name=re.compile(r"^shapes\.png")).click()
    expect(visit.ask("What color is the square?").locator(".answer")).to_have_text("blue")


@pytest.mark.parametrize(
    ("name", "question", "shown"),
    [
        ("film.mp4", "What is shown?", ".video .marks [data-go]"),
        ("report.pdf", report_worlds.draw(1).asked[1].question, ".mark.confirmed"),
        ("scan.zip", "How big is the red block?", ".turntable canvas"),
    ],
)
def test_what_each_kind_of_file_shows(
    visits: Visits, shelf: Path, name: str, question: str, shown: str
) -> None:
    visit = visits(**DESK)
    visit.add(shelf / name)
    turn = visit.ask(question)
    expect(turn.locator(".evidence-of").first).to_be_visible()
    expect(visit.report.locator(shown).first).to_be_visible()


def test_files_are_dropped(visits: Visits, shelf: Path) -> None:
    visit = visits()
    data = base64.b64encode((shelf / "shapes.png").read_bytes()).decode()
    dropped = visit.page.evaluate_handle(
        """(data) => {
            const bytes = Uint8Array.from(atob(data), (sign) => sign.charCodeAt(0));
            const dropped = new DataTransfer();
            dropped.items.add(new File([bytes], "dropped.png", { type: "image/png" }));
            return dropped;
        }""",
        data,
    )
    visit.page.dispatch_event("main", "dragover", {"dataTransfer": dropped})
    expect(visit.page.locator("#drop")).to_be_visible()
    visit.page.dispatch_event("main", "drop", {"dataTransfer": dropped})
    expect(visit.page.locator("#drop")).to_be_hidden()
    expect(visit.page.locator(".attachment .name")).to_have_text("dropped.png")
    expect(visit.ask("What color is the circle?").locator(".answer")).to_have_text("red")


def test_what_is_wrong_is_said(visits: Visits, shelf: Path) -> None:
    visit = visits()
    page, trouble = visit.page, visit.page.locator("#trouble")
    visit.question.fill("What is here?")
    page.get_by_role("button", name="Ask").click()
    expect(trouble).to_have_text(re.compile("^Add a picture"))

    visit.add(shelf / "broken.png", shelf / "notes.txt", shelf / "empty.png")
    for file, why in (("broken.png", "damaged"), ("notes.txt", "nothing that is read"), ("empty", "empty")):
        expect(page.locator(".attachment.failed", has_text=file)).to_contain_text(why)
    visit.question.press("Enter")
    expect(trouble).to_have_text(re.compile(r"broken\.png cannot be asked about"))
    for file in ("broken.png", "notes.txt", "empty.png"):
        page.get_by_role("button", name=f"Remove {file}").click()
    visit.add(shelf / "shapes.png")
    expect(trouble).to_be_hidden()
    expect(visit.ask("What is here?").locator(".answer")).not_to_be_empty()

    visit.open("#/nowhere")
    expect(trouble).to_have_text("There is no conversation 'nowhere'.")


def test_a_question_that_cannot_be_answered_is_changed(visits: Visits, shelf: Path) -> None:
    visit = visits()
    page = visit.page
    visit.add(shelf / "scan.zip", shelf / "shapes.png")
    turn = visit.ask("What color is the square?")
    expect(turn.locator(".trouble")).to_have_text(
        "scan is a 3D scene, which is asked about alone; ask about the rest separately."
    )
    turn.get_by_role("button", name="Change the question").click()
    expect(visit.question).to_have_value("What color is the square?")
    page.get_by_role("button", name="Remove scan.zip").click()
    visit.question.press("Enter")
    expect(page.locator(".answer")).to_have_text("blue")


def test_an_upload_goes_on_where_it_was(visits: Visits, shelf: Path) -> None:
    visit = visits()
    page, offsets = visit.page, []

    def parts(route: Route) -> None:
        if route.request.method != "PATCH":
            route.continue_()
            return
        offsets.append(int(route.request.headers.get("upload-offset", -1)))
        if len(offsets) == 2:  # the connection breaks once
            route.abort()
        elif len(offsets) > 3:  # and then somebody closes the page
            route.abort("internetdisconnected")
        else:
            route.continue_()

    page.route(
        re.compile(r"/uploads/"),
        lambda route: parts(route) if route.request.method == "PATCH" else route.continue_(),
    )
    page.set_input_files("#picker", shelf / "large.png")
    expect(page.locator(".attachment .faint")).to_have_text(re.compile(r"^8\d% of 9\.\d MB"))
    page.reload()
    offsets.clear()
    page.unroute_all()
    with page.expect_request(lambda request: request.method == "PATCH") as sent:
        visit.add(shelf / "large.png")
    assert int(sent.value.headers["upload-offset"]) == 2 * 4 * 2**20
    expect(page.locator(".attachment.failed")).to_have_count(0)


def test_a_busy_server_is_asked_again(visits: Visits, shelf: Path) -> None:
    visit = visits()
    visit.add(shelf / "shapes.png")
    error = {"error": {"message": "try again in 1 s.", "type": "rate_limit_error", "code": None}}
    visit.page.route(
        "**/v1/chat/completions",
        lambda route: route.fulfill(status=429, headers={"Retry-After": "1"}, json=error),
        times=1,
    )
    turn = visit.ask("What color is the circle?")
    expect(turn.locator(".answer")).to_have_text("red")


def test_a_question_can_be_stopped_and_asked_again(visits: Visits, shelf: Path) -> None:
    visit = visits()
    page = visit.page
    visit.add(shelf / "shapes.png")
    with page.expect_request("**/v1/chat/completions"):
        page.route("**/v1/chat/completions", lambda route: None, times=1)  # it takes its time
        visit.question.fill("What color is the circle?")
        visit.question.press("Enter")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".turn .trouble")).to_have_text("You stopped this.")
    page.get_by_role("button", name="Ask again").click()
    expect(page.locator(".turn .answer")).to_have_text("red")


def test_the_key_is_asked_for(visits: Visits, guarded: Serving) -> None:
    visit = visits(known=False)
    dialog = visit.page.get_by_role("dialog")
    expect(dialog).to_contain_text("This server asks for a key")
    for _ in range(2):
        visit.page.keyboard.press("Escape")
        expect(dialog).to_be_visible()
    dialog.get_by_label("Key").fill("wrong")
    dialog.get_by_label("Key").press("Enter")
    expect(dialog.get_by_role("alert")).to_be_visible()
    dialog.get_by_label("Key").fill(guarded.keys["ann"])
    dialog.get_by_label("Key").press("Enter")
    expect(dialog).to_be_hidden()
    visit.page.reload()
    expect(dialog).to_be_hidden()


def test_the_keyboard_is_enough(visits: Visits, shelf: Path) -> None:
    visit = visits(**PHONE)
    page = visit.page
    page.locator("body").press("Tab")
    expect(page.get_by_role("link", name="Skip to the question")).to_be_focused()
    page.keyboard.press("Enter")
    expect(visit.question).to_be_focused()
    visit.add(shelf / "shapes.png")
    page.keyboard.type("What color is the circle?")
    page.keyboard.press("Enter")
    see = page.get_by_role("button", name="See the evidence")
    expect(see).to_be_visible()
    see.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#evidence-heading")).to_be_focused()
    expect(visit.report.get_by_role("heading", level=1)).to_have_text("red")
    assert page.locator("main").evaluate("(main) => main.inert")
    page.keyboard.press("Escape")
    expect(page.locator("#evidence")).to_be_hidden()
    page.get_by_role("button", name="Conversations and files").press("Enter")
    expect(page.get_by_role("button", name="New conversation")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Conversations and files")).to_be_focused()


def looked_at(visit: Visit, shelf: Path) -> list[str]:
    """Go through what the page shows, and return what is too wide, too small, too faint or without a name."""
    faults = []
    visit.page.set_input_files("#picker", shelf / "notes.txt")
    faults += visit.page.evaluate(FAULTS)
    visit.page.get_by_role("button", name="Remove notes.txt").click()
    visit.add(shelf / "report.pdf")
    visit.ask(report_worlds.draw(1).asked[1].question)
    faults += visit.page.evaluate(FAULTS)
    visit.page.locator("#open-sidebar").click()
    faults += visit.page.evaluate(FAULTS)
    return faults


FAULTS = (Path(__file__).parent / "faults.js").read_text(encoding="utf-8")


@pytest.mark.parametrize("colors", ["light", "dark"])
@pytest.mark.parametrize("device", [PHONE, DESK], ids=["phone", "desk"])
def test_all_is_within_reach_and_can_be_read(
    visits: Visits, shelf: Path, device: dict[str, object], colors: str
) -> None:
    assert looked_at(visits(**device, color_scheme=colors), shelf) == []


def test_what_is_said_is_never_markup(visits: Visits, shelf: Path, tmp_path: Path) -> None:
    visit = visits()
    file = tmp_path / "<b onclick=x>&amp;.png"
    file.write_bytes((shelf / "shapes.png").read_bytes())
    visit.add(file)
    expect(visit.page.locator(".attachment .name")).to_have_text(file.name)
    turn = visit.ask(f"What color is the circle? {HOSTILE}")
    expect(turn.locator(".asked")).to_contain_text(HOSTILE)
    assert turn.locator("b, .asked img").count() == 0
    visit.page.reload()
    expect(visit.page.locator(".asked")).to_contain_text(HOSTILE)


def test_nothing_but_the_page_s_own_files_may_run(guarded: Serving) -> None:
    with httpx.Client(base_url=guarded.url) as client:
        page = client.get("/")
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert not re.search(
            r"<script(?! type=\"module\" src=\"/page/)|<style|style=|\son\w+=|https?:", page.text
        )
        frame = client.get("/page/frame.html").headers["content-security-policy"]
        assert frame.startswith("sandbox allow-scripts; default-src 'none'")
        assert "connect-src" not in frame
        for name in set(re.findall(r"/page/[\w.]+", page.text)):
            file = client.get(name)
            assert file.status_code == 200
            assert file.headers["x-content-type-options"] == "nosniff"
        for name in ("nothing.js", "..%2Fsettings.py", "%2e%2e/app.py", ".", ""):
            missing = client.get(f"/page/{name}")
            assert missing.status_code in (401, 404)
            assert missing.json()["error"]["message"]
