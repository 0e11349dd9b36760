extension [UInt8] {
    /// The offset of the first byte that is not part of well-formed UTF-8; `nil` if all are.
    ///
    /// Strict, as the Unicode standard has it (table 3-7): no overlong forms, no surrogates, nothing above U+10FFFF.
    package var firstInvalidUTF8: Int? {
        self.withUnsafeBytes { buffer in
            var position = 0
            while position < buffer.count {
                if position + 8 <= buffer.count,
                    buffer.loadUnaligned(fromByteOffset: position, as: UInt64.self) & 0x8080_8080_8080_8080 == 0
                {
                    position += 8
                } else if buffer[position] < 0x80 {
                    position += 1
                } else {
                    let length = wellFormedLength(buffer, position)
                    if length == 0 { return position }
                    position += length
                }
            }
            return nil
        }
    }
}

/// The length of the well-formed sequence of several bytes at `position`; 0 if it is not one.
private func wellFormedLength(_ buffer: UnsafeRawBufferPointer, _ position: Int) -> Int {
    let lead = buffer[position]
    let second: ClosedRange<UInt8>
    let length: Int
    switch lead {
    case 0xc2...0xdf: (length, second) = (2, 0x80...0xbf)
    case 0xe0: (length, second) = (3, 0xa0...0xbf)
    case 0xed: (length, second) = (3, 0x80...0x9f)
    case 0xe1...0xef: (length, second) = (3, 0x80...0xbf)
    case 0xf0: (length, second) = (4, 0x90...0xbf)
    case 0xf1...0xf3: (length, second) = (4, 0x80...0xbf)
    case 0xf4: (length, second) = (4, 0x80...0x8f)
    default: return 0
    }
    guard position + length <= buffer.count, second.contains(buffer[position + 1]) else { return 0 }
    for offset in 2..<max(2, length) where buffer[position + offset] & 0xc0 != 0x80 { return 0 }
    return length
}
