/// Why bytes are no packet, or values cannot become one.
package enum GearmanPacketError: Error, Equatable, Sendable {
    /// The header does not start with `\0REQ` or `\0RES`; these are its first four bytes.
    case badMagic(UInt32)
    /// No packet has this number.
    case unknownType(UInt32)
    /// The header announces a packet beyond the limits.
    case packetTooLarge(GearmanPacketType, sizeBytes: Int, limitBytes: Int)
    /// The argument at this place, counted from 0, is beyond the limit.
    case argumentTooLarge(GearmanPacketType, index: Int, limitBytes: Int)
    /// The data is beyond the limit.
    case payloadTooLarge(GearmanPacketType, sizeBytes: Int, limitBytes: Int)
    /// The packet ends before its arguments do.
    case missingArgument(GearmanPacketType, index: Int)
    /// A line of the text protocol has no end within the limit.
    case lineTooLong(limitBytes: Int)
    /// To be encoded: an argument, other than the last one of a packet without data, contains a NUL.
    case nulInArgument(GearmanPacketType, index: Int)
    /// To be encoded: there are more or fewer arguments than the packet has.
    case wrongArgumentCount(GearmanPacketType, count: Int)
    /// To be encoded: the packet has no data, but some was given.
    case unexpectedData(GearmanPacketType)
}

extension GearmanPacketError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .badMagic(let magic) where magic >> 16 == 0x1503: "the other side speaks TLS"
        case .badMagic(let magic): "no packet starts with 0x\(String(magic, radix: 16))"
        case .unknownType(let number): "packet type \(number) does not exist"
        case .packetTooLarge(let type, let size, let limit): "\(type) of \(size) bytes, at most \(limit) are allowed"
        case .argumentTooLarge(let type, let index, let limit):
            "argument \(index + 1) of \(type) has more than the allowed \(limit) bytes"
        case .payloadTooLarge(let type, let size, let limit):
            "payload of \(type) has \(size) bytes, at most \(limit) are allowed"
        case .missingArgument(let type, let index): "\(type) ends before its argument \(index + 1) does"
        case .lineTooLong(let limit): "a line of text does not end within \(limit) bytes"
        case .nulInArgument(let type, let index): "argument \(index + 1) of \(type) contains a NUL"
        case .wrongArgumentCount(let type, let count): "\(type) does not have \(count) arguments"
        case .unexpectedData(let type): "\(type) has no data"
        }
    }
}
