"""The statements of PostgreSQL's store; every parameter is one value or one whole column.

Alone here because they are read beside `schema.py` and measured alone. All go by an index.
"""

from __future__ import annotations

BEGIN = "BEGIN"
COMMIT = "COMMIT"
ROLLBACK = "ROLLBACK"
# Nobody waits for a hint to be on the disk.
NOTIFY = "SELECT set_config('synchronous_commit', 'off', true), pg_notify('tidegate', '')"
LISTEN = "LISTEN tidegate"

# ---- taking the turn
TURN = """
SELECT n, next_pos, next_cell, next_later, at, activation, chain FROM turn WHERE one = 1 FOR UPDATE"""

_NOW = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
NOW = f"SELECT {_NOW}"
# The timer has run since BEGIN, through the wait for the turn: stopped and begun anew, it counts
# from here. A SELECT computes its columns in order.
NOW_TIMED = f"""
SELECT {_NOW}, set_config('transaction_timeout', '0', true),
  set_config('transaction_timeout', $1, true)"""
UNTIMED = "SELECT set_config('transaction_timeout', '0', true)"

KEYS = """
INSERT INTO event_key (hash, pos, digest)
SELECT k.hash, (SELECT next_pos FROM turn WHERE one = 1) + k.place, k.digest
FROM unnest($1, $2, $3) AS k (hash, place, digest) ORDER BY k.hash
ON CONFLICT (hash) DO NOTHING RETURNING hash"""

HITS = "SELECT hash, pos, digest FROM event_key WHERE hash = ANY ($1)"

OUTCOMES = """
DELETE FROM effect e USING unnest($1, $2, $3) AS o (cell, call, fence)
WHERE e.cell = o.cell AND e.call = o.call AND e.fence = o.fence
RETURNING e.cell, e.call, e.fence"""

LATER = "SELECT id, body FROM later ORDER BY id LIMIT $1"

# The instant stands in a subquery of its own: computed once, it can end the walk along the index.
DUE = f"""
SELECT c.wake_at, c.id, c.kind, k.text, c.day, c.scope, s.text, c.name,
  c.doc, c.version, c.format, c.state
FROM (
  SELECT * FROM cell
  WHERE wake_at <= (SELECT greatest(t.at, {_NOW}) FROM turn t WHERE one = 1)
  ORDER BY wake_at, id LIMIT $1
) c JOIN name k ON k.id = c.kind JOIN name s ON s.id = c.scope ORDER BY c.wake_at, c.id"""

CELLS = """
SELECT w.place, c.id, c.doc, c.version, c.format, c.state
FROM unnest($1, $2, $3, $4) WITH ORDINALITY AS w (kind, day, scope, name, place)
JOIN cell c ON c.kind = w.kind AND c.day = w.day AND c.scope = w.scope AND c.name = w.name"""

NAMES = "SELECT id, text FROM name"
NAMES_OF = "SELECT id, text FROM name WHERE text = ANY ($1)"

OPEN_CALLS = (
    "SELECT cell, call FROM effect WHERE cell = ANY ($1) AND kind <> $2 ORDER BY cell, call"
)

ROW_AT = """
SELECT first, n, at, activation, chain, release, functions, body FROM log
WHERE first <= $1 ORDER BY first DESC LIMIT 1"""

# ---- writing it
NAMES_NEW = """
INSERT INTO name (id, text)
SELECT (SELECT coalesce(max(id), 0) FROM name) + w.place, w.text
FROM unnest($1) WITH ORDINALITY AS w (text, place) ON CONFLICT (text) DO NOTHING"""

KEYS_BACK = "DELETE FROM event_key WHERE hash = ANY ($1)"
KEYS_SET = """
INSERT INTO event_key (hash, pos, digest) SELECT * FROM unnest($1, $2, $3)
ON CONFLICT (hash) DO UPDATE SET pos = excluded.pos, digest = excluded.digest"""

LATER_TAKEN = "DELETE FROM later WHERE id = ANY ($1)"
LATER_NEW = "INSERT INTO later (id, body) SELECT * FROM unnest($1, $2)"

LOG = """
INSERT INTO log (first, n, at, activation, turn, chain, release, functions, body)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"""
LOG_FILTER = "INSERT INTO log_filter (first, time_min, time_max, bits) VALUES ($1, $2, $3, $4)"

DROPS = "DELETE FROM cell WHERE id = ANY ($1)"
CELLS_PUT = """
INSERT INTO cell
  (id, kind, day, scope, name, doc, version, format, status, wake_at, changed_at, state)
SELECT w.id, w.kind, w.day, w.scope, w.name, w.doc, w.version, w.format, w.status, w.wake_at, $1,
  w.state
FROM unnest($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
  AS w (id, kind, day, scope, name, doc, version, format, status, wake_at, state)
ON CONFLICT (id) DO UPDATE SET doc = excluded.doc, version = excluded.version,
  format = excluded.format, status = excluded.status, wake_at = excluded.wake_at,
  changed_at = excluded.changed_at, state = excluded.state"""

JOURNAL = """
INSERT INTO journal (cell, version, pos, format, body) SELECT * FROM unnest($1, $2, $3, $4, $5)"""

EFFECTS = """
INSERT INTO effect (cell, call, kind, visible_at, fence, tries, owner, handle, body)
SELECT w.cell, w.call, w.kind, w.visible_at, w.fence, 0, w.owner, NULL, w.body
FROM unnest($1, $2, $3, $4, $5, $6, $7) AS w (cell, call, kind, visible_at, fence, owner, body)"""

STOPS = """
UPDATE effect e SET kind = $1, fence = e.fence + 1, visible_at = $2, tries = 0, owner = NULL
FROM unnest($3, $4) AS s (cell, call)
WHERE e.cell = s.cell AND e.call = s.call AND e.kind <> $1"""

STRAYS = "INSERT INTO stray (pos) SELECT * FROM unnest($1)"
PARKED = """
INSERT INTO parked (pos, engine, error, at, release)
SELECT w.pos, w.engine, w.error, $1, $2 FROM unnest($3, $4, $5) AS w (pos, engine, error)"""
UNPARKED = """
DELETE FROM parked p USING unnest($1, $2) AS w (pos, engine)
WHERE p.pos = w.pos AND p.engine = w.engine"""
REJECTS = """
INSERT INTO reject (id, at, principal, code, message, body)
SELECT (SELECT coalesce(max(id), 0) FROM reject) + w.place,
  w.at, w.principal, w.code, w.message, w.body
FROM unnest($1, $2, $3, $4, $5) WITH ORDINALITY
  AS w (at, principal, code, message, body, place)"""

UNWOKEN = """
UPDATE cell c SET wake_at = NULL FROM unnest($1, $2, $3, $4) AS w (kind, day, scope, name)
WHERE c.kind = w.kind AND c.day = w.day AND c.scope = w.scope AND c.name = w.name"""

WAITING = """
SELECT c.id, k.text, c.day, s.text, c.name, c.format, c.state, c.wake_at
FROM (SELECT * FROM cell WHERE wake_at IS NOT NULL AND id > $1 ORDER BY id LIMIT $2) c
JOIN name k ON k.id = c.kind JOIN name s ON s.id = c.scope ORDER BY c.id"""
SHIFTED = """
UPDATE cell c SET wake_at = w.wake_at, format = w.format, state = w.state
FROM unnest($1, $2, $3, $4) AS w (id, wake_at, format, state) WHERE c.id = w.id"""

TURN_DONE = """
UPDATE turn SET n = $1, next_pos = $2, next_cell = $3, next_later = $4, at = $5, activation = $6,
  chain = $7 WHERE one = 1"""

# ---- a lost answer, a holder that stands still
SETTLE_LOG = "SELECT first FROM log WHERE turn = $1"
SETTLE_REJECT = "SELECT id FROM reject WHERE at = $1 AND code = $2 AND body = $3 LIMIT 1"

# Waiters queue behind one another, so what blocks us may itself be waiting: follow the chain to
# whoever is not. Those named in $2 and $3 (process, and when its state last changed) are ended.
HOLDERS = r"""
WITH RECURSIVE chain (pid) AS (
  SELECT unnest(pg_blocking_pids($1::int)) UNION SELECT unnest(pg_blocking_pids(chain.pid)) FROM chain
),
holder AS MATERIALIZED (
  SELECT a.pid, a.application_name AS name,
    (extract(epoch FROM a.state_change) * 1000000)::bigint AS changed_at,
    a.application_name LIKE 'tidegate %' AND a.usename = session_user AS ours,
    concat_ws(', ',
      'backend ' || a.pid, nullif(a.application_name, ''), 'user ' || a.usename,
      'at ' || host(a.client_addr), a.state,
      'for ' || round(extract(epoch FROM clock_timestamp() - a.state_change)) || ' s'
    ) AS told, left(regexp_replace(a.query, '\s+', ' ', 'g'), 200) AS query
  FROM chain JOIN pg_stat_activity a ON a.pid = chain.pid
  WHERE cardinality(pg_blocking_pids(a.pid)) = 0
)
SELECT h.pid, h.changed_at, h.name, h.ours, h.told, h.query, CASE WHEN h.ours AND EXISTS (
    SELECT FROM unnest($2, $3) AS w (pid, changed_at)
    WHERE w.pid = h.pid AND w.changed_at = h.changed_at
  ) THEN pg_terminate_backend(h.pid) END
FROM holder h"""

# ---- effects
CLAIM = """
WITH mine AS MATERIALIZED (
  SELECT cell, call, visible_at FROM effect
  WHERE visible_at <= $1 AND kind <> ALL($4) AND (owner IS NULL OR owner = $2 OR $3)
  ORDER BY visible_at, cell, call LIMIT $5 FOR UPDATE SKIP LOCKED
)
UPDATE effect e SET visible_at = $6, fence = e.fence + 1, owner = $2
FROM mine WHERE e.cell = mine.cell AND e.call = mine.call
RETURNING mine.visible_at, e.cell, e.call, e.kind, e.fence, e.tries, e.handle, e.body"""

# A row that somebody else has locked at this instant is left alone, and still ours.
RENEW = """
WITH wanted AS (SELECT * FROM unnest($1, $2, $3) AS w (cell, call, fence)),
free AS MATERIALIZED (
  SELECT e.cell, e.call FROM effect e JOIN wanted USING (cell, call, fence)
  WHERE e.owner = $4 ORDER BY e.cell, e.call FOR UPDATE OF e SKIP LOCKED
),
renewed AS (
  UPDATE effect e SET visible_at = $5 FROM free WHERE e.cell = free.cell AND e.call = free.call
)
SELECT cell, call, fence FROM effect e JOIN wanted USING (cell, call, fence) WHERE e.owner = $4"""

DEFER = """
UPDATE effect SET visible_at = $1, handle = $2, tries = $3, owner = NULL
WHERE cell = $4 AND call = $5 AND fence = $6"""
END_STOP = "DELETE FROM effect WHERE cell = $1 AND call = $2 AND fence = $3"

NEXT_WAKE = "SELECT min(wake_at) FROM cell WHERE wake_at IS NOT NULL"
NEXT_VISIBLE = "SELECT min(visible_at) FROM effect"
HAS_LATER = "SELECT EXISTS (SELECT FROM later)"

# ---- documents
ACTIVATION = "SELECT at, functions FROM activation WHERE id = $1"
ACTIVATION_DOCUMENTS = """
SELECT d.id, d.kind, d.name, d.n, d.body, a.document IS NOT NULL
FROM document d
LEFT JOIN activation_document a ON a.activation = $1 AND a.document = d.id
WHERE a.document IS NOT NULL OR d.id IN (SELECT DISTINCT doc FROM cell)
ORDER BY d.id"""
DOCUMENTS_LOCK = "SELECT pg_advisory_xact_lock($1)"
DOCUMENTS_NEWEST = """
SELECT DISTINCT ON (kind, name) kind, name, n, id, digest FROM document
ORDER BY kind, name, n DESC"""
NUMBERS = """
SELECT (SELECT coalesce(max(id), 0) FROM document), (SELECT coalesce(max(id), 0) FROM activation)"""
DOCUMENTS_NEW = """
INSERT INTO document (id, kind, name, n, digest, body) SELECT * FROM unnest($1, $2, $3, $4, $5, $6)"""
ACTIVATION_NEW = "INSERT INTO activation (id, at, functions) VALUES ($1, $2, $3)"
ACTIVATION_DOCUMENTS_NEW = """
INSERT INTO activation_document (activation, document) SELECT $1, w.id FROM unnest($2) AS w (id)"""

# ---- suspects and replicas
IS_PARKED = "SELECT 1 FROM parked WHERE pos = $1 AND engine = $2"
SUSPECT = """
INSERT INTO suspect (root, deaths, at) VALUES ($1, 0, $2)
ON CONFLICT (root) DO UPDATE SET at = excluded.at"""
SUSPECTS_CLEARED = "DELETE FROM suspect WHERE root = ANY ($1)"
# 0 says that this note was counted: whoever dies without noting it again did not die of it.
DEATHS = "UPDATE suspect SET deaths = deaths + (at > 0)::int, at = 0 RETURNING root, deaths"
REPLICA = """
INSERT INTO replica (id, release, activation, functions, seen_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (id) DO UPDATE SET release = excluded.release, activation = excluded.activation,
  functions = excluded.functions, seen_at = excluded.seen_at"""
# Whoever ended well took its own row away. Of the others only those that live have connections.
REPLICAS_GONE = """
DELETE FROM replica r WHERE r.id <> $1 AND NOT EXISTS (
  SELECT FROM pg_stat_activity a WHERE a.datname = current_database()
    AND starts_with(a.application_name, 'tidegate ' || r.id)
) RETURNING r.id"""
REPLICA_LEAVES = "DELETE FROM replica WHERE id = $1"
OTHERS = "SELECT count(*) FROM replica WHERE id <> $1 AND seen_at >= $2"
META = "SELECT key, value FROM meta"
