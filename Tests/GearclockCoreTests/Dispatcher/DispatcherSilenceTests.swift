import GearclockCore
import Testing

/// Hand-overs that a frozen controller does not answer.
@Suite struct DispatcherSilenceTests {
    var dispatcher = DispatcherFixture {
        $0.laneTasks = 4096
        $0.handOversAtOnce = 2
        $0.handOversUnanswered = 3
    }

    /// Two hand-overs are under way since second 0, and a third batch waits for a free one.
    private mutating func fill() {
        self.dispatcher.claim()
        let first = self.dispatcher.claimed(.success(DispatcherFixture.tasks(512)))
        #expect(first.handOvers.map(\.count) == [256, 256])
        #expect(first.claim != nil)
        #expect(self.dispatcher.claimed(.success(DispatcherFixture.tasks(10, first: 600))).handOvers == [])
    }

    @Test mutating func `its tasks are given back after five seconds, due as before`() {
        self.dispatcher.handOver(DispatcherFixture.tasks(3))
        #expect(self.dispatcher.timer(at: 4.99).settlements == [])
        let actions = self.dispatcher.timer(at: 5)
        #expect(actions.settlements.map(\.change) == Array(repeating: .release(at: Sample.time(0)), count: 3))
        #expect(self.dispatcher.machine.inHand == 0)
    }

    @Test mutating func `they block no others, up to a number at which hand-overs end`() {
        self.fill()
        #expect(self.dispatcher.timer(at: 4.9).handOvers.isEmpty)
        #expect(self.dispatcher.timer(at: 5).handOvers.map(\.count) == [10])
        // Three are at the job server now, and that is the end.
        let more = DispatcherFixture.tasks(1, first: 700)
        _ = self.dispatcher.settled(.success(Array(repeating: .done, count: 512)), at: 5)
        _ = self.dispatcher.dueLanes(["f"], at: 5.1)
        #expect(self.dispatcher.claimed(.success(more), at: 5.1).handOvers.isEmpty)
        // A controller that woke has answered one: there is room again.
        #expect(self.dispatcher.handedOver(.success([]), id: 0, at: 6).handOvers == [more])
    }

    @Test(
        arguments: [
            .success(Array(repeating: .accepted, count: 256)), .failure(.unknown), .failure(.notDelivered),
        ] as [Result<[HandOverAnswer], DispatcherStateMachine.HandOverFailure>])
    mutating func `whatever the late answer is, it means nothing for tasks that were given back`(
        answer: Result<[HandOverAnswer], DispatcherStateMachine.HandOverFailure>
    ) {
        self.fill()
        _ = self.dispatcher.timer(at: 5)
        #expect(self.dispatcher.machine.inHand == 10)
        #expect(self.dispatcher.handedOver(answer, id: 0, at: 6).settlements == [])
        #expect(self.dispatcher.machine.inHand == 10)
        #expect(!self.dispatcher.machine.isStuck(Sample.now(10)))
    }

    @Test mutating func `the timer is set to the moment in which a hand-over is silent, and to none that has passed`() {
        self.fill()
        let waiting = self.dispatcher.timer(at: 4.97)
        #expect(waiting.timer?.seconds == 5)
        // Ten tasks are due, and no hand-over is free for them once the limit is reached.
        for seconds in [5, 5.5, 9.99, 10, 12] {
            let timer = self.dispatcher.timer(at: seconds).timer
            #expect(timer.map { $0.seconds > seconds } ?? false, "at \(seconds)")
        }
    }
}
