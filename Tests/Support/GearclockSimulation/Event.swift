internal import GearclockCore

/// The number of a connection; each is used once.
typealias ConnectionID = Int
typealias Handle = UInt64

/// Everything that can happen in a simulation.
enum Event {
    // The network
    case connect(endpoint: Int, incarnation: Int, server: Int)
    case toServer(ConnectionID, ServerMessage)
    case toEndpoint(ConnectionID, EndpointMessage)
    case wireToServer(Int, [UInt8])
    case wireToEndpoint(Int, [UInt8])
    case wireTimer(Int)
    case wireEnds(Int)
    case serverNotices(ConnectionID)
    case endpointNotices(ConnectionID)

    // The store
    indirect case storeReached(StoreCall, fate: StoreFate)
    indirect case storeReplied(StoreCaller, Result<StoreReply, TaskStoreError>)

    // Processes
    case timer(node: Int, incarnation: Int, Machine)
    case local(node: Int, incarnation: Int, LocalReport)
    case drainDeadline(node: Int, incarnation: Int)
    case thaw(Int)
    case startNode(Int)
    case startServer(Int)
    case startTarget(Int)
    case jobDone(target: Int, incarnation: Int, ConnectionID, Handle, Verdict, ledger: Int)
    case customControllerActs(ledger: Int)

    // Clients
    case clientSubmits(Int)
    case clientCancels(ledger: Int)
    case operatorSets([FunctionSettings])

    // The simulation itself
    case strike(Int)
    case housekeeping
    case heal
}

enum Machine: Int {
    case intake, dispatcher, controller
}

/// What a process learns without a network: the answer of a function call, or that there was nobody to ask.
enum LocalReport {
    case handOver(DispatcherStateMachine.HandOverID, Result<[HandOverAnswer], DispatcherStateMachine.HandOverFailure>)
    case refused(ControllerStateMachine.RunID)
    case status(ControllerStateMachine.RunID)
    case checked(ControllerStateMachine.RunID)
    /// What the job servers say about their queues and workers.
    case servers
}

// MARK: - What job servers and their clients and workers say

/// The functions of a simulated job server.
enum Function: Hashable {
    case submit
    case handOver
    /// To controllers that have a part of the limit in this lane.
    case handOverIn(Lane)
    case target(Int)
    case custom
}

enum Workload {
    case submission(Int)
    case handOver([ClaimedTask])
    /// The task's number in the ledger.
    case task(Int)
}

/// Which of its requests an endpoint means.
enum Token: Hashable {
    case run(ControllerStateMachine.RunID)
    case handOver(DispatcherStateMachine.HandOverID)
    case submission(Int, try: Int)
}

enum ServerMessage {
    case submit(SubmittedJob, Token)
    case grab(Function.Kind, Int)
    case cannotDo(Function.Kind)
    case result(Handle, JobResult)
    case statusOfUnique(Function, [UInt8], run: ControllerStateMachine.RunID)
    case statusOfHandle(Handle, run: ControllerStateMachine.RunID)
}

struct SubmittedJob {
    var function: Function
    var unique: [UInt8]
    var priority: TaskPriority
    var isBackground: Bool
    var workload: Workload
}

enum EndpointMessage {
    case created(Token, Handle)
    case ended(Token, JobResult)
    case assigned(Handle, Function, Workload)
    case statusOfUnique(run: ControllerStateMachine.RunID, ControllerStateMachine.JobStatus)
    case statusOfHandle(run: ControllerStateMachine.RunID, ControllerStateMachine.JobPlace)
}

enum JobResult {
    case completed
    case stored([Int], [Result<Receipt, TaskError>])
    case handedOver([HandOverAnswer])
    case failed
    case exception
}

extension Function {
    /// Functions that are served by the same jobs slots of a worker.
    enum Kind: Int {
        case submit, handOver, target
    }

    var kind: Kind {
        switch self {
        case .submit: .submit
        case .handOver, .handOverIn: .handOver
        case .target, .custom: .target
        }
    }
}

/// What a target worker makes of a job.
enum Verdict: Int, CaseIterable {
    case success, failure, exception, hang, death
}
