"""Tables come back cell by cell: of reportlab's grids, of tables without rulings, of a console's output."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reportlab.lib import colors
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Table as Grid

from sightloop.memory.page_text import Block, PageText
from sightloop.memory.sources.documents import read_page_text
from sightloop.memory.tables import Table, table_of

few = settings(max_examples=15, deadline=None)

SURVFIT = """\
> survfit(Surv(time, status) ~ sex, data=lung)
Call: survfit(formula = Surv(time, status) ~ sex, data = lung)

        n events median 0.95LCL 0.95UCL
sex=1 138    112    270     212     310
sex=2  90     53    426     348     550
"""
SUMMARY = """\
                sex=1
 time n.risk n.event survival std.err lower 95% CI upper 95% CI
   11    138       3    0.978  0.0124       0.9542        1.000
   12    135       1    0.971  0.0143       0.9434        0.999
   13    134       2    0.957  0.0173       0.9231        0.991
"""
STRATA = """\
                  n events median
sex=1, ph.ecog=0 36     28    353
sex=1, ph.ecog=1 71     54    239
sex=2, ph.ecog=0 27      9    705
"""
CROSSED = """\
         to
from      (s0)  CR SCT death (censored)
  (s0)       0 443 106    55         29
  CR         0   0 159    17        110
  SCT        0  11   0   149        158
"""


def cells(table: Table) -> list[list[str]]:
    """Return the words of each cell, those without any too."""
    rows = [[""] * table.columns for _ in table.rows]
    for row in table.rows:
        for cell in row:
            rows[cell.row][cell.column] = cell.text
    return rows


def the_table(page: PageText) -> Block:
    (block,) = [block for block in page.blocks if block.kind == "table"]
    return block


def console(path: Path, text: str) -> PageText:
    """Print what a console shows with a typewriter's font."""
    canvas = Canvas(str(path), pagesize=(612, 792))
    canvas.setFont("Courier", 9)
    for number, line in enumerate(text.splitlines()):
        canvas.drawString(72, 700 - 11 * number, line)
    canvas.save()
    return read_page_text(path, 1)


def gridded(rows: list[list[str]], style: list[tuple[object, ...]], widths: float = 80) -> PageText:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.pdf"
        canvas = Canvas(str(path), pagesize=(612, 792))
        grid = Grid(rows, colWidths=[widths] * len(rows[0]), style=style)
        grid.wrapOn(canvas, 500, 500)
        grid.drawOn(canvas, 72, 400)
        canvas.save()
        return read_page_text(path, 1)


heads = st.text("abcdefghij", min_size=3, max_size=8)
numbers = st.decimals(-999, 999, places=2, allow_nan=False).map(str)


@st.composite
def tables(draw: st.DrawFn) -> list[list[str]]:
    columns, rows = draw(st.integers(2, 5)), draw(st.integers(2, 8))
    head = [draw(heads) for _ in range(columns)]
    return [head, *([draw(heads), *(draw(numbers) for _ in range(columns - 1))] for _ in range(rows))]


GRID = [("GRID", (0, 0), (-1, -1), 0.5, colors.black)]
BOOKTABS = [
    ("LINEABOVE", (0, 0), (-1, 0), 1, colors.black),
    ("LINEBELOW", (0, 0), (-1, 0), 0.5, colors.black),
    ("LINEBELOW", (0, -1), (-1, -1), 1, colors.black),
]
SHADED = [("BACKGROUND", (0, 0), (-1, 0), colors.lightgrey)]
RIGHT = ("ALIGN", (1, 0), (-1, -1), "RIGHT")


@few
@given(tables(), st.sampled_from([GRID, BOOKTABS, SHADED, []]), st.booleans())
def test_a_table_comes_back_cell_by_cell(
    rows: list[list[str]], style: list[tuple[object, ...]], right: bool
) -> None:
    page = gridded(rows, [*style, RIGHT] if right else style)
    table = table_of(page, the_table(page))
    assert cells(table) == rows
    assert table.headers == 1
    assert [table.head(column) for column in range(table.columns)] == rows[0]
    assert [table.label(row) for row in range(len(rows))] == [row[0] for row in rows]


def test_cells_know_their_words_and_boxes() -> None:
    page = gridded([["drug", "patients"], ["placebo", "12"], ["of two words", "13"]], GRID)
    table = table_of(page, the_table(page))
    for row in table.rows:
        for cell in row:
            assert page.text_of(cell.first, cell.last) == cell.text
            assert page.box_of(cell.first, cell.last) == cell.box
    assert cells(table)[2] == ["of two words", "13"]


def test_heads_of_two_words_over_narrow_columns_are_one_cell() -> None:
    rows = [["Column 1", "Column 2"], ["Cell 1", "Cell 2"], ["Cell 3", "Cell 4"]]
    page = gridded(rows, GRID, 160)
    assert cells(table_of(page, the_table(page))) == rows


def test_a_grid_of_words_is_a_table_too() -> None:
    rows = [["Group", "Function"], ["core", "draws tiles"], ["", "draws lines"], ["labels", "names them"]]
    page = gridded(rows, GRID, 120)
    assert cells(table_of(page, the_table(page))) == rows


def test_the_output_of_a_survival_fit_has_its_heads(tmp_path: Path) -> None:
    page = console(tmp_path / "r.pdf", SURVFIT)
    block = the_table(page)
    table = table_of(page, block)
    assert table.headers == 1
    assert cells(table) == [
        ["", "n", "events", "median", "0.95LCL", "0.95UCL"],
        ["sex=1", "138", "112", "270", "212", "310"],
        ["sex=2", "90", "53", "426", "348", "550"],
    ]
    assert (table.label(2), table.head(3)) == ("sex=2", "median")
    assert "survfit" not in page.text_of(block.first, block.last)


def test_heads_of_several_words_and_across_columns(tmp_path: Path) -> None:
    page = console(tmp_path / "r.pdf", SUMMARY)
    table = table_of(page, the_table(page))
    assert table.headers == 2
    assert cells(table)[1] == [
        "time",
        "n.risk",
        "n.event",
        "survival",
        "std.err",
        "lower 95% CI",
        "upper 95% CI",
    ]
    assert cells(table)[4] == ["13", "134", "2", "0.957", "0.0173", "0.9231", "0.991"]


def test_a_label_of_several_words_is_one_cell(tmp_path: Path) -> None:
    page = console(tmp_path / "r.pdf", STRATA)
    table = table_of(page, the_table(page))
    assert [table.label(row) for row in range(4)] == [
        "",
        "sex=1, ph.ecog=0",
        "sex=1, ph.ecog=1",
        "sex=2, ph.ecog=0",
    ]
    assert cells(table)[1] == ["sex=1, ph.ecog=0", "36", "28", "353"]


def test_a_crossed_table_keeps_the_names_of_both(tmp_path: Path) -> None:
    page = console(tmp_path / "r.pdf", CROSSED)
    table = table_of(page, the_table(page))
    assert cells(table)[1:] == [
        ["from", "(s0)", "CR", "SCT", "death", "(censored)"],
        ["(s0)", "0", "443", "106", "55", "29"],
        ["CR", "0", "0", "159", "17", "110"],
        ["SCT", "0", "11", "0", "149", "158"],
    ]
    assert table.headers == 2


@pytest.mark.parametrize(
    ("text", "headers"),
    [
        ("  50-59 60-69 70-79\nF   2.6   2.9   3.2\nM   2.8   3.2   3.9", 1),
        ("  0%  25%  50%\n0.0  0.6  1.2", 1),
        ("            Class 1st 2nd\nSex    Age\nMale   Adult      175 168\nFemale Adult      144  93", 2),
        ("> table(temp) # counts of states\ntemp\n  0   1   2\n325 453 363", 2),
        ("a 12 18\nb 13 17\nc 16 15", 0),
    ],
)
def test_heads_that_are_numbers_or_stand_over_labels(tmp_path: Path, text: str, headers: int) -> None:
    page = console(tmp_path / "r.pdf", text)
    assert table_of(page, the_table(page)).headers == headers


@pytest.mark.parametrize(
    "text",
    [
        "> fit <- coxph(Surv(time, status) ~ age, data=lung)\n> plot(fit, lty=1:2, col=c(1, 2))",
        "[1] 0.12 0.25 0.33\n[4] 0.41 0.52 0.66",
        "The first 12 of the 228 patients were followed for 5 years, 3 of\nthem for 10 and 2 for 12 years.",
    ],
)
def test_code_vectors_and_prose_with_numbers_are_no_tables(tmp_path: Path, text: str) -> None:
    assert [block.kind for block in console(tmp_path / "r.pdf", text).blocks] == ["text"]


def test_what_is_no_table_has_one_column_and_nothing_has_none() -> None:
    page = gridded([["alone"]], [])
    (block,) = page.blocks
    assert cells(table_of(page, block)) == [["alone"]]
    empty = table_of(page, Block("table", block.box, 0, 0))
    assert (empty.rows, empty.columns, empty.headers) == ((), 0, 0)
