/// Why bytes are not JSON that we take.
package struct JSONError: Error, Equatable, Sendable {
    package enum Code: Equatable, Sendable {
        /// The text ends before the value does.
        case unexpectedEnd
        /// A byte that cannot stand there.
        case unexpectedByte
        /// An escape that JSON does not have, or a control character that is not escaped.
        case invalidString
        /// Half of a surrogate pair, where that is refused.
        case loneSurrogate
        /// Not well-formed UTF-8.
        case invalidUTF8
        /// Deeper than ``Limits/jsonDepth``.
        case tooDeep
        /// More values than ``Limits/jsonValues``.
        case tooManyValues
    }

    package let code: Code
    /// Where, in bytes from the start.
    package let offset: Int
    /// In V8's words where it has some, because gearsloth's clients got those.
    package let message: String
}

/// Reads one JSON value: RFC 8259, strictly, in one pass and by recursion of at most ``Limits/jsonDepth``.
package struct JSONParser {
    /// What becomes of an escaped half of a surrogate pair, `"\ud800"`, which has no form in UTF-8.
    package enum LoneSurrogates: Sendable {
        /// U+FFFD, as JavaScript does when it writes the string to a socket.
        case replace
        case refuse
    }

    private let bytes: [UInt8]
    private let loneSurrogates: LoneSurrogates
    private var position = 0
    private var depth = 0
    private var valuesLeft = Limits.jsonValues

    private init(_ bytes: [UInt8], _ loneSurrogates: LoneSurrogates) {
        self.bytes = bytes
        self.loneSurrogates = loneSurrogates
    }

    package static func parse(
        _ bytes: [UInt8], loneSurrogates: LoneSurrogates = .refuse
    ) throws(JSONError) -> JSONValue {
        if let offset = bytes.firstInvalidUTF8 {
            throw JSONError(code: .invalidUTF8, offset: offset, message: "Invalid UTF-8 in JSON at position \(offset)")
        }
        var parser = JSONParser(bytes, loneSurrogates)
        parser.skipWhitespace()
        let value = try parser.value()
        parser.skipWhitespace()
        guard parser.position == bytes.count else { throw parser.unexpected() }
        return value
    }

    // MARK: - Values

    private mutating func value() throws(JSONError) -> JSONValue {
        self.valuesLeft -= 1
        guard self.valuesLeft >= 0 else {
            throw self.error(.tooManyValues, "More than \(Limits.jsonValues) values in JSON")
        }
        switch self.current {
        case UInt8(ascii: "\""): return .string(try self.string())
        case UInt8(ascii: "{"): return try self.object()
        case UInt8(ascii: "["): return try self.array()
        case UInt8(ascii: "t"): return try self.literal("true", .bool(true))
        case UInt8(ascii: "f"): return try self.literal("false", .bool(false))
        case UInt8(ascii: "n"): return try self.literal("null", .null)
        default: return try self.number()
        }
    }

    private mutating func object() throws(JSONError) -> JSONValue {
        try self.enter()
        var members: [JSONObject.Member] = []
        if !self.skip(UInt8(ascii: "}")) {
            repeat {
                self.skipWhitespace()
                guard self.current == UInt8(ascii: "\"") else { throw self.unexpected() }
                let name = try self.string()
                self.skipWhitespace()
                guard self.current == UInt8(ascii: ":") else { throw self.unexpected() }
                self.position += 1
                self.skipWhitespace()
                members.append(JSONObject.Member(name: name, value: try self.value()))
            } while self.skip(UInt8(ascii: ","))
            guard self.skip(UInt8(ascii: "}")) else { throw self.unexpected() }
        }
        self.depth -= 1
        return .object(JSONObject(uniquing: members))
    }

    private mutating func array() throws(JSONError) -> JSONValue {
        try self.enter()
        var values: [JSONValue] = []
        if !self.skip(UInt8(ascii: "]")) {
            repeat {
                self.skipWhitespace()
                values.append(try self.value())
            } while self.skip(UInt8(ascii: ","))
            guard self.skip(UInt8(ascii: "]")) else { throw self.unexpected() }
        }
        self.depth -= 1
        return .array(values)
    }

    private mutating func enter() throws(JSONError) {
        self.depth += 1
        guard self.depth <= Limits.jsonDepth else {
            throw self.error(.tooDeep, "JSON nests deeper than \(Limits.jsonDepth) at position \(self.position)")
        }
        self.position += 1
    }

    private mutating func literal(_ text: StaticString, _ value: JSONValue) throws(JSONError) -> JSONValue {
        for index in 0..<text.utf8CodeUnitCount {
            guard self.current == text.utf8Start[index] else { throw self.unexpected() }
            self.position += 1
        }
        return value
    }

    private mutating func number() throws(JSONError) -> JSONValue {
        let start = self.position
        let isNegative = self.take(UInt8(ascii: "-"))
        var integer: Int64 = 0
        let firstDigit = self.position
        if !self.take(UInt8(ascii: "0")) {
            try self.digits { integer = integer &* 10 &+ Int64($0) }
        }
        let digits = self.position - firstDigit
        var isPlain = digits <= 15 && !(isNegative && integer == 0)
        if self.take(UInt8(ascii: ".")) {
            isPlain = false
            try self.digits { _ in }
        }
        if self.take(UInt8(ascii: "e")) || self.take(UInt8(ascii: "E")) {
            isPlain = false
            if !self.take(UInt8(ascii: "+")) { _ = self.take(UInt8(ascii: "-")) }
            try self.digits { _ in }
        }
        if isPlain { return .number(Double(isNegative ? -integer : integer)) }
        return .numeral([UInt8](self.bytes[start..<self.position]))
    }

    /// One digit or more.
    private mutating func digits(_ each: (UInt8) -> Void) throws(JSONError) {
        guard let first = self.current, first.isDigit else { throw self.unexpected() }
        while let byte = self.current, byte.isDigit {
            each(byte - UInt8(ascii: "0"))
            self.position += 1
        }
    }

    // MARK: - Strings

    private mutating func string() throws(JSONError) -> [UInt8] {
        self.position += 1
        let start = self.position
        self.skipPlain()
        guard let byte = self.current else { throw self.unexpected() }
        switch byte {
        case UInt8(ascii: "\""):
            self.position += 1
            return [UInt8](self.bytes[start..<self.position - 1])
        case UInt8(ascii: "\\"):
            return try self.escapedString(from: start)
        default:
            throw self.badControlCharacter()
        }
    }

    /// The rest of a string with escapes; the position is at the first one.
    private mutating func escapedString(from start: Int) throws(JSONError) -> [UInt8] {
        var result = [UInt8](self.bytes[start..<self.position])
        while let byte = self.current {
            self.position += 1
            switch byte {
            case UInt8(ascii: "\""):
                return result
            case UInt8(ascii: "\\"):
                try self.escape(into: &result)
            case 0..<0x20:
                self.position -= 1
                throw self.badControlCharacter()
            default:
                let start = self.position - 1
                self.skipPlain()
                result.append(contentsOf: self.bytes[start..<self.position])
            }
        }
        throw self.unexpected()
    }

    /// Goes on to the next byte that means something in a string, or to the end.
    private mutating func skipPlain() {
        self.position += self.bytes.withUnsafeBytes { buffer in
            UnsafeRawBufferPointer(rebasing: buffer[self.position...]).plainJSONPrefix
        }
    }

    private mutating func escape(into result: inout [UInt8]) throws(JSONError) {
        guard let byte = self.current else { throw self.unexpected() }
        self.position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): result.append(byte)
        case UInt8(ascii: "b"): result.append(0x08)
        case UInt8(ascii: "f"): result.append(0x0c)
        case UInt8(ascii: "n"): result.append(0x0a)
        case UInt8(ascii: "r"): result.append(0x0d)
        case UInt8(ascii: "t"): result.append(0x09)
        case UInt8(ascii: "u"): result.append(contentsOf: try self.unicodeEscape().utf8)
        default:
            self.position -= 1
            throw self.error(.invalidString, "Bad escaped character in JSON at position \(self.position)")
        }
    }

    private mutating func unicodeEscape() throws(JSONError) -> Unicode.Scalar {
        let start = self.position - 2
        let unit = try self.fourHexadecimalDigits()
        if let scalar = Unicode.Scalar(unit) { return scalar }
        let next = self.position
        if unit < 0xdc00, self.take(UInt8(ascii: "\\")), self.take(UInt8(ascii: "u")) {
            let low = try self.fourHexadecimalDigits()
            let code = 0x10000 + ((UInt32(unit) & 0x3ff) << 10 | UInt32(low) & 0x3ff)
            if low & 0xfc00 == 0xdc00, let scalar = Unicode.Scalar(code) { return scalar }
        }
        self.position = next
        switch self.loneSurrogates {
        case .replace:
            return "\u{fffd}"
        case .refuse:
            throw JSONError(
                code: .loneSurrogate, offset: start,
                message: "Half of a surrogate pair, which is not text, in JSON at position \(start)")
        }
    }

    private mutating func fourHexadecimalDigits() throws(JSONError) -> UInt16 {
        var unit: UInt16 = 0
        for _ in 0..<4 {
            guard let byte = self.current else { throw self.unexpected() }
            guard let digit = hexadecimalValue(byte) else {
                throw self.error(.invalidString, "Bad Unicode escape in JSON at position \(self.position)")
            }
            unit = unit << 4 | UInt16(digit)
            self.position += 1
        }
        return unit
    }

    // MARK: - Bytes

    private var current: UInt8? {
        self.position < self.bytes.count ? self.bytes[self.position] : nil
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard self.current == byte else { return false }
        self.position += 1
        return true
    }

    /// Takes this byte, and white space before it.
    private mutating func skip(_ byte: UInt8) -> Bool {
        self.skipWhitespace()
        return self.take(byte)
    }

    private mutating func skipWhitespace() {
        while let byte = self.current, byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 {
            self.position += 1
        }
    }

    private func error(_ code: JSONError.Code, _ message: String) -> JSONError {
        JSONError(code: code, offset: self.position, message: message)
    }

    private func badControlCharacter() -> JSONError {
        self.error(.invalidString, "Bad control character in string literal in JSON at position \(self.position)")
    }

    /// The current byte cannot stand there.
    private func unexpected() -> JSONError {
        guard let byte = self.current else {
            return self.error(.unexpectedEnd, "Unexpected end of JSON input")
        }
        let token =
            (0x21...0x7e).contains(byte)
            ? "token \(Character(Unicode.Scalar(byte)))" : "byte 0x\(String(byte, radix: 16))"
        return self.error(.unexpectedByte, "Unexpected \(token) in JSON at position \(self.position)")
    }
}
