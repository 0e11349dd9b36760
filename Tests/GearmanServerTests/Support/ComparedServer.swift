import Gearman
import Testing

/// One of the two servers that a differential test compares, with the names that it gave to jobs.
final class ComparedServer {
    let name: String
    private let port: Int
    private let prefix: String
    private let auditor: BlockingConnection
    private var connections: [Int: BlockingConnection] = [:]
    private var handles: [String] = []
    private var echoes = 0

    /// - Parameter prefix: what names of functions and the like start with in this session; others are not compared.
    init(_ name: String, port: Int, prefix: String) throws {
        self.name = name
        self.port = port
        self.prefix = prefix
        self.auditor = try BlockingConnection(port: port)
    }

    /// Does a step, and returns what each connection was sent, with handles by their order.
    func perform(_ step: DifferentialStep) async throws -> [String] {
        switch step {
        case .send(let connection, let requests):
            if self.connections[connection] == nil {
                self.connections[connection] = try BlockingConnection(port: self.port)
            }
            let bytes = try requests.flatMap { try $0.bytes(handles: self.handles) }
            await self.connections[connection]?.send(bytes)
        case .close(let connection):
            guard self.connections.removeValue(forKey: connection) != nil else { return [] }
            try await self.awaitConnections()
        }
        // First the connection that asked, so that the server has come to the end of what it asked for.
        var answers: [String] = []
        let others = self.connections.keys.sorted().filter { $0 != step.connection }
        for number in [step.connection] + others { answers += try await self.collect(number) }
        return answers
    }

    /// Returns when the server has noticed that a connection is gone.
    private func awaitConnections() async throws {
        repeat {
            let lines = try await self.auditor.ask("workers", end: ".\n").split(separator: "\n")
            if lines.count - 1 == self.connections.count + 1 { return }
        } while true
    }

    private func collect(_ number: Int) async throws -> [String] {
        guard let connection = self.connections[number] else { return [] }
        self.echoes += 1
        let marker = "echo \(self.echoes)"
        await connection.send(try request(.echoRequest, data: marker))
        let received = try await connection.receive(until: Array(marker.utf8))
        var texts = self.texts(received).filter { $0 != "ECHO_RES \(marker)" }
        if await connection.isClosed {
            self.connections[number] = nil
            try await self.awaitConnections()
            // What it answered just before it closed may be lost on the way.
            texts = ["closed"]
        }
        return texts.map { "\(number): \($0)" }
    }

    // MARK: Reading

    private func texts(_ bytes: [UInt8]) -> [String] {
        var texts: [String] = []
        var rest = bytes[...]
        while let first = rest.first {
            guard first == 0 else {
                let text = rest.prefix { $0 != 0 }
                texts += self.lines(String(decoding: text, as: UTF8.self))
                rest = rest.dropFirst(text.count)
                continue
            }
            var decoder = GearmanPacketDecoder()
            decoder.append(Array(rest))
            guard let packet = try? decoder.next() else { return texts + ["no packet"] }
            texts.append(self.text(packet))
            rest = rest.suffix(decoder.bufferedBytes)
        }
        return texts
    }

    private func text(_ packet: GearmanPacket) -> String {
        var parts = (0..<packet.argumentCount).map { String(decoding: packet.argument($0), as: UTF8.self) }
        if packet.type.definition.hasData { parts.append(String(decoding: packet.data, as: UTF8.self)) }
        // gearmand's stray NUL behind the handle, which is not copied.
        if packet.type == .workFail { parts[0].removeAll { $0 == "\0" } }
        if packet.type == .jobCreated, !self.handles.contains(parts[0]) { self.handles.append(parts[0]) }
        return ([packet.type.description] + parts.map(self.known)).joined(separator: " | ")
    }

    private func known(_ word: some StringProtocol) -> String {
        self.handles.firstIndex(of: String(word)).map { "#\($0)" } ?? String(word)
    }

    /// The lines of an answer that concern this session, in any order.
    private func lines(_ text: String) -> [String] {
        text.split(whereSeparator: \.isNewline).compactMap { line in
            // The first word in the list of workers is the number of a descriptor.
            if line.contains(" :") {
                return line.contains(self.prefix) ? line.split(separator: " ").dropFirst().joined(separator: " ") : nil
            }
            let words = line.split(separator: "\t", omittingEmptySubsequences: false).map(self.known)
            let isWanted = ["OK", "ERR", ".", "#"].contains { words[0].hasPrefix($0) } || line.contains(self.prefix)
            return isWanted ? words.joined(separator: " ") : nil
        }.sorted()
    }
}
