/// A controller's answer for each task that a dispatcher hands over.
package enum HandOverAnswer: UInt8, CaseIterable, Sendable {
    /// The controller runs the task and settles it.
    case accepted = 0
    /// The controller has no room, or no job server, at the moment; it would say so for any task.
    case deferred = 1
    /// This function is at its limit. Tasks of other functions are welcome.
    case deferredFunction = 2
    /// The lease is over, or nearly: whoever claims the task next runs it.
    case stale = 3
}
