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
        guard !self.bytes.isEmpty else { return [] }
        let taken = self.bytes
        self.bytes = []
        self.expectedSizeBytes = min(taken.count, 64 << 10)
        return taken
    }

    /// Adds a packet as it is.
    package mutating func append(_ packet: GearmanPacket) {
        let body = packet.body
        self.makeRoom(sizeBytes: body.count)
        self.bytes.appendPacket(packet.magic, packet.type, sizeBytes: body.count) { $0.write(body) }
    }

    /// Adds a packet of a type that has neither arguments nor data, without either.
    package mutating func appendEmpty(_ magic: GearmanPacket.Magic, _ type: GearmanPacketType) {
        self.makeRoom(sizeBytes: 0)
        self.bytes.appendPacket(magic, type, sizeBytes: 0) { _ in }
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
        self.makeRoom(sizeBytes: size)
        self.bytes.appendPacket(magic, type, sizeBytes: size) { body in
            if let first { body.write(first, isTerminated: definition.isTerminated(0)) }
            if let second { body.write(second, isTerminated: definition.isTerminated(1)) }
            if let third { body.write(third, isTerminated: definition.isTerminated(2)) }
            if let fourth { body.write(fourth, isTerminated: definition.isTerminated(3)) }
            body.write(data)
        }
    }

    /// The same for what every plain submission is: two arguments and data, without an optional to ask.
    /// - Throws: as above.
    package mutating func append(
        _ magic: GearmanPacket.Magic, _ type: GearmanPacketType, _ first: borrowing [UInt8],
        _ second: borrowing [UInt8], data: borrowing [UInt8]
    ) throws(GearmanPacketError) {
        let definition = type.definition
        guard definition.argumentCount == 2 else { throw .wrongArgumentCount(type, count: 2) }
        guard definition.hasData else { throw .unexpectedData(type) }
        guard data.count <= self.limits.payloadSizeBytes else {
            throw .payloadTooLarge(type, sizeBytes: data.count, limitBytes: self.limits.payloadSizeBytes)
        }
        var size = try self.encodedSize(first, definition, index: 0)
        size += try self.encodedSize(second, definition, index: 1)
        size += data.count
        self.makeRoom(sizeBytes: size)
        self.bytes.appendPacket(magic, type, sizeBytes: size) { body in
            body.write(first)
            body.writeNUL()
            body.write(second)
            body.writeNUL()
            body.write(data)
        }
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
        let size = handle.count + (isTerminated ? 1 : 0) + data.count
        self.makeRoom(sizeBytes: size)
        self.bytes.appendPacket(.request, type, sizeBytes: size) { body in
            handle.withBytes { body.write($0) }
            if isTerminated { body.writeNUL() }
            body.write(data)
        }
    }

    private func encodedSize(
        _ argument: [UInt8], _ definition: GearmanPacketDefinition, index: Int
    ) throws(GearmanPacketError) -> Int {
        guard argument.count <= self.limits.argumentSizeBytes else {
            throw .argumentTooLarge(definition.type, index: index, limitBytes: self.limits.argumentSizeBytes)
        }
        guard definition.isTerminated(index) else { return argument.count }
        guard argument.withUnsafeBytes({ $0.firstNUL(from: 0, to: $0.count) }) == argument.count else {
            throw .nulInArgument(definition.type, index: index)
        }
        return argument.count + 1
    }

    private mutating func makeRoom(sizeBytes: Int) {
        guard self.bytes.isEmpty else { return }
        self.bytes.reserveCapacity(max(self.expectedSizeBytes, GearmanPacket.headerSizeBytes + sizeBytes))
    }
}

extension GearmanPacketWriter {
    fileprivate mutating func write(_ argument: [UInt8], isTerminated: Bool) {
        self.write(argument)
        if isTerminated { self.writeNUL() }
    }
}

extension GearmanPacketDefinition {
    /// Whether a NUL follows the argument at `index`.
    func isTerminated(_ index: Int) -> Bool {
        self.hasData || index < self.argumentCount - 1
    }
}
