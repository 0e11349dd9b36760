import Gearman
import GearmanServer
import Testing

/// What the recorded sessions do not show, and where the machine is meant to be better than gearmand.
@Suite struct JobServerStateMachineTests {
    // MARK: Text

    @Test func `lists show names as C does`() throws {
        var server = InMemoryJobServer()
        server.open("w")
        server.send("w", RawRequest.frame(1, "f\0g"))
        server.send("w", RawRequest.frame(22, "me\0you"))
        #expect(server.ask("w", "status") == "f\t0\t0\t1\n.\n")
        #expect(server.ask("w", "prioritystatus") == "f\t0\t0\t0\t1\n.\n")
        #expect(server.ask("w", "workers") == "19 127.0.0.1 me : f\n.\n")
        try server.send("w", .cantDo, "f")
        #expect(server.ask("w", "status") == "f\t0\t0\t1\n.\n")
        try server.send("w", .setClientID, "")
        #expect(server.ask("w", "workers") == "19 127.0.0.1  : f\n.\n")
    }

    @Test(arguments: [("4294967297", 1), ("2147483648", 3), ("99999999999999999999", 3), ("-1", 3), ("+2x", 2)])
    func `the limit of a queue is read as C does`(number: String, accepted: Int) throws {
        var server = InMemoryJobServer()
        server.open("c")
        #expect(server.ask("c", "create function f") == "OK\r\n")
        #expect(server.ask("c", "maxqueue f \(number)") == "OK\r\n")
        for _ in 1...3 { try server.send("c", .submitJobBackground, "f", "", data: "") }
        #expect(try server.packets("c").count { $0.hasPrefix("JOB_CREATED") } == accepted)
    }

    @Test func `no machine has a name so long that a handle is too long for a client`() throws {
        var server = InMemoryJobServer { $0.handlePrefix = "H:" + String(repeating: "name.", count: 30) }
        server.open("c")
        try server.send("c", .submitJobBackground, "f", "", data: "")
        #expect(try server.packets("c") == ["JOB_CREATED H:\(String(repeating: "name.", count: 8)):1"])
    }

    // MARK: Jobs that gearmand loses

    @Test func `a client that joins an abandoned job has it run`() throws {
        var server = InMemoryJobServer()
        server.open("c1", "c2", "w")
        try server.send("c1", .submitJob, "f", "u", data: "1")
        server.close("c1")
        #expect(server.ask("c2", "show jobs") == "H:lab:1\t0\t1\t0\n.\n")
        try server.send("c2", .submitJob, "f", "u", data: "2")
        #expect(try server.packets("c2") == ["JOB_CREATED H:lab:1"])
        try server.send("w", .canDo, "f")
        try server.send("w", .grabJob)
        #expect(try server.packets("w") == ["JOB_ASSIGN H:lab:1|f|1"])
        try server.send("w", .workComplete, "H:lab:1", data: "done")
        #expect(try server.packets("c2") == ["WORK_COMPLETE H:lab:1|done"])
    }

    @Test func `a background job survives a foreground client that joined it`() throws {
        var server = InMemoryJobServer()
        server.open("c1", "c2", "w")
        try server.send("c1", .submitJobBackground, "f", "u", data: "1")
        try server.send("c2", .submitJob, "f", "u", data: "1")
        server.close("c2")
        try server.send("w", .canDo, "f")
        try server.send("w", .grabJob)
        #expect(try server.packets("w") == ["JOB_ASSIGN H:lab:1|f|1"])
    }

    @Test func `a background client that joins a foreground job keeps it`() throws {
        var server = InMemoryJobServer()
        server.open("c1", "c2", "w")
        try server.send("c1", .submitJob, "f", "u", data: "1")
        try server.send("c2", .submitJobBackground, "f", "u", data: "1")
        server.close("c1")
        try server.send("w", .canDo, "f")
        try server.send("w", .grabJob)
        #expect(try server.packets("w") == ["JOB_ASSIGN H:lab:1|f|1"])
    }

    @Test func `nobody joins a cancelled job`() throws {
        var server = InMemoryJobServer()
        server.open("c1", "c2", "w")
        try server.send("c1", .submitJob, "f", "u", data: "wrong")
        #expect(server.ask("c2", "cancel job H:lab:1") == "OK\r\n")
        #expect(try server.packets("c1") == ["JOB_CREATED H:lab:1", "WORK_FAIL H:lab:1"])
        try server.send("c2", .submitJob, "f", "u", data: "right")
        #expect(try server.packets("c2") == ["JOB_CREATED H:lab:2"])
        try server.send("w", .canDo, "f")
        try server.send("w", .grabJob)
        try server.send("w", .grabJob)
        #expect(try server.packets("w") == ["JOB_ASSIGN H:lab:2|f|right", "NO_JOB"])
        #expect(try server.packets("c1").isEmpty)
    }

    @Test func `uniques of 64 bytes and dashes are joined by their like alone`() throws {
        var server = InMemoryJobServer()
        server.open("c", "w")
        let unique = "u".padded(to: 64)
        for unique in [unique, unique, "x", "-", "-"] {
            try server.send("c", .submitJobBackground, "f", unique, data: "x")
        }
        #expect(try server.packets("c") == [1, 1, 2, 3, 3].map { "JOB_CREATED H:lab:\($0)" })
        try server.send("w", .canDo, "f")
        try server.send("w", .grabJobUnique)
        #expect(try server.packets("w") == ["JOB_ASSIGN_UNIQ H:lab:1|f|\(unique)|x"])
    }

    @Test func `an abandoned job that was running is dropped with its worker`() throws {
        var server = InMemoryJobServer()
        server.open("c", "w1", "w2")
        try server.send("w1", .canDo, "f")
        try server.send("w2", .canDo, "f")
        try server.send("c", .submitJob, "f", "", data: "1")
        try server.send("w1", .grabJob)
        server.close("c")
        server.close("w1")
        try server.send("w2", .grabJob)
        #expect(try server.packets("w2") == ["NO_JOB"])
        #expect(server.ask("w2", "status") == "f\t0\t0\t1\n.\n")
    }

    @Test func `the jobs of a dropped function fail, and are gone`() throws {
        var server = InMemoryJobServer()
        server.open("c")
        try server.send("c", .submitJob, "f", "u", data: "1")
        try server.send("c", .submitJobEpoch, "f", "v", "9999999999", data: "1")
        #expect(try server.packets("c") == ["JOB_CREATED H:lab:1", "JOB_CREATED H:lab:2"])
        server.send("c", Array("DROP FUNCTION F\n".utf8))
        let answer = server.take("c")
        #expect(try shown(Array(answer.dropLast(4))) == ["WORK_FAIL H:lab:1"])
        #expect(answer.suffix(4).elementsEqual("OK\r\n".utf8))
        #expect(server.ask("c", "show jobs") == ".\n")
        #expect(server.ask("c", "status") == ".\n")
        server.pass(.seconds(3))
    }

    // MARK: SUBMIT_JOB_EPOCH

    @Test func `a sleeping worker is woken when the time of a job comes`() throws {
        var server = InMemoryJobServer()
        server.open("c", "w")
        try server.send("w", .canDo, "f")
        try server.send("w", .preSleep)
        try server.send("c", .submitJobEpoch, "f", "", "1700000010", data: "1")
        #expect(try server.packets("c") == ["JOB_CREATED H:lab:1"])
        #expect(server.ask("c", "prioritystatus") == "f\t0\t1\t0\t1\n.\n")
        server.pass(.milliseconds(9_999))
        try server.send("c", .echoRequest, data: "x")
        #expect(try server.packets("w").isEmpty)
        server.pass(.milliseconds(1))
        #expect(try server.packets("w") == ["NOOP"])
        try server.send("w", .grabJob)
        #expect(try server.packets("w") == ["JOB_ASSIGN H:lab:1|f|1"])
    }

    @Test func `a wall clock that is set forward is noticed within a second`() throws {
        var server = InMemoryJobServer()
        server.open("c", "w")
        try server.send("w", .canDo, "f")
        try server.send("w", .preSleep)
        try server.send("c", .submitJobEpoch, "f", "", "1700003600", data: "1")
        server.setWallClock(forward: .seconds(3_600))
        server.pass(.seconds(1))
        #expect(try server.packets("w") == ["NOOP"])
    }

    @Test func `a job that is not due delays no other, and due jobs come in the order of their times`() throws {
        var server = InMemoryJobServer()
        server.open("c", "w")
        try server.send("w", .canDo, "f")
        try server.send("c", .submitJobEpoch, "f", "", "1700000020", data: "late")
        try server.send("c", .submitJobEpoch, "f", "", "1700000010", data: "early")
        try server.send("c", .submitJobLowBackground, "f", "", data: "low")
        try server.send("w", .grabJob)
        try server.send("w", .grabJob)
        #expect(try server.packets("w") == ["JOB_ASSIGN H:lab:3|f|low", "NO_JOB"])
        server.pass(.seconds(30))
        try server.send("w", .grabJob)
        try server.send("w", .grabJob)
        #expect(try server.packets("w") == ["JOB_ASSIGN H:lab:2|f|early", "JOB_ASSIGN H:lab:1|f|late"])
    }

    @Test func `a time that no number can hold is refused, not left without an answer`() throws {
        var server = InMemoryJobServer()
        server.open("c")
        try server.send("c", .submitJobEpoch, "f", "", "9223372036854775808", data: "1")
        #expect(try server.packets("c") == ["ERROR ARGUMENT_TOO_LARGE|Time value too large"])
    }

    @Test func `a cancelled job whose time has not come is gone at once`() throws {
        var server = InMemoryJobServer()
        server.open("c")
        try server.send("c", .submitJobEpoch, "f", "u", "1700000010", data: "1")
        _ = server.take("c")
        #expect(server.ask("c", "cancel job H:lab:1") == "OK\r\n")
        #expect(server.ask("c", "status") == "f\t0\t0\t0\n.\n")
        server.pass(.seconds(20))
        #expect(server.ask("c", "status") == "f\t0\t0\t0\n.\n")
    }

    // MARK: Timeouts and retries

    @Test func `each job of a worker has a timeout of its own`() throws {
        var server = InMemoryJobServer()
        server.open("c", "w")
        try server.send("w", .canDoTimeout, "f", "2000")
        for data in ["1", "2", "3"] { try server.send("c", .submitJob, "f", "", data: data) }
        try server.send("w", .grabJob)
        server.pass(.seconds(1))
        try server.send("w", .grabJob)
        try server.send("w", .workComplete, "H:lab:1")
        server.pass(.milliseconds(1_999))
        #expect(server.ask("w", "status").hasSuffix("f\t2\t1\t1\n.\n"))
        server.pass(.milliseconds(1))
        #expect(server.ask("w", "status") == "f\t2\t0\t1\n.\n")
        #expect(server.ask("c", "show jobs").hasSuffix("H:lab:2\t1\t0\t0\nH:lab:3\t0\t0\t0\n.\n"))
    }

    @Test func `a timeout is not shorter than a second, and none is none`() throws {
        var server = InMemoryJobServer()
        server.open("c", "w")
        try server.send("w", .canDoTimeout, "f", "1")
        try server.send("w", .canDoTimeout, "g", "-1")
        try server.send("c", .submitJobBackground, "f", "", data: "")
        try server.send("c", .submitJobBackground, "g", "", data: "")
        try server.send("w", .grabJob)
        try server.send("w", .grabJob)
        _ = server.take("w")
        server.pass(.milliseconds(999))
        #expect(server.ask("w", "status") == "f\t1\t1\t1\ng\t1\t1\t1\n.\n")
        server.pass(.seconds(1_000_000))
        #expect(server.ask("w", "status") == "f\t1\t0\t1\ng\t1\t1\t1\n.\n")
    }

    @Test func `the last attempt of a background job ends it`() throws {
        var server = InMemoryJobServer { $0.jobRetries = 2 }
        server.open("c", "w1", "w2")
        try server.send("c", .submitJobBackground, "f", "u", data: "")
        for worker in ["w1", "w2"] {
            try server.send(worker, .canDo, "f")
            try server.send(worker, .grabJob)
            #expect(try server.packets(worker) == ["JOB_ASSIGN H:lab:1|f|"])
            server.close(worker)
        }
        _ = server.take("c")
        #expect(server.ask("c", "show jobs") == ".\n")
    }

    // MARK: Packets

    @Test func `an empty result without the NUL behind its handle is a result`() throws {
        var server = InMemoryJobServer()
        server.open("c", "w")
        try server.send("w", .canDo, "f")
        try server.send("c", .submitJob, "f", "", data: "")
        try server.send("w", .grabJob)
        server.send("w", [0, 0x52, 0x45, 0x51, 0, 0, 0, 13, 0, 0, 0, 7] + Array("H:lab:1".utf8))
        #expect(try server.packets("c") == ["JOB_CREATED H:lab:1", "WORK_COMPLETE H:lab:1|"])
    }

    @Test func `numbers of a status are read as C reads them`() throws {
        var server = InMemoryJobServer()
        server.open("c", "w")
        try server.send("w", .canDo, "f")
        try server.send("c", .submitJobBackground, "f", "", data: "")
        try server.send("w", .grabJob)
        _ = server.take("c")
        for (sent, told) in [(" 7x", "7"), ("-1", "4294967295"), ("abc", "0"), ("4294967296", "0"), ("+3", "3")] {
            try server.send("w", .workStatus, "H:lab:1", sent, sent)
            try server.send("c", .getStatus, "H:lab:1")
            #expect(try server.packets("c") == ["STATUS_RES H:lab:1|1|1|\(told)|\(told)"])
        }
    }

    @Test func `a handle is known by its letters, not by its number`() throws {
        var server = InMemoryJobServer()
        server.open("c")
        try server.send("c", .submitJobBackground, "f", "", data: "")
        _ = server.take("c")
        for handle in ["H:lab:01", "H:lab:+1", "H:lab:1 ", "h:lab:1", "H:lab:", "1", "", "H:lab:99999999999999999999"] {
            try server.send("c", .getStatus, handle)
            #expect(try server.packets("c") == ["STATUS_RES \(handle)|0|0|0|0"])
        }
    }

    @Test func `results of one event go to a client in one piece`() throws {
        var server = InMemoryJobServer()
        server.open("c", "w")
        try server.send("w", .canDo, "f")
        for _ in 0..<10 { try server.send("c", .submitJob, "f", "", data: "") }
        server.send("w", try (0..<10).flatMap { _ in try request(.grabJob) })
        let connection = server.machine.connectionOpened(descriptor: 1, host: "")
        let results = try (1...10).flatMap { try request(.workComplete, ["H:lab:\($0)"], data: "x") }
        #expect(server.machine.bytesReceived(results, from: connection, now: server.now).writes.count == 1)
    }

    // MARK: The end

    @Test func `shutdown is unknown unless it is allowed`() throws {
        var server = InMemoryJobServer()
        server.open("a")
        #expect(server.ask("a", "shutdown") == "ERR UNKNOWN_COMMAND Unknown+server+commandshutdown\r\n")
        #expect(!server.isFinished)
        var other = InMemoryJobServer { $0.allowsShutdown = true }
        other.open("a")
        #expect(other.ask("a", "shutdown now").hasPrefix("ERR INVALID_ARGUMENTS"))
        #expect(other.ask("a", "shutdown") == "OK\r\n")
        #expect(other.isFinished)
    }

    @Test func `a graceful shutdown ends with the last job`() throws {
        var server = InMemoryJobServer { $0.allowsShutdown = true }
        server.open("a", "c", "w")
        try server.send("c", .submitJob, "f", "", data: "1")
        #expect(server.ask("a", "shutdown graceful") == "OK\r\n")
        #expect(server.stopsListening && !server.isFinished && !server.machine.hasRoom)
        try server.send("w", .canDo, "f")
        try server.send("w", .grabJob)
        #expect(!server.isFinished)
        try server.send("w", .workComplete, "H:lab:1", data: "1")
        #expect(server.isFinished)
        #expect(try server.packets("c") == ["JOB_CREATED H:lab:1", "WORK_COMPLETE H:lab:1|1"])
    }
}
