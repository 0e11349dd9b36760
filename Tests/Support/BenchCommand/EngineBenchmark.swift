import Foundation
import GearclockCore
import Gearman
import Logging

/// Drives a running `gearclock up` through a real job server and measures it from outside, as its users see it.
struct EngineBenchmark {
    let server: GearmanServerAddress
    let logger: Logger

    /// How late tasks start that are due at random moments of a span.
    ///
    /// The clock stops when the target's worker has the job in its hands.
    ///
    /// - Parameter lead: all of them must be stored in this time, before the first one is due.
    func lateness(tasks: Int, over span: Duration, lead: Duration, seed: UInt64) async throws -> [Duration] {
        let function = "bench_lateness_\(seed)"
        let (arrivals, arrived) = AsyncStream<Duration>.makeStream()
        let worker = GearmanWorker(
            servers: [self.server], configuration: Self.workerConfiguration(concurrency: 64), logger: self.logger)
        await worker.register(function) { job in
            let due = job.workload.withUnsafeBytes { $0.loadUnaligned(as: Int64.self) }
            arrived.yield(.microseconds(Self.now() - due))
            return []
        }
        let client = GearmanClient(servers: [self.server], logger: self.logger)
        var random = SeededGenerator(seed: seed)
        let start = Self.now() + lead.microseconds
        let submissions = (0..<tasks).map { _ in
            let due = start + Int64.random(in: 0..<span.microseconds, using: &random)
            let payload = withUnsafeBytes(of: due) { Data($0) }.base64EncodedString()
            let at = Timestamp(microseconds: due).iso8601
            return #"{"func_name":"\#(function)","at":"\#(at)","payload_base64":"\#(payload)"}"#
        }
        return try await withThrowingTaskGroup(of: [Duration].self) { group in
            group.addTask {
                try await worker.run()
                return []
            }
            group.addTask {
                try await Self.submitAll(submissions, by: client)
                if Self.now() > start { throw Failure(description: "They were not stored in \(lead); give more lead") }
                return []
            }
            group.addTask {
                var latenesses: [Duration] = []
                for await lateness in arrivals {
                    latenesses.append(lateness)
                    if latenesses.count == tasks { break }
                }
                return latenesses
            }
            var result: [Duration] = []
            while result.isEmpty, let next = try await group.next() { result = next }
            group.cancelAll()
            await client.close()
            return result.sorted()
        }
    }

    /// Tasks per second from the first submission to the removal of the last one, with a target that does nothing.
    ///
    /// - Parameter bulk: tasks of one submission.
    func throughput(tasks: Int, bulk: Int) async throws -> Double {
        let function = "bench_throughput"
        let target = NoOpTarget(function, server: self.server, logger: self.logger)
        let client = GearmanClient(servers: [self.server], logger: self.logger)
        let task = #"{"func_name":"\#(function)","payload":"x"}"#
        let submissions = stride(from: 0, to: tasks, by: bulk).map { first in
            bulk == 1 ? task : "[\(Array(repeating: task, count: min(bulk, tasks - first)).joined(separator: ","))]"
        }
        await target.start()
        _ = try await Self.pending(by: client)  // connected before the time is taken
        let start = Self.now()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await Self.submitAll(
                    submissions, to: bulk == 1 ? "submitJobDelayed" : "gearclock_submit", by: client)
            }
            var count = 0
            for await arrived in target.arrivals {
                count += arrived
                if count >= tasks { break }
            }
            try await group.waitForAll()
        }
        // Removed, not only run: until the store holds no task any more.
        while try await Self.pending(by: client) > 0 { try await Task.sleep(for: .milliseconds(5)) }
        let end = Self.now()
        await target.close()
        await client.close()
        return Double(tasks) * 1_000_000 / Double(end - start)
    }

    /// Tasks per second that get their receipts, for tasks that wait a day.
    func submissions(tasks: Int, payloadBytes: Int) async throws -> Double {
        let client = GearmanClient(servers: [self.server], logger: self.logger)
        let payload = String(repeating: "x", count: payloadBytes)
        let task = #"{"func_name":"bench_submissions","payload":"\#(payload)","after":86400}"#
        try await Self.submitAll([task], by: client)  // connected before the time is taken
        let elapsed = try await ContinuousClock().measure {
            try await Self.submitAll(Array(repeating: task, count: tasks), by: client)
        }
        await client.close()
        return Double(tasks) / elapsed.inSeconds
    }

    /// Submits with a thousand submissions in flight, as a busy service does.
    static func submitAll(
        _ submissions: [String], to function: String = "submitJobDelayed", by client: GearmanClient
    ) async throws {
        try await PipelinedSubmissions(submissions, to: function, by: client).run()
    }

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private static func pending(by client: GearmanClient) async throws -> Int {
        let answer = try await client.perform(GearmanJobRequest(function: "gearclock_stats", workload: "{}"))
        let stats = try JSONDecoder().decode(Stats.self, from: Data(answer))
        return stats.stores.reduce(0) { $0 + $1.scheduled + $1.running }
    }

    private struct Stats: Decodable {
        struct Counts: Decodable {
            let scheduled: Int
            let running: Int
        }

        let stores: [Counts]
    }

    static func workerConfiguration(concurrency: Int) -> GearmanWorkerConfiguration {
        var configuration = GearmanWorkerConfiguration()
        configuration.concurrency = concurrency
        return configuration
    }

    static func now() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
    }
}
