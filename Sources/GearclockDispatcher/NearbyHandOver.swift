package import GearclockCore
package import GearclockEnvironment

/// Hands tasks to the controller of this process by a function call, unless only others may start them.
package struct NearbyHandOver: TaskHandOver {
    private let nearby: any TaskHandOver
    private let mayStart: @Sendable (Lane) async -> Bool
    private let elsewhere: any TaskHandOver

    /// - Parameters:
    ///   - nearby: the controller of this process.
    ///   - elsewhere: the way to all of them.
    ///   - mayStart: whether the one of this process has a part of the limit in a lane.
    package init(
        _ nearby: any TaskHandOver, elsewhere: any TaskHandOver, mayStart: @escaping @Sendable (Lane) async -> Bool
    ) {
        self.nearby = nearby
        self.elsewhere = elsewhere
        self.mayStart = mayStart
    }

    package func handOver(
        _ tasks: [ClaimedTask], in lane: Lane?
    ) async -> Result<[HandOverAnswer], DispatcherStateMachine.HandOverFailure> {
        if let lane, await !self.mayStart(lane) { return await self.elsewhere.handOver(tasks, in: lane) }
        return await self.nearby.handOver(tasks, in: lane)
    }
}
