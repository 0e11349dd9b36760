/// Makes packets of the bytes of one direction of a connection, in whatever pieces they come.
///
/// It looks at each byte of a header and argument once, allocates nothing for a packet, and copies nothing but the part
/// of a packet that a piece ends with. After an error the connection is of no use: every further call throws it again.
package struct GearmanPacketDecoder: Equatable, Sendable {
    private let limits: GearmanLimits
    /// What the layouts of the packets refer to.
    private var bytes: [UInt8] = []
    /// Where the next packet starts.
    private var position = 0
    private var failure: GearmanPacketError?

    package init(limits: GearmanLimits = GearmanLimits()) {
        self.limits = limits
    }

    /// How many bytes wait for the rest of their packet.
    package var bufferedBytes: Int {
        self.bytes.count - self.position
    }

    /// Adds what was read. It takes the array itself where nothing waits from before.
    package mutating func append(_ bytes: [UInt8]) {
        guard self.failure == nil else { return }
        if self.position == self.bytes.count {
            self.bytes = bytes
            self.position = 0
        } else if self.position == 0 {
            self.bytes += bytes
        } else {
            var joined: [UInt8] = []
            joined.reserveCapacity(self.bufferedBytes + bytes.count)
            joined += self.bytes[self.position...]
            joined += bytes
            self.bytes = joined
            self.position = 0
        }
    }

    /// The next packet, or nil until more bytes are there.
    /// - Throws: ``GearmanPacketError`` if the bytes are no packet, or one beyond the limits: close the connection.
    package mutating func next() throws(GearmanPacketError) -> GearmanPacket? {
        guard let layout = try self.nextLayout() else { return nil }
        return GearmanPacket(layout, in: self.bytes)
    }

    /// The same without a reference to the bytes: the decoder has them, and answers for the parts, until more is added.
    @inline(__always)
    package mutating func nextLayout() throws(GearmanPacketError) -> GearmanPacketLayout? {
        // Behind an error there are no bytes.
        guard self.bufferedBytes >= GearmanPacket.headerSizeBytes else {
            try self.checkStart()
            return nil
        }
        do throws(GearmanPacketError) {
            return try self.decode()
        } catch {
            throw self.failed(error)
        }
    }

    /// Takes in a packet that came as such, so that its layout is good here. Nothing may wait for its rest.
    package mutating func hold(_ packet: GearmanPacket) {
        precondition(self.bufferedBytes == 0, "A connection carries either bytes or packets")
        self.bytes = packet.storage
        self.position = self.bytes.count
    }

    /// The packet of a layout that came last.
    func packet(_ layout: GearmanPacketLayout) -> GearmanPacket { GearmanPacket(layout, in: self.bytes) }

    @inline(__always)
    func handle(of packet: GearmanPacketLayout) -> HandleBytes? { packet.handle(in: self.bytes) }

    @inline(__always)
    func dataBytes(of packet: GearmanPacketLayout) -> [UInt8] { self.bytes.copy(packet.dataRange) }

    @inline(__always)
    func argumentBytes(_ index: Int, of packet: GearmanPacketLayout) -> [UInt8] {
        self.bytes.copy(packet.argumentRange(index, in: self.bytes))
    }

    /// Whether the argument at `index` is these bytes.
    @inline(__always)
    func isArgument(_ index: Int, of packet: GearmanPacketLayout, _ bytes: [UInt8]) -> Bool {
        let range = packet.argumentRange(index, in: self.bytes)
        guard range.count == bytes.count else { return false }
        return self.bytes.withUnsafeBytes { own in
            bytes.withUnsafeBytes { bytes in
                var offset = 0
                while offset < bytes.count, own[range.lowerBound &+ offset] == bytes[offset] { offset &+= 1 }
                return offset == bytes.count
            }
        }
    }

    private mutating func failed(_ error: GearmanPacketError) -> GearmanPacketError {
        self.failure = error
        self.forget()
        return error
    }

    private mutating func forget() {
        self.bytes = []
        self.position = 0
    }

    /// Whether the next byte starts no packet. In what a server receives, that is a line of the text protocol.
    package var isAtText: Bool {
        self.bufferedBytes > 0 && self.bytes[self.position] != 0
    }

    /// Whether TLS begins here. No line of the text protocol begins so, and its end may never come.
    package var isAtTLS: Bool {
        self.bytes[self.position...].starts(with: [0x16, 0x03])
    }

    /// The next line, without the newline that ends it, or nil until more bytes are there. Only where ``isAtText``.
    /// - Throws: ``GearmanPacketError/lineTooLong(limitBytes:)``: close the connection.
    package mutating func nextLine(limitBytes: Int) throws(GearmanPacketError) -> [UInt8]? {
        if let failure { throw failure }
        let end = min(self.bytes.count, self.position + limitBytes)
        guard let newline = self.bytes[self.position..<end].firstIndex(of: 0x0a) else {
            guard self.bufferedBytes >= limitBytes else { return nil }
            throw self.failed(.lineTooLong(limitBytes: limitBytes))
        }
        defer { self.position = newline + 1 }
        return Array(self.bytes[self.position..<newline])
    }

    /// The caller has made sure that a header is there.
    private mutating func decode() throws(GearmanPacketError) -> GearmanPacketLayout? {
        let start = self.position
        let found = try self.bytes.span.withUnsafeBytes { bytes throws(GearmanPacketError) in
            try self.limits.layout(in: UnsafeRawBufferPointer(rebasing: bytes[start...]), at: start)
        }
        if let found { self.position = found.bodyRange.upperBound }
        return found
    }

    /// A wrong start is told at once: the rest of its header may never come.
    private mutating func checkStart() throws(GearmanPacketError) {
        if let failure { throw failure }
        let start = self.bytes[self.position...].prefix(4)
        // All is consumed: whoever read the bytes may use their memory again.
        if start.isEmpty { return self.forget() }
        guard start.count < 4 else {
            let magicNumber = start.withUnsafeBytes { $0.number(at: 0) }
            guard GearmanPacket.Magic(rawValue: magicNumber) == nil else { return }
            throw self.failed(.badMagic(magicNumber))
        }
        guard !start.elementsEqual([0x00, 0x52, 0x45].prefix(start.count)) else { return }
        throw self.failed(.badMagic(start.reduce(0) { $0 << 8 | UInt32($1) }))
    }
}

extension UnsafeRawBufferPointer {
    /// The caller has made sure that four bytes are there.
    @inline(__always)
    fileprivate func number(at offset: Int) -> UInt32 {
        UInt32(bigEndian: self.baseAddress.unsafelyUnwrapped.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
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

    /// Where the parts of the packet lie that begins with a whole header; nil until all of it is there.
    ///
    /// - Parameter start: where that is in the bytes to which the layout refers.
    @inline(__always)
    fileprivate func layout(
        in bytes: UnsafeRawBufferPointer, at start: Int
    ) throws(GearmanPacketError) -> GearmanPacketLayout? {
        let magicNumber = bytes.number(at: 0)
        guard let magic = GearmanPacket.Magic(rawValue: magicNumber) else { throw .badMagic(magicNumber) }
        let typeNumber = bytes.number(at: 4)
        guard let type = GearmanPacketType(rawValue: typeNumber) else { throw .unknownType(typeNumber) }
        let size = Int(bytes.number(at: 8))
        let definition = type.definition
        // What is no larger than one argument may be is not too large.
        guard size <= self.argumentSizeBytes || size <= self.bodySizeBytes(definition) else {
            throw .packetTooLarge(type, sizeBytes: size, limitBytes: self.bodySizeBytes(definition))
        }
        guard bytes.count &- GearmanPacket.headerSizeBytes >= size else { return nil }
        let body = UnsafeRawBufferPointer(
            start: bytes.baseAddress.unsafelyUnwrapped + GearmanPacket.headerSizeBytes, count: size)
        var layout = GearmanPacketLayout(
            magic, definition, bodyStart: start &+ GearmanPacket.headerSizeBytes, bodySize: size)
        try self.findArguments(definition, in: body, &layout)
        return layout
    }

    @inline(__always)
    private func findArguments(
        _ definition: GearmanPacketDefinition, in body: UnsafeRawBufferPointer, _ layout: inout GearmanPacketLayout
    ) throws(GearmanPacketError) {
        let type = definition.type
        let terminated = definition.hasData ? definition.argumentCount : definition.argumentCount &- 1
        var start = 0
        var index = 0
        while index < terminated {
            guard start <= body.count else { throw .missingArgument(type, index: index) }
            // It stops where the argument is too large already.
            let end = body.firstNUL(from: start, to: min(body.count, start &+ self.argumentSizeBytes &+ 1))
            if end == body.count, !definition.mayLackNul { throw .missingArgument(type, index: index) }
            try self.checkArgument(type, index: index, sizeBytes: end &- start)
            layout.addArgument(index, endsAt: end)
            start = end &+ 1
            index &+= 1
        }
        if definition.hasData {
            let sizeBytes = max(body.count &- start, 0)
            guard sizeBytes <= self.payloadSizeBytes else {
                throw .payloadTooLarge(type, sizeBytes: sizeBytes, limitBytes: self.payloadSizeBytes)
            }
        } else if definition.argumentCount > 0 {
            guard start <= body.count else { throw .missingArgument(type, index: index) }
            try self.checkArgument(type, index: index, sizeBytes: body.count &- start)
            layout.addArgument(index, endsAt: body.count)
        }
    }

    @inline(__always)
    private func checkArgument(
        _ type: GearmanPacketType, index: Int, sizeBytes: Int
    ) throws(GearmanPacketError) {
        guard sizeBytes <= self.argumentSizeBytes else {
            throw .argumentTooLarge(type, index: index, limitBytes: self.argumentSizeBytes)
        }
    }
}
