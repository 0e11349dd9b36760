internal import GearclockCore
internal import GearclockEnvironment
internal import Gearman
internal import GearmanServer
internal import Logging
internal import ServiceLifecycle

/// How a daemon becomes ready: by a store that is there, and a job server.
extension DaemonProcess {
    /// Looks for all stores at the same time.
    ///
    /// - Returns: those that are away.
    /// - Throws: ``CommandFailure`` if one of them cannot be used, and waiting would not help.
    func look(_ stores: [OpenStore]) async throws -> [OpenStore] {
        try await withThrowingTaskGroup(of: OpenStore?.self) { group in
            for store in stores {
                group.addTask { try await store.look(logger: self.logger) ? nil : store }
            }
            return try await group.reduce(into: []) { missing, store in if let store { missing.append(store) } }
        }
    }

    func waitFor(_ store: OpenStore) async throws {
        do {
            try await store.awaitReadiness(clock: self.clock)
        } catch is CancellationError {
            return
        }
        self.logger.info("The store is there", metadata: ["store": "\(store.location.name)"])
    }

    /// Runs a job server at the usual address, for as long as the daemons run.
    ///
    /// - Returns: nil if something listens there: it will be one.
    func startJobServer() async -> GearmanJobServer? {
        let server = GearmanJobServer(logger: Logger(label: "gearclock.jobserver"))
        do {
            let address = try await server.start()
            self.logger.info("Running a job server", metadata: ["server": "\(address)"])
            return server
        } catch {
            self.logger.info("Using the job server that is there", metadata: ["reason": "\(error)"])
            return nil
        }
    }

    /// Ready is who has a store and has reached a job server.
    func announceReadiness() async throws {
        // Short times, because a stop that is asked for meanwhile waits for the answer to the last question.
        var configuration = GearmanClientConfiguration()
        configuration.connectTimeout = .seconds(2)
        configuration.requestTimeout = .seconds(2)
        let client = GearmanClient(
            servers: self.settings.servers, configuration: configuration, eventLoop: self.eventLoop,
            logger: self.logger)
        var isReported = false
        while true {
            do {
                _ = try await client.echo(Array("gearclock".utf8))
                break
            } catch {
                guard !Task.isCancelled else { break }
                if !isReported {
                    let troubles = await client.troubles
                    self.logger.warning("No job server answers; trying again", metadata: ["error": "\(troubles)"])
                    isReported = true
                }
            }
            let next = self.clock.now.monotonic.advanced(by: .milliseconds(200))
            do { try await self.clock.sleep(until: next) } catch { break }
        }
        await client.close()
        guard !Task.isCancelled else { return }
        self.logger.info("Ready")
        try self.readyFile?.create()
        let servers = self.settings.gearman.value.map(\.description).joined(separator: ", ")
        let stores = self.settings.stores.value.map(\.description).joined(separator: ", ")
        Terminal.write(
            "gearclock \(self.name) is ready (job servers: \(servers); "
                + (self.settings.stores.value.count == 1 ? "store: " : "stores: ") + stores + ")")
    }
}

/// Watches the stores for as long as any daemon uses them.
struct StoreWatch: Service, CustomStringConvertible {
    let description = "stores"
    private let stores: [OpenStore]

    init(_ stores: [OpenStore]) {
        self.stores = stores
    }

    func run() async throws {
        let runs = self.stores.compactMap(\.run)
        await withDiscardingTaskGroup { group in
            for run in runs { group.addTask { await run() } }
            // Files need nobody who watches, but a service that returns early is taken for one that failed.
            try? await gracefulShutdown()
            group.cancelAll()
        }
    }
}
