import GearclockCore
import Testing

@Suite struct SubmissionParserTests {
    @Test func `native tasks become what their fixtures say`() throws {
        for example in try TaskFixtures.cases("native.json") {
            let submission = Self.native(example.workload)
            #expect(!submission.isBulk && submission.tasks.count == 1)
            switch try #require(submission.tasks.first) {
            case .success(let task): try TaskFixtures.compare(task.definition, example.gives, example.says)
            case .failure(let error): Issue.record("\(example.says): \(error)")
            }
        }
    }

    @Test func `wrong native tasks are refused with the code and the field that their fixtures name`() throws {
        for example in try TaskFixtures.cases("native-refused.json") {
            let submission = Self.native(example.workload)
            guard case .failure(let error)? = submission.tasks.first else {
                Issue.record("\(example.says): accepted")
                continue
            }
            let expected = try #require(example.refuses?.object)
            #expect(.text(error.code.description) == expected["code"], "\(example.says): \(error)")
            #expect(error.field.map(JSONValue.text) == expected["field"], "\(example.says): \(error)")
            #expect(!error.isRetryable && error.stored == .no)
        }
    }

    @Test func `gearsloth's tasks become what their fixtures say`() throws {
        for example in try TaskFixtures.cases("gearsloth.json") {
            switch Self.gearsloth(example.workload) {
            case .success(let task): try TaskFixtures.compare(task, example.gives, example.says)
            case .failure(let error): Issue.record("\(example.says): \(error.message)")
            }
        }
    }

    @Test func `what gearsloth's injector refuses is refused in its words`() throws {
        for example in try TaskFixtures.cases("gearsloth-refused.json") {
            switch Self.gearsloth(example.workload) {
            case .success: Issue.record("\(example.says): accepted")
            case .failure(let error): #expect(.text(error.message) == example.refuses, "\(example.says)")
            }
        }
    }

    @Test func `in an array each task stands for itself`() throws {
        let submission = Self.native(#"[{"func_name":"f"},5,{"func_name":"g","x":1},{"func_name":"h"}]"#.bytes)
        #expect(submission.isBulk)
        #expect(submission.tasks.map { try? $0.get().definition.function.description } == ["f", nil, nil, "h"])
        guard case .failure(let first) = submission.tasks[1], case .failure(let second) = submission.tasks[2] else {
            Issue.record("accepted")
            return
        }
        #expect(first.code == .notAnObject)
        #expect(second.code == .unknownField && second.field == "x")
    }

    @Test func `an empty array is a bulk submission of nothing`() {
        #expect(Self.native("[]".bytes) == Submission(tasks: [], isBulk: true))
    }

    @Test func `more tasks than fit into a submission are refused as a whole`() {
        let tasks = [String](repeating: "{}", count: Limits.tasksPerSubmission + 1).joined(separator: ",")
        let submission = Self.native("[\(tasks)]".bytes)
        #expect(submission.tasks.count == 1 && !submission.isBulk)
        #expect(Self.error(submission)?.code == .tooMany)
    }

    @Test func `a payload at the limit is taken and one beyond it refused`() {
        let payload = String(repeating: "x", count: Limits.payloadBytes)
        let fits = #"{"func_name":"f","payload":"\#(payload)"}"#.bytes
        let isTooLarge = #"{"func_name":"f","payload":"\#(payload)x"}"#.bytes
        #expect(Self.error(Self.native(fits)) == nil)
        #expect(Self.error(Self.native(isTooLarge))?.code == .tooLarge)
        #expect((try? Self.gearsloth(fits).get()) != nil)
        #expect((try? Self.gearsloth(isTooLarge).get()) == nil)
    }

    @Test func `a submission beyond its size is refused unread`() {
        let bytes = [UInt8](repeating: 0x20, count: Limits.submissionBytes + 1)
        #expect(Self.error(Self.native(bytes))?.code == .tooLarge)
        #expect((try? Self.gearsloth(bytes).get()) == nil)
    }

    @Test func `a task with a client's id is kept a while after it is completed, and others are not`() throws {
        let id = "0192f0c1-2345-7abc-8def-0123456789ab"
        let chosen = try Self.native(#"{"func_name":"f","id":"\#(id)"}"#.bytes).tasks[0].get().definition
        let ours = try Self.native(#"{"func_name":"f"}"#.bytes).tasks[0].get().definition
        #expect(chosen.id.description == id)
        #expect(chosen.retain == RetentionPolicy().completedWithClientID)
        #expect(ours.retain == .zero)
    }

    @Test func `a submitted task says whose its id is, and how many copies are wanted`() throws {
        let task = { (fields: String) in try Self.native(#"{"func_name":"f"\#(fields)}"#.bytes).tasks[0].get() }
        #expect(try !task("").hasOwnID && task("").copies == .configured)
        #expect(try task(#","id":"0192f0c1-2345-7abc-8def-0123456789ab""#).hasOwnID)
        #expect(try task(#","copies":1"#).copies == .atLeast(1))
        #expect(try task(#","copies":"3""#).copies == .atLeast(3))
        #expect(try task(#","copies":null"#).copies == .configured)
        for wrong in ["0", "-1", "1.5", "1e300", #""two""#] {
            let error = Self.error(Self.native(#"{"func_name":"f","copies":\#(wrong)}"#.bytes))
            #expect(error?.code == .invalidValue && error?.field == "copies", "\(wrong)")
        }
    }

    @Test func `ids of ours carry the cluster and the time`() throws {
        let task = try Self.native(#"{"func_name":"f"}"#.bytes).tasks[0].get()
        #expect(task.definition.id.high == UInt64(TaskFixtures.now.microseconds / 1000) << 16 | 0x8007)
    }

    @Test func `the hint for a field of another system names ours`() {
        let error = Self.error(Self.native(#"{"func_name":"f","run_at":5}"#.bytes))
        #expect(error?.message == "There is no field run_at; did you mean at?")
    }

    @Test func `an error about a field of enormous name is small`() throws {
        let error = try #require(Self.error(Self.native(#"{"\#(String(repeating: "é", count: 100_000))":1}"#.bytes)))
        #expect(error.json.count < 1000)
    }

    @Test func `every known field has a rule and none is both known and unsupported`() {
        // A field that is accepted but not looked at would be a promise that nobody keeps.
        for field in [
            "func_name", "at", "after", "id", "priority", "retry", "timeout", "expires_at", "expires_after", "copies",
        ] {
            let submission = Self.native(#"{"func_name":"f","\#(field)":[]}"#.bytes)
            #expect(Self.error(submission)?.code == .wrongType, "\(field)")
        }
    }

    static func native(_ bytes: [UInt8]) -> Submission {
        var random = SeededGenerator(seed: 1)
        return SubmissionParser.native(bytes, context: TaskFixtures.context, using: &random)
    }

    static func gearsloth(_ bytes: [UInt8]) -> Result<TaskDefinition, GearslothError> {
        var random = SeededGenerator(seed: 1)
        return SubmissionParser.gearsloth(bytes, context: TaskFixtures.context, using: &random)
    }

    private static func error(_ submission: Submission) -> TaskError? {
        if case .failure(let error)? = submission.tasks.first { error } else { nil }
    }
}
