import Gearman
import Testing

/// The machines against what gearmand really sent.
@Suite struct RecordedConnectionTests {
    /// Plays a recorded client: its submissions and questions are made by the machine, which must write the recorded
    /// bytes, and gets the recorded answers.
    private func play(_ session: String, _ connection: String) throws -> [GearmanJobUpdate] {
        var machine = ClientConnectionStateMachine(
            configuration: ClientConnectionConfiguration(server: GearmanServerAddress(host: "localhost")))
        _ = machine.connected(now: .ms(0))
        let greeting = machine.packetsReceived([try response(.optionResponse, "exceptions")], now: .ms(0))
        try #require(greeting.becameReady)
        var updates: [GearmanJobUpdate] = []
        var nextID: UInt64 = 1
        for step in try RecordedSession.named(session).steps where step.connection == connection {
            switch step.direction {
            case .fromServer:
                let actions = machine.bytesReceived(step.bytes, now: .ms(1))
                #expect(actions.close == nil && actions.write.isEmpty)
                updates += actions.updates
            case .toServer:
                let outcome = PacketDecoderVerifier.decode([step.bytes])
                let jobs = outcome.packets.map { packet in
                    defer { nextID += 1 }
                    return GearmanPipelinedJob(
                        id: nextID,
                        request: GearmanJobRequest(
                            function: packet.argumentBytes(0), unique: packet.argumentBytes(1),
                            workload: packet.dataBytes),
                        isBackground: packet.type == .submitJobBackground)
                }
                #expect(machine.jobsSubmitted(jobs, now: .ms(1)).write == step.bytes)
            }
        }
        return updates
    }

    private func texts(_ updates: [GearmanJobUpdate]) -> [String] {
        updates.map { update in
            switch update.event {
            case .created(let handle): "\(update.id) created \(handle)"
            case .data(let bytes): "\(update.id) data \(bytes.count)"
            case .warning(let bytes): "\(update.id) warning \(bytes.count)"
            case .status(let numerator, let denominator):
                "\(update.id) status \(numerator.map(String.init) ?? "-")/\(denominator.map(String.init) ?? "-")"
            case .complete(let bytes): "\(update.id) complete \(String(decoding: bytes, as: UTF8.self))"
            case .fail: "\(update.id) fail"
            case .exception(let bytes): "\(update.id) exception \(String(decoding: bytes, as: UTF8.self))"
            case .lost(let error): "\(update.id) lost \(error.code)"
            case .refused(let error): "\(update.id) refused \(error.code)"
            }
        }
    }

    @Test func `pipelined jobs end in any order`() throws {
        let created = (1...5).map { "\($0) created H:lab:\($0)" }
        let completed = (1...5).reversed().map { "\($0) complete r-H:lab:\($0)" }
        #expect(try self.texts(self.play("pipelining", "c1")) == created + completed)
    }

    @Test func `every kind of progress arrives as it was sent`() throws {
        #expect(
            try self.texts(self.play("work-updates", "c1")) == [
                "1 created H:lab:1", "1 status 0/10", "1 data 5", "1 data 0", "1 data 4", "1 warning 7",
                "1 status 10/10",
                "1 status -/-", "1 complete end",
            ])
    }

    @Test func `merged submissions of one client both end`() throws {
        #expect(
            try self.texts(self.play("unique-same-client-twice", "c1")) == [
                "1 created H:lab:1", "2 created H:lab:1", "1 complete R", "2 complete R",
            ])
    }

    @Test func `an exception without the option ends as a failure, stray NUL or not`() throws {
        #expect(try self.texts(self.play("exception-without-option", "c1")) == ["1 created H:lab:1", "1 fail"])
    }

    @Test func `a failure is a failure`() throws {
        #expect(try self.texts(self.play("work-fail", "c1")).contains("1 fail"))
    }

    @Test func `a pipelining worker takes what gearmand gave to one`() throws {
        let session = try RecordedSession.named("pipelining")
        var machine = WorkerConnectionStateMachine(
            configuration: WorkerConnectionConfiguration(functions: [.init(name: [0x66])], depth: 8))
        _ = machine.connected(now: .ms(0))
        var jobs: [WorkerJob] = []
        var grabs = 1
        // The recorded worker grabbed eight times at once; this one grabs more with each job that comes.
        for piece in session.pieces("w1", .fromServer) where grabs > 0 {
            let actions = machine.bytesReceived(piece, now: .ms(1))
            #expect(actions.close == nil)
            jobs += actions.jobs
            grabs += try shown(actions.write).count { $0 == "GRAB_JOB_UNIQ" } - 1
        }
        #expect(jobs.map { String(decoding: $0.handle.bytes, as: UTF8.self) } == (1...5).map { "H:lab:\($0)" })
        #expect(jobs.map { String(decoding: $0.unique, as: UTF8.self) } == (0...4).map { "u\($0)" })
        let replies = jobs.reversed().map { job in
            GearmanJobReply(job: job.number, result: .complete(Array("r-".utf8) + job.handle.bytes))
        }
        let written = machine.replied(replies, now: .ms(2)).write
        let recorded = session.pieces("w1", .toServer).suffix(5).flatMap { $0 }
        #expect(Array(written.prefix(recorded.count)) == recorded)
    }
}
