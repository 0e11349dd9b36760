import Foundation
import GearclockMariaDB
import MariaDBServer
import Testing

@Suite struct ConnectionCuttingTests {
    private static let sleep = "SELECT SLEEP(60)"

    @Test func `a connection is made when it is needed, and made again when the server ended it`() async throws {
        let configuration = try await MariaDBServer.shared().makeDatabase()
        let connection = NodeConnection(to: configuration.nodes[0], configuration: configuration)
        let first = try await connection.number()
        #expect(try await connection.number() == first)

        let killer = NodeConnection(to: configuration.nodes[0], configuration: configuration)
        try await killer.perform { (connection) throws(MariaDBFailure) in try connection.execute("KILL \(first)") }
        // The server closes the socket a little after it answered.
        try await killer.perform { (connection) throws(MariaDBFailure) in try connection.waitForEnd(of: first) }
        #expect(try await connection.number() != first)
        await connection.close()
        await killer.close()
    }

    @Test func `a cut ends the statement that is waited for, and the next call connects again`() async throws {
        let configuration = try await MariaDBServer.shared().makeDatabase()
        let connection = NodeConnection(to: configuration.nodes[0], configuration: configuration)
        let cutter = connection.cutter
        try await withThrowingTaskGroup(of: Void.self) { group in
            let (running, continuation) = AsyncStream.makeStream(of: Int64.self)
            group.addTask {
                await #expect {
                    try await connection.perform { (connection) throws(MariaDBFailure) in
                        continuation.yield(try connection.number())
                        try connection.execute(Self.sleep)
                    }
                } throws: { error in
                    let failure = error as? MariaDBFailure
                    return failure?.meaning == .connectionLost && failure?.outcomeIsUnknown == false
                }
            }
            try await Self.waitUntilAsleep(running, configuration)
            cutter.cut()
            try await group.waitForAll()
        }
        #expect(try await connection.number() > 0)
        await connection.close()
    }

    @Test func `cancelling the caller cuts its statement`() async throws {
        let configuration = try await MariaDBServer.shared().makeDatabase()
        let connection = NodeConnection(to: configuration.nodes[0], configuration: configuration)
        await withTaskGroup(of: Void.self) { group in
            let (running, continuation) = AsyncStream.makeStream(of: Int64.self)
            group.addTask {
                await #expect(throws: MariaDBFailure.self) {
                    try await connection.perform { (connection) throws(MariaDBFailure) in
                        continuation.yield(try connection.number())
                        try connection.execute(Self.sleep)
                    }
                }
            }
            await #expect(throws: Never.self) { try await Self.waitUntilAsleep(running, configuration) }
            group.cancelAll()
        }
        await connection.close()
    }

    @Test(arguments: MariaDBConnection.Boundary.allCases)
    func `a cut before the commit stores nothing, and a commit that was sent has an unknown outcome`(
        _ cutAt: MariaDBConnection.Boundary
    ) async throws {
        let configuration = try await MariaDBServer.shared().makeDatabase()
        let connection = NodeConnection(to: configuration.nodes[0], configuration: configuration)
        let cutter = connection.cutter
        try await connection.perform { (connection) throws(MariaDBFailure) in
            try connection.execute("CREATE TABLE sample (id INT PRIMARY KEY)")
        }
        do {
            try await connection.perform { (connection) throws(MariaDBFailure) in
                try connection.transaction(boundary: { if $0 == cutAt { cutter.cut() } }) {
                    (connection) throws(MariaDBFailure) in
                    try connection.execute("INSERT INTO sample VALUES (1)")
                }
            }
            // The answer to a commit may be here before the cut.
            #expect(cutAt == .commitSent)
        } catch {
            #expect(error.outcomeIsUnknown == (cutAt == .commitSent))
        }
        await connection.close()
    }

    @Test func `a node that accepts connections and never answers is given up after the connect timeout`() async throws
    {
        let listener = try SilentListener()
        var configuration = MariaDBConfiguration(nodes: [.init(host: "127.0.0.1", port: listener.port)], user: "root")
        configuration.connectTimeout = .seconds(1)
        let connection = NodeConnection(to: configuration.nodes[0], configuration: configuration)
        let clock = ContinuousClock()
        let start = clock.now
        await #expect {
            try await connection.perform { _ in }
        } throws: { error in
            let failure = error as? MariaDBFailure
            return failure?.step == .connect && failure?.outcomeIsUnknown == false
        }
        // Not the statement timeout, which is 15 s.
        #expect(clock.now - start < .seconds(8))
    }

    @Test func `a node where nobody listens is unavailable at once`() async throws {
        let port = try SilentListener().port
        let configuration = MariaDBConfiguration(nodes: [.init(host: "127.0.0.1", port: port)], user: "root")
        let connection = NodeConnection(to: configuration.nodes[0], configuration: configuration)
        await #expect {
            try await connection.perform { _ in }
        } throws: { ($0 as? MariaDBFailure)?.meaning == .nodeUnavailable }
    }

    @Test func `a wrong password is denied, and not in the error`() async throws {
        var configuration = try await MariaDBServer.shared().makeDatabase()
        configuration.password = .init("swordfish")
        let connection = NodeConnection(to: configuration.nodes[0], configuration: configuration)
        await #expect {
            try await connection.perform { _ in }
        } throws: { error in
            (error as? MariaDBFailure)?.meaning == .denied && !"\(error)".contains("swordfish")
        }
    }

    @Test func `a connection that does not pass the check is not used`() async throws {
        let configuration = try await MariaDBServer.shared().makeDatabase()
        let refusal = MariaDBFailure(code: 1146, message: "No schema", step: .connect)
        let connection = NodeConnection(to: configuration.nodes[0], configuration: configuration) {
            (connection) throws(MariaDBFailure) in
            _ = try connection.textRows("SELECT 1")
            throw refusal
        }
        await #expect(throws: refusal) { try await connection.perform { _ in } }
    }

    /// Returns when the connection whose number comes is in its `SLEEP`.
    private static func waitUntilAsleep(
        _ running: AsyncStream<Int64>, _ configuration: MariaDBConfiguration
    ) async throws {
        for await number in running {
            let observer = NodeConnection(to: configuration.nodes[0], configuration: configuration)
            try await observer.perform { (observer) throws(MariaDBFailure) in
                var isAsleep = false
                while !isAsleep {
                    isAsleep = try observer.textRows("SHOW PROCESSLIST").contains { row in
                        row[0] == "\(number)" && row[7] == Self.sleep
                    }
                }
            }
            return await observer.close()
        }
    }
}

extension NodeConnection {
    fileprivate nonisolated func number() async throws -> Int64 {
        try await self.perform { (connection) throws(MariaDBFailure) in try connection.number() }
    }
}

extension MariaDBConnection {
    /// The number that the server knows the connection by.
    fileprivate func number() throws(MariaDBFailure) -> Int64 {
        try self.statement("SELECT CONNECTION_ID()").firstRow { $0.integer(0) } ?? 0
    }

    fileprivate func waitForEnd(of number: Int64) throws(MariaDBFailure) {
        while try self.textRows("SHOW PROCESSLIST").contains(where: { $0[0] == "\(number)" }) {}
    }
}

/// A port of loopback where connections are accepted, by the kernel, and nothing ever answers.
private final class SilentListener: Sendable {
    let port: UInt16
    private let descriptor: CInt

    init() throws {
        self.descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let (descriptor, isListening) = (
            self.descriptor,
            withUnsafeMutablePointer(to: &address) { [descriptor] in
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
                        && listen(descriptor, 8) == 0
                }
            }
        )
        self.port = UInt16(bigEndian: address.sin_port)
        guard isListening else {
            close(descriptor)
            throw POSIXError(.EIO)
        }
    }

    deinit {
        close(self.descriptor)
    }
}
