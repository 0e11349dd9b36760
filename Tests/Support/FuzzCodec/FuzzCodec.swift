import Gearman

/// What libFuzzer calls with each input, built and run by `Scripts/fuzz codec`. The first byte says what the rest is.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzCodec(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let input = [UInt8](UnsafeBufferPointer(start: start, count: count))
    guard let choice = input.first else { return 0 }
    let bytes = input.dropFirst()
    do {
        switch choice % 5 {
        case 0: try requireConsistency(of: Array(bytes.dropFirst()), cutAt: Int(bytes.first ?? 0))
        case 1: try ClientScript.run(bytes)
        case 2: try WorkerScript.run(bytes)
        case 3: try RouterScript.run(bytes)
        case _: try GearmanServerAddress(String(decoding: bytes, as: UTF8.self)).map(requireReadable)
        }
    } catch {
        // A failed precondition says nothing in an optimised build.
        fatalError("\(error)")
    }
    return 0
}

/// Packets are the same however the bytes are cut, and encode to the bytes that they came from.
private func requireConsistency(of bytes: [UInt8], cutAt cut: Int) throws {
    let limits = GearmanLimits(argumentSizeBytes: 64, payloadSizeBytes: 256)
    let (whole, error, waiting) = decode([bytes], limits)
    let pieces = [Array(bytes.prefix(cut)), Array(bytes.dropFirst(cut))]
    let parts = decode(pieces, limits)
    precondition(parts == (whole, error, waiting), "the cut at \(cut) makes a difference")
    var encoder = GearmanPacketEncoder(limits: limits)
    for packet in whole {
        let arguments = (0..<packet.argumentCount).map { packet.argumentBytes($0) }
        precondition(arguments.allSatisfy { $0.count <= 64 } && packet.data.count <= 256, "a part is beyond its limit")
        encoder.append(packet)
    }
    let again = encoder.take()
    precondition(again == Array(bytes.prefix(again.count)), "encoded to other bytes")
    precondition(error != nil || again.count + waiting == bytes.count, "bytes were passed over")
}

private func decode(
    _ pieces: [[UInt8]], _ limits: GearmanLimits
) -> (packets: [GearmanPacket], error: GearmanPacketError?, waiting: Int) {
    var decoder = GearmanPacketDecoder(limits: limits)
    var packets: [GearmanPacket] = []
    for piece in pieces {
        decoder.append(piece)
        do {
            while let packet = try decoder.next() { packets.append(packet) }
        } catch {
            // A wrong magic is told as soon as it is wrong: how much of it is known depends on the cut.
            if case .badMagic = error { return (packets, .badMagic(0), 0) }
            return (packets, error, 0)
        }
    }
    return (packets, nil, decoder.bufferedBytes)
}

private func requireReadable(_ address: GearmanServerAddress) throws {
    precondition(GearmanServerAddress(address.description) == address, "\(address) reads as another address")
}
