import GearclockCore
import Testing

/// Everything that reads foreign bytes, on fixtures that were damaged at random. A trap ends the test run.
@Suite struct MutationTests {
    private static let files = ["native.json", "native-refused.json", "gearsloth.json", "gearsloth-refused.json"]
    private static let pieces: [String] = [
        "{", "}", "[", "]", "\"", ",", ":", "\\u", "\\ud800", "null", "true", "-", "1e999", "-1e999", "1e308",
        "9223372036854775808",
        "-9223372036854775809", "0.000000001", "\u{0}", "\"at\":", "\"after\":", "\"retry\":{", "\"expires_after\":",
        "\"id\":",
        "\"func_name\":\"f\",", "+275760-09-13", "-271821-04-20", "2026-02-30T24:00:00", "99999999999999999999",
    ]

    @Test(arguments: 0..<4) func `no damage traps, and what is taken survives the hand-over`(shard: Int) throws {
        var random = SeededGenerator(seed: UInt64(shard))
        let originals = try Self.files.flatMap { try TaskFixtures.cases($0).map(\.workload) }.filter { $0.count < 2000 }
        var taken = 0
        for _ in 0..<2000 {
            var bytes = originals[Int(random.next() % UInt64(originals.count))]
            for _ in 0..<(1 + random.next() % 4) { Self.damage(&bytes, &random) }
            taken += try Self.check(bytes)
        }
        #expect(taken > 100)
    }

    @Test func `no number in any field traps`() throws {
        let fields = [
            "at", "after", "timeout", "expires_at", "expires_after", "retry_count", "runner_retry_count",
            "runner_retry_timeout",
        ]
        let retryFields = ["max_attempts", "max_age", "initial", "factor", "max", "jitter"]
        let numbers = [
            "0", "-0", "-1", "1", "0.5", "1e-320", "1e15", "8.64e15", "-8.64e15", "8.64e15", "9.3e15", "1e18", "-1e18",
            "9.3e18",
            "1e300", "-1e300", "1e999", "-1e999", "4294967296", "9223372036854775807", "9223372036854775808",
            "\"1e300\"",
            "\"-1e300\"", "\"Infinity\"", "\"-Infinity\"", "\"0xffffffffffffffff\"", "\"\"", "\" \"", "null", "true",
            "[]", "{}",
        ]
        for number in numbers {
            for field in fields { _ = try Self.check(#"{"func_name":"f","\#(field)":\#(number)}"#.bytes) }
            for field in retryFields {
                _ = try Self.check(#"{"func_name":"f","retry":{"\#(field)":\#(number)}}"#.bytes)
            }
            _ = try Self.check(#"{"func_name":"f","retry":{"backoff":"list","delays":[\#(number)]}}"#.bytes)
        }
    }

    @Test func `short texts of JSON's bytes never trap`() throws {
        let alphabet = [UInt8]("{}[]\":,1-e\\ut\u{0}".utf8) + [0xc3, 0xff]
        var random = SeededGenerator(seed: 31)
        for _ in 0..<15_000 {
            let bytes = (0..<random.next() % 12).map { _ in alphabet[Int(random.next() % UInt64(alphabet.count))] }
            _ = try Self.check(bytes)
        }
    }

    private static func damage(_ bytes: inout [UInt8], _ random: inout SeededGenerator) {
        let position = Int(random.next() % UInt64(bytes.count + 1))
        switch random.next() % 5 {
        case 0: bytes.insert(contentsOf: self.pieces[Int(random.next() % UInt64(self.pieces.count))].utf8, at: position)
        case 1: bytes.removeSubrange(position..<min(bytes.count, position + Int(random.next() % 8)))
        case 2: bytes.insert(UInt8(truncatingIfNeeded: random.next()), at: position)
        case 3 where position < bytes.count: bytes[position] ^= 1 << UInt8(random.next() % 8)
        default: bytes.append(contentsOf: bytes[position...].prefix(20))
        }
    }

    /// How many tasks were taken.
    private static func check(_ bytes: [UInt8]) throws -> Int {
        var tasks = SubmissionParserTests.native(bytes).tasks.compactMap { try? $0.get().definition }
        if let task = try? SubmissionParserTests.gearsloth(bytes).get() { tasks.append(task) }
        for task in tasks {
            let claimed = ClaimedTask(
                definition: task, claim: Claim(id: task.id, owner: OwnerID(value: 1), attempt: 1), failures: 0,
                leaseUntil: task.dueAt)
            #expect(try HandOverCodec.decodeTasks(HandOverCodec.encode([claimed])) == [claimed])
            #expect(task.dueAt >= TaskFixtures.now && task.dueAt <= Timestamp.latestDue)
            #expect(try JSONParser.parse(GearslothDocument.task(claimed)).object?["id"] == .text(task.id.description))
            #expect(try JSONParser.parse(TaskAnswers.record(.init(TaskRecord(task), store: "main"))).object != nil)
        }
        _ = IDRequest.parse(bytes)
        _ = ListFilter.parse(bytes)
        _ = SettingsRequest.pausing(bytes, true)
        _ = SettingsRequest.limits(bytes)
        _ = GearslothDocument.ejectedID(bytes)
        _ = try? HandOverCodec.decodeTasks(bytes)
        _ = try? HandOverCodec.decodeAnswers(bytes)
        return tasks.count
    }
}
