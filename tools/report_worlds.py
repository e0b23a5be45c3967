"""Report worlds: small reports of a study that never was, written as PDF, with questions and their answers.

They are synthetic, drawn from a seed, so what is right is known exactly: prose with numbers, a table, a bar
chart. PDFium writes the files, with a text layer.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

WIDTH, HEIGHT = 612.0, 792.0
"""Of a page, in points: US letter."""
LEFT, LINE = 72.0, 16.0
"""Margin, and from one line to the next."""
GROUPS = ("placebo", "low dose", "high dose")
COLUMNS = ("group", "patients", "events", "median days")
AT = (72.0, 200.0, 290.0, 370.0)
"""Where the columns of the table begin."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, its answer, and the page that has it, from 1."""

    question: str
    answer: str
    page: int


@dataclass(frozen=True, slots=True)
class Report:
    """What a report says.

    Parameters
    ----------
    table : (groups, 3) int
        Patients, events and median days of each group.
    sites, year : int
        How many hospitals took part, and when it began.
    """

    table: np.ndarray
    sites: int
    year: int

    @property
    def asked(self) -> tuple[Asked, ...]:
        """Questions whose answers are somewhere in the report."""
        return (
            Asked("How many hospitals took part in the study?", str(self.sites), 1),
            Asked("What is the median in days of the high dose group?", str(self.table[2, 2]), 2),
            Asked("How many events were there in the placebo group?", str(self.table[0, 1]), 2),
            Asked("In which year did enrolment begin?", str(self.year), 1),
        )


def draw(seed: int) -> Report:
    """Draw a report."""
    chance = np.random.default_rng(seed)
    patients = chance.choice(np.arange(100, 400), 3, replace=False)
    events = chance.choice(np.arange(20, 99), 3, replace=False)
    days = chance.choice(np.arange(401, 899), 3, replace=False)
    return Report(
        np.stack([patients, events, days], 1), int(chance.integers(11, 19)), int(chance.integers(2003, 2019))
    )


def write(report: Report, path: Path) -> None:
    """Write a report as a PDF of three pages."""
    import pypdfium2

    document = pypdfium2.PdfDocument.new()
    for lines, more in ((_first(report), None), (_second(report), _table), (_third(), _chart)):
        page = document.new_page(WIDTH, HEIGHT)
        pen = _Pen(document, page)
        for number, line in enumerate(lines):
            pen.text(LEFT, HEIGHT - 80 - LINE * number, line, bold=number == 0)
        if more is not None:
            more(pen, report, HEIGHT - 110 - LINE * len(lines))
        page.gen_content()
    document.save(str(path))
    document.close()


def _first(report: Report) -> tuple[str, ...]:
    return (
        "A study that never was",
        "",
        f"Enrolment began in {report.year}. Patients came from {report.sites} hospitals, and were followed",
        "until they died or the study ended. They were put into one of three groups by lot.",
        "",
        "Nobody who looked after them knew which group they were in.",
    )


def _second(report: Report) -> tuple[str, ...]:
    return (
        "Results",
        "",
        "Table 1 has the number of patients and of events, and the median survival, by group.",
    )


def _third() -> tuple[str, ...]:
    return ("Survival by group", "", "Figure 1 shows the median survival of each group.")


def _table(pen: _Pen, report: Report, top: float) -> None:
    rows = [COLUMNS, *((group, *map(str, row)) for group, row in zip(GROUPS, report.table, strict=True))]
    for number, row in enumerate(rows):
        y = top - 20 * number
        for x, cell in zip(AT, row, strict=True):
            pen.text(x, y, cell, bold=number == 0)
        if number == 0:
            pen.box(LEFT, y - 6, 400, 0.8)
    pen.text(LEFT, top - 20 * len(rows) - 10, "Table 1: patients, events and median survival by group.")


def _chart(pen: _Pen, report: Report, top: float) -> None:
    for number, (group, days) in enumerate(zip(GROUPS, report.table[:, 2], strict=True)):
        x, high = LEFT + 40 + 130 * number, float(days) / 3
        pen.box(x, top - 320, 80, high)
        pen.text(x, top - 336, group)
    pen.box(LEFT + 20, top - 320, 380, 0.8)
    pen.text(LEFT, top - 370, "Figure 1: median survival in days, by group.")


class _Pen:
    """Writes and draws on a page of a new PDF, in points from its lower left corner."""

    def __init__(self, document: Any, page: Any) -> None:
        import pypdfium2.raw as pdfium

        self._pdfium, self._document, self._page = pdfium, document, page

    def text(self, x: float, y: float, text: str, *, bold: bool = False) -> None:
        pdfium = self._pdfium
        if not text:
            return
        font = pdfium.FPDFText_LoadStandardFont(self._document, b"Helvetica-Bold" if bold else b"Helvetica")
        written = pdfium.FPDFPageObj_CreateTextObj(self._document, font, 11.0)
        wide = ctypes.c_char_p((text + "\0").encode("utf-16-le"))
        pdfium.FPDFText_SetText(written, ctypes.cast(wide, pdfium.FPDF_WIDESTRING))
        pdfium.FPDFPageObj_Transform(written, 1, 0, 0, 1, x, y)
        pdfium.FPDFPage_InsertObject(self._page, written)
        pdfium.FPDFFont_Close(font)

    def box(self, x: float, y: float, width: float, height: float) -> None:
        pdfium = self._pdfium
        path = pdfium.FPDFPageObj_CreateNewRect(x, y, width, height)
        pdfium.FPDFPageObj_SetFillColor(path, 60, 100, 160, 255)
        pdfium.FPDFPath_SetDrawMode(path, pdfium.FPDF_FILLMODE_ALTERNATE, False)
        pdfium.FPDFPage_InsertObject(self._page, path)
