-- A file as schema 4 has it, with a task in each state, two members, the settings of a function and a kept job. It never
-- changes: files like it are out there.
PRAGMA journal_mode = WAL;
PRAGMA application_id = 1195592779;
PRAGMA user_version = 4;

CREATE TABLE task (
    seq INTEGER PRIMARY KEY,
    id BLOB NOT NULL,
    state INTEGER NOT NULL,
    priority INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    failures INTEGER NOT NULL,
    owner INTEGER,
    lease_until INTEGER,
    finished_at INTEGER,
    remove_at INTEGER,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    timeout INTEGER,
    retain INTEGER NOT NULL,
    retry TEXT,
    function BLOB NOT NULL,
    controller BLOB,
    payload BLOB NOT NULL,
    document BLOB, lane INTEGER NOT NULL DEFAULT 0 CONSTRAINT task_lane CHECK (lane BETWEEN 0 AND 4294967295), bucket INTEGER NOT NULL DEFAULT 0 CONSTRAINT task_bucket CHECK (bucket BETWEEN 0 AND 63),
    CONSTRAINT task_id CHECK (length(id) = 16),
    CONSTRAINT task_state CHECK (state BETWEEN 0 AND 5),
    CONSTRAINT task_priority CHECK (priority BETWEEN 0 AND 2),
    CONSTRAINT task_attempt CHECK (attempt BETWEEN 0 AND 4294967295),
    CONSTRAINT task_failures CHECK (failures BETWEEN 0 AND 4294967295),
    CONSTRAINT task_owner_while_running CHECK ((state = 1) = (owner IS NOT NULL)),
    CONSTRAINT task_lease_while_running CHECK ((state = 1) = (lease_until IS NOT NULL)),
    CONSTRAINT task_finished_when_final CHECK ((state >= 2) = (finished_at IS NOT NULL)),
    CONSTRAINT task_removed_when_final CHECK ((state >= 2) = (remove_at IS NOT NULL)),
    CONSTRAINT task_function CHECK (length(function) BETWEEN 1 AND 512 AND instr(function, x'00') = 0),
    CONSTRAINT task_controller CHECK (
        controller IS NULL
        OR (length(controller) BETWEEN 1 AND 512 AND instr(controller, x'00') = 0 AND document IS NOT NULL))
) STRICT;

CREATE UNIQUE INDEX task_by_id ON task (id);

CREATE INDEX task_running ON task (lease_until, id, state) WHERE state = 1;

CREATE INDEX task_final ON task (remove_at, id, state) WHERE state BETWEEN 2 AND 5;

CREATE TABLE "attempt" (
    task_id BLOB NOT NULL,
    number INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at INTEGER NOT NULL,
    outcome INTEGER NOT NULL,
    message BLOB NOT NULL,
    PRIMARY KEY (task_id, number),
    CONSTRAINT attempt_attempt CHECK (attempt BETWEEN 0 AND 4294967295),
    CONSTRAINT attempt_outcome CHECK (outcome BETWEEN 0 AND 8)
) STRICT, WITHOUT ROWID;

CREATE INDEX task_scheduled ON task (lane, due_at, id, bucket, state) WHERE state = 0;

CREATE INDEX task_foreign ON task (state) WHERE NOT (
    length(id) = 16 AND state BETWEEN 0 AND 5 AND priority BETWEEN 0 AND 2
    AND attempt BETWEEN 0 AND 4294967295 AND failures BETWEEN 0 AND 4294967295
    AND (state = 1) = (owner IS NOT NULL) AND (state = 1) = (lease_until IS NOT NULL)
    AND (state >= 2) = (finished_at IS NOT NULL) AND (state >= 2) = (remove_at IS NOT NULL)
    AND length(function) BETWEEN 1 AND 512 AND instr(function, x'00') = 0
    AND (controller IS NULL
        OR (length(controller) BETWEEN 1 AND 512 AND instr(controller, x'00') = 0 AND document IS NOT NULL))
    AND lane BETWEEN 0 AND 4294967295 AND bucket BETWEEN 0 AND 63);

CREATE TABLE member (
    id INTEGER PRIMARY KEY,
    role INTEGER NOT NULL,
    beats INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    CONSTRAINT member_role CHECK (role BETWEEN 0 AND 1),
    CONSTRAINT member_beats CHECK (beats >= 1)
) STRICT;

CREATE TABLE function_setting (
    function BLOB NOT NULL PRIMARY KEY,
    is_paused INTEGER NOT NULL,
    in_flight INTEGER,
    per_thousand_seconds INTEGER,
    queue_watermark INTEGER,
    CONSTRAINT function_setting_function CHECK (
        length(function) BETWEEN 1 AND 512 AND instr(function, x'00') = 0),
    CONSTRAINT function_setting_is_paused CHECK (is_paused BETWEEN 0 AND 1),
    CONSTRAINT function_setting_in_flight CHECK (in_flight BETWEEN 0 AND 4294967295),
    CONSTRAINT function_setting_rate CHECK (per_thousand_seconds BETWEEN 0 AND 4294967295),
    CONSTRAINT function_setting_queue_watermark CHECK (queue_watermark BETWEEN 0 AND 4294967295),
    CONSTRAINT function_setting_says_something CHECK (
        is_paused = 1 OR coalesce(in_flight, per_thousand_seconds, queue_watermark) IS NOT NULL)
) STRICT, WITHOUT ROWID;

INSERT INTO task (id, state, priority, due_at, attempt, failures, created_at, retain, function, payload, lane, bucket)
VALUES (x'00000000000080008000000000000001', 0, 1, 1800000000000000, 0, 0, 1800000000000000, 0, x'726573697a65', x'010203', 1887309346, 24);
INSERT INTO task (id, state, priority, due_at, attempt, failures, created_at, expires_at, timeout, retain, retry, function, controller, payload, document, lane, bucket)
VALUES (x'00000000000080008000000000000002', 0, 2, 1800000000000000, 2, 1, 1800000000000000, 1800003600000000, 1500000, 60000000, '7 86400000000 0.25 list 1000000 2000000', x'726573697a65', x'6374726c', x'00ff0a', x'7b2261223a317d', 1887309346, 34);
INSERT INTO task (id, state, priority, due_at, attempt, failures, owner, lease_until, created_at, retain, function, payload, lane, bucket)
VALUES (x'00000000000080008000000000000003', 1, 1, 1800000000000000, 1, 0, 42, 1800000015000000, 1800000000000000, 0, x'726573697a65', x'010203', 1887309346, 52);
INSERT INTO task (id, state, priority, due_at, attempt, failures, finished_at, remove_at, created_at, retain, function, payload, lane, bucket)
VALUES (x'00000000000080008000000000000004', 2, 1, 1800000000000000, 1, 0, 1800000000000000, 1800000600000000, 1800000000000000, 0, x'726573697a65', x'010203', 1887309346, 23);
INSERT INTO task (id, state, priority, due_at, attempt, failures, finished_at, remove_at, created_at, retain, function, payload, lane, bucket)
VALUES (x'00000000000080008000000000000005', 3, 1, 1800000000000000, 1, 1, 1800000000000000, 1800000600000000, 1800000000000000, 0, x'726573697a65', x'010203', 1887309346, 1);
INSERT INTO task (id, state, priority, due_at, attempt, failures, finished_at, remove_at, created_at, retain, function, payload, lane, bucket)
VALUES (x'00000000000080008000000000000006', 4, 1, 1800000000000000, 1, 0, 1800000000000000, 1800000600000000, 1800000000000000, 0, x'726573697a65', x'010203', 1887309346, 59);
INSERT INTO task (id, state, priority, due_at, attempt, failures, finished_at, remove_at, created_at, retain, function, payload, lane, bucket)
VALUES (x'00000000000080008000000000000007', 5, 1, 1800000000000000, 1, 0, 1800000000000000, 1800000600000000, 1800000000000000, 0, x'726573697a65', x'010203', 1887309346, 45);

INSERT INTO attempt (task_id, number, attempt, started_at, ended_at, outcome, message)
VALUES (x'00000000000080008000000000000002', 1, 1, 1800000000000000, 1800000001000000, 0, x'62726f6b656e');
INSERT INTO attempt (task_id, number, attempt, started_at, ended_at, outcome, message)
VALUES (x'00000000000080008000000000000002', 2, 2, 1800000000000000, 1800000002000000, 4, x'');
INSERT INTO attempt (task_id, number, attempt, started_at, ended_at, outcome, message)
VALUES (x'00000000000080008000000000000005', 1, 1, 1800000000000000, 1800000001000000, 1, x'657863657074696f6e');
INSERT INTO attempt (task_id, number, attempt, started_at, ended_at, outcome, message)
VALUES (x'00000000000080008000000000000006', 1, 1, 1800000000000000, 1800000001000000, 8, x'');
INSERT INTO attempt (task_id, number, attempt, started_at, ended_at, outcome, message)
VALUES (x'00000000000080008000000000000007', 1, 1, 1800000000000000, 1800000001000000, 7, x'');

INSERT INTO member (id, role, beats, seen_at)
VALUES (-1, 1, 1, 1800000000000000);
INSERT INTO member (id, role, beats, seen_at)
VALUES (42, 0, 7, 1800000000000000);

INSERT INTO function_setting (function, is_paused, in_flight, per_thousand_seconds)
VALUES (x'726573697a65', 1, 10, 500);

CREATE TABLE job_server (
    name BLOB NOT NULL PRIMARY KEY,
    generation INTEGER NOT NULL,
    changes INTEGER NOT NULL,
    last_number INTEGER NOT NULL,
    CONSTRAINT job_server_generation CHECK (generation >= 1),
    CONSTRAINT job_server_last_number CHECK (last_number >= 0)
) STRICT, WITHOUT ROWID;

CREATE TABLE job (
    seq INTEGER PRIMARY KEY,
    server BLOB NOT NULL,
    number INTEGER NOT NULL,
    priority INTEGER NOT NULL,
    retries INTEGER NOT NULL,
    due_at INTEGER,
    function BLOB NOT NULL,
    unique_id BLOB NOT NULL,
    reducer BLOB NOT NULL,
    workload BLOB NOT NULL,
    CONSTRAINT job_number CHECK (number >= 1),
    CONSTRAINT job_priority CHECK (priority BETWEEN 0 AND 2),
    CONSTRAINT job_retries CHECK (retries BETWEEN 0 AND 255)
) STRICT;

CREATE UNIQUE INDEX job_by_number ON job (server, number);

INSERT INTO job_server (name, generation, changes, last_number) VALUES (x'6c61623a34373330', 2, 7, 9);
INSERT INTO job (server, number, priority, retries, due_at, function, unique_id, reducer, workload)
VALUES (x'6c61623a34373330', 5, 2, 1, 1800000000000000, x'726573697a65', x'75', x'', x'00ff0a');
