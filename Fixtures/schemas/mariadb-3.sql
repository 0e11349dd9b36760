-- A database as schema 3 has it, with a task in each state and a kept job. It never changes: databases like it are out there.
CREATE TABLE gearclock_schema (
    version INT UNSIGNED NOT NULL,
    name VARBINARY(64) NOT NULL,
    compatible_from INT UNSIGNED NOT NULL,
    migrated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (version)
) ENGINE=InnoDB DEFAULT CHARACTER SET binary;

CREATE TABLE task (
    id BINARY(16) NOT NULL,
    state TINYINT UNSIGNED NOT NULL,
    lane BIGINT UNSIGNED AS (IF(state = 0, 4294967296 + CRC32(function), state)) STORED,
    wake_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    priority TINYINT UNSIGNED NOT NULL,
    attempt INT UNSIGNED NOT NULL,
    failures INT UNSIGNED NOT NULL,
    owner BIGINT,
    finished_at BIGINT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    timeout BIGINT,
    retain BIGINT NOT NULL,
    retry VARBINARY(4096),
    function VARBINARY(512) NOT NULL,
    controller VARBINARY(512),
    payload LONGBLOB NOT NULL,
    document LONGBLOB,
    PRIMARY KEY (id),
    KEY task_wake (lane, wake_at),
    CONSTRAINT task_state CHECK (state <= 5),
    CONSTRAINT task_priority CHECK (priority <= 2),
    CONSTRAINT task_owner_while_running CHECK ((state = 1) = (owner IS NOT NULL)),
    CONSTRAINT task_finished_when_final CHECK ((state >= 2) = (finished_at IS NOT NULL)),
    CONSTRAINT task_wakes_when_due CHECK (state <> 0 OR wake_at = due_at),
    CONSTRAINT task_function CHECK (length(function) >= 1 AND locate(x'00', function) = 0),
    CONSTRAINT task_controller CHECK (
        controller IS NULL
        OR (length(controller) >= 1 AND locate(x'00', controller) = 0 AND document IS NOT NULL))
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET binary;

CREATE TABLE attempt (
    task_id BINARY(16) NOT NULL,
    number BIGINT NOT NULL,
    attempt INT UNSIGNED NOT NULL,
    started_at BIGINT NOT NULL,
    ended_at BIGINT NOT NULL,
    outcome TINYINT UNSIGNED NOT NULL CHECK (outcome <= 8),
    message VARBINARY(1024) NOT NULL,
    PRIMARY KEY (task_id, number)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET binary;

CREATE TABLE member (
    id BIGINT NOT NULL,
    role TINYINT UNSIGNED NOT NULL,
    beats BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT member_role CHECK (role <= 1),
    CONSTRAINT member_beats CHECK (beats >= 1)
) ENGINE=InnoDB DEFAULT CHARACTER SET binary;

CREATE TABLE function_setting (
    function VARBINARY(512) NOT NULL,
    is_paused TINYINT UNSIGNED NOT NULL,
    in_flight INT UNSIGNED,
    per_thousand_seconds INT UNSIGNED,
    queue_watermark INT UNSIGNED,
    PRIMARY KEY (function),
    CONSTRAINT function_setting_function CHECK (length(function) >= 1 AND locate(x'00', function) = 0),
    CONSTRAINT function_setting_paused CHECK (is_paused <= 1),
    CONSTRAINT function_setting_says_something CHECK (
        is_paused = 1 OR in_flight IS NOT NULL OR per_thousand_seconds IS NOT NULL
        OR queue_watermark IS NOT NULL)
) ENGINE=InnoDB DEFAULT CHARACTER SET binary;

INSERT INTO gearclock_schema (version, name, compatible_from) VALUES (1, 'tasks', 1);

INSERT INTO task (id, state, priority, wake_at, due_at, attempt, failures, created_at, retain, function, payload)
VALUES (x'00000000000080008000000000000001', 0, 1, 1800000000000000, 1800000000000000, 0, 0, 1800000000000000, 0, x'726573697a65', x'010203');
INSERT INTO task (id, state, priority, wake_at, due_at, attempt, failures, created_at, retain, function, payload, expires_at, timeout, retry, controller, document)
VALUES (x'00000000000080008000000000000002', 0, 2, 1800000000000000, 1800000000000000, 2, 1, 1800000000000000, 60000000, x'726573697a65', x'00ff0a', 1800003600000000, 1500000, '7 86400000000 0.25 list 1000000 2000000', x'6374726c', x'7b2261223a317d');
INSERT INTO task (id, state, priority, wake_at, due_at, attempt, failures, created_at, retain, function, payload, owner)
VALUES (x'00000000000080008000000000000003', 1, 1, 1800000015000000, 1800000000000000, 1, 0, 1800000000000000, 0, x'726573697a65', x'010203', 42);
INSERT INTO task (id, state, priority, wake_at, due_at, attempt, failures, created_at, retain, function, payload, finished_at)
VALUES (x'00000000000080008000000000000004', 2, 1, 1800000600000000, 1800000000000000, 1, 0, 1800000000000000, 0, x'726573697a65', x'010203', 1800000000000000);
INSERT INTO task (id, state, priority, wake_at, due_at, attempt, failures, created_at, retain, function, payload, finished_at)
VALUES (x'00000000000080008000000000000005', 3, 1, 1800000600000000, 1800000000000000, 1, 1, 1800000000000000, 0, x'726573697a65', x'010203', 1800000000000000);
INSERT INTO task (id, state, priority, wake_at, due_at, attempt, failures, created_at, retain, function, payload, finished_at)
VALUES (x'00000000000080008000000000000006', 4, 1, 1800000600000000, 1800000000000000, 1, 0, 1800000000000000, 0, x'726573697a65', x'010203', 1800000000000000);
INSERT INTO task (id, state, priority, wake_at, due_at, attempt, failures, created_at, retain, function, payload, finished_at)
VALUES (x'00000000000080008000000000000007', 5, 1, 1800000600000000, 1800000000000000, 1, 0, 1800000000000000, 0, x'726573697a65', x'010203', 1800000000000000);

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

CREATE TABLE job_server (
    name VARBINARY(255) NOT NULL,
    generation BIGINT NOT NULL,
    changes BIGINT NOT NULL,
    last_number BIGINT NOT NULL,
    PRIMARY KEY (name),
    CONSTRAINT job_server_generation CHECK (generation >= 1),
    CONSTRAINT job_server_last_number CHECK (last_number >= 0)
) ENGINE=InnoDB DEFAULT CHARACTER SET binary;

CREATE TABLE job (
    server VARBINARY(255) NOT NULL,
    number BIGINT NOT NULL,
    priority TINYINT UNSIGNED NOT NULL,
    retries TINYINT UNSIGNED NOT NULL,
    due_at BIGINT,
    function VARBINARY(8192) NOT NULL,
    unique_id VARBINARY(64) NOT NULL,
    reducer VARBINARY(8192) NOT NULL,
    workload LONGBLOB NOT NULL,
    PRIMARY KEY (server, number),
    CONSTRAINT job_number CHECK (number >= 1),
    CONSTRAINT job_priority CHECK (priority <= 2)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET binary;

INSERT INTO gearclock_schema (version, name, compatible_from) VALUES (2, 'jobs', 1);
INSERT INTO gearclock_schema (version, name, compatible_from) VALUES (3, 'outcomes', 1);
INSERT INTO job_server (name, generation, changes, last_number) VALUES (x'6c61623a34373330', 2, 7, 9);
INSERT INTO job (server, number, priority, retries, due_at, function, unique_id, reducer, workload)
VALUES (x'6c61623a34373330', 5, 2, 1, 1800000000000000, x'726573697a65', x'75', x'', x'00ff0a');
