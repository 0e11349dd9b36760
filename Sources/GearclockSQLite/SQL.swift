/// Every statement that runs while daemons work, alone, with its header:
/// what it is for · parameters · what it returns · which index finds the rows (a test compares with the query plan).
///
/// Times are microseconds since 1970, spans are microseconds, ids are sixteen bytes. States: 0 scheduled, 1 running,
/// 2 completed, 3 discarded, 4 cancelled, 5 expired. They are literals, because a partial index is used only by a
/// statement that repeats its condition.
package enum SQL {
    /// Starts a change and takes the write lock at once: a transaction that starts as a reader can fail later.
    package static let begin = "BEGIN IMMEDIATE"
    /// Starts reading one state of the file with several statements.
    package static let beginReading = "BEGIN"
    package static let commit = "COMMIT"
    package static let rollback = "ROLLBACK"

    /// Stores a task, unless its id is there.
    /// - Parameters: 1 id, 2 priority, 3 due at, 4 created at, 5 expires at or NULL, 6 timeout or NULL, 7 retain,
    ///   8 retry or NULL, 9 function, 10 controller or NULL, 11 payload, 12 document or NULL, 13 lane, 14 bucket;
    ///   15 state, which is the number of its attempts as well: 0 scheduled, or 1 running, then with 16 owner and
    ///   17 lease until, which are NULL otherwise.
    /// - Returns: nothing; no change means that the id is there.
    /// - Index: `task_by_id`, for the conflict.
    package static let insert = """
        INSERT INTO task (id, state, priority, due_at, attempt, failures, owner, lease_until, created_at, expires_at,
            timeout, retain, retry, function, controller, payload, document, lane, bucket)
        VALUES (?1, ?15, ?2, ?3, ?15, 0, ?16, ?17, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
        ON CONFLICT (id) DO NOTHING
        """

    /// The state of one task.
    /// - Parameters: 1 id.
    /// - Returns: state.
    /// - Index: `task_by_id`.
    package static let state = "SELECT state FROM task WHERE id = ?1"

    /// What ``TaskRow`` reads, in its order.
    package static let taskColumns = """
        id, state, priority, due_at, attempt, failures, owner, lease_until, finished_at, remove_at, created_at, \
        expires_at, timeout, retain, retry, function, controller, payload, document
        """

    /// What ``TaskRow`` reads without payload and document, which are not even fetched.
    package static let listColumns = """
        id, state, priority, due_at, attempt, failures, owner, lease_until, finished_at, remove_at, created_at, \
        expires_at, timeout, retain, retry, function, NULL, x'', NULL
        """

    /// Extends a lease, fenced; never shortens it.
    /// - Parameters: 1 id, 2 owner, 3 attempt, 4 lease until.
    /// - Returns: nothing; no change means that the claim is stale.
    /// - Index: `task_by_id`.
    package static let extend = """
        UPDATE task SET lease_until = max(lease_until, ?4)
        WHERE id = ?1 AND owner = ?2 AND attempt = ?3 AND state = 1
        """

    /// Removes a task that succeeded, fenced.
    /// - Parameters: 1 id, 2 owner, 3 attempt.
    /// - Returns: nothing; no change means that the claim is stale.
    /// - Index: `task_by_id`.
    package static let complete = "DELETE FROM task WHERE id = ?1 AND owner = ?2 AND attempt = ?3 AND state = 1"

    /// Schedules a claimed task again, fenced.
    /// - Parameters: 1 id, 2 owner, 3 attempt, 4 due at, 5 failures to add.
    /// - Returns: nothing; no change means that the claim is stale.
    /// - Index: `task_by_id`.
    package static let reschedule = """
        UPDATE task SET state = 0, owner = NULL, lease_until = NULL, due_at = ?4,
            failures = min(failures + ?5, 4294967295)
        WHERE id = ?1 AND owner = ?2 AND attempt = ?3 AND state = 1
        """

    /// Brings a claimed task to a final state, fenced.
    /// - Parameters: 1 id, 2 owner, 3 attempt, 4 state (2, 3 or 5), 5 finished at, 6 remove at, 7 failures to add.
    /// - Returns: nothing; no change means that the claim is stale.
    /// - Index: `task_by_id`.
    package static let finish = """
        UPDATE task SET state = ?4, owner = NULL, lease_until = NULL, finished_at = ?5, remove_at = ?6,
            failures = min(failures + ?7, 4294967295)
        WHERE id = ?1 AND owner = ?2 AND attempt = ?3 AND state = 1
        """

    /// Cancels a task, running or not.
    /// - Parameters: 1 id, 2 finished at, 3 remove at.
    /// - Returns: attempt, due at.
    /// - Index: `task_by_id`.
    package static let cancel = """
        UPDATE task SET state = 4, owner = NULL, lease_until = NULL, finished_at = ?2, remove_at = ?3
        WHERE id = ?1 AND state IN (0, 1)
        RETURNING attempt, due_at
        """

    /// Removes a task that is not final.
    /// - Parameters: 1 id.
    /// - Returns: nothing; no change means that it was not there or is final.
    /// - Index: `task_by_id`.
    package static let eject = "DELETE FROM task WHERE id = ?1 AND state IN (0, 1)"

    /// Takes back running tasks whose lease ended, longest ago first.
    /// - Parameters: 1 ended before, 2 limit.
    /// - Returns: id, attempt, and the end of the lease, in any order of rows.
    /// - Index: `task_running` selects, the rowid changes. The lease is read again by ``expiredLeases`` before, because
    ///   RETURNING gives the new values.
    package static let rescue = """
        UPDATE task SET state = 0, owner = NULL, lease_until = NULL
        WHERE seq IN (SELECT seq FROM task WHERE state = 1 AND lease_until < ?1 ORDER BY lease_until, id LIMIT ?2)
        """

    /// The tasks that ``rescue`` takes back with the same parameters in the same transaction.
    /// - Parameters: 1 ended before, 2 limit.
    /// - Returns: id, attempt, lease until.
    /// - Index: `task_running`.
    package static let expiredLeases = """
        SELECT id, attempt, lease_until FROM task WHERE state = 1 AND lease_until < ?1 ORDER BY lease_until, id LIMIT ?2
        """

    /// Removes final tasks whose time to be kept has passed.
    /// - Parameters: 1 now, 2 limit.
    /// - Returns: id.
    /// - Index: `task_final` selects, the rowid removes.
    package static let prune = """
        DELETE FROM task WHERE seq IN (
            SELECT seq FROM task WHERE state BETWEEN 2 AND 5 AND remove_at <= ?1 ORDER BY remove_at, id LIMIT ?2)
        RETURNING id
        """
}
