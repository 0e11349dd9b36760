/// What a job server has counted since it was made. The article "GearmanServer" lists the names under which it is
/// published.
package struct JobServerCounters: Equatable, Sendable {
    package enum Event: Int, CaseIterable, Sendable {
        /// A submission was taken: a new job, or one more client of a job.
        case submitted
        /// A job was given to a worker.
        case assigned
        /// A worker ended a job by WORK_COMPLETE, …
        case complete
        /// … by WORK_FAIL, …
        case fail
        /// … or by WORK_EXCEPTION.
        case exception
        /// A worker's connection or time ended before its job.
        case lost
        /// A job was cancelled by an administrator.
        case cancelled
        /// A request was answered by an ERROR.
        case refused
    }

    private var counts = [Int](repeating: 0, count: Event.allCases.count)

    package init() {}

    package subscript(event: Event) -> Int {
        get { self.counts[event.rawValue] }
        set { self.counts[event.rawValue] = newValue }
    }
}
