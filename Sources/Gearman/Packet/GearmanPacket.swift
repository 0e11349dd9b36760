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

    let storage: [UInt8]
    package let layout: GearmanPacketLayout

    /// A packet that the decoder found.
    init(_ layout: GearmanPacketLayout, in storage: [UInt8]) {
        self.storage = storage
        self.layout = layout
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
        var layout = GearmanPacketLayout(magic, definition, bodyStart: 0)
        for (index, argument) in arguments.enumerated() {
            guard argument.count <= limits.argumentSizeBytes else {
                throw .argumentTooLarge(type, index: index, limitBytes: limits.argumentSizeBytes)
            }
            let isTerminated = definition.isTerminated(index)
            guard !isTerminated || !argument.contains(0) else { throw .nulInArgument(type, index: index) }
            body += argument
            layout.addArgument(index, endsAt: body.count)
            if isTerminated { body.append(0) }
        }
        body += data
        layout.bodySize = UInt32(body.count)
        self.init(layout, in: body)
    }

    package var type: GearmanPacketType { self.layout.type }
    package var magic: Magic { self.layout.magic }

    /// How many arguments there are.
    package var argumentCount: Int { self.layout.argumentCount }

    /// The argument at `index`, without its NUL.
    /// - Precondition: `index < argumentCount`.
    package func argument(_ index: Int) -> ArraySlice<UInt8> {
        self.storage[self.layout.argumentRange(index, in: self.storage)]
    }

    /// A copy of the argument at `index`.
    package func argumentBytes(_ index: Int) -> [UInt8] {
        self.storage.copy(self.layout.argumentRange(index, in: self.storage))
    }

    /// What follows the arguments; empty in a packet without data.
    package var data: ArraySlice<UInt8> { self.storage[self.layout.dataRange] }

    /// A copy of the data.
    package var dataBytes: [UInt8] { self.storage.copy(self.layout.dataRange) }

    /// Whether it ends where the NUL behind its only argument should be.
    package var lacksNul: Bool { self.layout.lacksNul }

    /// All that follows the header.
    package var body: ArraySlice<UInt8> { self.storage[self.layout.bodyRange] }
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
        "\(self.type) (\(self.layout.bodySize) bytes)"
    }
}
