/// The bytes of a job's handle, as in `H:` with a host and a number.
///
/// They lie in place: a handle is copied, compared and dropped without an allocation or a reference that is counted,
/// several times for each job.
package struct HandleBytes: Sendable {
    /// The most bytes that a handle has. (gearmand's GEARMAND_JOB_HANDLE_SIZE has one for a NUL; libgearman cuts longer
    /// ones)
    package static let sizeLimitBytes = 63

    /// The bytes, then zeros, and their number in the last byte. (Not an `InlineArray`, of which everything is asked at
    /// run time.)
    private var words: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0, 0, 0)

    /// Nil for more bytes than ``sizeLimitBytes``.
    @inline(__always)
    package init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count <= Self.sizeLimitBytes else { return nil }
        withUnsafeMutableBytes(of: &self.words) { place in
            place.copyMemory(from: bytes)
            place[Self.sizeLimitBytes] = UInt8(truncatingIfNeeded: bytes.count)
        }
    }

    package init?(_ bytes: [UInt8]) {
        guard let handle = bytes.withUnsafeBytes({ HandleBytes($0) }) else { return nil }
        self = handle
    }

    /// A handle without bytes.
    init() {}

    package var count: Int { Int(truncatingIfNeeded: UInt64(bigEndian: self.words.7) & 0xff) }

    package var bytes: [UInt8] {
        var bytes: [UInt8] = []
        self.withBytes { bytes.append(contentsOf: $0) }
        return bytes
    }

    @inline(__always)
    func withBytes(_ body: (UnsafeRawBufferPointer) -> Void) {
        withUnsafeBytes(of: self.words) { body(UnsafeRawBufferPointer(start: $0.baseAddress, count: self.count)) }
    }
}

extension HandleBytes: Hashable, ProbingKey {
    package static func == (left: HandleBytes, right: HandleBytes) -> Bool {
        let (left, right) = (left.words, right.words)
        let start = (left.0 ^ right.0) | (left.1 ^ right.1) | (left.2 ^ right.2) | (left.3 ^ right.3)
        let end = (left.4 ^ right.4) | (left.5 ^ right.5) | (left.6 ^ right.6) | (left.7 ^ right.7)
        return start | end == 0
    }

    package func hash(into hasher: inout Hasher) {
        self.withBytes { hasher.combine(bytes: $0) }
    }

    package var scatter: UInt64 {
        withUnsafeBytes(of: self.words) { words in
            var scatter: UInt64 = 0
            for offset in stride(from: 0, through: self.count, by: 8) {
                let word = words.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                scatter = (scatter ^ word) &* 0xff51_afd7_ed55_8ccd
                scatter ^= scatter >> 32
            }
            return scatter
        }
    }
}
