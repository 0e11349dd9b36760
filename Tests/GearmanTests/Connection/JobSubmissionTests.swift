import Gearman
import Testing

/// Which packet submits which job.
@Suite struct JobSubmissionTests {
    /// What a connection writes for a job, or why it refuses it.
    private func submission(
        isBackground: Bool = false, _ change: (inout GearmanJobRequest) -> Void
    ) throws -> [String] {
        var machine = ClientConnectionStateMachine(
            configuration: ClientConnectionConfiguration(server: GearmanServerAddress(host: "localhost")))
        _ = machine.connected(now: .ms(0))
        var request = GearmanJobRequest(function: "f", unique: "u", workload: "w")
        change(&request)
        let actions = machine.jobsSubmitted(
            [GearmanPipelinedJob(id: 1, request: request, isBackground: isBackground)], now: .ms(1))
        let refusals = actions.updates.map { update in
            guard case .refused(let error) = update.event, error.code == .invalidRequest else { return "\(update)" }
            return error.message
        }
        return try shown(actions.write) + refusals
    }

    @Test func `each priority has a packet, in the foreground and in the background`() throws {
        let names = [GearmanPriority.high: "_HIGH", .normal: "", .low: "_LOW"]
        for (priority, name) in names {
            #expect(try self.submission { $0.priority = priority } == ["SUBMIT_JOB\(name) f|u|w"])
            #expect(
                try self.submission(isBackground: true) { $0.priority = priority } == ["SUBMIT_JOB\(name)_BG f|u|w"])
        }
    }

    @Test(arguments: [0, 1_800_000_000, Int64.max, -1])
    func `a job with a start time is submitted with that second`(seconds: Int64) throws {
        let written = try self.submission(isBackground: true) { $0.startTimeSeconds = seconds }
        #expect(written == ["SUBMIT_JOB_EPOCH f|u|\(seconds)|w"])
    }

    @Test func `a job with a reducer has an empty aggregator, which gearmand expects`() throws {
        #expect(try self.submission { $0.reducer = bytes("r") } == ["SUBMIT_REDUCE_JOB f|u|r||w"])
        #expect(
            try self.submission(isBackground: true) { $0.reducer = bytes("r") } == [
                "SUBMIT_REDUCE_JOB_BACKGROUND f|u|r||w"
            ])
    }

    @Test func `what no packet can say is refused, and nothing is sent`() throws {
        let changes: [(isBackground: Bool, change: (inout GearmanJobRequest) -> Void, reason: String)] = [
            (false, { $0.startTimeSeconds = 1 }, "A job with a start time is a background job without a reducer"),
            (
                true,
                { request in
                    request.startTimeSeconds = 1
                    request.reducer = bytes("r")
                }, "A job with a start time is a background job without a reducer"
            ),
            (
                true,
                { request in
                    request.startTimeSeconds = 1
                    request.priority = .high
                }, "A job with a start time or a reducer has normal priority"
            ),
            (
                false,
                { request in
                    request.reducer = bytes("r")
                    request.priority = .low
                }, "A job with a start time or a reducer has normal priority"
            ),
            (false, { $0.reducer = [0x72, 0] }, "argument 3 of SUBMIT_REDUCE_JOB contains a NUL"),
            (false, { $0.function = [] }, "The function has no name"),
            (false, { $0.unique = [UInt8](repeating: 1, count: 64) }, "The unique ID has 64 bytes"),
        ]
        for (isBackground, change, reason) in changes {
            #expect(try self.submission(isBackground: isBackground, change) == [reason])
        }
    }
}
