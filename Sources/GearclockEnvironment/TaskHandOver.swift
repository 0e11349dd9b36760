package import GearclockCore

/// How a dispatcher gives claimed tasks to a controller: through a job server, or in one process by a function call.
package protocol TaskHandOver: Sendable {
    /// Returns as soon as the controller has said which tasks it takes, not when they have run.
    ///
    /// There is no time limit: while no controller answers, the caller holds back, and that is the flow control. An
    /// answer that comes after the caller has given the tasks back says no more than that somebody lives.
    /// - Parameter lane: a controller that has a part of its limit is meant; `nil`: any.
    /// - Returns: one answer for each task, in their order.
    func handOver(
        _ tasks: [ClaimedTask], in lane: Lane?
    ) async -> Result<[HandOverAnswer], DispatcherStateMachine.HandOverFailure>
}
