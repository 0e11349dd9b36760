import Foundation
import GearclockCore
import Testing

/// Reads `Fixtures/tasks`.
enum TaskFixtures {
    /// When every fixture is taken in: 2026-08-21T10:00:00Z.
    static let now = Timestamp(microseconds: 1_787_306_400_000_000)
    static let context = SubmissionContext(now: now, cluster: 7)

    /// One workload and what becomes of it.
    struct Case {
        let says: String
        let workload: [UInt8]
        let gives: JSONObject?
        let refuses: JSONValue?
    }

    static func cases(_ name: String) throws -> [Case] {
        try self.array(name).map { value in
            let object = try #require(value.object)
            let workload = try #require(
                object["task"]?.stringBytes ?? object["task_base64"]?.stringBytes.flatMap(Base64.decode))
            return Case(
                says: String(decoding: try #require(object["says"]?.stringBytes), as: UTF8.self), workload: workload,
                gives: object["gives"]?.object, refuses: object["refuses"])
        }
    }

    /// The recordings of JavaScript: a text and its result.
    static func pairs(_ name: String) throws -> [(text: [UInt8], result: JSONValue)] {
        try self.array(name).map { value in
            guard case .array(let pair) = value, pair.count == 2, let text = pair[0].stringBytes else {
                throw Unreadable(name: name)
            }
            return (text, pair[1])
        }
    }

    private static func array(_ name: String) throws -> [JSONValue] {
        let file = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../../Fixtures/tasks/\(name)")
        guard case .array(let values) = try JSONParser.parse([UInt8](Data(contentsOf: file))), !values.isEmpty else {
            throw Unreadable(name: name)
        }
        return values
    }

    private struct Unreadable: Error {
        let name: String
    }

    /// What `gearclock_get` would show of a task that was just stored.
    static func shown(_ task: TaskDefinition) throws -> JSONObject {
        let json = TaskAnswers.record(TaskAnswers.LocatedRecord(TaskRecord(task), store: "main"))
        return try #require(JSONParser.parse(json).object)
    }

    /// Whether the members of `expected` are there; `null`: is absent.
    static func compare(_ task: TaskDefinition, _ expected: JSONObject?, _ says: String) throws {
        let shown = try self.shown(task)
        for member in try #require(expected).members {
            let actual = shown.members.first { $0.name == member.name }?.value ?? .null
            #expect(
                actual == member.value,
                "\(says): \(text(of: .string(member.name))) is \(text(of: actual)), not \(text(of: member.value))")
        }
    }

    static func text(of value: JSONValue) -> String {
        String(decoding: JSONWriter.stringify(value, .asWritten), as: UTF8.self)
    }
}

extension String {
    var bytes: [UInt8] { [UInt8](self.utf8) }
}

extension [UInt8] {
    var text: String { String(decoding: self, as: UTF8.self) }
}
