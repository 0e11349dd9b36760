import GearclockCore
import Testing

@Suite struct JSONTests {
    @Test func `errors say where and what`() {
        let examples: [(String, JSONError.Code, Int)] = [
            ("", .unexpectedEnd, 0), ("[1", .unexpectedEnd, 2), ("[1,]", .unexpectedByte, 3),
            ("\"\\x\"", .invalidString, 2),
            ("\"a\nb\"", .invalidString, 2), ("\"\\u12g4\"", .invalidString, 5), ("\"\\ud800\"", .loneSurrogate, 1),
            ("\"\\udc00\"", .loneSurrogate, 1), ("1 2", .unexpectedByte, 2), ("{\"a\" 1}", .unexpectedByte, 5),
        ]
        for (text, code, offset) in examples {
            let error = Self.error(text.bytes)
            #expect(error?.code == code && error?.offset == offset, "\(text): \(String(describing: error))")
        }
    }

    @Test func `invalid UTF-8 is found at its first byte`() {
        let invalid: [[UInt8]] = [
            [0x80], [0xc0, 0xaf], [0xc2], [0xe0, 0x80, 0x80], [0xed, 0xa0, 0x80], [0xf0, 0x80, 0x80, 0x80],
            [0xf4, 0x90, 0x80, 0x80], [0xf5, 0x80, 0x80, 0x80], [0xff], [0xe2, 0x82], [0xf0, 0x9f, 0x98],
        ]
        for bytes in invalid {
            for prefix in 0..<20 {
                let text = [UInt8](repeating: 0x20, count: prefix) + bytes + "        ".bytes
                #expect(text.firstInvalidUTF8 == prefix)
                #expect(Self.error(text)?.code == .invalidUTF8)
            }
        }
    }

    @Test func `UTF-8 is judged as the standard library judges it`() {
        var random = SeededGenerator(seed: 3)
        let leads: [UInt8] = [
            0x00, 0x41, 0x7f, 0x80, 0xbf, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xed, 0xef, 0xf0, 0xf3, 0xf4, 0xf5,
        ]
        for _ in 0..<5000 {
            let bytes = (0..<random.next(upperBound: UInt(12))).map { _ in
                leads[Int(random.next(upperBound: UInt(leads.count)))] ^ UInt8(random.next(upperBound: UInt(3))) << 4
            }
            #expect((bytes.firstInvalidUTF8 == nil) == (String(validating: bytes, as: UTF8.self) != nil), "\(bytes)")
        }
    }

    @Test func `nesting is taken to its limit and no further`() {
        let fits = String(repeating: "[", count: Limits.jsonDepth) + String(repeating: "]", count: Limits.jsonDepth)
        #expect(Self.error(fits.bytes) == nil)
        #expect(Self.error("[\(fits)]".bytes)?.code == .tooDeep)
        #expect(Self.error([UInt8](repeating: UInt8(ascii: "["), count: 1_000_000))?.code == .tooDeep)
        let objects = String(repeating: #"{"a":"#, count: Limits.jsonDepth + 1)
        #expect(Self.error(objects.bytes)?.code == .tooDeep)
    }

    @Test func `values are counted`() {
        let zeros = String(repeating: "0,", count: Limits.jsonValues - 2)
        #expect(Self.error("[\(zeros)0]".bytes) == nil)
        #expect(Self.error("[\(zeros)0,0]".bytes)?.code == .tooManyValues)
    }

    @Test func `of many equal names each keeps its place and its last value`() throws {
        let members = (0..<1000).map { #""k\#($0 % 100)":\#($0)"# }.joined(separator: ",")
        let object = try #require(JSONParser.parse("{\(members)}".bytes).object)
        #expect(object.members.map(\.name.text) == (0..<100).map { "k\($0)" })
        #expect(object.members.map(\.value) == (900..<1000).map { .number(Double($0)) })
    }

    @Test func `names are compared byte by byte`() throws {
        // The same letter, composed and decomposed: equal strings in Swift, different names in JSON.
        let object = try #require(JSONParser.parse("{\"\u{e9}\":1,\"e\u{301}\":2}".bytes).object)
        #expect(object.members.count == 2)
    }

    @Test func `a member is set, replaced and removed`() {
        var object = JSONObject()
        object["a"] = .null
        object["b"] = .bool(true)
        object["a"] = .number(1)
        #expect(JSONWriter.stringify(.object(object)).text == #"{"a":1,"b":true}"#)
        object["a"] = nil
        object["c"] = nil
        #expect(JSONWriter.stringify(.object(object)).text == #"{"b":true}"#)
    }

    @Test func `half of a surrogate pair is replaced where that is asked for`() throws {
        let text = #"["\ud800","\udc00\ud800","\ud800\u0041","\ud83d\ude00"]"#
        let value = try JSONParser.parse(text.bytes, loneSurrogates: .replace)
        #expect(JSONWriter.stringify(value).text == "[\"\u{fffd}\",\"\u{fffd}\u{fffd}\",\"\u{fffd}A\",\"😀\"]")
    }

    @Test func `a number of a million digits is read`() throws {
        let value = try JSONParser.parse([UInt8](repeating: UInt8(ascii: "9"), count: 1_000_000))
        #expect(value.double == .infinity)
        #expect(JSONWriter.stringify(value).text == "null")
    }

    @Test func `doubles survive being written and read`() throws {
        var random = SeededGenerator(seed: 5)
        for _ in 0..<5000 {
            let number = Double(bitPattern: random.next())
            guard number.isFinite else { continue }
            #expect(try JSONParser.parse(JSONWriter.stringify(.number(number))).double == number)
        }
    }

    @Test func `values survive being written and read`() throws {
        var random = SeededGenerator(seed: 7)
        for _ in 0..<1500 {
            let value = Self.value(depth: 4, &random)
            #expect(try JSONParser.parse(JSONWriter.stringify(value, .asWritten)) == value)
        }
    }

    private static func value(depth: Int, _ random: inout SeededGenerator) -> JSONValue {
        switch random.next(upperBound: UInt(depth == 0 ? 5 : 7)) {
        case 0: return .null
        case 1: return .bool(random.next() & 1 == 0)
        case 2: return .number(Double(Int32(truncatingIfNeeded: random.next())))
        case 3: return .numeral("-0.\(random.next() % 1000)e\(random.next() % 300)".bytes)
        case 4: return .string(Self.string(&random))
        case 5: return .array((0..<random.next() % 4).map { _ in Self.value(depth: depth - 1, &random) })
        default:
            var object = JSONObject()
            if random.next() & 1 == 0 { object["a\u{0}b"] = Self.value(depth: depth - 1, &random) }
            if random.next() & 1 == 0 { object["17"] = Self.value(depth: depth - 1, &random) }
            object[""] = .string(Self.string(&random))
            return .object(object)
        }
    }

    private static func string(_ random: inout SeededGenerator) -> [UInt8] {
        let characters: [String] = ["a", "\"", "\\", "\u{0}", "\u{1f}", "\n", "é", "€", "😀", "\u{7f}", "/", "\u{2028}"]
        return (0..<random.next() % 8).map { _ in characters[Int(random.next() % 12)] }.joined().bytes
    }

    private static func error(_ bytes: [UInt8]) -> JSONError? {
        do {
            _ = try JSONParser.parse(bytes)
            return nil
        } catch {
            return error
        }
    }
}
