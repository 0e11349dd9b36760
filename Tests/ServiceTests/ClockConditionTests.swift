import GearclockCore
import GearclockDispatcher
import Testing

/// What the log says about the clocks of database nodes.
@Suite struct ClockConditionTests {
    let recorder = LogRecorder()
    var condition = ClockCondition()

    private mutating func observe(_ offsets: [String: Duration]) -> [String] {
        let clocks = offsets.sorted { $0.key < $1.key }.map {
            NodeClock(node: $0.key, offset: $0.value, uncertainty: .milliseconds(1))
        }
        self.condition.observe(.success(clocks), logger: self.recorder.logger)
        return self.recorder.take().map {
            "\($0.level) \($0.metadata["node"] ?? "?") \($0.metadata["offset.seconds"] ?? "?")"
        }
    }

    @Test mutating func `a clock that is right is not spoken of`() {
        #expect(self.observe(["a": .zero, "b": .milliseconds(500), "c": .milliseconds(-500)]) == [])
    }

    @Test(arguments: [Duration.milliseconds(501), .milliseconds(-501), .seconds(3600)])
    mutating func `a clock that is ahead or behind is told once, and once that it is right again`(offset: Duration) {
        #expect(self.observe(["a": offset, "b": .zero]) == ["warning a \(offset.inSeconds)"])
        #expect(self.observe(["a": offset, "b": .zero]) == [])
        #expect(self.observe(["a": .milliseconds(2), "b": .zero]) == ["info a 0.002"])
        #expect(self.observe(["a": .zero, "b": .zero]) == [])
        #expect(self.observe(["a": offset]) == ["warning a \(offset.inSeconds)"], "it may go wrong again")
    }

    @Test mutating func `each node is told of by itself`() {
        #expect(self.observe(["a": .seconds(1), "b": .zero]) == ["warning a 1.0"])
        #expect(self.observe(["a": .seconds(1), "b": .seconds(-2)]) == ["warning b -2.0"])
        #expect(self.observe(["a": .zero, "b": .seconds(-2)]) == ["info a 0.0"])
    }

    @Test mutating func `a node that did not answer is as it was`() {
        #expect(self.observe(["a": .seconds(1)]) == ["warning a 1.0"])
        #expect(self.observe([:]) == [])
        self.condition.observe(.failure(.unavailable("away")), logger: self.recorder.logger)
        #expect(self.recorder.take() == [])
        #expect(self.observe(["a": .seconds(1)]) == [])
        #expect(self.observe(["a": .zero]) == ["info a 0.0"])
    }
}
