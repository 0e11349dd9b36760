package import GearclockCore
package import GearclockEnvironment
package import Gearman

/// Hands tasks over through a job server: one foreground job for a batch, which the controller answers at once.
package struct GearmanHandOver: TaskHandOver {
    /// The Gearman function of the controllers.
    package static let function = "gearclock_hand_over"

    private let client: GearmanClient

    package init(
        servers: [GearmanServerAddress], environment: ServiceEnvironment, eventLoop: GearmanEventLoop = .shared
    ) {
        // No request may take longer than this, but a job may: it waits in the queue until a controller is there.
        self.client = GearmanClient(servers: servers, eventLoop: eventLoop, logger: environment.logger)
    }

    package func handOver(
        _ tasks: [ClaimedTask]
    ) async -> Result<[HandOverAnswer], DispatcherStateMachine.HandOverFailure> {
        do {
            let request = GearmanJobRequest(
                function: Self.function, workload: HandOverCodec.encode(tasks), priority: .high)
            return .success(try HandOverCodec.decodeAnswers(await self.client.perform(request)))
        } catch let error as GearmanError where error.code == .notConnected || error.code == .serverError {
            return .failure(.notDelivered)
        } catch {
            return .failure(.unknown)
        }
    }

    package func close() async {
        await self.client.close()
    }
}
