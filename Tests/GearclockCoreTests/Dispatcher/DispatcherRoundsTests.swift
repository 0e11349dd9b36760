import GearclockCore
import Testing

/// Hand-overs in rounds: what falls due while one is under way goes together.
@Suite struct DispatcherRoundsTests {
    var dispatcher = DispatcherFixture()

    /// The first of so many tasks, due a millisecond after each other, is under way.
    private mutating func begin(_ count: Int) -> [ClaimedTask] {
        let tasks = (0..<count).flatMap {
            DispatcherFixture.tasks(1, dueIn: 0.001 * Double($0), first: UInt64($0 + 1))
        }
        #expect(self.dispatcher.handOver(tasks) == [[tasks[0]]])
        return tasks
    }

    @Test mutating func `what falls due while a hand-over is under way goes with its answer`() {
        let tasks = self.begin(4)
        let waiting = self.dispatcher.timer(at: 0.002)
        #expect(waiting.handOvers.isEmpty)
        #expect(waiting.timer?.seconds == 0.01)
        #expect(self.dispatcher.handedOver(.success([.accepted]), at: 0.0025).handOvers == [Array(tasks[1...2])])
    }

    @Test mutating func `an answer that does not come keeps nothing waiting for long`() {
        let tasks = self.begin(3)
        #expect(self.dispatcher.timer(at: 0.0099).handOvers.isEmpty)
        #expect(self.dispatcher.timer(at: 0.01).handOvers == [Array(tasks[1...2])])
    }

    @Test mutating func `many do not wait for an answer`() {
        self.dispatcher = DispatcherFixture { $0.handOverCrowd = 3 }
        let tasks = self.begin(4)
        #expect(self.dispatcher.timer(at: 0.002).handOvers.isEmpty)
        #expect(self.dispatcher.timer(at: 0.003).handOvers == [Array(tasks[1...3])])
    }
}
