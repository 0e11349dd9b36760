import GearclockCore
import Testing

@Suite struct TaskAnswersTests {
    private static let id = TaskID("0192f0c1-2345-8abc-8def-0123456789ab")!
    private static let other = TaskID("0192f0c1-2345-8abc-8def-0123456789ac")!
    private static let missing = #""error":{"code":"not_found","#

    @Test func `a receipt says where the task stands and when it is due`() {
        let receipt = Receipt(id: Self.id, store: "main", nodes: ["h:1"], dueAt: TaskFixtures.now)
        #expect(
            receipt.json.text == """
                {"id":"\(Self.id)","stored":"yes","store":"main","copies":1,"nodes":["h:1"],\
                "due_at":"2026-08-21T10:00:00.000000Z"}
                """)
    }

    @Test func `the receipt of a task that was there says so, and not when it is due`() {
        let receipt = Receipt(
            id: Self.id, store: "main", nodes: ["h:1", "[::1]:2"], dueAt: TaskFixtures.now, duplicate: .completed)
        #expect(
            receipt.json.text == """
                {"id":"\(Self.id)","stored":"yes","store":"main","copies":2,"nodes":["h:1","[::1]:2"],\
                "duplicate":true,"state":"completed"}
                """)
    }

    @Test func `a bulk answer has a receipt or an error for each task`() {
        let receipt = Receipt(id: Self.id, store: "main", nodes: ["a", "b"], dueAt: TaskFixtures.now)
        let error = TaskError(.missingField, "A task needs func_name", field: "func_name")
        let text = Receipt.json([.success(receipt), .failure(error)]).text
        #expect(text == "[\(receipt.json.text),{\"error\":\(error.json.text)}]")
        #expect(Receipt.json([]).text == "[]")
    }

    @Test func `an error says what to do`() {
        #expect(
            TaskError(.invalidTime, "at is no \"date\"", field: "at").json.text == #"""
                {"code":"invalid_time","message":"at is no \"date\"","retryable":false,"stored":"no","field":"at"}
                """#)
        #expect(
            TaskError(TaskStoreError.outcomeUnknown("gone")).json.text == """
                {"code":"outcome_unknown","message":"The store's answer was lost: gone","retryable":true,\
                "stored":"unknown"}
                """)
        for code in [TaskError.Code.storeUnavailable, .tooFewCopies, .busy, .shuttingDown] {
            #expect(TaskError(code, "").isRetryable && TaskError(code, "").stored == .no)
        }
        #expect(TaskError(.conflict).isRetryable)
        #expect(TaskError(TaskStoreError.unavailable("one node", .tooFewCopies)).code == .tooFewCopies)
        #expect(TaskError(TaskStoreError.unavailable("gone")).code == .storeUnavailable)
    }

    @Test func `a record shows everything but nothing that is not there`() throws {
        var task = TaskDefinition(
            id: Self.id, function: FunctionName([0xff])!, payload: [0xfe], priority: .low, dueAt: TaskFixtures.now,
            createdAt: .epoch, retry: RetryPolicy(maxAttempts: nil, backoff: .list([.milliseconds(1500)])))
        task.gearsloth = GearslothPart(controller: FunctionName("c"), document: "{}".bytes)
        var record = TaskRecord(task)
        record.state = .running
        record.attempt = 2
        record.owner = OwnerID(value: 255)
        record.leaseUntil = TaskFixtures.now
        // A message that was cut within a character.
        record.append(
            AttemptRecord(attempt: 1, startedAt: .epoch, endedAt: .epoch, outcome: .exception, message: [0x61, 0xc3]))
        #expect(
            TaskAnswers.record(.init(record, store: "main")).text == """
                {"id":"\(Self.id)","store":"main","func_name_base64":"/w==","state":"running","priority":"low",\
                "due_at":"2026-08-21T10:00:00.000000Z","created_at":"1970-01-01T00:00:00.000000Z",\
                "attempt":2,"failures":0,"owner":"ff","lease_until":"2026-08-21T10:00:00.000000Z",\
                "retry":{"max_attempts":"unlimited","backoff":"list","delays":[1.5],"jitter":0},"controller":"c",\
                "payload_base64":"/g==","document":"{}","history":[{"attempt":1,\
                "started_at":"1970-01-01T00:00:00.000000Z","ended_at":"1970-01-01T00:00:00.000000Z",\
                "outcome":"exception","message":"a\u{fffd}"}]}
                """)
    }

    @Test func `a lease that ran out is shown with its end, because nobody knows when the job was submitted`() {
        var record = TaskRecord(
            TaskDefinition(id: Self.id, function: FunctionName("f")!, payload: [], dueAt: .epoch, createdAt: .epoch))
        let now = TaskFixtures.now.advanced(by: .seconds(2))
        record.append(.leaseExpired(attempt: 3, leaseUntil: TaskFixtures.now, now: now))
        let history = """
            "history":[{"attempt":3,"lease_until":"2026-08-21T10:00:00.000000Z",\
            "ended_at":"2026-08-21T10:00:02.000000Z","outcome":"lease_expired"}]}
            """
        #expect(TaskAnswers.record(.init(record, store: "main")).text.hasSuffix(history))
    }

    @Test func `an attempt that was cancelled is shown with its due time, because who cancels knows no more`() {
        var record = TaskRecord(
            TaskDefinition(id: Self.id, function: FunctionName("f")!, payload: [], dueAt: .epoch, createdAt: .epoch))
        let now = TaskFixtures.now.advanced(by: .seconds(2))
        record.append(
            AttemptRecord(attempt: 1, startedAt: .epoch, endedAt: TaskFixtures.now, outcome: .expired))
        record.append(.cancelled(attempt: 2, dueAt: TaskFixtures.now, now: now))
        let history = """
            "history":[{"attempt":1,"started_at":"1970-01-01T00:00:00.000000Z",\
            "ended_at":"2026-08-21T10:00:00.000000Z","outcome":"expired"},\
            {"attempt":2,"due_at":"2026-08-21T10:00:00.000000Z","ended_at":"2026-08-21T10:00:02.000000Z",\
            "outcome":"cancelled"}]}
            """
        #expect(TaskAnswers.record(.init(record, store: "main")).text.hasSuffix(history))
    }

    @Test func `a task that is not there is an error, alone or among others`() throws {
        let records = TaskAnswers.records([.failure(TaskAnswers.notFound)], of: [Self.id]).text
        let cancelled = TaskAnswers.cancelled([.failure(TaskAnswers.notFound)], of: [Self.id]).text
        #expect(records.hasPrefix(#"[{"id":"\#(Self.id)",\#(Self.missing)"#) && records == cancelled)
    }

    @Test func `a cancellation says what became of the task`() throws {
        let outcomes: [CancelOutcome] = [.cancelled, .cancelledWhileRunning, .alreadyFinal(.expired)]
        #expect(TaskAnswers.cancelled(outcomes[0], Self.id).text == #"{"id":"\#(Self.id)","result":"cancelled"}"#)
        #expect(
            TaskAnswers.cancelled(outcomes.map { .success($0) }, of: [Self.id, Self.id, Self.id]).text == """
                [{"id":"\(Self.id)","result":"cancelled"},{"id":"\(Self.id)","result":"cancelled_while_running"},\
                {"id":"\(Self.id)","result":"already_final","state":"expired"}]
                """)
    }

    @Test func `a full page names where the next one begins`() throws {
        let records = [Self.id, Self.other].map {
            let task = TaskDefinition(
                id: $0, function: FunctionName("f")!, payload: "p".bytes, dueAt: .epoch, createdAt: .epoch)
            return TaskAnswers.LocatedRecord(TaskRecord(task), store: "main")
        }
        let full = try #require(JSONParser.parse(TaskAnswers.list(records, limit: 2)).object)
        #expect(full["next"] == .text(Self.other.description))
        let last = try #require(JSONParser.parse(TaskAnswers.list(records, limit: 3)).object)
        #expect(last["next"] == nil)
        guard case .array(let tasks)? = last["tasks"] else {
            Issue.record("no tasks")
            return
        }
        #expect(tasks.count == 2 && tasks[0].object?["payload"] == nil && tasks[0].object?["history"] == nil)
    }

    @Test func `a list says which stores are missing in it`() {
        let failure = TaskAnswers.StoreFailure(store: "east", error: TaskError(.unavailable("gone")))
        #expect(
            TaskAnswers.list([], limit: 1, failures: [failure]).text
                == #"{"tasks":[],"errors":[{"store":"east","error":\#(failure.error.json.text)}]}"#)
    }

    @Test func `counts are given for each store`() {
        var counts = TaskCounts()
        counts.scheduled = 3
        counts.overdue = 1
        counts.oldestDue = .epoch
        #expect(
            TaskAnswers.stats([("main", .success(counts))]).text == """
                {"stores":[{"store":"main","scheduled":3,"running":0,"completed":0,"discarded":0,"cancelled":0,\
                "expired":0,"overdue":1,"oldest_due_at":"1970-01-01T00:00:00.000000Z"}]}
                """)
    }

    @Test func `a store that cannot count says why`() {
        let error = TaskError(.unavailable("gone"))
        #expect(
            TaskAnswers.stats([("main", .failure(error))]).text
                == #"{"stores":[{"store":"main","error":\#(error.json.text)}]}"#)
    }

    @Test func `ids come in four forms`() throws {
        let one = IDRequest.parse(#""\#(Self.id)""#.bytes)
        #expect(try one.get().ids == [Self.id] && !one.get().isBulk)
        #expect(try IDRequest.parse(#"{"id":"\#(Self.id)"}"#.bytes).get() == one.get())
        let several = try IDRequest.parse(#"["\#(Self.id)","\#(Self.other)"]"#.bytes).get()
        #expect(several.ids == [Self.id, Self.other] && several.isBulk)
        #expect(try IDRequest.parse(#"{"ids":["\#(Self.id)","\#(Self.other)"]}"#.bytes).get() == several)
    }

    @Test(arguments: [
        ("", "invalid_json"), ("5", "not_an_object"), ("null", "not_an_object"), ("{}", "missing_field"),
        (#""x""#, "invalid_value"), ("[]", "invalid_value"), ("[5]", "invalid_value"), (#"{"ids":"x"}"#, "wrong_type"),
        (#"{"id":"x","ids":[]}"#, "conflicting_fields"), (#"{"handle":"x"}"#, "unknown_field"),
        (#"{"id":null}"#, "invalid_value"),
    ])
    func `a wrong request for ids is refused`(text: String, code: String) {
        #expect(IDRequest.parse(text.bytes).failure?.code.description == code)
    }

    @Test func `more ids than one request may have are refused`() {
        let ids = [String](repeating: #""\#(Self.id)""#, count: Limits.idsPerRequest + 1).joined(separator: ",")
        #expect(IDRequest.parse("[\(ids)]".bytes).failure?.code == .tooMany)
    }

    @Test func `a list may be filtered`() throws {
        #expect(try ListFilter.parse([]).get() == ListFilter())
        #expect(try ListFilter.parse("{}".bytes).get() == ListFilter())
        #expect(
            try ListFilter.parse(#"{"function":"f","state":"running","after":"\#(Self.id)","limit":5}"#.bytes).get()
                == ListFilter(function: FunctionName("f"), state: .running, after: Self.id, limit: 5))
    }

    @Test(arguments: [
        "5", "[]", #"{"state":"done"}"#, #"{"limit":0}"#, #"{"limit":1001}"#, #"{"limit":1.5}"#, #"{"function":""}"#,
        #"{"after":"x"}"#, #"{"queue":"x"}"#, #"{"function":5}"#, "{",
    ])
    func `a wrong filter is refused`(text: String) {
        #expect(ListFilter.parse(text.bytes).failure != nil)
    }

    @Test func `stats take nothing`() {
        #expect(StatsRequest.parse([]).failure == nil && StatsRequest.parse("{}".bytes).failure == nil)
        #expect(StatsRequest.parse(#"{"x":1}"#.bytes).failure?.code == .unknownField)
        #expect(StatsRequest.parse("[]".bytes).failure?.code == .notAnObject)
    }

    @Test func `every state has a name of its own`() {
        for state in TaskState.allCases { #expect(TaskState(name: state.name) == state) }
        #expect(Set(AttemptOutcome.allCases.map(\.name)).count == AttemptOutcome.allCases.count)
        for priority in TaskPriority.allCases { #expect(TaskPriority(name: priority.name) == priority) }
    }
}

extension Result {
    fileprivate var failure: Failure? {
        if case .failure(let error) = self { error } else { nil }
    }
}
