// The limit: tasks per second of a program that does nothing but the best possible bulk inserts, claims and deletes
// on the tables of Gearclock, which must be there. Scripts/bench compares the store with it, in the same run.
//
//   limit HOST PORT USER DATABASE TASKS BATCH PAYLOAD CONNECTIONS     the password is in GEARCLOCK_STORE_PASSWORD
//   limit HOST PORT USER DATABASE fill TASKS PAYLOAD                   stores tasks that are due in years, and ends
//   limit HOST PORT USER DATABASE proof HOST2 PORT2 TASKS BATCH PAYLOAD CONNECTIONS
//       inserts without and with a look at each batch on another node, and prints the two rates
//
// Inserts bind arrays (STMT_ATTR_ARRAY_SIZE); a claim reads the tasks that are due and takes them by their keys, on
// condition that nobody else has; a delete names its keys. Each batch is one transaction. It prints three rates.
#include <mariadb/mysql.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MOST = 512, COLUMNS = 18, CELL = 4096 };
typedef struct { unsigned char bytes[16]; } task_id;
typedef struct { MYSQL *mysql; MYSQL_STMT *proof; int number; uint64_t random; task_id *ids; int64_t *dues; } worker;

static const char *host, *user, *database, *password, *proof_host;
static int port, batch, payload, connections, proof_port;
static long tasks;
static int64_t started;
static double moments[4], proofs[2];
static pthread_barrier_t barrier;

static void fail(const char *what, const char *message) {
    fprintf(stderr, "limit: %s: %s\n", what, message);
    exit(1);
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + now.tv_nsec / 1e9;
}

static uint64_t draw(worker *w) {
    w->random = w->random * 6364136223846793005u + 1442695040888963407u;
    return w->random ^ w->random >> 29;
}

static void connect_to_server(worker *w) {
    w->mysql = mysql_init(NULL);
    if (!mysql_real_connect(w->mysql, host, user, password, database, port, NULL, CLIENT_FOUND_ROWS))
        fail("connect", mysql_error(w->mysql));
    if (mysql_query(w->mysql, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED") || mysql_autocommit(w->mysql, 0))
        fail("settings", mysql_error(w->mysql));
}

static MYSQL_STMT *prepare(worker *w, const char *sql) {
    MYSQL_STMT *statement = mysql_stmt_init(w->mysql);
    if (mysql_stmt_prepare(statement, sql, strlen(sql))) fail(sql, mysql_stmt_error(statement));
    return statement;
}

// "… IN (?, ?, …)" with a batch of parameters.
static MYSQL_STMT *prepare_list(worker *w, const char *sql) {
    char text[1024 + 2 * MOST], *end = text + sprintf(text, "%s IN (?", sql);
    for (int i = 1; i < batch; i++) end += sprintf(end, ",?");
    strcpy(end, ")");
    return prepare(w, text);
}

static void execute(MYSQL_STMT *statement, MYSQL_BIND *binds) {
    if (mysql_stmt_bind_param(statement, binds) || mysql_stmt_execute(statement))
        fail("execute", mysql_stmt_error(statement));
}

static void commit(worker *w) {
    if (mysql_commit(w->mysql)) fail("commit", mysql_error(w->mysql));
}

static void bind_ids(MYSQL_BIND *binds, task_id *ids, int count);

// Counts on another node, after all that was committed before.
static void prove(worker *w, task_id *ids, int count) {
    MYSQL_BIND binds[MOST], result = {0};
    int64_t found = 0;
    bind_ids(binds, ids, count);
    execute(w->proof, binds);
    result.buffer_type = MYSQL_TYPE_LONGLONG, result.buffer = &found;
    if (mysql_stmt_bind_result(w->proof, &result) || mysql_stmt_fetch(w->proof)) fail("proof", mysql_stmt_error(w->proof));
    mysql_stmt_free_result(w->proof);
    if (found != count) fail("proof", "tasks are missing");
}

static void insert_tasks(worker *w, long count, int size, int64_t due, int64_t spread) {
    static __thread task_id ids[MOST];
    static __thread int64_t dues[MOST], created[MOST];
    static __thread void *id_pointers[MOST], *functions[MOST], *payloads[MOST];
    static __thread unsigned long id_lengths[MOST], function_lengths[MOST], payload_lengths[MOST];
    MYSQL_STMT *statement = prepare(w,
        "INSERT INTO task (id, wake_at, due_at, created_at, function, payload, state, priority, attempt, failures, retain)"
        " VALUES (?, ?, ?, ?, ?, ?, 0, 1, 0, 0, 0)");
    char *bytes = malloc(payload + 1);
    memset(bytes, 'x', payload);
    for (long done = 0; done < count;) {
        unsigned rows = 0;
        for (; rows < (unsigned)size && done + rows < count; rows++) {
            // Ordered by time, as those of Gearclock are.
            uint64_t high = ((uint64_t)(started / 1000) + (done + rows) / 100) << 16 | 0x8000;
            uint64_t low = draw(w) >> 2 | 0x8000000000000000u;
            for (int i = 0; i < 8; i++) {
                ids[rows].bytes[i] = high >> (56 - 8 * i);
                ids[rows].bytes[8 + i] = low >> (56 - 8 * i);
            }
            dues[rows] = due + (int64_t)(draw(w) % spread);
            created[rows] = started;
            id_pointers[rows] = ids[rows].bytes, id_lengths[rows] = 16;
            functions[rows] = "benchmark", function_lengths[rows] = 9;
            payloads[rows] = bytes, payload_lengths[rows] = payload;
        }
        MYSQL_BIND binds[6] = {0};
        void *buffers[6] = {id_pointers, dues, dues, created, functions, payloads};
        unsigned long *lengths[6] = {id_lengths, NULL, NULL, NULL, function_lengths, payload_lengths};
        for (int i = 0; i < 6; i++) {
            binds[i].buffer_type = lengths[i] ? MYSQL_TYPE_BLOB : MYSQL_TYPE_LONGLONG;
            binds[i].buffer = buffers[i], binds[i].length = lengths[i];
        }
        mysql_stmt_attr_set(statement, STMT_ATTR_ARRAY_SIZE, &rows);
        execute(statement, binds);
        commit(w);
        if (w->proof) prove(w, ids, rows);
        done += rows;
    }
    mysql_stmt_close(statement);
    free(bytes);
}

// The last id again and again, if there are fewer than a batch.
static void bind_ids(MYSQL_BIND *binds, task_id *ids, int count) {
    static unsigned long length = 16;
    memset(binds, 0, batch * sizeof *binds);
    for (int i = 0; i < batch; i++) {
        binds[i].buffer_type = MYSQL_TYPE_BLOB, binds[i].buffer_length = 16, binds[i].length = &length;
        binds[i].buffer = ids[i < count ? i : count - 1].bytes;
    }
}

// Fetches whole rows, as a claim must; ids and due times are kept.
static int fetch(MYSQL_STMT *statement, task_id *ids, int64_t *dues) {
    static __thread char cells[COLUMNS][CELL];
    static __thread unsigned long lengths[COLUMNS];
    static __thread char nulls[COLUMNS];
    MYSQL_BIND binds[COLUMNS] = {0};
    for (int i = 0; i < COLUMNS; i++) {
        binds[i].buffer_type = i >= 1 && i <= 12 ? MYSQL_TYPE_LONGLONG : MYSQL_TYPE_BLOB;
        binds[i].buffer = cells[i], binds[i].buffer_length = CELL;
        binds[i].length = &lengths[i], binds[i].is_null = &nulls[i];
    }
    if (mysql_stmt_bind_result(statement, binds)) fail("bind", mysql_stmt_error(statement));
    int rows = 0, result;
    while ((result = mysql_stmt_fetch(statement)) == 0 || result == MYSQL_DATA_TRUNCATED) {
        memcpy(&ids[rows], cells[0], 16);
        memcpy(&dues[rows++], cells[2], 8);
    }
    if (result == 1) fail("fetch", mysql_stmt_error(statement));
    mysql_stmt_free_result(statement);
    return rows;
}

static void claim_tasks(worker *w, long count, int64_t from, int64_t to) {
    MYSQL_STMT *find = prepare(w,
        "SELECT id, state, wake_at, due_at, priority, attempt, failures, owner, finished_at, created_at, expires_at,"
        " timeout, retain, retry, function, controller, payload, document FROM task FORCE INDEX (task_wake)"
        " WHERE lane = 4294967296 + CRC32('benchmark') AND wake_at BETWEEN ? AND ? ORDER BY wake_at, id LIMIT ?");
    MYSQL_STMT *take = prepare_list(w,
        "UPDATE task SET state = 1, owner = 1, wake_at = 9000000000000000, attempt = 1"
        " WHERE state = 0 AND attempt = 0 AND id");
    int64_t limit = batch;
    for (long done = 0; done < count;) {
        MYSQL_BIND binds[MOST] = {0};
        binds[0].buffer_type = binds[1].buffer_type = binds[2].buffer_type = MYSQL_TYPE_LONGLONG;
        binds[0].buffer = &from, binds[1].buffer = &to, binds[2].buffer = &limit;
        execute(find, binds);
        int rows = fetch(find, w->ids + done, w->dues + done);
        if (rows == 0) fail("claim", "tasks are missing");
        bind_ids(binds, w->ids + done, rows);
        execute(take, binds);
        if (mysql_stmt_affected_rows(take) != (my_ulonglong)rows) fail("claim", "somebody else takes tasks");
        commit(w);
        done += rows;
        from = w->dues[done - 1];
    }
    mysql_stmt_close(find);
    mysql_stmt_close(take);
}

static void delete_tasks(worker *w, long count) {
    MYSQL_STMT *statement =
        prepare_list(w, "DELETE FROM task WHERE state = 1 AND owner = 1 AND attempt = 1 AND id");
    for (long done = 0; done < count; done += batch) {
        MYSQL_BIND binds[MOST];
        bind_ids(binds, w->ids + done, count - done < batch ? count - done : batch);
        execute(statement, binds);
        commit(w);
    }
    mysql_stmt_close(statement);
}

// All wait for each other; the first one takes the time.
static void reach(worker *w, int moment) {
    pthread_barrier_wait(&barrier);
    if (w->number == 0) moments[moment] = seconds();
    pthread_barrier_wait(&barrier);
}

static void *run(void *argument) {
    worker *w = argument;
    long count = tasks / connections;
    // Due times of its own, so that nobody claims what another one looks at; in a month, so that no dispatcher does.
    int64_t from = started + INT64_C(2600000000000) + w->number * INT64_C(10000000), to = from + 9999999;
    connect_to_server(w);
    w->ids = calloc(count + MOST, sizeof *w->ids);
    w->dues = calloc(count + MOST, sizeof *w->dues);
    reach(w, 0);
    insert_tasks(w, count, batch, from, to - from);
    reach(w, 1);
    claim_tasks(w, count, from, to);
    reach(w, 2);
    delete_tasks(w, count);
    reach(w, 3);
    mysql_close(w->mysql);
    return NULL;
}

// Without and with proof in turn, so that both meet the same disturbances.
static void *run_proof(void *argument) {
    worker *w = argument, other = {0};
    const long rounds = 10, count = tasks / connections / rounds;
    connect_to_server(w);
    const char *own_host = host;
    int own_port = port;
    pthread_barrier_wait(&barrier);
    if (w->number == 0) host = proof_host, port = proof_port;
    pthread_barrier_wait(&barrier);
    connect_to_server(&other);
    pthread_barrier_wait(&barrier);
    if (w->number == 0) host = own_host, port = own_port;
    if (mysql_query(other.mysql, "SET SESSION wsrep_sync_wait = 1") || mysql_autocommit(other.mysql, 1))
        fail("settings", mysql_error(other.mysql));
    MYSQL_STMT *proof = prepare_list(&other, "SELECT COUNT(*) FROM task FORCE INDEX (PRIMARY) WHERE id");
    for (long round = -1; round < rounds; round++) {
        for (int proves = 0; proves < 2; proves++) {
            w->proof = proves ? proof : NULL;
            reach(w, 0);
            insert_tasks(w, count, batch, started + INT64_C(100000000000000), INT64_C(10000000000));
            reach(w, 1);
            if (w->number == 0 && round >= 0) proofs[proves] += moments[1] - moments[0];
        }
    }
    mysql_stmt_close(proof);
    mysql_close(other.mysql);
    mysql_close(w->mysql);
    return NULL;
}

int main(int count, char **arguments) {
    int fills = count == 8 && strcmp(arguments[5], "fill") == 0;
    int proves = count == 12 && strcmp(arguments[5], "proof") == 0;
    if (count != 9 && !fills && !proves)
        fail("usage", "limit HOST PORT USER DATABASE TASKS BATCH PAYLOAD CONNECTIONS");
    host = arguments[1], port = atoi(arguments[2]), user = arguments[3], database = arguments[4];
    password = getenv("GEARCLOCK_STORE_PASSWORD");
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    started = now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
    mysql_library_init(0, NULL, NULL);
    if (fills) {
        worker w = {.random = started};
        payload = atoi(arguments[7]);
        connect_to_server(&w);
        // Years ahead, spread over months.
        insert_tasks(&w, atol(arguments[6]), MOST, started + INT64_C(100000000000000), INT64_C(10000000000000));
        mysql_close(w.mysql);
        return 0;
    }
    if (proves) proof_host = arguments[6], proof_port = atoi(arguments[7]), arguments += 3;
    tasks = atol(arguments[5]), batch = atoi(arguments[6]), payload = atoi(arguments[7]);
    connections = atoi(arguments[8]);
    if (batch < 1 || batch > MOST || connections < 1 || connections > 64) fail("usage", "batch or connections");
    pthread_barrier_init(&barrier, NULL, connections);
    pthread_t threads[64];
    worker workers[64] = {0};
    for (int i = 0; i < connections; i++) {
        workers[i].number = i, workers[i].random = started + i;
        pthread_create(&threads[i], NULL, proves ? run_proof : run, &workers[i]);
    }
    for (int i = 0; i < connections; i++) pthread_join(threads[i], NULL);
    if (proves) {
        double done = (double)(tasks / connections / 10 * 10 * connections);
        printf("%.1f %.1f\n", done / proofs[0], done / proofs[1]);
        return 0;
    }
    double done = (double)(tasks / connections * connections);
    printf("%.1f %.1f %.1f\n", done / (moments[1] - moments[0]), done / (moments[2] - moments[1]),
        done / (moments[3] - moments[2]));
    return 0;
}
