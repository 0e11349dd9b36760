import GearclockCore
import Testing

@Suite struct ISO8601Tests {
    @Test(
        arguments: [
            ("1970-01-01T00:00:00.000000Z", 0), ("1969-12-31T23:59:59.999999Z", -1),
            ("2026-08-21T10:00:00.000000Z", 1_787_306_400_000_000),
            ("2000-02-29T12:34:56.789012Z", 951_827_696_789_012),
            ("9999-12-31T23:59:59.999999Z", 253_402_300_799_999_999),
            ("0000-01-01T00:00:00.000000Z", -62_167_219_200_000_000),
        ] as [(String, Int64)])
    func `a moment is written and read`(text: String, microseconds: Int64) {
        #expect(Timestamp(microseconds: microseconds).iso8601 == text)
        #expect(Timestamp(iso8601: text.utf8) == Timestamp(microseconds: microseconds))
    }

    @Test func `every moment has a text and what is written is read again`() {
        var random = SeededGenerator(seed: 13)
        for _ in 0..<5000 {
            let any = Timestamp(microseconds: Int64(bitPattern: random.next()))
            #expect(any.iso8601.utf8.count >= 27)
            let year0 = -62_167_219_200_000_000
            let time = Timestamp(microseconds: Int64.random(in: Int64(year0)...253_402_300_799_999_999, using: &random))
            #expect(Timestamp(iso8601: time.iso8601.utf8) == time)
        }
        #expect(Timestamp.distantPast.iso8601 == "-290308-12-21T19:59:05.224192Z")
        #expect(Timestamp.distantFuture.iso8601 == "+294247-01-10T04:00:54.775807Z")
    }

    @Test func `every day of four centuries follows the one before`() {
        var expected = Timestamp(iso8601: "1999-12-31".utf8)!
        for year in 2000..<2400 {
            for month in 1...12 {
                for day in 1...31 {
                    func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
                    guard let time = Timestamp(iso8601: "\(year)-\(two(month))-\(two(day))".utf8) else { continue }
                    expected = expected.advanced(by: .seconds(86_400))
                    #expect(time == expected)
                }
            }
        }
    }

    @Test(arguments: [
        "2026-08-21T12:00:00+02:00", "2026-08-21T12:00:00+0200", "2026-08-21T12:00+02", "2026-08-21 04:30:00-05:30",
        "2026-08-21t10:00:00.000z", "2026-08-21T10:00", "2026-08-21T10:00:00.00000099",
    ])
    func `the forms of one moment`(text: String) {
        #expect(Timestamp(iso8601: text.utf8) == Timestamp(microseconds: 1_787_306_400_000_000))
    }

    @Test func `the end of a day is the start of the next`() {
        #expect(Timestamp(iso8601: "2026-08-20T24:00:00Z".utf8) == Timestamp(iso8601: "2026-08-21".utf8))
    }

    @Test(arguments: [
        "", "2026", "2026-08", "26-08-21", "2026-8-21", "2026-02-29", "2026-04-31", "2026-00-01", "2026-08-00",
        "2026-08-21T", "2026-08-21T10", "2026-08-21T24:00:01Z", "2026-08-21T10:00:60Z", "2026-08-21T10:60Z",
        "2026-08-21T10:00:00.Z", "2026-08-21T10:00:00+", "2026-08-21T10:00:00+24:00", "2026-08-21T10:00:00+02:60",
        "2026-08-21T10:00:00+02:0", "2026-08-21T10:00:00Z ", " 2026-08-21", "2026-08-21Z", "+002026-08-21",
        "2026-08-21T1:00Z",
        "２０２６-08-21", "2026-08-21T10:00:00ZZ",
    ])
    func `what is no date is refused`(text: String) {
        #expect(Timestamp(iso8601: text.utf8) == nil)
    }

    @Test func `JavaScript's form has milliseconds`() {
        #expect(Timestamp(microseconds: 1_787_306_400_123_999).javaScriptISOString == "2026-08-21T10:00:00.123Z")
    }
}
