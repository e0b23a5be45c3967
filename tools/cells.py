"""Cells: values of a page's tables, with the heads of the rows and columns they stand in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ..memory.page_text import PageText
from ..memory.tables import Cell, Table, table_of
from .spans import Run, Span, joined, surroundings

_NUMBER = re.compile(r"^[<>~≈±+\-−–]?\s*[$€£]?\(?[\d.,]*\d[\d.,]*(?:[eE][-+−]?\d+)?\)?\s*%?\*{0,3}$")  # noqa: RUF001
_EMPTY = re.compile(r"^(?:NA|NaN|Inf|-Inf|[-–—.×xX✓✗]|\(×\))$")  # noqa: RUF001


def is_value(text: str) -> bool:
    """Tell whether a cell holds a number, or stands for one."""
    plain = " ".join(text.split())
    return bool(_NUMBER.match(plain) or _EMPTY.match(plain))


def is_missing(text: str) -> bool:
    """Tell whether a cell says that it has no value."""
    return bool(_EMPTY.match(" ".join(text.split())))


def cells(leaf: int, page: PageText) -> Iterator[Span]:
    """Yield every value of every table of a page, in reading order."""
    before: list[Cell] = []
    for block in page.blocks:
        if block.kind != "table" or block.last == block.first:
            continue
        table = table_of(page, block)
        under = _headers(table)
        titles = [row[0] for row in table.rows[:under] if len(row) == 1 < table.columns - 1]
        heads = [cell for row in table.rows[:under] for cell in row if cell not in titles]
        if not heads and _goes_on(before, table.rows[under:]):
            heads = before
        before = heads
        yield from _values(leaf, table.rows[under:], heads, titles, surroundings(page, block))


def _goes_on(heads: Sequence[Cell], rows: Sequence[Sequence[Cell]]) -> bool:
    """Tell whether rows without heads stand under those of the table above, as its next part does."""
    values = [cell for cell in rows[0] if is_value(cell.text)] if rows else []
    return len(values) > 1 and all(sum(_stands(head, cell) for head in heads) == 1 for cell in values)


def _values(
    leaf: int,
    body: Sequence[Sequence[Cell]],
    heads: Sequence[Cell],
    titles: Sequence[Cell],
    context: tuple[Run, ...],
) -> Iterator[Span]:
    above: dict[int, Cell] = {}  # labels of the rows so far, by column, for rows that leave them out
    group = list(titles)
    counted = _counted(body, heads)
    for row in body:
        words = not any(is_value(cell.text) for cell in row)
        if words and len(row) == 1:
            group, above = [row[0]], {}  # a line that names the rows below
            continue
        if words and row[0].column > 0:
            heads = row  # other heads, for the rows below
            continue
        labels = _labels(row, heads, len(body))
        if counted:
            labels = [cell for cell in row[1:] if not is_value(cell.text)]
        above |= {cell.column: cell for cell in labels}
        missing = [cell for column, cell in above.items() if labels and column < labels[0].column]
        named = tuple(_run(cell) for cell in [*group, *missing, *labels])
        for cell in row:
            over = tuple(_run(head) for head in heads if _over(head, cell))
            if cell in labels and not (over and is_value(cell.text)):
                continue
            rows = tuple(joined(run for run in named if run != _run(cell)))
            beside = tuple(_run(other) for other in row if other is not cell)
            yield Span(leaf, "cell", _run(cell), rows=rows, heads=over, beside=beside, context=context)


def _counted(body: Sequence[Sequence[Cell]], heads: Sequence[Cell]) -> bool:
    """Tell whether rows begin with their own numbers, 1, 2 ... under no head, which name nothing."""
    first = [row[0] for row in body]
    counts = [cell.text for cell in first] == [str(number) for number in range(1, len(body) + 1)]
    return len(body) > 1 and counts and not any(_over(head, cell) for head in heads for cell in first)


def _headers(table: Table) -> int:
    """Count the rows of heads: where the table knows of none, those above the first that has a value.

    Where the first row has values, and nothing where the others have their labels, it is one of heads, of
    years for example; so is the first of two rows of values only.
    """
    if table.headers:
        return table.headers
    if len(table.rows) == 2 and all(is_value(cell.text) for row in table.rows for cell in row):
        return 1  # quantiles
    for number, row in enumerate(table.rows):
        if any(cell.column > 0 and is_value(cell.text) for cell in row):
            bare = number == 0 and len(table.rows) > 1 and row[0].column > 0
            return 1 if bare and table.rows[1][0].column == 0 else number
    return min(1, len(table.rows))


def _labels(row: Sequence[Cell], heads: Sequence[Cell], rows: int) -> list[Cell]:
    """Return the cells that name a row: those before its first number, or the number that begins it."""
    values = [place for place, cell in enumerate(row) if is_value(cell.text)]
    if values and values[0] > 0:
        return list(row[: values[0]])
    headed = any(_over(head, row[0]) for head in heads)
    return list(row[:1]) if len(row) > 1 and row[0].column == 0 and (rows > 1 or not headed) else []


def _over(head: Cell, cell: Cell) -> bool:
    """Tell whether a head stands over a cell; one over several columns does so over each of them."""
    return head.column == cell.column or _stands(head, cell)


def _stands(head: Cell, cell: Cell) -> bool:
    """Tell whether the middle of a cell is under a head."""
    middle = (cell.box.x0 + cell.box.x1) / 2
    return head.box.x0 <= middle <= head.box.x1


def _run(cell: Cell) -> Run:
    return Run(cell.first, cell.last)
