/// The bytes of a job's handle.
///
/// Up to 47 of them lie in place, as in `H:` with a host and a number: a handle is copied, compared and dropped without
/// an allocation or a reference that is counted, several times for each job.
package struct HandleBytes: Sendable {
    private static let sizeBytes = 48

    /// The bytes, then zeros, and their number in the last byte. (Not an `InlineArray`, of which everything is asked at
    /// run time.)
    private var words: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0)
    /// All of them, where they are too many.
    private var long: [UInt8]?

    package init(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count < Self.sizeBytes else {
            self.long = Array(bytes)
            return
        }
        withUnsafeMutableBytes(of: &self.words) { place in
            place.copyMemory(from: bytes)
            place[Self.sizeBytes - 1] = UInt8(bytes.count)
        }
    }

    package init(_ bytes: [UInt8]) {
        self = bytes.withUnsafeBytes { HandleBytes($0) }
    }

    package var count: Int { self.long?.count ?? Int(truncatingIfNeeded: UInt64(bigEndian: self.words.5) & 0xff) }

    package var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(self)
        return bytes
    }

    func withBytes(_ body: (UnsafeRawBufferPointer) -> Void) {
        if let long { return long.withUnsafeBytes(body) }
        withUnsafeBytes(of: self.words) { body(UnsafeRawBufferPointer(rebasing: $0.prefix(self.count))) }
    }
}

extension [UInt8] {
    mutating func append(_ handle: borrowing HandleBytes) {
        handle.withBytes { self.append(contentsOf: $0) }
    }
}

extension HandleBytes: Hashable, ProbingKey {
    package static func == (left: HandleBytes, right: HandleBytes) -> Bool {
        left.words == right.words && left.long == right.long
    }

    package func hash(into hasher: inout Hasher) {
        self.withBytes { hasher.combine(bytes: $0) }
    }

    package var scatter: UInt64 {
        if let long { return UInt64(truncatingIfNeeded: long.hashValue) }
        return withUnsafeBytes(of: self.words) { words in
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
