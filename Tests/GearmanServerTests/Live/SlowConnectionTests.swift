import Gearman
import GearmanServer
import Testing

/// Connections that take a byte at a time, in either direction, beside a client and a worker that are busy. A byte goes
/// each time when one of their jobs has ended, so that a job that has to wait for the slow ones waits for ever.
@Suite(.timeLimit(.minutes(1)))
struct SlowConnectionTests {
    /// What is written, and the end of its answer.
    private struct SlowWriter {
        let connection: BlockingConnection
        let bytes: [UInt8]
        let answerEnd: [UInt8]

        init(_ bytes: [UInt8], _ answerEnd: String, port: Int) throws {
            self.connection = try BlockingConnection(port: port)
            self.bytes = bytes
            self.answerEnd = Array(answerEnd.utf8)
        }
    }

    private func perform(_ count: Int, with client: GearmanClient, after each: (Int) async throws -> Void) async throws
    {
        for number in 0..<count {
            let workload = Array("\(number)".utf8)
            let result = try await client.perform(GearmanJobRequest(function: "busy", workload: workload))
            #expect(result == workload)
            try await each(number)
        }
    }

    @Test func `who writes a byte at a time costs nobody else anything, and is answered in the end`() async throws {
        try await withServer { address in
            let writers = try (0..<10).flatMap { number in
                let submission = try request(.submitJobBackground, ["slow", "\(number)"], data: "x")
                let requests: [([UInt8], String)] = [
                    (submission + (try request(.echoRequest, data: "\(number) is taken")), "is taken"),
                    (Array("version\r\n".utf8), "gearclock\n"),
                    // It is not woken before the whole packets are there, and then it takes nothing.
                    (try request(.canDo, ["busy"]) + request(.preSleep), ""),
                ]
                return try requests.map { try SlowWriter($0, $1, port: address.port) }
            }
            let client = GearmanClient(servers: [address], logger: silentLogger)
            let worker = GearmanWorker(servers: [address], logger: silentLogger)
            await worker.register("busy") { job in job.workload }
            try await with(worker) {
                let most = writers.map(\.bytes.count).max() ?? 0
                try await self.perform(most, with: client) { number in
                    for writer in writers {
                        await writer.connection.send(Array(writer.bytes.dropFirst(number).prefix(1)))
                    }
                }
            }
            for writer in writers where !writer.answerEnd.isEmpty {
                let answer = try await writer.connection.receive(until: writer.answerEnd)
                #expect(answer.suffix(writer.answerEnd.count) == writer.answerEnd[...])
            }
            #expect(try await writers[0].connection.ask("status", end: ".\n").contains("slow\t10\t0\t0\n"))
            await client.close()
        }
    }

    @Test func `who reads a byte at a time costs nobody else anything, and misses nothing`() async throws {
        try await withServer { address in
            let reader = try BlockingConnection(port: address.port)
            // More than sockets hold.
            let results = 24
            let size = 1 << 20
            for _ in 0..<results { await reader.send(try request(.submitJob, ["large", ""])) }
            let client = GearmanClient(servers: [address], logger: silentLogger)
            let worker = GearmanWorker(servers: [address], logger: silentLogger)
            await worker.register("large") { _ in [UInt8](repeating: 0x78, count: size) }
            await worker.register("busy") { job in job.workload }
            try await with(worker) {
                var decoder = GearmanPacketDecoder()
                try await self.perform(300, with: client) { _ in decoder.append(try await reader.receive(upTo: 1)) }
                var completed = 0
                while completed < results {
                    decoder.append(try await reader.receive(upTo: 65_536))
                    while let packet = try decoder.next() {
                        guard packet.type == .workComplete else { continue }
                        #expect(packet.data.count == size)
                        completed += 1
                    }
                }
            }
            await client.close()
        }
    }
}
