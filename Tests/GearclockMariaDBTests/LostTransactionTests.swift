import GearclockMariaDB
import MariaDBServer
import Testing

/// A transaction that Galera takes back because another node was first is never taken for committed.
@Suite(.serialized) struct LostTransactionTests {
    private static let rounds = 400

    /// The server loses about one in fifty of these conflicts. With one node they are conflicts of locks, none is lost.
    @Test func `of two nodes that change one row by bulks and by a statement one is told that it is done`() async throws
    {
        let configuration = try await MariaDBServer.shared().makeDatabase()
        let nodes = [configuration.nodes[0], configuration.nodes[configuration.nodes.count - 1]]
        let connections = nodes.map { NodeConnection(to: $0, configuration: configuration) }
        try await connections[0].perform { (connection) throws(MariaDBFailure) in
            try connection.execute("CREATE TABLE sample (id BIGINT PRIMARY KEY, held BIGINT NOT NULL)")
            try connection.execute("CREATE TABLE entry (id BIGINT PRIMARY KEY)")
        }
        for id in Int64(1)...Int64(Self.rounds) {
            try await connections[0].perform { (connection) throws(MariaDBFailure) in
                try connection.execute("INSERT INTO sample VALUES (\(id), 1)")
                try connection.commit()
            }
            // Both nodes have it before they race.
            for connection in connections { try await connection.waitForRow(id) }
            async let removed = connections[0].isDone { (connection) throws(MariaDBFailure) in
                let remove = try connection.statement("DELETE FROM sample WHERE held = 1 AND id = ?")
                remove.bind(1, id)
                return try remove.run()
            }
            async let released = connections[1].isDone { (connection) throws(MariaDBFailure) in
                let release = try connection.statement("UPDATE sample SET held = 0 WHERE id = ? AND held = 1")
                release.bind(1, id)
                release.endRow()
                guard try release.runBatch() == 1 else { return 0 }
                let add = try connection.statement("INSERT INTO entry VALUES (?)")
                add.bind(1, id)
                add.endRow()
                return try add.runBatch()
            }
            let answers = await [removed, released]
            #expect(answers != [true, true], "round \(id)")
            // What is left is what the answers say.
            let left = try await connections[0].perform { (connection) throws(MariaDBFailure) in
                try connection.setCausal(true)
                let rows = try connection.textRows(
                    "SELECT (SELECT held FROM sample WHERE id = \(id)), (SELECT id FROM entry WHERE id = \(id))")
                try connection.rollback()
                return rows[0].map { $0.flatMap { Int64($0) } }
            }
            #expect(left == (answers[1] ? [0, id] : [answers[0] ? nil : 1, nil]), "round \(id)")
        }
        for connection in connections { await connection.close() }
    }
}

extension NodeConnection {
    fileprivate func waitForRow(_ id: Int64) async throws {
        try await self.perform { (connection) throws(MariaDBFailure) in
            try connection.setCausal(true)
            _ = try connection.textRows("SELECT id FROM sample WHERE id = \(id)")
            try connection.rollback()
        }
    }

    /// Runs a change in a transaction.
    /// - Returns: whether it found its row, and was told that it is committed.
    fileprivate func isDone(
        _ change: @escaping @Sendable (MariaDBConnection) throws(MariaDBFailure) -> Int
    ) async -> Bool {
        let count = try? await self.perform { (connection) throws(MariaDBFailure) in
            try connection.transaction { (connection) throws(MariaDBFailure) in try change(connection) }
        }
        return count == 1
    }
}
