internal import GearclockCore

/// A process with one to three of the daemons, and what their services keep in memory.
final class Node {
    enum Status {
        case up, draining, dead
    }

    let roles: Roles
    let workerEndpoint: Int
    let clientEndpoint: Int
    var clock: SimulatedClock
    var status = Status.dead
    /// Counts its starts, so that what was meant for an earlier life is ignored.
    var incarnation = 0
    var frozenUntil: Int64 = 0
    /// What happened to it while it was frozen.
    var missed: [Event] = []

    // What dies with the process
    var intake: SubmissionStateMachine?
    var dispatcher: DispatcherStateMachine?
    var controller: ControllerStateMachine?
    /// When each machine's timer fires, and when the next event for it is in the queue.
    var timers = [Int64](repeating: .max, count: 3)
    var plannedTimers = [Int64](repeating: .max, count: 3)
    var stopped = Set<Machine>()

    // The worker daemon's service
    var nextSubmission: SubmissionStateMachine.SubmissionID = 0
    var submissions: [SubmissionStateMachine.SubmissionID: Submission] = [:]
    /// The inserts that are under way.
    var inserting: [IntakeStateMachine.Place: (tasks: [TaskDefinition], express: ExpressClaim?)] = [:]

    // The dispatcher's service
    /// When it asked for the time of the database's nodes, and how long the latest answer took.
    var clocksAskedAt = MonotonicInstant(microseconds: 0)
    var clockPlay = Duration.zero
    var handOvers: [DispatcherStateMachine.HandOverID: ConnectionID] = [:]

    // The controller's service
    /// For which lanes it takes hand-overs.
    var served: [Lane] = []
    /// Jobs that it submitted, and how many of them it measured.
    var submittedJobs: UInt64 = 0
    var measuredJobs: UInt64 = 0
    /// Since when it hears from the store in time.
    var hearsBeats = Regularity()
    var hearsSettings = Regularity()
    var runs: [ControllerStateMachine.RunID: RunningJob] = [:]
    var questions: [ControllerStateMachine.RunID: Question] = [:]
    /// Where the job of a unique was found by the latest question.
    var found: [ControllerStateMachine.RunID: (unique: [UInt8], server: Int)] = [:]
    /// What was accepted last of each task, by its number in the ledger.
    var claims: [Int: ClaimedTask] = [:]

    struct Submission {
        var connection: ConnectionID
        var handle: Handle
        /// The tasks' numbers in the ledger.
        var tasks: [Int]
    }

    struct RunningJob {
        var connection: ConnectionID
        var handle: Handle?
        /// The task's number in the ledger.
        let task: Int
        let function: FunctionName
        let startedAt: Int64
        /// It was not joined where an earlier claim had submitted it, and is no custom controller's.
        let isNew: Bool
    }

    struct Question {
        var function: Function
        var unique: [UInt8]
        var waitingFor: [ConnectionID]
        var best: ControllerStateMachine.JobStatus?
        var bestServer: Int?
    }

    init(roles: Roles, clock: SimulatedClock, workerEndpoint: Int, clientEndpoint: Int) {
        self.roles = roles
        self.clock = clock
        self.workerEndpoint = workerEndpoint
        self.clientEndpoint = clientEndpoint
    }

    var isRunning: Bool { self.status != .dead }

    /// Dies: only what the machine keeps outlives it.
    func successor() -> Node {
        let node = Node(
            roles: self.roles, clock: self.clock, workerEndpoint: self.workerEndpoint,
            clientEndpoint: self.clientEndpoint)
        node.incarnation = self.incarnation
        return node
    }
}
