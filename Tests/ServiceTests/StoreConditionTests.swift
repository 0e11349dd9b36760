import GearclockCore
import GearclockEnvironment
import Testing

/// What the log says about a store. Times are seconds.
@Suite struct StoreConditionTests {
    let recorder = LogRecorder()
    var condition = StoreCondition()

    /// What is said when a call from `began` to `ended` has ended so.
    private mutating func observe(
        _ call: StoreCondition.Call, _ error: TaskStoreError? = nil, from began: Int64, to ended: Int64
    ) -> [String] {
        let reply: Result<Void, TaskStoreError> = error.map { .failure($0) } ?? .success(())
        let moment = { MonotonicInstant(microseconds: $0 * 1_000_000) }
        self.condition.observe(
            reply, to: call, began: moment(began), now: Now(wall: .epoch, monotonic: moment(ended)),
            logger: self.recorder.logger)
        return self.recorder.take().map {
            "\($0.level) \($0.metadata["error"] ?? $0.metadata["away.seconds"] ?? "?")"
        }
    }

    @Test mutating func `a store that is there is not spoken of`() {
        #expect(self.observe(.read, from: 0, to: 1) == [])
        #expect(self.observe(.write, from: 0, to: 1) == [])
    }

    @Test(
        arguments: [TaskStoreError.unavailable("gone"), .outcomeUnknown("gone")], [StoreCondition.Call.read, .write])
    mutating func `a store that goes away is told once, and once that it is back`(
        error: TaskStoreError, call: StoreCondition.Call
    ) {
        #expect(self.observe(call, error, from: 0, to: 1) == ["warning gone"])
        #expect(self.observe(call, error, from: 1, to: 2) == [])
        #expect(self.observe(call, from: 3, to: 4) == ["info 3.0"])
        #expect(self.observe(call, from: 4, to: 5) == [])
        #expect(self.observe(call, error, from: 5, to: 6) == ["warning gone"], "it may go again")
    }

    @Test(arguments: [TaskStoreError.conflict, .unavailable("few", .tooFewCopies)])
    mutating func `a store that answers is not away, whatever it answers`(error: TaskStoreError) {
        #expect(self.observe(.write, error, from: 0, to: 1) == [])
    }

    @Test mutating func `a call that fails late, after a later one succeeded, says nothing`() {
        #expect(self.observe(.write, .unavailable("gone"), from: 0, to: 1) == ["warning gone"])
        #expect(self.observe(.write, from: 9, to: 10) == ["info 9.0"])
        #expect(self.observe(.write, .unavailable("late"), from: 9, to: 11) == [])
        #expect(self.observe(.read, .outcomeUnknown("late"), from: 8, to: 11) == [], "what takes changes can be read")
        #expect(self.observe(.write, .unavailable("again"), from: 10, to: 12) == ["warning again"])
    }

    @Test mutating func `a store that takes no changes is not back when it can be read`() {
        #expect(self.observe(.write, .unavailable("locked"), from: 0, to: 5) == ["warning locked"])
        #expect(self.observe(.read, from: 5, to: 6) == [])
        #expect(self.observe(.write, .unavailable("locked"), from: 5, to: 10) == [])
        #expect(self.observe(.write, from: 10, to: 11) == ["info 6.0"])
    }

    @Test mutating func `that a store could be read meanwhile excuses no change that fails`() {
        #expect(self.observe(.read, from: 1, to: 2) == [])
        #expect(self.observe(.write, .unavailable("locked"), from: 0, to: 5) == ["warning locked"])
    }

    @Test mutating func `a store that could not be read is back when it takes a change, or is read`() {
        #expect(self.observe(.read, .unavailable("gone"), from: 0, to: 1) == ["warning gone"])
        #expect(self.observe(.write, from: 1, to: 2) == ["info 1.0"])
        #expect(self.observe(.read, .unavailable("gone"), from: 2, to: 3) == ["warning gone"])
        #expect(self.observe(.write, .unavailable("gone"), from: 2, to: 3) == [])
        #expect(self.observe(.read, from: 3, to: 4) == [], "changes fail, too")
        #expect(self.observe(.write, from: 3, to: 4) == ["info 1.0"])
    }
}
