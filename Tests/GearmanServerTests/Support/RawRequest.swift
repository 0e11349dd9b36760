import Gearman

/// Requests that no library would send.
enum RawRequest {
    /// Of any number, with a body that may say more or less than it should.
    static func frame(
        _ type: UInt32, _ body: String, magic: GearmanPacket.Magic = .request, size: Int? = nil
    ) -> [UInt8] {
        let numbers = [magic.rawValue, type, UInt32(size ?? body.utf8.count)]
        let header = numbers.flatMap { number in withUnsafeBytes(of: number.bigEndian) { Array($0) } }
        return header + Array(body.utf8)
    }
}

extension String {
    /// With as many letters behind it as it takes to be so long.
    func padded(to count: Int) -> String {
        self + String(repeating: "x", count: max(0, count - self.utf8.count))
    }
}
