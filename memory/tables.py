"""Tables: the rows, columns and cells of a table's block, from where its words stand.

A blank strip that runs through all rows divides two columns. What only a head has a column of its own for is
a head of two words, and goes to the column that its words stand over.
"""

from __future__ import annotations

from bisect import bisect
from collections import Counter
from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

from .aligned import is_number
from .page_text import Block, PageText, Word, around
from .still import Box

NARROWEST = 0.45
"""Width of the strip between columns at least, in heights of the words' boxes: a space is narrower."""

WORDS_APART = 1.9
"""Distance of words of one label at most, in widths of a letter."""

NEARER = 0.6
"""A head's word goes with the column at its left where that strip is narrower than the right one by this."""

MOST_SPANNING = 3
"""Lines at the top that may span columns, at most."""


Strip = tuple[float, float]
"""Left and right side of a blank strip, in pixels."""


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
    words = [[page.words[number] for number in line] for line in lines]
    spanning, strips = _strips_below_spanning(words)
    strips = _without_heads_alone(words, strips)
    labels = _label_columns(_table(page, lines, strips, spanning), strips, words)
    return _table(page, lines, strips[labels - 1 :], spanning)


def _table(page: PageText, lines: Sequence[Sequence[int]], strips: Sequence[Strip], spanning: int) -> Table:
    edges = [(low + high) / 2 for low, high in strips]
    rows = tuple(_cells(page, line, edges, row) for row, line in enumerate(lines))
    return Table(rows, max(spanning, _headers(rows, len(edges) + 1)))


def _strips_below_spanning(lines: Sequence[Sequence[Word]]) -> tuple[int, list[Strip]]:
    """Return how many of the first lines span columns, and the strips that divide columns.

    A line spans columns if more of them are told apart without it.
    """
    best, strips = 0, _strips(lines)
    for spanning in range(1, min(MOST_SPANNING, len(lines) - 2) + 1):
        without = _strips(lines[spanning:])
        if len(without) > len(strips):
            best, strips = spanning, without
    return best, strips


def _without_heads_alone(lines: Sequence[Sequence[Word]], strips: list[Strip]) -> list[Strip]:
    """Drop a strip beside each column that has words in the first of the lines at most.

    Those are words of heads of several: with the nearer neighbour, or the right one, above whose numbers they
    start.
    """
    edges = [(low + high) / 2 for low, high in strips]
    lowest = [-1] * (len(edges) + 1)
    for row, line in enumerate(lines):
        for word in line:
            column = bisect(edges, (word.x0 + word.x1) / 2)
            lowest[column] = max(lowest[column], row)
    heads = max(_numberless(lines), 1)
    dropped = set()
    for column in range(1, len(edges) + 1):
        if lowest[column] < heads:
            wide = [high - low for low, high in strips[column - 1 : column + 1]]
            dropped.add(column - 1 if len(wide) == 1 or wide[0] < NEARER * wide[1] else column)
    return [strip for number, strip in enumerate(strips) if number not in dropped]


def _label_columns(table: Table, strips: Sequence[Strip], lines: Sequence[Sequence[Word]]) -> int:
    """Count the columns at the left that are the words of one label.

    They have no head of their own, few numbers, and are no farther apart than words.
    """
    steps = sorted((word.x1 - word.x0) / len(word.text) for line in lines for word in line if word.text)
    for column, (low, high) in enumerate(strips, 1):
        head = table.head(column)
        cells = [cell for row in table.rows[table.headers :] for cell in row if cell.column == column]
        numbers = sum(is_number(cell.text) for cell in cells)
        apart = high - low > WORDS_APART * steps[len(steps) // 2]
        if not table.headers or head or apart or 2 * numbers > len(cells):
            return column
    return len(strips) + 1


def _numberless(lines: Sequence[Sequence[Word]]) -> int:
    """Count the first lines in which numbers are few."""
    for number, line in enumerate(lines):
        count = sum(is_number(word.text) for word in line)
        if count and 2 * count >= len(line) - 1:
            return number
    return 0


def _lines(page: PageText, block: Block) -> list[list[int]]:
    """Return the numbers of the words of each line."""
    lines: list[list[int]] = []
    for number in range(block.first, block.last):
        if not lines or page.words[number].line != page.words[number - 1].line:
            lines.append([])
        lines[-1].append(number)
    return lines


def _strips(lines: Sequence[Sequence[Word]]) -> list[Strip]:
    """Return the strips that are blank through all rows."""
    words = sorted((word for line in lines for word in line), key=lambda word: word.x0)
    heights = sorted(word.y1 - word.y0 for word in words)
    least = NARROWEST * heights[len(heights) // 2]
    strips, reach = [], words[0].x1
    for word in words[1:]:
        if word.x0 - reach >= least:
            strips.append((reach, word.x0))
        reach = max(reach, word.x1)
    return strips


def _cells(page: PageText, line: Sequence[int], edges: Sequence[float], row: int) -> tuple[Cell, ...]:
    cells: list[Cell] = []
    by_column: dict[int, list[int]] = {}
    for number in line:
        word = page.words[number]
        middle = (word.x0 + word.x1) / 2
        by_column.setdefault(bisect(edges, middle), []).append(number)
    for column, numbers in sorted(by_column.items()):
        first, last = numbers[0], numbers[-1] + 1
        box = around([page.words[number].box for number in numbers])
        cells.append(Cell(page.text_of(first, last), box, first, last, row, column))
    return tuple(cells)


def _headers(rows: Sequence[Sequence[Cell]], columns: int) -> int:
    """Count the rows at the top that are heads.

    One is, if over most columns of numbers it has something else, if it has no number above rows that do, or
    if it has a single cell in a table of several columns; so is the one below a name in the first row.
    """
    heads = 0
    numbers = [{cell.column for cell in row if is_number(cell.text.split(" ")[0])} for row in rows]
    for number, row in enumerate(rows[:-1]):
        below = Counter(chain.from_iterable(numbers[number + 1 :]))
        least = max((len(rows) - number) // 2, 1)
        under = [cell.column for cell in row if below[cell.column] >= least]
        over = bool(under) and 2 * len(numbers[number].intersection(under)) < len(under)
        bare = not numbers[number] and number < MOST_SPANNING and max(below.values(), default=0) >= least
        spans = len(row) == 1 and columns > 2 and number < MOST_SPANNING
        named = heads == number == 1 and len(rows[0]) == 1
        if not (over or bare or spans or named):
            break
        heads = number + 1
    if heads or len(rows) < 2:
        return heads
    return int(not numbers[0] or _unlabelled(rows) or _shares(rows))


def _unlabelled(rows: Sequence[Sequence[Cell]]) -> bool:
    """Tell whether the first row is the only one without a label at its left: heads that are numbers."""
    return rows[0][0].column > 0 and all(row[0].column == 0 for row in rows[1:])


def _shares(rows: Sequence[Sequence[Cell]]) -> bool:
    """Tell whether the first row has per cents, and no other: quantiles."""
    return all(cell.text.endswith("%") for cell in rows[0]) and not any(
        cell.text.endswith("%") for row in rows[1:] for cell in row
    )
