"""For tests of the web page: the installed Chromium, and a person of their own at it for each test."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, FrameLocator, Locator, Page, expect, sync_playwright
from serving import Serving

from sightloop.integrations.server.keys import Keys

SECONDS = 60
"""What an answer may take on a busy machine."""
HTTP_ERROR = re.compile(r"Failed to load resource")
"""What Chromium writes into the console of a request that the server refused, as tests have it do."""


@dataclass
class Visit:
    """Somebody at the page; ``complaints`` are what the browser had against it."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)

    def open(self, at: str = "") -> None:
        self.page.goto(self.url + at)
        expect(self.page.locator("#no-files")).to_be_attached()

    def add(self, *files: Path) -> None:
        """Choose files, and wait until they can be asked about, or cannot."""
        self.page.set_input_files("#picker", files)
        expect(self.page.locator(".attachment")).to_have_count(len(files))
        expect(self.page.locator(".attachment progress:visible")).to_have_count(0, timeout=1000 * SECONDS)

    def ask(self, question: str) -> Locator:
        """Ask, wait for the answer or for why there is none, and return its turn."""
        number = self.page.locator(".turn").count()
        self.question.fill(question)
        self.question.press("Enter")
        turn = self.page.locator(".turn").nth(number)
        expect(turn.locator(".see, .trouble")).to_be_visible(timeout=1000 * SECONDS)
        return turn

    @property
    def question(self) -> Locator:
        return self.page.get_by_role("textbox", name="Question")

    @property
    def report(self) -> FrameLocator:
        return self.page.frame_locator("#report iframe")


Visits = Callable[..., Visit]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A browser; while Playwright drives one, this thread has an event loop, which no other test may find."""
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("needs Chromium or Chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visits(chromium: Browser, guarded: Serving, request: pytest.FixtureRequest) -> Iterator[Visits]:
    """Opens the page in a window of its own, as the same new person whom nobody else's files are shown.

    What the browser complains about, a broken policy or an error in a script, fails the test.
    """
    key = Keys(guarded.data / "keys.json").add(f"{request.node.name} {id(request)}")
    contexts, made = [], []

    def visit(*, known: bool = True, **options: Any) -> Visit:
        context = chromium.new_context(**options)
        contexts.append(context)
        if known:
            context.add_init_script(
                f"if (self === top) sessionStorage.getItem('sightloop.key') ?? "
                f"sessionStorage.setItem('sightloop.key', '{key}')"
            )
        one = Visit(context.new_page(), guarded.url + "/")
        one.page.set_default_timeout(1000 * SECONDS)
        one.page.on("pageerror", lambda error: one.complaints.append(str(error)))
        one.page.on(
            "console",
            lambda said: (
                one.complaints.append(said.text)
                if said.type in ("error", "warning") and not HTTP_ERROR.search(said.text)
                else None
            ),
        )
        made.append(one)
        one.open()
        return one

    yield visit
    for context in contexts:
        context.close()
    complaints = [complaint for one in made for complaint in one.complaints]
    assert not complaints, complaints
