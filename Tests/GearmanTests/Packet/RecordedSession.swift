import Foundation

/// A conversation with gearmand as `Fixtures/sessions` keeps it; its README.txt describes the format.
struct RecordedSession {
    enum Direction { case toServer, fromServer }

    struct Step {
        var direction: Direction
        var connection: String
        var bytes: [UInt8]
    }

    var name: String
    var steps: [Step] = []

    init(_ file: URL) throws {
        self.name = file.deletingPathExtension().lastPathComponent
        for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") {
            guard line.hasPrefix("> ") || line.hasPrefix("< ") else { continue }
            let words = line.split(separator: " ", maxSplits: 3)
            let direction = words[0] == ">" ? Direction.toServer : .fromServer
            try self.steps.append(
                Step(direction: direction, connection: String(words[1]), bytes: Fixture.bytes(ofHex: words[2])))
        }
    }

    static func all() throws -> [RecordedSession] {
        try Fixture.files(in: "sessions", withExtension: "txt")
            .filter { $0.lastPathComponent != "README.txt" }.map(RecordedSession.init)
    }

    static func named(_ name: String) throws -> RecordedSession {
        guard let session = try self.all().first(where: { $0.name == name }) else {
            throw Fixture.Malformed(text: name)
        }
        return session
    }

    /// The pieces that went one way on a connection.
    func pieces(_ connection: String, _ direction: Direction) -> [[UInt8]] {
        self.steps.filter { $0.connection == connection && $0.direction == direction }.map(\.bytes)
    }

    var connections: [String] {
        Set(self.steps.map(\.connection)).sorted()
    }
}
