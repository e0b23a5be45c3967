"""Cells: values of a page's tables, with the heads of the rows and columns they stand in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ..memory.page_text import Block, PageText
from ..memory.tables import Cell, Table, table_of
from .spans import CONTEXT_LINES, Run, Span, lines

_NUMBER = re.compile(r"^[<>~≈±+\-−–]?\s*[$€£]?\(?[\d.,]*\d[\d.,]*(?:[eE][-+−]?\d+)?\)?\s*%?\*{0,3}$")  # noqa: RUF001
_EMPTY = re.compile(r"^(?:NA|NaN|Inf|-Inf|[-–—.×xX✓✗]|\(×\))$")  # noqa: RUF001


def is_value(text: str) -> bool:
    """Tell whether a cell holds a number, or stands for one."""
    plain = " ".join(text.split())
    return bool(_NUMBER.match(plain) or _EMPTY.match(plain))


def cells(leaf: int, page: PageText) -> Iterator[Span]:
    """Yield every value of every table of a page, in reading order."""
    for block in page.blocks:
        if block.kind == "table" and block.last > block.first:
            table = table_of(page, block)
            context = _context(page, block)
            yield from _of_table(leaf, table, context)


def _of_table(leaf: int, table: Table, context: tuple[Run, ...]) -> Iterator[Span]:
    under = _headers(table)
    heads = [cell for row in table.rows[:under] for cell in row]
    above: dict[int, Cell] = {}  # label of the rows so far, by its column, for rows that leave it out
    group: Cell | None = None
    for row in table.rows[under:]:
        if len(row) == 1 and not is_value(row[0].text):
            group, above = row[0], {}  # a line that names the rows below
            continue
        labels = _labels(row)
        above |= {cell.column: cell for cell in labels}
        missing = [cell for column, cell in above.items() if labels and column < labels[0].column]
        outer = tuple(_run(cell) for cell in [*([group] if group else []), *missing])
        for cell in row:
            if cell in labels:
                continue
            over = [_run(head) for head in heads if _over(head, cell)]
            yield Span(
                leaf,
                "cell",
                _run(cell),
                rows=(*outer, *(_run(label) for label in labels)),
                heads=tuple(over),
                context=context,
            )


def _headers(table: Table) -> int:
    """Count the rows of heads: those above the first that has a value right of its label.

    Where the first row has values, and nothing where the others have their labels, it is one of heads: years.
    """
    for number, row in enumerate(table.rows):
        if any(cell.column > 0 and is_value(cell.text) for cell in row):
            bare = number == 0 and len(table.rows) > 1 and row[0].column > 0
            return 1 if bare and table.rows[1][0].column == 0 else number
    return min(1, len(table.rows))


def _labels(row: Sequence[Cell]) -> list[Cell]:
    """Return the cells that name a row: those before its first number; of words only, the first."""
    values = [place for place, cell in enumerate(row) if is_value(cell.text)]
    if values and values[0] > 0:
        return list(row[: values[0]])
    return list(row[:1]) if len(row) > 1 and (not values or row[0].column == 0) else []


def _over(head: Cell, cell: Cell) -> bool:
    """Tell whether a head stands over a cell; one over several columns does so over each of them."""
    if head.column == cell.column:
        return True
    middle = (cell.box.x0 + cell.box.x1) / 2
    return head.box.x0 <= middle <= head.box.x1


def _run(cell: Cell) -> Run:
    return Run(cell.first, cell.last)


def _context(page: PageText, table: Block) -> tuple[Run, ...]:
    """Return what says what a table is about: its caption, the lines before it, the heading above."""
    place = page.blocks.index(table)
    around: list[Run] = []
    captions = [block for block in page.blocks if block.kind == "caption" and block.last > block.first]
    near = min(
        captions, key=lambda b: abs(b.box.y0 - table.box.y1) + abs(b.box.y1 - table.box.y0), default=None
    )
    if near is not None:
        around.append(Run(near.first, near.last))
    left = CONTEXT_LINES
    for block in reversed(page.blocks[:place]):
        if block.kind in ("figure", "caption") or block.first == block.last:
            continue
        if block.kind == "heading":
            around.append(Run(block.first, block.last))
            break
        if left > 0:
            last = lines(page, Run(block.first, block.last))[-left:]
            around.append(Run(last[0].first, last[-1].last))
            left -= len(last)
    return tuple(around)
