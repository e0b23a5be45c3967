"""Export: a memory as Parquet tables and a folder of pictures, for other tools."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import MissingExtraError, StorageError
from .records import Source, Stored
from .storage import Storage
from .texts import passage_id

_STILLS = {
    **dict.fromkeys(("id", "source", "kind"), "text"),
    "t": "real",
    **dict.fromkeys(("frame", "shot", "page", "width", "height"), "number"),
    **dict.fromkeys(("sha256", "thumbnail", "caption", "ocr", "subtitles", "text"), "text"),
    "vector": "vector",
}
_BLOCKS = {
    **dict.fromkeys(("still", "source"), "text"),
    "page": "number",
    "kind": "text",
    **dict.fromkeys(("x0", "y0", "x1", "y1"), "real"),
    "text": "text",
    "vector": "vector",
}


def export(
    storage: Storage, sources: Sequence[Source], stored: Callable[[str], list[Stored]], folder: Path
) -> Path:
    """Write ``stills.parquet``, ``blocks.parquet`` and ``thumbnails/`` into a folder, made if it is missing.

    Parameters
    ----------
    storage : Storage
    sources : sequence of Source
    stored : callable
        Returns the stills of a source.
    folder : Path

    Returns
    -------
    Path
        The table of stills. A row is a still: ``id``, ``source``, ``kind``, ``t`` (seconds), ``frame``,
        ``shot``, ``page``, ``width``, ``height``, ``sha256``, ``thumbnail`` (relative to the folder; null
        where its file is gone), ``caption``, ``ocr``, ``subtitles``, ``text`` (of a page), and ``vector``.
        A row of the table of blocks is a block of a page: ``still`` (an id),
        ``source``, ``page``, ``kind``, ``x0``, ``y0``, ``x1``, ``y1`` (pixels of the still), ``text``, and
        ``vector`` (null where it has none).

    Raises
    ------
    MissingExtraError
        If pyarrow is not installed.
    StorageError
        If the folder cannot be written.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtraError("pyarrow", "export", "exporting a memory") from error
    types = {
        "text": pyarrow.string(),
        "number": pyarrow.int64(),
        "real": pyarrow.float64(),
        "vector": pyarrow.list_(pyarrow.float32()),
    }

    def write(table: Path, columns: dict[str, str], parts: Iterable[list[dict[str, Any]]]) -> None:
        schema = pyarrow.schema([(name, types[kind]) for name, kind in columns.items()])
        with pyarrow.parquet.ParquetWriter(table, schema) as writer:
            for rows in parts:
                writer.write_table(pyarrow.Table.from_pylist(rows, schema))

    try:
        folder.mkdir(parents=True, exist_ok=True)
        stills = folder / "stills.parquet"
        write(stills, _STILLS, (list(_rows(storage, one, stored(one.path), folder)) for one in sources))
        write(folder / "blocks.parquet", _BLOCKS, (_blocks(storage, one, stored) for one in sources))
    except OSError as error:
        raise StorageError(f"{folder} cannot be written: {error}.", input=str(folder)) from error
    return stills


def _rows(
    storage: Storage, source: Source, stills: Sequence[Stored], folder: Path
) -> Iterator[dict[str, Any]]:
    for still in stills:
        place = storage.vectors.rows.place(still.id)
        assert place is not None  # the ledger has it, so the vectors do
        slot = int(storage.vectors.rows.slots[place])
        yield {
            "id": still.id,
            "source": source.path,
            "kind": source.kind,
            "t": still.t,
            "frame": still.index,
            "shot": still.shot,
            "page": still.page,
            "sha256": still.ref.sha256,
            "width": still.ref.width,
            "height": still.ref.height,
            "thumbnail": _copied(still.thumbnail, storage.media.folder, folder),
            **{channel: _joined(still, channel) for channel in ("caption", "ocr")},
            "subtitles": _joined(still, "subtitle"),
            "text": _joined(still, "page"),
            "vector": storage.vectors.flat.rows(slot + 1)[slot],
        }


def _blocks(storage: Storage, source: Source, stored: Callable[[str], list[Stored]]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for still in stored(source.path):
        blocks = [text for text in still.texts if text.box is not None]
        for place, block in enumerate(blocks):
            box = block.box
            assert box is not None
            rows.append(
                {
                    "still": still.id,
                    "source": source.path,
                    "page": still.page,
                    "kind": block.kind,
                    "x0": box.x0,
                    "y0": box.y0,
                    "x1": box.x1,
                    "y1": box.y1,
                    "text": block.text,
                    "vector": _meaning(storage, passage_id(still.id, place)),
                }
            )
    return rows


def _meaning(storage: Storage, id: str) -> NDArray[np.float32] | None:
    """Return the vector of a passage, if there is one."""
    if storage.ledger.empty("passages"):
        return None
    rows = storage.passages.vectors.rows
    place = rows.place(id)
    if place is None:
        return None
    slot = int(rows.slots[place])
    vector: NDArray[np.float32] = storage.passages.vectors.flat.rows(slot + 1)[slot]
    return vector


def _copied(picture: Path, media: Path, folder: Path) -> str | None:
    name = Path("thumbnails") / picture.relative_to(media)
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    if not picture.exists():
        return None
    shutil.copyfile(picture, folder / name)
    return name.as_posix()


def _joined(still: Stored, channel: str) -> str | None:
    return "\n".join(text.text for text in still.texts if text.channel == channel) or None
