internal import DispatchExecutor

/// A foreground job that a job server has taken.
///
/// Read its events to the end, or let it go: then no more is heard of it, though it runs nevertheless.
public struct GearmanJob: Sendable {
    /// What the server calls it.
    public let handle: GearmanJobHandle

    /// What happens to it, beginning with ``GearmanJobEvent/created(_:)`` and ending after a final event. For one
    /// reader.
    public let events: GearmanJobEvents
}

/// The events of one job, in their order.
///
/// Events that nobody reads are kept up to a limit; then the client reads nothing more from that server, so do not
/// leave one job's events unread while waiting for another's.
public struct GearmanJobEvents: AsyncSequence, Sendable {
    /// What happened to the job.
    public typealias Element = GearmanJobEvent

    /// Tells the client when the last copy of the job is gone.
    final class Interest: Sendable {
        let client: GearmanClient
        let id: UInt64
        let server: GearmanServerAddress

        init(client: GearmanClient, id: UInt64, server: GearmanServerAddress) {
            self.client = client
            self.id = id
            self.server = server
        }

        deinit {
            let (client, id, server) = (self.client, self.id, self.server)
            client.executor.execute { client.enter { $0.forget(id, on: server) } }
        }
    }

    let interest: Interest

    /// Reads the events one by one.
    public struct AsyncIterator: AsyncIteratorProtocol {
        let interest: Interest

        /// The next event; nil after the final one, and when the task is cancelled.
        public mutating func next() async -> GearmanJobEvent? {
            await self.interest.client.nextEvent(of: self.interest.id, on: self.interest.server)
        }
    }

    /// A reader. All readers of one job take from the same events.
    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(interest: self.interest)
    }
}
