/// Makes packets of the bytes of one direction of a connection, in whatever pieces they come.
///
/// It looks at each byte of a header and argument once, allocates nothing for a packet, and copies nothing but the part
/// of a packet that a piece ends with. After an error the connection is of no use: every further call throws it again.
package struct GearmanPacketDecoder: Equatable, Sendable {
    private let limits: GearmanLimits
    private var buffer: [UInt8] = []
    /// Where the next packet starts in `buffer`.
    private var position = 0
    private var failure: GearmanPacketError?

    package init(limits: GearmanLimits = GearmanLimits()) {
        self.limits = limits
    }

    /// How many bytes wait for the rest of their packet.
    package var bufferedBytes: Int {
        self.buffer.count - self.position
    }

    /// Adds what was read. It takes the array itself where nothing waits from before.
    package mutating func append(_ bytes: [UInt8]) {
        guard self.failure == nil else { return }
        if self.position == self.buffer.count {
            self.buffer = bytes
            self.position = 0
        } else if self.position == 0 {
            self.buffer += bytes
        } else {
            var joined: [UInt8] = []
            joined.reserveCapacity(self.bufferedBytes + bytes.count)
            joined += self.buffer[self.position...]
            joined += bytes
            self.buffer = joined
            self.position = 0
        }
    }

    /// The next packet, or nil until more bytes are there.
    /// - Throws: ``GearmanPacketError`` if the bytes are no packet, or one beyond the limits: close the connection.
    package mutating func next() throws(GearmanPacketError) -> GearmanPacket? {
        if let failure { throw failure }
        do throws(GearmanPacketError) {
            return try self.decode()
        } catch {
            self.failure = error
            self.buffer = []
            self.position = 0
            throw error
        }
    }

    /// Whether the next byte starts no packet. In what a server receives, that is a line of the text protocol.
    package var isAtText: Bool {
        self.bufferedBytes > 0 && self.buffer[self.position] != 0
    }

    /// Whether TLS begins here. No line of the text protocol begins so, and its end may never come.
    package var isAtTLS: Bool {
        self.buffer[self.position...].starts(with: [0x16, 0x03])
    }

    /// The next line, without the newline that ends it, or nil until more bytes are there. Only where ``isAtText``.
    /// - Throws: ``GearmanPacketError/lineTooLong(limitBytes:)``: close the connection.
    package mutating func nextLine(limitBytes: Int) throws(GearmanPacketError) -> [UInt8]? {
        if let failure { throw failure }
        let end = min(self.buffer.count, self.position + limitBytes)
        guard let newline = self.buffer[self.position..<end].firstIndex(of: 0x0a) else {
            guard self.bufferedBytes >= limitBytes else { return nil }
            self.failure = .lineTooLong(limitBytes: limitBytes)
            self.buffer = []
            self.position = 0
            throw .lineTooLong(limitBytes: limitBytes)
        }
        defer { self.position = newline + 1 }
        return Array(self.buffer[self.position..<newline])
    }

    private mutating func decode() throws(GearmanPacketError) -> GearmanPacket? {
        let available = self.buffer.count - self.position
        // A wrong start is told at once: the rest of its header may never come.
        guard available >= 4 else { return try self.checkMagicStart() }
        let magicNumber = self.number(at: self.position)
        guard let magic = GearmanPacket.Magic(rawValue: magicNumber) else { throw .badMagic(magicNumber) }
        guard available >= GearmanPacket.headerSizeBytes else { return nil }
        let typeNumber = self.number(at: self.position + 4)
        guard let type = GearmanPacketType(rawValue: typeNumber) else { throw .unknownType(typeNumber) }
        let size = self.number(at: self.position + 8)
        let definition = type.definition
        let limit = self.limits.bodySizeBytes(definition)
        guard Int(size) <= limit else { throw .packetTooLarge(type, sizeBytes: Int(size), limitBytes: limit) }
        guard available - GearmanPacket.headerSizeBytes >= Int(size) else { return nil }

        let bodyStart = self.position + GearmanPacket.headerSizeBytes
        let ends = try self.limits.argumentEnds(
            definition, in: self.buffer.span.extracting(bodyStart..<bodyStart + Int(size)))
        self.position = bodyStart + Int(size)
        return GearmanPacket(
            magic: magic, definition, storage: self.buffer, bodyStart: bodyStart, bodySize: size, ends: ends)
    }

    /// Fewer than four bytes are there: they must be the start of a magic.
    private func checkMagicStart() throws(GearmanPacketError) -> GearmanPacket? {
        let expected: [UInt8] = [0x00, 0x52, 0x45]
        guard self.buffer[self.position...].elementsEqual(expected.prefix(self.bufferedBytes)) else {
            throw .badMagic(self.buffer[self.position...].reduce(0) { $0 << 8 | UInt32($1) })
        }
        return nil
    }

    /// The caller has made sure that four bytes are there.
    private func number(at index: Int) -> UInt32 {
        self.buffer.withUnsafeBytes { bytes in
            UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt32.self))
        }
    }
}

extension GearmanPacketDefinition {
    /// Perl's Gearman::Worker sends an empty result as the handle alone, without the NUL that ends it. Such a packet
    /// has one meaning only, so it is taken.
    var mayLackNul: Bool {
        self.hasData && self.argumentCount == 1
    }
}

extension GearmanLimits {
    /// What the header of a packet may announce at most. A packet without arguments and data may have a body, which is
    /// ignored as gearmand does.
    fileprivate func bodySizeBytes(_ definition: GearmanPacketDefinition) -> Int {
        max(definition.argumentCount, 1) * (self.argumentSizeBytes + 1)
            + (definition.hasData ? self.payloadSizeBytes : 0)
    }

    /// Finds where each argument ends, from the start of the body.
    fileprivate func argumentEnds(
        _ definition: GearmanPacketDefinition, in body: Span<UInt8>
    ) throws(GearmanPacketError) -> SIMD8<UInt32> {
        var ends = SIMD8<UInt32>()
        var start = 0
        let terminated = definition.hasData ? definition.argumentCount : definition.argumentCount - 1
        for index in 0..<max(terminated, 0) {
            guard start <= body.count else { throw .missingArgument(definition.type, index: index) }
            let end = self.end(of: body, from: start)
            if end == body.count, !definition.mayLackNul {
                throw .missingArgument(definition.type, index: index)
            }
            try self.checkArgument(definition, index: index, sizeBytes: end - start)
            ends[index] = UInt32(end)
            start = end + 1
        }
        if definition.hasData {
            let sizeBytes = max(body.count - start, 0)
            guard sizeBytes <= self.payloadSizeBytes else {
                throw .payloadTooLarge(
                    definition.type, sizeBytes: sizeBytes, limitBytes: self.payloadSizeBytes)
            }
        } else if definition.argumentCount > 0 {
            guard start <= body.count else {
                throw .missingArgument(definition.type, index: definition.argumentCount - 1)
            }
            try self.checkArgument(definition, index: definition.argumentCount - 1, sizeBytes: body.count - start)
            ends[definition.argumentCount - 1] = UInt32(body.count)
        }
        return ends
    }

    private func checkArgument(
        _ definition: GearmanPacketDefinition, index: Int, sizeBytes: Int
    ) throws(GearmanPacketError) {
        guard sizeBytes <= self.argumentSizeBytes else {
            throw .argumentTooLarge(definition.type, index: index, limitBytes: self.argumentSizeBytes)
        }
    }

    /// Where the next NUL is, or the end. It stops where the argument is too large already.
    private func end(of body: Span<UInt8>, from start: Int) -> Int {
        body.bytes.firstNUL(from: start, to: min(body.count, start + self.argumentSizeBytes + 1))
    }
}
