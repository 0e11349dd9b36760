import Gearman
import GearmanServer
import Testing

/// Background jobs and their journal: who is answered when, and what is written.
@Suite struct KeptJobsTests {
    private func server(_ change: (inout GearmanJobServerConfiguration) -> Void = { _ in }) -> InMemoryJobServer {
        var server = InMemoryJobServer(keepsJobs: true, change)
        server.open("c1", "c2", "w")
        return server
    }

    private func kept(_ number: UInt64, _ workload: String = "1", unique: String = "") -> GearmanKeptJob {
        GearmanKeptJob(
            number: number, function: Array("f".utf8), unique: Array(unique.utf8), workload: Array(workload.utf8))
    }

    @Test func `a background job is answered, and given out, when it is written`() throws {
        var server = self.server()
        try server.send("w", .canDo, "f")
        try server.send("w", .preSleep)
        try server.send("c1", .submitJobBackground, "f", "u", data: "1")
        #expect(server.change == GearmanJournalChange(forgotten: [], kept: [self.kept(1, unique: "u")], lastNumber: 1))
        #expect(try server.packets("c1").isEmpty && server.packets("w").isEmpty)
        #expect(server.ask("c2", "status") == "f\t1\t0\t1\n.\n")
        server.written()
        #expect(try server.packets("c1") == ["JOB_CREATED H:lab:1"])
        #expect(try server.packets("w") == ["NOOP"])
        #expect(server.change == nil)
        try server.send("w", .grabJob)
        try server.send("w", .workComplete, "H:lab:1", data: "done")
        #expect(server.change == GearmanJournalChange(forgotten: [1], kept: [], lastNumber: 1))
    }

    @Test func `foreground jobs do not wait for the journal`() throws {
        var server = self.server()
        try server.send("c1", .submitJobBackground, "f", "", data: "1")
        try server.send("c2", .submitJob, "f", "", data: "2")
        #expect(try server.packets("c2") == ["JOB_CREATED H:lab:2"])
        try server.send("w", .canDo, "f")
        try server.send("w", .grabJob)
        #expect(try server.packets("w") == ["JOB_ASSIGN H:lab:2|f|2"])
        try server.send("w", .workComplete, "H:lab:2", data: "done")
        #expect(server.change?.forgotten == [])
    }

    @Test func `what comes while a change is written is one change`() throws {
        var server = self.server()
        try server.send("c1", .submitJobBackground, "f", "", data: "1")
        for data in ["2", "3"] { try server.send("c1", .submitJobHighBackground, "f", "", data: data) }
        try server.send("c2", .submitJobEpoch, "f", "", "1700000100", data: "4")
        #expect(server.change?.kept.map(\.number) == [1])
        server.written()
        #expect(server.change?.kept.map(\.number) == [2, 3, 4])
        #expect(server.change?.kept.map(\.priority) == [.high, .high, .normal])
        #expect(server.change?.kept.map(\.epochSeconds) == [nil, nil, 1_700_000_100])
        #expect(try server.packets("c1") == ["JOB_CREATED H:lab:1"])
        server.written()
        #expect(try server.packets("c1") == ["JOB_CREATED H:lab:2", "JOB_CREATED H:lab:3"])
    }

    @Test func `answers keep the order of their requests`() throws {
        var server = self.server()
        try server.send("c1", .echoRequest, data: "a")
        try server.send("c1", .submitJobBackground, "f", "", data: "1")
        try server.send("c1", .echoRequest, data: "b")
        try server.send("c1", .submitJob, "f", "", data: "2")
        try server.send("c1", .submitJobBackground, "f", "", data: "3")
        try server.send("c1", .echoRequest, data: "c")
        #expect(try server.packets("c1") == ["ECHO_RES a"])
        server.written()
        #expect(try server.packets("c1") == ["JOB_CREATED H:lab:1", "ECHO_RES b", "JOB_CREATED H:lab:2"])
        server.written()
        #expect(try server.packets("c1") == ["JOB_CREATED H:lab:3", "ECHO_RES c"])
    }

    @Test func `a second submission of a unique waits for the first one's commit`() throws {
        var server = self.server()
        try server.send("c1", .submitJobBackground, "f", "u", data: "1")
        try server.send("c2", .submitJobBackground, "f", "u", data: "1")
        #expect(try server.packets("c2").isEmpty)
        server.written()
        #expect(try server.packets("c1") == ["JOB_CREATED H:lab:1"])
        #expect(try server.packets("c2") == ["JOB_CREATED H:lab:1"])
        #expect(server.change == nil)
        try server.send("c2", .submitJobBackground, "f", "u", data: "1")
        #expect(try server.packets("c2") == ["JOB_CREATED H:lab:1"])
    }

    @Test func `a background client that joins a foreground job has it kept`() throws {
        var server = self.server()
        try server.send("c1", .submitJob, "f", "u", data: "1")
        try server.send("w", .canDo, "f")
        try server.send("w", .grabJob)
        try server.send("c2", .submitJobBackground, "f", "u", data: "1")
        server.close("c1")
        #expect(try server.packets("c2").isEmpty)
        #expect(server.change?.kept == [self.kept(1, unique: "u")])
        server.written()
        #expect(try server.packets("c2") == ["JOB_CREATED H:lab:1"])
        server.close("w")
        #expect(server.ask("c2", "show jobs") == "H:lab:1\t1\t0\t1\n.\n")
    }

    @Test func `while the journal is away submissions wait, are refused in time, and others wait anew`() throws {
        var server = self.server()
        try server.send("c1", .submitJobBackground, "f", "", data: "1")
        server.failed()
        #expect(server.change == nil)
        server.pass(.seconds(4))
        #expect(server.change?.kept.map(\.number) == [1])
        try server.send("c2", .submitJobBackground, "f", "", data: "2")
        server.pass(.seconds(6))
        let error = "ERROR JOB_NOT_KEPT|The store of the job server is away; submit the job again"
        #expect(try server.packets("c1") == [error])
        #expect(try server.packets("c2").isEmpty)
        server.failed()
        server.pass(.milliseconds(500))
        // Nobody knows whether the first one was written.
        #expect(server.change?.forgotten == [1] && server.change?.kept.map(\.number) == [2])
        server.written()
        #expect(try server.packets("c2") == ["JOB_CREATED H:lab:2"])
        #expect(server.ask("c2", "status") == "f\t1\t0\t0\n.\n")
    }

    @Test func `a foreground client of a job that could not be kept has its result`() throws {
        var server = self.server()
        try server.send("c1", .submitJobBackground, "f", "u", data: "1")
        try server.send("c2", .submitJob, "f", "u", data: "1")
        server.pass(.seconds(10))
        #expect(try server.packets("c1").count == 1)
        #expect(try server.packets("c2") == ["JOB_CREATED H:lab:1"])
        try server.send("w", .canDo, "f")
        try server.send("w", .grabJob)
        try server.send("w", .workComplete, "H:lab:1", data: "done")
        #expect(try server.packets("c2") == ["WORK_COMPLETE H:lab:1|done"])
    }

    @Test func `removals that could not be written are repeated`() throws {
        var server = self.server()
        server.restore([self.kept(7), self.kept(8)])
        try server.send("w", .canDo, "f")
        try server.send("w", .grabJob)
        try server.send("w", .workComplete, "H:lab:7", data: "")
        server.failed()
        try server.send("w", .grabJob)
        try server.send("w", .workFail, "H:lab:8")
        server.pass(.milliseconds(500))
        #expect(server.change?.forgotten == [7, 8])
    }

    @Test func `kept jobs come back with their handles, the oldest first, and new ones have other handles`() throws {
        var server = self.server()
        var later = self.kept(3, "later")
        later.epochSeconds = 1_700_000_002
        server.restore([self.kept(1, "a", unique: "u"), later], lastNumber: 9)
        server.restore([self.kept(5, "b")], lastNumber: 9)
        server.restore([])
        #expect(server.ask("c1", "show jobs") == "H:lab:1\t0\t0\t1\nH:lab:3\t0\t0\t1\nH:lab:5\t0\t0\t1\n.\n")
        try server.send("c1", .submitJobBackground, "f", "u", data: "joins")
        #expect(try server.packets("c1") == ["JOB_CREATED H:lab:1"])
        try server.send("w", .canDo, "f")
        for _ in 0..<3 { try server.send("w", .grabJob) }
        #expect(try server.packets("w") == ["JOB_ASSIGN H:lab:1|f|a", "JOB_ASSIGN H:lab:5|f|b", "NO_JOB"])
        server.pass(.seconds(2))
        try server.send("w", .grabJob)
        #expect(try server.packets("w") == ["JOB_ASSIGN H:lab:3|f|later"])
        try server.send("c1", .submitJob, "f", "", data: "new")
        #expect(try server.packets("c1") == ["JOB_CREATED H:lab:10"])
    }

    @Test func `lost attempts are counted beyond a restart`() throws {
        var server = self.server { $0.jobRetries = 2 }
        server.restore([self.kept(1)])
        try server.send("w", .canDo, "f")
        try server.send("w", .grabJob)
        server.close("w")
        let change = try #require(server.change)
        #expect(change.kept.map(\.retries) == [1])

        var second = self.server { $0.jobRetries = 2 }
        second.restore(change.kept)
        try second.send("w", .canDo, "f")
        try second.send("w", .grabJob)
        second.close("w")
        #expect(second.change?.forgotten == [1])
        #expect(second.ask("c1", "show jobs") == ".\n")
    }

    @Test func `a cancelled job is forgotten, and so are those of a dropped function`() throws {
        var server = self.server()
        server.restore([self.kept(1), self.kept(2)])
        #expect(server.ask("c1", "cancel job H:lab:2") == "OK\r\n")
        #expect(server.change?.forgotten == [2])
        server.written()
        #expect(server.ask("c1", "drop function f") == "OK\r\n")
        #expect(server.change?.forgotten == [1])
    }

    @Test func `a job that is cancelled before it is written is answered, and not kept`() throws {
        var server = self.server()
        try server.send("c1", .submitJobBackground, "f", "", data: "1")
        try server.send("c1", .submitJobBackground, "f", "", data: "2")
        #expect(server.ask("c2", "cancel job H:lab:1") == "OK\r\n")
        #expect(server.ask("c2", "cancel job H:lab:2") == "OK\r\n")
        #expect(try server.packets("c1") == ["JOB_CREATED H:lab:1", "JOB_CREATED H:lab:2"])
        server.written()
        #expect(server.change == GearmanJournalChange(forgotten: [1], kept: [], lastNumber: 2))
    }

    @Test func `a job that is too large for the journal is refused`() throws {
        var server = self.server()
        try server.send("c1", .submitJobBackground, "f", "", data: "1")
        server.written(refused: [1])
        #expect(
            try server.packets("c1") == [
                "ERROR ARGUMENT_TOO_LARGE|The job is too large for the store of the job server"
            ])
        #expect(server.ask("c2", "status") == "f\t0\t0\t0\n.\n")
    }

    @Test func `who has lost his jobs to another server ends`() throws {
        var server = self.server()
        try server.send("c1", .submitJobBackground, "f", "", data: "1")
        server.superseded()
        #expect(
            try server.packets("c1") == ["ERROR JOB_NOT_KEPT|Another job server has taken over; submit the job there"])
        #expect(server.isFinished && server.stopsListening)
        server.close("w")
        #expect(server.change == nil)
    }

    @Test func `a result that comes when another server has the jobs does no harm`() throws {
        var server = self.server()
        server.restore([self.kept(1)])
        try server.send("w", .canDo, "f")
        try server.send("w", .grabJob)
        try server.send("c1", .submitJobBackground, "g", "", data: "2")
        server.superseded()
        try server.send("w", .workComplete, "H:lab:1", data: "")
        #expect(server.machine.held.jobs == 0)
        #expect(server.change == nil)
    }

    @Test func `a graceful stop waits for what runs and what is not kept, and for nothing else`() throws {
        var server = self.server()
        server.restore([self.kept(1)])
        try server.send("w", .canDo, "f")
        try server.send("w", .grabJob)
        try server.send("c1", .submitJobBackground, "g", "", data: "1")
        server.shutDown(isGraceful: true)
        try server.send("w", .workComplete, "H:lab:1", data: "")
        #expect(!server.isFinished)
        server.written()
        #expect(server.isFinished)
        #expect(server.change?.forgotten == [1])
        #expect(!server.machine.isJournalQuiet)
        server.written()
        #expect(server.machine.isJournalQuiet)
    }

    @Test func `a stop takes no attempt from a running job`() throws {
        var server = self.server { $0.jobRetries = 1 }
        server.restore([self.kept(1)])
        try server.send("w", .canDo, "f")
        try server.send("w", .grabJob)
        server.shutDown(isGraceful: false)
        server.close("w")
        #expect(server.change == nil)
    }

    @Test func `a client that submits without end is not read further than answers may be held`() throws {
        var server = self.server()
        let one = try request(.submitJobBackground, ["f", ""], data: "1")
        server.send("c1", Array(repeatElement(one, count: 100_000).joined()))
        let first = server.ask("c2", "status").split(separator: "\t").dropFirst().first.flatMap { Int($0) }
        #expect(first == 65_536)
        while server.change != nil { server.written() }
        #expect(try server.packets("c1") == (1...100_000).map { "JOB_CREATED H:lab:\($0)" })
    }
}
