/// A packet of the Gearman protocol.
///
/// A decoded packet shares the bytes that it was read from: making one allocates nothing, and keeping one keeps the
/// whole read buffer. What is to be kept is copied out, by ``argumentBytes(_:)`` or ``dataBytes``.
@usableFromInline package struct GearmanPacket: Sendable {
    /// Which way a packet goes, the first four bytes of its header.
    @usableFromInline package enum Magic: UInt32, Sendable {
        /// `\0REQ`, to a server.
        case request = 0x0052_4551
        /// `\0RES`, from a server.
        case response = 0x0052_4553
    }

    /// Twelve bytes: magic, type and size of the body.
    @inlinable package static var headerSizeBytes: Int { 12 }

    /// Where each argument ends, from the start of the body. What belongs to no argument is 0.
    private let ends: SIMD8<UInt32>
    private let storage: [UInt8]
    private let bodyStart: Int
    private let bodySize: UInt32
    // What the table says of the type: it is asked for at each look at a part.
    private let count: UInt8
    private let hasData: Bool
    package let type: GearmanPacketType
    package let magic: Magic

    /// A packet of which the decoder found the parts.
    init(
        magic: Magic, _ definition: GearmanPacketDefinition, storage: [UInt8], bodyStart: Int, bodySize: UInt32,
        ends: SIMD8<UInt32>
    ) {
        self.ends = ends
        self.storage = storage
        self.bodyStart = bodyStart
        self.bodySize = bodySize
        self.count = UInt8(truncatingIfNeeded: definition.argumentCount)
        self.hasData = definition.hasData
        self.type = definition.type
        self.magic = magic
    }

    /// A packet of given parts.
    /// - Throws: ``GearmanPacketError`` if they do not fit the type, or each other.
    package init(
        _ magic: Magic, _ type: GearmanPacketType, arguments: [[UInt8]] = [], data: [UInt8] = [],
        limits: GearmanLimits = GearmanLimits()
    ) throws(GearmanPacketError) {
        let definition = type.definition
        guard arguments.count == definition.argumentCount else {
            throw .wrongArgumentCount(type, count: arguments.count)
        }
        guard definition.hasData || data.isEmpty else { throw .unexpectedData(type) }
        guard data.count <= limits.payloadSizeBytes else {
            throw .payloadTooLarge(type, sizeBytes: data.count, limitBytes: limits.payloadSizeBytes)
        }
        var body: [UInt8] = []
        body.reserveCapacity(data.count + arguments.reduce(0) { $0 + $1.count + 1 })
        var ends = SIMD8<UInt32>()
        for (index, argument) in arguments.enumerated() {
            guard argument.count <= limits.argumentSizeBytes else {
                throw .argumentTooLarge(type, index: index, limitBytes: limits.argumentSizeBytes)
            }
            let isTerminated = definition.isTerminated(index)
            guard !isTerminated || !argument.contains(0) else { throw .nulInArgument(type, index: index) }
            body += argument
            ends[index] = UInt32(body.count)
            if isTerminated { body.append(0) }
        }
        body += data
        self.init(
            magic: magic, definition, storage: body, bodyStart: 0, bodySize: UInt32(body.count), ends: ends)
    }

    /// How many arguments there are.
    package var argumentCount: Int { Int(self.count) }

    /// The argument at `index`, without its NUL.
    /// - Precondition: `index < argumentCount`.
    package func argument(_ index: Int) -> ArraySlice<UInt8> {
        self.storage[self.argumentRange(index)]
    }

    private func argumentRange(_ index: Int) -> Range<Int> {
        precondition(index < self.argumentCount, "A packet has the arguments that the table gives it")
        let start = index == 0 ? 0 : Int(self.ends[index - 1]) + 1
        return self.bodyStart + start..<self.bodyStart + Int(self.ends[index])
    }

    /// A copy of the argument at `index`.
    package func argumentBytes(_ index: Int) -> [UInt8] {
        self.copy(self.argumentRange(index))
    }

    /// Whether the argument at `index` is these bytes.
    func isArgument(_ index: Int, _ bytes: [UInt8]) -> Bool {
        self.withArgument(index) { argument in bytes.withUnsafeBytes { $0.elementsEqual(argument) } }
    }

    /// The argument at `index` where it lies.
    func withArgument<Result>(_ index: Int, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        let range = self.argumentRange(index)
        return self.storage.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[range])) }
    }

    /// What follows the arguments; empty in a packet without data.
    package var data: ArraySlice<UInt8> {
        self.storage[self.dataRange]
    }

    private var dataRange: Range<Int> {
        let end = self.bodyStart + Int(self.bodySize)
        guard self.hasData else { return end..<end }
        let start = self.count == 0 ? 0 : Int(self.ends[Int(self.count) - 1]) + 1
        // The NUL after the handle may be missing, see the decoder.
        return min(self.bodyStart + start, end)..<end
    }

    /// A copy of the data.
    package var dataBytes: [UInt8] {
        self.copy(self.dataRange)
    }

    /// Without a slice between, which costs as much as the copy of some bytes.
    private func copy(_ range: Range<Int>) -> [UInt8] {
        guard !range.isEmpty else { return [] }
        return self.storage.withUnsafeBufferPointer { [UInt8](UnsafeBufferPointer(rebasing: $0[range])) }
    }

    /// Whether it ends where the NUL behind its only argument should be.
    package var lacksNul: Bool {
        self.ends[0] == self.bodySize && self.type.definition.mayLackNul
    }

    /// All that follows the header.
    package var body: ArraySlice<UInt8> {
        self.storage[self.bodyStart..<self.bodyStart + Int(self.bodySize)]
    }
}

/// Two packets are equal when they are the same bytes.
extension GearmanPacket: Equatable {
    @usableFromInline package static func == (left: GearmanPacket, right: GearmanPacket) -> Bool {
        left.magic == right.magic && left.type == right.type && left.body == right.body
    }
}

extension GearmanPacket: CustomStringConvertible {
    /// Its type and sizes, without any content.
    @usableFromInline package var description: String {
        "\(self.type) (\(self.bodySize) bytes)"
    }
}
