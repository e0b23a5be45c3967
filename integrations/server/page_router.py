"""The web page at ``/``: a few files of our own, sent with policies under which nothing but them can run."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse

from .failures import Refused

FOLDER = Path(__file__).parent / "page"
"""Where the page's files lie, as they are: nothing builds them."""

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
"""By suffix: a machine's own table of types may know others."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
"""Of the page: nothing from elsewhere, nothing inline, and no text can become markup."""

FRAME, FRAME_POLICY = (
    "frame.html",
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data:; media-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
)
"""Of the frame that reports are shown in: it has no origin and no network. A report's script is inline; the
report's own policy, which holds beside this one, names it by its hash."""

router = APIRouter(include_in_schema=False)


@router.get("/")
def page() -> FileResponse:
    """Send the page."""
    return page_file("index.html")


@router.get("/page/{name}")
def page_file(name: str) -> FileResponse:
    """Send a file of the page.

    Raises
    ------
    Refused
        With 404, if it has none of this name.
    """
    file = FOLDER / name
    if file.parent != FOLDER or file.suffix not in TYPES or not file.is_file():
        raise Refused(404, f"the page has no file {name!r}.")
    headers = {
        "Content-Security-Policy": FRAME_POLICY if name == FRAME else POLICY,
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        # Asked for again each time, so that the files of two versions are never mixed.
        "Cache-Control": "no-cache",
    }
    return FileResponse(file, media_type=TYPES[file.suffix], headers=headers)
