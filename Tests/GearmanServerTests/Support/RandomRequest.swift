import Gearman
import Testing

/// SplitMix64: the numbers of a run follow from its seed alone.
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        self.state = seed
    }

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var bits = self.state
        bits = (bits ^ bits >> 30) &* 0xBF58_476D_1CE4_E5B9
        bits = (bits ^ bits >> 27) &* 0x94D0_49BB_1331_11EB
        return bits ^ bits >> 31
    }

    mutating func bytes(upTo limit: Int) -> [UInt8] {
        let count = Int.random(in: 0...limit, using: &self)
        return (0..<count).map { _ in UInt8.random(in: 0...255, using: &self) }
    }

    mutating func element<Element>(of elements: [Element]) -> Element {
        elements[Int.random(in: 0..<elements.count, using: &self)]
    }
}

/// Requests of a small world, so that they meet: a few functions, uniques and handles.
enum RandomRequest {
    static let lines = [
        "status", "prioritystatus", "workers", "show jobs", "show unique jobs", "version", "maxqueue f 3",
        "maxqueue g 0 1 2", "maxqueue f", "cancel job H:lab:1", "cancel job H:lab:4", "create function h",
        "drop function h", "drop function g", "", " ", "show", "a b c d e", "a b c d e f",
    ]

    /// A request that no library would send: any number, and a body that may say more or less than it should.
    static func frame(
        _ type: UInt32, _ body: String, magic: GearmanPacket.Magic = .request, size: Int? = nil
    ) -> [UInt8] {
        let numbers = [magic.rawValue, type, UInt32(size ?? body.utf8.count)]
        let header = numbers.flatMap { number in withUnsafeBytes(of: number.bigEndian) { Array($0) } }
        return header + Array(body.utf8)
    }

    static func bytes(using random: inout SeededRandom) -> [UInt8] {
        if Int.random(in: 0..<20, using: &random) == 0 { return Array("\(random.element(of: self.lines))\n".utf8) }
        let type = random.element(of: GearmanPacketType.allCases)
        let definition = type.definition
        let arguments = (0..<definition.argumentCount).map { self.argument($0, of: type, using: &random) }
        let data = definition.hasData ? random.element(of: ["", "x", "yy"]) : ""
        do {
            return try request(type, arguments, data: data)
        } catch {
            Issue.record("\(type) does not fit: \(error)")
            return []
        }
    }

    private static func argument(_ index: Int, of type: GearmanPacketType, using random: inout SeededRandom) -> String {
        switch type {
        case .workComplete, .workFail, .workData, .workWarning, .workException, .workStatus, .getStatus:
            index == 0 ? "H:lab:\(Int.random(in: 1...12, using: &random))" : random.element(of: ["1", "0", "z"])
        case .submitJobEpoch where index == 2:
            random.element(of: ["0", "-1", "1700000001", "1700000003", "9223372036854775807", "92233720368547758080"])
        case .canDoTimeout where index == 1: random.element(of: ["0", "-1", "1", "1500", "92233720368547758080"])
        case .optionRequest: random.element(of: ["exceptions", "Exceptions", "other"])
        default: index == 0 ? random.element(of: ["f", "g", "h"]) : random.element(of: ["", "-", "u", "v"])
        }
    }
}

extension String {
    /// With as many letters behind it as it takes to be so long.
    func padded(to count: Int) -> String {
        self + String(repeating: "x", count: max(0, count - self.utf8.count))
    }
}
