import GearclockCore
import Testing

@Suite struct HandOverCodecTests {
    @Test func `tasks survive the hand-over`() throws {
        var random = SeededGenerator(seed: 17)
        for count in [0, 1, 2, 20, Limits.handOverBatch] {
            let tasks = (0..<count).map { _ in Self.task(&random) }
            #expect(try HandOverCodec.decodeTasks(HandOverCodec.encode(tasks)) == tasks)
        }
    }

    @Test func `every cut of a hand-over is truncated and every addition is trailing`() throws {
        var random = SeededGenerator(seed: 19)
        let bytes = HandOverCodec.encode([Self.task(&random), Self.task(&random)])
        for end in 0..<bytes.count {
            #expect(throws: HandOverCodec.DecodingError.truncated) {
                try HandOverCodec.decodeTasks([UInt8](bytes[..<end]))
            }
        }
        #expect(throws: HandOverCodec.DecodingError.trailingBytes) { try HandOverCodec.decodeTasks(bytes + [0]) }
    }

    @Test func `a changed byte ends in an error or in a task that survives the hand-over`() throws {
        var random = SeededGenerator(seed: 23)
        for _ in 0..<2000 {
            var bytes = HandOverCodec.encode([Self.task(&random)])
            bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: random.next())
            guard let tasks = try? HandOverCodec.decodeTasks(bytes) else { continue }
            #expect(try HandOverCodec.decodeTasks(HandOverCodec.encode(tasks)) == tasks)
        }
    }

    @Test func `what no dispatcher writes is refused`() {
        var random = SeededGenerator(seed: 29)
        let task = Self.task(&random)
        let one = HandOverCodec.encode([task])
        #expect(Self.error([2] + one.dropFirst()) == .unknownVersion(2))
        #expect(Self.error([1, 0, 0, 1, 1]) == .tooMany)
        #expect(Self.error([1, 0xff, 0xff, 0xff, 0xff]) == .tooMany)
        #expect(Self.error([]) == .truncated)
        // The flags and the priority follow seven fixed fields.
        let flags = 5 + 16 + 8 + 4 + 4 + 8 * 4
        #expect(Self.error(Self.replacing(one, flags, 0x10)) == .invalid("flags"))
        #expect(Self.error(Self.replacing(one, flags, 0x08)) == .invalid("flags"))
        #expect(Self.error(Self.replacing(one, flags + 1, 3)) == .invalid("priority"))
        #expect(Self.error(Self.replacing(one, flags - 8, 0xff)) == .invalid("retain"))
    }

    @Test func `answers survive the way back`() throws {
        let answers = HandOverAnswer.allCases + HandOverAnswer.allCases.reversed()
        let bytes = HandOverCodec.encode(answers)
        #expect(try HandOverCodec.decodeAnswers(bytes) == answers)
        for end in bytes.indices {
            #expect(throws: HandOverCodec.DecodingError.truncated) {
                try HandOverCodec.decodeAnswers([UInt8](bytes[..<end]))
            }
        }
        #expect(throws: HandOverCodec.DecodingError.invalid("answer")) {
            try HandOverCodec.decodeAnswers([1, 0, 0, 0, 1, 4])
        }
        #expect(throws: HandOverCodec.DecodingError.trailingBytes) {
            try HandOverCodec.decodeAnswers([1, 0, 0, 0, 0, 0])
        }
    }

    private static func error(_ bytes: some Sequence<UInt8>) -> HandOverCodec.DecodingError? {
        do {
            _ = try HandOverCodec.decodeTasks([UInt8](bytes))
            return nil
        } catch {
            return error
        }
    }

    private static func replacing(_ bytes: [UInt8], _ index: Int, _ byte: UInt8) -> [UInt8] {
        var bytes = bytes
        bytes[index] = byte
        return bytes
    }

    /// Any task at all.
    static func task(_ random: inout SeededGenerator) -> ClaimedTask {
        func bytes(_ most: UInt64) -> [UInt8] {
            (0..<random.next() % (most + 1)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        }
        let policies: [RetryPolicy] = [
            .standard,
            RetryPolicy(maxAttempts: nil, maxAge: .seconds(5), backoff: .linear(initial: .zero, longest: .seconds(1))),
            RetryPolicy(maxAttempts: 1, backoff: .list([.milliseconds(1), .seconds(2)]), jitter: 1),
            RetryPolicy(maxAttempts: 9, backoff: .rounds(immediate: 3, pause: .seconds(1000))),
        ]
        let id = TaskID(high: random.next(), low: random.next())
        let name = FunctionName([102] + bytes(20).filter { $0 != 0 })!
        let time = { (random: inout SeededGenerator) in Timestamp(microseconds: Int64(bitPattern: random.next())) }
        var definition = TaskDefinition(
            id: id, function: name, payload: bytes(200), priority: TaskPriority.allCases[Int(random.next() % 3)],
            dueAt: time(&random), createdAt: time(&random), retry: policies[Int(random.next() % 4)],
            retain: .microseconds(Int64(random.next() >> 1)))
        if random.next() & 1 == 0 { definition.expiresAt = time(&random) }
        if random.next() & 1 == 0 { definition.timeout = .microseconds(Int64(random.next() >> 1)) }
        if random.next() & 1 == 0 {
            definition.gearsloth = GearslothPart(controller: random.next() & 1 == 0 ? name : nil, document: bytes(100))
        }
        return ClaimedTask(
            definition: definition,
            claim: Claim(
                id: id, owner: OwnerID(value: random.next()), attempt: UInt32(truncatingIfNeeded: random.next())),
            failures: UInt32(truncatingIfNeeded: random.next()), leaseUntil: time(&random))
    }
}
