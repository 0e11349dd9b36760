import Gearman
import Testing

/// Which job goes to which server.
@Suite struct JobRouterTests {
    private static let servers = ["a.example:4730", "b.example:4730", "c.example:4731", "[::1]:4730"]
        .compactMap { GearmanServerAddress($0) }

    private func router(_ conditions: GearmanServerHealth.Condition..., limits: GearmanLimits = GearmanLimits())
        -> JobRouter
    {
        var router = JobRouter(servers: Array(Self.servers.prefix(conditions.count)), limits: limits)
        for (index, condition) in conditions.enumerated() where condition != .unknown {
            _ = router.serverChanged(index, to: condition, late: [])
        }
        return router
    }

    /// The numbers of the jobs that go to each server.
    private func submit(
        _ jobs: [GearmanPipelinedJob], to router: inout JobRouter, room: Int = .max, late: Set<Int> = []
    ) -> [[UInt64]] {
        router.jobsSubmitted(jobs, room: room, late: late).batches.map { $0.map(\.id) }
    }

    // Computed by another program, in another language: other versions and other processes rely on it.
    @Test(arguments: [
        (bytes("u"), [3, 2, 0, 1]), (bytes("order-17"), [1, 0, 3, 2]), ([], [2, 0, 1, 3]), ([0xff], [1, 0, 3, 2]),
        (Array(repeating: 0x78, count: 63), [2, 0, 1, 3]),
    ])
    func `the order of the servers for a unique never changes`(unique: [UInt8], order: [Int]) {
        #expect(ServerChoice(servers: Self.servers).order(of: unique) == order)
    }

    @Test func `a unique is at home in the same place whatever the order of the servers`() {
        let reversed = ServerChoice(servers: Self.servers.reversed())
        for number in 0..<1_000 {
            let unique = bytes("unique \(number)")
            let order = ServerChoice(servers: Self.servers).order(of: unique)
            #expect(reversed.order(of: unique) == order.map { 3 - $0 })
        }
    }

    @Test func `when a server goes, only its uniques move, to all others`() {
        let choice = ServerChoice(servers: Self.servers)
        var counts = [0, 0, 0, 0]
        for number in 0..<4_000 {
            let order = choice.order(of: bytes("unique \(number)"))
            if order[0] == 2 { counts[order[1]] += 1 }
        }
        #expect(counts[2] == 0 && [0, 1, 3].allSatisfy { counts[$0] > 250 })
    }

    @Test func `background jobs without a unique go to any server that answers, in turn`() {
        var router = self.router(.healthy, .away, .healthy)
        let jobs = (1...4).map { GearmanPipelinedJob($0, isBackground: true) }
        #expect(self.submit(jobs, to: &router) == [[2, 4], [], [1, 3]])
    }

    @Test func `a slow server keeps its uniques and gets no other jobs`() {
        var router = self.router(.healthy, .healthy, .healthy, .healthy)
        let jobs = [GearmanPipelinedJob(1, unique: "u")] + (2...7).map { GearmanPipelinedJob($0) }
        let batches = self.submit(jobs, to: &router, late: [3])
        #expect(batches[3] == [1])
        #expect(batches[..<3].map(\.count) == [2, 2, 2])
    }

    @Test func `where all servers are slow, all take part`() {
        var router = self.router(.healthy, .healthy)
        let batches = self.submit((1...4).map { GearmanPipelinedJob($0) }, to: &router, late: [0, 1])
        #expect(batches.map(\.count) == [2, 2])
    }

    @Test func `a unique waits for its home to be tried, and goes to the next if that is away`() {
        var router = self.router(.healthy, .healthy, .healthy, .unknown)
        #expect(self.submit([.init(1, unique: "u"), .init(2)], to: &router).flatMap { $0 } == [2])
        let actions = router.serverChanged(3, to: .away, late: [])
        #expect(actions.batches.map { $0.map(\.id) } == [[], [], [1], []])
        #expect(router.isDecided)
    }

    @Test func `without any server jobs are refused`() {
        var router = self.router(.away, .away)
        let error = GearmanError(.notConnected, "No job server can be reached")
        #expect(
            router.jobsSubmitted([.init(1)], room: .max, late: []).refused == [.init(id: 1, event: .refused(error))])
    }

    @Test func `no more jobs wait than may, by number and by bytes`() {
        let error = GearmanError(.tooManyRequests, "Too many jobs wait for a job server")
        var few = self.router(.unknown, .unknown, limits: GearmanLimits(pendingRequests: 2))
        let refused = few.jobsSubmitted([.init(1), .init(2), .init(3)], room: .max, late: []).refused
        #expect(refused == [.init(id: 3, event: .refused(error))])
        var small = self.router(.unknown, .unknown)
        // Each workload has two bytes, and the one that passes the limit is taken.
        let beyond = small.jobsSubmitted([.init(1), .init(2), .init(3)], room: 3, late: []).refused
        #expect(beyond == [.init(id: 3, event: .refused(error))])
        #expect(small.waitingBytes == 4)
        small.jobsAbandoned([1])
        #expect(small.waitingBytes == 2)
        #expect(small.closed(error) == [.init(id: 2, event: .refused(error))])
        #expect(small.waitingBytes == 0)
    }
}
