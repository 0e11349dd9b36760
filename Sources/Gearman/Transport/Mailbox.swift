internal import Synchronization

/// What tasks hand over to an event loop, from anywhere.
///
/// The event loop is woken for the first message, and then takes all that came until then. With a hop to its actor each
/// of them would take a turn of its own.
final class Mailbox<Message: Sendable>: Sendable {
    private let messages = Mutex<[Message]>([])

    /// - Returns: whether it was empty: the event loop has to be told.
    func post(_ message: Message) -> Bool {
        self.messages.withLock { messages in
            messages.append(message)
            return messages.count == 1
        }
    }

    func takeAll() -> [Message] {
        self.messages.withLock { messages in
            let all = messages
            messages = []
            return all
        }
    }
}
