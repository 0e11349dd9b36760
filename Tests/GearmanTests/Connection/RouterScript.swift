import Gearman

/// Drives a client's router by bytes, as ``ClientScript`` does its connections.
///
/// Whatever happens, each job is sent once, refused once, or waits; none goes to a server that is away, and none waits
/// when it is known of every server whether it answers; what waits keeps its limits.
struct RouterScript {
    private static let waitingJobs = 5
    private let servers = (1...3).map { GearmanServerAddress(host: "localhost", port: $0) }
    private var router: JobRouter
    private var nextID: UInt64 = 1
    private var waiting: [UInt64: Int] = [:]

    private init() {
        self.router = JobRouter(servers: self.servers, limits: GearmanLimits(pendingRequests: Self.waitingJobs))
    }

    static func run(_ bytes: some Sequence<UInt8>) throws {
        var script = RouterScript()
        var bytes = bytes.makeIterator()
        while let byte = bytes.next() {
            try script.step(byte, bytes.next() ?? 0)
        }
        let closed = script.router.closed(GearmanError(.closed, "closed"))
        guard Set(closed.map(\.id)) == Set(script.waiting.keys), closed.count == script.waiting.count else {
            throw ClientScript.Violation(description: "closing ends other jobs than wait")
        }
    }

    private mutating func step(_ byte: UInt8, _ argument: UInt8) throws {
        let late = Set((0..<3).filter { argument & 1 << $0 != 0 })
        switch byte % 4 {
        case 0:
            let conditions: [GearmanServerHealth.Condition] = [.unknown, .healthy, .away]
            let condition = conditions[Int(byte / 4 % 3)]
            try self.check(self.router.serverChanged(Int(byte / 16 % 3), to: condition, late: late))
        case 1:
            let id = UInt64(argument)
            self.waiting[id] = nil
            self.router.jobsAbandoned([id])
        case _:
            let count = Int(byte / 4 % 4)
            let room = Int(byte / 16)
            let jobs = (0..<UInt64(count)).map { self.job(self.nextID + $0, argument) }
            self.nextID += UInt64(count)
            for job in jobs { self.waiting[job.id] = job.request.workload.count }
            try self.check(self.router.jobsSubmitted(jobs, room: room, late: late))
        }
        guard self.waiting.count <= Self.waitingJobs, self.waiting.isEmpty || !self.router.isDecided else {
            throw ClientScript.Violation(description: "\(self.waiting.count) jobs wait")
        }
        guard self.router.waitingBytes == self.waiting.values.reduce(0, +) else {
            throw ClientScript.Violation(description: "the bytes that wait are miscounted")
        }
    }

    private func job(_ id: UInt64, _ argument: UInt8) -> GearmanPipelinedJob {
        GearmanPipelinedJob(
            id: id,
            request: GearmanJobRequest(
                function: [0x66], unique: argument & 8 == 0 ? [] : [argument / 32],
                workload: Array(repeating: 1, count: Int(argument % 5))),
            server: argument & 16 == 0 ? nil : self.servers[Int(argument % 3)])
    }

    private mutating func check(_ actions: JobRouter.Actions) throws {
        for (index, batch) in actions.batches.enumerated() {
            guard batch.isEmpty || self.router.conditions[index] == .healthy else {
                throw ClientScript.Violation(description: "a job goes to a server that does not answer")
            }
            for job in batch {
                guard self.waiting.removeValue(forKey: job.id) != nil else {
                    throw ClientScript.Violation(description: "\(job.id) is sent twice")
                }
                let home = self.router.order(of: job.request.unique).first { self.router.conditions[$0] != .away }
                guard job.request.unique.isEmpty || job.server != nil || home == index else {
                    throw ClientScript.Violation(description: "\(job.id) is not at home")
                }
            }
        }
        for update in actions.refused where self.waiting.removeValue(forKey: update.id) == nil {
            throw ClientScript.Violation(description: "\(update.id) is refused twice")
        }
    }
}
