"""Tables: the rows, columns and cells of a table's block, from where its words stand.

A blank strip that runs through all rows divides two columns. What only a head has a column of its own for is
a head of two words, and goes to the column that its words stand over.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from .page_text import Block, PageText, Word, around
from .still import Box

DIGIT = re.compile(r"\d")

TYPICAL_SPACE = 0.28
"""Width of a space, in heights of a line, where it cannot be measured."""


class Cell(NamedTuple):
    """A cell: words ``first`` to before ``last`` of a line of the page; ``box`` is around them."""

    text: str
    box: Box
    first: int
    last: int
    row: int
    column: int


class Table(NamedTuple):
    """A table: its rows from top to bottom, each from left to right; the first ``headers`` are heads.

    Rows leave out cells without words: a cell tells its own column.
    """

    rows: tuple[tuple[Cell, ...], ...]
    headers: int

    @property
    def columns(self) -> int:
        """Count the columns."""
        return 1 + max((cell.column for row in self.rows for cell in row), default=-1)

    def head(self, column: int) -> str:
        """Return the words over a column."""
        over = [cell.text for row in self.rows[: self.headers] for cell in row if cell.column == column]
        return " ".join(over)

    def label(self, row: int) -> str:
        """Return the words at the left end of a row."""
        cells = self.rows[row]
        return cells[0].text if cells and cells[0].column == 0 else ""


def table_of(page: PageText, block: Block) -> Table:
    """Return the table that the words of a block form; a block that is no table gives one of one column."""
    lines = _lines(page, block)
    if not lines:
        return Table((), 0)
    edges = _edges([[page.words[number] for number in line] for line in lines])
    rows = tuple(_cells(page, line, edges, row) for row, line in enumerate(lines))
    return Table(rows, _headers(rows))


def _lines(page: PageText, block: Block) -> list[list[int]]:
    """Return the numbers of the words of each line."""
    lines: list[list[int]] = []
    for number in range(block.first, block.last):
        if not lines or page.words[number].line != page.words[number - 1].line:
            lines.append([])
        lines[-1].append(number)
    return lines


def _edges(lines: Sequence[Sequence[Word]]) -> list[float]:
    """Return where columns are divided: the middles of the strips that are blank through all rows."""
    words = sorted((word for line in lines for word in line), key=lambda word: word.x0)
    heights = sorted(word.y1 - word.y0 for word in words)
    least = TYPICAL_SPACE * heights[len(heights) // 2]
    edges, reach = [], words[0].x1
    for word in words[1:]:
        if word.x0 - reach >= least:
            edges.append((word.x0 + reach) / 2)
        reach = max(reach, word.x1)
    return edges


def _cells(page: PageText, line: Sequence[int], edges: Sequence[float], row: int) -> tuple[Cell, ...]:
    cells: list[Cell] = []
    by_column: dict[int, list[int]] = {}
    for number in line:
        word = page.words[number]
        middle = (word.x0 + word.x1) / 2
        by_column.setdefault(sum(edge < middle for edge in edges), []).append(number)
    for column, numbers in sorted(by_column.items()):
        first, last = numbers[0], numbers[-1] + 1
        box = around([page.words[number].box for number in numbers])
        cells.append(Cell(page.text_of(first, last), box, first, last, row, column))
    return tuple(cells)


def _headers(rows: Sequence[Sequence[Cell]]) -> int:
    """Count the rows above the first one that has a number right of its label."""
    for number, row in enumerate(rows):
        numeric = [cell for cell in row if cell.column > 0 and DIGIT.match(cell.text.lstrip("-+(<.$"))]
        if numeric and 2 * len(numeric) >= len(row) - 1:
            return number
    return 1 if len(rows) > 1 else 0
