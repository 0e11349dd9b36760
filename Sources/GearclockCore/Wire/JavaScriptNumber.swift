/// JavaScript's `Number(text)`, in whose terms gearsloth checks numeric fields.
package enum JavaScriptNumber {
    /// Decimal numbers, `0x…`, `0o…`, `0b…` and `Infinity`, with white space around them; `nil` where `Number` is
    /// `NaN`.
    ///
    /// - Parameter allowsEmpty: whether a text of white space alone is 0, as it is there.
    package static func parse(_ text: [UInt8], allowsEmpty: Bool = true) -> Double? {
        var text = text[...]
        while let byte = text.first, Self.isSpace(byte) { text.removeFirst() }
        while let byte = text.last, Self.isSpace(byte) { text.removeLast() }
        if text.isEmpty { return allowsEmpty ? 0 : nil }
        // Nobody writes a longer number on purpose.
        guard text.count <= 400 else { return nil }
        if text.count > 2, text.first == UInt8(ascii: "0"), let radix = Self.radix(text[text.startIndex + 1]) {
            return Self.integer(text.dropFirst(2), radix)
        }
        let unsigned = text.first == UInt8(ascii: "-") || text.first == UInt8(ascii: "+") ? text.dropFirst() : text
        if unsigned.elementsEqual("Infinity".utf8) {
            return text.first == UInt8(ascii: "-") ? -.infinity : .infinity
        }
        guard Self.isDecimal(unsigned) else { return nil }
        return Double(String(decoding: text, as: UTF8.self))
    }

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || (0x09...0x0d).contains(byte)
    }

    private static func radix(_ letter: UInt8) -> Double? {
        switch letter | 0x20 {
        case UInt8(ascii: "x"): 16
        case UInt8(ascii: "o"): 8
        case UInt8(ascii: "b"): 2
        default: nil
        }
    }

    private static func integer(_ digits: ArraySlice<UInt8>, _ radix: Double) -> Double? {
        var value = 0.0
        for byte in digits {
            guard let digit = hexadecimalValue(byte), Double(digit) < radix else { return nil }
            value = value * radix + Double(digit)
        }
        return value
    }

    /// `12`, `1.5`, `.5`, `5.`, `1e3`
    private static func isDecimal(_ text: ArraySlice<UInt8>) -> Bool {
        let parts = text.split(maxSplits: 1, omittingEmptySubsequences: false) { $0 | 0x20 == UInt8(ascii: "e") }
        let mantissa = parts[0].split(
            separator: UInt8(ascii: "."), maxSplits: 1, omittingEmptySubsequences: false)
        guard mantissa.contains(where: { !$0.isEmpty }), mantissa.allSatisfy({ $0.allSatisfy(\.isDigit) }) else {
            return false
        }
        guard parts.count == 2 else { return true }
        let sign = parts[1].first == UInt8(ascii: "-") || parts[1].first == UInt8(ascii: "+")
        let exponent = sign ? parts[1].dropFirst() : parts[1]
        return !exponent.isEmpty && exponent.allSatisfy(\.isDigit)
    }
}
