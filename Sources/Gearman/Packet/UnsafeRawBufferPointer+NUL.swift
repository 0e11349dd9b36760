extension UnsafeRawBufferPointer {
    /// Where the first NUL from `start` on is, or `end`. It looks at eight bytes at once.
    @inline(__always)
    func firstNUL(from start: Int, to end: Int) -> Int {
        precondition(start >= 0 && end <= self.count, "A search goes no further than the bytes do")
        var offset = start
        while end &- offset >= 8 {
            if let zero = Self.firstZero(in: self.word(at: offset)) { return offset &+ zero }
            offset &+= 8
        }
        guard offset < end else { return end }
        // The last bytes once more with some before them, which are made not to count.
        guard end >= 8 else { return self.firstNULByByte(from: offset, to: end) }
        let known = UInt64(truncatingIfNeeded: 8 &- (end &- offset)) &* 8
        let word = (self.word(at: end &- 8) &>> known) | ~(UInt64.max &>> known)
        return Self.firstZero(in: word).map { offset &+ $0 } ?? end
    }

    private func firstNULByByte(from start: Int, to end: Int) -> Int {
        var offset = start
        while offset < end, self[offset] != 0 { offset += 1 }
        return offset
    }

    @inline(__always)
    private func word(at offset: Int) -> UInt64 {
        UInt64(littleEndian: self.baseAddress.unsafelyUnwrapped.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    /// The lowest byte that is 0.
    @inline(__always)
    private static func firstZero(in word: UInt64) -> Int? {
        // The lowest bit set is the highest one of that byte.
        let zeros = (word &- 0x0101_0101_0101_0101) & ~word & 0x8080_8080_8080_8080
        return zeros == 0 ? nil : zeros.trailingZeroBitCount &>> 3
    }
}
