import GearmanServer
import Testing

/// The machine against what gearmand 1.1.20 really answered, byte for byte.
@Suite struct RecordedSessionReplayTests {
    /// What the machine does otherwise on purpose.
    private enum Difference {
        /// It sends this in place of what gearmand sent.
        case sends([UInt8])
        /// It answers where gearmand does not.
        case answers([UInt8])
    }

    private static let handle = [UInt8](repeating: UInt8(ascii: "H"), count: 64)

    private static let differences: [String: Difference] = [
        // gearmand's own library does not understand a handle with a NUL behind it.
        "exception-without-option": .sends([0, 0x52, 0x45, 0x53, 0, 0, 0, 0x0e, 0, 0, 0, 7] + Array("H:lab:1".utf8)),
        // A client that pipelines its questions would wait for ever.
        "get-status-long-handle": .answers(
            [0, 0x52, 0x45, 0x53, 0, 0, 0, 0x14, 0, 0, 0, 72] + handle + [0, 0x30, 0, 0x30, 0, 0x30, 0, 0x30]),
    ]

    @Test func `every recorded session has the recorded answers`() throws {
        let sessions = try SessionScript.all()
        #expect(sessions.count >= 50)
        for session in sessions { try self.play(session) }
    }

    private func play(_ session: SessionScript) throws {
        var server = InMemoryJobServer { configuration in
            configuration.isRoundRobin = session.options.contains("--round-robin")
            for option in session.options {
                let parts = option.split(separator: "=")
                if parts[0] == "--job-retries" { configuration.jobRetries = UInt8(parts[1]) ?? 0 }
                if parts[0] == "--worker-wakeup" { configuration.workerWakeup = Int(parts[1]) ?? 0 }
            }
        }
        var difference = Self.differences[session.name]
        var rest: [String: [UInt8]] = [:]
        for step in session.steps {
            let place: Comment = "\(session.name): \(step)"
            switch step {
            case .open(let name): server.open(name)
            case .close(let name): server.close(name)
            case .send(let name, let bytes): server.send(name, bytes)
            case .sleep(let seconds): server.pass(.seconds(seconds))
            case .expect(let name, let bytes):
                var expected = bytes
                if case .sends(let ours) = difference, bytes.starts(with: ours.prefix(8)) {
                    expected = ours
                    difference = nil
                }
                rest[name, default: []] += server.take(name)
                while rest[name, default: []].count < expected.count, server.fireTimer() {
                    rest[name, default: []] += server.take(name)
                }
                let answer = Array(rest[name, default: []].prefix(expected.count))
                #expect(self.comparable(answer) == self.comparable(expected), place)
                rest[name]?.removeFirst(answer.count)
            case .quiet(let name, let seconds):
                server.pass(.seconds(seconds))
                var heard = rest[name, default: []] + server.take(name)
                if case .answers(let ours) = difference, heard == ours {
                    heard = []
                    difference = nil
                }
                #expect(heard.isEmpty, place)
            case .closedByServer(let name): #expect(server.closedByServer.contains(name) || server.isFinished, place)
            case .signal(let name): server.shutDown(isGraceful: name == "SIGUSR1")
            case .exited: #expect(server.isFinished, place)
            }
        }
        #expect(difference == nil, "\(session.name): the difference did not show")
        for (name, bytes) in rest { #expect(bytes + server.take(name) == [], "\(session.name) \(name)") }
    }

    /// The order of the lines in a list is a hash's.
    private func comparable(_ bytes: [UInt8]) -> [ArraySlice<UInt8>] {
        guard bytes.first != 0 else { return [bytes[...]] }
        return bytes.split(separator: 0x0a).sorted { $0.lexicographicallyPrecedes($1) }
    }
}
