import GearclockCore
import GearclockMariaDB
import MariaDBServer
import Testing

@Suite struct ConnectionStatementTests {
    private static let table = """
        CREATE TABLE sample (id BINARY(16) NOT NULL PRIMARY KEY, number BIGINT, bytes LONGBLOB) ENGINE = InnoDB
        """
    private static let insert = "INSERT INTO sample (id, number, bytes) VALUES (?, ?, ?)"

    private func connect(to server: MariaDBServer? = nil) async throws -> MariaDBConnection {
        let shared = try await MariaDBServer.shared()
        let configuration = try (server ?? shared).makeDatabase()
        let connection = try MariaDBConnection(to: configuration.nodes[0], configuration: configuration)
        try connection.execute(Self.table)
        return connection
    }

    private struct Sample: Equatable {
        var id: TaskID
        var number: Int64?
        var bytes: [UInt8]?
    }

    private func insert(
        _ samples: [Sample], with connection: MariaDBConnection, asBulk: Bool? = nil
    ) throws(MariaDBFailure) -> Int {
        let statement = try connection.statement(Self.insert)
        for sample in samples {
            statement.bind(1, sample.id)
            statement.bind(2, sample.number)
            statement.bind(3, sample.bytes)
            statement.endRow()
        }
        return try statement.runBatch(asBulk: asBulk)
    }

    private func samples(in connection: MariaDBConnection) throws -> [Sample] {
        var samples: [Sample] = []
        try connection.statement("SELECT id, number, bytes FROM sample ORDER BY id").forEachRow { row in
            samples.append(
                Sample(
                    id: row.taskID(0) ?? TaskID(high: 0, low: 0), number: row.optionalInteger(1),
                    bytes: row.optionalBytes(2)))
        }
        return samples
    }

    private static func bytes(_ count: Int, seed: Int = 7) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ seed) }
    }

    private static func id(_ number: Int) -> TaskID { TaskID(high: 1, low: UInt64(number)) }

    @Test func `an error that comes in place of a row says what it is`() async throws {
        let connection = try await self.connect()
        defer { connection.close() }
        let endless = "SET STATEMENT max_statement_time = 0.1 FOR SELECT seq, SLEEP(0.01) FROM seq_1_to_1000"
        #expect {
            try connection.statement(endless).forEachRow { _ in }
        } throws: {
            ($0 as? MariaDBFailure)?.meaning == .interrupted
        }
        // The connection goes on.
        #expect(try self.samples(in: connection).isEmpty)
    }

    @Test(arguments: [true, false])
    func `a batch is stored as it was bound, as a bulk and row by row`(asBulk: Bool) async throws {
        let connection = try await self.connect()
        defer { connection.close() }
        var samples: [Sample] = []
        for index in 0..<1000 {
            let number: Int64? = index % 3 == 0 ? nil : Int64(index) * (index.isMultiple(of: 2) ? -1 : 1)
            samples.append(
                Sample(
                    id: Self.id(index), number: number,
                    bytes: index % 5 == 0 ? nil : Self.bytes(index % 130, seed: index)))
        }
        samples[0].number = .min
        samples[1].number = .max
        #expect(try self.insert(samples, with: connection, asBulk: asBulk) == 1000)
        try connection.commit()
        #expect(try self.samples(in: connection) == samples)
    }

    @Test func `the server of these tests takes bulks`() async throws {
        let connection = try await self.connect()
        defer { connection.close() }
        #expect(connection.facts.supportsBulk)
        #expect(connection.facts.maximumPacketBytes >= 1 << 20)
        #expect(connection.facts.version.contains("MariaDB"))
    }

    @Test func `long values come back whole`() async throws {
        let connection = try await self.connect()
        defer { connection.close() }
        let sizes = [0, 1, 63, 64, 65, 255, 256, 65_535, 65_536, 1 << 20, 5 << 20]
        let samples = sizes.enumerated().map { index, size in
            Sample(id: Self.id(index), number: Int64(size), bytes: Self.bytes(size))
        }
        #expect(try self.insert(samples, with: connection) == samples.count)
        #expect(try self.samples(in: connection) == samples)
    }

    @Test(arguments: [true, false])
    func `a batch that is larger than a packet is sent in several`(asBulk: Bool) async throws {
        let server = try await MariaDBServer.start(arguments: ["--max-allowed-packet=1M"])
        // It ends when it is let go of.
        defer { withExtendedLifetime(server) {} }
        let connection = try await self.connect(to: server)
        defer { connection.close() }
        let size = connection.facts.maximumPacketBytes / 5
        let samples = (0..<12).map { Sample(id: Self.id($0), number: 1, bytes: Self.bytes(size, seed: $0)) }
        #expect(try self.insert(samples, with: connection, asBulk: asBulk) == 12)
        #expect(try self.samples(in: connection) == samples)
    }

    @Test func `a row that is larger than a packet is refused, and nothing breaks`() async throws {
        let server = try await MariaDBServer.start(arguments: ["--max-allowed-packet=1M"])
        // It ends when it is let go of.
        defer { withExtendedLifetime(server) {} }
        let connection = try await self.connect(to: server)
        defer { connection.close() }
        let bytes = Self.bytes(connection.facts.maximumPacketBytes)
        #expect {
            _ = try self.insert([Sample(id: Self.id(1), number: 1, bytes: bytes)], with: connection)
        } throws: { ($0 as? MariaDBFailure)?.meaning == .tooLarge }
        #expect(try self.insert([Sample(id: Self.id(1), number: 1, bytes: [1])], with: connection) == 1)
        #expect(try self.samples(in: connection).count == 1)
    }

    @Test func `a duplicate key in a batch is a failure, and a rollback takes everything back`() async throws {
        let connection = try await self.connect()
        defer { connection.close() }
        let samples = [1, 2, 3, 2, 4].map { Sample(id: Self.id($0), number: 1, bytes: nil) }
        #expect {
            _ = try self.insert(samples, with: connection)
        } throws: { ($0 as? MariaDBFailure)?.meaning == .duplicateKey }
        try connection.rollback()
        #expect(try self.samples(in: connection).isEmpty)
    }

    @Test func `an update counts the rows that it finds, changed or not`() async throws {
        let connection = try await self.connect()
        defer { connection.close() }
        _ = try self.insert((0..<3).map { Sample(id: Self.id($0), number: 5, bytes: nil) }, with: connection)
        let update = try connection.statement("UPDATE sample SET number = ? WHERE number = ?")
        update.bind(1, 5)
        update.bind(2, 5)
        #expect(try update.run() == 3)
        update.bind(1, 6)
        update.bind(2, 6)
        #expect(try update.run() == 0)
    }

    @Test func `what is not committed is gone with the connection`() async throws {
        let configuration = try await MariaDBServer.shared().makeDatabase()
        let node = configuration.nodes[0]
        let connection = try MariaDBConnection(to: node, configuration: configuration)
        try connection.execute(Self.table)
        #expect(!connection.autocommit)
        _ = try self.insert([Sample(id: Self.id(1), number: 1, bytes: nil)], with: connection)
        #expect(connection.isInTransaction)
        connection.close()
        #expect(throws: MariaDBFailure.self) { try connection.commit() }

        let other = try MariaDBConnection(to: node, configuration: configuration)
        defer { other.close() }
        #expect(try self.samples(in: other).isEmpty)
    }

    @Test func `a connection for reading leaves no transaction open and changes nothing`() async throws {
        let configuration = try await MariaDBServer.shared().makeDatabase()
        let node = configuration.nodes[0]
        let writer = try MariaDBConnection(to: node, configuration: configuration)
        defer { writer.close() }
        try writer.execute(Self.table)
        let reader = try MariaDBConnection(to: node, configuration: configuration, for: .reading)
        defer { reader.close() }
        #expect(try self.samples(in: reader).isEmpty)
        #expect(!reader.isInTransaction)
        #expect(throws: MariaDBFailure.self) {
            try self.insertOne(with: reader)
        }
        // Nothing holds the table.
        try writer.execute("ALTER TABLE sample ADD COLUMN more INT")
    }

    private func insertOne(with connection: MariaDBConnection) throws(MariaDBFailure) {
        let statement = try connection.statement(Self.insert)
        statement.bind(1, Self.id(1))
        try statement.run()
    }

    @Test func `reading may stop at any row, and the connection goes on`() async throws {
        struct Enough: Error {}
        let connection = try await self.connect()
        defer { connection.close() }
        _ = try self.insert(
            (0..<500).map { Sample(id: Self.id($0), number: Int64($0), bytes: Self.bytes(3000)) }, with: connection)
        let select = try connection.statement("SELECT number FROM sample ORDER BY id")
        var seen = 0
        #expect(throws: MariaDBFailure.self) {
            try select.forEachRow { (row) throws(MariaDBFailure) in
                seen += 1
                if row.integer(0) == 9 { throw MariaDBFailure(code: 0, message: "Enough", step: .statement) }
            }
        }
        #expect(seen == 10)
        #expect(try connection.statement("SELECT COUNT(*) FROM sample").firstRow { $0.integer(0) } == 500)
        #expect(try connection.statement("SELECT SUM(number) FROM sample").firstRow { $0.integer(0) } == 124_750)
    }

    @Test func `a statement that cannot be prepared says why`() async throws {
        let connection = try await self.connect()
        defer { connection.close() }
        #expect {
            _ = try connection.statement("SELECT id FROM missing")
        } throws: { ($0 as? MariaDBFailure)?.meaning == .schema }
        #expect {
            _ = try connection.statement("SELECT missing FROM sample")
        } throws: { ($0 as? MariaDBFailure)?.meaning == .schema }
    }

    @Test func `a table that is altered meanwhile is read on`() async throws {
        let connection = try await self.connect()
        defer { connection.close() }
        _ = try self.insert([Sample(id: Self.id(1), number: 7, bytes: [1])], with: connection)
        try connection.commit()
        let select = try connection.statement("SELECT number, bytes FROM sample")
        #expect(try select.firstRow { $0.integer(0) } == 7)
        try connection.commit()
        try connection.execute("ALTER TABLE sample ADD COLUMN more INT NOT NULL DEFAULT 3 FIRST")
        #expect(try select.firstRow { $0.integer(0) } == 7)
        try connection.execute("ALTER TABLE sample MODIFY COLUMN number INT")
        #expect(try select.firstRow { $0.integer(0) } == 7)
    }
}
