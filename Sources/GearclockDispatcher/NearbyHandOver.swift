package import GearclockCore
package import GearclockEnvironment

/// Hands tasks to the controller of this process by a function call, unless only others can have room for them.
package struct NearbyHandOver: TaskHandOver {
    private let nearby: any TaskHandOver
    private let mayTake: @Sendable ([ClaimedTask]) async -> Bool
    private let elsewhere: any TaskHandOver

    /// - Parameters:
    ///   - nearby: the controller of this process.
    ///   - elsewhere: the way to all of them.
    ///   - mayTake: whether the one of this process has room in its part of the limit, for tasks of a lane.
    package init(
        _ nearby: any TaskHandOver, elsewhere: any TaskHandOver,
        mayTake: @escaping @Sendable ([ClaimedTask]) async -> Bool
    ) {
        self.nearby = nearby
        self.elsewhere = elsewhere
        self.mayTake = mayTake
    }

    package func handOver(
        _ tasks: [ClaimedTask], in lane: Lane?
    ) async -> Result<[HandOverAnswer], DispatcherStateMachine.HandOverFailure> {
        if let lane, await !self.mayTake(tasks) { return await self.elsewhere.handOver(tasks, in: lane) }
        return await self.nearby.handOver(tasks, in: lane)
    }
}
