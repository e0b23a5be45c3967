"""Export: a memory as one Parquet table and a folder of pictures, for other tools."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ..errors import MissingExtraError, StorageError
from .records import Source, Stored
from .storage import Storage


def export(
    storage: Storage, sources: Sequence[Source], stored: Callable[[str], list[Stored]], folder: Path
) -> Path:
    """Write ``stills.parquet`` and ``thumbnails/`` into a folder, which is made if it is missing.

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
        The table. A row is a still: ``id``, ``source``, ``kind``, ``t`` (seconds), ``frame``, ``shot``,
        ``width``, ``height``, ``sha256``, ``thumbnail`` (relative to the folder; null where its file is
        gone), ``caption``, ``ocr``, ``subtitles``, and ``vector``.

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
    text, number, real = pyarrow.string(), pyarrow.int64(), pyarrow.float64()
    columns = {
        "id": text,
        "source": text,
        "kind": text,
        "t": real,
        "frame": number,
        "shot": number,
        "width": number,
        "height": number,
        "sha256": text,
        "thumbnail": text,
        "caption": text,
        "ocr": text,
        "subtitles": text,
        "vector": pyarrow.list_(pyarrow.float32()),
    }
    schema = pyarrow.schema(list(columns.items()))
    table = folder / "stills.parquet"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with pyarrow.parquet.ParquetWriter(table, schema) as writer:
            for source in sources:
                rows = list(_rows(storage, source, stored(source.path), folder))
                writer.write_table(pyarrow.Table.from_pylist(rows, schema))
    except OSError as error:
        raise StorageError(f"{folder} cannot be written: {error}.", input=str(folder)) from error
    return table


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
            "sha256": still.ref.sha256,
            "width": still.ref.width,
            "height": still.ref.height,
            "thumbnail": _copied(still.thumbnail, storage.media.folder, folder),
            **{channel: _joined(still, channel) for channel in ("caption", "ocr")},
            "subtitles": _joined(still, "subtitle"),
            "vector": storage.vectors.flat.rows(slot + 1)[slot],
        }


def _copied(picture: Path, media: Path, folder: Path) -> str | None:
    name = Path("thumbnails") / picture.relative_to(media)
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    if not picture.exists():
        return None
    shutil.copyfile(picture, folder / name)
    return name.as_posix()


def _joined(still: Stored, channel: str) -> str | None:
    return "\n".join(text.text for text in still.texts if text.channel == channel) or None
