/// Which packet it is, and where in the bytes that were read its parts lie. It counts no references.
///
/// Only the ends of the first arguments are kept, which are all of them in the packets that come for each job; the
/// others are looked for again when they are asked for.
package struct GearmanPacketLayout: Sendable {
    package let type: GearmanPacketType
    package let magic: GearmanPacket.Magic
    let bodyStart: Int
    var bodySize: UInt32
    private var ends: (UInt32, UInt32, UInt32) = (0, 0, 0)
    /// Right behind the arguments, from the start of the body. One more than the body has bytes where the NUL of the
    /// only argument is missing.
    private var dataStart: UInt32 = 0
    // What the table says of the type: it is asked for at each look at a part.
    private let count: UInt8
    private let hasData: Bool

    @inline(__always)
    init(
        _ magic: GearmanPacket.Magic, _ definition: GearmanPacketDefinition, bodyStart: Int, bodySize: Int = 0
    ) {
        self.type = definition.type
        self.magic = magic
        self.bodyStart = bodyStart
        self.bodySize = UInt32(truncatingIfNeeded: bodySize)
        self.count = UInt8(truncatingIfNeeded: definition.argumentCount)
        self.hasData = definition.hasData
    }

    /// To be called for each argument in its turn.
    ///
    /// - Parameter end: from the start of the body.
    @inline(__always)
    mutating func addArgument(_ index: Int, endsAt end: Int) {
        let end = UInt32(truncatingIfNeeded: end)
        switch index {
        case 0: self.ends.0 = end
        case 1: self.ends.1 = end
        case 2: self.ends.2 = end
        default: break
        }
        self.dataStart = end &+ 1
    }

    /// How many arguments there are.
    package var argumentCount: Int { Int(self.count) }

    /// All that follows the header.
    var bodyRange: Range<Int> { self.bodyStart..<self.bodyStart &+ Int(self.bodySize) }

    /// The argument at `index`, without its NUL.
    /// - Precondition: `index < argumentCount`, and the bytes are those in which the packet was found.
    @inline(__always)
    func argumentRange(_ index: Int, in bytes: borrowing [UInt8]) -> Range<Int> {
        precondition(index < self.argumentCount, "A packet has the arguments that the table gives it")
        let start = index == 0 ? 0 : self.end(ofArgument: index &- 1, in: bytes) &+ 1
        let range = self.bodyStart &+ start..<self.bodyStart &+ self.end(ofArgument: index, in: bytes)
        precondition(range.upperBound <= bytes.count, "A packet lies in the bytes in which it was found")
        return range
    }

    @inline(__always)
    private func end(ofArgument index: Int, in bytes: borrowing [UInt8]) -> Int {
        switch index {
        case 0: Int(self.ends.0)
        case 1: Int(self.ends.1)
        case 2: Int(self.ends.2)
        default: self.findEnd(ofArgument: index, in: bytes)
        }
    }

    private func findEnd(ofArgument index: Int, in bytes: borrowing [UInt8]) -> Int {
        let start = self.bodyStart + self.end(ofArgument: index - 1, in: bytes) + 1
        guard self.hasData || index < self.argumentCount - 1 else { return Int(self.bodySize) }
        let end = self.bodyRange.upperBound
        return bytes.withUnsafeBytes { $0.firstNUL(from: start, to: end) } - self.bodyStart
    }

    /// What follows the arguments; empty in a packet without data.
    var dataRange: Range<Int> {
        let end = self.bodyRange.upperBound
        guard self.hasData else { return end..<end }
        // The NUL after the handle may be missing, see the decoder.
        return min(self.bodyStart &+ Int(self.dataStart), end)..<end
    }

    /// Whether it ends where the NUL behind its only argument should be.
    var lacksNul: Bool { self.type.definition.mayLackNul && self.ends.0 == self.bodySize }
}

extension [UInt8] {
    /// A copy of a part. Without a slice between, which costs as much as the copy of some bytes.
    @inline(__always)
    func copy(_ range: Range<Int>) -> [UInt8] {
        guard !range.isEmpty else { return [] }
        precondition(range.lowerBound >= 0 && range.upperBound <= self.count, "A packet lies within its bytes")
        return self.withUnsafeBufferPointer { [UInt8](UnsafeBufferPointer(rebasing: $0[range])) }
    }
}
