/// The settings of a controller.
package struct ControllerPolicy: Equatable, Sendable {
    /// Tasks in hand. Default 16384: a store that stops for half a second holds up no jobs at 16,000 a second.
    package var inHandTasks = 16_384
    /// Bytes of them. Default 64 MiB.
    package var inHandBytes = 64 << 20
    /// Tasks of one function in hand whose jobs are not over. Default 2048: what is started and done in a tenth of a
    /// second at full speed; a function without workers leaves room for the others.
    package var inHandPerFunction = 2048
    /// How long a function counts as one that gets on after a worker has answered a job of it. Default 10 s. Functions
    /// that do not get on share half of the room, so that no number of them takes it all.
    package var provenFor: Duration = .seconds(10)
    /// Tasks of a limited function that wait here until they may start; more, if more may start in one second or if
    /// more jobs of it may be under way. Default 8: it drains without a gap while others are fetched.
    package var waitingPerFunction = 8
    /// How long a task waits for a worker before that counts as an outcome, if its policy says so. Default 10 s: a
    /// worker that is started anew is back by then.
    package var workerGrace: Duration = .seconds(10)
    /// The pause after a task's job was lost with its job server, or refused by it. Default 1 s, drawn by half.
    package var lostJobPause: Duration = .seconds(1)
    /// How often the question for an earlier job may remain unanswered before a job is submitted without an answer.
    /// Default 3: not every job server knows the question, and a lost connection is back by then.
    package var unansweredQuestions = 3
    package var lease = LeasePolicy()
    package var retention = RetentionPolicy()
    package var membership = MembershipPolicy()

    package init() {}
}
