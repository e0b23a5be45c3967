"""Intake: an upload that is whole becomes a source, is indexed in the background, and can be forgotten.

Every step may be cut off by the end of the process, and is gone on with by :func:`recover`: what was
acknowledged is in the catalogue, and what is not in it is removed.
"""

from __future__ import annotations

import json
import re
import shutil
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import InputError, SightloopError
from ...memory.records import Progress
from .catalogue import SourceRow, UploadRow
from .disk import bytes_in, synced
from .failures import Refused
from .sniff import sniffed
from .unpack import unpacked

if TYPE_CHECKING:
    from .tenants import Tenant

UNFINISHED_DAYS = 7.0
"""An upload that nobody went on with for so long is removed when its owner begins another."""

SCENE = "scene"
"""Folder that a zip is unpacked into, beside it."""

LONGEST_NAME = 60
"""Characters of a file's name on the disk."""


class _Halted(Exception):
    """Ends an indexing that is gone on with later, or not at all."""


def upload_path(tenant: Tenant, upload: UploadRow) -> Path:
    """Return where the bytes of an upload are."""
    return tenant.place(upload.memory) / "uploads" / upload.id


def take_in(tenant: Tenant, upload: UploadRow) -> SourceRow:
    """Make a source of an upload that is whole, and have it indexed.

    Raises
    ------
    Refused
        415, if it is nothing that a memory takes; the upload is removed then.
    """
    file, home = upload_path(tenant, upload), tenant.place(upload.memory) / "files" / upload.id
    moved = list(home.glob("*"))  # one, if a server ended between moving the file and saying so
    try:
        kind, suffix = sniffed(moved[0] if moved else file, upload.name)
    except Refused:
        drop_upload(tenant, upload)
        raise
    name = _on_disk(upload.name, suffix)
    if not moved:
        home.mkdir(parents=True, exist_ok=True)
        file.replace(home / name)
        synced(home)
        synced(home.parent)
    packed = kind == "zip"
    tenant.catalogue.put_source(upload, SCENE if packed else name, "scene" if packed else kind)
    source = tenant.catalogue.source(upload.id)
    if source is None:
        raise Refused(404, f"the memory {upload.memory!r} has just been deleted.", code="not_found")
    tenant.submit(source.id, partial(index, tenant, source.id))
    return source


def _on_disk(name: str, suffix: str) -> str:
    """Return a name that is one on every disk, and says what the file is."""
    stem = re.sub(r"[^\w.-]+", "_", Path(name.replace("\\", "/")).stem).strip("._") or "file"
    return stem[:LONGEST_NAME] + suffix


def drop_upload(tenant: Tenant, upload: UploadRow) -> None:
    """Remove an upload."""
    tenant.catalogue.drop_upload(upload.id)
    upload_path(tenant, upload).unlink(missing_ok=True)


def drop_abandoned(tenant: Tenant) -> None:
    """Remove the uploads that nobody goes on with."""
    for upload in tenant.catalogue.uploads():
        if time.time() - upload.touched > UNFINISHED_DAYS * 86400:
            drop_upload(tenant, upload)


def index(tenant: Tenant, id: str) -> None:
    """Index a source, from where it was left off."""
    source = tenant.catalogue.source(id)
    if source is None or source.status not in ("waiting", "indexing"):
        return
    tenant.catalogue.change_source(id, status="indexing")
    try:
        if source.kind == "scene":
            _open_scene(tenant, source)
        else:
            _add(tenant, source)
    except _Halted:
        return
    except SightloopError as error:
        if not tenant.jobs.stopping.is_set():  # memories are closed then, which is nobody's fault
            _failed(tenant, source, error.message)
    except Exception:
        _failed(tenant, source, "the server failed at this file; its log says how.")
        raise
    finally:
        tenant.progress.pop(id, None)


def _failed(tenant: Tenant, source: SourceRow, why: str) -> None:
    tenant.catalogue.change_source(source.id, status="failed", error=tenant.told(why))


def _add(tenant: Tenant, source: SourceRow) -> None:
    path = str(tenant.source_path(source))

    def told(at: Progress) -> None:
        tenant.progress[source.id] = at
        if tenant.jobs.stopping.is_set() or tenant.catalogue.source(source.id) is None:
            raise _Halted

    with tenant.memory(source.memory) as memory:
        memory.add(path, progress=told)
        held = next(one for one in memory.sources() if one.path == path)
    tenant.catalogue.change_source(
        source.id,
        status="ready",
        kind=held.kind,
        stills=held.stills,
        pages=held.pages,
        duration=held.duration,
        warnings=json.dumps([tenant.told(warning) for warning in held.warnings]),
    )


def _open_scene(tenant: Tenant, source: SourceRow) -> None:
    """See that a scene can be read, which is unpacked first where it is a zip."""
    from ...memory.sources.scenes import open_scene

    path = tenant.source_path(source)
    home = path.parent
    packed = list(home.glob("*.zip")) if source.file == SCENE else []
    try:
        if packed:
            room = tenant.settings.kept_bytes - tenant.catalogue.bytes()
            path = unpacked(packed[0], path, min(room, tenant.settings.upload_bytes))
        scene = open_scene(path)
    except SightloopError:
        shutil.rmtree(home / SCENE, ignore_errors=True)
        raise
    tenant.catalogue.change_source(
        source.id,
        status="ready",
        file=str(path.relative_to(home)),
        bytes=bytes_in(home / SCENE) if packed else source.bytes,
        stills=len(scene),
        warnings=json.dumps([tenant.told(warning) for warning in scene.warnings]),
    )
    for file in packed:
        file.unlink()


def forget(tenant: Tenant, source: SourceRow) -> None:
    """Remove a source: it is gone at once, and its files are soon."""
    tenant.catalogue.change_source(source.id, gone=1)
    tenant.submit(source.id, partial(_forgotten, tenant, source))


def _forgotten(tenant: Tenant, source: SourceRow) -> None:
    if tenant.catalogue.memory(source.memory) is None:
        return  # it goes as a whole
    if source.kind != "scene":
        with tenant.memory(source.memory) as memory, suppress(InputError):
            memory.forget(tenant.source_path(source))  # unless it was never begun
    shutil.rmtree(tenant.place(source.memory) / "files" / source.id, ignore_errors=True)
    tenant.catalogue.drop_source(source.id)


def forget_memory(tenant: Tenant, memory: str) -> None:
    """Remove a memory: it is gone at once, and its files when nobody uses it any more."""
    tenant.catalogue.drop_memory(memory)
    tenant.submit(memory, partial(_forgotten_memory, tenant, memory))


def _forgotten_memory(tenant: Tenant, memory: str) -> None:
    tenant.opened.close(tenant.place(memory) / "memory")
    shutil.rmtree(tenant.place(memory), ignore_errors=True)
    tenant.catalogue.drop_memory(memory, wholly=True)


def recover(tenant: Tenant) -> None:
    """Go on with what an earlier server left undone, and remove what was never acknowledged."""
    for memory in tenant.catalogue.memories(gone=True):
        tenant.submit(memory.id, partial(_forgotten_memory, tenant, memory.id))
    for source in tenant.catalogue.sources(gone=True):
        tenant.submit(source.id, partial(_forgotten, tenant, source))
    for source in tenant.catalogue.sources():
        if source.status in ("waiting", "indexing"):
            tenant.submit(source.id, partial(index, tenant, source.id))
    for upload in tenant.catalogue.uploads():
        if upload.offset == upload.size:
            with suppress(Refused):
                take_in(tenant, upload)
    _sweep(tenant)


def _sweep(tenant: Tenant) -> None:
    """Remove files that nothing in the catalogue speaks of."""
    catalogue = tenant.catalogue
    uploads = {upload.id for upload in catalogue.uploads()}
    sources = {source.id for gone in (False, True) for source in catalogue.sources(gone=gone)}
    memories = {memory.id for gone in (False, True) for memory in catalogue.memories(gone=gone)}
    for place in tenant.folder.glob("memories/*"):
        if place.name not in memories:
            shutil.rmtree(place, ignore_errors=True)
    for file in tenant.folder.glob("memories/*/uploads/*"):
        if file.name not in uploads:
            file.unlink(missing_ok=True)
    for home in tenant.folder.glob("memories/*/files/*"):
        if home.name not in sources | uploads:
            shutil.rmtree(home, ignore_errors=True)
    results = {row.id for row in catalogue.results()}
    for kept in tenant.folder.glob("results/*"):
        if kept.name not in results:
            shutil.rmtree(kept, ignore_errors=True)
