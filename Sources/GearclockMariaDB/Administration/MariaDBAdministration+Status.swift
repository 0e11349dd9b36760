package import GearclockCore
internal import GearclockEnvironment

extension MariaDBAdministration {
    /// How a cluster is.
    package struct Status: Equatable, Sendable {
        /// In the order of the configuration.
        package var nodes: [NodeStatus]
        /// From the first node that has our tables; `nil` if none has.
        package var counts: TaskCounts?
    }

    /// How one node is.
    package struct NodeStatus: Equatable, Sendable {
        package var node: MariaDBConfiguration.Node
        /// Why it did not answer; then nothing else is known.
        package var failure: String?
        package var version: String?
        /// `nil`: it is no node of a Galera cluster.
        package var galera: GaleraStatus?
        package var isReadOnly = false
        /// The version of the schema; `nil` if there is none, or it cannot be read.
        package var schemaVersion: Int?
        /// What is wrong with the schema.
        package var schemaProblem: String?
        /// How much the node's clock is ahead of ours, give or take half the time that the question took.
        package var clockOffset: Duration?
        var counts: TaskCounts?

        /// Whether the store can work with it.
        package var isWell: Bool {
            self.failure == nil && self.schemaProblem == nil && !self.isReadOnly && self.galera?.isWell ?? true
        }
    }

    /// What Galera says on one node.
    package struct GaleraStatus: Equatable, Sendable {
        /// `wsrep_ready`: it takes statements.
        package var isReady: Bool
        /// `Primary`, `non-Primary` or `Disconnected`.
        package var clusterStatus: String
        /// `Synced`, `Donor/Desynced`, `Joined`, `Joining`, …
        package var state: String
        package var clusterSize: Int
        /// Nodes of one cluster have the same.
        package var clusterStateID: String
        /// The share of the time for which slow nodes stopped everybody, 0 ... 1, since the status was flushed.
        package var flowControlPaused: Double
        /// Write sets that wait to be applied here.
        package var receiveQueue: Int

        package var isWell: Bool { self.isReady && self.clusterStatus == "Primary" && self.state == "Synced" }
    }

    /// Asks all nodes how they are, and one of them how many tasks there are.
    package func status() async -> Status {
        let clock = self.clock
        let answers = await self.ask { (connection) throws(MariaDBFailure) in
            try Self.status(of: connection, clock: clock)
        }
        let nodes = answers.map { node, answer in
            switch answer {
            case .success(var status):
                status.node = node
                return status
            case .failure(let failure): return NodeStatus(node: node, failure: failure.description)
            }
        }
        return Status(nodes: nodes, counts: nodes.lazy.compactMap(\.counts).first)
    }

    private static func status(
        of connection: MariaDBConnection, clock: any GearclockClock
    ) throws(MariaDBFailure) -> NodeStatus {
        var status = NodeStatus(node: .init(host: ""))
        status.version = connection.facts.version
        status.galera = Self.galera(try connection.shown("SHOW SESSION STATUS LIKE 'wsrep%'"))
        status.isReadOnly = try connection.shown("SHOW GLOBAL VARIABLES LIKE 'read_only'")["read_only"] != "OFF"
        guard status.galera?.isReady ?? true else { return status }
        do {
            let found = try MariaDBSchema.find(on: connection)
            if case .version(let version, _) = found { status.schemaVersion = version }
            status.schemaProblem = found.defect?.description
        } catch  where !error.breaksConnection {
            status.schemaProblem = error.description
        }
        let before = clock.now
        let time = try connection.number("SELECT CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS SIGNED)")
        let half = before.monotonic.duration(to: clock.now.monotonic) / 2
        status.clockOffset = before.wall.advanced(by: half).duration(to: Timestamp(microseconds: Int64(time)))
        if status.schemaProblem == nil {
            status.counts = try MariaDBReading(connection, clock: clock).counts(now: before.wall)
        }
        return status
    }

    private static func galera(_ status: [String: String]) -> GaleraStatus? {
        // A server that can be a node, and is none, has an empty one.
        guard let clusterStateID = status["wsrep_cluster_state_uuid"], !clusterStateID.isEmpty else { return nil }
        return GaleraStatus(
            isReady: status["wsrep_ready"] == "ON", clusterStatus: status["wsrep_cluster_status"] ?? "",
            state: status["wsrep_local_state_comment"] ?? "",
            clusterSize: status["wsrep_cluster_size"].flatMap { Int($0) } ?? 0, clusterStateID: clusterStateID,
            flowControlPaused: status["wsrep_flow_control_paused"].flatMap { Double($0) } ?? 0,
            receiveQueue: status["wsrep_local_recv_queue"].flatMap { Int($0) } ?? 0)
    }
}
