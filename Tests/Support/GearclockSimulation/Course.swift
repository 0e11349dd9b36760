internal import GearclockCore

/// Which parts of a seed's world a run has: all of them, or fewer, to find out which ones a failure needs.
package struct Course: Equatable, Sendable {
    /// The faults that may strike; `nil`: all that the seed draws.
    package var only: Set<FaultName>?
    /// The numbers of the requests that clients make; `nil`: all that the seed draws.
    package var requests: Set<Int>?
    /// What is as simple as it can be, whatever the seed draws.
    package var plain: Set<Plainness> = []

    package init() {}

    /// The arguments of `Scripts/simulate` that repeat this course.
    package var arguments: [String] {
        var arguments: [String] = []
        if let only = self.only {
            arguments += ["--only", only.isEmpty ? "none" : only.sorted().map(\.description).joined(separator: ",")]
        }
        if let requests = self.requests {
            arguments += ["--requests", requests.sorted().map(String.init).joined(separator: ",")]
        }
        if !self.plain.isEmpty {
            arguments += ["--plain", self.plain.map(\.rawValue).sorted().joined(separator: ",")]
        }
        return arguments
    }
}

/// A part of a world that can be as simple as it gets.
package enum Plainness: String, CaseIterable, Sendable {
    /// One process for each role, or one with all three.
    case processes
    /// One job server.
    case servers
    /// Endpoints and job servers exchange values, not bytes.
    case wires
    /// What is written to a stream leaves at once.
    case jams
    /// No operator changes the settings of functions.
    case operators
    /// Clients submit and cancel, and ask nothing.
    case questions
    /// One worker of the users' functions.
    case targets
    /// One function.
    case functions
    /// One client.
    case clients
    /// All clocks are right.
    case clocks
    /// A network that takes a fraction of a millisecond.
    case network
    /// A store that takes a millisecond or two.
    case store
    /// Jobs of some milliseconds.
    case jobs
    /// Room for as many tasks as by default.
    case room
    /// Leases and intervals as by default.
    case policies
}

extension Swarm {
    mutating func simplify(_ part: Plainness) {
        switch part {
        case .processes:
            // Whoever is lost in a calm world has another one beside it.
            if self.isCalm { return }
            var seen: [Roles] = []
            for roles in self.nodes where !seen.contains(roles) { seen.append(roles) }
            self.nodes = seen
        case .servers: self.servers = 1
        case .wires: self.isWired = false
        case .jams: self.services.jams = 0
        case .operators: self.operations = []
        case .questions: self.services.questions = 0
        case .targets: self.targets = 1
        case .functions: self.functions = 1
        case .clients: self.clients = 1
        case .clocks: (self.clockLimit, self.driftPerMillion) = (0, 0)
        case .network: self.network = Self.calmNetwork
        case .store: self.store = Self.calmStore
        case .jobs: self.jobs = Self.calmJobs
        case .room:
            let (dispatcher, controller) = (DispatcherPolicy(), ControllerPolicy())
            self.dispatcher.heldTasks = dispatcher.heldTasks
            self.dispatcher.heldBytes = dispatcher.heldBytes
            self.dispatcher.handOversAtOnce = dispatcher.handOversAtOnce
            self.dispatcher.handOverCrowd = dispatcher.handOverCrowd
            self.dispatcher.laneTasks = dispatcher.laneTasks
            self.dispatcher.flowingTasks = dispatcher.flowingTasks
            self.dispatcher.flowingRefusals = dispatcher.flowingRefusals
            self.intake = IntakePolicy()
            self.controller.inHandTasks = controller.inHandTasks
            self.controller.inHandPerFunction = controller.inHandPerFunction
            self.controller.inHandBytes = controller.inHandBytes
        case .policies:
            let dispatcher = DispatcherPolicy()
            self.dispatcher.lease = dispatcher.lease
            self.controller.lease = dispatcher.lease
            self.dispatcher.pollInterval = dispatcher.pollInterval
            self.dispatcher.rescueInterval = dispatcher.rescueInterval
            self.dispatcher.lookAhead = dispatcher.lookAhead
        }
    }
}
