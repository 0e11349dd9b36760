/// The handle of a job: what is the same in all handles of a server, and a number.
struct JobHandle {
    private var digits = InlineArray<20, UInt8>(repeating: 0)
    private var start = 20

    init(_ number: UInt64) {
        var rest = number
        repeat {
            self.start -= 1
            self.digits[self.start] = 0x30 + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        } while rest > 0
    }

    /// How many bytes follow the prefix.
    var digitCount: Int { 20 - self.start }

    func withDigits(_ body: (UnsafeRawBufferPointer) -> Void) {
        self.digits.span.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[self.start...])) }
    }

    /// The number in a text, if it is a handle: with this prefix, and otherwise as a handle is made.
    static func number(in text: ArraySlice<UInt8>, prefix: [UInt8]) -> UInt64? {
        text.withUnsafeBytes { text in
            // What follows a NUL was never a part of the handle, gearmand's C says.
            let size = text.firstIndex(of: 0) ?? text.count
            guard (1...19).contains(size - prefix.count), text[prefix.count] != 0x30,
                text.prefix(prefix.count).elementsEqual(prefix)
            else { return nil }
            var number: UInt64 = 0
            for digit in text[prefix.count..<size] {
                guard (0x30...0x39).contains(digit) else { return nil }
                number = number * 10 + UInt64(digit - 0x30)
            }
            return number
        }
    }
}
