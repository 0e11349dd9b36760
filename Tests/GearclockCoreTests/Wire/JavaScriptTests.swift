import GearclockCore
import Testing

/// Compares with what Node did (Fixtures/tasks/record.js).
@Suite struct JavaScriptTests {
    @Test func `JSON is read and written as JavaScript does`() throws {
        for (text, result) in try TaskFixtures.pairs("javascript-json.json") {
            let ours = (try? JSONParser.parse(text)).map { JSONWriter.stringify($0) }
            #expect(ours == result.stringBytes, "\(text.text)")
        }
    }

    @Test func `a date is never another moment than in JavaScript`() throws {
        for (text, result) in try TaskFixtures.pairs("javascript-dates.json") {
            guard let ours = JavaScriptDate.parse(text) else { continue }
            let milliseconds = try #require(result.double, "\(text.text) is no date there, but \(ours.iso8601) here")
            #expect(Self.flooredMilliseconds(ours) == Int64(milliseconds), "\(text.text)")
        }
    }

    /// What V8 finds a date in and we do not: none of them is a form that anything writes.
    @Test func `the dates of JavaScript that are refused are known`() throws {
        let refused = try TaskFixtures.pairs("javascript-dates.json")
            .filter { $0.result.double != nil && JavaScriptDate.parse($0.text) == nil }
        #expect(
            refused.map(\.text.text) == [
                "21 Aug 2026 (open", "yesterday 2026", "x 5", "5", "Aug 2026", "21 Aug", "21. Aug 2026", "21 Aug. 2026",
                "2026.08.21", "2026-08Z", "-2026-08-21", "275760-09-13", "0005-08-19T12:39:14.220-0330",
                "0005-08-24T00:32-0330",
            ])
    }

    @Test func `numeric text is a number where it is one in JavaScript`() throws {
        for (text, result) in try TaskFixtures.pairs("javascript-numbers.json") {
            let ours = JavaScriptNumber.parse(text).map { JSONWriter.stringify(.number($0)).text }
            let theirs = try #require(result.stringBytes).text
            switch theirs {
            case "NaN": #expect(ours == nil, "\(text.text)")
            case "Infinity", "-Infinity": #expect(ours == "null", "\(text.text)")
            default: #expect(ours == theirs, "\(text.text)")
            }
        }
    }

    @Test func `milliseconds are a date within JavaScript's range`() {
        #expect(JavaScriptDate.fromMilliseconds(1.5) == Timestamp(microseconds: 1500))
        #expect(JavaScriptDate.fromMilliseconds(-8.64e15) == Timestamp(microseconds: -8_640_000_000_000_000_000))
        #expect(JavaScriptDate.fromMilliseconds(8.64e15 + 1) == nil)
        #expect(JavaScriptDate.fromMilliseconds(.nan) == nil)
        #expect(JavaScriptDate.fromMilliseconds(.infinity) == nil)
    }

    private static func flooredMilliseconds(_ time: Timestamp) -> Int64 {
        let (quotient, remainder) = time.microseconds.quotientAndRemainder(dividingBy: 1000)
        return remainder < 0 ? quotient - 1 : quotient
    }
}
