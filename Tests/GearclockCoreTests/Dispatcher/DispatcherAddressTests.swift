import GearclockCore
import Testing

/// To which controllers tasks are handed over.
@Suite struct DispatcherAddressTests {
    var dispatcher = DispatcherFixture()

    /// With three controllers, and functions of which so many jobs may be in flight.
    private mutating func begin(_ limits: [String: UInt32], perThousandSeconds: UInt32? = nil) {
        _ = self.dispatcher.machine.started(now: Sample.now())
        _ = self.dispatcher.machine.clocksReplied(.success([]), now: Sample.now())
        let settings = limits.sorted { $0.key < $1.key }.map {
            FunctionSettings(
                function: FunctionName($0.key)!, inFlight: $0.value, perThousandSeconds: perThousandSeconds)
        }
        _ = self.dispatcher.machine.settingsReplied(.success(settings), now: Sample.now())
        _ = self.dispatcher.beat(.success(Self.controllers))
    }

    private static let controllers = [100, 101, 102].map {
        Member(id: OwnerID(value: $0), role: .controller, beats: 1)
    }

    private mutating func handOvers(
        _ tasks: [ClaimedTask], at seconds: Double = 0
    ) -> [(lane: Lane?, functions: [String])] {
        let functions = Set(tasks.map(\.definition.function.description)).sorted()
        if seconds > 0 { _ = self.dispatcher.timer(at: seconds) }
        _ = self.dispatcher.dueLanes(functions, at: seconds)
        return self.dispatcher.claimed(.success(tasks), at: seconds).compactMap { action in
            guard case .handOver(_, let tasks, let lane) = action else { return nil }
            return (lane, tasks.map(\.definition.function.description))
        }
    }

    @Test mutating func `tasks of a small limit go to controllers that have a part of it, all others to any`() {
        self.begin(["f": 1, "b": 1, "g": 3])
        let tasks =
            DispatcherFixture.tasks(2, "f") + DispatcherFixture.tasks(2, "g", first: 10)
            + DispatcherFixture.tasks(2, "b", first: 20) + DispatcherFixture.tasks(2, "h", first: 30)
        let handOvers = self.handOvers(tasks)
        #expect(handOvers.count == 3, "one for each destination, however their lanes take turns")
        for (lane, functions) in handOvers {
            let expected: Set<String> =
                switch lane {
                case DispatcherFixture.lane("f"): ["f"]
                case DispatcherFixture.lane("b"): ["b"]
                case .some: []
                case nil: ["g", "h"]
                }
            #expect(Set(functions) == expected)
        }
    }

    @Test mutating func `the smaller of two limits counts`() {
        self.begin(["f": 30], perThousandSeconds: 1)
        #expect(self.handOvers(DispatcherFixture.tasks(1)).map(\.lane) == [DispatcherFixture.lane("f")])
    }

    @Test mutating func `where all controllers have a part of it, any may be asked`() {
        self.begin(["f": 2])
        #expect(self.handOvers(DispatcherFixture.tasks(1)).map(\.lane) == [DispatcherFixture.lane("f")])
        _ = self.dispatcher.timer(at: 1.2)
        _ = self.dispatcher.beat(.success(Array(Self.controllers.dropLast())), at: 1.2)
        #expect(self.handOvers(DispatcherFixture.tasks(1, first: 2), at: 1.3).map(\.lane) == [nil])
    }

    @Test mutating func `what one controller was full of goes to whoever has room`() {
        self.begin(["f": 6])
        #expect(self.handOvers(DispatcherFixture.tasks(1)).map(\.lane) == [nil])
        _ = self.dispatcher.handedOver(.success([.deferredFunction]))
        let again = self.dispatcher.timer(at: 0.5)
        #expect(again.contains { if case .handOver(_, _, DispatcherFixture.lane("f")) = $0 { true } else { false } })
    }

    @Test mutating func `destinations beyond the hand-overs that are free wait`() {
        self.dispatcher = DispatcherFixture { $0.handOversAtOnce = 1 }
        self.begin(["f": 1])
        let tasks = DispatcherFixture.tasks(2, "f") + DispatcherFixture.tasks(2, "g", first: 10)
        let first = self.handOvers(tasks)
        #expect(first.count == 1)
        let actions = self.dispatcher.handedOver(.success(first[0].functions.map { _ in .accepted }))
        #expect(actions.handOvers.count == 1)
    }

    // MARK: - Many destinations

    /// One task of each of so many functions of which one job may be in flight.
    private mutating func crowd(_ count: Int) -> [(lane: Lane?, functions: [String])] {
        let functions = (0..<count).map { "f\($0)" }
        self.begin(Dictionary(uniqueKeysWithValues: functions.map { ($0, 1) }))
        return self.handOvers(
            functions.enumerated().flatMap { DispatcherFixture.tasks(1, $1, first: UInt64($0 + 1)) })
    }

    /// - Returns: how many tasks without a limit are under way then.
    private mutating func others(_ count: Int, first: UInt64, at seconds: Double) -> Int {
        _ = self.dispatcher.timer(at: seconds)
        _ = self.dispatcher.dueLanes(["h"], at: seconds)
        let tasks = DispatcherFixture.tasks(count, "h", first: first)
        return self.dispatcher.claimed(.success(tasks), at: seconds).handOvers.map(\.count).reduce(0, +)
    }

    @Test mutating func `however many destinations there are, half of the hand-overs are for everybody`() {
        #expect(self.crowd(50).count == 2)
        #expect(self.others(1, first: 100, at: 0.1) == 1)
        // One after the other they have their turn.
        var waiting = Set((2..<50).map { "f\($0)" })
        for id in 0..<2 as Range<UInt64> {
            waiting.subtract(self.dispatcher.handedOver(.success([.accepted]), id: id, at: 0.1).functions)
        }
        for id in 3..<51 as Range<UInt64> {
            waiting.subtract(self.dispatcher.handedOver(.success([.accepted]), id: id, at: 0.1).functions)
        }
        #expect(waiting.isEmpty)
        #expect(self.dispatcher.machine.inHand == 1)
    }

    @Test mutating func `destinations that do not answer leave room for those that do`() {
        self.dispatcher = DispatcherFixture { $0.handOversUnanswered = 4 }
        _ = self.crowd(50)
        for second in [1.0, 2, 3, 4, 5, 6] { _ = self.dispatcher.timer(at: second) }
        #expect(self.others(1, first: 100, at: 6.1) == 1)
    }
}

extension [DispatcherStateMachine.Action] {
    fileprivate var functions: Set<String> {
        Set(self.handOvers.joined().map(\.definition.function.description))
    }
}
