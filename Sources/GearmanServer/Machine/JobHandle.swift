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
            let start = prefix.count
            guard text.count > start, (0x31...0x39).contains(text[start]) else { return nil }
            for place in 0..<start where text[place] != prefix[place] { return nil }
            var number: UInt64 = 0
            // What follows a NUL was never a part of the handle, gearmand's C says.
            for place in start..<text.count {
                let digit = text[place]
                if digit == 0 { break }
                guard (0x30...0x39).contains(digit), place - start < 19 else { return nil }
                number = number * 10 + UInt64(digit - 0x30)
            }
            return number
        }
    }
}
