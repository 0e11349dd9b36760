/// Puts packets into one buffer, to be written together.
package struct GearmanPacketEncoder: Equatable, Sendable {
    private let limits: GearmanLimits
    /// What was encoded since the last ``take()``.
    package private(set) var bytes: [UInt8] = []
    /// How much was taken last: the next buffer will need about as much, and need not grow step by step.
    private var expectedSizeBytes = 0

    package init(limits: GearmanLimits = GearmanLimits()) {
        self.limits = limits
    }

    /// What was encoded since the last time; the buffer is empty then.
    package mutating func take() -> [UInt8] {
        let taken = self.bytes
        self.bytes = []
        self.expectedSizeBytes = min(taken.count, 64 << 10)
        return taken
    }

    /// Adds a packet as it is.
    package mutating func append(_ packet: GearmanPacket) {
        let body = packet.body
        self.appendHeader(packet.magic, packet.type, sizeBytes: body.count)
        self.bytes += body
    }

    /// Adds a packet with up to four arguments, without making one. Nothing is added if it throws.
    /// - Throws: ``GearmanPacketError`` if the parts do not fit the type, or a limit.
    package mutating func append(
        _ magic: GearmanPacket.Magic, _ type: GearmanPacketType, _ first: [UInt8]? = nil, _ second: [UInt8]? = nil,
        _ third: [UInt8]? = nil, _ fourth: [UInt8]? = nil, data: [UInt8] = []
    ) throws(GearmanPacketError) {
        let definition = type.definition
        var count = (first == nil ? 0 : 1) + (second == nil ? 0 : 1) + (third == nil ? 0 : 1)
        if fourth != nil { count += 1 }
        guard count == definition.argumentCount else { throw .wrongArgumentCount(type, count: count) }
        guard definition.hasData || data.isEmpty else { throw .unexpectedData(type) }
        guard data.count <= self.limits.payloadSizeBytes else {
            throw .payloadTooLarge(type, sizeBytes: data.count, limitBytes: self.limits.payloadSizeBytes)
        }
        var size = data.count
        if let first { size += try self.encodedSize(first, definition, index: 0) }
        if let second { size += try self.encodedSize(second, definition, index: 1) }
        if let third { size += try self.encodedSize(third, definition, index: 2) }
        if let fourth { size += try self.encodedSize(fourth, definition, index: 3) }
        self.appendHeader(magic, type, sizeBytes: size)
        if let first { self.appendArgument(first, definition, index: 0) }
        if let second { self.appendArgument(second, definition, index: 1) }
        if let third { self.appendArgument(third, definition, index: 2) }
        if let fourth { self.appendArgument(fourth, definition, index: 3) }
        self.bytes += data
    }

    /// Adds what a worker sends about a job: its handle, as the server sent it, and data.
    /// - Throws: as above.
    package mutating func append(
        _ type: GearmanPacketType, _ handle: HandleBytes, data: [UInt8] = []
    ) throws(GearmanPacketError) {
        let definition = type.definition
        guard definition.argumentCount == 1 else { throw .wrongArgumentCount(type, count: 1) }
        guard definition.hasData || data.isEmpty else { throw .unexpectedData(type) }
        guard data.count <= self.limits.payloadSizeBytes else {
            throw .payloadTooLarge(type, sizeBytes: data.count, limitBytes: self.limits.payloadSizeBytes)
        }
        let isTerminated = definition.isTerminated(0)
        self.appendHeader(.request, type, sizeBytes: handle.count + (isTerminated ? 1 : 0) + data.count)
        self.bytes.append(handle)
        if isTerminated { self.bytes.append(0) }
        self.bytes += data
    }

    private func encodedSize(
        _ argument: [UInt8], _ definition: GearmanPacketDefinition, index: Int
    ) throws(GearmanPacketError) -> Int {
        guard argument.count <= self.limits.argumentSizeBytes else {
            throw .argumentTooLarge(definition.type, index: index, limitBytes: self.limits.argumentSizeBytes)
        }
        guard definition.isTerminated(index) else { return argument.count }
        guard !argument.contains(0) else { throw .nulInArgument(definition.type, index: index) }
        return argument.count + 1
    }

    private mutating func appendArgument(_ argument: [UInt8], _ definition: GearmanPacketDefinition, index: Int) {
        self.bytes += argument
        if definition.isTerminated(index) { self.bytes.append(0) }
    }

    private mutating func appendHeader(_ magic: GearmanPacket.Magic, _ type: GearmanPacketType, sizeBytes: Int) {
        if self.bytes.isEmpty { self.bytes.reserveCapacity(max(self.expectedSizeBytes, sizeBytes + 12)) }
        let head = UInt64(magic.rawValue) << 32 | UInt64(type.rawValue)
        withUnsafeBytes(of: (head.bigEndian, UInt32(sizeBytes).bigEndian)) { header in
            self.bytes.append(contentsOf: header.prefix(GearmanPacket.headerSizeBytes))
        }
    }
}

extension GearmanPacketDefinition {
    /// Whether a NUL follows the argument at `index`.
    func isTerminated(_ index: Int) -> Bool {
        self.hasData || index < self.argumentCount - 1
    }
}
