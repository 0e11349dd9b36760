extension RawSpan {
    /// Where the first NUL from `start` on is, or `end`. It looks at eight bytes at once.
    func firstNUL(from start: Int, to end: Int) -> Int {
        var offset = start
        while end - offset >= 8 {
            let word = UInt64(littleEndian: self.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self))
            // The lowest bit set is the highest one of the first byte that is 0.
            let zeros = (word &- 0x0101_0101_0101_0101) & ~word & 0x8080_8080_8080_8080
            if zeros != 0 { return offset + zeros.trailingZeroBitCount / 8 }
            offset += 8
        }
        while offset < end, self.unsafeLoad(fromByteOffset: offset, as: UInt8.self) != 0 { offset += 1 }
        return offset
    }
}
