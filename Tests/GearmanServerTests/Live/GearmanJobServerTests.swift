import Foundation
import Gearman
import GearmanServer
import Testing

/// The server behind real sockets, with our own client, worker and administrator.
@Suite(.timeLimit(.minutes(1)))
struct GearmanJobServerTests {
    @Test func `our client and our worker work with it`() async throws {
        struct Broken: Error, CustomStringConvertible { let description = "broken" }
        try await withServer { address in
            let client = GearmanClient(servers: [address], logger: silentLogger)
            let worker = GearmanWorker(servers: [address], logger: silentLogger)
            await worker.register("reverse") { job in Array(job.workload.reversed()) }
            await worker.register("breaks") { _ in throw Broken() }
            try await with(worker) {
                for priority in GearmanPriority.allCases {
                    let request = GearmanJobRequest(function: "reverse", workload: "abc", priority: priority)
                    #expect(try await client.perform(request) == Array("cba".utf8))
                }
                let handle = try await client.submitBackground(GearmanJobRequest(function: "nobody", unique: "u"))
                #expect(try await client.status(of: handle) == GearmanJobStatus(isKnown: true, isRunning: false))
                await #expect(throws: GearmanError.self) {
                    _ = try await client.perform(GearmanJobRequest(function: "breaks"))
                }
            }
            await client.close()
        }
    }

    @Test func `hundreds of connections are served`() async throws {
        try await withServer { address in
            let connections = try (0..<300).map { _ in try BlockingConnection(port: address.port) }
            for connection in connections { await connection.send(try request(.echoRequest, data: "here")) }
            for connection in connections {
                #expect(try await connection.receive(until: Array("here".utf8)).count == 16)
            }
            let answer = try await connections[0].ask("workers", end: ".\n")
            #expect(answer.split(separator: "\n").count == 301)
        }
    }

    @Test func `who does not read costs nobody else anything, and gets everything when he does`() async throws {
        try await withServer { address in
            let lazy = try BlockingConnection(port: address.port)
            let payload = String(repeating: "x", count: 1 << 20)
            for _ in 0..<64 { await lazy.send(try request(.submitJob, ["f", ""], data: payload)) }
            let client = GearmanClient(servers: [address], logger: silentLogger)
            let worker = GearmanWorker(servers: [address], logger: silentLogger)
            let (done, doing) = AsyncStream<Void>.makeStream()
            await worker.register("f") { job in
                doing.yield()
                return job.workload
            }
            await worker.register("g") { job in job.workload }
            try await with(worker) {
                for number in 0..<100 {
                    let workload = Array("\(number)".utf8)
                    let result = try await client.perform(GearmanJobRequest(function: "g", workload: workload))
                    #expect(result == workload)
                }
                _ = await done.prefix(64).reduce(0) { count, _ in count + 1 }
            }
            await client.close()
            await lazy.send(try request(.echoRequest, data: "the end"))
            let received = try await lazy.receive(until: Array("the end".utf8))
            var decoder = GearmanPacketDecoder()
            decoder.append(received)
            var completed = 0
            while let packet = try decoder.next() { completed += packet.type == .workComplete ? 1 : 0 }
            #expect(completed == 64)
        }
    }

    @Test func `who does not read is given up at the bound of all, and nobody else notices`() async throws {
        var configuration = GearmanJobServerConfiguration()
        configuration.limits.bufferedBytes = 12 << 20
        try await withServer(configuration) { address in
            let slow = try BlockingConnection(port: address.port)
            for _ in 0..<64 { await slow.send(try request(.submitJob, ["f", ""])) }
            let client = GearmanClient(servers: [address], logger: silentLogger)
            let worker = GearmanWorker(servers: [address], logger: silentLogger)
            await worker.register("f") { _ in [UInt8](repeating: 0x78, count: 1 << 20) }
            await worker.register("g") { job in job.workload }
            try await with(worker) {
                for number in 0..<100 {
                    let workload = Array("\(number)".utf8)
                    let result = try await client.perform(GearmanJobRequest(function: "g", workload: workload))
                    #expect(result == workload)
                }
                // With its connection the jobs go for which only it waited.
                let observer = try BlockingConnection(port: address.port)
                while try await !observer.ask("status", end: ".\n").contains("f\t0\t") { await Task.yield() }
            }
            await client.close()
            let received = try await slow.receive(until: Array("never".utf8))
            #expect(await slow.isClosed)
            #expect(received.count < 64 << 20)
        }
    }

    @Test func `a job comes at its time`() async throws {
        try await withServer { address in
            let connection = try BlockingConnection(port: address.port)
            await connection.send(try request(.canDo, ["f"]) + request(.preSleep))
            var now = timespec()
            clock_gettime(CLOCK_REALTIME, &now)
            await connection.send(try request(.submitJobEpoch, ["f", "", "\(now.tv_sec + 1)"], data: "due"))
            _ = try await connection.receive(until: [0, 0x52, 0x45, 0x53, 0, 0, 0, 6, 0, 0, 0, 0])
            var then = timespec()
            clock_gettime(CLOCK_REALTIME, &then)
            #expect(then.tv_sec >= now.tv_sec + 1 && then.tv_sec <= now.tv_sec + 3)
            await connection.send(try request(.grabJob))
            #expect(try await connection.receive(until: Array("due".utf8)).count > 12)
        }
    }

    @Test func `connections beyond the limit wait for their turn`() async throws {
        var configuration = GearmanJobServerConfiguration()
        configuration.limits.connections = 1
        try await withServer(configuration) { address in
            var first: BlockingConnection? = try BlockingConnection(port: address.port)
            #expect(try await first?.ask("version", end: "\n") == "OK 1.1.20+gearclock\n")
            let second = try BlockingConnection(port: address.port)
            await second.send(Array("version\n".utf8))
            #expect(try await first?.ask("workers", end: ".\n").split(separator: "\n").count == 2)
            first = nil
            #expect(try await second.receive(until: [0x0a]) == Array("OK 1.1.20+gearclock\n".utf8))
        }
    }

    @Test func `its sockets look for silent peers as they are told`() async throws {
        let server = GearmanJobServer(
            keepAlive: GearmanKeepAlive(idle: .seconds(77), interval: .seconds(11), count: 3),
            eventLoop: GearmanEventLoop(label: "test.server"), logger: silentLogger)
        let address = try await server.start(port: 0)
        let connection = try BlockingConnection(port: address.port)
        // It lies in this process, and the list begins with the number of its descriptor.
        let number = try #require(
            Int32(try await connection.ask("workers", end: ".\n").prefix { $0 != " " }), "there is no number")
        let options = [
            (SOL_SOCKET, SO_KEEPALIVE), (Int32(IPPROTO_TCP), TCP_KEEPIDLE), (Int32(IPPROTO_TCP), TCP_KEEPINTVL),
            (Int32(IPPROTO_TCP), TCP_KEEPCNT),
        ]
        let values = options.map { level, name in
            var value: Int32 = -1
            var size = socklen_t(MemoryLayout<Int32>.size)
            return getsockopt(number, level, name, &value, &size) == 0 ? value : -1
        }
        #expect(values == [1, 77, 11, 3])
        await server.stop()
    }

    @Test func `our administrator reads its lists`() async throws {
        try await withServer { address in
            let admin = GearmanAdmin(server: address, logger: silentLogger)
            let worker = try BlockingConnection(port: address.port)
            await worker.send(
                try request(.setClientID, ["me"]) + request(.canDo, ["f"]) + request(.echoRequest, data: "!"))
            _ = try await worker.receive(until: Array("!".utf8))
            #expect(try await admin.version() == "1.1.20+gearclock")
            #expect(try await admin.status().map(\.function) == ["f"])
            #expect(try await admin.workers().contains { $0.clientID == "me" && $0.functions == ["f"] })
            await admin.close()
        }
    }

    @Test func `a stop closes everything, and the port can be used again`() async throws {
        let server = GearmanJobServer(logger: silentLogger)
        let address = try await server.start(port: 0)
        let connection = try BlockingConnection(port: address.port)
        _ = try await connection.ask("version", end: "\n")
        await server.stop()
        #expect(try await connection.receive(until: [0]) == [])
        #expect(await connection.isClosed)
        await #expect(throws: GearmanError.self) { try await server.start(port: 0) }
        let next = GearmanJobServer(logger: silentLogger)
        #expect(try await next.start(port: address.port) == address)
        await next.stop()
    }

    @Test(arguments: [-1, 65_536, 70_000])
    func `a port that there is not is refused`(port: Int) async throws {
        let server = GearmanJobServer(logger: silentLogger)
        do {
            let address = try await server.start(port: port)
            Issue.record("it listens on \(address)")
        } catch let error as GearmanError {
            #expect(error.code == .notConnected)
        }
        await server.stop()
    }

    @Test func `two servers do not share a port`() async throws {
        try await withServer { address in
            let other = GearmanJobServer(logger: silentLogger)
            await #expect(throws: GearmanError.self) { try await other.start(port: address.port) }
            await other.stop()
        }
    }

    @Test func `a graceful shutdown waits for the last job and its result`() async throws {
        let server = GearmanJobServer(logger: silentLogger)
        let address = try await server.start(port: 0)
        let connection = try BlockingConnection(port: address.port)
        await connection.send(
            try request(.canDo, ["f"]) + request(.submitJob, ["f", ""]) + request(.echoRequest, data: "!"))
        let answer = try await connection.receive(until: Array("!".utf8))
        let handle = try #require(try shown(answer).first?.split(separator: " ").last)
        await server.beginGracefulShutdown()
        await connection.send(try request(.grabJob) + request(.workComplete, [String(handle)], data: "done"))
        #expect(try await connection.receive(until: [0]).suffix(4).elementsEqual("done".utf8))
        #expect(await connection.isClosed)
        await server.waitUntilStopped()
    }

    @Test func `who is cancelled waits for the end no longer, and the server goes on`() async throws {
        let server = GearmanJobServer(logger: silentLogger)
        let address = try await server.start(port: 0)
        let (returned, returning) = AsyncStream<Void>.makeStream()
        var returns = returned.makeAsyncIterator()
        // The later a cancellation, the further the wait that it ends has come.
        for turns in 0..<20 {
            await withDiscardingTaskGroup { group in
                group.addTask {
                    await server.waitUntilStopped()
                    returning.yield()
                }
                for _ in 0..<turns { await Task.yield() }
                group.cancelAll()
                // Nil: the time limit is over. The group waits for its child, so that it must end all the same.
                if await returns.next() == nil { await server.stop() }
            }
        }
        let connection = try BlockingConnection(port: address.port)
        #expect(try await connection.ask("version", end: "\n").hasPrefix("OK "))
        await server.stop()
    }
}
