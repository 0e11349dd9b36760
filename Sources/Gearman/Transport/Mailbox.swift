internal import Synchronization

/// What tasks hand over to an event loop, from anywhere.
///
/// The event loop is told of the first thing in it, and then takes all that came until then. With a hop to its actor
/// each of them would take a turn of its own.
final class Mailbox<Content: Sendable>: Sendable {
    private struct State {
        var content: Content
        var isEmpty = true
    }

    private let empty: Content
    private let state: Mutex<State>

    init(empty: Content) {
        self.empty = empty
        self.state = Mutex(State(content: empty))
    }

    /// - Returns: whether it was empty: the event loop has to be told.
    func post(_ add: (inout Content) -> Void) -> Bool {
        self.state.withLock { state in
            add(&state.content)
            defer { state.isEmpty = false }
            return state.isEmpty
        }
    }

    func takeAll() -> Content {
        self.state.withLock { state in
            let content = state.content
            state = State(content: self.empty)
            return content
        }
    }
}
