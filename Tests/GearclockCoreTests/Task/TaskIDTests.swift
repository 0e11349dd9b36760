import GearclockCore
import Testing

@Suite struct TaskIDTests {
    @Test func `an id is a UUID of version 8 that carries its time and its cluster`() {
        var random = SeededGenerator(seed: 1)
        let now = Timestamp(microseconds: 1_787_306_400_123_456)
        let id = TaskID(cluster: 0xabc, now: now, using: &random)
        #expect(id.high >> 16 == 1_787_306_400_123)
        #expect(id.high & 0xffff == 0x8abc)
        #expect(id.low >> 62 == 0b10)
        #expect(id.description.hasPrefix("01a023c3-597b-8abc-"))
    }

    @Test func `later ids are greater, as numbers, as bytes and as text`() {
        var random = SeededGenerator(seed: 2)
        var last: TaskID?
        for millisecond in 0..<1000 {
            let now = Timestamp(microseconds: 1_787_306_400_000_000 + Int64(millisecond) * 1000)
            let id = TaskID(cluster: UInt16(truncatingIfNeeded: random.next()), now: now, using: &random)
            if let last {
                #expect(last < id && last.description < id.description)
                #expect(last.bytes.lexicographicallyPrecedes(id.bytes))
            }
            last = id
        }
    }

    @Test func `no time traps`() {
        var random = SeededGenerator(seed: 3)
        for now in [Timestamp.distantPast, .epoch, .latestDue, .distantFuture] {
            let id = TaskID(cluster: .max, now: now, using: &random)
            #expect(id.high & 0xffff == 0x8fff)
        }
    }

    @Test func `text and bytes are read again`() {
        var random = SeededGenerator(seed: 4)
        for _ in 0..<1000 {
            let id = TaskID(high: random.next(), low: random.next())
            #expect(TaskID(id.description) == id)
            #expect(TaskID(id.description.uppercased()) == id)
            #expect(TaskID(id.description.filter { $0 != "-" }) == id)
            #expect(TaskID(bytes: id.bytes) == id)
        }
    }

    @Test(arguments: [
        "", "-", "0192f0c1-2345-8abc-8def-0123456789a", "0192f0c1-2345-8abc-8def-0123456789abc",
        "0192f0c12345-8abc-8def-0123456789ab", "0192f0c1-2345-8abc-8def0123456789ab-",
        "g192f0c1-2345-8abc-8def-0123456789ab",
        "{0192f0c1-2345-8abc-8def-0123456789ab}", "０192f0c1-2345-8abc-8def-0123456789ab",
        " 0192f0c1-2345-8abc-8def-0123456789ab",
        "------------------------------------",
    ])
    func `other text is no id`(text: String) {
        #expect(TaskID(text) == nil)
    }

    @Test func `other lengths are no id`() {
        #expect(TaskID(bytes: [UInt8](repeating: 0, count: 15)) == nil)
        #expect(TaskID(bytes: [UInt8](repeating: 0, count: 17)) == nil)
    }

    @Test func `an owner fits into a signed column and is never zero`() {
        var random = SeededGenerator(seed: 5)
        for _ in 0..<1000 {
            let owner = OwnerID(using: &random)
            #expect(owner.value > 0 && owner.value <= UInt64(Int64.max))
        }
    }
}
