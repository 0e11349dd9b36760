/// Writes the body of a packet into the room that was made for it, and nothing beyond that.
@usableFromInline package struct GearmanPacketWriter: ~Copyable {
    @usableFromInline var next: UnsafeMutableRawPointer
    @usableFromInline let end: UnsafeMutableRawPointer

    @inlinable @inline(__always)
    package init(room: UnsafeMutableRawBufferPointer) {
        self.next = room.baseAddress.unsafelyUnwrapped
        self.end = self.next + room.count
    }

    @inlinable @inline(__always)
    package var isFull: Bool { self.next == self.end }

    @usableFromInline
    mutating func writeHeader(_ magic: GearmanPacket.Magic, _ type: GearmanPacketType, sizeBytes: Int) {
        let head = UInt64(magic.rawValue) << 32 | UInt64(type.rawValue)
        self.next.storeBytes(of: head.bigEndian, as: UInt64.self)
        self.next.storeBytes(of: UInt32(sizeBytes).bigEndian, toByteOffset: 8, as: UInt32.self)
        self.next += GearmanPacket.headerSizeBytes
    }

    @inlinable @inline(__always)
    package mutating func write(_ bytes: UnsafeRawBufferPointer) {
        guard let start = bytes.baseAddress, !bytes.isEmpty else { return }
        precondition(bytes.count <= self.end - self.next, "A packet has the size that its header says")
        self.next.copyMemory(from: start, byteCount: bytes.count)
        self.next += bytes.count
    }

    @inlinable @inline(__always)
    package mutating func write(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { self.write($0) }
    }

    @inlinable @inline(__always)
    package mutating func write(_ bytes: ArraySlice<UInt8>) {
        bytes.withUnsafeBytes { self.write($0) }
    }

    @inlinable @inline(__always)
    package mutating func writeNUL() {
        precondition(self.next < self.end, "A packet has the size that its header says")
        self.next.storeBytes(of: 0, as: UInt8.self)
        self.next += 1
    }
}

extension [UInt8] {
    /// Adds a packet, whose body is written where it is to lie.
    ///
    /// - Parameters:
    ///   - sizeBytes: of the body.
    ///   - body: writes just as much.
    @inlinable @inline(__always)
    package mutating func appendPacket(
        _ magic: GearmanPacket.Magic, _ type: GearmanPacketType, sizeBytes: Int,
        writing body: (inout GearmanPacketWriter) -> Void
    ) {
        let total = GearmanPacket.headerSizeBytes + sizeBytes
        precondition(sizeBytes >= 0, "A body has a size")
        self.append(addingCapacity: total) { span in
            span.withUnsafeMutableBufferPointer { buffer, count in
                let room = UnsafeMutableRawBufferPointer(buffer)[count..<count + total]
                var writer = GearmanPacketWriter(room: UnsafeMutableRawBufferPointer(rebasing: room))
                writer.writeHeader(magic, type, sizeBytes: sizeBytes)
                body(&writer)
                precondition(writer.isFull, "A packet has the size that its header says")
                count += total
            }
        }
    }
}
