import Gearman
import GearmanServer
import Testing

/// Whatever anybody sends, it costs the others nothing, and the server no more than it was given.
@Suite struct JobServerLimitsTests {
    @Test func `submissions beyond the memory for jobs are refused, and room is made of jobs that nobody wants`() throws
    {
        var server = InMemoryJobServer { $0.limits.queuedBytes = 10_000 }
        server.open("c1", "c2")
        let workload = String(repeating: "x", count: 4_000)
        try server.send("c1", .submitJob, "f", "", data: workload)
        try server.send("c2", .submitJobBackground, "f", "", data: workload)
        try server.send("c2", .submitJobBackground, "f", "", data: workload)
        #expect(try server.packets("c2") == ["JOB_CREATED H:lab:2", "ERROR QUEUE_ERROR|Job queue is full"])
        server.close("c1")
        try server.send("c2", .submitJobBackground, "f", "", data: workload)
        #expect(try server.packets("c2") == ["JOB_CREATED H:lab:3"])
        #expect(server.ask("c2", "status") == "f\t2\t0\t0\n.\n")
    }

    @Test func `joining a job costs memory too`() throws {
        var server = InMemoryJobServer { $0.limits.queuedBytes = 2_000 }
        server.open("c")
        for _ in 0..<1_000 { try server.send("c", .submitJob, "f", "u", data: "") }
        let answers = try server.packets("c")
        #expect(answers.count == 1_000 && answers.last == "ERROR QUEUE_ERROR|Job queue is full")
    }

    @Test func `a workload beyond the limit closes the connection`() throws {
        var server = InMemoryJobServer { $0.limits.payloadSizeBytes = 100 }
        server.open("c")
        try server.send("c", .submitJobBackground, "f", "", data: String(repeating: "x", count: 100))
        #expect(try server.packets("c") == ["JOB_CREATED H:lab:1"])
        try server.send("c", .submitJobBackground, "f", "", data: String(repeating: "x", count: 101))
        #expect(server.closedByServer == ["c"])
    }

    @Test func `who does not read is not served, and goes on where it was`() throws {
        var server = InMemoryJobServer()
        server.open("c")
        try server.send("c", .echoRequest, data: "1")
        server.fellBehind("c", unsentBytes: 5_000_000)
        try server.send("c", .echoRequest, data: "2")
        server.send("c", Array("version\n".utf8))
        #expect(try server.packets("c") == ["ECHO_RES 1"])
        server.caughtUp("c")
        #expect(
            server.take("c") == [0, 0x52, 0x45, 0x53, 0, 0, 0, 17, 0, 0, 0, 1, 0x32] + Array("OK 1.1.20+ds\n".utf8))
    }

    @Test func `one piece of requests makes no more answers than fit`() throws {
        var server = InMemoryJobServer()
        server.open("c")
        let echo = try request(.echoRequest, data: String(repeating: "x", count: 1 << 20))
        server.send("c", (0..<10).flatMap { _ in echo })
        #expect(server.take("c").count == 4 * echo.count)
        server.caughtUp("c")
        #expect(server.take("c").count == 4 * echo.count)
        server.caughtUp("c")
        #expect(server.take("c").count == 2 * echo.count)
    }

    @Test func `who lets results pile up is closed, and its worker goes on`() throws {
        var server = InMemoryJobServer { $0.limits.unsentBytes = 10_000_000 }
        server.open("c", "w")
        try server.send("c", .submitJob, "f", "", data: "")
        try server.send("w", .canDo, "f")
        try server.send("w", .grabJob)
        server.fellBehind("c", unsentBytes: 9_000_000)
        #expect(server.closedByServer.isEmpty)
        server.fellBehind("c", unsentBytes: 10_000_001)
        #expect(server.closedAtOnce == ["c"])
        try server.send("w", .workComplete, "H:lab:1", data: "")
        #expect(try server.packets("w") == ["JOB_ASSIGN H:lab:1|f|"])
    }

    @Test func `when all that waits is too much, the largest is given up and nobody else notices`() throws {
        var server = InMemoryJobServer { $0.limits.bufferedBytes = 10_000 }
        server.open("small", "large", "other")
        server.fellBehind("small", unsentBytes: 4_000)
        server.fellBehind("large", unsentBytes: 6_000)
        #expect(server.closedByServer.isEmpty)
        server.fellBehind("small", unsentBytes: 4_001)
        #expect(server.closedAtOnce == ["large"])
        try server.send("other", .echoRequest, data: "served")
        try server.send("small", .echoRequest, data: "served")
        #expect(try server.packets("other") == ["ECHO_RES served"])
        #expect(try server.packets("small") == ["ECHO_RES served"])
        #expect(server.closedByServer == ["large"])
    }

    @Test func `what was read makes room again`() throws {
        var server = InMemoryJobServer { $0.limits.bufferedBytes = 10_000 }
        server.open("a", "b")
        for _ in 0..<5 {
            server.fellBehind("a", unsentBytes: 9_000)
            server.caughtUp("a")
            server.fellBehind("b", unsentBytes: 9_000)
            server.caughtUp("b")
        }
        #expect(server.closedByServer.isEmpty)
    }

    @Test func `requests that come a byte at a time count too`() throws {
        var server = InMemoryJobServer { $0.limits.bufferedBytes = 10_000 }
        server.open("slow", "slower")
        let large = try request(.echoRequest, data: String(repeating: "x", count: 20_000))
        server.send("slow", Array(large.prefix(3_000)))
        for byte in large.prefix(7_000) { server.send("slower", [byte]) }
        #expect(server.closedByServer.isEmpty)
        server.send("slow", Array(large[3_000..<3_100]))
        #expect(server.closedAtOnce == ["slower"])
        server.send("slow", Array(large[3_100..<9_000]))
        #expect(server.isConnected("slow"))
    }

    @Test func `a result for many is not multiplied without bound`() throws {
        var server = InMemoryJobServer { $0.limits.bufferedBytes = 100_000 }
        server.open("w")
        try server.send("w", .canDo, "f")
        let names = (0..<50).map { "c\($0)" }
        for name in names {
            server.open(name)
            try server.send(name, .submitJob, "f", "same", data: "")
        }
        try server.send("w", .grabJob)
        try server.send("w", .workComplete, "H:lab:1", data: String(repeating: "x", count: 10_000))
        let served = names.filter { server.isConnected($0) }
        #expect((5...10).contains(served.count))
        for name in served { #expect(server.take(name).count > 10_000) }
        #expect(server.isConnected("w"))
    }

    @Test func `connections have a limit`() throws {
        var server = InMemoryJobServer { $0.limits.connections = 2 }
        server.open("a", "b")
        #expect(!server.machine.hasRoom)
        server.close("a")
        #expect(server.machine.hasRoom)
    }

    @Test func `functions that nobody uses make room for new ones`() throws {
        var server = InMemoryJobServer { $0.limits.functions = 2 }
        server.open("c", "w")
        try server.send("w", .canDo, "used")
        #expect(server.ask("c", "create function unused") == "OK\r\n")
        try server.send("c", .submitJobBackground, "third", "", data: "")
        try server.send("c", .submitJobBackground, "fourth", "", data: "")
        #expect(try server.packets("c") == ["JOB_CREATED H:lab:1", "ERROR QUEUE_ERROR|Job queue is full"])
        #expect(server.ask("c", "create function fifth") == "ERR CREATE_FUNCTION fifth\r\n")
        #expect(server.ask("c", "status") == "used\t0\t0\t1\nthird\t1\t0\t0\n.\n")
    }

    @Test func `a worker that registers without end is closed`() throws {
        var server = InMemoryJobServer { $0.limits.registrations = 3 }
        server.open("w")
        for _ in 0..<4 { try server.send("w", .canDo, "f") }
        #expect(server.closedByServer == ["w"])
        server.open("c")
        #expect(server.ask("c", "status") == "f\t0\t0\t0\n.\n")
    }

    @Test func `timers of jobs that have ended do not pile up`() throws {
        var server = InMemoryJobServer()
        server.open("c", "w")
        try server.send("w", .canDoTimeout, "f", "10000000")
        for number in 1...2_000 {
            try server.send("c", .submitJobBackground, "f", "", data: "")
            try server.send("w", .grabJob)
            try server.send("w", .workComplete, "H:lab:\(number)")
        }
        #expect(server.machine.timerCount < 200)
    }
}
