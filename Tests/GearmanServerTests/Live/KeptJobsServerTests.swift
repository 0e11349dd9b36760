import Gearman
import GearmanServer
import Logging
import MetricsTestKit
import Testing

/// Servers behind real sockets that keep their jobs in a journal, one after the other.
@Suite(.timeLimit(.minutes(1)))
struct KeptJobsServerTests {
    private func withServer<Value: Sendable>(
        _ journal: InMemoryJournal, patience: Duration = .seconds(10),
        _ body: (GearmanJobServer, GearmanClient) async throws -> Value
    ) async throws -> Value {
        var configuration = GearmanJobServerConfiguration()
        configuration.journalPatience = patience
        let server = GearmanJobServer(
            configuration: configuration, journal: journal, eventLoop: GearmanEventLoop(label: "test.server"),
            logger: silentLogger)
        let address = try await server.start(port: 0)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await server.keepJobs() }
            let client = GearmanClient(servers: [address], logger: silentLogger)
            let value = try await body(server, client)
            await client.close()
            await server.stop()
            try await group.waitForAll()
            return value
        }
    }

    @Test func `what one server acknowledged, the next one has`() async throws {
        let journal = InMemoryJournal()
        let handles = try await self.withServer(journal) { _, client in
            try await withThrowingTaskGroup(of: GearmanJobHandle.self) { group in
                for number in 0..<500 {
                    group.addTask {
                        try await client.submitBackground(GearmanJobRequest(function: "f", workload: "\(number)"))
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
        }
        #expect(handles.count == 500)
        #expect(await journal.jobs.count == 500)
        let changes = await journal.changes
        #expect(changes < 500)
        try await self.withServer(journal) { _, client in
            let known = try await client.submitBackground(GearmanJobRequest(function: "f", workload: "new"))
            #expect(await journal.jobs.count == 501)
            #expect(!handles.map { "\($0)" }.contains("\(known)"))
        }
    }

    @Test func `what an earlier server kept is counted as soon as the next one has it`() async throws {
        let journal = InMemoryJournal()
        try await self.withServer(journal) { _, client in
            for number in 0..<3 {
                _ = try await client.submitBackground(GearmanJobRequest(function: "f", workload: "\(number)"))
            }
        }
        let metrics = TestMetrics()
        let server = GearmanJobServer(journal: journal, metrics: metrics, logger: silentLogger)
        try await server.start(port: 0)
        #expect(try metrics.expectGauge("gearman_server_jobs_held").lastValue == 3)
        #expect(try metrics.expectGauge("gearman_server_jobs_held_bytes").lastValue ?? 0 >= 3)
        await server.stop()
    }

    @Test func `while the journal is away a background job is refused, and a foreground job is not`() async throws {
        let journal = InMemoryJournal()
        try await self.withServer(journal, patience: .seconds(3)) { _, client in
            await journal.setAway(true)
            await #expect(throws: GearmanError.self) {
                try await client.submitBackground(GearmanJobRequest(function: "f"))
            }
            #expect(try await client.echo([1]) == [1])
            await journal.setAway(false)
            _ = try await client.submitBackground(GearmanJobRequest(function: "f"))
            #expect(await journal.jobs.count >= 1)
        }
    }

    @Test func `a server whose jobs another one has taken says so and stops`() async throws {
        let journal = InMemoryJournal()
        await journal.setTaken()
        let ended = await #expect(throws: GearmanError.self) {
            try await self.withServer(journal) { server, client in
                _ = try? await client.submitBackground(GearmanJobRequest(function: "f"))
                await server.waitUntilStopped()
            }
        }
        #expect(ended?.code == .closed)
    }
}

/// Keeps jobs for as long as the test lasts.
private actor InMemoryJournal: GearmanJobJournal {
    private(set) var jobs: [UInt64: GearmanKeptJob] = [:]
    private(set) var changes = 0
    private var lastNumber: UInt64 = 0
    private var isAway = false
    private var isTaken = false

    func setAway(_ isAway: Bool) { self.isAway = isAway }
    func setTaken() { self.isTaken = true }

    func open() async throws(GearmanJournalError) -> UInt64 { self.lastNumber }

    func jobs(after number: UInt64) async throws(GearmanJournalError) -> [GearmanKeptJob] {
        self.jobs.values.filter { $0.number > number }.sorted { $0.number < $1.number }.prefix(100).map { $0 }
    }

    func write(_ change: GearmanJournalChange) async throws(GearmanJournalError) -> Set<UInt64> {
        if self.isTaken { throw .superseded("taken") }
        if self.isAway { throw .unavailable("away") }
        self.changes += 1
        for number in change.forgotten { self.jobs[number] = nil }
        for job in change.kept { self.jobs[job.number] = job }
        self.lastNumber = change.lastNumber
        return []
    }
}
