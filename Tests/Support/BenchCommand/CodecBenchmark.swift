internal import Foundation
internal import Gearman

/// Measures the codec: packets per second, and allocations for each packet.
///
/// The allocations are counted only under `Scripts/with-allocation-count`: it puts a counter before `malloc`.
struct CodecBenchmark {
    /// As much as one read of a socket brings.
    private static let chunkSizeBytes = 64 << 10

    static func run() {
        for payloadSizeBytes in [64, 4_096] {
            let benchmark = CodecBenchmark(payloadSizeBytes: payloadSizeBytes)
            benchmark.measure("decoded") { benchmark.decode(copyingPayload: false) }
            benchmark.measure("decoded, payload handed over") { benchmark.decode(copyingPayload: true) }
            benchmark.measure("encoded") { benchmark.encode() }
        }
    }

    private let payload: [UInt8]
    private let handle = Array("H:localhost:123456".utf8)
    private let chunks: [[UInt8]]
    private let packetsPerRound: Int

    private init(payloadSizeBytes: Int) {
        self.payload = (0..<payloadSizeBytes).map { UInt8(truncatingIfNeeded: $0) }
        self.packetsPerRound = 8 << 20 / payloadSizeBytes
        var encoder = GearmanPacketEncoder()
        for _ in 0..<self.packetsPerRound { Self.append(self.handle, self.payload, to: &encoder) }
        let bytes = encoder.take()
        self.chunks = stride(from: 0, to: bytes.count, by: Self.chunkSizeBytes)
            .map { Array(bytes[$0..<min($0 + Self.chunkSizeBytes, bytes.count)]) }
    }

    private static func append(_ handle: [UInt8], _ payload: [UInt8], to encoder: inout GearmanPacketEncoder) {
        do {
            try encoder.append(.response, .workComplete, handle, data: payload)
        } catch {
            preconditionFailure("The benchmark's own packet does not fit: \(error)")
        }
    }

    /// - Returns: how many packets there were.
    private func decode(copyingPayload: Bool) -> Int {
        var decoder = GearmanPacketDecoder()
        var count = 0
        var checksum = 0
        do {
            for chunk in self.chunks {
                decoder.append(chunk)
                while let packet = try decoder.next() {
                    count += 1
                    checksum &+= copyingPayload ? packet.dataBytes.count : packet.data.count
                }
            }
        } catch {
            preconditionFailure("The benchmark's own packet does not decode: \(error)")
        }
        precondition(checksum == count * self.payload.count, "A payload was cut")
        return count
    }

    /// - Returns: how many packets there were.
    private func encode() -> Int {
        var encoder = GearmanPacketEncoder()
        for _ in 0..<self.packetsPerRound {
            Self.append(self.handle, self.payload, to: &encoder)
            if encoder.bytes.count >= Self.chunkSizeBytes { _ = encoder.take() }
        }
        return self.packetsPerRound
    }

    /// Prints the median of several rounds.
    private func measure(_ name: String, _ round: () -> Int) {
        let clock = ContinuousClock()
        _ = round()
        var rates: [Double] = []
        let allocationsBefore = Self.allocationCount
        var packets = 0
        for _ in 0..<9 {
            var count = 0
            let duration = clock.measure { count = round() }
            packets += count
            rates.append(Double(count) / (duration / .seconds(1)))
        }
        let rate = rates.sorted()[rates.count / 2]
        var line = "codec: \(self.payload.count)-byte payload, \(name): "
        line += String(format: "%.1f million packets/s", rate / 1_000_000)
        if let before = allocationsBefore, let after = Self.allocationCount {
            line += String(format: ", %.3f allocations per packet", Double(after - before) / Double(packets))
        }
        print(line)
    }

    /// How many allocations the process has made; nil where nobody counts them.
    private static var allocationCount: UInt? {
        typealias Counter = @convention(c) () -> UInt
        guard let symbol = dlsym(nil, "gearclock_allocation_count") else { return nil }
        return unsafeBitCast(symbol, to: Counter.self)()
    }
}
