/// RFC 4648. Our own, because the core imports nothing but the standard library.
package enum Base64 {
    /// Decodes the ordinary and the URL-safe alphabet; padding may be missing and white space (line breaks) may stand
    /// anywhere. `nil` for anything else, where Node would silently drop bytes.
    package static func decode(_ text: [UInt8]) -> [UInt8]? {
        var result: [UInt8] = []
        result.reserveCapacity(text.count / 4 * 3 + 3)
        var bits: UInt32 = 0
        var count = 0
        var padding = 0
        for byte in text {
            let value = Self.values[Int(byte)]
            if value < 64 {
                guard padding == 0 else { return nil }
                bits = bits << 6 | UInt32(value)
                count += 1
                if count == 4 {
                    result.append(UInt8(truncatingIfNeeded: bits >> 16))
                    result.append(UInt8(truncatingIfNeeded: bits >> 8))
                    result.append(UInt8(truncatingIfNeeded: bits))
                    (bits, count) = (0, 0)
                }
            } else if byte == UInt8(ascii: "=") {
                padding += 1
            } else if value == Self.invalid {
                return nil
            }
        }
        switch (count, padding) {
        case (0, 0): break
        case (2, 0), (2, 2): result.append(UInt8(truncatingIfNeeded: bits >> 4))
        case (3, 0), (3, 1):
            result.append(UInt8(truncatingIfNeeded: bits >> 10))
            result.append(UInt8(truncatingIfNeeded: bits >> 2))
        default: return nil
        }
        return result
    }

    /// Encodes with the ordinary alphabet and padding.
    package static func encode(_ bytes: some Collection<UInt8>) -> String {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        var bits: UInt32 = 0
        var count = 0
        for byte in bytes {
            bits = bits << 8 | UInt32(byte)
            count += 1
            if count == 3 {
                for shift in [18, 12, 6, 0] as [UInt32] { text.append(Self.alphabet[Int(bits >> shift & 63)]) }
                (bits, count) = (0, 0)
            }
        }
        if count == 1 {
            text += [Self.alphabet[Int(bits >> 2 & 63)], Self.alphabet[Int(bits << 4 & 63)]]
            text += [UInt8(ascii: "="), UInt8(ascii: "=")]
        } else if count == 2 {
            text += [Self.alphabet[Int(bits >> 10 & 63)], Self.alphabet[Int(bits >> 4 & 63)]]
            text += [Self.alphabet[Int(bits << 2 & 63)], UInt8(ascii: "=")]
        }
        return String(decoding: text, as: UTF8.self)
    }

    private static let alphabet = [UInt8]("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    private static let invalid: UInt8 = 255
    private static let ignored: UInt8 = 254

    /// The value of each byte: 0 ... 63, or one of the two above.
    private static let values: [UInt8] = {
        var values = [UInt8](repeating: Self.invalid, count: 256)
        for (value, byte) in Self.alphabet.enumerated() { values[Int(byte)] = UInt8(value) }
        values[Int(UInt8(ascii: "-"))] = 62
        values[Int(UInt8(ascii: "_"))] = 63
        for byte in [0x20, 0x09, 0x0a, 0x0d] { values[byte] = Self.ignored }
        return values
    }()
}
