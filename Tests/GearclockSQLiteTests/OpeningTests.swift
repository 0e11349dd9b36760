import Foundation
import GRDB
import GearclockCore
import GearclockSQLite
import Testing

/// Files that can be opened, and files that are refused with a reason.
@Suite struct OpeningTests {
    @Test func `a new file is readable by its owner only, and so are its companions`() async throws {
        let directory = try TemporaryDirectory()
        let store = try SQLiteTaskStore(path: directory.file())
        _ = try await store.insert([StoredTask.scheduled], now: StoredTask.now)
        for suffix in ["", "-wal", "-shm"] {
            let attributes = try FileManager.default.attributesOfItem(atPath: directory.file() + suffix)
            #expect(attributes[.posixPermissions] as? Int == 0o600, "permissions of \(suffix)")
        }
        try store.close()
    }

    @Test func `a file keeps its tasks when it is closed and opened again`() async throws {
        let directory = try TemporaryDirectory()
        let first = try SQLiteTaskStore(path: directory.file())
        _ = try await first.insert([StoredTask.scheduled], now: StoredTask.now)
        try first.close()
        let second = try SQLiteTaskStore(path: directory.file())
        #expect(try await second.records(of: [StoredTask.scheduled.id]) == [TaskRecord(StoredTask.scheduled)])
        try second.close()
    }

    @Test func `an empty file is taken for a new one`() throws {
        let directory = try TemporaryDirectory()
        #expect(FileManager.default.createFile(atPath: directory.file(), contents: nil))
        try SQLiteTaskStore(path: directory.file()).close()
    }

    @Test func `commits are durable, and the log is written ahead`() async throws {
        let directory = try TemporaryDirectory()
        let store = try SQLiteTaskStore(path: directory.file())
        #expect(try await store.setting("synchronous") == 2)
        #expect(try await store.setting("secure_delete") == 0)
        try store.close()
        let mode = try await DatabaseQueue(path: directory.file()).read { database in
            try String.fetchOne(database, sql: "PRAGMA journal_mode")
        }
        #expect(mode == "wal")
    }

    @Test func `a closed store is unavailable`() async throws {
        let directory = try TemporaryDirectory()
        let store = try SQLiteTaskStore(path: directory.file())
        try store.close()
        try store.close()
        await expectUnavailable("closed") { try await store.insert([StoredTask.scheduled], now: StoredTask.now) }
        await expectUnavailable("closed") { try await store.nextDue() }
        await expectUnavailable("closed") { try await store.counts(now: StoredTask.now) }
    }

    @Test func `a missing directory is named`() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("missing/tasks.sqlite")
        await expectUnavailable(path) { try SQLiteTaskStore(path: path) }
        #expect(!FileManager.default.fileExists(atPath: directory.file("missing")))
    }

    @Test func `a directory is not a file`() async throws {
        let directory = try TemporaryDirectory()
        await expectUnavailable("unable to open") { try SQLiteTaskStore(path: directory.path) }
    }

    @Test func `a newer schema is refused, and left as it is`() async throws {
        let directory = try TemporaryDirectory()
        try SQLiteTaskStore(path: directory.file()).close()
        try await Self.execute("PRAGMA user_version = 1000", in: directory)
        let before = try Data(contentsOf: URL(fileURLWithPath: directory.file()))
        await expectUnavailable("use a newer program") { try SQLiteTaskStore(path: directory.file()) }
        #expect(try Data(contentsOf: URL(fileURLWithPath: directory.file())) == before)
    }

    @Test(arguments: [
        "CREATE TABLE task (id)", "PRAGMA application_id = 1", "PRAGMA user_version = 1", "PRAGMA user_version = -1",
    ])
    func `somebody else's database is refused, and left as it is`(_ sql: String) async throws {
        let directory = try TemporaryDirectory()
        try await Self.execute(sql, in: directory)
        let before = try Data(contentsOf: URL(fileURLWithPath: directory.file()))
        await expectUnavailable("some other program") { try SQLiteTaskStore(path: directory.file()) }
        #expect(try Data(contentsOf: URL(fileURLWithPath: directory.file())) == before)
    }

    @Test func `what is not a database is refused`() async throws {
        let directory = try TemporaryDirectory()
        try Data((0..<10_000).map { UInt8(truncatingIfNeeded: $0) }).write(to: URL(fileURLWithPath: directory.file()))
        await expectUnavailable("not a database") { try SQLiteTaskStore(path: directory.file()) }
    }

    @Test func `a file that may not be written is refused`() async throws {
        let directory = try TemporaryDirectory()
        try SQLiteTaskStore(path: directory.file()).close()
        // The version that a program must know to write the file. Permissions would not stop a test that runs as root.
        let file = try FileHandle(forUpdating: URL(fileURLWithPath: directory.file()))
        try file.seek(toOffset: 18)
        try file.write(contentsOf: Data([3]))
        try file.close()
        await expectUnavailable("may not be written") { try SQLiteTaskStore(path: directory.file()) }
    }

    private static func execute(_ sql: String, in directory: TemporaryDirectory) async throws {
        let queue = try DatabaseQueue(path: directory.file())
        try await queue.writeWithoutTransaction { try $0.execute(sql: sql) }
        try queue.close()
    }
}

/// Expects that a call is `unavailable` and says why.
func expectUnavailable<Value>(
    _ words: String, sourceLocation: SourceLocation = #_sourceLocation, _ call: () async throws -> Value
) async {
    do {
        _ = try await call()
        Issue.record("It should be unavailable", sourceLocation: sourceLocation)
    } catch TaskStoreError.unavailable(let text, _) {
        #expect(text.contains(words), sourceLocation: sourceLocation)
    } catch {
        Issue.record("It should be unavailable, not \(error)", sourceLocation: sourceLocation)
    }
}

/// Tasks that several tests store.
enum StoredTask {
    static let now = Timestamp(microseconds: 1_800_000_000_000_000)
    static let scheduled = task(1)

    static func task(_ number: UInt64, payload: [UInt8] = [1, 2, 3]) -> TaskDefinition {
        guard let function = FunctionName("resize") else { preconditionFailure("A valid name") }
        return TaskDefinition(
            id: TaskID(high: 0x8000, low: 1 << 63 | number), function: function, payload: payload, dueAt: self.now,
            createdAt: self.now)
    }

    /// The kept job of the released schemas.
    static let keptJob = KeptJob(
        number: 5, priority: .low, retries: 1, dueAt: now, function: Array("resize".utf8), unique: Array("u".utf8),
        reducer: [], workload: [0, 255, 10])

    static func claim(limit: Int = 10, owner: UInt64 = 1) -> ClaimRequest {
        ClaimRequest(
            owner: OwnerID(value: owner), dueBy: self.now, limit: limit, leaseUntil: self.now.advanced(by: .seconds(15))
        )
    }
}
