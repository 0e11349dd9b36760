package import GearclockCore
package import GearclockEnvironment
package import Gearman

/// Hands tasks over through a job server: one foreground job for a batch, which the controller answers at once.
package struct GearmanHandOver: TaskHandOver {
    /// With these the job was never submitted.
    private static let refusals: [GearmanError.Code] = [.notConnected, .serverError, .tooManyRequests, .closed]

    private let client: GearmanClient
    private let function: String

    /// - Parameter function: the Gearman function by which the controllers of the cluster are reached.
    package init(
        servers: [GearmanServerAddress], function: String, environment: ServiceEnvironment,
        eventLoop: GearmanEventLoop = .shared
    ) {
        self.function = function
        self.client = GearmanClient(servers: servers, eventLoop: eventLoop, logger: environment.logger)
    }

    package func handOver(
        _ tasks: [ClaimedTask], in lane: Lane?
    ) async -> Result<[HandOverAnswer], DispatcherStateMachine.HandOverFailure> {
        do {
            let request = GearmanJobRequest(
                function: lane.map { HandOverCodec.function(self.function, in: $0) } ?? self.function,
                workload: HandOverCodec.encode(tasks), priority: .high)
            return .success(try HandOverCodec.decodeAnswers(await self.client.perform(request)))
        } catch let error as GearmanError where Self.refusals.contains(error.code) {
            return .failure(.notDelivered)
        } catch {
            return .failure(.unknown)
        }
    }

    package func close() async {
        await self.client.close()
    }
}
