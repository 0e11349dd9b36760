-- A file as schema 1 has it, with a task in each state. It never changes: files like it are out there.
PRAGMA journal_mode = WAL;
PRAGMA application_id = 1195592779;
PRAGMA user_version = 1;

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
    document BLOB,
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
CREATE INDEX task_scheduled ON task (due_at, id, state) WHERE state = 0;
CREATE INDEX task_running ON task (lease_until, id, state) WHERE state = 1;
CREATE INDEX task_final ON task (remove_at, id, state) WHERE state BETWEEN 2 AND 5;
CREATE INDEX task_foreign ON task (state) WHERE NOT (
    length(id) = 16 AND state BETWEEN 0 AND 5 AND priority BETWEEN 0 AND 2
    AND attempt BETWEEN 0 AND 4294967295 AND failures BETWEEN 0 AND 4294967295
    AND (state = 1) = (owner IS NOT NULL) AND (state = 1) = (lease_until IS NOT NULL)
    AND (state >= 2) = (finished_at IS NOT NULL) AND (state >= 2) = (remove_at IS NOT NULL)
    AND length(function) BETWEEN 1 AND 512 AND instr(function, x'00') = 0
    AND (controller IS NULL
        OR (length(controller) BETWEEN 1 AND 512 AND instr(controller, x'00') = 0 AND document IS NOT NULL)));

CREATE TABLE attempt (
    task_id BLOB NOT NULL,
    number INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at INTEGER NOT NULL,
    outcome INTEGER NOT NULL,
    message BLOB NOT NULL,
    PRIMARY KEY (task_id, number),
    CONSTRAINT attempt_attempt CHECK (attempt BETWEEN 0 AND 4294967295),
    CONSTRAINT attempt_outcome CHECK (outcome BETWEEN 0 AND 4)
) STRICT, WITHOUT ROWID;

INSERT INTO task (id, state, priority, due_at, attempt, failures, created_at, retain, function, payload)
VALUES (x'00000000000080008000000000000001', 0, 1, 1800000000000000, 0, 0, 1800000000000000, 0, x'726573697a65', x'010203');
INSERT INTO task (id, state, priority, due_at, attempt, failures, created_at, retain, function, payload, expires_at, timeout, retry, controller, document)
VALUES (x'00000000000080008000000000000002', 0, 2, 1800000000000000, 2, 1, 1800000000000000, 60000000, x'726573697a65', x'00ff0a', 1800003600000000, 1500000, '7 86400000000 0.25 list 1000000 2000000', x'6374726c', x'7b2261223a317d');
INSERT INTO task (id, state, priority, due_at, attempt, failures, created_at, retain, function, payload, owner, lease_until)
VALUES (x'00000000000080008000000000000003', 1, 1, 1800000000000000, 1, 0, 1800000000000000, 0, x'726573697a65', x'010203', 42, 1800000015000000);
INSERT INTO task (id, state, priority, due_at, attempt, failures, created_at, retain, function, payload, finished_at, remove_at)
VALUES (x'00000000000080008000000000000004', 2, 1, 1800000000000000, 1, 0, 1800000000000000, 0, x'726573697a65', x'010203', 1800000000000000, 1800000600000000);
INSERT INTO task (id, state, priority, due_at, attempt, failures, created_at, retain, function, payload, finished_at, remove_at)
VALUES (x'00000000000080008000000000000005', 3, 1, 1800000000000000, 1, 1, 1800000000000000, 0, x'726573697a65', x'010203', 1800000000000000, 1800000600000000);
INSERT INTO task (id, state, priority, due_at, attempt, failures, created_at, retain, function, payload, finished_at, remove_at)
VALUES (x'00000000000080008000000000000006', 4, 1, 1800000000000000, 0, 0, 1800000000000000, 0, x'726573697a65', x'010203', 1800000000000000, 1800000600000000);
INSERT INTO task (id, state, priority, due_at, attempt, failures, created_at, retain, function, payload, finished_at, remove_at)
VALUES (x'00000000000080008000000000000007', 5, 1, 1800000000000000, 1, 0, 1800000000000000, 0, x'726573697a65', x'010203', 1800000000000000, 1800000600000000);

INSERT INTO attempt (task_id, number, attempt, started_at, ended_at, outcome, message)
VALUES (x'00000000000080008000000000000002', 1, 1, 1800000000000000, 1800000001000000, 0, x'62726f6b656e');
INSERT INTO attempt (task_id, number, attempt, started_at, ended_at, outcome, message)
VALUES (x'00000000000080008000000000000002', 2, 2, 1800000000000000, 1800000002000000, 4, x'');
INSERT INTO attempt (task_id, number, attempt, started_at, ended_at, outcome, message)
VALUES (x'00000000000080008000000000000005', 1, 1, 1800000000000000, 1800000001000000, 1, x'657863657074696f6e');
