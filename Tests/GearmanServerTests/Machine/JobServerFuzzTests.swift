import Gearman
import GearmanServer
import Testing

/// Random requests and random bytes: the machine checks itself after each event, and its lists agree in the end.
@Suite struct JobServerFuzzTests {
    private static let names = ["a", "b", "c", "d"]

    @Test func `after random requests all numbers agree`() throws {
        try self.play(seeds: 0..<60) { server, name, random in
            server.send(name, RandomRequest.bytes(using: &random))
        } end: { server, seed in
            self.checkNumbers(&server, seed)
            for name in Self.names { server.close(name) }
            self.checkNumbers(&server, seed)
        }
    }

    @Test func `random bytes never trap`() throws {
        try self.play(seeds: 1_000..<1_060) { server, name, random in
            var bytes = RandomRequest.bytes(using: &random)
            switch Int.random(in: 0..<10, using: &random) {
            case 0: bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            case 1: bytes = random.bytes(upTo: 40)
            default: break
            }
            let cut = Int.random(in: 0...bytes.count, using: &random)
            server.send(name, Array(bytes[..<cut]))
            server.send(name, Array(bytes[cut...]))
        } end: { server, _ in
            server.shutDown(isGraceful: false)
            #expect(server.isFinished)
        }
    }

    private func play(
        seeds: Range<Int>, step: (inout InMemoryJobServer, String, inout SeededRandom) -> Void,
        end: (inout InMemoryJobServer, Int) -> Void
    ) throws {
        for seed in seeds {
            var random = SeededRandom(seed: UInt64(seed))
            let keepsJobs = Bool.random(using: &random)
            var server = InMemoryJobServer(keepsJobs: keepsJobs) {
                $0.limits.queuedBytes = 20_000
                $0.limits.functions = 5
                $0.isRoundRobin = Bool.random(using: &random)
                $0.jobRetries = UInt8.random(in: 0...2, using: &random)
                $0.workerWakeup = Int.random(in: 0...2, using: &random)
            }
            for _ in 0..<400 {
                let name = random.element(of: Self.names)
                if !server.isConnected(name) { server.open(name) }
                switch Int.random(in: 0..<50, using: &random) {
                case 0: server.pass(.milliseconds(Int.random(in: 0...1_500, using: &random)))
                case 1: server.fellBehind(name, unsentBytes: 1)
                case 2: server.close(name)
                case 3 where server.change != nil: server.failed()
                case 4...8 where server.change != nil: server.written()
                default: step(&server, name, &random)
                }
                server.caughtUp(random.element(of: Self.names))
                _ = server.take(name)
            }
            end(&server, seed)
        }
    }

    private func checkNumbers(_ server: inout InMemoryJobServer, _ seed: Int) {
        server.open("auditor")
        let jobs = server.ask("auditor", "show jobs").split(separator: "\n").dropLast().count
        let rows = server.ask("auditor", "status").split(separator: "\n").dropLast().map { $0.split(separator: "\t") }
        let queued = server.ask("auditor", "prioritystatus").split(separator: "\n").dropLast()
            .map { $0.split(separator: "\t").suffix(4).dropLast().compactMap { Int($0) }.reduce(0, +) }
        let totals = rows.map { $0.suffix(3).compactMap { Int($0) } }
        #expect(totals.reduce(0) { $0 + $1[0] } == jobs, "seed \(seed)")
        #expect(zip(totals, queued).allSatisfy { $0[0] - $0[1] == $1 }, "seed \(seed)")
        server.close("auditor")
    }
}
