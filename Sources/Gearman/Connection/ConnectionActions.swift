/// How a machine wants its connection to be closed.
package enum ConnectionClose: Equatable, Sendable {
    /// Everything is done: close when all bytes are written.
    case afterFlush
    /// Close at once, because of this.
    case immediately(GearmanError)
}

/// What a client's caller does next, in the order of the properties.
package struct ClientActions: Equatable, Sendable {
    /// Write these bytes, all that became ready together. Empty: nothing to write.
    package var write: [UInt8] = []
    /// Hand these to the owners of the jobs, in this order.
    package var updates: [GearmanJobUpdate] = []
    /// Hand these to those who asked, in this order.
    package var answers: [ClientAnswer] = []
    /// How long the last of the requests that were answered has waited. Nil: none was answered.
    package var responseTime: Duration?
    /// The server answered for the first time: it is alive, and jobs may be sent to it.
    package var becameReady = false
    /// Report `timerFired(now:)` at this moment, in place of a later one asked for before. Nil: leave the timer alone.
    package var wakeAt: GearmanInstant?
    /// Close the connection and report it by `connectionClosed(unsentBytes:error:)`.
    package var close: ConnectionClose?

    package init() {}
}

/// What came of a question to a server.
package struct ClientAnswer: Equatable, Sendable {
    package enum Result: Equatable, Sendable {
        case status(GearmanJobStatus)
        case echo([UInt8])
        case failed(GearmanError)
    }

    /// ``ClientQuestion/id``.
    package var id: UInt64
    package var result: Result

    package init(id: UInt64, result: Result) {
        self.id = id
        self.result = result
    }
}

/// A question of a client to a server.
package struct ClientQuestion: Equatable, Sendable {
    package enum Subject: Equatable, Sendable {
        /// The status of a job that this connection submitted, by its number. (GET_STATUS)
        case job(UInt64)
        /// The status of a job by its handle. (GET_STATUS)
        case handle(HandleBytes)
        /// The status of a job by its unique ID. (GET_STATUS_UNIQUE)
        case unique([UInt8])
        /// The same bytes again. (ECHO_REQ)
        case echo([UInt8])
    }

    /// The caller's number for the question.
    package var id: UInt64
    package var subject: Subject

    package init(id: UInt64, subject: Subject) {
        self.id = id
        self.subject = subject
    }
}

/// What a worker's caller does next, in the order of the properties.
package struct WorkerActions: Equatable, Sendable {
    /// Write these bytes, all that became ready together. Empty: nothing to write.
    package var write: [UInt8] = []
    /// Have these run, and report each result by `replied(_:now:)`.
    package var jobs: [WorkerJob] = []
    /// ERROR packets from the server, for the log: mostly JOB_NOT_FOUND, for a result that came too late.
    package var serverErrors: [GearmanError] = []
    /// How many replies were dropped because this connection has no such job (any more), for the log.
    package var droppedReplies = 0
    /// Replies that break a limit, for the log. If it was the last word on a job, WORK_FAIL was sent in its place.
    package var unsendableReplies: [GearmanError] = []
    /// The server sent its first packet: it is alive.
    package var becameReady = false
    /// Report `timerFired(now:)` at this moment, in place of a later one asked for before. Nil: leave the timer alone.
    package var wakeAt: GearmanInstant?
    /// Close the connection and report it by `connectionClosed()`.
    package var close: ConnectionClose?

    package init() {}
}

/// A job that a server gave to this connection.
package struct WorkerJob: Equatable, Sendable {
    /// Numbered from 1 for each connection; a server may give out one handle twice.
    package var number: UInt64
    package var handle: HandleBytes
    package var function: [UInt8]
    /// Empty if the client gave none.
    package var unique: [UInt8]
    package var reducer: [UInt8]
    package var workload: [UInt8]

    package init(
        number: UInt64, handle: HandleBytes, function: [UInt8], unique: [UInt8], reducer: [UInt8] = [],
        workload: [UInt8]
    ) {
        self.number = number
        self.handle = handle
        self.function = function
        self.unique = unique
        self.reducer = reducer
        self.workload = workload
    }
}

/// Names a job within its worker: a handle does not, for a server may give out one job twice.
public struct GearmanAssignedJobID: Hashable, Sendable {
    /// The place of the server among the worker's.
    let server: Int
    /// Counts the connections to that server.
    let connection: UInt64
    /// Counts the jobs of that connection.
    let number: UInt64

    package init(server: Int, connection: UInt64, number: UInt64) {
        self.server = server
        self.connection = connection
        self.number = number
    }
}

/// What a worker has to say about a job in hand: something on the way, or its end.
package struct GearmanJobReply: Equatable, Sendable {
    package enum Result: Equatable, Sendable {
        case data([UInt8])
        case warning([UInt8])
        case status(numerator: UInt64, denominator: UInt64)
        /// Final.
        case complete([UInt8])
        /// Final.
        case fail
        /// Final: gearmand ends the job at an exception.
        case exception([UInt8])
    }

    package var job: GearmanAssignedJobID
    package var result: Result

    package init(job: GearmanAssignedJobID, result: Result) {
        self.job = job
        self.result = result
    }
}
