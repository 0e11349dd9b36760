import GearclockCore
import GearclockEnvironment
import Synchronization

/// A clock that stands still until a test moves it.
final class ManualClock: GearclockClock {
    private struct State {
        var now: Now
        var sleepers: [Int: (deadline: MonotonicInstant, continuation: CheckedContinuation<Void, any Error>)] = [:]
        var nextSleeper = 0
        var watchers: [CheckedContinuation<Void, Never>] = []
    }

    private let state: Mutex<State>

    init(wall: Timestamp) {
        self.state = Mutex(State(now: Now(wall: wall, monotonic: MonotonicInstant(microseconds: 0))))
    }

    var now: Now { self.state.withLock { $0.now } }

    func sleep(until deadline: MonotonicInstant) async throws {
        let number = self.state.withLock { state in
            state.nextSleeper += 1
            return state.nextSleeper
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let (wakes, watchers) = self.state.withLock {
                    state -> (Bool, [CheckedContinuation<Void, Never>]) in
                    let wakes = Task.isCancelled || deadline <= state.now.monotonic
                    if !wakes { state.sleepers[number] = (deadline, continuation) }
                    // Who is cancelled is about to end: nobody has to wait until it sleeps.
                    guard !wakes || Task.isCancelled else { return (wakes, []) }
                    defer { state.watchers = [] }
                    return (wakes, state.watchers)
                }
                if wakes { continuation.resume(with: Result { try Task.checkCancellation() }) }
                for watcher in watchers { watcher.resume() }
            }
        } onCancel: {
            let sleeper = self.state.withLock { $0.sleepers.removeValue(forKey: number) }
            sleeper?.continuation.resume(throwing: CancellationError())
        }
    }

    /// Moves both clocks, wakes whom it concerns, and returns when somebody sleeps again: all that was due is done.
    func advance(by duration: Duration) async {
        let woken = self.state.withLock { state in
            state.now.wall = state.now.wall.advanced(by: duration)
            state.now.monotonic = state.now.monotonic.advanced(by: duration)
            let woken = state.sleepers.filter { $0.value.deadline <= state.now.monotonic }
            for number in woken.keys { state.sleepers[number] = nil }
            return woken.values.map(\.continuation)
        }
        for continuation in woken { continuation.resume() }
        if !woken.isEmpty { await self.nextSleeper() }
    }

    /// Returns as soon as somebody sleeps, or when the test is cancelled: by its time limit, for instance.
    func nextSleeper() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = self.state.withLock { state in
                    let isOver = !state.sleepers.isEmpty || Task.isCancelled
                    if !isOver { state.watchers.append(continuation) }
                    return isOver
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            let watchers = self.state.withLock { state in
                defer { state.watchers = [] }
                return state.watchers
            }
            for watcher in watchers { watcher.resume() }
        }
    }
}
