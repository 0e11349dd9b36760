import GearclockCore
import Testing

@Suite struct GearslothDocumentTests {
    @Test func `a custom controller receives the task as it was submitted, with id, controller and at`() throws {
        let claimed = try Self.claimed(
            #"{"x":{"b":1,"a":2},"func_name":"f","controller":"c","payload":[1.0],"after":5}"#)
        #expect(
            GearslothDocument.task(claimed).text == """
                {"x":{"b":1,"a":2},"func_name":"f","controller":"c","payload":[1],"after":5,"id":"\(claimed.id)",\
                "at":"2026-08-21T10:00:05.000Z"}
                """)
    }

    @Test func `id and at of the submission are overwritten in their place`() throws {
        let claimed = try Self.claimed(
            #"{"id":17,"at":"Fri, 21 Aug 2026 11:00:00 GMT","func_name":"f","controller":"c"}"#)
        #expect(
            GearslothDocument.task(claimed).text == """
                {"id":"\(claimed.id)","at":"2026-08-21T11:00:00.000Z","func_name":"f","controller":"c"}
                """)
    }

    @Test func `the hand-outs that are left are counted down`() throws {
        var claimed = try Self.claimed(#"{"func_name":"f","controller":"c","runner_retry_count":3}"#)
        #expect(GearslothDocument.task(claimed).text.contains(#""runner_retry_count":3"#))
        claimed.failures = 2
        #expect(GearslothDocument.task(claimed).text.contains(#""runner_retry_count":1"#))
    }

    @Test func `a row whose document was destroyed is still handed out`() throws {
        var claimed = try Self.claimed(#"{"func_name":"f","controller":"c","payload":"p"}"#)
        claimed.definition.gearsloth?.document = [0xff]
        #expect(
            GearslothDocument.task(claimed).text == """
                {"func_name":"f","payload":"p","id":"\(claimed.id)","controller":"c","at":"2026-08-21T10:00:00.000Z"}
                """)
        claimed.definition.payload = [0xff]
        #expect(GearslothDocument.task(claimed).text.contains(#""payload_base64":"/w==""#))
    }

    @Test func `delayedJobDone names the task by the document that the controller received`() throws {
        let claimed = try Self.claimed(#"{"func_name":"f","controller":"c","payload":"\ud800"}"#)
        #expect(try GearslothDocument.ejectedID(GearslothDocument.task(claimed)).get() == claimed.id)
        #expect(try GearslothDocument.ejectedID(#"{"id":"\#(claimed.id)","error":null}"#.bytes).get() == claimed.id)
    }

    @Test(arguments: [
        ("", "invalid_json"), ("x", "invalid_json"), ("5", "not_an_object"), ("null", "not_an_object"),
        ("{}", "missing_field"),
        (#"{"id":17}"#, "invalid_value"), (#"{"id":{"db_id":"x","task_id":1}}"#, "invalid_value"),
        (#"{"id":"17"}"#, "invalid_value"),
    ])
    func `a wrong delayedJobDone is refused`(text: String, code: String) {
        guard case .failure(let error) = GearslothDocument.ejectedID(text.bytes) else {
            Issue.record("accepted")
            return
        }
        #expect(error.code.description == code)
    }

    private static func claimed(_ task: String) throws -> ClaimedTask {
        let definition = try SubmissionParserTests.gearsloth(task.bytes).get()
        return ClaimedTask(
            definition: definition, claim: Claim(id: definition.id, owner: OwnerID(value: 1), attempt: 1), failures: 0,
            leaseUntil: definition.dueAt)
    }
}
