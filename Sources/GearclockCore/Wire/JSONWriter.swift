/// Writes JSON, compactly, into a byte array: our answers, and values as JavaScript's `JSON.stringify` writes them.
package struct JSONWriter {
    /// How parsed numbers and the order of names are written.
    package enum Style: Sendable {
        /// As `JSON.stringify(JSON.parse(text))`: numbers rounded to doubles, array indices before other names.
        case javaScript
        /// Numbers and order as they were read.
        case asWritten
    }

    package private(set) var bytes: [UInt8] = []
    /// The next value or name in the current array or object follows another one.
    private var needsComma = false

    package init() {}

    /// `JSON.stringify(value)`.
    package static func stringify(_ value: JSONValue, _ style: Style = .javaScript) -> [UInt8] {
        var writer = JSONWriter()
        writer.value(value, style)
        return writer.bytes
    }

    // MARK: - Structure

    package mutating func object(_ members: (inout JSONWriter) -> Void) {
        self.container(UInt8(ascii: "{"), UInt8(ascii: "}"), members)
    }

    package mutating func array(_ elements: (inout JSONWriter) -> Void) {
        self.container(UInt8(ascii: "["), UInt8(ascii: "]"), elements)
    }

    private mutating func container(_ open: UInt8, _ close: UInt8, _ content: (inout JSONWriter) -> Void) {
        self.separate()
        self.bytes.append(open)
        self.needsComma = false
        content(&self)
        self.bytes.append(close)
        self.needsComma = true
    }

    /// The name of the next value, in an object: one of ours, in which nothing is to be escaped.
    package mutating func name(_ name: StaticString) {
        self.separate()
        self.bytes.append(UInt8(ascii: "\""))
        self.bytes.append(contentsOf: UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
        self.bytes.append(UInt8(ascii: "\""))
        self.bytes.append(UInt8(ascii: ":"))
        self.needsComma = false
    }

    // MARK: - Members

    package mutating func member(_ name: StaticString, _ text: String) {
        self.name(name)
        self.string(text)
    }

    package mutating func member(_ name: StaticString, _ number: some BinaryInteger) {
        self.name(name)
        self.number(number)
    }

    package mutating func member(_ name: StaticString, _ flag: Bool) {
        self.name(name)
        self.value(.bool(flag))
    }

    package mutating func member(_ name: StaticString, _ time: Timestamp) {
        self.name(name)
        self.string(time.iso8601)
    }

    /// Seconds, with a fraction where there is one.
    package mutating func member(_ name: StaticString, _ duration: Duration) {
        self.name(name)
        self.value(.number(duration.inSeconds))
    }

    // MARK: - Values

    package mutating func string(_ text: String) {
        var text = text
        self.separate()
        text.withUTF8 { self.quoted($0) }
    }

    package mutating func number(_ number: some BinaryInteger) {
        self.separate()
        self.bytes.append(contentsOf: String(number).utf8)
    }

    package mutating func value(_ value: JSONValue, _ style: Style = .asWritten) {
        switch value {
        case .null: self.raw("null")
        case .bool(true): self.raw("true")
        case .bool(false): self.raw("false")
        case .number(let number):
            self.separate()
            appendJavaScriptNumber(number, to: &self.bytes)
        case .numeral(let text):
            self.separate()
            switch style {
            case .javaScript: appendJavaScriptNumber(value.double ?? .nan, to: &self.bytes)
            case .asWritten: self.bytes.append(contentsOf: text)
            }
        case .string(let bytes):
            self.separate()
            bytes.withUnsafeBufferPointer { self.quoted($0) }
        case .array(let values):
            self.array { writer in
                for value in values { writer.value(value, style) }
            }
        case .object(let object):
            self.object { writer in writer.members(of: object, style) }
        }
    }

    private mutating func members(of object: JSONObject, _ style: Style) {
        let members: [JSONObject.Member]
        switch style {
        case .javaScript: members = object.javaScriptOrder
        case .asWritten: members = object.members
        }
        for member in members {
            self.separate()
            member.name.withUnsafeBufferPointer { self.quoted($0) }
            self.bytes.append(UInt8(ascii: ":"))
            self.needsComma = false
            self.value(member.value, style)
        }
    }

    private mutating func raw(_ text: StaticString) {
        self.separate()
        self.bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    private mutating func separate() {
        if self.needsComma { self.bytes.append(UInt8(ascii: ",")) }
        self.needsComma = true
    }

    /// Escapes what `JSON.stringify` escapes and nothing else.
    private mutating func quoted(_ text: UnsafeBufferPointer<UInt8>) {
        self.bytes.append(UInt8(ascii: "\""))
        var rest = UnsafeRawBufferPointer(text)
        while true {
            let plain = rest.plainJSONPrefix
            self.bytes.append(contentsOf: rest[..<plain])
            if plain == rest.count { break }
            self.escape(rest[plain])
            rest = UnsafeRawBufferPointer(rebasing: rest[(plain + 1)...])
        }
        self.bytes.append(UInt8(ascii: "\""))
    }

    private mutating func escape(_ byte: UInt8) {
        let short: UInt8
        switch byte {
        case 0x08: short = UInt8(ascii: "b")
        case 0x09: short = UInt8(ascii: "t")
        case 0x0a: short = UInt8(ascii: "n")
        case 0x0c: short = UInt8(ascii: "f")
        case 0x0d: short = UInt8(ascii: "r")
        case 0x20...: short = byte
        default:
            self.bytes.append(contentsOf: (byte < 0x10 ? "\\u000" : "\\u00").utf8)
            self.bytes.append(contentsOf: String(byte, radix: 16).utf8)
            return
        }
        self.bytes.append(UInt8(ascii: "\\"))
        self.bytes.append(short)
    }
}

extension UnsafeRawBufferPointer {
    /// How many bytes stand before the first one that a JSON string escapes: a quote, a backslash or a control
    /// character. Eight at a time, because payloads are mostly such bytes.
    var plainJSONPrefix: Int {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let highs = ones &* 0x80
        var position = 0
        while position + 8 <= self.count {
            let word = self.loadUnaligned(fromByteOffset: position, as: UInt64.self)
            let quotes = word ^ (ones &* 0x22)
            let backslashes = word ^ (ones &* 0x5c)
            // The highest bit of a byte is set where it is below the subtrahend.
            let special =
                (word &- ones &* 0x20) & ~word | (quotes &- ones) & ~quotes | (backslashes &- ones) & ~backslashes
            if special & highs != 0 { break }
            position += 8
        }
        while position < self.count {
            let byte = self[position]
            if byte < 0x20 || byte == 0x22 || byte == 0x5c { break }
            position += 1
        }
        return position
    }
}

/// Writes a number as JavaScript's `Number::toString` does (ECMA-262, 6.1.6.1.20), and what is not finite as
/// `JSON.stringify` does: `null`.
private func appendJavaScriptNumber(_ number: Double, to bytes: inout [UInt8]) {
    guard number.isFinite else { return bytes.append(contentsOf: "null".utf8) }
    if let integer = Int64(exactly: number), integer.magnitude < 1 << 53 {
        return bytes.append(contentsOf: String(integer).utf8)
    }
    // Swift's description has the shortest digits that mean the same double, as JavaScript's has; the form differs.
    var digits: [UInt8] = []
    var point: Int?
    var exponent = 0
    let text = Array(number.magnitude.description.utf8)
    for (index, byte) in text.enumerated() {
        if byte.isDigit {
            digits.append(byte)
        } else if byte == UInt8(ascii: ".") {
            point = digits.count
        } else {
            exponent = Int(String(decoding: text[(index + 1)...], as: UTF8.self)) ?? 0
            break
        }
    }
    // The value is 0.digits * 10^scale, without zeros around the digits.
    var scale = (point ?? digits.count) + exponent
    let leadingZeros = digits.prefix { $0 == UInt8(ascii: "0") }.count
    digits.removeFirst(leadingZeros)
    scale -= leadingZeros
    while digits.last == UInt8(ascii: "0") { digits.removeLast() }
    if number < 0 { bytes.append(UInt8(ascii: "-")) }
    appendJavaScriptDecimal(digits, scale, to: &bytes)
}

private func appendJavaScriptDecimal(_ digits: [UInt8], _ scale: Int, to bytes: inout [UInt8]) {
    let zero = UInt8(ascii: "0")
    switch scale {
    case digits.count...max(21, digits.count) where scale <= 21:
        bytes.append(contentsOf: digits)
        bytes.append(contentsOf: repeatElement(zero, count: scale - digits.count))
    case 1...21:
        bytes.append(contentsOf: digits[..<scale])
        bytes.append(UInt8(ascii: "."))
        bytes.append(contentsOf: digits[scale...])
    case -5...0:
        bytes.append(contentsOf: "0.".utf8)
        bytes.append(contentsOf: repeatElement(zero, count: -scale))
        bytes.append(contentsOf: digits)
    default:
        bytes.append(digits[0])
        if digits.count > 1 {
            bytes.append(UInt8(ascii: "."))
            bytes.append(contentsOf: digits[1...])
        }
        bytes.append(contentsOf: (scale > 0 ? "e+" : "e-").utf8)
        bytes.append(contentsOf: String(abs(scale - 1)).utf8)
    }
}
