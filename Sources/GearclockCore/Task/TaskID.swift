/// The identity of a task: a UUID, ordered by time so that new rows go to the end of a primary key.
///
/// Ids made here are UUIDs of version 8 (RFC 9562, section 5.8): 48 bits of Unix milliseconds, as in version 7, then
/// the number of the cluster in the twelve bits that version 7 calls `rand_a`, then 62 random bits. A client may
/// choose any other UUID.
package struct TaskID: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let high: UInt64
    package let low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Makes a new id.
    ///
    /// - Parameters:
    ///   - cluster: the number of the cluster that holds the task, 0 ... 4095; higher bits are cut.
    ///   - now: the time it is ordered by.
    package init(cluster: UInt16, now: Timestamp, using random: inout some RandomNumberGenerator) {
        let milliseconds = UInt64(max(0, now.microseconds) / 1000)
        self.high = milliseconds << 16 | 0x8000 | UInt64(cluster & 0x0fff)
        self.low = random.next() >> 2 | 0x8000_0000_0000_0000
    }

    /// Reads the text form, `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`, in either case; the hyphens may be missing.
    package init?(_ text: some StringProtocol) {
        var digits = 0
        var words: (UInt64, UInt64) = (0, 0)
        for (offset, byte) in text.utf8.enumerated() {
            if byte == UInt8(ascii: "-") {
                guard [8, 13, 18, 23].contains(offset) else { return nil }
                continue
            }
            guard digits < 32, let value = hexadecimalValue(byte) else { return nil }
            if digits < 16 {
                words.0 = words.0 << 4 | UInt64(value)
            } else {
                words.1 = words.1 << 4 | UInt64(value)
            }
            digits += 1
        }
        guard digits == 32, text.utf8.count == 32 || text.utf8.count == 36 else { return nil }
        (self.high, self.low) = words
    }

    /// Reads sixteen bytes, most significant first.
    package init?(bytes: some Collection<UInt8>) {
        guard bytes.count == 16 else { return nil }
        self.high = bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
        self.low = bytes.dropFirst(8).reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// Sixteen bytes, most significant first, so that they sort as the id does.
    package var bytes: [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 16) { buffer, count in
            for index in 0..<8 {
                buffer[index] = UInt8(truncatingIfNeeded: self.high >> (56 - 8 * UInt64(index)))
                buffer[8 + index] = UInt8(truncatingIfNeeded: self.low >> (56 - 8 * UInt64(index)))
            }
            count = 16
        }
    }

    /// The text form in lower case.
    package var description: String {
        String(unsafeUninitializedCapacity: 36) { self.write(to: $0) }
    }

    /// The same as bytes, with room for a suffix.
    package var text: [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 48) { buffer, count in count = self.write(to: buffer) }
    }

    private func write(to buffer: UnsafeMutableBufferPointer<UInt8>) -> Int {
        var position = 0
        for digit in 0..<32 as Range<UInt64> {
            if digit == 8 || digit == 12 || digit == 16 || digit == 20 {
                buffer[position] = UInt8(ascii: "-")
                position += 1
            }
            let word = digit < 16 ? self.high : self.low
            buffer[position] = hexadecimalDigit(UInt8(truncatingIfNeeded: word >> (60 - 4 * (digit & 15))) & 15)
            position += 1
        }
        return position
    }

    package static func < (left: TaskID, right: TaskID) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }
}

/// The value of a hexadecimal digit in either case.
func hexadecimalValue(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
}

private func hexadecimalDigit(_ nibble: UInt8) -> UInt8 {
    nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") + nibble - 10
}
