import GearclockCore
import Testing
import gearclock

/// What is sent to the worker daemon, and what becomes of its answers.
struct ClientTests {
    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    @Test func `a submission has what was asked for and nothing else`() throws {
        var request = SubmissionRequest(function: try #require(FunctionName("resize")))
        #expect(self.text(request.json) == #"{"func_name":"resize"}"#)
        request.payload = Array("a \"b\"".utf8)
        request.due = .after(try #require(DecimalSeconds("0.10")))
        request.id = TaskID("01990000-0000-8000-8000-000000000001")
        request.priority = .high
        request.timeout = DecimalSeconds("60")
        request.maxAttempts = 3
        request.expiry = .at(Timestamp(microseconds: 0))
        #expect(
            self.text(request.json) == #"{"func_name":"resize","payload":"a \"b\"","after":0.10,"#
                + #""id":"01990000-0000-8000-8000-000000000001","priority":"high","timeout":60,"#
                + #""retry":{"max_attempts":3},"expires_at":"1970-01-01T00:00:00.000000Z"}"#)
    }

    @Test func `a submission passes the daemon's own parser`() throws {
        var request = SubmissionRequest(function: try #require(FunctionName("resize")))
        request.payload = [0, 0xff]
        request.due = .at(Timestamp(microseconds: 1_790_000_000_000_001))
        request.expiry = .after(try #require(DecimalSeconds("1.5")))
        let object = try #require(try JSONParser.parse(request.json).object)
        #expect(object["payload_base64"] == .text("AP8="))
        #expect(object["at"] == .text("2026-09-21T14:13:20.000001Z"))
        #expect(object["expires_after"]?.double == 1.5)
    }

    @Test(arguments: [
        ("0", 0), ("1", 1_000_000), ("0.25", 250_000), ("007", 7_000_000), ("1.000001", 1_000_001),
        ("315360000", 315_360_000_000_000),
    ])
    func `seconds are decimal numbers`(text: String, microseconds: Int64) throws {
        #expect(try #require(DecimalSeconds(text)).duration == .microseconds(microseconds))
    }

    @Test(arguments: [
        "", "-1", "+1", ".5", "5.", "1e3", "1,5", " 1", "nan", "inf", "0x10", "1.0000001", "315360000.1", "٣",
        "99999999999999999999999",
    ])
    func `anything else is no number of seconds`(text: String) {
        #expect(DecimalSeconds(text) == nil)
    }

    @Test(arguments: [
        ("not_found", gearclock.ExitStatus.notFound), ("invalid_value", .usage), ("unsupported_field", .usage),
        ("store_unavailable", .failed), ("outcome_unknown", .failed), ("something_new", .failed),
    ])
    func `an error of the daemon decides the exit code`(code: String, status: gearclock.ExitStatus) {
        let bytes = Array(#"{"code":"\#(code)","message":"So it is","field":"at"}"#.utf8)
        let failure = WorkerDaemonError(bytes).failure
        #expect(failure.status == status)
        #expect(failure.message == "So it is (field at)")
        #expect(failure.report == bytes)
    }

    @Test(arguments: ["", "plain words", "[1]", "{}", #"{"message":5}"#, "\u{1b}[2J", "{"])
    func `an error that is not understood is shown, and is a failure`(text: String) {
        let failure = WorkerDaemonError(Array(text.utf8)).failure
        #expect(failure.status == .failed)
        #expect(failure.message.hasPrefix("The worker daemon did not do it: "))
        #expect(!failure.message.contains("\u{1b}"))
    }

    @Test func `what was found is shown, then what was not ends the program`() throws {
        let answer = try JSONParser.parse(
            Array(#"[{"id":"1"},{"id":"2","error":{"code":"not_found","message":"No task"}},{"id":"3"}]"#.utf8))
        var shown: [String?] = []
        let failure = #expect(throws: CommandFailure.self) {
            try BulkAnswer(answer).finish { shown.append($0["id"]?.stringBytes.map(self.text)) }
        }
        #expect(shown == ["1", "3"])
        #expect(failure?.status == .notFound)
        #expect(failure?.message == "2: No task")
        #expect(failure?.report.map(self.text) == #"{"id":"2","error":{"code":"not_found","message":"No task"}}"#)
    }

    @Test func `an answer that is no array is a failure`() throws {
        let answer = try JSONParser.parse(Array("5".utf8))
        #expect(throws: CommandFailure.self) { try BulkAnswer(answer) }
    }

    @Test func `columns are as wide as their widest entry`() {
        var table = TextTable(header: ["ID", "STATE"])
        table.add(["1234", "scheduled"])
        table.add(["5", "x"])
        #expect(table.text == "ID    STATE\n1234  scheduled\n5     x")
    }
}

struct MissingStoresTests {
    private func entries(_ text: String) throws -> JSONValue { try JSONParser.parse(Array(text.utf8)) }

    @Test func `an answer with the word of each store is whole`() throws {
        try MissingStores.check(nil)
        try MissingStores.check(self.entries(#"[{"store":"east","scheduled":1}]"#))
    }

    @Test func `each store that is missing is named`() throws {
        let error = #"{"code":"store_unavailable","message":"gone","retryable":true,"stored":"no"}"#
        let text = #"[{"store":"east","error":\#(error)},{"store":"mid"},{"store":"west","error":\#(error)}]"#
        let failure = try #require(throws: CommandFailure.self) { try MissingStores.check(self.entries(text)) }
        #expect(failure.status == .failed)
        #expect(failure.message.hasPrefix("east: gone") && failure.message.contains("\nError: west: gone"))
        let reports = failure.report.map { String(decoding: $0, as: UTF8.self) }
        #expect(reports == #"{"store":"east","error":\#(error)}"# + "\n" + #"{"store":"west","error":\#(error)}"#)
    }
}
