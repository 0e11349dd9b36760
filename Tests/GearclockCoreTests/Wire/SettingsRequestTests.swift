import GearclockCore
import Testing

@Suite struct SettingsRequestTests {
    private static let resize = FunctionName("resize")!
    private static let paused = FunctionSettings(
        function: resize, isPaused: true, inFlight: 3, perThousandSeconds: 500, queueWatermark: 7)

    private func limits(_ text: String) throws -> SettingsRequest {
        try SettingsRequest.limits(text.bytes).get()
    }

    @Test func `a pause is about one function or several, in one store or all`() throws {
        let one = try SettingsRequest.pausing(#"{"function":"resize"}"#.bytes, true).get()
        #expect(one.functions == [Self.resize] && one.change.isPaused == true && one.store == nil && !one.isQuestion)
        let text = #"{"functions":["resize","ü"],"store":"east"}"#
        let several = try SettingsRequest.pausing(text.bytes, false).get()
        #expect(several.functions.map(\.description) == ["resize", "ü"])
        #expect(several.change.isPaused == false && several.store == "east")
    }

    @Test(arguments: [
        ("", "missing_field"), ("{}", "missing_field"), (#"{"store":"east"}"#, "missing_field"),
        ("[]", "not_an_object"),
        (#"{"function":""}"#, "invalid_value"), (#"{"function":5}"#, "invalid_value"),
        (#"{"function":null}"#, "invalid_value"), (#"{"functions":[]}"#, "invalid_value"),
        (#"{"functions":["f",5]}"#, "invalid_value"), (#"{"functions":"f"}"#, "wrong_type"),
        (#"{"function":"f","functions":["f"]}"#, "conflicting_fields"), (#"{"function":"f","store":5}"#, "wrong_type"),
        (#"{"function":"f","in_flight":5}"#, "unknown_field"), ("{", "invalid_json"),
    ])
    func `a wrong pause is refused`(text: String, code: String) {
        #expect(SettingsRequest.pausing(text.bytes, true).failure?.code.description == code)
    }

    @Test func `more functions than one request may have are refused`() {
        let names = [String](repeating: #""f""#, count: Limits.functionsPerRequest + 1).joined(separator: ",")
        #expect(SettingsRequest.pausing("{\"functions\":[\(names)]}".bytes, true).failure?.code == .tooMany)
    }

    @Test func `without a limit it is a question`() throws {
        let present = [Self.paused, FunctionSettings(function: FunctionName("scale")!, inFlight: 1)]
        for text in ["", "{}", #"{"store":null}"#] {
            let all = try self.limits(text)
            #expect(all.isQuestion && all.answer(from: present) == present)
        }
        let one = try self.limits(#"{"function":"resize"}"#)
        #expect(one.isQuestion && one.answer(from: present) == [Self.paused])
        let unknown = try self.limits(#"{"function":"rotate"}"#)
        #expect(unknown.answer(from: present) == [FunctionSettings(function: FunctionName("rotate")!)])
    }

    @Test func `a limit is set, null removes it, and what is not named stays`() throws {
        let some = try self.limits(#"{"function":"resize","in_flight":10,"queue_watermark":null}"#)
        #expect(!some.isQuestion)
        #expect(
            some.answer(from: [Self.paused])
                == [FunctionSettings(function: Self.resize, isPaused: true, inFlight: 10, perThousandSeconds: 500)])
        let others = try self.limits(
            #"{"function":"resize","in_flight":null,"per_second":2.5,"queue_watermark":4294967295}"#)
        #expect(
            others.answer(from: [Self.paused])
                == [
                    FunctionSettings(
                        function: Self.resize, isPaused: true, perThousandSeconds: 2500, queueWatermark: .max)
                ])
    }

    @Test func `a function is resumed with its limits, and nothing is left of one that has none`() throws {
        let resume = try SettingsRequest.pausing(#"{"functions":["resize","scale"]}"#.bytes, false).get()
        let present = [Self.paused, FunctionSettings(function: FunctionName("scale")!, isPaused: true)]
        let answer = resume.answer(from: present)
        #expect(answer.map(\.isPaused) == [false, false] && answer.map(\.isEmpty) == [false, true])
        #expect(answer[0].inFlight == 3 && answer[0].perThousandSeconds == 500 && answer[0].queueWatermark == 7)
    }

    @Test(arguments: [
        ("0.001", 1), ("0.0014", 1), ("1", 1000), ("2.5", 2500), ("1e3", 1_000_000), ("4294967.295", .max),
    ])
    func `a rate has thousandths`(text: String, perThousandSeconds: UInt32) throws {
        let request = try self.limits(#"{"function":"f","per_second":\#(text)}"#)
        #expect(request.change.perThousandSeconds == .set(perThousandSeconds))
    }

    @Test(arguments: [
        (#"{"in_flight":5}"#, "missing_field"), (#"{"per_second":null}"#, "missing_field"),
        (#"{"function":"f","in_flight":0}"#, "invalid_value"), (#"{"function":"f","in_flight":1.5}"#, "invalid_value"),
        (#"{"function":"f","in_flight":4294967296}"#, "invalid_value"),
        (#"{"function":"f","in_flight":-1}"#, "invalid_value"), (#"{"function":"f","in_flight":[]}"#, "wrong_type"),
        (#"{"function":"f","queue_watermark":0}"#, "invalid_value"),
        (#"{"function":"f","per_second":0}"#, "invalid_value"),
        (#"{"function":"f","per_second":0.0004}"#, "invalid_value"),
        (#"{"function":"f","per_second":-1}"#, "invalid_value"),
        (#"{"function":"f","per_second":4294967.296}"#, "invalid_value"),
        (#"{"function":"f","per_second":1e308}"#, "invalid_value"),
        (#"{"function":"f","per_second":1e999}"#, "invalid_value"),
        (#"{"function":null,"per_second":1}"#, "invalid_value"), (#"{"functions":["f"]}"#, "unknown_field"),
        ("5", "not_an_object"),
    ])
    func `wrong limits are refused`(text: String, code: String) {
        #expect(SettingsRequest.limits(text.bytes).failure?.code.description == code)
    }

    @Test func `settings are answered for each store`() {
        let error = TaskError(.unavailable("gone"))
        let bytes = FunctionSettings(function: FunctionName([0xff])!, inFlight: 1)
        let settings = [Self.paused, FunctionSettings(function: Self.resize), bytes]
        #expect(
            TaskAnswers.settings([("main", .success(settings)), ("east", .failure(error))]).text == """
                {"stores":[{"store":"main","functions":[\
                {"function":"resize","paused":true,"in_flight":3,"per_second":0.5,"queue_watermark":7},\
                {"function":"resize","paused":false},\
                {"function_base64":"/w==","paused":false,"in_flight":1}]},\
                {"store":"east","error":\(error.json.text)}]}
                """)
    }
}

extension Result {
    fileprivate var failure: Failure? {
        if case .failure(let error) = self { error } else { nil }
    }
}
