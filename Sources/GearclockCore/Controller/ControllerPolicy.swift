/// The settings of a controller.
package struct ControllerPolicy: Equatable, Sendable {
    /// Tasks in hand. Default 4096.
    package var inHandTasks = 4096
    /// Bytes of them. Default 64 MiB.
    package var inHandBytes = 64 << 20
    /// Tasks of one function in hand. Default 1024: a function without workers leaves room for the others.
    package var inHandPerFunction = 1024
    /// The pause after a task's job was lost with its job server, or refused by it. Default 1 s, drawn by half.
    package var lostJobPause: Duration = .seconds(1)
    /// How often the question for an earlier job may remain unanswered before a job is submitted without an answer.
    /// Default 3: not every job server knows the question, and a lost connection is back by then.
    package var unansweredQuestions = 3
    package var lease = LeasePolicy()
    package var retention = RetentionPolicy()

    package init() {}
}
