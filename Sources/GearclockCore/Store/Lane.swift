/// The scheduled tasks of one function, as a store finds them: the number is the CRC-32 of the function's name.
///
/// Lanes are what keeps functions apart. A store finds the earliest tasks of a lane without a look at others, so that
/// a function with a million overdue tasks delays nobody. Two functions of one number wait for each other; among a
/// thousand functions that is one chance in ten thousand, and costs time, nothing else.
package struct Lane: Hashable, Comparable, Sendable {
    package let value: UInt32

    package init(value: UInt32) {
        self.value = value
    }

    package init(of function: FunctionName) {
        self = function.lane
    }

    package static func < (left: Lane, right: Lane) -> Bool { left.value < right.value }
}

/// When the earliest scheduled task of a lane is due.
package struct LaneDue: Equatable, Sendable {
    package var lane: Lane
    package var dueAt: Timestamp

    package init(lane: Lane, dueAt: Timestamp) {
        self.lane = lane
        self.dueAt = dueAt
    }
}

/// How many tasks of a lane a claim may take.
package struct LaneShare: Equatable, Sendable {
    package var lane: Lane
    package var limit: Int

    package init(lane: Lane, limit: Int) {
        self.lane = lane
        self.limit = limit
    }
}

/// Some of the 64 buckets into which all tasks fall, by a hash of their ids: the share of one dispatcher.
///
/// Buckets are for speed: dispatchers that claim from different ones never compete. Claims are for correctness.
package struct BucketSet: Equatable, Sendable {
    /// One bit for each bucket.
    package var mask: UInt64

    package static let count = 64
    package static let all = BucketSet(mask: .max)
    package static let none = BucketSet(mask: 0)

    package init(mask: UInt64) {
        self.mask = mask
    }

    /// The bucket of a task: the CRC-32 of its id, modulo 64.
    package static func bucket(of id: TaskID) -> Int {
        Int(CRC32.checksum(id.bytes) % UInt32(self.count))
    }

    package func contains(_ id: TaskID) -> Bool {
        self == .all || self.mask & 1 << UInt64(Self.bucket(of: id)) != 0
    }
}

/// The CRC-32 of IEEE 802.3, which databases have as a function, too.
package enum CRC32 {
    private static let table: [UInt32] = (0..<256 as Range<UInt32>).map { byte in
        (0..<8).reduce(byte) { crc, _ in crc & 1 == 0 ? crc >> 1 : crc >> 1 ^ 0xedb8_8320 }
    }

    package static func checksum(_ bytes: some Sequence<UInt8>) -> UInt32 {
        ~bytes.reduce(UInt32.max) { crc, byte in
            crc >> 8 ^ self.table[Int(UInt8(truncatingIfNeeded: crc) ^ byte)]
        }
    }
}
