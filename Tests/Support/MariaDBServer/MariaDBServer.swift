import Foundation
package import GearclockMariaDB
import Synchronization

/// A MariaDB for tests: one that they start themselves, or the server or cluster that `GEARCLOCK_TEST_MARIADB` names
/// (`HOST:PORT[,HOST:PORT…]`; the user is `GEARCLOCK_TEST_MARIADB_USER`, by default root, with the password
/// `GEARCLOCK_TEST_MARIADB_PASSWORD`, by default none).
///
/// A server that was started ends with the process that started it, however that ends: a shell stands between them,
/// and stops the server and removes its directory when its standard input is closed.
package final class MariaDBServer: Sendable {
    package let nodes: [MariaDBConfiguration.Node]
    /// Where its files are; `nil` if it was not started here.
    package let directory: String?
    private let guardian: Guardian?

    /// The one that all tests of a process share.
    package static func shared() async throws -> MariaDBServer {
        if let named = ProcessInfo.processInfo.environment["GEARCLOCK_TEST_MARIADB"], !named.isEmpty {
            return MariaDBServer(nodes: try self.nodes(named), directory: nil, guardian: nil)
        }
        return try await Shared.instance.server()
    }

    /// Starts a server of its own, which ends when it is let go of.
    ///
    /// - Parameter arguments: more options of `mariadbd`; `DIRECTORY` in them is the server's directory.
    /// - Parameter prepare: called with the directory before the server starts.
    package static func start(
        arguments: [String] = [], prepare: (_ directory: String) async throws -> Void = { _ in }
    ) async throws -> MariaDBServer {
        for _ in 0..<5 {
            // Somebody may take the port between the search for a free one and its use.
            let port = try self.freePort()
            let directory = try self.temporaryDirectory()
            let guardian = Guardian(directory: directory)
            try await self.install(into: directory)
            try await prepare(directory)
            let more = arguments.map { $0.replacingOccurrences(of: "DIRECTORY", with: directory) }
            if try await guardian.start(self.command(directory, port: port) + more) {
                return MariaDBServer(
                    nodes: [.init(host: "127.0.0.1", port: port)], directory: directory, guardian: guardian)
            }
            if !guardian.log.contains("Address already in use") {
                throw MariaDBServerError("mariadbd did not start: \(guardian.log.suffix(2000))")
            }
        }
        throw MariaDBServerError("No free port for mariadbd")
    }

    /// A new, empty database, and how to get there.
    package func makeDatabase() throws -> MariaDBConfiguration {
        let name = "test_\(ProcessInfo.processInfo.processIdentifier)_\(Shared.nextNumber())"
        var configuration = self.configuration(database: "")
        let connection = try MariaDBConnection(to: self.nodes[0], configuration: configuration)
        try connection.execute("CREATE DATABASE \(name)")
        connection.close()
        // Whoever names it when he connects to another node is refused until that node has it.
        for node in self.nodes.dropFirst() {
            let connection = try MariaDBConnection(to: node, configuration: configuration)
            try connection.setCausal(true)
            _ = try connection.textRows("SELECT schema_name FROM information_schema.schemata")
            connection.close()
        }
        configuration.database = name
        return configuration
    }

    /// As a user who may do everything, on all nodes.
    package func configuration(database: String) -> MariaDBConfiguration {
        // The account of a server that was started here is always the same.
        let named = self.directory == nil ? ProcessInfo.processInfo.environment : [:]
        return MariaDBConfiguration(
            nodes: self.nodes, database: database, user: named["GEARCLOCK_TEST_MARIADB_USER"] ?? "root",
            password: named["GEARCLOCK_TEST_MARIADB_PASSWORD"].map { MariaDBConfiguration.Secret($0) })
    }

    /// Stops the process where it is; its sockets stay, and nothing answers.
    package func freeze() { self.guardian?.signal(SIGSTOP) }
    package func thaw() { self.guardian?.signal(SIGCONT) }

    private init(nodes: [MariaDBConfiguration.Node], directory: String?, guardian: Guardian?) {
        self.nodes = nodes
        self.directory = directory
        self.guardian = guardian
    }

    // MARK: - Starting

    private static func temporaryDirectory() throws -> String {
        var template = Array("\(NSTemporaryDirectory())/gearclock-mariadb-XXXXXX".utf8CString)
        guard let path = mkdtemp(&template) else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
        return String(cString: path)
    }

    private static func install(into directory: String) async throws {
        // Not the machine's: a server that starts removes what others have in the same place.
        try FileManager.default.createDirectory(atPath: "\(directory)/tmp", withIntermediateDirectories: false)
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = [
            "mariadb-install-db", "--no-defaults", "--user=\(NSUserName())", "--datadir=\(directory)/data",
            "--tmpdir=\(directory)/tmp",
            "--auth-root-authentication-method=normal", "--skip-test-db",
        ]
        process.standardOutput = FileHandle.nullDevice
        let log = "\(directory)/install.log"
        _ = FileManager.default.createFile(atPath: log, contents: nil)
        process.standardError = FileHandle(forWritingAtPath: log)
        // Waited for without a blocked thread, because other tests need it.
        let (ended, continuation) = AsyncStream.makeStream(of: Void.self)
        process.terminationHandler = { _ in continuation.finish() }
        try process.run()
        for await _ in ended {}
        guard process.terminationStatus == 0 else {
            let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
            throw MariaDBServerError("mariadb-install-db failed; is mariadb-server installed? \(text)")
        }
    }

    private static func command(_ directory: String, port: UInt16) -> [String] {
        [
            "mariadbd", "--no-defaults", "--user=\(NSUserName())", "--datadir=\(directory)/data",
            "--tmpdir=\(directory)/tmp", "--socket=\(directory)/mariadbd.sock", "--pid-file=\(directory)/mariadbd.pid",
            "--bind-address=127.0.0.1", "--port=\(port)", "--skip-log-bin", "--skip-name-resolve",
            // Tests end with the server, so nothing has to outlive it.
            "--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=64M", "--innodb-log-file-size=256M",
            // The largest payload is 16 MiB, and a packet is a little more.
            "--max-allowed-packet=64M",
        ]
    }

    private static func freePort() throws -> UInt16 {
        let descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
            }
        }
        guard isBound else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
        return UInt16(bigEndian: address.sin_port)
    }

    private static func nodes(_ text: String) throws -> [MariaDBConfiguration.Node] {
        try text.split(separator: ",").map { part in
            let words = part.split(separator: ":")
            guard words.count == 2, let port = UInt16(words[1]) else {
                throw MariaDBServerError("GEARCLOCK_TEST_MARIADB: \(part) is not HOST:PORT")
            }
            return MariaDBConfiguration.Node(host: String(words[0]), port: port)
        }
    }
}

/// Why there is no server for a test.
package struct MariaDBServerError: Error, CustomStringConvertible {
    package let description: String

    init(_ description: String) {
        self.description = description
    }
}

/// The shell that stands between a test process and its server.
private final class Guardian: Sendable {
    private let directory: String
    private let text = Mutex("")
    private let input = Pipe()

    init(directory: String) {
        self.directory = directory
    }

    deinit {
        // What the shell waits for.
        try? self.input.fileHandleForWriting.close()
    }

    var log: String { self.text.withLock { $0 } }

    /// - Returns: whether the server says that it is ready, rather than close its log and end.
    func start(_ command: [String]) async throws -> Bool {
        let (readiness, continuation) = AsyncStream.makeStream(of: Bool.self)
        let process = Process()
        process.executableURL = URL(filePath: "/bin/sh")
        // A process that Foundation starts may have SIGCHLD blocked, and then `wait` never ends: the server removes the
        // file with its number when it is done.
        let script = """
            directory=$1; shift
            "$@" </dev/null & server=$!
            exec 2>/dev/null
            read -r _
            kill -TERM $server; kill -CONT $server
            for _ in 1 2 3 4 5 6 7 8 9 10; do [ -e "$directory/mariadbd.pid" ] || break; sleep 0.5; done
            kill -KILL $server
            rm -rf -- "$directory"
            """
        process.arguments = ["-c", script, "sh", self.directory] + command
        process.standardInput = self.input
        process.standardOutput = FileHandle.nullDevice
        let log = Pipe()
        process.standardError = log
        log.fileHandleForReading.readabilityHandler = { [self] handle in
            let data = handle.availableData
            if data.isEmpty {
                handle.readabilityHandler = nil
                continuation.yield(false)
            }
            let isReady = self.text.withLock { text in
                // The rest is read and dropped, so that the pipe never fills.
                guard text.utf8.count < 100_000 else { return false }
                text += String(decoding: data, as: UTF8.self)
                return text.contains("ready for connections")
            }
            if isReady { continuation.yield(true) }
        }
        try process.run()
        for await isReady in readiness { return isReady }
        return false
    }

    func signal(_ number: CInt) {
        guard let text = try? String(contentsOfFile: "\(self.directory)/mariadbd.pid", encoding: .utf8),
            let process = pid_t(text.trimmingCharacters(in: .whitespacesAndNewlines))
        else { return }
        kill(process, number)
    }
}

/// What is there once in a process.
private actor Shared {
    static let instance = Shared()
    private static let count = Mutex(0)
    private var waiting: [CheckedContinuation<MariaDBServer, any Error>] = []
    private var result: Result<MariaDBServer, any Error>?
    private var isStarting = false

    static func nextNumber() -> Int {
        self.count.withLock { count in
            count += 1
            return count
        }
    }

    /// Starts it for the first caller; the others wait for that.
    func server() async throws -> MariaDBServer {
        if let result { return try result.get() }
        if self.isStarting { return try await withCheckedThrowingContinuation { self.waiting.append($0) } }
        self.isStarting = true
        let result: Result<MariaDBServer, any Error>
        do { result = .success(try await MariaDBServer.start()) } catch { result = .failure(error) }
        self.result = result
        for continuation in self.waiting { continuation.resume(with: result) }
        self.waiting = []
        return try result.get()
    }
}
