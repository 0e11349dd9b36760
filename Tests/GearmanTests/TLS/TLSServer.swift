import Foundation
import Gearman
import Testing

/// A program that speaks TLS on a port of its own and passes on to a job server what it hears (`socat`), with a
/// certificate for 127.0.0.1 that is signed by an authority of the test's own.
final class TLSServer: Sendable {
    static let path = "/usr/bin/socat"

    /// False where the programs are missing and that is allowed: a build machine must have them.
    static let shouldRun =
        GearmandProcess.shouldRun
        && (FileManager.default.isExecutableFile(atPath: path) || ProcessInfo.processInfo.environment["CI"] == "true")

    let address: GearmanServerAddress
    private let directory: URL
    private let number: pid_t

    /// - Parameter asksForCertificate: a client needs one of the same authority.
    init(before server: GearmanServerAddress, asksForCertificate: Bool = false) async throws {
        let port = try InProcessGearmanServer.freePort()
        self.directory = FileManager.default.temporaryDirectory.appending(
            path: "gearman-tls-\(ProcessInfo.processInfo.processIdentifier)-\(port)")
        try FileManager.default.createDirectory(at: self.directory, withIntermediateDirectories: true)
        try Self.makeCertificates(in: self.directory.path)
        self.address = GearmanServerAddress(host: "127.0.0.1", port: port)
        let process = Process()
        process.executableURL = URL(filePath: Self.path)
        process.currentDirectoryURL = self.directory
        process.arguments = [
            "-d", "-d",
            "OPENSSL-LISTEN:\(port),bind=127.0.0.1,reuseaddr,fork,cert=server.pem,key=server.key,cafile=ca.pem,"
                + "verify=\(asksForCertificate ? 1 : 0)",
            "TCP:127.0.0.1:\(server.port)",
        ]
        // It says so when it listens.
        let log = Pipe()
        let listening = Signals<Bool>()
        log.fileHandleForReading.readabilityHandler = { handle in
            let data = handle.availableData
            if data.isEmpty { handle.readabilityHandler = nil }
            if String(decoding: data, as: UTF8.self).contains("listening on") { listening.send(true) }
        }
        process.terminationHandler = { _ in listening.send(false) }
        process.standardError = log
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        self.number = process.processIdentifier
        try #require(await listening.next() == true, "socat ended before it listened")
    }

    deinit {
        kill(self.number, SIGKILL)
        try? FileManager.default.removeItem(at: self.directory)
    }

    func file(_ name: String) -> String { self.directory.appending(path: name).path }

    private static func makeCertificates(in directory: String) throws {
        let process = Process()
        process.executableURL = URL(filePath: "/bin/sh")
        process.arguments = [
            "-ec",
            """
            cd "$1"
            for authority in ca other; do
                openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \\
                    -subj "/CN=$authority" -keyout $authority.key -out $authority.pem
            done
            openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=server \\
                -keyout server.key -out server.csr
            printf 'subjectAltName=IP:127.0.0.1,DNS:jobs.example' > names
            openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \\
                -extfile names -out server.pem
            """, "sh", directory,
        ]
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "openssl is missing, or failed")
    }
}
