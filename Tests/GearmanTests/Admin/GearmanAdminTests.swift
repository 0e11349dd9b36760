import Gearman
import Testing

@Suite(.timeLimit(.minutes(1)))
struct GearmanAdminTests {
    let server: InProcessGearmanServer
    let admin: GearmanAdmin

    init() async throws {
        self.server = try await InProcessGearmanServer()
        self.admin = GearmanAdmin(server: self.server.address, logger: silentLogger)
    }

    /// Answers one command, which must be this.
    private func answer(_ peer: ServerSideConnection, _ command: String, _ answer: String) async throws {
        #expect(try await peer.nextLine() == command + "\r")
        await peer.sendRaw(bytes(answer))
    }

    @Test func `each command has its words, and its answer its type`() async throws {
        async let version = self.admin.version()
        let peer = try await self.server.accept()
        try await self.answer(peer, "version", "OK 1.1.20\n")
        #expect(try await version == "1.1.20")

        async let status = self.admin.status()
        try await self.answer(peer, "status", "f\t3\t1\t2\ng\t0\t0\t1\n.\n")
        #expect(try await status.map(\.function) == ["f", "g"])

        async let priorities = self.admin.priorityStatus()
        try await self.answer(peer, "prioritystatus", "f\t1\t2\t3\t4\n.\n")
        #expect(try await priorities.first?.workers == 4)

        async let jobs = self.admin.showJobs()
        try await self.answer(peer, "show jobs", "H:1\t2\t1\t0\n.\n")
        #expect(try await jobs == [GearmanJobEntry(handle: "H:1", retries: 2, isIgnored: true, isPersistent: false)])

        async let limited: Void = self.admin.maxQueue("f", high: 1, normal: nil, low: 3)
        try await self.answer(peer, "maxqueue f 1 -1 3", "OK\r\n")
        try await limited

        async let stopped: Void = self.admin.shutdown(graceful: true)
        #expect(try await peer.nextLine() == "shutdown graceful\r")
        await peer.close()
        try await stopped
    }

    @Test func `a server's error reaches the caller, and the next command works`() async throws {
        async let refused = outcome { try await self.admin.createFunction("f") }
        let peer = try await self.server.accept()
        try await self.answer(peer, "create function f", "ERR UNKNOWN_COMMAND Unknown+server+command\r\n")
        let error = try #require(await refused.gearmanError)
        #expect(error.code == .serverError)
        #expect(error.message.contains("Unknown server command"))
        async let pid = self.admin.getpid()
        try await self.answer(peer, "getpid", "OK 17\n")
        #expect(try await pid == 17)
        await self.admin.close()
    }

    @Test func `a name that would be two words is never sent`() async throws {
        for name in ["", "a b", "a\nshutdown", "a\0"] {
            let result = await outcome { try await self.admin.dropFunction(name) }
            #expect(result.gearmanError?.code == .invalidRequest)
        }
    }

    @Test func `an answer that makes no sense is an error of its own`() async throws {
        async let pid = outcome { try await self.admin.getpid() }
        let peer = try await self.server.accept()
        try await self.answer(peer, "getpid", "who knows\n")
        #expect(await pid.gearmanError?.code == .unsupportedReply)
        await self.admin.close()
    }

    @Test func `who is cancelled waits no longer, and others are not disturbed`() async throws {
        let peer = try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                await #expect(throws: CancellationError.self) { _ = try await self.admin.version() }
            }
            let peer = try await self.server.accept()
            #expect(try await peer.nextLine() == "version\r")
            group.cancelAll()
            try await group.waitForAll()
            return peer
        }
        async let pid = self.admin.getpid()
        #expect(try await peer.nextLine() == "getpid\r")
        await peer.sendRaw(bytes("OK 1.1.20\nOK 17\n"))
        #expect(try await pid == 17)
        await self.admin.close()
    }

    @Test func `a silent server times out, and its connection is closed`() async throws {
        let admin = GearmanAdmin(server: self.server.address, logger: silentLogger, timeout: .milliseconds(500))
        async let late = outcome { try await admin.version() }
        let silent = try await self.server.accept()
        #expect(try await silent.nextLine() == "version\r")
        #expect(await late.gearmanError?.code == .timedOut)
        try await silent.closed()
        await admin.close()
    }

    @Test func `without a server a command fails`() async throws {
        await self.server.stopListening()
        #expect(await outcome { try await self.admin.status() }.gearmanError?.code == .notConnected)
    }
}
