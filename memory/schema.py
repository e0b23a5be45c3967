"""Schema: the tables of a memory's ledger, and how those of an earlier format become them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

FORMAT = "2"
"""Of the folder. The format 1, which knew nothing of pages, is made into it when it is opened."""

# Indices of words: texts are kept once, an index refers to them, so what is deleted must be taken out of it
# by name. Pages have their own, since how rare a word is, and how long a text, depends on the kind of text;
# blocks have none, whose words are on their pages. A word is found in all its forms (porter) and with or
# without accents.
TOKENIZER = "porter unicode61 remove_diacritics 2"
_WORDS = f"fts5(text, content='texts', content_rowid='number', tokenize='{TOKENIZER}')"
_OTHER = "NOT IN ('page', 'block')"
_PAGES = f"""
CREATE TABLE page_texts (
    slot INTEGER PRIMARY KEY REFERENCES stills ON DELETE CASCADE, text BLOB NOT NULL);
CREATE TABLE page_parts (
    slot INTEGER PRIMARY KEY REFERENCES stills ON DELETE CASCADE, vectors BLOB NOT NULL);
CREATE TABLE passages (
    slot INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL,
    text INTEGER UNIQUE NOT NULL REFERENCES texts ON DELETE CASCADE);
CREATE VIRTUAL TABLE page_words USING {_WORDS};
"""


def _triggers(table: str, channels: str) -> str:
    """Return the triggers that keep an index of words in step with the texts of some channels."""
    return f"""
CREATE TRIGGER {table}_in AFTER INSERT ON texts WHEN new.channel {channels} BEGIN
    INSERT INTO {table} (rowid, text) VALUES (new.number, new.text);
END;
CREATE TRIGGER {table}_out AFTER DELETE ON texts WHEN old.channel {channels} BEGIN
    INSERT INTO {table} ({table}, rowid, text) VALUES ('delete', old.number, old.text);
END;
"""


_TRIGGERS = _triggers("words", _OTHER) + _triggers("page_words", "= 'page'")

SCHEMA = f"""
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT);
CREATE TABLE sources (
    number INTEGER PRIMARY KEY AUTOINCREMENT, path TEXT UNIQUE NOT NULL, kind TEXT NOT NULL,
    fingerprint TEXT, complete INTEGER NOT NULL DEFAULT 0, position TEXT, seconds REAL, duration REAL,
    began REAL, subtitles TEXT, warnings TEXT NOT NULL DEFAULT '[]', pages INTEGER,
    unread INTEGER NOT NULL DEFAULT 0);
CREATE TABLE shots (
    source INTEGER NOT NULL REFERENCES sources ON DELETE CASCADE, number INTEGER NOT NULL,
    start REAL NOT NULL, "end" REAL NOT NULL, first_frame INTEGER NOT NULL, last_frame INTEGER NOT NULL,
    PRIMARY KEY (source, number)) WITHOUT ROWID;
CREATE TABLE stills (
    slot INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL,
    source INTEGER NOT NULL REFERENCES sources ON DELETE CASCADE, t REAL, frame INTEGER, shot INTEGER,
    sha256 TEXT NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL, media TEXT NOT NULL,
    page INTEGER);
CREATE INDEX stills_by_source ON stills (source, t);
CREATE INDEX stills_by_media ON stills (media);
CREATE TABLE texts (
    number INTEGER PRIMARY KEY, slot INTEGER NOT NULL REFERENCES stills ON DELETE CASCADE,
    channel TEXT NOT NULL, start REAL, "end" REAL, text TEXT NOT NULL,
    x0 REAL, y0 REAL, x1 REAL, y1 REAL, kind TEXT);
CREATE INDEX texts_by_slot ON texts (slot);
CREATE VIRTUAL TABLE words USING {_WORDS};
{_PAGES}
{_TRIGGERS}
"""

_FROM_1 = f"""
ALTER TABLE sources ADD COLUMN pages INTEGER;
ALTER TABLE sources ADD COLUMN unread INTEGER NOT NULL DEFAULT 0;
UPDATE sources SET unread = 1 WHERE kind = 'photo';
ALTER TABLE stills ADD COLUMN page INTEGER;
ALTER TABLE texts ADD COLUMN x0 REAL;
ALTER TABLE texts ADD COLUMN y0 REAL;
ALTER TABLE texts ADD COLUMN x1 REAL;
ALTER TABLE texts ADD COLUMN y1 REAL;
ALTER TABLE texts ADD COLUMN kind TEXT;
DROP TRIGGER texts_in;
DROP TRIGGER texts_out;
{_PAGES}
{_TRIGGERS}
"""

MIGRATIONS = {"1": _FROM_1}
"""What makes a ledger of an earlier format into one of this."""


def statements(schema: str) -> Iterator[str]:
    """Split a schema: ``executescript`` would end the transaction that it is to be part of."""
    statement = ""
    for line in schema.splitlines():
        statement += line + "\n"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
