import Gearman
import Testing

/// One of the two servers that a differential test compares, with the names that it gave to jobs.
actor ComparedServer {
    /// The server answers, but what it should come to does not happen.
    struct Impatience: Error, CustomStringConvertible {
        let description: String
    }

    /// How often a server is asked before it has taken too long, at a twentieth of a millisecond or more each time.
    private static let patience = 200_000

    let port: Int
    let prefix: String
    private let auditor: BlockingConnection
    private var connections: [Int: BlockingConnection] = [:]
    var handles: [String] = []
    /// Those whose time never comes.
    private var scheduled: Set<String> = []
    /// What each server says in words of its own.
    private(set) var ownWords: [String: String] = [:]
    private var echoes = 0

    /// - Parameter prefix: what names of functions and the like start with in this session; others are not compared.
    init(port: Int, prefix: String) async throws {
        self.port = port
        self.prefix = prefix
        self.auditor = try BlockingConnection(port: port)
        for question in ["version", "verbose", "getpid"] {
            let answer = try await self.auditor.ask(question, end: "\n").filter { !$0.isNewline }
            self.ownWords[answer] = "OK (what it answers to \(question))"
        }
    }

    /// Does a step, and returns what each connection was sent, with handles by their order.
    func perform(_ step: DifferentialStep) async throws -> [String] {
        switch step {
        case .send(let connection, let requests, let cut): try await self.send(connection, requests, cut: cut)
        case .schedule(let connection, let requests):
            let count = self.handles.count
            try await self.send(connection, requests)
            let answers = try await self.answers(to: connection)
            self.scheduled.formUnion(self.handles[count...])
            return answers
        case .forget(let connection, let requests):
            let count = self.handles.count
            try await self.send(connection, requests)
            let answers = try await self.answers(to: connection)
            self.handles.removeSubrange(count...)
            return answers
        case .close(let connection):
            guard self.connections.removeValue(forKey: connection) != nil else { return [] }
            try await self.awaitConnections()
        case .drop(let connection, let function):
            let status = try await self.status(of: function)
            let isKeptByJobs = status.map { $0.total > 0 && $0.running == 0 && $0.workers == 0 } ?? false
            try await self.send(connection, [.line(isKeptByJobs ? "status" : "drop function \(function)")])
        case .awaitIdle(_, let function):
            _ = try await self.poll(for: "an end of what \(function) does") {
                try await self.status(of: function)?.running == 0 ? [] : nil
            }
        case .awaitJob(let connection):
            let job = try await self.poll(for: "a job") {
                try await self.send(connection, [.packet(.grabJob, [], data: "")])
                let answers = try await self.collect([connection])
                return answers == ["\(connection): NO_JOB"] ? nil : answers
            }
            return job + (try await self.answers(to: connection))
        }
        return try await self.answers(to: step.connection)
    }

    private func send(_ number: Int, _ requests: [DifferentialRequest], cut: Double? = nil) async throws {
        let connection = try self.connections[number] ?? BlockingConnection(port: self.port)
        self.connections[number] = connection
        let bytes = try requests.flatMap { try $0.bytes(handles: self.handles, scheduled: self.scheduled) }
        guard let cut else { return await connection.send(bytes) }
        let position = Int(cut * Double(bytes.count))
        await connection.send(Array(bytes[..<position]))
        // So the server most likely reads one part before the other one is there.
        _ = try await self.auditor.ask("version", end: "\n")
        await connection.send(Array(bytes[position...]))
    }

    /// What this session's connections were sent: first the one that asked, so that the server has come to the end of
    /// what it asked for.
    private func answers(to connection: Int) async throws -> [String] {
        let others = self.connections.keys.sorted().filter { $0 != connection }
        let first = try await self.collect(self.connections[connection] == nil ? [] : [connection])
        return first + (try await self.collect(others.filter { self.connections[$0] != nil }))
    }

    private func collect(_ numbers: [Int]) async throws -> [String] {
        self.echoes += 1
        let marker = "echo \(self.echoes)"
        for number in numbers { await self.connections[number]?.send(try request(.echoRequest, data: marker)) }
        var answers: [String] = []
        for number in numbers {
            guard let connection = self.connections[number] else { continue }
            let received = try await connection.receive(until: Array(marker.utf8))
            var texts = self.texts(received).filter { $0 != "ECHO_RES | \(marker)" }
            if await connection.isClosed {
                self.connections[number] = nil
                try await self.awaitConnections()
                // What it answered just before it closed may be lost on the way.
                texts = ["closed"]
            }
            answers += texts.map { "\(number): \($0)" }
        }
        return answers
    }

    /// Returns when the server has noticed that a connection is gone.
    private func awaitConnections() async throws {
        _ = try await self.poll(for: "the end of a connection") {
            let lines = try await self.auditor.ask("workers", end: ".\n").split(separator: "\n")
            return lines.count - 1 == self.connections.count + 1 ? [] : nil
        }
    }

    private func status(of function: String) async throws -> GearmanFunctionStatus? {
        try await self.auditor.ask("status", end: ".\n").split(separator: "\n")
            .compactMap { GearmanFunctionStatus(line: String($0)) }.first { $0.function == function }
    }

    private func poll(for what: String, _ ask: () async throws -> [String]?) async throws -> [String] {
        for _ in 0..<Self.patience {
            if let answer = try await ask() { return answer }
        }
        throw Impatience(description: "the server did not come to \(what)")
    }
}
