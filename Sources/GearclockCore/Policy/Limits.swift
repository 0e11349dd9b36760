/// Every limit of the core, with its unit and its reason. Where an operator may want another value, a policy has it.
package enum Limits {
    /// The longest function name. The C client library refuses longer ones.
    package static let functionNameBytes = 512

    /// The largest payload. It travels through job servers and databases that hold a packet in memory several times.
    package static let payloadBytes = 16 << 20

    /// The largest submission, an array of tasks included: payloads in base64 and in JSON escapes are larger.
    package static let submissionBytes = 64 << 20

    /// Tasks of one bulk submission: they are one transaction and one answer.
    package static let tasksPerSubmission = 10_000

    /// How deep JSON may nest: the parser recurses, and nobody nests deeper on purpose.
    package static let jsonDepth = 128

    /// Values in one JSON text, at any depth: parsed, each takes 16 bytes or more, however short it is in the text.
    package static let jsonValues = 1_000_000

    /// What is kept of a task for a custom controller: its JSON, in which a payload in base64 is a third longer.
    package static let documentBytes = 24 << 20

    /// Attempts that a retry policy can ask for: more would not be a limit that anybody means.
    package static let attempts: UInt32 = 1_000_000

    /// Ids in one `get` or `cancel`: they are one transaction and one answer, payloads included.
    package static let idsPerRequest = 1000

    /// Functions in one `pause` or `resume`: they are one transaction and one answer.
    package static let functionsPerRequest = 1000

    /// What is kept of a function's failure message.
    package static let attemptMessageBytes = 1024

    /// Entries of a task's history; older ones are dropped.
    package static let historyEntries = 50

    /// Entries of a listed backoff.
    package static let backoffEntries = 100

    /// The longest span in a policy: a timeout, a backoff, a retention. Ten years.
    package static let longestSpan: Duration = .seconds(315_360_000)

    /// Tasks in one insert: beyond some hundreds a larger transaction gains little and delays the answers of its first.
    package static let insertBatch = 512

    /// Bytes of payload in one insert, unless a single submission is larger.
    package static let insertBatchBytes = 8 << 20

    /// Tasks in one claim.
    package static let claimBatch = 512

    /// Tasks in one hand-over: one packet that a controller answers at once.
    package static let handOverBatch = 256

    /// Bytes of tasks in one hand-over, unless a single task is larger.
    package static let handOverBatchBytes = 4 << 20

    /// Claims or settlements in one transaction.
    package static let settleBatch = 512

    /// How long a daemon that says nothing stays in the membership table: longer than any clock is wrong by.
    package static let memberMemory: Duration = .seconds(600)

    /// Lanes of one claim: each is a scan of its own.
    package static let claimLanes = 64

    /// Tasks of one `list` answer.
    package static let listPage = 1000

    /// The kept jobs of a job server that are read at once.
    package static let jobPage = 4_096
    /// Their workloads together; a larger one is read alone.
    package static let jobPageBytes: Int64 = 16 << 20
}
