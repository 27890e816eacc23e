"""Beside SQL: the statements of SQLite's store that belong to no turn."""

from __future__ import annotations

from tidegate.adapters.store.turn_sql import Rows

# ---- effects
CLAIM = (
    "UPDATE effect SET visible_at = ?, fence = fence + 1, owner = ? WHERE (cell, call) IN"
    " (SELECT cell, call FROM effect WHERE visible_at <= ? AND kind NOT IN (?, ?)"
    " ORDER BY visible_at, cell, call LIMIT ?)"
    " RETURNING cell, call, kind, fence, tries, handle, body"
)
RENEW = Rows(
    "WITH held(cell, call, fence) AS (VALUES ",
    3,
    ") UPDATE effect SET visible_at = ? FROM held WHERE effect.cell = held.cell"
    " AND effect.call = held.call AND effect.fence = held.fence AND effect.owner = ?"
    " RETURNING effect.cell, effect.call, effect.fence",
)
DEFER = (
    "UPDATE effect SET visible_at = ?, handle = ?, tries = ?, owner = NULL"
    " WHERE cell = ? AND call = ? AND fence = ?"
)
END_STOP = "DELETE FROM effect WHERE cell = ? AND call = ? AND fence = ?"
TAKE_OVER = "UPDATE effect SET visible_at = 0, owner = NULL WHERE owner IS NOT NULL AND owner <> ?"
NEXT_WAKE = "SELECT min(wake_at) FROM cell WHERE wake_at IS NOT NULL"
NEXT_VISIBLE = "SELECT min(visible_at) FROM effect"
HAS_LATER = "SELECT EXISTS (SELECT 1 FROM later)"

# ---- documents
ACTIVATION = "SELECT at, functions FROM activation WHERE id = ?"
ACTIVATION_DOCUMENTS = (
    "SELECT document.id, kind, name, n, body, followed.document IS NOT NULL FROM document"
    " LEFT JOIN activation_document AS followed"
    " ON followed.activation = ? AND followed.document = document.id"
    " WHERE followed.document IS NOT NULL OR document.id IN (SELECT doc FROM cell)"
    " ORDER BY document.id"
)
NEWEST_VERSION = (
    "SELECT id, n, digest FROM document WHERE kind = ? AND name = ? ORDER BY n DESC LIMIT 1"
)
LAST_DOCUMENT = "SELECT coalesce(max(id), 0) FROM document"
LAST_ACTIVATION = "SELECT coalesce(max(id), 0) FROM activation"
INSERT_DOCUMENT = "INSERT INTO document (id, kind, name, n, digest, body) VALUES (?, ?, ?, ?, ?, ?)"
INSERT_ACTIVATION = "INSERT INTO activation (id, at, functions) VALUES (?, ?, ?)"
INSERT_ACTIVATION_DOCUMENTS = Rows(
    "INSERT INTO activation_document (activation, document) VALUES ", 2
)

# ---- suspects and replicas
IS_PARKED = "SELECT 1 FROM parked WHERE pos = ? AND engine = ?"
NOTE_SUSPECT = (
    "INSERT INTO suspect (root, deaths, at) VALUES (?, 0, ?)"
    " ON CONFLICT (root) DO UPDATE SET at = excluded.at"
)
COUNT_DEATHS = (
    # 0 says that this note was counted: whoever dies without noting it again did not die of it.
    "UPDATE suspect SET deaths = deaths + (at > 0), at = 0 RETURNING root, deaths"
)
CLEAR_SUSPECTS = Rows("DELETE FROM suspect WHERE root IN (VALUES ", 1, ")")
SEE_REPLICA = (
    "INSERT INTO replica (id, release, activation, functions, seen_at) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (id) DO UPDATE SET release = excluded.release, activation = excluded.activation,"
    " functions = excluded.functions, seen_at = excluded.seen_at"
)
OTHERS_SINCE = "SELECT count(*) FROM replica WHERE id <> ? AND seen_at >= ?"
