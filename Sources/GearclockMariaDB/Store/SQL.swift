/// Every statement that runs while daemons work, alone, with its header: what it is for · parameters · what it
/// returns · which index finds the rows (a test compares with the query plan).
///
/// Times are microseconds since 1970, spans are microseconds, ids are sixteen bytes, states are numbers
/// (``MariaDBSchema``), lanes are those of the index. Rows that are changed are named by their ids, in a list whose
/// length is a power of two: ``IDList``.
package enum SQL {
    /// What ``TaskRow`` reads, in its order.
    package static let taskColumns = columns()

    /// The same without payload and document, which are not even fetched.
    package static let listColumns = columns(controller: "NULL", payload: "''", document: "NULL")

    private static func columns(
        controller: String = "controller", payload: String = "payload", document: String = "document"
    ) -> String {
        """
        id, state, wake_at, due_at, priority, attempt, failures, owner, finished_at, created_at, expires_at, timeout, \
        retain, retry, function, \(controller), \(payload), \(document)
        """
    }

    /// Stores tasks, as a bulk. Error 1062: at least one id is there, or was given twice.
    /// - Parameters: 1 id, 2 wake at, 3 due at, 4 priority, 5 created at, 6 expires at or NULL, 7 timeout or NULL,
    ///   8 retain, 9 retry or NULL, 10 function, 11 controller or NULL, 12 payload, 13 document or NULL.
    /// - Returns: nothing.
    /// - Index: none.
    package static let insert = """
        INSERT INTO task (id, wake_at, due_at, priority, created_at, expires_at, timeout, retain, retry, function,
            controller, payload, document, state, attempt, failures)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0)
        """

    /// The same for tasks that are claimed by whoever stores them.
    /// - Parameters: 1 to 13 as ``insert``, 14 owner.
    /// - Returns: nothing.
    /// - Index: none.
    package static let insertClaimed = """
        INSERT INTO task (id, wake_at, due_at, priority, created_at, expires_at, timeout, retain, retry, function,
            controller, payload, document, owner, state, attempt, failures)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, 1, 0)
        """

    /// As ``insert``, for tasks that say nothing but what is to be done, and when. Each column that is not sent saves
    /// the server half a microsecond, of eight that a row takes.
    /// - Parameters: 1 id, 2 wake at, 3 due at, 4 created at, 5 function, 6 payload.
    /// - Returns: nothing.
    /// - Index: none.
    package static let insertPlain = """
        INSERT INTO task (id, wake_at, due_at, created_at, function, payload, priority, retain, state, attempt,
            failures)
        VALUES (?, ?, ?, ?, ?, ?, 1, 0, 0, 0, 0)
        """

    /// The same for tasks that are claimed by whoever stores them.
    /// - Parameters: 1 to 6 as ``insertPlain``, 7 owner.
    /// - Returns: nothing.
    /// - Index: none.
    package static let insertPlainClaimed = """
        INSERT INTO task (id, wake_at, due_at, created_at, function, payload, owner, priority, retain, state, attempt,
            failures)
        VALUES (?, ?, ?, ?, ?, ?, ?, 1, 0, 1, 1, 0)
        """

    /// What stands of tasks: for a look after an unknown outcome and for the proof of copies.
    /// - Parameters: ids.
    /// - Returns: id, state, owner, attempt, failures, due at, wake at; in any order.
    /// - Index: `PRIMARY`.
    package static func standing(_ ids: IDList) -> String {
        "SELECT id, state, owner, attempt, failures, due_at, wake_at FROM task WHERE id IN (\(ids.placeholders))"
    }

    /// What ``TaskRow`` reads to see whether a row keeps the rules: no payload, and of the document whether there is
    /// one.
    package static let ruleColumns = columns(payload: "''", document: "IF(document IS NULL, NULL, '')")

    /// Looks at tasks and locks them until the transaction ends.
    /// - Parameters: ids.
    /// - Returns: the columns of ``ruleColumns``, in any order.
    /// - Index: `PRIMARY`.
    package static func lock(_ ids: IDList) -> String {
        "SELECT \(self.ruleColumns) FROM task WHERE id IN (\(ids.placeholders)) FOR UPDATE"
    }

    /// The same, without those that others hold at this moment.
    /// - Parameters: ids.
    /// - Returns: as ``lock(_:)``.
    /// - Index: `PRIMARY`.
    package static func lockFree(_ ids: IDList) -> String { self.lock(ids) + " SKIP LOCKED" }

    /// Finds the scheduled tasks that are due first in each of some lanes; reads the index only.
    /// - Parameters: for each lane 1 lane, 2 not due before, 3 due by, 4 the mask of the buckets, 5 limit.
    /// - Returns: id, due at, lane; of each lane in the order of due time and id.
    /// - Index: `task_wake`.
    package static func due(lanes: Int) -> String {
        Array(repeating: "(\(self.dueInLane))", count: lanes).joined(separator: " UNION ALL ")
    }

    /// The same for one lane, locked, without those that others hold at this moment.
    /// - Parameters: as ``due(lanes:)``.
    /// - Returns: as ``due(lanes:)``.
    /// - Index: `task_wake`.
    package static let dueLocked = dueInLane + " FOR UPDATE SKIP LOCKED"

    private static let dueInLane = dueInLane(reading: "id, wake_at, lane")

    private static func dueInLane(reading columns: String) -> String {
        """
        SELECT \(columns) FROM task FORCE INDEX (task_wake)
        WHERE lane = ? AND wake_at BETWEEN ? AND ? AND (? >> (CRC32(id) & 63)) & 1
        ORDER BY wake_at, id LIMIT ?
        """
    }

    /// The same as ``due(lanes:)``, with all that a claim hands out: the rows cost a sixth of what a second statement
    /// costs that finds them by their ids.
    /// - Parameters: as ``due(lanes:)``.
    /// - Returns: the columns of ``weighedColumns``, lane; of each lane in the order of due time and id.
    /// - Index: `task_wake`.
    package static func dueTasks(lanes: Int) -> String {
        Array(repeating: "(\(self.dueTasksInLane))", count: lanes).joined(separator: " UNION ALL ")
    }

    private static let dueTasksInLane = dueInLane(reading: weighedColumns + ", lane")

    /// Claims tasks that are scheduled and due, and still as they were when they were read: the creation time tells a
    /// task from one that was stored under the same id after it. As many affected rows as ids: all of them were, and
    /// are ours now. Error 4025: one of them breaks a rule that this does not ask for.
    /// - Parameters: 1 lease until, 2 owner, 3 due by, 4 attempt, then pairs of id and created at.
    /// - Returns: nothing.
    /// - Index: `PRIMARY`.
    package static func claim(_ ids: IDList) -> String {
        """
        UPDATE task SET state = 1, wake_at = ?, owner = ?, attempt = LEAST(attempt + 1, 4294967295)
        WHERE state = 0 AND due_at <= ? AND attempt = ? AND wake_at = due_at AND owner IS NULL
            AND finished_at IS NULL AND (id, created_at) IN (\(ids.pairPlaceholders))
        """
    }

    /// Whole tasks.
    /// - Parameters: ids.
    /// - Returns: the columns of ``taskColumns``, in any order.
    /// - Index: `PRIMARY`.
    package static func tasks(_ ids: IDList) -> String {
        "SELECT \(self.taskColumns) FROM task WHERE id IN (\(ids.placeholders))"
    }

    /// Locks tasks and looks at them as far as a claim needs it.
    /// - Parameters: ids.
    /// - Returns: the columns of ``weighedColumns``, in any order.
    /// - Index: `PRIMARY`.
    package static func weighed(_ ids: IDList) -> String {
        "SELECT \(self.weighedColumns) FROM task WHERE id IN (\(ids.placeholders)) FOR UPDATE"
    }

    /// What ``TaskRow`` reads, then how many bytes payload and document have; where these are more than ``largeBytes``
    /// they are left out.
    private static let weighedColumns = {
        let bytes = "length(payload) + ifnull(length(document), 0)"
        let read = columns(
            payload: "IF(\(bytes) > \(largeBytes), '', payload)",
            document: "IF(\(bytes) > \(largeBytes), IF(document IS NULL, NULL, ''), document)")
        return "\(read), \(bytes)"
    }()

    /// So much of each task is read before it is known how many of them a claim takes.
    package static let largeBytes = 16_384

    /// Removes tasks that succeeded, fenced by the claims that one owner took with one attempt number.
    /// - Parameters: 1 owner, 2 attempt, then ids.
    /// - Returns: nothing; affected are those whose claims hold.
    /// - Index: `PRIMARY`.
    package static func complete(_ ids: IDList) -> String {
        "DELETE FROM task WHERE state = 1 AND owner = ? AND attempt = ? AND id IN (\(ids.placeholders))"
    }

    /// Extends leases, fenced; never shortens them.
    /// - Parameters: 1 lease until, 2 owner, 3 attempt, then ids.
    /// - Returns: nothing; affected are those whose claims hold.
    /// - Index: `PRIMARY`.
    package static func extend(_ ids: IDList) -> String {
        """
        UPDATE task SET wake_at = GREATEST(wake_at, ?)
        WHERE state = 1 AND owner = ? AND attempt = ? AND id IN (\(ids.placeholders))
        """
    }

    /// Schedules claimed tasks again, fenced, as a bulk.
    /// - Parameters: 1 and 2 due at, 3 failures to add, 4 id, 5 owner, 6 attempt.
    /// - Returns: nothing; affected are those whose claims hold.
    /// - Index: `PRIMARY`.
    package static let reschedule = """
        UPDATE task SET state = 0, owner = NULL, due_at = ?, wake_at = ?, failures = LEAST(failures + ?, 4294967295)
        WHERE id = ? AND owner = ? AND attempt = ? AND state = 1
        """

    /// Brings claimed tasks to a final state, fenced, as a bulk.
    /// - Parameters: 1 state (2, 3 or 5), 2 finished at, 3 remove at, 4 failures to add, 5 id, 6 owner, 7 attempt.
    /// - Returns: nothing; affected are those whose claims hold.
    /// - Index: `PRIMARY`.
    package static let finish = """
        UPDATE task SET state = ?, owner = NULL, finished_at = ?, wake_at = ?,
            failures = LEAST(failures + ?, 4294967295)
        WHERE id = ? AND owner = ? AND attempt = ? AND state = 1
        """

    /// Cancels tasks, running or not.
    /// - Parameters: 1 finished at, 2 remove at, then ids.
    /// - Returns: nothing.
    /// - Index: `PRIMARY`.
    package static func cancel(_ ids: IDList) -> String {
        """
        UPDATE task SET state = 4, owner = NULL, finished_at = ?, wake_at = ?
        WHERE state IN (0, 1) AND id IN (\(ids.placeholders))
        """
    }

    /// Finds running tasks whose lease ended, longest ago first; reads the index only.
    /// - Parameters: 1 not before, 2 ended before, 3 limit.
    /// - Returns: id, lease until.
    /// - Index: `task_wake`.
    package static let expiredLeases = """
        SELECT id, wake_at FROM task FORCE INDEX (task_wake)
        WHERE lane = 1 AND wake_at >= ? AND wake_at < ? ORDER BY wake_at, id LIMIT ?
        """

    /// Finds rows with a state that there is not: only a program that does not know the rules can have written them.
    /// - Parameters: 1 limit.
    /// - Returns: id.
    /// - Index: `task_wake`.
    package static let unknownStates =
        "SELECT id FROM task FORCE INDEX (task_wake) WHERE lane BETWEEN 6 AND 255 LIMIT ?"

    /// Discards rows that break a rule or cannot be read, and puts something neutral where a rule is broken.
    /// - Parameters: 1 finished at, 2 remove at, then ids.
    /// - Returns: nothing.
    /// - Index: `PRIMARY`.
    package static func setAside(_ ids: IDList) -> String {
        """
        UPDATE task SET state = 3, owner = NULL, finished_at = ?, wake_at = ?,
            priority = IF(priority <= 2, priority, 1),
            function = IF(length(function) >= 1 AND locate(x'00', function) = 0, function, '?'),
            controller = IF(
                length(controller) >= 1 AND locate(x'00', controller) = 0 AND document IS NOT NULL, controller, NULL)
        WHERE id IN (\(ids.placeholders))
        """
    }

    /// Takes back running tasks that are locked: due as before.
    /// - Parameters: ids.
    /// - Returns: nothing.
    /// - Index: `PRIMARY`.
    package static func rescue(_ ids: IDList) -> String {
        """
        UPDATE task SET state = 0, owner = NULL, wake_at = due_at
        WHERE state = 1 AND id IN (\(ids.placeholders))
        """
    }

    /// Finds final tasks whose time to be kept has passed; each state is a range of the index.
    /// - Parameters: for each of the four final states now and limit, then limit.
    /// - Returns: id, remove at.
    /// - Index: `task_wake`.
    package static let old =
        (2...5).map { state in
            """
            (SELECT id, wake_at FROM task FORCE INDEX (task_wake)
            WHERE lane = \(state) AND wake_at <= ? ORDER BY wake_at, id LIMIT ?)
            """
        }.joined(separator: " UNION ALL ") + " ORDER BY wake_at, id LIMIT ?"

    /// Removes final tasks.
    /// - Parameters: ids.
    /// - Returns: nothing.
    /// - Index: `PRIMARY`.
    package static func prune(_ ids: IDList) -> String {
        "DELETE FROM task WHERE state >= 2 AND id IN (\(ids.placeholders))"
    }

    /// Removes tasks that are not final.
    /// - Parameters: ids.
    /// - Returns: nothing.
    /// - Index: `PRIMARY`.
    package static func eject(_ ids: IDList) -> String {
        "DELETE FROM task WHERE state IN (0, 1) AND id IN (\(ids.placeholders))"
    }
}
